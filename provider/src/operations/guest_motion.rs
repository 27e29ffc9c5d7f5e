//! Moves of guests without HA, by Proxmox's own task.

use super::Run;
use super::preconditions::Passage;
use super::tasks::{NodeTasks, Running, Start, Task};
use crate::client::{Params, path};
use crate::explain::explain;
use crate::framework::{Cause, Failure};
use crate::simulation::live::Guest;

/// How often the list of guests is read after a migration that has succeeded.
const LOOKS_FOR_ARRIVAL: u32 = 30;

/// A move of a guest that nothing is in the way of.
#[derive(Debug, Clone)]
pub struct GuestMove {
    pub(super) guest: Guest,
    pub(super) to: String,
    pub(super) running: bool,
    pub(super) passage: Passage,
}

impl GuestMove {
    /// What it does, in a sentence.
    pub(super) fn step(&self) -> String {
        let Self { guest, to, .. } = self;
        let how = match (self.running, guest.kind()) {
            (false, _) => "Move the stopped guest",
            (true, "lxc") => "Stop, move and start the container",
            (true, _) => "Migrate the running VM",
        };
        let copy = if self.passage.copies_disks { ", with its local disks" } else { "" };
        format!("{how} {} from {} to {to}{copy}.", guest.sid, guest.node)
    }

    /// Starts it.
    ///
    /// # Errors
    /// Proxmox refuses, or the response is lost and there is no such task.
    pub(super) async fn start(&self, run: &Run<'_>, tasks: &NodeTasks) -> Result<Task, Failure> {
        let Self { guest, to, .. } = self;
        let (kind, vmid) = (guest.kind(), guest.vmid.to_string());
        let mut params = Params::new();
        params.set("target", to);
        if kind == "lxc" {
            if self.running {
                params.set("restart", 1);
            }
        } else {
            if self.running {
                params.set("online", 1);
            }
            if self.passage.copies_disks {
                params.set("with-local-disks", 1);
            }
        }
        let at = path(["nodes", &guest.node, kind, &vmid, "migrate"]);
        let kind = if kind == "lxc" { "vzmigrate" } else { "qmigrate" };
        tasks.start(run, Start { object: &guest.sid, path: &at, params: &params, kind, id: &vmid }).await
    }

    /// Starts it, and waits until the guest is on the target as it was before.
    ///
    /// # Errors
    /// The task failed, or the operation ends before it.
    pub(super) async fn act(&self, run: &Run<'_>) -> Result<(), Failure> {
        let tasks = NodeTasks::from_now(run, &self.guest.node).await?;
        let task = self.start(run, &tasks).await?;
        run.say(format!("{}: {} runs.", self.guest.sid, task.upid()));
        let Self { guest, to, running, .. } = self;
        Arrival { guest, to, running: Some(*running) }.after(run, &tasks, &task).await
    }
}

/// A move that an earlier run, or a person, has begun.
#[derive(Debug, Clone)]
pub struct Moving {
    guest: Guest,
    to: String,
    task: Task,
}

impl Moving {
    /// The migration of `guest` among the tasks that run on its node.
    pub(super) fn find(guest: &Guest, to: &str, running: &[Running]) -> Option<Self> {
        let found = Running::on(running, guest.vmid, &["qmigrate", "vzmigrate"])?;
        Some(Self { guest: guest.clone(), to: to.to_owned(), task: found.task.clone() })
    }

    /// What is done about it, in a sentence.
    pub(super) fn step(&self) -> String {
        format!("Wait for the migration of {} that is under way: {}.", self.guest.sid, self.task.upid())
    }

    /// Waits until the guest is on the target.
    ///
    /// # Errors
    /// The task failed or had another target, or the operation ends before it.
    pub(super) async fn act(&self, run: &Run<'_>) -> Result<(), Failure> {
        let tasks = NodeTasks::from_now(run, &self.guest.node).await?;
        // A container is stopped while it moves: whether it ran before is not known.
        Arrival { guest: &self.guest, to: &self.to, running: None }.after(run, &tasks, &self.task).await
    }
}

/// Where a guest is to be when its task has ended.
struct Arrival<'a> {
    /// As it was before.
    guest: &'a Guest,
    to: &'a str,
    /// Whether it ran before; none where that is not known.
    running: Option<bool>,
}

impl Arrival<'_> {
    async fn after(&self, run: &Run<'_>, tasks: &NodeTasks, task: &Task) -> Result<(), Failure> {
        tasks.finish(run, &self.guest.sid, task).await?;
        self.check(run).await?;
        run.say(format!("{}: it is on {}.", self.guest.sid, self.to));
        Ok(())
    }

    /// Whether the guest is where its task has moved it, and runs if it ran. Proxmox updates the list every 10 s.
    async fn check(&self, run: &Run<'_>) -> Result<(), Failure> {
        let (sid, call) = (self.guest.sid.as_str(), run.call());
        let mut looks = call.looks(format!("{sid} to be listed on {}", self.to));
        let mut left = LOOKS_FOR_ARRIVAL;
        loop {
            let guests = run.guests().await.map_err(|error| explain(sid, &error))?;
            let found = guests.get(sid);
            let is_as_before = |found: &Guest| self.running.is_none_or(|running| found.running == running);
            if found.is_some_and(|found| found.node == self.to && is_as_before(found)) {
                return Ok(());
            }
            left -= 1;
            let is_elsewhere = found.is_some_and(|found| found.node != self.to && found.node != self.guest.node);
            if is_elsewhere || left == 0 || !looks.pause(run.pace()).await {
                let place = found.map_or("not listed".to_owned(), |found| {
                    format!("{} on {}", if found.running { "running" } else { "stopped" }, found.node)
                });
                let text = format!("{sid}: its migration has ended, and the guest is {place}. Check the guest.");
                return Err(Failure::new(Cause::Stale, text).summarised("The guest is not as it was"));
            }
        }
    }
}
