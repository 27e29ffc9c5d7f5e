//! The cluster resource manager and the local ones, on the cluster's clock.

use serde_json::json;

use crate::world::World;
use crate::world::seed::Initial;

/// `manager_status`, the CRM master's own view, as JSON text.
pub const MANAGER_STATUS: &str = "/etc/pve/ha/manager_status";

/// The CRM's state that stands in no file.
#[derive(Debug, Default)]
pub struct Crm {}

/// The path of a node's LRM status, as JSON text.
#[must_use]
pub fn lrm_status(node: &str) -> String {
    format!("/etc/pve/nodes/{node}/lrm_status")
}

/// Writes the status files of a cluster that starts.
pub fn initialise(world: &mut World, initial: Initial) {
    if initial == Initial::Fresh {
        return;
    }
    let now = world.now();
    let nodes: Vec<String> = world.nodes.keys().cloned().collect();
    let states: serde_json::Map<_, _> = nodes.iter().map(|n| (n.clone(), json!("online"))).collect();
    let master = nodes.first().cloned().unwrap_or_default();
    let status = json!({"master_node": master, "timestamp": now, "node_status": states, "service_status": {}});
    world.write_file(MANAGER_STATUS, status.to_string());
    for node in nodes {
        let status = json!({"state": "active", "mode": "active", "timestamp": now, "results": {}});
        world.write_file(&lrm_status(&node), status.to_string());
    }
}

/// One second of the managers' life.
pub fn tick(_world: &mut World, _second: i64) {}

/// Puts a cluster back to before its HA groups were migrated to rules: one group that some node list stands in.
pub fn leave_unmigrated(world: &mut World) {
    const GROUPS: &str = "/etc/pve/ha/groups.cfg";
    if world.file_opt(GROUPS).is_none() {
        let nodes: Vec<String> = world.nodes.keys().cloned().collect();
        world.write_file(GROUPS, format!("group: legacy\n\tnodes {}\n\n", nodes.join(",")));
    }
}
