//! Many guests moved, stopped or started: so many at a time, watched by one list of tasks for each node.

use std::collections::{BTreeMap, VecDeque};

use super::Run;
use super::at_home;
use super::guest_motion::GuestMove;
use super::tasks::{Exit, NodeTasks, Running, Start, Task};
use crate::client::{Error, Params, path};
use crate::explain::explain;
use crate::framework::{Cause, Failure};
use crate::simulation::live::Guest;
use crate::words::after_changes;

/// How long a guest may take to shut down, in seconds, before its task fails. Proxmox's own bulk shutdown waits as long.
const SHUTDOWN_SECONDS: u32 = 180;

/// How often a node is asked for the effect of a task that has ended.
const LOOKS_FOR_EFFECT: u32 = 30;

/// The tasks by which a guest leaves a node, or comes back.
const MOVES: [&str; 6] = ["qmigrate", "vzmigrate", "qmshutdown", "vzshutdown", "qmstart", "vzstart"];

/// What is done to one guest.
#[derive(Debug, Clone)]
pub(super) enum Job {
    Move(GuestMove),
    ShutDown(Guest),
    Start(Guest),
    /// An earlier run, or a person, has begun it.
    Await {
        guest: Guest,
        task: Task,
        /// The node that is to have the guest afterwards, where that matters.
        to: Option<String>,
    },
}

/// What a task is to have done to a guest.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Effect<'a> {
    node: &'a str,
    /// Whether the guest runs there; none where that is not known.
    runs: Option<bool>,
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
            Self::ShutDown(guest) | Self::Start(guest) | Self::Await { guest, .. } => guest,
        }
    }

    /// What happens to `guest` already: the next run waits for that, and does not begin it again.
    pub(super) fn under_way(guest: &Guest, running: &[Running]) -> Option<Self> {
        let found = Running::on(running, guest.vmid, &MOVES)?;
        Some(Self::Await { guest: guest.clone(), task: found.task.clone(), to: None })
    }

    /// What is to be there when its task has ended; none where the task is another's.
    fn effect(&self) -> Option<Effect<'_>> {
        match self {
            Self::Move(step) => Some(Effect { node: &step.to, runs: Some(step.running) }),
            Self::ShutDown(guest) => Some(Effect { node: &guest.node, runs: Some(false) }),
            Self::Start(guest) => Some(Effect { node: &guest.node, runs: Some(true) }),
            // A container is stopped while it moves: whether it ran before is not known.
            Self::Await { to, .. } => to.as_deref().map(|node| Effect { node, runs: None }),
        }
    }

    /// Whether its task also fails where the guest is as it is to be: one that starts with its node runs already.
    fn may_be_done(&self) -> bool {
        matches!(self, Self::ShutDown(_) | Self::Start(_))
    }

    /// What it does, in a sentence.
    pub(super) fn step(&self) -> String {
        match self {
            Self::Move(step) => step.step(),
            Self::ShutDown(guest) => format!("Shut down {} on {}.", guest.sid, guest.node),
            Self::Start(guest) => format!("Start {} on {}.", guest.sid, guest.node),
            Self::Await { guest, task, .. } => {
                format!("Wait for {}, of which {} is under way.", guest.sid, task.upid())
            }
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
            Self::Await { task, .. } => Ok(task.clone()),
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

/// A job at work.
struct Work {
    job: Job,
    task: Task,
    /// How its task has ended.
    exit: Option<Exit>,
    /// How often its effect was looked for since.
    looks: u32,
}

/// Does all of them, at most `workers` at a time. A failure ends nothing but the one job; where the tasks of a node can't be
/// listed any more, nothing further is begun.
pub(super) async fn carry_out(run: &Run<'_>, jobs: Vec<Job>, workers: usize) -> Outcome {
    let mut outcome = Outcome::default();
    let mut nodes: BTreeMap<String, NodeTasks> = BTreeMap::new();
    let mut queue = VecDeque::from(jobs);
    let mut works: Vec<Work> = Vec::new();
    let call = run.call();
    let mut looks = call.looks("guests to move");
    'work: loop {
        while works.len() < workers && !call.is_over() {
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
                    works.push(Work { job, task, exit: None, looks: 0 });
                }
                Err(failure) => fail(run, &mut outcome, job.guest().sid.clone(), failure),
            }
        }
        if works.is_empty() || !looks.pause(run.pace()).await {
            break;
        }
        for (node, tasks) in &nodes {
            let here: Vec<&Task> = works
                .iter()
                .filter(|work| work.exit.is_none() && work.job.guest().node == *node)
                .map(|work| &work.task)
                .collect();
            if here.is_empty() {
                continue;
            }
            match tasks.ended(run, &here).await {
                Ok(mut ended) => {
                    works.iter_mut().for_each(|work| work.exit = work.exit.take().or_else(|| ended.remove(&work.task)));
                }
                Err(failure) => {
                    outcome.lost_sight = Some(failure);
                    break 'work;
                }
            }
        }
        works = finish(run, &mut outcome, works).await;
    }
    outcome.not_begun = queue.iter().map(|job| job.guest().sid.clone()).collect();
    for Work { job, task, exit, .. } in works {
        let sid = job.guest().sid.clone();
        match exit {
            Some(_) => {
                let text = format!("{sid}: {} has ended, and its effect was not looked for to the end.", task.upid());
                outcome.failed.insert(sid, Failure::new(Cause::Ambiguous, text));
            }
            None => {
                outcome.under_way.insert(sid, task);
            }
        }
    }
    outcome
}

/// Looks for the effects of the tasks that have ended; what is left to wait for.
async fn finish(run: &Run<'_>, outcome: &mut Outcome, works: Vec<Work>) -> Vec<Work> {
    let mut left = Vec::new();
    let mut seen = BTreeMap::new();
    for mut work in works {
        let Some(exit) = work.exit.clone() else {
            left.push(work);
            continue;
        };
        let sid = work.job.guest().sid.clone();
        let failed = match &exit {
            Exit::Failed(text) => Some(text),
            Exit::Ok | Exit::Warnings(_) => None,
        };
        let effect = work.job.effect();
        if let Some(text) = failed.filter(|_| effect.is_none() || !work.job.may_be_done()) {
            fail(run, outcome, sid.clone(), work.task.failure(run, &sid, text).await);
            continue;
        }
        let found = match &effect {
            None => Ok(true),
            Some(effect) => {
                let at = (effect.node.to_owned(), work.job.guest().kind());
                if !seen.contains_key(&at) {
                    seen.insert(at.clone(), at_home::of_kind(run, effect.node, at.1).await);
                }
                seen[&at].as_ref().map(|guests| effect.is_there(guests.get(&sid))).map_err(Clone::clone)
            }
        };
        work.looks += 1;
        match (found, failed) {
            (Ok(true), _) => {
                let how = match &exit {
                    Exit::Warnings(text) => format!("done, with warnings in the log of {}: {text}", work.task.upid()),
                    Exit::Ok | Exit::Failed(_) => "done".to_owned(),
                };
                run.say(format!("{sid}: {how}."));
                outcome.done.push(sid);
            }
            (Ok(false), Some(text)) => fail(run, outcome, sid.clone(), work.task.failure(run, &sid, text).await),
            (_, _) if work.looks < LOOKS_FOR_EFFECT => left.push(work),
            (found, _) => {
                let failure = missing(&work, found.err());
                fail(run, outcome, sid, failure);
            }
        }
    }
    left
}

/// One of many has failed: what its error says of changes is not true of all.
fn fail(run: &Run<'_>, outcome: &mut Outcome, sid: String, failure: Failure) {
    let failure = Failure { detail: after_changes(&failure.detail), ..failure };
    run.say(format!("Failed: {}", failure.detail));
    outcome.failed.insert(sid, failure);
}

/// The failure of a job whose task has ended well, without its effect.
fn missing(work: &Work, error: Option<Error>) -> Failure {
    let (sid, upid) = (&work.job.guest().sid, work.task.upid());
    let Some(effect) = work.job.effect() else {
        return Failure::new(Cause::Stale, format!("{sid}: {upid} has ended."));
    };
    match error {
        Some(error) => {
            let read = explain(effect.node, &error).detail;
            Failure::new(
                Cause::Ambiguous,
                format!("{sid}: {upid} has ended, and {} can't be asked for it.\n{read}", effect.node),
            )
        }
        None => Failure::new(
            Cause::Stale,
            format!("{sid}: {upid} has ended, and the guest {} {}. Check the guest.", effect.denied(), effect.node),
        ),
    }
}

impl Effect<'_> {
    /// Whether a node that lists the guest so, or not at all, shows it.
    fn is_there(&self, found: Option<&Guest>) -> bool {
        found.is_some_and(|guest| self.runs.is_none_or(|runs| guest.running == runs))
    }

    /// What the node lists instead.
    fn denied(&self) -> &'static str {
        match self.runs {
            Some(true) => "does not run on",
            Some(false) => "is not there, or still runs on",
            None => "is not on",
        }
    }
}

impl Outcome {
    /// The failure of the whole operation on `object`, where not all was done. `next` says what to do.
    pub(super) fn failure(&self, run: &Run<'_>, object: &str, next: &str) -> Option<Failure> {
        // An interrupt is no news.
        let lost_sight = self.lost_sight.as_ref().filter(|_| !run.call().is_over());
        let failed = self.failed.values().map(|failure| format!("- {}", failure.detail.replace('\n', "\n  ")));
        let mut lines: Vec<String> = failed.collect();
        let fate =
            if lost_sight.is_some() { "was under way; its end is unknown" } else { "is under way and continues" };
        lines.extend(self.under_way.iter().map(|(sid, task)| format!("- {sid}: {} {fate}.", task.upid())));
        if !self.not_begun.is_empty() {
            lines.push(format!("- not begun: {}.", self.not_begun.join(", ")));
        }
        if lines.is_empty() {
            return None;
        }
        lines.extend(lost_sight.map(|failure| format!("- {}", failure.detail.replace('\n', "\n  "))));
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

#[cfg(test)]
mod tests {
    use super::super::super::simulation::testing::Cluster;
    use super::*;

    #[test]
    fn an_effect_is_what_the_node_lists() {
        let mut cluster = Cluster::of(2);
        cluster.vm(100, 1);
        let guest = cluster.live().guests.remove("vm:100").unwrap();
        let is_there = |runs, found| Effect { node: "pve1", runs }.is_there(found);
        assert!(is_there(Some(true), Some(&guest)) && is_there(None, Some(&guest)));
        assert!(!is_there(Some(false), Some(&guest)) && !is_there(Some(true), None) && !is_there(None, None));
    }
}
