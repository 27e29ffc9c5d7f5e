//! `pve_backup_run`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::time::Duration;

use pve_schemas::BackupJob;
use pve_schemas::action::BackupRun;
use pve_schemas::backup::{Coverage, Guest as Subject, Selection};
use pve_schemas::rest::{Fields, Rest};
use serde_json::Value as Json;

use super::tasks::{Exit, NodeTasks, Start, Task};
use super::{Operation, Outlook, Run, tasks};
use crate::client::{Collection, ErrorKind, Params, path};
use crate::explain::explain;
use crate::framework::{Cause, Failure, Path};
use crate::resources::over_ssh::{is_online, members_now};
use crate::words::counted;

/// What of a job is not for a run by hand: which guests, when, and what the job is.
const OF_THE_JOB: [&str; 11] =
    ["id", "schedule", "enabled", "comment", "repeat-missed", "vmid", "all", "exclude", "pool", "node", "quiet"];

/// What is run.
pub struct Runs {
    options: Params,
    /// The guests by node.
    nodes: BTreeMap<String, BTreeSet<u64>>,
    /// The backups of the same guests that run already, by node.
    under_way: BTreeMap<String, Task>,
}

/// What became of one guest.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Fate {
    Finished,
    Failed(String),
}

impl Operation for BackupRun {
    type Found = Runs;
    const TIMEOUT: Duration = Duration::from_hours(12);

    async fn look(&self, run: &Run<'_>) -> Result<Outlook<Runs>, Failure> {
        let (id, call) = (self.job.as_str(), run.call());
        let failed = |error| explain(id, &error);
        let refuse =
            |text: String| Failure::refused(format!("{id}: {text} Nothing was changed.")).at(Path::attribute("job"));
        let entry: Json = match run.client().get(&Collection::BackupJobs.object(id), &call).await {
            Ok(entry) => entry,
            Err(error) if error.kind() == ErrorKind::Absent => {
                return Err(refuse("there is no such backup job.".to_owned()));
            }
            Err(error) => return Err(failed(error)),
        };
        let job = BackupJob::parse(&entry).map_err(|problem| refuse(format!("it can't be read: {problem}.")))?;
        let mut refusals = Vec::new();
        if !job.unknown.is_empty() {
            refusals.push(refuse(
                "it has an option that this provider does not support, and that a run by hand would lose.".to_owned(),
            ));
        }
        let mut options = job.noun.params();
        for name in OF_THE_JOB {
            options.unset(name);
        }
        let guests = run.guests().await.map_err(failed)?;
        let coverage = Coverage::of(&entry);
        let mut nodes: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
        for guest in guests.values() {
            let subject = Subject { vmid: guest.vmid, node: &guest.node, pool: guest.pool.as_deref() };
            if coverage.selects(&subject) && coverage.runs_on(&guest.node) {
                nodes.entry(guest.node.clone()).or_default().insert(guest.vmid);
            }
        }
        if let Selection::Guests(named) = &coverage.selection {
            let gone = named.iter().filter(|vmid| !guests.values().any(|guest| guest.vmid == **vmid));
            let gone: Vec<String> = gone.map(ToString::to_string).collect();
            if !gone.is_empty() {
                run.cx.warn(
                    "The backup job names missing guests",
                    format!("{id}: it names guests that do not exist: {}.", gone.join(", ")),
                );
            }
        }
        let members = members_now(run.client(), &call).await?;
        for (node, guests) in &nodes {
            if !is_online(&members, node) {
                refusals.push(refuse(format!(
                    "{node}, which has {} of it, is not online.",
                    counted(guests.len(), "guest")
                )));
            }
        }
        let mut under_way = BTreeMap::new();
        for (node, guests) in nodes.iter().filter(|_| refusals.is_empty()) {
            under_way.extend(running(run, node, guests, &options).await?.map(|task| (node.clone(), task)));
        }
        let step = |(node, guests): (&String, &BTreeSet<u64>)| match under_way.get(node) {
            Some(task) => format!("Wait for the backup on {node} that runs: {}.", task.upid()),
            None => format!("Back up on {node}: {}.", list(guests)),
        };
        let steps = nodes.iter().map(step).collect();
        Ok(Outlook { steps, refusals, found: Runs { options, nodes, under_way } })
    }

    async fn act(&self, run: &Run<'_>, Runs { options, nodes, mut under_way }: Runs) -> Result<(), Failure> {
        let id = self.job.as_str();
        let mut under_watch: Vec<(NodeTasks, Task, &BTreeSet<u64>)> = Vec::new();
        let mut failures = Vec::new();
        for (node, guests) in &nodes {
            let started = match under_way.remove(node) {
                Some(task) => NodeTasks::from_now(run, node).await.map(|tasks| (tasks, task)),
                None => start(run, node, guests, &options).await,
            };
            match started {
                Ok((tasks, task)) => {
                    run.say(format!("{node}: {} runs.", task.upid()));
                    under_watch.push((tasks, task, guests));
                }
                Err(failure) if failure.cause == Cause::Ambiguous => {
                    failures.push(format!("- {node}: it may have been started.\n{}", failure.detail));
                }
                Err(failure) => failures.push(format!("- {node}: not started.\n{}", failure.detail)),
            }
        }
        let call = run.call();
        let mut looks = call.looks(format!("the backups of {id}"));
        while !under_watch.is_empty() {
            let mut left = Vec::new();
            for (tasks, task, guests) in under_watch {
                match tasks.ended(run, &[&task]).await?.remove(&task) {
                    Some(exit) => failures.extend(report(run, &task, guests, &exit).await),
                    None => left.push((tasks, task, guests)),
                }
            }
            under_watch = left;
            if !under_watch.is_empty() && !looks.pause(run.pace()).await {
                let tasks: Vec<&str> = under_watch.iter().map(|(_, task, _)| task.upid()).collect();
                let next = "A second run waits for what is under way then, and backs up all others again.";
                let failure = tasks::continues(id, &tasks.join(", "), next);
                let others = failures.iter().map(|line| format!("\n{line}")).collect::<String>();
                return Err(Failure { detail: failure.detail.clone() + &others, ..failure });
            }
        }
        if failures.is_empty() {
            return Ok(());
        }
        let has_begun = run.has_begun.load(Ordering::Relaxed);
        let cause = match (has_begun, call.is_over()) {
            (false, _) => Cause::Refused,
            (true, true) => Cause::Ambiguous,
            (true, false) => Cause::Stale,
        };
        let text = format!("{id}: not every guest was backed up:\n{}", failures.join("\n"));
        Err(Failure::new(cause, text).summarised("A backup failed"))
    }
}

/// The backup of exactly these guests to the same storage that runs on the node: an interrupted run, or the schedule, has begun
/// it.
async fn running(run: &Run<'_>, node: &str, guests: &BTreeSet<u64>, options: &Params) -> Result<Option<Task>, Failure> {
    for one in tasks::running(run, node).await?.into_iter().filter(|one| one.kind == "vzdump") {
        let log = one.task.log(run).await.map_err(|error| explain(node, &error))?;
        let is_the_same = |line: &String| {
            guests_of(line).is_some_and(|found| found == *guests)
                && ["storage", "mode"].iter().all(|name| option_of(line, name) == options.value(name))
        };
        if log.iter().any(is_the_same) {
            return Ok(Some(one.task));
        }
    }
    Ok(None)
}

/// The value of an option in such a line; none where it is not set.
fn option_of<'l>(line: &'l str, name: &str) -> Option<&'l str> {
    let mut words = line.split_whitespace();
    words.find(|word| word.strip_prefix("--") == Some(name))?;
    words.next()
}

/// The guests that a line of the log names as those of the run.
fn guests_of(line: &str) -> Option<BTreeSet<u64>> {
    let words = line.strip_prefix("INFO: starting new backup job: vzdump ")?;
    let vmids = words.split_whitespace().take_while(|word| !word.starts_with('-'));
    Some(vmids.flat_map(|word| word.split(',')).filter_map(|vmid| vmid.parse().ok()).collect())
}

async fn start(
    run: &Run<'_>,
    node: &str,
    guests: &BTreeSet<u64>,
    options: &Params,
) -> Result<(NodeTasks, Task), Failure> {
    let tasks = NodeTasks::from_now(run, node).await?;
    let mut params = options.clone();
    params.set("vmid", guests.iter().map(ToString::to_string).collect::<Vec<_>>().join(","));
    // A run of one guest has its number as id, others have none.
    let only = if guests.len() == 1 { list(guests) } else { String::new() };
    let at = path(["nodes", node, "vzdump"]);
    let start = Start { object: node, path: &at, params: &params, kind: "vzdump", id: &only };
    let task = tasks.start(run, start).await?;
    Ok((tasks, task))
}

/// Says what became of each guest of a task that has ended; a line for each that failed.
async fn report(run: &Run<'_>, task: &Task, guests: &BTreeSet<u64>, exit: &Exit) -> Vec<String> {
    let log = task.log(run).await.unwrap_or_default();
    let fates = fates(&log);
    let mut failures = Vec::new();
    for vmid in guests {
        match (fates.get(vmid), exit) {
            (Some(Fate::Finished), _) => run.say(format!("{vmid}: backed up.")),
            (Some(Fate::Failed(text)), _) => failures.push(format!("- {vmid}: {text}")),
            (None, Exit::Ok | Exit::Warnings(_)) => {
                failures.push(format!("- {vmid}: the log of {} does not have it", task.upid()));
            }
            (None, Exit::Failed(text)) => failures.push(format!("- {vmid}: {text}")),
        }
    }
    for line in &failures {
        run.say(format!("Failed: {}", line.trim_start_matches("- ")));
    }
    failures
}

/// What the log of a run says of each guest.
fn fates(log: &[String]) -> BTreeMap<u64, Fate> {
    let mut fates = BTreeMap::new();
    for line in log {
        if let Some(rest) = line.strip_prefix("INFO: Finished Backup of VM ") {
            let vmid = rest.split(' ').next().and_then(|vmid| vmid.parse().ok());
            fates.extend(vmid.map(|vmid| (vmid, Fate::Finished)));
        } else if let Some((vmid, why)) =
            line.strip_prefix("ERROR: Backup of VM ").and_then(|rest| rest.split_once(" failed - "))
        {
            fates.extend(vmid.parse().ok().map(|vmid: u64| (vmid, Fate::Failed(why.to_owned()))));
        }
    }
    fates
}

fn list(guests: &BTreeSet<u64>) -> String {
    guests.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_has_the_result_of_each_guest() {
        let log = [
            "INFO: starting new backup job: vzdump 100,101",
            "INFO: Starting Backup of VM 100 (qemu)",
            "INFO: Finished Backup of VM 100 (00:00:03)",
            "ERROR: Backup of VM 101 failed - no space left",
            "INFO: Backup job finished with errors",
        ];
        let log = log.map(str::to_owned);
        let fates = fates(&log);
        assert_eq!(fates[&100], Fate::Finished);
        assert_eq!(fates[&101], Fate::Failed("no space left".to_owned()));
        assert_eq!(fates.len(), 2);
        assert_eq!(log.iter().find_map(|line| guests_of(line)), Some([100, 101].into()));
        let line = "INFO: starting new backup job: vzdump 7 8 --mode snapshot --storage pbs";
        assert_eq!(guests_of(line), Some([7, 8].into()));
        assert_eq!((option_of(line, "storage"), option_of(line, "node")), (Some("pbs"), None));
    }
}
