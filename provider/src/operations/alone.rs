//! One node out of service at a time: whether another one is, and which of two evacuations gives way.

use std::collections::BTreeSet;
use std::time::Duration;

use pve_schemas::action::NodeEvacuate;
use serde_json::Value as Json;

use super::Run;
use super::record::Record;
use crate::client::Collection;
use crate::explain::explain;
use crate::framework::{Cause, Failure};
use crate::resources::node_maintenance::{self, Asker};
use crate::simulation::live::SimulatedCluster;

/// The nodes besides `node` that are out of service, and how.
pub(super) fn others_out(live: &SimulatedCluster, node: &str) -> Vec<(String, &'static str)> {
    let others = live.nodes.iter().filter(|fact| fact.name != node);
    others
        .filter_map(|fact| {
            let problem = match fact.online {
                false => "offline",
                true if is_in_maintenance(&live.manager, &fact.name) => "in maintenance",
                true => return None,
            };
            Some((fact.name.clone(), problem))
        })
        .collect()
}

/// Whether maintenance of a node is requested, or has begun.
pub(super) fn is_in_maintenance(manager: &Json, node: &str) -> bool {
    manager["node_status"][node] == "maintenance" || manager["node_request"][node]["maintenance"].as_i64() == Some(1)
}

/// Whether `other` may be out of service during the evacuation.
pub(super) fn accepts(evacuate: &NodeEvacuate, other: &str) -> bool {
    evacuate.out_of_service.iter().flatten().any(|name| name.as_str() == other)
}

/// A failure after which maintenance continues, or may begin.
pub(super) fn requested(node: &str, failure: Failure) -> Failure {
    if failure.cause != Cause::Ambiguous {
        return failure;
    }
    let text = format!(
        "{node}: its maintenance was requested, and may begin. Run the evacuation again, or undo it with \
         `pve_node_restore`.\n{}",
        failure.detail
    );
    Failure { cause: Cause::Ambiguous, detail: text, ..failure }
}

/// Ends the maintenance that has just begun if that of another node has begun since the look: of two evacuations at the same
/// time at most one continues.
pub(super) async fn yield_to_another(evacuate: &NodeEvacuate, run: &Run<'_>) -> Result<(), Failure> {
    let node = evacuate.node.as_str();
    let answer: Json = run
        .client()
        .get(Collection::HaManagerStatus.path(), &run.call())
        .await
        .map_err(|error| Failure { cause: Cause::Ambiguous, ..explain(node, &error) })?;
    let manager = &answer["manager_status"];
    let others = manager["node_request"].as_object().into_iter().flatten().map(|(other, _)| other.as_str());
    let other = others.filter(|other| *other != node && !accepts(evacuate, other));
    let Some(other) = other.into_iter().find(|other| is_in_maintenance(manager, other)) else { return Ok(()) };
    run.say(format!("{node}: maintenance of {other} began at the same time; that of {node} ends again."));
    node_maintenance::end(&run.op, node).await?;
    node_maintenance::wait_until_ended(&run.op, node, Asker::Evacuation).await?;
    let text = format!(
        "{node}: maintenance of {other} began at the same time, so that of {node} was ended. Run the evacuation again when \
         {other} is back in service."
    );
    Err(Failure::new(Cause::Stale, text))
}

/// The same where HA is not in use, and no maintenance shows what others do: the record of an evacuation is written before its
/// first move, under a lock of the cluster. The evacuation that finds another one's record takes its own back.
pub(super) async fn yield_to_a_record(
    evacuate: &NodeEvacuate,
    run: &Run<'_>,
    recorded: &BTreeSet<String>,
) -> Result<(), Failure> {
    let node = evacuate.node.as_str();
    let others = Record::others(run, node).await;
    let other = match others {
        Ok(others) => others.into_iter().find(|other| !accepts(evacuate, other)),
        Err(failure) => {
            take_back(run, node, recorded).await?;
            return Err(failure);
        }
    };
    let Some(other) = other else { return Ok(()) };
    run.say(format!("{node}: an evacuation of {other} began at the same time; that of {node} ends."));
    take_back(run, node, recorded).await?;
    let text = format!(
        "{node}: an evacuation of {other} began at the same time, so that of {node} was ended before its first move. Run the \
         evacuation again when {other} is restored."
    );
    Err(Failure::new(Cause::Stale, text))
}

/// How long that may take, also after an interrupt.
const RECORD_GRACE: Duration = Duration::from_secs(20);

async fn take_back(run: &Run<'_>, node: &str, recorded: &BTreeSet<String>) -> Result<(), Failure> {
    let grace = run.call().grace(RECORD_GRACE);
    Record::edit(run, &grace, node, |record| record.guests.retain(|sid, _| !recorded.contains(sid))).await
}
