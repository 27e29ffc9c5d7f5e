//! Moves of guests without HA, by Proxmox's own task.

use super::Run;
use super::preconditions::Passage;
use super::tasks::{NodeTasks, Start, Task};
use crate::client::{Collection, Params, path};
use crate::explain::explain;
use crate::framework::{Cause, Failure};
use crate::simulation::live::Guest;

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
        tasks.finish(run, &self.guest.sid, &task).await?;
        self.check(run).await?;
        run.say(format!("{}: it is on {}.", self.guest.sid, self.to));
        Ok(())
    }

    /// Whether the guest is where its task has moved it, and runs if it ran. Proxmox updates the list every 10 s.
    async fn check(&self, run: &Run<'_>) -> Result<(), Failure> {
        let (sid, call) = (self.guest.sid.as_str(), run.call());
        let mut looks = call.looks(format!("{sid} to be listed on {}", self.to));
        loop {
            let rows: Vec<serde_json::Value> = run
                .client()
                .get_with(Collection::Guests.path(), &Collection::Guests.query(), &call)
                .await
                .map_err(|error| explain(sid, &error))?;
            let guests = Guest::all(&rows);
            let found = guests.get(sid);
            if found.is_some_and(|found| found.node == self.to && found.running == self.running) {
                return Ok(());
            }
            if !looks.pause(run.pace()).await {
                let place = found.map_or("not listed".to_owned(), |found| {
                    format!("{} on {}", if found.running { "running" } else { "stopped" }, found.node)
                });
                let text = format!("{sid}: its migration has ended, and the guest is {place}. Check the guest.");
                return Err(Failure::new(Cause::Stale, text).summarised("The guest is not as it was"));
            }
        }
    }
}
