//! `/cluster/config` where it changes who is in the cluster: root@pam with a ticket only.

use serde_json::{Value, json};

use crate::error::{ApiError, ApiResult};
use crate::route::{Call, Route};
use crate::schema::formats::{Format, IP, NODE, Named};
use crate::schema::{Prop, Schema};
use crate::world::tasks::{Effect, NewTask};
use crate::world::{Node, Pve, World};

/// The addresses a node can be reached under by corosync.
const LINKS: [&str; 8] = ["link0", "link1", "link2", "link3", "link4", "link5", "link6", "link7"];

/// A node to be taken out may be named by the address of its link.
const NODE_OR_ADDRESS: Named =
    Named { name: NODE.name, check: |value| (IP.check)(value).or_else(|_| (NODE.check)(value)) };

pub(super) fn routes(pve: Pve) -> Vec<Route> {
    let node = || Prop::string().format(Format::One(NODE));
    let votes = || Prop::integer().min(0.0);
    let create = Schema::new()
        .req("clustername", node().max_length(15))
        .opt("nodeid", Prop::integer().min(1.0))
        .opt("votes", Prop::integer().min(1.0));
    let create = match pve {
        Pve::V8 => create,
        Pve::V9 => create.opt("token-coefficient", Prop::integer().min(0.0)),
    };
    let join = Schema::new()
        .req("hostname", Prop::string())
        .req("fingerprint", Prop::string().pattern("([A-Fa-f0-9]{2}:){31}[A-Fa-f0-9]{2}"))
        .req("password", Prop::string().max_length(128))
        .opt("nodeid", Prop::integer().min(1.0))
        .opt("votes", votes())
        .opt("force", Prop::boolean());
    let add = Schema::new()
        .req("node", node())
        .opt("nodeid", Prop::integer().min(1.0))
        .opt("votes", votes())
        .opt("force", Prop::boolean())
        .opt("new_node_ip", Prop::string().format(Format::One(IP)))
        .opt("apiversion", Prop::integer());
    let with_links = |schema| LINKS.iter().fold(schema, |schema: Schema, link| schema.opt(link, Prop::string()));
    vec![
        Route::post("/cluster/config", create_cluster).params(with_links(create)),
        Route::post("/cluster/config/nodes/{node}", add_node).params(with_links(add)),
        Route::delete("/cluster/config/nodes/{node}", delete_node)
            .params(Schema::new().req("node", Prop::string().format(Format::One(NODE_OR_ADDRESS)))),
        Route::post("/cluster/config/join", join_cluster).params(with_links(join)),
    ]
}

fn create_cluster(_call: &mut Call<'_>) -> ApiResult<Value> {
    Err(ApiError::die("cluster config '/etc/pve/corosync.conf' already exists"))
}

/// This node is in a cluster already, which the task finds out.
fn join_cluster(call: &mut Call<'_>) -> ApiResult<Value> {
    let log = "detected the following error(s):\n* authentication key '/etc/corosync/authkey' already exists\n\
        * cluster config '/etc/pve/corosync.conf' already exists\n* this host already contains virtual guests\n\
        * corosync is already running, is this node already in a cluster?!";
    let (node, user) = (call.world.answering_node.clone(), call.caller.id());
    let task = NewTask {
        node: &node,
        kind: "clusterjoin",
        id: "",
        user: &user,
        seconds: 1,
        log: log.lines().map(str::to_owned).collect(),
        effect: Effect::Fail("Check if node may join a cluster failed!".to_owned()),
    };
    Ok(json!(call.world.start_task(task)))
}

/// What another node asks for when it joins. It is listed from now on, and a member once it has power.
fn add_node(call: &mut Call<'_>) -> ApiResult<Value> {
    call.check_quorum()?;
    let name = call.params.text("node");
    let address = new_address(call, &name)?;
    call.locked("file-corosync_conf", |call| {
        let params = &call.params;
        let id = params.int("nodeid").and_then(|id| u32::try_from(id).ok());
        let votes = params.int("votes").and_then(|votes| u32::try_from(votes).ok());
        let world = &mut *call.world;
        if let Some(known) = world.nodes.get_mut(&name) {
            known.address = address;
            known.votes = votes.unwrap_or(known.votes);
        } else if let Some(like) = world.nodes.get(&world.answering_node).cloned() {
            let id = id.unwrap_or_else(|| (1..).find(|id| world.nodes.values().all(|n| n.id != *id)).unwrap_or(0));
            let node = Node { name: name.clone(), id, votes: votes.unwrap_or(1), address, up: false, ..like };
            world.nodes.insert(name, node);
        }
        world.config_version += 1;
        Ok(json!({"corosync_authkey": "", "corosync_conf": world.corosync_conf(), "warnings": []}))
    })
}

/// Corosync has one link in this cluster, number 0; without one given, the address the call came from will do.
fn new_address(call: &Call<'_>, name: &str) -> ApiResult<String> {
    let given: Vec<(usize, String)> =
        LINKS.iter().enumerate().filter_map(|(at, link)| Some((at, link_address(&call.params.str(link)?)))).collect();
    for (_, address) in &given {
        refuse_used(call.world, name, address)?;
    }
    if call.world.nodes.contains_key(name) && call.params.bool("force") != Some(true) {
        return Err(ApiError::die(format!("can't add existing node '{name}'")));
    }
    if let Some((at, _)) = given.iter().find(|(at, _)| *at != 0) {
        let what = "specified for new node doesn't exist in cluster config";
        return Err(ApiError::die(format!("corosync: link {at} {what}")));
    }
    let none = "no links and no fallback ip (new_node_ip) given, cannot join cluster";
    let address = given.into_iter().next().map(|(_, address)| address).or_else(|| call.params.str("new_node_ip"));
    address.ok_or_else(|| ApiError::die(none))
}

/// `[address=]IP[,priority=N]`
fn link_address(text: &str) -> String {
    let first = text.split(',').find(|part| !part.starts_with("priority=")).unwrap_or_default();
    first.strip_prefix("address=").unwrap_or(first).to_owned()
}

fn refuse_used(world: &World, name: &str, address: &str) -> ApiResult<()> {
    match world.nodes.values().find(|node| node.name != name && node.address == address) {
        Some(node) => {
            let what = format!("address '{address}' already used on link ring0_addr by node '{}'", node.name);
            Err(ApiError::die(format!("corosync: {what}")))
        }
        None => Ok(()),
    }
}

/// Takes a node out of the cluster, by its name or its address.
fn delete_node(call: &mut Call<'_>) -> ApiResult<Value> {
    let requested = call.params.text("node");
    let found =
        call.world.nodes.values().find(|n| n.name == requested || n.address == requested).map(|n| n.name.clone());
    let unknown = || ApiError::die(format!("Node/IP: {requested} is not a known host of the cluster."));
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
