//! `pve_ha_arm`, `pve_ha_disarm`.

use std::time::Duration;

use pve_schemas::action::{DisarmMode, HaArm, HaDisarm};
use pve_schemas::value;
use serde_json::Value as Json;

use super::tasks::under_way;
use super::{Operation, Outlook, Run};
use crate::call::Call;
use crate::client::{Collection, Error, ErrorKind, LockDomain, Params};
use crate::explain::explain;
use crate::framework::{Cause, Failure, Path};
use crate::resources::over_ssh::members_now;

/// What the requests are about, in messages.
const HA: &str = "HA";

const ARM: &str = "/cluster/ha/status/arm-ha";
const DISARM: &str = "/cluster/ha/status/disarm-ha";

/// How long arming may take after an interrupted wait: some rounds of the HA manager.
const ARM_GRACE: Duration = Duration::from_mins(2);

/// `armed-state` of the fencing row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Armed, or in standby where no HA resource is active.
    Armed,
    Disarming,
    Disarmed,
}

impl State {
    /// What leads to it.
    fn way(self) -> &'static str {
        if self == Self::Armed { "arming" } else { "disarming" }
    }
}

/// What `/cluster/ha/status/current` says of it.
struct Status {
    state: State,
    mode: Option<String>,
    /// HA resources that the HA manager manages.
    services: usize,
    /// HA resources whose move or recovery comes first.
    busy: Vec<String>,
}

impl Operation for HaArm {
    type Found = ();
    const TIMEOUT: Duration = Duration::from_mins(10);

    async fn look(&self, run: &Run<'_>) -> Result<Outlook<()>, Failure> {
        let status = Status::read(run, &run.call()).await?;
        let steps = match status.state {
            State::Armed => Vec::new(),
            _ => vec![format!("Arm HA: it protects {} HA resources again.", status.services)],
        };
        Ok(Outlook { steps, refusals: Vec::new(), found: () })
    }

    async fn act(&self, run: &Run<'_>, (): ()) -> Result<(), Failure> {
        arm(run, &run.call()).await
    }
}

impl Operation for HaDisarm {
    type Found = ();

    fn lasts(&self) -> Duration {
        pause(self).unwrap_or_default()
    }

    async fn look(&self, run: &Run<'_>) -> Result<Outlook<()>, Failure> {
        let status = Status::read(run, &run.call()).await?;
        let mode = self.mode.as_str();
        let mut refusals = Vec::new();
        let is_disarmed = status.state != State::Armed;
        if is_disarmed && status.mode.as_deref().is_some_and(|set| set != mode) {
            let text = format!(
                "HA: it is disarmed already, with the mode {}. The HA manager ignores a second request. Arm HA first. \
                 Nothing was changed.",
                status.mode.as_deref().unwrap_or_default()
            );
            refusals.push(Failure::refused(text).at(Path::attribute("mode")));
        }
        let effect = match self.mode {
            DisarmMode::Freeze => "they stay as they are",
            DisarmMode::Ignore => "they are managed as guests without HA",
        };
        let mut steps = Vec::new();
        if status.state == State::Armed {
            steps.push(format!(
                "Disarm HA: no node is fenced, nothing is recovered. HA resources: {}; {effect}.",
                status.services
            ));
            if !status.busy.is_empty() {
                steps.push(format!("Wait until the HA manager has moved or recovered {}.", status.busy.join(", ")));
            }
        } else if status.state == State::Disarming {
            steps.push("Wait until HA is disarmed.".to_owned());
        }
        if let Some(duration) = &self.duration {
            steps.push(format!("Arm HA again after {duration}."));
        }
        Ok(Outlook { steps, refusals, found: () })
    }

    async fn act(&self, run: &Run<'_>, (): ()) -> Result<(), Failure> {
        let call = run.call();
        let mut params = Params::new();
        params.set("resource-mode", self.mode.as_str());
        let disarmed = match request(run, DISARM, &params, &call).await {
            Ok(()) => {
                run.say("The HA manager was asked to disarm HA.");
                reach(run, State::Disarmed, &call).await
            }
            // The response is lost: it may be disarmed all the same.
            Err(failure) if failure.cause == Cause::Ambiguous => Err(failure),
            Err(failure) => return Err(failure),
        };
        if disarmed.is_ok() {
            run.say("HA is disarmed: no watchdog is active.");
        }
        let Some(pause) = pause(self) else { return disarmed };
        if disarmed.is_ok() && call.bound(tokio::time::sleep(pause)).await.is_ok() {
            await_members(run, &call).await;
            let armed = arm(run, &call).await;
            if armed.is_ok() || !call.is_over() {
                return armed.map_err(still_disarmed);
            }
        }
        // Whatever ended the wait, the cluster must not stay without HA.
        run.say("The wait has ended early: HA is armed again at once.");
        arm(run, &call.grace(ARM_GRACE)).await.map_err(still_disarmed)?;
        let why = disarmed.err().map_or(String::new(), |failure| format!("\n{}", failure.detail));
        let text = format!("HA: the wait has ended early. HA is armed again.{why}");
        Err(Failure::new(Cause::Stale, text).summarised("HA was armed early"))
    }
}

/// Waits for nodes that are offline: HA that is armed while they are cut off has them fenced.
async fn await_members(run: &Run<'_>, call: &Call) {
    let mut looks = call.looks("all nodes to be online");
    let mut said = Vec::new();
    loop {
        let members = members_now(run.client(), call).await.unwrap_or_default();
        let is_known = !members.is_empty();
        let offline: Vec<String> =
            members.into_iter().filter(|member| !member.online).map(|member| member.name).collect();
        if offline.is_empty() && is_known {
            return;
        }
        if offline != said {
            run.say(format!("HA stays disarmed while nodes are offline: {}.", offline.join(", ")));
            said.clone_from(&offline);
        }
        if !looks.pause(run.pace()).await {
            run.cx.warn(
                "HA was armed while nodes are offline",
                format!(
                    "HA: {} did not come back in time. The HA manager fences nodes that stay away.",
                    said.join(", ")
                ),
            );
            return;
        }
    }
}

/// A failure to arm, with what that means.
fn still_disarmed(failure: Failure) -> Failure {
    let detail = format!("{}\nHA may still be disarmed: run `pve_ha_arm`, and see `pve_ha_status`.", failure.detail);
    Failure { cause: Cause::Ambiguous, detail, ..failure }
}

/// After how long HA is armed again.
fn pause(disarm: &HaDisarm) -> Option<Duration> {
    disarm.duration.as_deref().and_then(value::timeout)
}

async fn arm(run: &Run<'_>, call: &Call) -> Result<(), Failure> {
    request(run, ARM, &Params::new(), call).await?;
    run.say("The HA manager was asked to arm HA.");
    reach(run, State::Armed, call).await?;
    run.say("HA is armed.");
    Ok(())
}

/// The HA manager ignores a second request, so that one whose response is lost is sent again.
async fn request(run: &Run<'_>, path: &str, params: &Params, call: &Call) -> Result<(), Failure> {
    let permit = run.client().permit(LockDomain::Ha, call).await.map_err(|error| failed(&error))?;
    let mut looks = call.looks("a response of the HA manager");
    loop {
        match run.client().post(path, params, &permit, call).await {
            Ok(_) => {
                run.begun();
                return Ok(());
            }
            Err(error) if error.kind() == ErrorKind::Ambiguous => {
                // It may have been carried out, whatever becomes of the next try.
                run.begun();
                if !looks.pause(run.pace()).await {
                    return Err(failed(&error));
                }
            }
            Err(error) => return Err(failed(&error)),
        }
    }
}

async fn reach(run: &Run<'_>, goal: State, call: &Call) -> Result<(), Failure> {
    let what = if goal == State::Armed { "HA to be armed" } else { "HA to be disarmed" };
    let mut looks = call.looks(what);
    let mut said = Vec::new();
    loop {
        let status = match Status::read(run, call).await {
            Ok(status) => status,
            Err(_) if call.is_over() => return Err(under_way(HA, goal.way())),
            Err(failure) => return Err(Failure { cause: Cause::Ambiguous, ..failure }),
        };
        if status.state == goal {
            return Ok(());
        }
        if !status.busy.is_empty() && status.busy != said {
            run.say(format!("The HA manager first moves or recovers {}.", status.busy.join(", ")));
            said = status.busy;
        }
        if !looks.pause(run.pace()).await {
            return Err(under_way(HA, goal.way()));
        }
    }
}

fn failed(error: &Error) -> Failure {
    if error.kind() == ErrorKind::NotImplemented {
        return Failure::refused(format!(
            "HA: this version of Proxmox VE can't disarm HA; pve-ha-manager 5.1.3 can. Nothing was changed.\n{}",
            error.quote()
        ));
    }
    explain(HA, error)
}

impl Status {
    async fn read(run: &Run<'_>, call: &Call) -> Result<Self, Failure> {
        let rows: Vec<Json> =
            run.client().get(Collection::HaStatus.path(), call).await.map_err(|error| explain(HA, &error))?;
        Self::parse(&rows).ok_or_else(|| {
            Failure::refused(
                "HA: this version of Proxmox VE can't disarm HA; pve-ha-manager 5.1.3 can. Nothing was changed.",
            )
        })
    }

    fn parse(rows: &[Json]) -> Option<Self> {
        let fencing = rows.iter().find(|row| row["type"] == "fencing")?;
        let services = || rows.iter().filter(|row| row["type"] == "service");
        let is_busy = |row: &&Json| {
            matches!(
                row["crm_state"].as_str().or(row["state"].as_str()),
                Some("migrate" | "relocate" | "fence" | "recovery")
            )
        };
        Some(Self {
            state: match fencing["armed-state"].as_str() {
                Some("disarmed") => State::Disarmed,
                Some("disarming") => State::Disarming,
                _ => State::Armed,
            },
            mode: fencing["resource_mode"].as_str().map(str::to_owned),
            services: services().count(),
            busy: services().filter(is_busy).filter_map(|row| row["sid"].as_str()).map(str::to_owned).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_fencing_row_has_the_state() {
        let rows = |armed: Json| {
            vec![
                json!({"type": "quorum"}),
                armed,
                json!({"type": "service", "sid": "vm:100", "state": "started", "crm_state": "started"}),
                json!({"type": "service", "sid": "vm:101", "state": "recovery", "crm_state": "recovery"}),
            ]
        };
        let status = Status::parse(&rows(json!({"type": "fencing", "armed-state": "standby"}))).unwrap();
        assert_eq!((status.state, status.services, status.busy), (State::Armed, 2, vec!["vm:101".to_owned()]));
        let disarmed = json!({"type": "fencing", "armed-state": "disarmed", "resource_mode": "freeze"});
        let status = Status::parse(&rows(disarmed)).unwrap();
        assert_eq!((status.state, status.mode.as_deref()), (State::Disarmed, Some("freeze")));
        assert!(Status::parse(&[json!({"type": "quorum"})]).is_none(), "an older HA manager has no such row");
    }
}
