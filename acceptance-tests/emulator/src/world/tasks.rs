//! Worker tasks and their UPIDs.

use std::collections::{BTreeSet, VecDeque};

use super::World;
use crate::api::bulk::Bulk;
use crate::api::nodes::migration::{Aborted, Report};
use crate::api::replication::turning;
use crate::api::{backup, ha};

/// How many finished tasks are kept.
const KEPT: usize = 2000;

/// What a task does when it is done.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Nothing: its work was done at once.
    None,
    Start(u32),
    /// The guest is stopped.
    Stop(u32),
    /// The CPUs of the VM are paused.
    Pause(u32),
    /// They are resumed.
    Resume(u32),
    /// The guest is on that node.
    Migrate(Move),
    /// It was a migration that can't be made.
    FailMove(Aborted),
    /// The guest is gone, and with it, if so asked, what else is configured for it.
    Destroy {
        vmid: u32,
        /// HA resource and replication jobs, too.
        purge: bool,
    },
    /// The HA resource is asked to be started.
    RequestStart(String),
    /// A line is queued for the CRM.
    Command(String),
    /// A run of backups is over.
    Backup {
        /// Its result.
        result: Box<crate::api::notifications::event::Backup>,
        /// Whether the result is sent to the notification system.
        notifies: bool,
    },
    /// It works on one guest after the other, until all are done.
    Bulk(Box<Bulk>),
    /// It fails with this text.
    Fail(String),
    /// It ends when the site says so: a node joins a cluster.
    Elsewhere,
}

/// A guest on its way.
#[derive(Clone, Debug)]
pub struct Move {
    pub vmid: u32,
    pub target: String,
    /// It ran, was stopped for the move, and is started again.
    pub restart: bool,
}

#[derive(Clone, Debug)]
pub struct Task {
    pub upid: String,
    pub node: String,
    pub pid: u32,
    /// Process start time.
    pub pstart: u32,
    /// When it was started.
    pub starttime: i64,
    /// Its type, e.g. `qmstart`.
    pub kind: String,
    /// What it works on.
    pub id: String,
    /// `user@realm`.
    pub user: String,
    /// The name of the token it was started with.
    pub token: Option<String>,
    /// When it is or was done.
    pub end: i64,
    /// `OK` or the error; `None` while it runs.
    pub status: Option<String>,
    /// The lines of its log.
    pub log: Vec<String>,
    effect: Effect,
}

/// All tasks, the newest first.
#[derive(Debug, Default)]
pub struct Tasks {
    list: VecDeque<Task>,
    /// The guests that are migrated.
    moving: BTreeSet<u32>,
    last_pid: u32,
}

impl Tasks {
    /// All tasks, the newest first.
    pub fn iter(&self) -> impl Iterator<Item = &Task> {
        self.list.iter()
    }

    /// The task with this id.
    #[must_use]
    pub fn find(&self, upid: &str) -> Option<&Task> {
        self.list.iter().find(|task| task.upid == upid)
    }

    fn running(&mut self, upid: &str) -> Option<&mut Task> {
        self.list.iter_mut().find(|task| task.upid == upid && task.status.is_none())
    }

    /// Whether a migration of the guest is going on.
    #[must_use]
    pub fn migrates(&self, vmid: u32) -> bool {
        self.moving.contains(&vmid)
    }

    /// A node loses power: its tasks end without a result.
    pub fn node_lost(&mut self, node: &str, now: i64) {
        let running = self.list.iter().filter(|task| task.node == node && task.status.is_none());
        let running: Vec<String> = running.map(|task| task.upid.clone()).collect();
        for upid in running {
            self.abort(&upid, now);
        }
    }

    /// Ends a running task by force. A container that it has stopped for its move is returned.
    pub fn abort(&mut self, upid: &str, now: i64) -> Option<u32> {
        let task = self.list.iter_mut().find(|task| task.upid == upid && task.status.is_none())?;
        task.status = Some("unexpected status".into());
        task.end = now;
        match std::mem::replace(&mut task.effect, Effect::None) {
            Effect::Migrate(moving) => {
                self.moving.remove(&moving.vmid);
                moving.restart.then_some(moving.vmid)
            }
            _ => None,
        }
    }

    /// Takes the tasks of a node out, which go with it.
    pub(crate) fn take_of(&mut self, node: &str) -> Vec<Task> {
        let (of_node, others): (Vec<_>, Vec<_>) = self.list.drain(..).partition(|task| task.node == node);
        self.list = others.into();
        of_node
    }

    /// Adds the tasks of a node that has come.
    pub(crate) fn add(&mut self, tasks: Vec<Task>) {
        self.list.extend(tasks);
        self.list.make_contiguous().sort_by_key(|task| std::cmp::Reverse(task.starttime));
    }

    /// Forgets the oldest of those that are done, if there are too many.
    fn forget(&mut self) {
        while self.list.len() > KEPT
            && let Some(oldest) = self.list.iter().rposition(|task| task.status.is_some())
        {
            self.list.remove(oldest);
        }
    }
}

/// What a new task is.
#[derive(Clone, Debug)]
pub struct NewTask<'a> {
    pub node: &'a str,
    pub kind: &'a str,
    /// What it works on.
    pub id: &'a str,
    /// `user@realm` or `user@realm!token`.
    pub user: &'a str,
    /// How long it takes.
    pub seconds: i64,
    /// Its log, without the closing line.
    pub log: Vec<String>,
    /// What it does at its end.
    pub effect: Effect,
}

impl World {
    /// Starts a task and answers its UPID.
    pub fn start_task(&mut self, new: NewTask<'_>) -> String {
        let now = self.now();
        self.tasks.last_pid = (self.tasks.last_pid + 39) % 4_000_000;
        let pid = 1400 + self.tasks.last_pid;
        let pstart = (now.rem_euclid(40_000_000) * 100 % 0x7fff_ffff) as u32;
        let upid = format!("UPID:{}:{pid:08X}:{pstart:08X}:{now:08X}:{}:{}:{}:", new.node, new.kind, new.id, new.user);
        if let Effect::Migrate(moving) = &new.effect {
            self.tasks.moving.insert(moving.vmid);
        }
        let (user, token) = match new.user.split_once('!') {
            Some((user, token)) => (user.to_owned(), Some(token.to_owned())),
            None => (new.user.to_owned(), None),
        };
        self.tasks.list.push_front(Task {
            upid: upid.clone(),
            node: new.node.to_owned(),
            pid,
            pstart,
            starttime: now,
            kind: new.kind.to_owned(),
            id: new.id.to_owned(),
            user,
            token,
            end: if matches!(new.effect, Effect::Bulk(_) | Effect::Elsewhere) { i64::MAX } else { now + new.seconds },
            status: None,
            log: new.log,
            effect: new.effect,
        });
        self.tasks.forget();
        upid
    }
}

impl World {
    /// Whether a task has not ended.
    #[must_use]
    pub(crate) fn task_runs(&self, upid: &str) -> bool {
        self.tasks.find(upid).is_some_and(|task| task.status.is_none())
    }

    /// Adds lines to the log of a running task.
    pub(crate) fn log_task<T: Into<String>>(&mut self, upid: &str, lines: impl IntoIterator<Item = T>) {
        if let Some(task) = self.tasks.running(upid) {
            task.log.extend(lines.into_iter().map(Into::into));
        }
    }

    /// Ends a running task.
    pub(crate) fn end_task(&mut self, upid: &str, result: Result<(), String>) {
        let now = self.now();
        if let Some(task) = self.tasks.running(upid) {
            task.end = now;
            task.finish(result.into());
        }
    }
}

/// How a task ends.
#[derive(Debug, Default)]
pub(crate) struct Ending {
    /// More lines of its log.
    pub(crate) lines: Vec<String>,
    /// How many warnings its log has.
    pub(crate) warnings: usize,
    pub(crate) error: Option<String>,
}

impl From<Result<(), String>> for Ending {
    fn from(result: Result<(), String>) -> Self {
        Self { error: result.err(), ..Self::default() }
    }
}

/// Finishes the tasks that are due.
pub(super) fn tick(world: &mut World, second: i64) {
    while let Some(i) = world.tasks.list.iter().rposition(|t| t.status.is_none() && t.end <= second) {
        let effect = std::mem::replace(&mut world.tasks.list[i].effect, Effect::None);
        let started = world.tasks.list[i].starttime;
        let ending = apply(world, effect, started);
        world.tasks.list[i].finish(ending);
    }
    work_in_bulk(world, second);
}

/// Tasks that start others do so, and end with the last of them.
fn work_in_bulk(world: &mut World, second: i64) {
    let bulks = world.tasks.list.iter().rev();
    let bulks = bulks.filter(|task| task.status.is_none() && matches!(task.effect, Effect::Bulk(_)));
    let bulks: Vec<String> = bulks.map(|task| task.upid.clone()).collect();
    for upid in bulks {
        let find = |world: &World| world.tasks.list.iter().position(|task| task.upid == upid);
        let Some(i) = find(world) else { continue };
        let Effect::Bulk(mut bulk) = std::mem::replace(&mut world.tasks.list[i].effect, Effect::None) else { continue };
        let (lines, ending) = bulk.step(world, second);
        // What it has started is in front of it now.
        let Some(i) = find(world) else { continue };
        let task = &mut world.tasks.list[i];
        task.log.extend(lines);
        match ending {
            None => task.effect = Effect::Bulk(bulk),
            Some(ending) => {
                task.end = second;
                task.finish(ending);
            }
        }
    }
}

impl Task {
    fn finish(&mut self, ending: Ending) {
        self.log.extend(ending.lines);
        let (status, line) = match (ending.error, ending.warnings) {
            (Some(error), _) => (error.clone(), format!("TASK ERROR: {error}")),
            (None, 0) => ("OK".to_owned(), "TASK OK".to_owned()),
            (None, warnings) => (format!("WARNINGS: {warnings}"), format!("TASK WARNINGS: {warnings}")),
        };
        self.status = Some(status);
        self.log.push(line);
    }
}

fn ha_command(effect: &Effect) -> Option<String> {
    match effect {
        Effect::RequestStart(sid) => Some(format!("set {sid} --state started")),
        Effect::Command(line) => Some(format!("crm-command {line}")),
        _ => None,
    }
}

/// What a migration that breaks off has in its log.
fn interrupted(world: &World, vmid: u32) -> Aborted {
    let Some(guest) = world.guests.get(&vmid) else { return Aborted::Early("guest is gone".to_owned()) };
    if guest.is_running() {
        return Aborted::Late("online migrate failure - aborting".to_owned());
    }
    let volume = guest.volumes().next().map_or("none", |(_, line)| line.split(',').next().unwrap_or(line));
    Aborted::Early(format!("storage migration for '{volume}' failed - command failed: exit code 255"))
}

/// Moves a guest's configuration, and its replication jobs along with it.
fn migrate(world: &mut World, moving: &Move, started: i64) -> Ending {
    let Move { vmid, target, restart } = moving;
    let mut report = Report::new(started);
    let now = world.now();
    world.tasks.moving.remove(vmid);
    let Some(from) = world.guests.get(vmid).map(|guest| guest.node.clone()) else {
        return Err(format!("guest {vmid} is gone")).into();
    };
    if !world.is_up(target) || world.failing_moves.meets(*vmid) {
        let why = interrupted(world, *vmid);
        if *restart {
            report.add(now, "start container on source node");
            world.start_guest(*vmid);
        }
        let error = report.abort(now, &why);
        return Ending { lines: report.lines, error: Some(error), ..Ending::default() };
    }
    world.move_guest(*vmid, target);
    turning::migrated(world, *vmid, &from, target);
    if *restart {
        report.add(now, "start container on target node");
        world.start_guest(*vmid);
    }
    report.finish(now);
    Ending { lines: report.lines, ..Ending::default() }
}

fn apply(world: &mut World, effect: Effect, started: i64) -> Ending {
    match effect {
        Effect::Migrate(moving) => migrate(world, &moving, started),
        Effect::FailMove(why) => {
            let mut report = Report::new(started);
            let error = report.abort(world.now(), &why);
            Ending { lines: report.lines, error: Some(error), ..Ending::default() }
        }
        other => act(world, other).into(),
    }
}

fn act(world: &mut World, effect: Effect) -> Result<(), String> {
    // What is asked of the HA managers is asked by their own program, which can't write anything without quorum.
    if let (false, Some(arguments)) = (world.is_quorate(), ha_command(&effect)) {
        return Err(format!("command 'ha-manager {arguments}' failed: exit code 13"));
    }
    match effect {
        Effect::None | Effect::Migrate(_) | Effect::FailMove(_) | Effect::Bulk(_) | Effect::Elsewhere => {}
        Effect::Start(vmid) if !world.start_guest(vmid) => {
            let label = world.guests.get(&vmid).map_or("VM", |g| g.kind.label());
            return Err(format!("start failed: {label} {vmid} cannot be started"));
        }
        Effect::Start(_) => {}
        Effect::Stop(vmid) => world.stop_guest(vmid),
        Effect::Pause(vmid) => world.pause_guest(vmid, true),
        Effect::Resume(vmid) => world.pause_guest(vmid, false),
        Effect::Destroy { vmid, purge } => {
            let sid = world.remove_guest(vmid).map(|guest| guest.sid());
            world.leave_pools(vmid);
            if let Some(sid) = sid.filter(|_| purge) {
                ha::guests::forget(world, &sid)?;
                crate::api::replication::guests::forget(world, vmid)?;
            }
        }
        Effect::RequestStart(sid) => ha::guests::request_state(world, &sid, "started")?,
        Effect::Command(line) => ha::files::queue_command(world, &line),
        Effect::Backup { result, notifies } => return backup::end(world, &result, notifies),
        Effect::Fail(text) => return Err(text),
    }
    Ok(())
}
