//! The state of the jobs on each node (`PVE::ReplicationState`), and the order in which they run next.

use std::collections::BTreeMap;

use super::calendar::CalendarEvent;
use super::turning::follow_guests;
use super::{config, parse_job_id};
use crate::section_config::Section;
use crate::world::World;

/// Runtime state, node by node.
#[derive(Debug, Default)]
pub struct State {
    pub(super) nodes: BTreeMap<String, NodeState>,
}

/// The state on one node; it is lost with the node's disk, and does not move with the guest.
#[derive(Debug, Default)]
pub(super) struct NodeState {
    /// By job id.
    pub(super) jobs: BTreeMap<String, JobState>,
    /// The run that is going on.
    pub(super) running: Option<Run>,
    /// When the pass through the jobs began that isn't through yet.
    pub(super) pass: Option<i64>,
}

/// How a job went.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct JobState {
    pub(super) last_iteration: i64,
    pub(super) last_try: i64,
    pub(super) last_sync: i64,
    pub(super) fail_count: i64,
    pub(super) duration: Option<f64>,
    pub(super) error: Option<String>,
    pub(super) log: Vec<String>,
}

/// A run of a job.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) job: String,
    pub(super) pid: u32,
    pub(super) start: i64,
    pub(super) end: i64,
}

/// A job whose guest is on a node, as that node sees it.
#[derive(Clone, Debug)]
pub(super) struct LocalJob {
    pub(super) config: Section,
    pub(super) guest: u32,
    pub(super) vmtype: &'static str,
    pub(super) state: JobState,
    /// 0 = not scheduled.
    pub(super) next_sync: i64,
}

/// `job_status`: the jobs whose guests are on `node`, sorted by id, after they have been made to follow them.
pub(super) fn local_jobs(world: &mut World, node: &str, with_disabled: bool) -> Vec<LocalJob> {
    follow_guests(world, node);
    let mut found = Vec::new();
    for job in config::read(world).list {
        let Some((vmid, _)) = parse_job_id(&job.id) else { continue };
        let Some(guest) = world.guests.get(&vmid).filter(|guest| guest.node == node) else { continue };
        let removing = job.text("remove_job").is_some();
        let target = job.text("target").unwrap_or_default();
        if !removing && (target == node || (!with_disabled && job.flag("disable"))) {
            continue;
        }
        let vmtype = guest.kind.as_str();
        let known = world.replication.nodes.get(node).and_then(|state| state.jobs.get(&job.id));
        let state = known.cloned().unwrap_or_default();
        let next_sync = next_sync(world, &job, &state, &target);
        found.push(LocalJob { config: job, guest: vmid, vmtype, state, next_sync });
    }
    found.sort_by(|one, other| one.config.id.cmp(&other.config.id));
    found
}

fn next_sync(world: &World, job: &Section, state: &JobState, target: &str) -> i64 {
    if job.text("remove_job").is_some() {
        // The lowest value there is: at once.
        return 1;
    }
    if state.fail_count > 0 {
        if !world.is_member(target) {
            return 0;
        }
        let minutes = if state.fail_count <= 3 { 5 * state.fail_count } else { 30 };
        return state.last_try + 60 * minutes;
    }
    let schedule = job.text("schedule").filter(|text| !text.is_empty()).unwrap_or_else(|| "*/15".to_owned());
    CalendarEvent::parse(&schedule).ok().and_then(|event| event.next_after(state.last_try)).unwrap_or(0)
}
