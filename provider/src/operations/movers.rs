//! Many guests moved, stopped or started: so many at a time, watched by one list of tasks for each node.

use std::collections::{BTreeMap, VecDeque};

use super::Run;
use super::guest_motion::GuestMove;
use super::tasks::{Exit, NodeTasks, Running, Start, Task};
use crate::client::{Params, path};
use crate::framework::Failure;
use crate::simulation::live::Guest;

/// How long a guest may take to shut down, in seconds, before its task fails. Proxmox's own bulk shutdown waits as long.
const SHUTDOWN_SECONDS: u32 = 180;

/// The tasks by which a guest leaves a node, or comes back.
const MOVES: [&str; 6] = ["qmigrate", "vzmigrate", "qmshutdown", "vzshutdown", "qmstart", "vzstart"];

/// What is done to one guest.
#[derive(Debug, Clone)]
pub(super) enum Job {
    Move(GuestMove),
    ShutDown(Guest),
    Start(Guest),
    /// An earlier run, or a person, has begun it.
    Await(Guest, Task),
}

/// What became of all of them, by HA resource id.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) done: Vec<String>,
    pub(super) failed: BTreeMap<String, Failure>,
    /// Those that were not begun when the operation ended.
    pub(super) not_begun: Vec<String>,
    /// The tasks that continue.
    pub(super) under_way: BTreeMap<String, Task>,
    /// Why the tasks were not watched to their end, where that is not the end of the operation's time.
    pub(super) lost_sight: Option<Failure>,
}

impl Job {
    pub(super) fn guest(&self) -> &Guest {
        match self {
            Self::Move(step) => &step.guest,
            Self::ShutDown(guest) | Self::Start(guest) | Self::Await(guest, _) => guest,
        }
    }

    /// What happens to `guest` already: the next run waits for that, and does not begin it again.
    pub(super) fn under_way(guest: &Guest, running: &[Running]) -> Option<Self> {
        let found = Running::on(running, guest.vmid, &MOVES)?;
        Some(Self::Await(guest.clone(), found.task.clone()))
    }

    /// What it does, in a sentence.
    pub(super) fn step(&self) -> String {
        match self {
            Self::Move(step) => step.step(),
            Self::ShutDown(guest) => format!("Shut down {} on {}.", guest.sid, guest.node),
            Self::Start(guest) => format!("Start {} on {}.", guest.sid, guest.node),
            Self::Await(guest, task) => format!("Wait for {}, of which {} is under way.", guest.sid, task.upid()),
        }
    }

    async fn start(&self, run: &Run<'_>, tasks: &NodeTasks) -> Result<Task, Failure> {
        let mut params = Params::new();
        match self {
            Self::Move(step) => step.start(run, tasks).await,
            Self::ShutDown(guest) => {
                params.set("timeout", SHUTDOWN_SECONDS).set("forceStop", 0);
                status_task(run, tasks, guest, "shutdown", &params).await
            }
            Self::Start(guest) => status_task(run, tasks, guest, "start", &params).await,
            Self::Await(_, task) => Ok(task.clone()),
        }
    }
}

async fn status_task(
    run: &Run<'_>,
    tasks: &NodeTasks,
    guest: &Guest,
    what: &str,
    params: &Params,
) -> Result<Task, Failure> {
    let (kind, vmid) = (guest.kind(), guest.vmid.to_string());
    let at = path(["nodes", &guest.node, kind, &vmid, "status", what]);
    let prefix = if kind == "lxc" { "vz" } else { "qm" };
    let kind = format!("{prefix}{what}");
    tasks.start(run, Start { object: &guest.sid, path: &at, params, kind: &kind, id: &vmid }).await
}

/// Does all of them, at most `workers` at a time. A failure ends nothing but the one job; where the tasks of a node can't be
/// listed any more, nothing further is begun.
pub(super) async fn carry_out(run: &Run<'_>, jobs: Vec<Job>, workers: usize) -> Outcome {
    let mut outcome = Outcome::default();
    let mut nodes: BTreeMap<String, NodeTasks> = BTreeMap::new();
    let mut queue = VecDeque::from(jobs);
    let mut running: Vec<(Job, Task)> = Vec::new();
    let call = run.call();
    let mut looks = call.looks("guests to move");
    'work: loop {
        while running.len() < workers && !call.is_over() {
            let Some(job) = queue.pop_front() else { break };
            let node = job.guest().node.clone();
            if !nodes.contains_key(&node) {
                match NodeTasks::from_now(run, &node).await {
                    Ok(tasks) => nodes.insert(node.clone(), tasks),
                    Err(failure) => {
                        queue.push_front(job);
                        outcome.lost_sight = Some(failure);
                        break 'work;
                    }
                };
            }
            match job.start(run, &nodes[&node]).await {
                Ok(task) => {
                    run.say(job.step());
                    running.push((job, task));
                }
                Err(failure) => {
                    run.say(format!("Failed: {}", failure.detail));
                    outcome.failed.insert(job.guest().sid.clone(), failure);
                }
            }
        }
        if running.is_empty() || !looks.pause(run.pace()).await {
            break;
        }
        for (node, tasks) in &nodes {
            let here: Vec<&Task> =
                running.iter().filter(|(job, _)| job.guest().node == *node).map(|(_, task)| task).collect();
            if here.is_empty() {
                continue;
            }
            let ended = match tasks.ended(run, &here).await {
                Ok(ended) => ended,
                Err(failure) => {
                    outcome.lost_sight = Some(failure);
                    break 'work;
                }
            };
            let (over, left) = running.into_iter().partition(|(_, task)| ended.contains_key(task));
            running = left;
            for (job, task) in over {
                finish(run, &mut outcome, &job, &task, &ended[&task]).await;
            }
        }
    }
    outcome.not_begun = queue.iter().map(|job| job.guest().sid.clone()).collect();
    outcome.under_way = running.into_iter().map(|(job, task)| (job.guest().sid.clone(), task)).collect();
    outcome
}

async fn finish(run: &Run<'_>, outcome: &mut Outcome, job: &Job, task: &Task, exit: &Exit) {
    let sid = job.guest().sid.clone();
    match exit {
        Exit::Ok => {
            run.say(format!("{sid}: done."));
            outcome.done.push(sid);
        }
        Exit::Warnings(text) => {
            run.say(format!("{sid}: done, with warnings in the log of {}: {text}.", task.upid()));
            outcome.done.push(sid);
        }
        Exit::Failed(text) => {
            let failure = task.failure(run, &sid, text).await;
            run.say(format!("Failed: {}", failure.detail));
            outcome.failed.insert(sid, failure);
        }
    }
}

impl Outcome {
    /// The failure of the whole operation on `object`, where not all was done. `next` says what to do.
    pub(super) fn failure(&self, run: &Run<'_>, object: &str, next: &str) -> Option<Failure> {
        use crate::framework::Cause;
        let is_over = run.call().is_over();
        let failed = self.failed.values().map(|failure| format!("- {}", failure.detail.replace('\n', "\n  ")));
        let mut lines: Vec<String> = failed.collect();
        lines.extend(
            self.under_way.iter().map(|(sid, task)| format!("- {sid}: {} is under way and continues.", task.upid())),
        );
        if !self.not_begun.is_empty() {
            lines.push(format!("- not begun: {}.", self.not_begun.join(", ")));
        }
        if lines.is_empty() {
            return None;
        }
        // An interrupt is no news.
        if let Some(failure) = self.lost_sight.as_ref().filter(|_| !is_over) {
            lines.push(format!("- {}", failure.detail.replace('\n', "\n  ")));
        }
        let is_open = !self.under_way.is_empty()
            || !self.not_begun.is_empty()
            || self.failed.values().any(|failure| failure.cause == Cause::Ambiguous);
        let (cause, summary) = if is_open {
            (Cause::Ambiguous, "The operation has not ended")
        } else {
            (Cause::Stale, "Not every guest was moved")
        };
        let text = format!("{object}: guests done: {}. Not done:\n{}\n{next}", self.done.len(), lines.join("\n"));
        Some(Failure::new(cause, text).summarised(summary))
    }
}
