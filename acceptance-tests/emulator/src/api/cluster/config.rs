//! `/cluster/config`: corosync's configuration, as far as it is only read. It is what the file says, whether or not it is in use.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::error::{ApiError, ApiResult};
use crate::route::{Call, Permission, Route};
use crate::schema::formats::{Format, NODE};
use crate::schema::{Prop, Schema};
use crate::world::corosync::Member;
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
    let members = call.world.conf().map(|conf| conf.members).unwrap_or_default();
    let rows = members.iter().map(|(name, node)| {
        let mut row = member(name, node);
        row.insert("node".to_owned(), json!(name));
        Value::Object(row)
    });
    let rows = rows.collect();
    Ok(Value::Array(call.world.any_order(rows)))
}

/// What corosync.conf says of a node.
fn member(name: &str, node: &Member) -> Map<String, Value> {
    let texts = [("name", name.to_owned()), ("nodeid", node.id.to_string()), ("quorum_votes", node.votes.to_string())];
    let texts = texts.map(|(key, text)| (key.to_owned(), json!(text)));
    let links = node.links.iter().map(|(number, address)| (format!("ring{number}_addr"), json!(address)));
    texts.into_iter().chain(links).collect()
}

fn totem(world: &World) -> Value {
    world.conf().map_or(Value::Null, |conf| conf.totem())
}

fn join_information(call: &mut Call<'_>) -> ApiResult<Value> {
    let world = &*call.world;
    let Some(conf) = world.conf() else {
        return Err(ApiError::new(424, "node is not in a cluster, no join info available!"));
    };
    let preferred = call.params.str("node").unwrap_or_else(|| world.answering_node.clone());
    if !conf.members.contains_key(&preferred) {
        return Err(ApiError::die(format!("unknown node '{preferred}'")));
    }
    let nodes: Vec<Value> = conf
        .members
        .iter()
        .map(|(name, node)| {
            let mut row = member(name, node);
            let known = world.nodes.get(name);
            let address = known.map(|known| known.address.clone()).or_else(|| node.links.values().next().cloned());
            row.insert("pve_addr".to_owned(), json!(address.unwrap_or_default()));
            row.insert("pve_fp".to_owned(), json!(known.map_or("", |known| &known.fingerprint)));
            Value::Object(row)
        })
        .collect();
    let digest = sha1_hex(conf.render().as_bytes());
    Ok(json!({"nodelist": nodes, "totem": conf.totem(), "preferred_node": preferred, "config_digest": digest}))
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
