//! Moves of HA resources: asked of the HA manager, and watched until the resource runs on the target.

use std::collections::BTreeSet;

use pve_ha_manager::service::State;
use pve_schemas::value::{NodeName, Sid};
use serde_json::Value as Json;

use super::survey::Survey;
use super::tasks::{NodeTasks, under_way};
use super::{Outlook, Run};
use crate::client::{Collection, ErrorKind, LockDomain, Params, path};
use crate::explain::explain;
use crate::framework::{Cause, Failure, Path};
use crate::simulation::manager_status;

/// How many rounds of the HA manager a request may show no effect: one to be read, and some in which the resource waits
/// for others.
const MOST_IDLE_ROUNDS: usize = 6;

/// How an HA resource gets to the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// Live, where its type can.
    Migrate,
    /// Stopped, and started there.
    Relocate,
}

impl Manner {
    /// The name of Proxmox's call.
    fn call(self) -> &'static str {
        match self {
            Self::Migrate => "migrate",
            Self::Relocate => "relocate",
        }
    }
}

/// A move that nothing is in the way of.
#[derive(Debug, Clone)]
pub struct HaMove {
    sid: String,
    from: String,
    to: String,
    manner: Manner,
    /// HA resources in positive affinity, which move along.
    companions: Vec<String>,
    /// Those that run, and are to run on the target.
    running: BTreeSet<String>,
}

/// Where an HA resource is, by the HA manager.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Position {
    /// On this node, at rest.
    At(String),
    /// On its way, or about to be.
    Moving,
    Error,
    /// The HA manager has no such service.
    Unmanaged,
}

/// Looks at a move of `sid` to `node`. The names of the attributes are those to blame.
pub(super) fn look(
    survey: &Survey,
    (sid, sid_attribute): (&Sid, &'static str),
    node: &NodeName,
    manner: Manner,
) -> Result<Outlook<HaMove>, Failure> {
    let guest = survey.guest(sid, sid_attribute)?;
    let (sid, to) = (sid.as_str(), node.as_str());
    survey.online_node(to, "node")?;
    survey.online_node(&guest.node, sid_attribute)?;
    let mut refusals = Vec::new();
    let mut refuse = |text: String| refusals.push(Failure::refused(format!("{text} Nothing was changed.")));
    if !survey.is_quorate() {
        refuse(format!("{sid}: the cluster has no quorum, and the HA manager moves nothing."));
    }
    if survey.is_disarmed() {
        refuse(format!("{sid}: HA is disarmed, and the HA manager then loses a request to move. Arm HA first."));
    }
    let position = position(&survey.live.manager, sid);
    match &position {
        Position::Error => refuse(format!(
            "{sid}: the HA resource is in the error state, in which the HA manager does not move it. Set its state to \
             `disabled`, repair the guest, and set the state back."
        )),
        Position::Unmanaged => refuse(format!(
            "{sid}: the HA manager does not have the resource yet. Wait for its next round, 10 s, and check that it \
             has an active master."
        )),
        Position::At(_) | Position::Moving => {}
    }
    let state = survey.live.manager["node_status"][to].as_str().unwrap_or("unknown");
    if state != "online" {
        refuse(format!(
            "{to}: its state in the HA manager is {state}, and a request to move a resource there is dropped. If it is \
             in maintenance, end that first."
        ));
    }
    let motion = survey.motion(sid, to);
    if motion.is_off_limits {
        refusals.push(
            Failure::refused(format!(
                "{sid}: a rule or group of the resource forbids {to}, or prefers another node that is online, to which \
                 failback would return it. Proxmox VE 9.2.6 drops such a request, older versions undo the move in the \
                 next round. Change the rule, set `failback = false`, or empty the node by maintenance. Nothing was \
                 changed."
            ))
            .at(Path::attribute("node")),
        );
    }
    for partner in &motion.partners {
        refusals.push(
            Failure::refused(format!(
                "{sid}: {partner} is on {to}, and a rule keeps the two apart. Move {partner} first. Nothing was changed."
            ))
            .at(Path::attribute("node")),
        );
    }
    let companions: Vec<String> = motion.companions.iter().map(ToString::to_string).collect();
    let how = match (manner, guest.running) {
        (_, false) => "Move the stopped",
        (Manner::Migrate, true) => "Migrate",
        (Manner::Relocate, true) => "Stop and relocate",
    };
    let mut steps = Vec::new();
    if position != Position::At(to.to_owned()) {
        steps.push(format!("{how} HA resource {sid} from {} to {to}.", guest.node));
        if !companions.is_empty() {
            steps.push(format!("Positive affinity moves along: {}.", companions.join(", ")));
        }
    }
    let runs = |sid: &&String| survey.live.guests.get(*sid).is_some_and(|guest| guest.running);
    let sid = sid.to_owned();
    let running = std::iter::once(&sid).chain(&companions).filter(runs).cloned().collect();
    let found = HaMove { sid, from: guest.node.clone(), to: to.to_owned(), manner, companions, running };
    Ok(Outlook { steps, refusals, found })
}

impl HaMove {
    /// Asks the HA manager for the move, and waits until the resource is on the target as it was before.
    pub(super) async fn act(self, run: &Run<'_>) -> Result<(), Failure> {
        let tasks = NodeTasks::from_now(run, &self.from).await?;
        self.request(run).await?;
        run.say(format!("{}: the HA manager was asked to move it to {}.", self.sid, self.to));
        for sid in std::iter::once(&self.sid).chain(&self.companions) {
            self.arrive(run, sid, &tasks).await?;
            run.say(format!("{sid}: it is on {}.", self.to));
        }
        Ok(())
    }

    /// The HA manager ignores a second request for the same target, so that one whose response is lost is sent again.
    async fn request(&self, run: &Run<'_>) -> Result<(), Failure> {
        let call = run.call();
        let failed = |error| explain(&self.sid, &error);
        let permit = run.client().permit(LockDomain::Ha, &call).await.map_err(failed)?;
        let at = path(["cluster", "ha", "resources", &self.sid, self.manner.call()]);
        let mut params = Params::new();
        params.set("node", &self.to);
        let mut looks = call.looks("a response of the HA manager");
        loop {
            match run.client().post(&at, &params, &permit, &call).await {
                Ok(answer) => {
                    return self.refused_by(&answer).map_or_else(
                        || {
                            run.begun();
                            Ok(())
                        },
                        Err,
                    );
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

    /// Proxmox answers with success although the HA manager will drop the request.
    fn refused_by(&self, answer: &Json) -> Option<Failure> {
        let blockers: Vec<String> = answer["blocking-resources"]
            .as_array()?
            .iter()
            .map(|blocker| {
                let sid = blocker["sid"].as_str().or(blocker.as_str()).unwrap_or("an HA resource");
                format!("{sid} ({})", blocker["cause"].as_str().unwrap_or("resource-affinity"))
            })
            .collect();
        (!blockers.is_empty()).then(|| {
            Failure::refused(format!(
                "{}: the HA manager refuses {}, because of {}. Nothing was changed.",
                self.sid,
                self.to,
                blockers.join(", ")
            ))
        })
    }

    /// Waits until `sid` has arrived.
    async fn arrive(&self, run: &Run<'_>, sid: &str, tasks: &NodeTasks) -> Result<(), Failure> {
        let call = run.call();
        let mut looks = call.looks(format!("{sid} to arrive on {}", self.to));
        let mut idle = BTreeSet::new();
        loop {
            let answer: Json = run
                .client()
                .get(Collection::HaManagerStatus.path(), &call)
                .await
                .map_err(|error| self.lost(sid, &explain(sid, &error)))?;
            let manager = &answer["manager_status"];
            match position(manager, sid) {
                // The HA manager calls a service started before its node has started the guest.
                Position::At(node) if node == self.to && self.is_as_before(run, sid).await? => return Ok(()),
                Position::At(node) if node == self.to => idle.clear(),
                Position::Moving => idle.clear(),
                Position::At(node) => {
                    idle.extend(manager["timestamp"].as_i64());
                    if idle.len() > MOST_IDLE_ROUNDS {
                        return Err(self.stayed(run, sid, &node, tasks).await);
                    }
                }
                Position::Error => {
                    return Err(Failure::new(
                        Cause::Stale,
                        format!("{sid}: the move ended in the error state. Set its state to `disabled`, repair the guest, and set the state back."),
                    )
                    .summarised("The HA resource is in the error state"));
                }
                Position::Unmanaged => {
                    return Err(Failure::new(Cause::Stale, format!("{sid}: it was removed from HA during the move.")));
                }
            }
            if !looks.pause(run.pace()).await {
                return Err(under_way(sid, &format!("the move to {}", self.to)));
            }
        }
    }

    /// Whether the guest runs, if it ran before.
    async fn is_as_before(&self, run: &Run<'_>, sid: &str) -> Result<bool, Failure> {
        if !self.running.contains(sid) {
            return Ok(true);
        }
        let guests = run.guests().await.map_err(|error| self.lost(sid, &explain(sid, &error)))?;
        Ok(guests.get(sid).is_some_and(|guest| guest.running && guest.node == self.to))
    }

    /// The request is made, whatever happened to the look.
    fn lost(&self, sid: &str, failure: &Failure) -> Failure {
        Failure::new(
            Cause::Ambiguous,
            format!("{sid}: the move to {} is requested, and its progress can't be read.\n{}", self.to, failure.detail),
        )
    }

    async fn stayed(&self, run: &Run<'_>, sid: &str, node: &str, tasks: &NodeTasks) -> Failure {
        let vmid = sid.split_once(':').map_or(sid, |(_, vmid)| vmid);
        if let Some((task, text)) = tasks.failed(run, &["qmigrate", "vzmigrate"], vmid).await {
            return task.failure(run, sid, &text).await;
        }
        Failure::new(
            Cause::Stale,
            format!(
                "{sid}: it is still on {node}, after {MOST_IDLE_ROUNDS} rounds of the HA manager. The HA manager has \
                 dropped the request, or has undone the move. See its log: `journalctl -u pve-ha-crm` on the master."
            ),
        )
        .summarised("The HA resource was not moved")
    }
}

fn position(manager: &Json, sid: &str) -> Position {
    let status = manager_status(manager, []);
    let Some(service) = status.services.get(sid) else { return Position::Unmanaged };
    match service.state {
        State::Error => Position::Error,
        State::Started | State::Stopped if service.cmd.is_none() && service.target.is_none() => {
            Position::At(service.node.to_string())
        }
        _ => Position::Moving,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_service_with_a_queued_command_is_about_to_move() {
        let at = |service: Json| position(&json!({"service_status": {"vm:100": service}}), "vm:100");
        assert_eq!(at(json!({"state": "started", "node": "pve1"})), Position::At("pve1".to_owned()));
        assert_eq!(at(json!({"state": "started", "node": "pve1", "cmd": ["migrate", "pve2"]})), Position::Moving);
        assert_eq!(at(json!({"state": "migrate", "node": "pve1", "target": "pve2"})), Position::Moving);
        assert_eq!(at(json!({"state": "error", "node": "pve1"})), Position::Error);
        assert_eq!(position(&json!({}), "vm:100"), Position::Unmanaged);
    }
}
