//! `pve_backup_jobs`: the jobs, and from each node how its runs of them went.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::join_all;
use pve_schemas::BackupJob;
use pve_schemas::backup::CommandLine;
use pve_schemas::data::backup_jobs::{BackupJobsArguments, BackupTask};
use pve_schemas::data::nodes::NodesArguments;
use pve_schemas::data::{BackupJobs, Nodes};
use pve_schemas::rest::Params;
use serde_json::Value as Json;

use super::adapter::{Reader, Source};
use crate::client::{Call, Collection, Error, ErrorKind, path};
use crate::framework::Failure;

/// How long a node may take to answer.
const READ_TIMEOUT: Duration = Duration::from_secs(10);
/// How many of the last backups of a node are looked at.
const TASKS: usize = 20;
/// The command line is the first line of a log, after at most two about a lock that was waited for.
const LINES: usize = 5;

impl Source for BackupJobs {
    type Arguments = BackupJobsArguments;

    async fn read(reader: &Reader<'_>, arguments: BackupJobsArguments) -> Result<Self, Failure> {
        let (jobs, resources) =
            tokio::try_join!(reader.list(Collection::BackupJobs), reader.list(Collection::ClusterResources))?;
        reader.warn_unknown::<BackupJob>(&jobs);
        let make = |tasks: &BTreeMap<String, Vec<BackupTask>>| {
            let made = Self::from_answers(arguments.clone(), &jobs, &resources, tasks);
            made.map_err(|problem| reader.unexpected(problem))
        };
        let nodes = reader.list(Collection::Nodes).await?;
        let names = |online| {
            let nodes = Nodes::from_answer(NodesArguments { online }, &nodes);
            nodes.map(|nodes| nodes.names).map_err(|problem| reader.unexpected(problem))
        };
        let online: BTreeSet<String> = names(Some(true))?.into_iter().collect();
        let all = names(None)?;
        warn_of_blindness(reader, &all).await;
        let without = make(&BTreeMap::new())?;
        if without.jobs.is_empty() {
            return Ok(without);
        }
        let (up, down): (Vec<_>, Vec<_>) = all.into_iter().partition(|node| online.contains(node));
        let mut silent: BTreeMap<String, Option<Error>> = down.into_iter().map(|node| (node, None)).collect();
        let mut tasks = BTreeMap::new();
        for (node, found) in join_all(up.into_iter().map(|node| of_node(reader, node))).await {
            match found {
                Ok(found) => drop(tasks.insert(node, found)),
                Err(error) if error.kind() == ErrorKind::Stopped => return Err(reader.failed(&error)),
                Err(error) => drop(silent.insert(node, Some(error))),
            }
        }
        let made = make(&tasks)?;
        warn_of_silence(reader, &made, &silent);
        Ok(made)
    }
}

/// The last backups of a node, the newest first, with what each was to back up.
async fn of_node(reader: &Reader<'_>, node: String) -> (String, Result<Vec<BackupTask>, Error>) {
    // A node may be dead without the cluster having noticed: it shall not use up the time of this read.
    let deadline = reader.call.deadline.min(tokio::time::Instant::now() + READ_TIMEOUT);
    let call = Call::new(deadline, reader.call.stop.clone());
    let found = async {
        let mut params = Params::new();
        params.set("typefilter", "vzdump").set("source", "all").set("limit", TASKS);
        let rows: Vec<Json> = reader.client.get_with(&path(["nodes", &node, "tasks"]), &params, &call).await?;
        let tasks = join_all(rows.into_iter().map(|row| with_command_line(reader, &node, row, &call))).await;
        tasks.into_iter().collect::<Result<Vec<_>, _>>()
    };
    let found = found.await;
    (node, found)
}

async fn with_command_line(reader: &Reader<'_>, node: &str, row: Json, call: &Call) -> Result<BackupTask, Error> {
    let upid = row["upid"].as_str().unwrap_or_default();
    let mut params = Params::new();
    params.set("limit", LINES);
    let log = reader.client.get_with::<Vec<Json>>(&path(["nodes", node, "tasks", upid, "log"]), &params, call).await;
    let lines = match log {
        Ok(lines) => lines,
        // The node removes old logs.
        Err(error) if error.status().is_some_and(|status| status == 400 || status == 500) => Vec::new(),
        Err(error) => return Err(error),
    };
    let command_line = CommandLine::of_log(lines.iter().filter_map(|line| line["t"].as_str()));
    Ok(BackupTask { row, command_line })
}

/// Proxmox leaves out what the user may not see: some guests, or backups of others, seem not to exist.
async fn warn_of_blindness(reader: &Reader<'_>, nodes: &[String]) {
    let Some(held) = reader.client.permissions(&reader.call).await else { return };
    if !held.holds("/vms", "VM.Audit") {
        reader.cx.warn(
            "Some guests may not be visible without VM.Audit on /vms",
            "Proxmox lists only the guests on which the user or token has VM.Audit. covered_guests and uncovered_guests list \
             only these guests. Grant it on /vms.",
        );
    }
    for node in nodes.iter().filter(|node| !held.holds(&format!("/nodes/{node}"), "Sys.Audit")) {
        reader.cx.warn(
            format!("The results of backups are not visible without Sys.Audit on /nodes/{node}"),
            format!(
                "Proxmox lists only the user's own tasks without it, so that the runs on {node} are null. Grant it."
            ),
        );
    }
}

/// Names the nodes whose results are unknown, where jobs have any there.
fn warn_of_silence(reader: &Reader<'_>, made: &BackupJobs, silent: &BTreeMap<String, Option<Error>>) {
    for (node, error) in silent {
        let jobs = made.jobs.iter().filter(|job| job.runs.iter().any(|run| run.node == *node));
        let jobs: Vec<&str> = jobs.map(|job| job.name.as_str()).collect();
        if jobs.is_empty() {
            continue;
        }
        let why = match error {
            Some(_) => format!("node {node} does not respond"),
            None => format!("node {node} is not online"),
        };
        let quote = error.as_ref().map(|error| format!("\n{}", error.quote())).unwrap_or_default();
        reader.cx.warn(
            "The results of some backups are unknown",
            format!(
                "{}: {why}, and only it has the results of its backups. started, ended and status of {node} are null in \
                 `runs` of these jobs.{quote}",
                jobs.join(", ")
            ),
        );
    }
}
