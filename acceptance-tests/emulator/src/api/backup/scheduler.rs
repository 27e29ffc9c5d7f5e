//! The backup half of pvescheduler (`PVE::Jobs`): once a minute every node runs the due jobs for its own guests.

use super::config;
use super::run::{self, Run};
use super::state::Known;
use crate::api::replication::CalendarEvent;
use crate::section_config::Section;
use crate::world::World;

/// The second of a minute in which pvescheduler wakes.
const WAKES_AT: i64 = 1;

/// One second of the schedulers of all nodes.
pub fn tick(world: &mut World, second: i64) {
    if second.rem_euclid(60) != WAKES_AT {
        return;
    }
    let quorate = world.is_quorate();
    let nodes: Vec<String> = world.nodes.keys().cloned().collect();
    for node in nodes {
        if !world.is_up(&node) {
            world.backup.down.insert(node);
        } else if quorate && !world.file(config::JOBS).is_empty() {
            // Without quorum the job states can't be brought in line with the configuration, and nothing is run.
            let booted = world.backup.down.remove(&node);
            pass(world, &node, second, booted);
        }
    }
}

fn pass(world: &mut World, node: &str, now: i64, booted: bool) {
    let mut jobs = config::read(world).list;
    jobs.sort_by(|one, other| one.id.cmp(&other.id));
    world.backup.of_node(node).retain(|id, _| jobs.iter().any(|job| job.id == *id));
    for job in jobs {
        if is_due(world, node, &job, now, booted) {
            let upid = start(world, node, &job);
            if let Some(known) = world.backup.of_node(node).get_mut(&job.id) {
                (known.since, known.upid) = (now, upid);
            }
        }
    }
}

/// Whether a node has to run a job. The state of the job on the node is brought in line with the configuration first: the time
/// until a job's next run begins when it is created, enabled or rescheduled, and at a boot unless missed runs are repeated.
fn is_due(world: &mut World, node: &str, job: &Section, now: i64, booted: bool) -> bool {
    let schedule = job.text("schedule").unwrap_or_default();
    let fresh = Known { enabled: config::is_enabled(job), schedule, since: now, upid: None };
    let known = world.backup.of_node(node).entry(job.id.clone()).or_insert_with(|| fresh.clone());
    let changed = known.enabled != fresh.enabled || known.schedule != fresh.schedule;
    if changed || (booted && !job.flag("repeat-missed")) {
        *known = Known { upid: known.upid.take(), ..fresh };
    }
    if !known.enabled || job.text("node").is_some_and(|only| only != node) {
        return false;
    }
    let next = CalendarEvent::parse(&known.schedule).ok().and_then(|event| event.next_after(known.since));
    let last = known.upid.clone();
    // A job that still runs is not started again.
    let running = last.and_then(|upid| world.tasks.find(&upid)).is_some_and(|task| task.status.is_none());
    next.is_some_and(|next| next <= now) && !running
}

/// Runs a job at once on every node that is up; whether there is one.
pub fn run_now(world: &mut World, id: &str) -> bool {
    let jobs = config::read(world);
    let Some(job) = jobs.find(id) else { return false };
    let nodes: Vec<String> = world.nodes.keys().filter(|node| world.is_up(node)).cloned().collect();
    for node in nodes {
        if job.text("node").is_none_or(|only| only == node) {
            start(world, &node, job);
        }
    }
    true
}

fn start(world: &mut World, node: &str, job: &Section) -> Option<String> {
    let mut options = job.values.clone();
    options.retain(|name, _| super::parameters::is_of_run(name));
    options.insert("quiet".to_owned(), 1.into());
    run::start(world, &Run { node, user: "root@pam", job: Some(&job.id), options: &options, refused: &[] })
}
