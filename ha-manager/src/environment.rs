//! The interface between the managers and their cluster.

use std::collections::HashMap;
use std::sync::Arc;

use super::command::Command;
use super::config::{Config, Name, Requested};
use super::nodes::{Member, NodeState, Nodes};
use super::service::Uid;
use super::status::{LrmStatus, SharedLrmStatus, Status};
use super::usage::{Bystander, Capacity, Size};

/// The world as one node's managers see and change it. Implementations decide what a lock, a guest and a second are.
///
/// Locks run out 120 s after they were last obtained. A manager that holds its node's protection feeds a watchdog each
/// time it obtains or renews the lock; releasing the lock closes it.
pub trait Environment {
    /// Seconds, on any clock that does not go back.
    fn now(&self) -> i64;
    /// The node this is about.
    fn node(&self) -> Name;
    /// Whether this node is in a quorate partition.
    fn quorate(&self) -> bool;
    /// The configured nodes, in any order.
    fn members(&self) -> Vec<Member>;
    /// The configuration; the same allocation as long as it has not changed.
    fn config(&self) -> Arc<Config>;
    /// An order number never used before.
    fn fresh_uid(&mut self) -> Uid;
    /// A line for the node's log.
    fn log(&mut self, level: Level, text: &str);
    /// Notifies the administrators of a fence.
    fn notify_fence(&mut self, _notice: &FenceNotice<'_>) {}

    /// The manager's status as last written.
    fn manager_status(&self) -> Arc<Status>;
    fn write_manager_status(&mut self, status: Status);
    /// A node's status as last written.
    fn lrm_status(&self, node: &str) -> Option<SharedLrmStatus>;
    fn write_lrm_status(&mut self, status: LrmStatus);

    /// Obtains or renews `ha_manager_lock`.
    fn manager_lock(&mut self) -> bool;
    fn release_manager_lock(&mut self);
    /// Stops protecting this node as active manager, without giving the lock back.
    fn release_manager_watchdog(&mut self);
    /// Obtains or renews a node's `ha_agent_…_lock`; that of another node says that it is fenced.
    fn agent_lock(&mut self, node: &Name) -> bool;
    /// Gives this node's back.
    fn release_agent_lock(&mut self);

    /// Takes the queued commands.
    fn take_commands(&mut self) -> Vec<Command>;
    /// Whether commands are queued.
    fn has_commands(&self) -> bool;
    /// Writes a resource's requested state.
    fn request_state(&mut self, sid: &str, state: Requested);
    /// What the static scheduler weighs.
    fn capacity(&self) -> Option<Arc<Capacity>>;
    /// What is measured of every node: CPUs and bytes in use.
    fn measured(&self) -> HashMap<Name, Size> {
        HashMap::new()
    }
    /// What is measured of every service: CPUs and bytes in use.
    fn measured_services(&self) -> HashMap<Name, Size> {
        HashMap::new()
    }
    /// Running guests without HA.
    fn bystanders(&self) -> Vec<Bystander>;
    /// Migrates groups to rules if that is due and possible (PVE 9 only).
    fn migrate_groups(&mut self, _nodes: &Nodes) {}

    /// The node that has a guest's configuration.
    fn guest_node(&self, sid: &str) -> Option<Name>;
    /// Takes a guest away from a fenced node, with its leftover locks.
    fn steal_guest(&mut self, sid: &str, from: &str, to: &str);
    /// Whether a guest runs on this node.
    fn guest_runs(&self, sid: &str) -> bool;
    /// Begins or continues an action on a guest of this node.
    fn act(&mut self, sid: &str, action: Action<'_>) -> Progress;
    /// Whether the node is going down: `Some(true)` to come back.
    fn shutting_down(&self) -> Option<bool>;
}

/// A fence that begins or is done. Of nothing else the managers notify.
#[derive(Clone, Copy, Debug)]
pub struct FenceNotice<'a> {
    /// The node that is fenced.
    pub node: &'a Name,
    /// The state that it is in from now on.
    pub state: NodeState,
    /// `FENCE` or `SUCCEED`.
    pub prefix: &'static str,
    /// The sentence behind it.
    pub status: &'a str,
}

/// What a local resource manager does to a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action<'a> {
    Start,
    Stop {
        /// Within so many seconds.
        timeout: Option<u32>,
    },
    /// Move it to another node.
    Move {
        target: &'a str,
        /// Whether the guest runs meanwhile: a live migration.
        online: bool,
    },
}

/// How far an action is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Not finished; ask again next round.
    Running,
    Done,
    Failed,
}

/// How loud a line in the log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Info,
    Notice,
    /// Something is not as it should be.
    Warning,
    Err,
}
