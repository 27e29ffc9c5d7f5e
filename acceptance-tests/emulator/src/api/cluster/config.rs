//! `/cluster/config`: corosync's configuration.

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
    let votes = || Prop::integer().min(0.0);
    let link = || Prop::string();
    let mut create = Schema::new()
        .req("clustername", node().max_length(15))
        .opt("nodeid", Prop::integer().min(1.0))
        .opt("votes", Prop::integer().min(1.0))
        .opt("token-coefficient", Prop::integer().min(0.0));
    let mut join = Schema::new()
        .req("hostname", Prop::string())
        .req("fingerprint", Prop::string().pattern("([A-Fa-f0-9]{2}:){31}[A-Fa-f0-9]{2}"))
        .req("password", Prop::string().max_length(128))
        .opt("nodeid", Prop::integer().min(1.0))
        .opt("votes", votes())
        .opt("force", Prop::boolean());
    let mut add = Schema::new()
        .req("node", node())
        .opt("nodeid", Prop::integer().min(1.0))
        .opt("votes", votes())
        .opt("force", Prop::boolean())
        .opt("new_node_ip", Prop::string())
        .opt("apiversion", Prop::integer());
    for name in ["link0", "link1", "link2", "link3", "link4", "link5", "link6", "link7"] {
        create = create.opt(name, link());
        join = join.opt(name, link());
        add = add.opt(name, link());
    }
    vec![
        Route::get("/cluster/config", |_| Ok(super::index("name", "nodes totem join qdevice apiversion")))
            .permission(audit()),
        Route::post("/cluster/config", create_cluster).params(create),
        Route::get("/cluster/config/nodes", nodes).permission(audit()),
        Route::post("/cluster/config/nodes/{node}", add_node).params(add),
        Route::delete("/cluster/config/nodes/{node}", delete_node).params(Schema::new().req("node", node())),
        Route::get("/cluster/config/join", join_information)
            .permission(audit())
            .params(Schema::new().opt("node", node())),
        Route::post("/cluster/config/join", join_cluster).params(join),
        Route::get("/cluster/config/totem", |call| Ok(totem(call.world))).permission(audit()),
        Route::get("/cluster/config/qdevice", qdevice).permission(audit()),
        Route::get("/cluster/config/apiversion", |_| Ok(json!("1"))).permission(audit()),
    ]
}

fn create_cluster(_call: &mut Call<'_>) -> ApiResult<Value> {
    Err(ApiError::die("cluster config '/etc/pve/corosync.conf' already exists"))
}

/// This node is in a cluster already, so joining another one is refused.
fn join_cluster(_call: &mut Call<'_>) -> ApiResult<Value> {
    let checks = "* authentication key '/etc/corosync/authkey' already exists\n* cluster config '/etc/pve/corosync.conf' \
        already exists\n* this host already contains virtual guests\n* corosync is already running, is this node already \
        in a cluster?!";
    Err(ApiError::die(format!("detected the following error(s):\n{checks}\nCheck if node may join a cluster failed!")))
}

fn add_node(call: &mut Call<'_>) -> ApiResult<Value> {
    let node = call.params.text("node");
    if call.world.nodes.contains_key(&node) && call.params.bool("force") != Some(true) {
        return Err(ApiError::die(format!("can't add existing node '{node}'")));
    }
    Err(ApiError::die("no links and no fallback ip (new_node_ip) given, cannot join cluster."))
}

/// Takes a node out of the cluster, by its name or its address.
fn delete_node(call: &mut Call<'_>) -> ApiResult<Value> {
    let wanted = call.params.text("node");
    let found = call.world.nodes.values().find(|n| n.name == wanted || n.address == wanted).map(|n| n.name.clone());
    let unknown = || ApiError::die(format!("Node/IP: {wanted} is not a known host of the cluster."));
    let name = found.ok_or_else(unknown)?;
    if name == call.world.answering_node {
        return Err(ApiError::die("Cannot delete myself from cluster!"));
    }
    call.locked("file-corosync_conf", |call| {
        call.world.nodes.remove(&name);
        call.world.config_version += 1;
        Ok(Value::Null)
    })
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

/// What corosync-qdevice-tool knows, or nothing where its daemon doesn't run.
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
