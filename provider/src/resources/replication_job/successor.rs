//! The conditions under which a job can be created: checked before another one is deleted for it, and explained after
//! Proxmox has refused it.

use pve_schemas::ReplicationJob;
use pve_schemas::replication_job::{Ends, is_being_removed};
use pve_schemas::rest::Rest;
use pve_schemas::value::Entry;
use serde_json::Value as Json;

use super::{ends, removal};
use crate::client::{Collection, Error};
use crate::framework::{CREATE_FIRST, Cause, Failure, Number, Path, Value};
use crate::resources::explain;
use crate::resources::operations::OpContext;

/// A guest and the node that its copies are to go to.
struct PlannedJob {
    guest: i64,
    target: String,
}

/// What prevents the create of a job.
enum Hurdle {
    /// The guest is on the target itself. The job that copies from there, if there is one.
    OwnNode(Option<Taken>),
    /// Another replication job has the same target.
    Taken(Taken),
}

/// A job that is there.
struct Taken {
    id: String,
    copies_to: String,
}

/// Looks before `state` is deleted whether `successor` could be created afterwards, and whether the delete could be finished.
pub(super) async fn look_ahead(op: &OpContext<'_>, state: &ReplicationJob, successor: &Value) -> Result<(), Failure> {
    let id = state.key();
    let kept = "Nothing was changed: the job is kept, because it could not be created again.";
    if let Some(planned_job) = PlannedJob::of(successor) {
        let hurdle = hurdle(op, &planned_job, Some(&id)).await.map_err(|error| explain(&id, &error))?;
        if let Some(hurdle) = hurdle {
            return Err(Failure::refused(format!(
                "{id}: {} {kept}\n{}",
                hurdle.happened(&planned_job),
                hurdle.next(&planned_job)
            ))
            .at(Path::attribute("target")));
        }
    }
    if state.force_destroy == Some(true) {
        return Ok(());
    }
    let path = ReplicationJob::COLLECTION.object(&id);
    let entry = op.client().find::<Json>(&path, &op.call()).await.map_err(|error| explain(&id, &error))?;
    // A mark that is there already is not taken away by keeping the job.
    let entry = entry.filter(|entry| !is_being_removed(entry));
    let Some(mut entry) = entry else { return Ok(()) };
    if state.keep_replica == Some(true) {
        entry["remove_job"] = "local".into();
    }
    match removal::obstacle(op, &entry).await {
        Some(obstacle) => Err(Failure::refused(format!(
            "{id}: node {} is down, so Proxmox can't finish the removal of the old job, which has to precede the \
             create of the new one. Nothing was changed.\nApply again when the node is online. If it is gone for good, \
             set `force_destroy = true` and apply that first.",
            obstacle.node()
        ))),
        None => Ok(()),
    }
}

/// Waits until jobs that are being removed don't prevent `planned` any more.
pub(super) async fn make_way(op: &OpContext<'_>, planned: &Value) -> Result<(), Failure> {
    let Some(planned_job) = PlannedJob::of(planned) else { return Ok(()) };
    let own = planned
        .at("job_number")
        .as_number()
        .and_then(Number::as_i64)
        .map(|number| format!("{}-{number}", planned_job.guest));
    for entry in jobs(op, planned_job.guest).await.map_err(|error| explain(&planned_job.name(), &error))? {
        let id = entry["id"].as_str().unwrap_or_default();
        let is_same = entry["target"] == planned_job.target.as_str() || own.as_deref() == Some(id);
        if is_same && is_being_removed(&entry) {
            removal::finish(op, id, &ReplicationJob::COLLECTION.object(id)).await.map_err(|failure| Failure {
                detail: format!(
                    "{}: the new job has to wait until the job {id}, which it replaces, is removed. Nothing was created.\n{}",
                    planned_job.name(),
                    failure.detail
                ),
                ..failure
            })?;
        }
    }
    Ok(())
}

/// Names the job or the node that is the reason for the refused create.
pub(super) async fn explain_refusal(op: &OpContext<'_>, planned: &Value, failure: Failure) -> Failure {
    // Of a create that may have been carried out its own job would be named.
    let is_refused = !matches!(failure.cause, Cause::Ambiguous | Cause::Exists);
    let Some(planned_job) = PlannedJob::of(planned).filter(|_| is_refused) else { return failure };
    let Ok(Some(hurdle)) = hurdle(op, &planned_job, None).await else { return failure };
    let words = failure.detail.lines().last().filter(|line| line.starts_with("PVE: ")).unwrap_or_default();
    let detail = format!(
        "{}: {} Nothing was changed.\n{}\n{words}",
        planned_job.name(),
        hurdle.happened(&planned_job),
        hurdle.next(&planned_job)
    );
    Failure { detail: detail.trim_end().to_owned(), ..failure }.at(Path::attribute("target"))
}

async fn hurdle(op: &OpContext<'_>, planned_job: &PlannedJob, but: Option<&str>) -> Result<Option<Hurdle>, Error> {
    let guests = op.client().get::<Vec<Json>>(Collection::ClusterResources.path(), &op.call()).await?;
    let row = guests.iter().find(|row| Entry(row).integer("vmid") == Some(planned_job.guest));
    let home = row.and_then(|row| row["node"].as_str());
    let jobs = jobs(op, planned_job.guest).await?;
    let others = || {
        let others = jobs.iter().filter(|entry| !is_being_removed(entry) && entry["id"].as_str() != but);
        others.filter_map(|entry| {
            let copies_to = Ends::of(Entry(entry)).at(home).copies_to?;
            Some(Taken { id: entry["id"].as_str()?.to_owned(), copies_to })
        })
    };
    if home == Some(planned_job.target.as_str()) {
        return Ok(Some(Hurdle::OwnNode(others().next())));
    }
    Ok(others().find(|job| job.copies_to == planned_job.target).map(Hurdle::Taken))
}

async fn jobs(op: &OpContext<'_>, guest: i64) -> Result<Vec<Json>, Error> {
    let mut jobs = op.client().get::<Vec<Json>>(ReplicationJob::COLLECTION.path(), &op.call()).await?;
    jobs.retain(|entry| Entry(entry).integer("guest") == Some(guest));
    Ok(jobs)
}

impl PlannedJob {
    fn of(object: &Value) -> Option<Self> {
        Some(Self { guest: ends::guest(object)?, target: object.at("target").as_str()?.to_owned() })
    }

    fn name(&self) -> String {
        format!("guest {} to {}", self.guest, self.target)
    }
}

impl Hurdle {
    fn happened(&self, PlannedJob { guest, target }: &PlannedJob) -> String {
        match self {
            Self::OwnNode(_) => {
                format!("guest {guest} is on {target} itself, and Proxmox refuses a job to the guest's own node.")
            }
            Self::Taken(job) => {
                format!(
                    "the job {} copies guest {guest} to {target} already, and Proxmox refuses a second one.",
                    job.id
                )
            }
        }
    }

    fn next(&self, PlannedJob { target, .. }: &PlannedJob) -> String {
        let import = |id: &str| format!("import {{\n  to = pve_replication_job.<name>\n  id = {id:?}\n}}");
        match self {
            Self::OwnNode(None) => "Choose another node as `target`, or migrate the guest first.".to_owned(),
            Self::OwnNode(Some(job)) => format!(
                "Choose another node as `target`, or migrate the guest first. To manage the job {}, which copies from \
                 {target} to {}, import it if it is not in the state:\n\n{}",
                job.id,
                job.copies_to,
                import(&job.id)
            ),
            Self::Taken(job) => format!(
                "If this plan replaces {}: {CREATE_FIRST} Remove it there and apply again.\nOtherwise choose another \
                 node as `target`, or import that job:\n\n{}",
                job.id,
                import(&job.id)
            ),
        }
    }
}
