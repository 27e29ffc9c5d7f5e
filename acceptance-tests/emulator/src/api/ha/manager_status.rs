//! `manager_status`: the current files of the CRM and the LRMs.

use serde_json::{Map, Value, json};

use super::files;
use crate::world::World;

pub(super) fn read(world: &World) -> Value {
    let mut manager = Value::clone(&files::manager_status(world));
    if let Some(manager) = manager.as_object_mut() {
        manager.entry("node_status").or_insert_with(|| json!({}));
    }
    let quorate = if world.is_quorate() { "1" } else { "" };
    let mut answer = Map::from_iter([
        ("quorum".to_owned(), json!({"node": world.answering_node, "quorate": quorate})),
        ("manager_status".to_owned(), manager),
    ]);
    let lrms = lrms(world);
    if !lrms.is_empty() {
        answer.insert("lrm_status".to_owned(), Value::Object(lrms));
    }
    Value::Object(answer)
}

/// The LRM status of every node in the CRM's status; a node without one has an empty object.
pub(super) fn lrms(world: &World) -> Map<String, Value> {
    let manager = files::manager_status(world);
    let nodes = manager.get("node_status").and_then(Value::as_object);
    nodes
        .into_iter()
        .flat_map(|nodes| nodes.keys())
        .map(|node| (node.clone(), files::lrm_status(world, node).unwrap_or_else(|| json!({}))))
        .collect()
}
