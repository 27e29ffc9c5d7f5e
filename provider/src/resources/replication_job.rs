//! Replication jobs: the number is chosen by the client, and a delete is done only when the source node has cleaned up.

use std::collections::BTreeSet;
use std::time::Duration;

use pve_schemas::ReplicationJob;
use pve_schemas::noun::Rest;
use pve_schemas::replication_job::is_being_removed;
use serde_json::Value as Json;

use super::explain;
use super::moved::{self, Moved};
use super::verbs::{Verb, Verbs};
use crate::client::{Collection, Params};
use crate::framework::{Failure, MoveSource, Number, Value};

/// How often a job that is being removed is looked at; the scheduler works once a minute.
const POLL: Duration = Duration::from_secs(2);

impl Verbs for ReplicationJob {
    const COLLECTION_LIST: Collection = Collection::ReplicationJobs;
    const RENAMED: &'static [(&'static str, &'static str)] = &[("disable", "disabled")];

    fn parse_id(id: &str) -> Result<Value, String> {
        let demand = || "must be GUEST-NUMBER, such as 100-0".to_owned();
        let (guest, number) = id.split_once('-').ok_or_else(demand)?;
        let parse = |text: &str| text.parse::<i64>().ok().filter(|n| n.to_string() == text).ok_or_else(demand);
        Ok(Value::object([("guest", Value::from(parse(guest)?)), ("job_number", Value::from(parse(number)?))]))
    }

    /// A job that is being removed is gone in a minute, unless its source node is down: then it stays, and is in the way,
    /// until it is removed by force.
    async fn is_there(verb: &Verb<'_>, entry: &Json) -> bool {
        !is_being_removed(entry) || is_down(verb, entry["source"].as_str().unwrap_or_default()).await
    }

    async fn identify(verb: &Verb<'_>, mut planned: Value) -> Result<Value, Failure> {
        if planned.at("job_number").as_number().is_some() {
            return Ok(planned);
        }
        let guest = planned.at("guest").as_number().and_then(Number::as_i64).unwrap_or_default();
        let jobs = verb.client().get::<Vec<Json>>(Self::COLLECTION, &verb.call()).await;
        let jobs = jobs.map_err(|error| explain(&format!("the replication jobs of guest {guest}"), &error))?;
        let taken: BTreeSet<i64> = jobs
            .iter()
            .filter_map(|job| Self::from_entry(job).ok())
            .filter(|job| job.guest == guest)
            .filter_map(|job| job.job_number)
            .collect();
        let free = (0..).find(|number| !taken.contains(number)).unwrap_or_default();
        planned.insert("job_number", Value::from(free));
        Ok(planned)
    }

    async fn delete_params(_verb: &Verb<'_>, state: &Self) -> Result<Params, Failure> {
        let mut params = Params::new();
        // Proxmox refuses both at once; with force nothing is cleaned up anyway.
        if state.force_destroy == Some(true) {
            params.flag("force", true);
        } else if state.keep_replica == Some(true) {
            params.flag("keep", true);
        }
        Ok(params)
    }

    async fn vanish(verb: &Verb<'_>, state: &Self) -> Result<(), Failure> {
        let key = state.key();
        let path = Self::COLLECTION_LIST.object(&key);
        loop {
            let entry = verb.client().find::<Json>(&path, &verb.call()).await.map_err(|error| explain(&key, &error))?;
            let Some(entry) = entry else { return Ok(()) };
            let source = entry["source"].as_str().unwrap_or_default();
            if is_down(verb, source).await || !verb.call().pause(POLL).await {
                return Err(stuck(&key, source));
            }
        }
    }

    fn moved(source: &MoveSource) -> Moved {
        moved::replication_job(source)
    }
}

async fn is_down(verb: &Verb<'_>, node: &str) -> bool {
    let nodes = verb.client().list(Collection::Nodes, &verb.call()).await;
    let entry = nodes.ok().and_then(|nodes| nodes.find::<Json>(node).ok().flatten());
    entry.is_some_and(|entry| entry["status"] == "offline")
}

fn stuck(key: &str, source: &str) -> Failure {
    Failure::refused(format!(
        "{key}: it is marked for removal, but its source node {source} has not cleaned up yet and does so only when it is up. Bring \
         the node back and destroy again. If it is gone for good, set `force_destroy = true`, apply, and destroy: the entry is \
         removed at once, and snapshots and copies stay behind."
    ))
}
