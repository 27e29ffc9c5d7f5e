//! `pve_replication_run`.

use std::time::Duration;

use pve_schemas::action::ReplicationRun;
use pve_schemas::value::Entry;
use serde_json::Value as Json;

use super::tasks::{clock, under_way};
use super::{Operation, Outlook, Run};
use crate::client::{Collection, ErrorKind, LockDomain, Params, path};
use crate::explain::explain;
use crate::framework::{Cause, Failure, Path};

/// Where a job runs.
pub struct Source {
    node: String,
}

/// The state of a job on its source.
struct State {
    last_sync: i64,
    last_try: i64,
    error: Option<String>,
}

impl Operation for ReplicationRun {
    type Found = Source;
    const TIMEOUT: Duration = Duration::from_hours(1);

    async fn look(&self, run: &Run<'_>) -> Result<Outlook<Source>, Failure> {
        let id = self.job.as_str();
        let failed = |error| explain(id, &error);
        let jobs: Vec<Json> =
            run.client().get(Collection::ReplicationJobs.path(), &run.call()).await.map_err(failed)?;
        let refuse =
            |text: String| Failure::refused(format!("{id}: {text} Nothing was changed.")).at(Path::attribute("job"));
        let Some(job) = jobs.iter().map(Entry).find(|job| job.text("id").as_deref() == Some(id)) else {
            return Err(refuse(
                "there is no such replication job, or the user has no VM.Audit on its guest.".to_owned(),
            ));
        };
        let mut refusals = Vec::new();
        if job.flag("disable") == Some(true) {
            refusals.push(refuse("it is disabled, and Proxmox does not run it.".to_owned()));
        }
        if job.text("remove_job").is_some() {
            refusals.push(refuse("it is being removed.".to_owned()));
        }
        let rows: Vec<Json> = run
            .client()
            .get_with(Collection::Guests.path(), &Collection::Guests.query(), &run.call())
            .await
            .map_err(failed)?;
        let vmid = job.text("guest").unwrap_or_default();
        let guest = rows.iter().map(Entry).find(|row| row.text("vmid").as_deref() == Some(vmid.as_str()));
        let node = guest.and_then(|guest| guest.text("node")).or_else(|| job.text("source")).unwrap_or_default();
        let target = job.text("target").unwrap_or_default();
        let members: Vec<Json> =
            run.client().get(Collection::ClusterStatus.path(), &run.call()).await.map_err(failed)?;
        for name in [&node, &target] {
            if !members.iter().any(|row| row["name"] == name.as_str() && row["online"] == 1) {
                refusals.push(refuse(format!("the node {name} is not online.")));
            }
        }
        let steps = vec![format!("Replicate guest {vmid} from {node} to {target}.")];
        Ok(Outlook { steps, refusals, found: Source { node } })
    }

    async fn act(&self, run: &Run<'_>, Source { node }: Source) -> Result<(), Failure> {
        let (id, call) = (self.job.as_str(), run.call());
        let failed = |error| explain(id, &error);
        let asked = clock(run, &node).await?;
        let permit = run.client().permit(LockDomain::ReplicationCfg, &call).await.map_err(failed)?;
        let schedule = path(["nodes", &node, "replication", id, "schedule_now"]);
        let mut looks = call.looks(format!("the run of {id}"));
        // To schedule a job twice is to schedule it once: a lost response is no reason to give up.
        loop {
            match run.client().post(&schedule, &Params::new(), &permit, &call).await {
                Ok(_) => break,
                Err(error) if error.kind() == ErrorKind::Ambiguous && looks.pause(run.pace()).await => {}
                Err(error) => return Err(failed(error)),
            }
        }
        drop(permit);
        run.say(format!("{id}: it is scheduled; Proxmox begins within a minute."));
        loop {
            let state = State::read(run, id, &node).await?;
            if state.last_sync >= asked {
                run.say(format!("{id}: the copy is complete."));
                return Ok(());
            }
            if let Some(error) = state.error.filter(|_| state.last_try >= asked) {
                let text = format!(
                    "{id}: the run failed. Proxmox repeats it by itself, after 5 minutes at first.\nPVE: {error}"
                );
                return Err(Failure::new(Cause::Stale, text).summarised("The replication failed"));
            }
            if !looks.pause(run.pace()).await {
                return Err(under_way(id, "the run"));
            }
        }
    }
}

impl State {
    async fn read(run: &Run<'_>, id: &str, node: &str) -> Result<Self, Failure> {
        let at = path(["nodes", node, "replication", id, "status"]);
        let answer: Json = run.client().get(&at, &run.call()).await.map_err(|error| {
            // It is scheduled already.
            Failure { cause: Cause::Ambiguous, ..explain(id, &error) }
        })?;
        let entry = Entry(&answer);
        let time = |name: &str| entry.integer(name).unwrap_or(0);
        Ok(Self { last_sync: time("last_sync"), last_try: time("last_try"), error: entry.text("error") })
    }
}
