//! `/cluster/resources`: everything at a glance, as far as the caller may see it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::api::ha::files;
use crate::api::nodes::figures;
use crate::error::ApiResult;
use crate::route::{Call, Permission, Route};
use crate::schema::{Prop, Schema};
use crate::world::{Guest, Pve, World};

pub(super) fn routes() -> Vec<Route> {
    let kind = Prop::choice(&["vm", "storage", "node", "sdn"]);
    vec![
        Route::get("/cluster/resources", resources)
            .permission(Permission::AnyUser)
            .params(Schema::new().opt("type", kind)),
    ]
}

fn resources(call: &mut Call<'_>) -> ApiResult<Value> {
    let requested = call.params.str("type");
    let all = requested.is_none();
    let is = |kind: &str| all || requested.as_deref() == Some(kind);
    let mut rows = Vec::new();
    if is("vm") {
        let states = service_states(call.world);
        let mut guests: Vec<&Guest> = call.world.guests.values().collect();
        guests.sort_by_key(|guest| guest.vmid.to_string());
        let visible = guests.into_iter().filter(|g| call.may(&format!("/vms/{}", g.vmid), &["VM.Audit"]));
        rows.extend(visible.map(|guest| guest_row(call, guest, states.get(&guest.sid()))));
    }
    if is("node") {
        rows.extend(nodes(call));
    }
    if is("storage") {
        rows.extend(storages(call));
    }
    if is("sdn") {
        rows.extend(networks(call, all));
    }
    Ok(Value::Array(rows))
}

fn guest_row(call: &Call<'_>, guest: &Guest, state: Option<&Value>) -> Value {
    let kind = guest.kind.as_str();
    let mut row = figures::guest(call.world, guest);
    row.insert("id".into(), json!(format!("{kind}/{}", guest.vmid)));
    row.insert("type".into(), json!(kind));
    row.insert("node".into(), json!(guest.node));
    row.insert("template".into(), json!(u8::from(guest.template)));
    row.insert("maxcpu".into(), json!(guest.cores));
    if let Some(pool) = call.world.access.pool_of(guest.vmid) {
        row.insert("pool".into(), json!(pool));
    }
    if call.world.profile.pve >= Pve::V9 {
        row.insert("memhost".into(), row["mem"].clone());
    }
    if !guest.tags.is_empty() {
        row.insert("tags".into(), json!(guest.tags));
    }
    if let Some(state) = state {
        row.insert("hastate".into(), json!(state));
    }
    if !call.world.is_member(&guest.node) {
        row.insert("status".into(), json!("unknown"));
    }
    Value::Object(row)
}

fn nodes(call: &mut Call<'_>) -> Vec<Value> {
    let states = node_states(call.world);
    let rows = call.world.nodes.values().map(|node| {
        let mut row = figures::node(call.world, node, call.may(&format!("/nodes/{}", node.name), &["Sys.Audit"]));
        if let Some(state) = states.get(&node.name) {
            row.insert("hastate".into(), json!(state));
        }
        Value::Object(row)
    });
    let rows = rows.collect();
    call.world.any_order(rows)
}

fn storages(call: &mut Call<'_>) -> Vec<Value> {
    let mut rows = Vec::new();
    for storage in call.world.storages() {
        let path = format!("/storage/{}", storage.id);
        if !call.may(&path, &["Datastore.Audit"]) && !call.may(&path, &["Datastore.AllocateSpace"]) {
            continue;
        }
        for node in call.world.nodes.values().filter(|n| storage.is_on(&n.name)) {
            let (total, used) = figures::storage(&storage);
            let up = call.world.is_up(&node.name);
            rows.push(json!({
                "id": format!("storage/{}/{}", node.name, storage.id), "type": "storage", "storage": storage.id,
                "node": node.name, "plugintype": storage.kind, "status": if up { "available" } else { "unknown" },
                "shared": u8::from(storage.is_shared()), "content": storage.content(), "disk": used, "maxdisk": total,
            }));
        }
    }
    call.world.any_order(rows)
}

/// The CRM's state of every service in its status, also of one that was removed since its last round; the requested state of
/// those that it has not come to yet.
fn service_states(world: &World) -> BTreeMap<String, Value> {
    let status = files::manager_status(world);
    let known = status["service_status"].as_object().into_iter().flatten();
    let known = known.map(|(sid, service)| (sid.clone(), service.get("state").cloned().unwrap_or(Value::Null)));
    let sections = files::resources(world);
    let requested = sections.list.iter().map(|s| (s.id.clone(), s.values.get("state").cloned().unwrap_or(Value::Null)));
    requested.chain(known).collect()
}

/// The CRM's state of every node in its status.
fn node_states(world: &World) -> BTreeMap<String, Value> {
    let status = files::manager_status(world);
    let nodes = status["node_status"].as_object().cloned().unwrap_or_default();
    nodes.into_iter().collect()
}

/// PVE 9 lists the zone every node has only when everything is asked for.
fn networks(call: &mut Call<'_>, all: bool) -> Vec<Value> {
    let nine = call.world.profile.pve >= Pve::V9;
    if (nine && !all) || !call.may("/sdn/zones/localnetwork", &["SDN.Audit"]) {
        return Vec::new();
    }
    let row = |node: &String| {
        let mut row = Map::new();
        let (id, kind) = if nine {
            row.insert("network".into(), json!("localnetwork"));
            row.insert("network-type".into(), json!("zone"));
            (format!("network/{node}/zone/localnetwork"), "network")
        } else {
            row.insert("sdn".into(), json!("localnetwork"));
            (format!("sdn/{node}/localnetwork"), "sdn")
        };
        row.insert("id".into(), json!(id));
        row.insert("type".into(), json!(kind));
        row.insert("node".into(), json!(node));
        row.insert("status".into(), json!("ok"));
        Value::Object(row)
    };
    let rows = call.world.nodes.keys().map(row).collect();
    call.world.any_order(rows)
}
