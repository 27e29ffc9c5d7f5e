//! pvescheduler's other half (`PVE::Jobs`): once a minute every node looks which jobs are due and backs up its own guests.

use std::collections::{BTreeMap, BTreeSet};

use super::{config, coverage};
use crate::api::replication::CalendarEvent;
use crate::section_config::Section;
use crate::world::World;
use crate::world::tasks::{Effect, NewTask};

/// The second of a minute in which pvescheduler wakes.
const WAKES_AT: i64 = 1;
/// How long the backup of one guest takes.
const GUEST_SECONDS: i64 = 3;

/// What the nodes know of the jobs they ran, and what is wrong with backups.
#[derive(Debug, Default)]
pub struct State {
    /// Guests whose backups fail.
    pub failing: BTreeSet<u32>,
    nodes: BTreeMap<String, BTreeMap<String, Known>>,
    down: BTreeSet<String>,
}

/// What a node knows of a job.
#[derive(Debug, PartialEq)]
struct Known {
    enabled: bool,
    schedule: String,
    /// Its next run is the first one after this: its last run, or when it was made or rescheduled.
    since: i64,
}

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
    let known = world.backup.nodes.entry(node.to_owned()).or_default();
    known.retain(|id, _| jobs.iter().any(|job| job.id == *id));
    for job in jobs {
        let schedule = job.text("schedule").unwrap_or_default();
        let fresh = Known { enabled: config::is_enabled(&job), schedule, since: now };
        let known = world.backup.nodes.entry(node.to_owned()).or_default();
        let state = known.entry(job.id.clone()).or_insert(Known { schedule: fresh.schedule.clone(), ..fresh });
        let changed = state.enabled != fresh.enabled || state.schedule != fresh.schedule;
        if changed || (booted && !job.flag("repeat-missed")) {
            *state = fresh;
        }
        if !state.enabled || job.text("node").is_some_and(|only| only != node) {
            continue;
        }
        let next = CalendarEvent::parse(&state.schedule).ok().and_then(|event| event.next_after(state.since));
        if next.is_some_and(|next| next <= now) {
            state.since = now;
            start(world, node, &job);
        }
    }
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

/// `vzdump` on one node: it says nothing at all where it finds no guest of its own, unless it is to back up all.
fn start(world: &mut World, node: &str, job: &Section) {
    let mut by_node = coverage::included(world, job);
    let mut guests = by_node.remove(node).unwrap_or_default();
    // Guests that are gone fail visibly, on every node.
    let gone = by_node.remove("").unwrap_or_default();
    if guests.is_empty() && gone.is_empty() && !job.flag("all") {
        return;
    }
    guests.extend(&gone);
    let mut log = vec![format!("INFO: starting new backup job: vzdump {}", command_line(job))];
    let mut errors = false;
    for vmid in &guests {
        let failed = gone.contains(vmid) || world.backup.failing.contains(vmid);
        errors |= failed;
        log.extend(guest_log(world, *vmid, failed, gone.contains(vmid)));
    }
    let end = if errors { "finished with errors" } else { "finished successfully" };
    log.push(format!("INFO: Backup job {end}"));
    let id = if let [only] = guests[..] { only.to_string() } else { String::new() };
    let seconds = 1 + GUEST_SECONDS * i64::try_from(guests.len()).unwrap_or(0);
    let effect = if errors { Effect::Fail("job errors".to_owned()) } else { Effect::None };
    world.start_task(NewTask { node, kind: "vzdump", id: &id, user: "root@pam", seconds, log, effect });
}

fn guest_log(world: &World, vmid: u32, failed: bool, gone: bool) -> Vec<String> {
    let kind = world.guests.get(&vmid).map(|guest| guest.kind);
    let (label, kind) = kind.map_or(("VM", "unknown"), |kind| (kind.label(), kind.as_str()));
    if gone {
        return vec![format!("ERROR: Backup of VM {vmid} failed - unable to find VM '{vmid}'")];
    }
    let last = match failed {
        true => format!("ERROR: Backup of {label} {vmid} failed - backup storage is not available"),
        false => format!("INFO: Finished Backup of {label} {vmid} (00:00:03)"),
    };
    vec![format!("INFO: Starting Backup of {label} {vmid} ({kind})"), last]
}

/// The options of the run as its log repeats them.
fn command_line(job: &Section) -> String {
    let guests = job.text("vmid").map(|ids| crate::schema::params::split_list(&ids).join(" "));
    let own = ["vmid", "enabled", "schedule", "comment", "repeat-missed"];
    let others = job.values.keys().filter(|name| !own.contains(&name.as_str()));
    let options = others.map(|name| format!("--{name} {}", job.text(name).unwrap_or_default()));
    let words = guests.into_iter().chain(options).chain(["--quiet 1".to_owned()]);
    words.collect::<Vec<_>>().join(" ")
}
