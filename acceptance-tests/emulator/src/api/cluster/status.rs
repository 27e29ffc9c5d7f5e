//! `/cluster/status`

use serde_json::{Value, json};

use crate::error::ApiResult;
use crate::route::{Call, Permission, Route};

pub(super) fn routes() -> Vec<Route> {
    vec![Route::get("/cluster/status", status).permission(Permission::root(&["Sys.Audit"]))]
}

fn status(call: &mut Call<'_>) -> ApiResult<Value> {
    let world = &mut *call.world;
    let cluster = json!({
        "type": "cluster", "id": "cluster", "name": world.cluster_name, "nodes": world.nodes.len(),
        "version": world.config_version, "quorate": u8::from(world.is_quorate()),
    });
    let nodes = world.nodes.values().map(|node| {
        json!({
            "type": "node", "id": format!("node/{}", node.name), "name": node.name, "nodeid": node.id,
            "local": u8::from(node.name == world.answering_node), "online": u8::from(world.is_member(&node.name)),
            "ip": node.address, "level": "",
        })
    });
    let nodes = nodes.collect();
    let mut rows = if world.standalone { Vec::new() } else { vec![cluster] };
    rows.extend(world.any_order(nodes));
    Ok(Value::Array(rows))
}
