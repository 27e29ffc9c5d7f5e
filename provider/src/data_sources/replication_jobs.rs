//! `pve_replication_jobs`: the list, and the last runs from each source node.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::future::join_all;
use pve_schemas::ReplicationJob;
use pve_schemas::data::replication_jobs::{Job, ReplicationJobsArguments};
use pve_schemas::data::{Nodes, ReplicationJobs};
use serde_json::Value as Json;

use super::adapter::{Reader, Source};
use crate::client::{Call, Collection, Error, ErrorKind, LIST_LIFE, path};
use crate::framework::Failure;

impl Source for ReplicationJobs {
    type Arguments = ReplicationJobsArguments;

    async fn read(reader: &Reader<'_>, arguments: ReplicationJobsArguments) -> Result<Self, Failure> {
        let (configured, guests) =
            tokio::try_join!(reader.list(Collection::ReplicationJobs), reader.list(Collection::ClusterResources))?;
        reader.warn_unknown::<ReplicationJob>(&configured);
        let make = |runs: &[Json]| {
            let made = Self::from_answers(arguments.clone(), &configured, &guests, runs, now());
            made.map_err(|problem| reader.unexpected(problem))
        };
        let jobs = make(&[])?.jobs;
        if jobs.is_empty() {
            warn_of_blindness(reader).await;
            return make(&[]);
        }
        let mut runs = Runs::new(reader).await?;
        runs.ask(reader, jobs.iter().filter_map(|job| job.source.clone()).collect()).await?;
        if jobs.iter().any(|job| !runs.has_run_of(job) && !runs.is_silent_about(job)) {
            // The guest has moved a moment ago.
            runs.ask(reader, runs.online.clone()).await?;
        }
        runs.warn(reader, &jobs);
        make(&runs.answers.into_values().collect::<Vec<_>>())
    }
}

/// Proxmox lists the jobs of guests that the user may see: to one who may see none, there seem to be none.
async fn warn_of_blindness(reader: &Reader<'_>) {
    let held = reader.client.permissions(&reader.call).await;
    if held.is_some_and(|held| !held.holds_anywhere("VM.Audit")) {
        reader.cx.warn(
            "Replication jobs are not visible without VM.Audit on /vms",
            "Proxmox lists only the jobs of guests on which the user has VM.Audit, and the user or token does not have \
             it on any guest. Grant it on /vms, or on the guests.",
        );
    }
}

/// The last runs of jobs, by the node that ran them.
struct Runs {
    online: BTreeSet<String>,
    answers: BTreeMap<String, Json>,
    /// Nodes that did not answer, and their errors; nothing where the cluster had reported already that they are down.
    silent: BTreeMap<String, Option<Error>>,
}

impl Runs {
    async fn new(reader: &Reader<'_>) -> Result<Self, Failure> {
        let nodes = reader.list(Collection::Nodes).await?;
        let nodes = Nodes::from_answer(pve_schemas::data::nodes::NodesArguments { online: Some(true) }, &nodes);
        let online = nodes.map_err(|problem| reader.unexpected(problem))?.names.into_iter().collect();
        Ok(Self { online, answers: BTreeMap::new(), silent: BTreeMap::new() })
    }

    /// Asks those of `nodes` that have not been asked yet, all at once.
    async fn ask(&mut self, reader: &Reader<'_>, nodes: BTreeSet<String>) -> Result<(), Failure> {
        let nodes =
            nodes.into_iter().filter(|node| !self.answers.contains_key(node) && !self.silent.contains_key(node));
        let (up, down): (Vec<_>, Vec<_>) = nodes.partition(|node| self.online.contains(node));
        self.silent.extend(down.into_iter().map(|node| (node, None)));
        // A node may be dead without the cluster having noticed: it shall not use up the time of this read.
        let call =
            Call::new(reader.call.deadline.min(tokio::time::Instant::now() + READ_TIMEOUT), reader.call.stop.clone());
        let answers = up.into_iter().map(|node| {
            let (client, call) = (&reader.client, &call);
            async move {
                let runs = client.get_shared::<Json>(&path(["nodes", &node, "replication"]), LIST_LIFE, call).await;
                (node, runs)
            }
        });
        for (node, runs) in join_all(answers).await {
            match runs {
                Ok(runs) => drop(self.answers.insert(node, runs)),
                Err(error) if error.kind() == ErrorKind::Stopped => return Err(reader.failed(&error)),
                Err(error) => drop(self.silent.insert(node, Some(error))),
            }
        }
        Ok(())
    }

    /// Whether a node reported this job.
    fn has_run_of(&self, job: &Job) -> bool {
        let lists = self.answers.values().filter_map(Json::as_array);
        lists.flatten().any(|run| run["id"] == job.id.as_str())
    }

    /// Whether the node that runs this job did not answer.
    fn is_silent_about(&self, job: &Job) -> bool {
        job.source.as_ref().is_some_and(|source| self.silent.contains_key(source))
    }

    /// Says of which jobs nothing is known, once for each node.
    fn warn(&self, reader: &Reader<'_>, jobs: &[Job]) {
        for (node, error) in &self.silent {
            let unknown = jobs.iter().filter(|job| job.source.as_ref() == Some(node) && !self.has_run_of(job));
            let unknown: Vec<_> = unknown.map(|job| job.id.as_str()).collect();
            if unknown.is_empty() {
                continue;
            }
            let why = match error {
                Some(_) => format!("node {node} does not answer"),
                None => format!("node {node} is not online"),
            };
            let quote = error.as_ref().map(|error| format!("\n{}", error.quote())).unwrap_or_default();
            reader.cx.warn(
                "The state of some replication jobs is unknown",
                format!(
                    "{}: {why}, and only it has the state of these jobs. Their last_sync, lag_seconds, fail_count and \
                     error are null.{quote}",
                    unknown.join(", ")
                ),
            );
        }
    }
}

/// How long a node may take to answer.
const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// Seconds since 1970.
pub(super) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
