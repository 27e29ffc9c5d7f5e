//! Node maintenance: a request in the HA manager's own state, asked for by `ha-manager crm-command`, and what follows from it.

mod queue;
mod status;

use std::collections::BTreeSet;
use std::time::Duration;

use pve_schemas::NodeMaintenance;
use pve_schemas::value::NodeName;
use serde_json::Value as Json;

use self::queue::Queue;
use self::status::{Holding, Status};
use super::operations::{OpContext, simple_id};
use super::over_ssh::{ambiguous_failure, any_node, await_quorum, cluster_file, get, members, ssh_failure};
use super::ssh_resource::SshResource;
use crate::call::Looks;
use crate::client::{Collection, LockDomain};
use crate::framework::{Cause, Failure, Freshness, Path, Value};
use crate::preflight::{self, Stay};
use crate::ssh::{ClusterFile, Command, ErrorKind};
use crate::words::after_changes;

/// Who asks for a maintenance, for the words of what to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asker {
    /// `pve_node_maintenance`
    Resource,
    /// `pve_node_evacuate`
    Evacuation,
    /// `pve_node_restore`
    Restoration,
    /// `do drill`
    Drill,
}

impl Asker {
    /// What to do once the reason is gone.
    fn again(self) -> &'static str {
        match self {
            Self::Resource => "apply again",
            Self::Evacuation => "run the evacuation again",
            Self::Restoration => "run the restoration again",
            Self::Drill => "run the drill again",
        }
    }

    /// How to continue where services do not leave.
    fn continues(self) -> &'static str {
        match self {
            Self::Resource => "Apply again to continue waiting, or set `wait_for_evacuation = false`.",
            Self::Evacuation => "Run the evacuation again to continue waiting, or end it with `pve_node_restore`.",
            Self::Restoration => "Run the restoration again to continue waiting.",
            Self::Drill => "Run the drill again.",
        }
    }

    /// How HA is armed.
    fn arms(self) -> &'static str {
        match self {
            Self::Resource => "`ha-manager crm-command arm-ha`",
            Self::Evacuation | Self::Restoration | Self::Drill => "`pve_ha_arm`, or `do arm`",
        }
    }
}

/// How long the HA manager may take to notice a request: a round, or the change of its master before.
const NOTICE: Duration = Duration::from_mins(4);

impl SshResource for NodeMaintenance {
    fn id(object: &Value) -> Option<String> {
        object.at("node").as_str().map(str::to_owned)
    }

    fn parse_id(id: &str) -> Result<Value, String> {
        simple_id("node", NodeName::FORMAT, id)
    }

    fn needs_repair(object: &Value) -> Option<&'static str> {
        let waits = object.at("wait_for_evacuation") != &Value::Bool(false);
        (waits && object.at("evacuated") == &Value::Bool(false)).then_some("evacuated")
    }

    async fn find(
        op: &OpContext<'_>,
        object: &Value,
        freshness: Freshness,
    ) -> Result<Option<(Self, Option<String>)>, Failure> {
        let node = object.at("node").as_str().unwrap_or_default();
        let (status, is_asked_for) = match freshness {
            // The queue first: what the HA manager takes from it meanwhile is in the status then.
            Freshness::Fresh | Freshness::Written => {
                let is_asked_for = queue(op, node, freshness).await?.asks_for(node);
                (status(op, node).await?, is_asked_for)
            }
            Freshness::Shared => {
                let status = shared_status(op, node).await?;
                let is_asked_for = !status.is_requested(node) && queue(op, node, freshness).await?.asks_for(node);
                (status, is_asked_for)
            }
        };
        if !status.is_requested(node) && !is_asked_for {
            return Ok(None);
        }
        let node: NodeName = node.parse().map_err(|e| Failure::refused(format!("{node:?}: {e}.")))?;
        Ok(Some((in_maintenance(node, &status), None)))
    }

    async fn create(op: &OpContext<'_>, planned: &Self) -> Result<(), Failure> {
        begin(op, planned.node.as_str(), Asker::Resource).await
    }

    /// Nothing of it can be changed; what there is to do is the waiting.
    async fn update(_: &OpContext<'_>, _: &Self, _: Option<&str>, _: &Self) -> Result<(), Failure> {
        Ok(())
    }

    async fn delete(op: &OpContext<'_>, state: &Self) -> Result<(), Failure> {
        let node = state.node.as_str();
        if !members(op).await?.iter().any(|member| member.name == node) {
            return Err(Failure::new(Cause::Absent, format!("{node} is no longer a node of the cluster.")));
        }
        // Also where nothing shows a maintenance: the HA manager may be about to take the request, and to end what isn't is
        // nothing to it.
        end(op, node).await
    }

    async fn list(op: &OpContext<'_>) -> Result<Vec<Self>, Failure> {
        let queue = queue(op, "the HA manager", Freshness::Shared).await?;
        let status = status(op, "the HA manager").await?;
        let mut nodes = [status.requested(), queue.asked_for()].concat();
        nodes.sort_unstable();
        nodes.dedup();
        let nodes = nodes.into_iter().filter_map(|node| node.parse::<NodeName>().ok());
        Ok(nodes.map(|node| in_maintenance(node, &status)).collect())
    }

    async fn wait_ready(op: &OpContext<'_>, object: &Self) -> Result<(), Failure> {
        if object.wait_for_evacuation == Some(false) {
            return Ok(());
        }
        wait_until_empty(op, object.node.as_str(), Asker::Resource).await
    }

    async fn wait_deleted(op: &OpContext<'_>, state: &Self) -> Result<(), Failure> {
        wait_until_ended(op, state.node.as_str(), Asker::Resource).await
    }
}

/// Puts a node into maintenance; the HA manager has accepted it when this ends.
pub(crate) async fn begin(op: &OpContext<'_>, node: &str, asker: Asker) -> Result<(), Failure> {
    let status = status(op, node).await?;
    refuse_what_would_be_ignored(op, node, &status, asker).await?;
    request(op, "enable", node).await?;
    accepted(op, node, asker).await
}

/// Ends the maintenance of a node.
pub(crate) async fn end(op: &OpContext<'_>, node: &str) -> Result<(), Failure> {
    request(op, "disable", node).await
}

/// Waits until no HA service is active on a node in maintenance.
pub(crate) async fn wait_until_empty(op: &OpContext<'_>, node: &str, asker: Asker) -> Result<(), Failure> {
    let mut rest = Rest::default();
    let call = op.call();
    let mut looks = call.looks(format!("HA services to leave {node}"));
    loop {
        let status = status(op, node).await.map_err(after(node, "maintenance"))?;
        let holds = status.holds(node);
        if holds.is_empty() && (status.is_in_maintenance(node) || status.is_down(node)) {
            warn_of_broken(op, node, &status);
            tracing::info!(node, "no HA service is left on the node");
            return Ok(());
        }
        if rest.look(&status, status.is_requested(node), &holds) > MAX_IDLE_LOOKS {
            let stays = preflight::stays_on(op.client(), &call, node).await;
            return Err(stuck(node, &status, asker, &holds, &stays.unwrap_or_default()));
        }
        pause(op, &mut looks, || stuck(node, &status, asker, &holds, &[])).await?;
    }
}

/// The HA resources that are active on a node, or on their way to it, in words, as the HA manager's status shows them.
pub(crate) fn holders(manager: &Json, node: &str) -> Vec<String> {
    Status::of(manager).holds(node).iter().map(ToString::to_string).collect()
}

/// Waits until the HA manager has ended the maintenance of a node.
pub(crate) async fn wait_until_ended(op: &OpContext<'_>, node: &str, asker: Asker) -> Result<(), Failure> {
    let call = op.call();
    let mut looks = call.looks(format!("the maintenance of {node} to end"));
    loop {
        let status = status(op, node).await.map_err(after(node, "the end of its maintenance"))?;
        if !status.is_requested(node) && status.is_online(node) {
            return Ok(());
        }
        if !status.is_requested(node) && status.is_down(node) {
            op.cx.warn(
                "The node is not online",
                format!(
                    "{node}: its maintenance has ended, but the node is down. It joins HA again when it is online."
                ),
            );
            return Ok(());
        }
        pause(op, &mut looks, || {
            Failure::refused(format!(
                "{node}: the end of its maintenance was requested, but its state in the HA manager is still {}. \
                 See `pve_ha_status`: a request needs an active master. Then {}.",
                status.state(node),
                asker.again()
            ))
        })
        .await?;
    }
}

/// A failed look, after `what` was requested.
fn after(node: &str, what: &str) -> impl Fn(Failure) -> Failure {
    move |failure| Failure {
        detail: format!("{node}: {what} was requested. Its effect is unknown:\n{}", after_changes(&failure.detail)),
        ..failure
    }
}

/// How many rounds of the HA manager nothing may move before the wait is given up: some more than a service may wait for a
/// place among those that are moved at the same time.
const MAX_IDLE_LOOKS: usize = 6;

/// For how long nothing has moved.
#[derive(Default)]
struct Rest {
    holds: Vec<Holding>,
    rounds: BTreeSet<i64>,
}

impl Rest {
    /// Counts the rounds in which the same services stay, none of them on its way.
    fn look(&mut self, status: &Status, is_asked_for: bool, holds: &[Holding]) -> usize {
        if holds != self.holds || holds.is_empty() || !is_asked_for || !holds.iter().all(Holding::is_at_rest) {
            self.holds = holds.to_vec();
            self.rounds.clear();
        }
        self.rounds.extend(status.round());
        self.rounds.len()
    }
}

/// The maintenance of a node, as an import finds it: one that waits for nothing where the node is not empty.
fn in_maintenance(node: NodeName, status: &Status) -> NodeMaintenance {
    let is_empty = status.is_requested(node.as_str()) && status.holds(node.as_str()).is_empty();
    NodeMaintenance { node, wait_for_evacuation: (!is_empty).then_some(false), evacuated: Some(is_empty) }
}

/// What the HA manager has been asked for and has not taken yet.
async fn queue(op: &OpContext<'_>, object: &str, freshness: Freshness) -> Result<Queue, Failure> {
    // Without SSH nothing can have been asked for by us.
    if op.ssh().is_err() {
        return Ok(Queue::default());
    }
    let file = ClusterFile::new(queue::PATH, LockDomain::Ha.lock_name());
    let text = cluster_file(op, object, &file, freshness).await?;
    Ok(Queue::new(&text.unwrap_or_default()))
}

async fn status(op: &OpContext<'_>, node: &str) -> Result<Status, Failure> {
    get(op, node, Collection::HaManagerStatus).await.map(|answer| Status::new(&answer))
}

async fn shared_status(op: &OpContext<'_>, node: &str) -> Result<Status, Failure> {
    let list = op.client().list(Collection::HaManagerStatus, &op.call()).await;
    let answer: Json = list.and_then(|list| list.object()).map_err(|error| super::explain(node, &error))?;
    Ok(Status::new(&answer))
}

async fn request(op: &OpContext<'_>, what: &str, node: &str) -> Result<(), Failure> {
    let host = any_node(&members(op).await?, None)?.to_owned();
    let command = Command::new("ha-manager").args(["crm-command", "node-maintenance", what, node]);
    let (ssh, call) = (op.ssh()?, op.call());
    // The request is written to a file that the lock of all HA configuration guards.
    let _permit = op.client().permit(LockDomain::Ha, &call).await.map_err(|error| super::explain(node, &error))?;
    loop {
        let output = ssh.run(&host, &command, &call).await.map_err(ssh_failure(node))?;
        match output.success() {
            Ok(_) => return Ok(()),
            // ha-manager waits 10 s for that lock, and has done nothing then.
            Err(error) if error.kind() == ErrorKind::Locked && !call.is_over() => {
                tracing::warn!(node, reason = error.message(), "asking again");
                let _ = call.bound(tokio::time::sleep(op.configured.pace)).await;
            }
            Err(error) if error.kind() == ErrorKind::NoQuorum => await_quorum(op, node, error).await?,
            Err(error) => return Err(ambiguous_failure(node)(error)),
        }
    }
}

/// The HA manager only logs such requests and drops them.
async fn refuse_what_would_be_ignored(
    op: &OpContext<'_>,
    node: &str,
    status: &Status,
    asker: Asker,
) -> Result<(), Failure> {
    let members = members(op).await?;
    let Some(member) = members.iter().find(|member| member.name == node) else {
        let names = members.iter().map(|member| member.name.as_str()).collect::<Vec<_>>().join(", ");
        return Err(Failure::refused(format!(
            "{node}: the cluster has no such node. Its nodes are {names}. Nothing was changed."
        ))
        .at(Path::attribute("node")));
    };
    if !member.online {
        return Err(Failure::refused(format!(
            "{node}: it is not online, and the HA manager puts only online nodes into maintenance. Nothing was changed."
        ))
        .at(Path::attribute("node")));
    }
    if status.is_disarmed() {
        return Err(Failure::refused(format!(
            "{node}: HA is disarmed on this cluster, and the HA manager then puts no node into maintenance. Nothing \
             was changed.\nArm HA again first: {}.",
            asker.arms()
        )));
    }
    Ok(())
}

/// Waits until the HA manager has accepted the request. It is on its way, so that running out of time leaves its fate open.
async fn accepted(op: &OpContext<'_>, node: &str, asker: Asker) -> Result<(), Failure> {
    let end = tokio::time::Instant::now() + NOTICE;
    let failed = || {
        let text = format!(
            "{node}: The HA manager has not accepted the request yet. The request needs an active master; see \
             `pve_ha_status`, then {}.",
            asker.again()
        );
        Failure::new(Cause::Ambiguous, text)
    };
    // It is asked for already: whatever happens from here on, the maintenance may begin.
    let open = |failure: Failure| Failure { cause: Cause::Ambiguous, ..failure };
    let call = op.call();
    let mut looks = call.looks("the HA manager to take a request");
    while !status(op, node).await.map_err(open)?.is_requested(node) {
        if tokio::time::Instant::now() >= end {
            return Err(failed());
        }
        pause(op, &mut looks, failed).await?;
    }
    Ok(())
}

/// Waits until it is time for another look, or fails because the operation ends before.
async fn pause(op: &OpContext<'_>, looks: &mut Looks<'_>, over: impl FnOnce() -> Failure) -> Result<(), Failure> {
    if looks.pause(op.configured.pace).await { Ok(()) } else { Err(over()) }
}

fn stuck(node: &str, status: &Status, asker: Asker, holds: &[Holding], stays: &[Stay]) -> Failure {
    let what = if holds.is_empty() {
        format!("its state in the HA manager is still {}, although no HA service is on it", status.state(node))
    } else {
        format!("HA services are still on it:\n{}", listed(holds, stays))
    };
    Failure::refused(format!(
        "{node}: its maintenance is requested and continues, but {what}\nA service that stays `started` may run on no \
         other node that is online: check its rules or group, and the memory of the other nodes. {}",
        asker.continues()
    ))
}

fn listed(holds: &[Holding], stays: &[Stay]) -> String {
    let line = |holding: &Holding| match stays.iter().find(|stay| *stay.sid == *holding.sid()) {
        Some(stay) => format!("- {holding}, and has no other node to run on that is online: {}", stay.reason()),
        None => format!("- {holding}"),
    };
    holds.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn warn_of_broken(op: &OpContext<'_>, node: &str, status: &Status) {
    let broken = status.broken(node);
    if broken.is_empty() {
        return;
    }
    op.cx.warn(
        "HA resources in the error state stay on the node",
        format!(
            "{node}: the HA manager doesn't move {}. Their guests may still run there: check before you shut the node \
             down.",
            broken.join(", ")
        ),
    );
}
