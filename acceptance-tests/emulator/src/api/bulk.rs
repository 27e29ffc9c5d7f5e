//! Work on many guests by one task, which starts a task for each: `/cluster/bulk-action/guest/…`, `/nodes/{node}/migrateall`, and
//! the start of the guests of a node that has booted.

use std::collections::VecDeque;

use super::nodes::migration::{self, Wish};
use super::nodes::power::{self, Power};
use crate::world::tasks::{Effect, Ending, NewTask};
use crate::world::{Guest, GuestKind, World};

/// The place in the order of those that have none.
const LAST: u32 = u32::MAX;

/// What is done with each guest.
#[derive(Clone, Debug)]
pub(crate) enum What {
    Start,
    Shutdown { seconds: i64 },
    Suspend { to_disk: bool },
    Migrate { target: String, online: bool, with_local_disks: bool },
}

/// What is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) what: What,
    pub(crate) guests: Vec<u32>,
    /// How many guests are worked on at a time.
    pub(crate) workers: usize,
    pub(crate) user: String,
}

/// A task that is going on.
#[derive(Clone, Debug)]
pub struct Bulk {
    asked: Asked,
    /// Place in the order, and guest.
    queue: VecDeque<(u32, u32)>,
    running: Vec<Running>,
    failed: Vec<u32>,
    warnings: usize,
    /// The next guest is not begun before this.
    not_before: i64,
}

#[derive(Clone, Debug)]
struct Running {
    place: u32,
    vmid: u32,
    upid: String,
    /// For how long the next ones wait once it is done.
    delay: i64,
}

/// Starts the task, whose first line is `header`.
pub(crate) fn start(
    world: &mut World,
    node: &str,
    kind: &str,
    header: Option<String>,
    asked: Asked,
    wait: i64,
) -> String {
    let user = asked.user.clone();
    let bulk = Bulk::new(world, asked, world.now() + wait);
    let (log, effect) = (header.into_iter().collect(), Effect::Bulk(Box::new(bulk)));
    world.start_task(NewTask { node, kind, id: "", user: &user, seconds: 0, log, effect })
}

/// The guests of a node that start together with it.
pub(crate) fn start_all(world: &mut World, node: &str, wait: i64) {
    let own = world.guests.values().filter(|guest| guest.node == *node && guest.starts_at_boot());
    let guests: Vec<&Guest> = own.filter(|guest| !super::ha::is_managed(world, &guest.sid())).collect();
    let guests: Vec<u32> = guests.into_iter().map(|guest| guest.vmid).collect();
    if !guests.is_empty() {
        let asked = Asked { what: What::Start, guests, workers: 1, user: "root@pam".to_owned() };
        start(world, node, "startall", None, asked, wait);
    }
}

impl Bulk {
    fn new(world: &World, asked: Asked, not_before: i64) -> Self {
        // One that does not exist is passed over without a word.
        let known = asked.guests.iter().filter_map(|vmid| world.guests.get(vmid));
        let mut queue: Vec<(u32, u32)> = known.map(|guest| (asked.what.place(guest), guest.vmid)).collect();
        queue.sort_unstable();
        if matches!(asked.what, What::Shutdown { .. }) {
            // Those with the same place are stopped in the order of their numbers all the same.
            queue.sort_by_key(|(place, _)| std::cmp::Reverse(*place));
        }
        queue.dedup();
        Self { queue: queue.into(), running: Vec::new(), failed: Vec::new(), warnings: 0, not_before, asked }
    }

    /// Continues: lines of the log, and the end if all is done.
    pub(crate) fn step(&mut self, world: &mut World, now: i64) -> (Vec<String>, Option<Ending>) {
        let mut lines = Vec::new();
        self.reap(world, now);
        while self.running.len() < self.asked.workers && self.not_before <= now {
            let Some(&(place, vmid)) = self.queue.front() else { break };
            if self.running.iter().any(|other| other.place != place) || !world.is_quorate() {
                break;
            }
            self.queue.pop_front();
            match self.begin(world, vmid, &mut lines) {
                Ok(Some(upid)) => {
                    let delay = world.guests.get(&vmid).map_or(0, |guest| self.asked.what.delay(guest));
                    self.running.push(Running { place, vmid, upid, delay });
                }
                Ok(None) => {}
                Err(why) => {
                    lines.push(why.trim_end().to_owned());
                    self.failed.push(vmid);
                }
            }
        }
        if !self.queue.is_empty() || !self.running.is_empty() {
            return (lines, None);
        }
        self.failed.sort_unstable();
        let failed: Vec<String> = self.failed.iter().map(u32::to_string).collect();
        let word = self.asked.what.word();
        let error = (!failed.is_empty()).then(|| format!("Some guests failed to {word} {}", failed.join(", ")));
        (lines, Some(Ending { warnings: self.warnings, error, ..Ending::default() }))
    }

    /// Takes note of the tasks that are over.
    fn reap(&mut self, world: &World, now: i64) {
        for done in std::mem::take(&mut self.running) {
            let status = world.tasks.find(&done.upid).map(|task| task.status.clone());
            match status {
                Some(None) => self.running.push(done),
                Some(Some(status)) if status == "OK" || status.starts_with("WARNINGS") => {
                    self.not_before = self.not_before.max(now + done.delay);
                }
                _ => self.failed.push(done.vmid),
            }
        }
    }

    /// Begins with a guest: its task, or nothing if there is nothing to do.
    fn begin(&mut self, world: &mut World, vmid: u32, lines: &mut Vec<String>) -> Result<Option<String>, String> {
        let Some(guest) = world.guests.get(&vmid).cloned() else { return Ok(None) };
        let (label, user) = (guest.kind.label(), self.asked.user.clone());
        if let Some(why) = self.asked.what.is_done(&guest) {
            lines.push(format!("WARN: Skipping {label} {vmid}, {why}."));
            self.warnings += 1;
            return Ok(None);
        }
        if !world.is_up(&guest.node) {
            return Err(format!("595 Connection refused: node '{}'", guest.node));
        }
        let power = match &self.asked.what {
            What::Start if guest.is_paused() => {
                lines.push(format!("Resuming {label} {vmid}"));
                Power::Resume
            }
            What::Start => {
                lines.push(format!("Starting {label} {vmid}"));
                Power::Start
            }
            What::Shutdown { seconds } => {
                lines.push(format!("Shutting down {label} {vmid} (Timeout = {seconds} seconds)"));
                Power::Shutdown { seconds: *seconds }
            }
            What::Suspend { to_disk } => {
                lines.push(format!("Suspending {label} {vmid}"));
                Power::Suspend { to_disk: *to_disk }
            }
            What::Migrate { target, online, with_local_disks } => {
                lines.push(format!("Migrating {label} {vmid}"));
                let wish = Wish {
                    vmid,
                    target: target.clone(),
                    online: *online && guest.kind == GuestKind::Qemu,
                    restart: *online && guest.kind == GuestKind::Lxc,
                    force: false,
                    with_local_disks: *with_local_disks,
                    storage: None,
                };
                return migration::start(world, &wish, &user).map(Some).map_err(|error| error.stringified());
            }
        };
        power::act(world, vmid, power, &user).map(Some)
    }
}

impl What {
    fn word(&self) -> &'static str {
        match self {
            What::Start => "start",
            What::Shutdown { .. } => "shutdown",
            What::Suspend { .. } => "suspend",
            What::Migrate { .. } => "migrate",
        }
    }

    /// Why nothing is to be done with a guest.
    fn is_done(&self, guest: &Guest) -> Option<String> {
        let runs = guest.is_running();
        match self {
            What::Start if runs && !guest.is_paused() => Some("already running".to_owned()),
            What::Shutdown { .. } | What::Suspend { .. } if !runs => Some("not running".to_owned()),
            What::Suspend { .. } if guest.kind == GuestKind::Lxc => Some("not a VM".to_owned()),
            What::Migrate { target, .. } if guest.node == *target => Some(format!("already on node '{target}'")),
            _ => None,
        }
    }

    /// The guest's place in the order; only a start and a shutdown have one.
    fn place(&self, guest: &Guest) -> u32 {
        let order = || startup(guest, "order").and_then(|order| u32::try_from(order).ok());
        match self {
            What::Start | What::Shutdown { .. } => order().unwrap_or(LAST),
            What::Suspend { .. } | What::Migrate { .. } => LAST,
        }
    }

    fn delay(&self, guest: &Guest) -> i64 {
        if matches!(self, What::Start) { startup(guest, "up").unwrap_or(0) } else { 0 }
    }
}

/// A number of the `startup` option, whose first key is `order`.
fn startup(guest: &Guest, key: &str) -> Option<i64> {
    let text = guest.option("startup")?;
    let found = text.split(',').find_map(|part| match part.split_once('=') {
        Some((name, value)) => (name == key).then_some(value),
        None => (key == "order").then_some(part),
    });
    found?.parse().ok()
}
