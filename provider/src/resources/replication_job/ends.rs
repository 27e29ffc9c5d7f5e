//! Source and target of a job. Proxmox swaps them when the guest moves, so that the target in its file is not always
//! the one that was configured.

use pve_schemas::ReplicationJob;
use pve_schemas::replication_job::{Ends, is_being_removed};
use pve_schemas::rest::Rest;
use serde_json::Value as Json;

use crate::client::Collection;
use crate::framework::{Number, Path, Value};
use crate::resources::operations::OpContext;

/// The node that the guest is on; none if that is unknown.
pub(super) async fn home(op: &OpContext<'_>, guest: i64) -> Option<String> {
    let rows = op.client().list(Collection::ClusterResources, &op.call()).await.ok()?;
    let row = ["qemu", "lxc"].iter().find_map(|kind| rows.find::<Json>(&format!("{kind}/{guest}")).ok().flatten());
    row?["node"].as_str().map(str::to_owned)
}

/// The job that was found in the words of `state`: its ends as they are now, and the configured target.
///
/// Proxmox turns a job round with each move of its guest, so that after some moves its nodes may be any two: a state keeps its
/// target. Only a create that meets a job takes it for the planned one by its nodes.
pub(super) async fn in_words_of(op: &OpContext<'_>, state: &Value, found: &mut Value) {
    let Some(guest) = guest(found) else { return };
    let home = home(op, guest).await;
    let now = Ends { source: text(found, "source"), copies_to: text(found, "target") }.at(home.as_deref());
    if let Some(target) = state.at("target").as_str()
        && (!is_planned(state) || now.has(target) || is_covered(op, found, target).await)
    {
        found.insert("target", Value::from(target));
    }
    put(found, now);
}

/// Warns of a job that copies between two nodes of which neither is its target, nor where its copies went before.
pub(super) async fn warn_of_strangers(op: &OpContext<'_>, state: &Value, found: &Value) {
    let (Some(target), now) = (state.at("target").as_str(), ends_of(found)) else { return };
    let Ends { source: Some(source), copies_to: Some(copies_to) } = &now else { return };
    if now.has(target) || ends_of(state).has(copies_to) || is_covered(op, found, target).await {
        return;
    }
    let part = |name: &str| found.at(name).as_number().map(ToString::to_string).unwrap_or_default();
    let id = format!("{}-{}", part("guest"), part("job_number"));
    op.cx.warn_at(
        Path::attribute("target"),
        format!("Replication job {id} does not copy to its target {target}"),
        format!(
            "{id}: it copies from {source} to {copies_to}, and nothing to the configured target {target}. Proxmox VE \
             reverses a job each time its guest moves to the job's target, so no change is planned. A job that was \
             deleted and created again outside of Terraform looks the same.\nTo copy to {target}, recreate the job: \
             `terraform apply -replace=pve_replication_job.<name>` with its address. To copy elsewhere, change \
             `target`."
        ),
    );
}

/// Keeps the target of the state where the configured one is a node of the same pair, and forgets the ends of a job that is to be
/// replaced.
pub(super) fn plan(prior: Option<&Value>, config: &Value, planned: &mut Value) {
    let Some(prior) = prior else { return };
    let is_kept = |name: &str| planned.at(name) == prior.at(name);
    if is_kept("guest")
        && !prior.at("target").is_null()
        && config.at("target").as_str().is_some_and(|node| ends_of(prior).has(node))
    {
        planned.insert("target", prior.at("target").clone());
    }
    if !["guest", "job_number", "target"].into_iter().all(|name| planned.at(name) == prior.at(name)) {
        planned.insert("source", Value::Unknown);
        planned.insert("copies_to", Value::Unknown);
    }
}

/// What import-config writes above a job.
pub(super) fn remarks(job: &ReplicationJob) -> Vec<String> {
    let Some(source) = &job.source else { return Vec::new() };
    vec![
        format!("Guest {} is on {source}, and {} gets the copies.", job.guest, job.target),
        "When a guest moves to the target of its job, Proxmox reverses the job, and no change is planned.".to_owned(),
    ]
}

/// Whether it is the plan of a create: a state has the ends, or null.
fn is_planned(state: &Value) -> bool {
    *state.at("source") == Value::Unknown
}

/// Whether another job of the guest copies to where this one is configured to. Jobs of one guest change their targets with one
/// another while a rotation is applied.
async fn is_covered(op: &OpContext<'_>, found: &Value, target: &str) -> bool {
    let Ok(list) = op.client().list(ReplicationJob::COLLECTION, &op.call()).await else { return false };
    let entries: Vec<Json> = list.all().unwrap_or_default();
    let jobs = entries.iter().filter(|entry| !is_being_removed(entry));
    let mut others = jobs.filter_map(|entry| ReplicationJob::parse(entry).ok()).map(|job| job.noun);
    let (guest, number) = (found.at("guest"), found.at("job_number"));
    others.any(|job| {
        let is_other = job.job_number.map(Value::from).as_ref() != Some(number);
        is_other && Value::from(job.guest) == *guest && job.target.as_str() == target
    })
}

/// The ends that a state has; states of older versions have no `copies_to`.
fn ends_of(state: &Value) -> Ends {
    Ends { source: text(state, "source"), copies_to: text(state, "copies_to").or_else(|| text(state, "target")) }
}

fn put(object: &mut Value, ends: Ends) {
    let value = |end: Option<String>| end.map_or(Value::Null, Value::from);
    object.insert("source", value(ends.source));
    object.insert("copies_to", value(ends.copies_to));
}

fn text(object: &Value, name: &str) -> Option<String> {
    object.at(name).as_str().map(str::to_owned)
}

pub(super) fn guest(object: &Value) -> Option<i64> {
    object.at("guest").as_number().and_then(Number::as_i64)
}
