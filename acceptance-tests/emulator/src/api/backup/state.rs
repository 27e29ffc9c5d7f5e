//! The state of backups on each node, their runs, and their faults.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::world::{Failures, World};

/// The state of backups that is in no file of the cluster.
#[derive(Debug, Default)]
pub struct State {
    /// The failures of backups of guests.
    pub failing: Failures,
    /// The runs so far, the oldest first.
    pub runs: Vec<Record>,
    pub(super) down: BTreeSet<String>,
    nodes: BTreeMap<String, BTreeMap<String, Known>>,
}

/// A run of `vzdump` on a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its task.
    pub upid: String,
    /// Where it ran.
    pub node: String,
    /// The job whose schedule started it.
    pub job: Option<String>,
    /// Its guests.
    pub guests: Vec<u32>,
}

/// The state of a job on a node (`/var/lib/pve-manager/jobs`).
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Known {
    pub(super) enabled: bool,
    pub(super) schedule: String,
    /// Its next run is the first one after this: its last run, or when it was created or rescheduled.
    pub(super) since: i64,
    /// The task of its last run.
    pub(super) upid: Option<String>,
}

impl State {
    /// The state of the jobs on a node, by id.
    pub(super) fn of_node(&mut self, node: &str) -> &mut BTreeMap<String, Known> {
        self.nodes.entry(node.to_owned()).or_default()
    }
}

/// The runs with what became of them, the oldest first.
#[must_use]
pub fn list_runs(world: &World) -> Value {
    let run = |run: &Record| {
        let task = world.tasks.find(&run.upid);
        let over = task.and_then(|task| task.status.clone());
        json!({
            "upid": run.upid, "node": run.node, "job": run.job, "guests": run.guests,
            "started": task.map(|task| task.starttime), "ended": task.filter(|_| over.is_some()).map(|task| task.end),
            "status": over,
        })
    };
    world.backup.runs.iter().map(run).collect()
}

/// A node loses power: its runs end without a result.
pub fn node_lost(world: &mut World, node: &str) {
    let now = world.now();
    let running = world.tasks.iter().filter(|task| task.node == node && task.kind == "vzdump" && task.status.is_none());
    let running: Vec<String> = running.map(|task| task.upid.clone()).collect();
    for upid in running {
        world.tasks.abort(&upid, now);
    }
}
