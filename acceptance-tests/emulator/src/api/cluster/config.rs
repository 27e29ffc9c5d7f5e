//! `/cluster/config`: corosync's configuration, as far as it is only read.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::error::{ApiError, ApiResult};
use crate::route::{Call, Permission, Route};
use crate::schema::formats::{Format, NODE};
use crate::schema::{Prop, Schema};
use crate::world::files::sha1_hex;
use crate::world::{Algorithm, World};

/// The answer before corosync-qdevice has connected, and how long it takes.
const QDEVICE_CONNECTS: f64 = 3.0;

pub(super) fn routes() -> Vec<Route> {
    let audit = || Permission::root(&["Sys.Audit"]);
    let node = || Prop::string().format(Format::One(NODE));
    vec![
        Route::get("/cluster/config", |_| Ok(super::index("name", "nodes totem join qdevice apiversion")))
            .permission(audit()),
        Route::get("/cluster/config/nodes", nodes).permission(audit()),
        Route::get("/cluster/config/join", join_information)
            .permission(audit())
            .params(Schema::new().opt("node", node())),
        Route::get("/cluster/config/totem", |call| Ok(totem(call.world))).permission(audit()),
        Route::get("/cluster/config/qdevice", qdevice).permission(audit()),
        Route::get("/cluster/config/apiversion", |_| Ok(json!("1"))).permission(audit()),
    ]
}

fn nodes(call: &mut Call<'_>) -> ApiResult<Value> {
    let rows = call.world.nodes.values().map(|node| {
        json!({
            "node": node.name, "name": node.name, "nodeid": node.id.to_string(), "quorum_votes": node.votes.to_string(),
            "ring0_addr": node.address,
        })
    });
    let rows = rows.collect();
    Ok(Value::Array(call.world.any_order(rows)))
}

fn totem(world: &World) -> Value {
    json!({
        "version": "2", "secauth": "on", "cluster_name": world.cluster_name,
        "config_version": world.config_version.to_string(), "ip_version": "ipv4-6", "link_mode": "passive",
        "interface": {"0": {"linknumber": "0"}},
    })
}

fn join_information(call: &mut Call<'_>) -> ApiResult<Value> {
    let world = &*call.world;
    let preferred = call.params.str("node").unwrap_or_else(|| world.answering_node.clone());
    if !world.nodes.contains_key(&preferred) {
        return Err(ApiError::die(format!("unknown node '{preferred}'")));
    }
    let nodes: Vec<Value> = world
        .nodes
        .values()
        .map(|node| {
            json!({
                "name": node.name, "nodeid": node.id.to_string(), "quorum_votes": node.votes.to_string(),
                "ring0_addr": node.address, "pve_addr": node.address, "pve_fp": node.fingerprint,
            })
        })
        .collect();
    let totem = totem(world);
    let digest = sha1_hex(totem.to_string().as_bytes());
    Ok(json!({"nodelist": nodes, "totem": totem, "preferred_node": preferred, "config_digest": digest}))
}

/// The output of corosync-qdevice-tool; empty where its daemon doesn't run.
fn qdevice(call: &mut Call<'_>) -> ApiResult<Value> {
    let world = &*call.world;
    let Some(device) = world.qdevice.as_ref().filter(|_| world.qdevice_runs(&world.answering_node)) else {
        return Ok(Value::Object(Map::new()));
    };
    let connected = world.clock.now() - device.since >= QDEVICE_CONNECTS;
    let connected = connected && world.qdevice_is_connected(&world.answering_node);
    let algorithm = match device.algorithm {
        Algorithm::Ffsplit => "Fifty-Fifty split",
        Algorithm::Lms => "LMS",
    };
    let polled = Timestamp::from_second(world.now()).unwrap_or(Timestamp::UNIX_EPOCH).to_string();
    Ok(json!({
        "Model": "Net",
        "Algorithm": algorithm,
        "Tie-breaker": "Node with lowest node ID",
        "QNetd host": format!("{}:5403", device.host),
        "State": if connected { "Connected" } else { "Connect failed" },
        "Last poll call": format!("{} (cast vote)", polled.trim_end_matches('Z')),
    }))
}
