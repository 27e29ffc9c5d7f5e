//! The machine of a node, its clock and its power: `GET /nodes/{node}/time`, `POST /nodes/{node}/status`, `POST /nodes/{node}/wakeonlan`, and the start of guests after a boot.

use serde_json::{Value, json};

use super::config::NodeConfig;
use crate::api::bulk;
use crate::error::{ApiError, ApiResult};
use crate::route::{Call, Permission, Route};
use crate::schema::Prop;
use crate::world::World;

/// How long the call leaves pveproxy for its answer.
const GRACE: f64 = 2.0;
/// How long a node takes to boot.
pub(crate) const BOOT: f64 = 40.0;
/// How long after the boot pve-guests begins.
const GUESTS: i64 = 5;

pub(super) fn routes() -> Vec<Route> {
    let power = || Permission::Check("/nodes/{node}", &["Sys.PowerMgmt"]);
    let command = super::node_param().req("command", Prop::choice(&["reboot", "shutdown"]));
    let audit = Permission::Check("/nodes/{node}", &["Sys.Audit"]);
    vec![
        Route::get("/nodes/{node}/time", time).permission(audit).params(super::node_param()).proxied(),
        Route::post("/nodes/{node}/status", status).permission(power()).params(command).proxied(),
        // The node itself is off: another one sends the packet.
        Route::post("/nodes/{node}/wakeonlan", wake).permission(power()).params(super::node_param()),
    ]
}

/// All nodes have the cluster's clock, and are in UTC.
fn time(call: &mut Call<'_>) -> ApiResult {
    let now = call.world.clock.now() as i64;
    Ok(json!({"timezone": "UTC", "time": now, "localtime": now}))
}

fn status(call: &mut Call<'_>) -> ApiResult {
    let (node, reboot) = (call.params.text("node"), call.params.text("command") == "reboot");
    let at = call.world.clock.now() + GRACE;
    if let Some(node) = call.world.nodes.get_mut(&node) {
        node.shutdown_due = Some((at, reboot));
    }
    Ok(Value::Null)
}

fn wake(call: &mut Call<'_>) -> ApiResult {
    let node = call.params.text("node");
    if !call.world.nodes.contains_key(&node) {
        return Err(ApiError::die(format!("no such cluster node '{node}'")));
    }
    if node == call.world.answering_node {
        return Err(ApiError::die(format!("'{node}' is local node, cannot wake my self!")));
    }
    let Some(mac) = NodeConfig::read(call.world, &node).mac() else {
        return Err(ApiError::die(format!("No wake on LAN MAC address defined for '{node}'!")));
    };
    let at = call.world.clock.now() + BOOT;
    if let Some(node) = call.world.nodes.get_mut(&node).filter(|node| !node.up) {
        node.boots_at.get_or_insert(at);
    }
    Ok(json!(mac))
}

/// One second of the nodes: those that are due to shut down begin to, and those that have booted start their guests.
pub(crate) fn tick(world: &mut World, second: i64) {
    let due = |at: f64| at <= second as f64;
    let down = world.nodes.values().filter_map(|node| Some((node.name.clone(), node.shutdown_due?)));
    let down: Vec<(String, bool)> =
        down.filter(|(_, (at, _))| due(*at)).map(|(node, (_, reboot))| (node, reboot)).collect();
    for (node, reboot) in down {
        if let Some(entry) = world.nodes.get_mut(&node) {
            entry.shutdown_due = None;
        }
        world.shut_down(&node, reboot);
    }
    let booted: Vec<String> =
        world.nodes.values().filter(|node| node.starts_guests).map(|node| node.name.clone()).collect();
    for node in booted {
        if let Some(entry) = world.nodes.get_mut(&node) {
            entry.starts_guests = false;
        }
        let delay = NodeConfig::read(world, &node).start_delay();
        bulk::start_all(world, &node, GUESTS + delay);
    }
}
