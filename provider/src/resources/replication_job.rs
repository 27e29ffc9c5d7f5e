//! Replication jobs: the number is chosen by the client, a job follows its guest, and a delete is done only when Proxmox has
//! cleaned up.

mod ends;
mod removal;
mod successor;

use std::collections::BTreeSet;

use pve_schemas::ReplicationJob;
use pve_schemas::replication_job::is_being_removed;
use pve_schemas::rest::Rest;
use serde_json::Value as Json;

use super::explain;
use super::moved::{self, Moved};
use super::operations::{OpContext, Operations};
use crate::client::Params;
use crate::framework::{Failure, MoveSource, Number, Value};

impl Operations for ReplicationJob {
    fn parse_id(id: &str) -> Result<Value, String> {
        let demand = || "must be GUEST-NUMBER, such as 100-0".to_owned();
        let (guest, number) = id.split_once('-').ok_or_else(demand)?;
        let parse = |text: &str| text.parse::<i64>().ok().filter(|n| n.to_string() == text).ok_or_else(demand);
        Ok(Value::object([("guest", Value::from(parse(guest)?)), ("job_number", Value::from(parse(number)?))]))
    }

    fn modify_plan(prior: Option<&Value>, config: &Value, planned: &mut Value) {
        ends::plan(prior, config, planned);
    }

    fn remarks(object: &Self) -> Vec<String> {
        ends::remarks(object)
    }

    /// A job that is being removed is gone in a minute, unless a node is down: then it stays, and is in the way, until it is
    /// removed by force.
    async fn is_there(op: &OpContext<'_>, entry: &Json) -> bool {
        !is_being_removed(entry) || !removal::is_under_way(op, entry).await
    }

    async fn adjust(op: &OpContext<'_>, state: &Value, found: &mut Value) -> Result<(), Failure> {
        ends::in_words_of(op, state, found).await;
        Ok(())
    }

    async fn refreshed(op: &OpContext<'_>, state: &Value, found: &Value) {
        ends::warn_of_strangers(op, state, found).await;
    }

    async fn assign_id(op: &OpContext<'_>, mut planned: Value) -> Result<Value, Failure> {
        if planned.at("job_number").as_number().is_some() {
            return Ok(planned);
        }
        let guest = planned.at("guest").as_number().and_then(Number::as_i64).unwrap_or_default();
        let jobs = op.client().get::<Vec<Json>>(Self::COLLECTION.path(), &op.call()).await;
        let jobs = jobs.map_err(|error| explain(&format!("the replication jobs of guest {guest}"), &error))?;
        let taken: BTreeSet<i64> = jobs
            .iter()
            .filter_map(|job| Self::parse(job).ok())
            .map(|job| job.noun)
            .filter(|job| job.guest == guest)
            .filter_map(|job| job.job_number)
            .collect();
        let free = (0..).find(|number| !taken.contains(number)).unwrap_or_default();
        planned.insert("job_number", Value::from(free));
        Ok(planned)
    }

    async fn delete_params(_op: &OpContext<'_>, state: &Self) -> Result<Params, Failure> {
        let mut params = Params::new();
        // Proxmox refuses both at once; with force nothing is cleaned up anyway.
        if state.force_destroy == Some(true) {
            params.flag("force", true);
        } else if state.keep_replica == Some(true) {
            params.flag("keep", true);
        }
        Ok(params)
    }

    async fn wait_deleted(op: &OpContext<'_>, state: &Self) -> Result<(), Failure> {
        let key = state.key();
        removal::finish(op, &key, &Self::COLLECTION.object(&key)).await
    }

    async fn look_ahead(op: &OpContext<'_>, state: &Self, successor: &Value) -> Result<(), Failure> {
        successor::look_ahead(op, state, successor).await
    }

    async fn make_way(op: &OpContext<'_>, planned: &Value) -> Result<(), Failure> {
        successor::make_way(op, planned).await
    }

    async fn explain_refusal(op: &OpContext<'_>, planned: &Value, failure: Failure) -> Failure {
        successor::explain_refusal(op, planned, failure).await
    }

    fn loss(state: &Self) -> Option<String> {
        let copies = match (&state.copies_to, state.keep_replica) {
            (Some(node), Some(false) | None) if state.force_destroy != Some(true) => {
                format!(", and its copies on {node} were removed")
            }
            _ => String::new(),
        };
        Some(format!("This job no longer replicates guest {}{copies}.", state.guest))
    }

    fn moved(source: &MoveSource) -> Moved {
        moved::replication_job(source)
    }
}
