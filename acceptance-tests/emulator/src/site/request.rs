//! What a join is requested with, and what its steps are reported to.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Site;
use crate::world::corosync::Links;

/// What a join is requested with.
#[derive(Clone, Debug)]
pub struct Request {
    /// Name or address of the member.
    pub hostname: String,
    pub proof: Proof,
    pub nodeid: Option<u32>,
    pub votes: Option<u32>,
    pub force: bool,
    pub links: Links,
}

/// What opens the member to the joining node.
#[derive(Clone)]
pub enum Proof {
    /// Its certificate and the password of root@pam.
    Password { fingerprint: String, password: String },
    /// root's key.
    Key,
}

impl std::fmt::Debug for Proof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if matches!(self, Self::Key) { "Key" } else { "Password" })
    }
}

/// What its steps are reported to.
#[derive(Clone, Debug)]
pub enum Report {
    /// The log of a task.
    Task(String),
    /// A command, which prints it.
    Command(Arc<Mutex<Printed>>),
    /// Nothing: what a command or task has left undone is done by the services of the node.
    Services,
}

impl Report {
    /// Whether it is a command that has not ended.
    pub(super) fn is_running_command(&self) -> bool {
        matches!(self, Self::Command(printed) if lock(printed).ended.is_none())
    }
}

/// What a command has printed, and how it has ended.
#[derive(Debug, Default)]
pub struct Printed {
    pub lines: Vec<String>,
    pub ended: Option<Ended>,
}

/// How a command has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    Well,
    Failed(String),
    /// By a signal.
    Killed,
}

impl Site {
    pub(super) fn address(&self, node: &str) -> String {
        let world = self.home(node).and_then(|at| self.worlds()[at].nodes.get(node));
        world.map(|node| node.address.clone()).unwrap_or_default()
    }

    /// Whether the process that reports still runs.
    pub(super) fn works_on(&self, node: &str, report: &Report) -> bool {
        let Some(world) = self.home(node).map(|at| &self.worlds()[at]) else { return false };
        let runs = match report {
            Report::Task(upid) => world.task_runs(upid),
            Report::Command(_) | Report::Services => true,
        };
        world.is_up(node) && runs
    }

    pub(super) fn log<T: Into<String>>(&mut self, node: &str, report: &Report, lines: impl IntoIterator<Item = T>) {
        match report {
            Report::Task(upid) => {
                if let Some(world) = self.home_mut(node) {
                    world.log_task(upid, lines);
                }
            }
            Report::Command(printed) => lock(printed).lines.extend(lines.into_iter().map(Into::into)),
            Report::Services => {}
        }
    }

    /// The process ends without a word.
    pub(super) fn kill(&mut self, node: &str, report: &Report) {
        match report {
            Report::Task(upid) => {
                if let Some(world) = self.home_mut(node) {
                    let now = world.now();
                    world.tasks.abort(upid, now);
                }
            }
            Report::Command(printed) => lock(printed).ended = Some(Ended::Killed),
            Report::Services => {}
        }
    }

    pub(super) fn end(&mut self, node: &str, report: &Report, result: Result<(), String>) {
        match report {
            Report::Task(upid) => {
                if let Some(world) = self.home_mut(node) {
                    world.end_task(upid, result);
                }
            }
            Report::Command(printed) => lock(printed).ended = Some(result.map_or_else(Ended::Failed, |()| Ended::Well)),
            Report::Services => {}
        }
    }
}

pub(crate) fn lock(printed: &Mutex<Printed>) -> MutexGuard<'_, Printed> {
    printed.lock().unwrap_or_else(PoisonError::into_inner)
}
