//! The worker tasks of the local managers, which start, stop and move guests.

use pve_ha_manager::environment::{Action, Progress};

use super::Shared;
use crate::api::nodes::migration;
use crate::world::tasks::{Effect, Move, NewTask};
use crate::world::{Guest, GuestKind, World};

/// Seconds the tasks take.
const START: i64 = 2;
const STOP: i64 = 2;
const MOVE: i64 = 3;

/// A task that works on a service.
#[derive(Debug)]
pub(super) struct Job {
    node: String,
    upid: String,
    goal: Goal,
}

/// What is to be when it is done.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Goal {
    Running,
    Stopped,
    On(String),
}

impl Goal {
    fn of(action: Action<'_>) -> Self {
        match action {
            Action::Start => Self::Running,
            Action::Stop { .. } => Self::Stopped,
            Action::Move { target, .. } => Self::On(target.to_owned()),
        }
    }

    fn holds(&self, guest: &Guest) -> bool {
        match self {
            Self::Running => guest.is_running(),
            Self::Stopped => !guest.is_running(),
            Self::On(node) => guest.node == *node,
        }
    }
}

impl Shared {
    /// Begins an action on a guest, or returns its progress.
    pub(super) fn act(&mut self, world: &mut World, node: &str, sid: &str, action: Action<'_>) -> Progress {
        let goal = Goal::of(action);
        if let Some(job) = self.jobs.remove(sid).filter(|job| job.node == node && job.goal == goal) {
            let task = world.tasks.find(&job.upid);
            match task.map(|task| task.status.as_deref()) {
                Some(None) => {
                    self.jobs.insert(sid.to_owned(), job);
                    return Progress::Running;
                }
                Some(Some("OK")) if world.guest_of_sid(sid).is_some_and(|guest| goal.holds(guest)) => {
                    return Progress::Done;
                }
                // Done long ago, and undone since.
                Some(Some("OK")) | None => {}
                Some(Some(_)) => return Progress::Failed,
            }
        }
        match self.begin(world, node, sid, action) {
            Some(upid) => {
                self.jobs.insert(sid.to_owned(), Job { node: node.to_owned(), upid, goal });
                Progress::Running
            }
            None => Progress::Failed,
        }
    }

    /// The tasks of a node that lost power end with it.
    pub(super) fn abort_jobs(&mut self, world: &mut World, node: &str) {
        let now = world.now();
        self.jobs.retain(|_, job| {
            if job.node == node {
                world.tasks.abort(&job.upid, now);
            }
            job.node != node
        });
    }

    fn begin(&mut self, world: &mut World, node: &str, sid: &str, action: Action<'_>) -> Option<String> {
        let guest = world.guest_of_sid(sid)?;
        let (vmid, runs) = (guest.vmid, guest.is_running());
        let prefix = if guest.kind == GuestKind::Qemu { "qm" } else { "vz" };
        let (kind, seconds, effect) = match action {
            Action::Start => (format!("{prefix}start"), START, Effect::Start(vmid)),
            Action::Stop { timeout: Some(0) } => (format!("{prefix}stop"), STOP, Effect::Stop(vmid)),
            Action::Stop { .. } => (format!("{prefix}shutdown"), STOP, Effect::Stop(vmid)),
            Action::Move { target, .. } if !world.is_up(target) => return None,
            Action::Move { target, online } => {
                let kind = if prefix == "qm" { "qmigrate" } else { "vzmigrate" };
                if runs && !online {
                    world.stop_guest(vmid);
                }
                let guest = world.guests.get(&vmid)?;
                let effect = match migration::check_for_manager(world, guest, target) {
                    Ok(()) => Effect::Migrate(Move { vmid, target: target.to_owned(), restart: false }),
                    Err(why) => Effect::FailMove(why),
                };
                (kind.to_owned(), MOVE, effect)
            }
        };
        let (id, user, log) = (vmid.to_string(), "root@pam", Vec::new());
        Some(world.start_task(NewTask { node, kind: &kind, id: &id, user, seconds, log, effect }))
    }
}
