//! `pve_replication_run`.

use std::time::Duration;

use pve_schemas::action::ReplicationRun;
use pve_schemas::value::Entry;
use serde_json::Value as Json;

use super::tasks::{clock, continues};
use super::{Operation, Outlook, Run};
use crate::call::Looks;
use crate::client::{Collection, ErrorKind, LockDomain, Params, path};
use crate::explain::explain;
use crate::framework::{Cause, Failure, Path};
use crate::resources::over_ssh::{is_online, members_now};

/// Where a job runs.
pub struct Source {
    /// The number of the guest.
    guest: String,
    node: String,
}

/// The state of a job on its source.
struct State {
    last_sync: i64,
    last_try: i64,
    is_running: bool,
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
        let vmid = job.text("guest").unwrap_or_default();
        let node = place(run, id, &vmid).await?.or_else(|| job.text("source")).unwrap_or_default();
        let target = job.text("target").unwrap_or_default();
        let members = members_now(run.client(), &run.call()).await?;
        for name in [&node, &target] {
            if !is_online(&members, name) {
                refusals.push(refuse(format!("the node {name} is not online.")));
            }
        }
        let steps = vec![format!("Replicate guest {vmid} from {node} to {target}.")];
        Ok(Outlook { steps, refusals, found: Source { guest: vmid, node } })
    }

    async fn act(&self, run: &Run<'_>, Source { guest, mut node }: Source) -> Result<(), Failure> {
        let id = self.job.as_str();
        let asked = clock(run, &node).await?;
        let call = run.call();
        let mut looks = call.looks(format!("the run of {id}"));
        schedule(run, &mut looks, id, &node).await?;
        run.say(format!("{id}: it is scheduled; Proxmox begins within a minute."));
        loop {
            let state = match State::read(run, id, &node).await {
                Ok(state) => state,
                // A guest that moves takes its job along.
                Err(failure) => match place(run, id, &guest).await {
                    Ok(Some(now)) if now != node => {
                        run.say(format!("{id}: the guest {guest} was moved to {now}; the job is scheduled there."));
                        node = now;
                        schedule(run, &mut looks, id, &node).await?;
                        continue;
                    }
                    _ if run.call().is_over() => return Err(still_runs(id)),
                    _ => return Err(failure),
                },
            };
            if state.last_sync >= asked {
                run.say(format!("{id}: the copy is complete."));
                return Ok(());
            }
            if let Some(error) = state.failed_since(asked) {
                let text = format!(
                    "{id}: the run failed. Proxmox repeats it by itself, after 5 minutes at first.\nPVE: {error}"
                );
                return Err(Failure::new(Cause::Stale, text).summarised("The replication failed"));
            }
            if !looks.pause(run.pace()).await {
                return Err(still_runs(id));
            }
        }
    }
}

fn still_runs(id: &str) -> Failure {
    continues(id, "the run", "See `pvesr status` on its source; a second run copies once more.")
}

/// To schedule a job twice is to schedule it once: a lost response is no reason to give up.
async fn schedule(run: &Run<'_>, looks: &mut Looks<'_>, id: &str, node: &str) -> Result<(), Failure> {
    let (call, failed) = (run.call(), |error| explain(id, &error));
    let permit = run.client().permit(LockDomain::ReplicationCfg, &call).await.map_err(failed)?;
    let at = path(["nodes", node, "replication", id, "schedule_now"]);
    loop {
        match run.client().post(&at, &Params::new(), &permit, &call).await {
            Ok(_) => {
                run.begun();
                return Ok(());
            }
            Err(error) if error.kind() == ErrorKind::Ambiguous => {
                // It may have been carried out, whatever becomes of the next try.
                run.begun();
                if !looks.pause(run.pace()).await {
                    return Err(failed(error));
                }
            }
            Err(error) => return Err(failed(error)),
        }
    }
}

/// The node that a guest is on, by its number; none where it is not listed.
async fn place(run: &Run<'_>, id: &str, vmid: &str) -> Result<Option<String>, Failure> {
    let guests = run.guests().await.map_err(|error| explain(id, &error))?;
    Ok(guests.into_values().find(|guest| guest.vmid.to_string() == vmid).map(|guest| guest.node))
}

impl State {
    /// The error of a run that began after `asked` and has ended. While a run is under way Proxmox still shows the error of the
    /// one before.
    fn failed_since(&self, asked: i64) -> Option<&str> {
        self.error.as_deref().filter(|_| self.last_try >= asked && !self.is_running)
    }

    fn parse(answer: &Json) -> Self {
        let entry = Entry(answer);
        let time = |name: &str| entry.integer(name).unwrap_or(0);
        Self {
            last_sync: time("last_sync"),
            last_try: time("last_try"),
            is_running: entry.integer("pid").is_some(),
            error: entry.text("error"),
        }
    }

    async fn read(run: &Run<'_>, id: &str, node: &str) -> Result<Self, Failure> {
        let at = path(["nodes", node, "replication", id, "status"]);
        let answer: Json = run.client().get(&at, &run.call()).await.map_err(|error| {
            // It is scheduled already.
            Failure { cause: Cause::Ambiguous, ..explain(id, &error) }
        })?;
        Ok(Self::parse(&answer))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_error_of_an_earlier_run_is_none_of_this_one() {
        let before = State::parse(&json!({"last_sync": 0, "last_try": 90, "error": "no space"}));
        assert_eq!(before.failed_since(100), None);
        let running = State::parse(&json!({"last_sync": 0, "last_try": 101, "pid": 7, "error": "no space"}));
        assert_eq!(running.failed_since(100), None);
        let failed = State::parse(&json!({"last_sync": 0, "last_try": 101, "error": "no route"}));
        assert_eq!(failed.failed_since(100), Some("no route"));
    }
}
