//! The queue of commands for the CRM, and what the API predicts of a command.

use serde_json::{Map, Value, json};

use crate::crm;
use crate::world::World;

/// One command a line, e.g. `migrate vm:100 pve2`; the CRM empties it once a round.
pub const CRM_COMMANDS: &str = "/etc/pve/ha/crm_commands";

/// What a move would meet.
pub(in crate::api) struct Met {
    /// The resources that come along, sorted.
    pub(in crate::api) companions: Vec<String>,
    /// What blocks it, as the API shows it.
    pub(in crate::api) blockers: Vec<Value>,
}

/// Foresees a move to a node.
pub(in crate::api) fn met(world: &World, sid: &str, node: &str) -> Met {
    let foreseen = crm::foresee(world, sid, node);
    let mut companions: Vec<String> = foreseen.companions.iter().map(|companion| (**companion).to_owned()).collect();
    companions.sort_unstable();
    let own = foreseen.is_off_limits.then(|| json!({"sid": sid, "cause": "node-affinity"}));
    let partners = foreseen.partners.iter().map(|other| json!({"sid": &**other, "cause": "resource-affinity"}));
    Met { companions, blockers: own.into_iter().chain(partners).collect() }
}

/// What PVE 9 answers to a migration: who comes along, and who is in the way. The command is queued in any case.
pub(super) fn consequences(world: &World, sid: &str, node: &str) -> Value {
    let Met { companions, blockers } = met(world, sid, node);
    let mut answer = Map::from_iter([("sid".to_owned(), json!(sid)), ("requested-node".to_owned(), json!(node))]);
    if !companions.is_empty() {
        answer.insert("comigrated-resources".to_owned(), json!(companions));
    }
    if !blockers.is_empty() {
        answer.insert("blocking-resources".to_owned(), json!(blockers));
    }
    Value::Object(answer)
}
