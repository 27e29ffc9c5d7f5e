//! `/cluster/config` where it changes who is in the cluster: root@pam with a ticket only.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::error::{ApiError, ApiResult};
use crate::route::{Call, Route};
use crate::schema::formats::{Format, IP, NODE, Named, matches};
use crate::schema::{Params, Prop, Schema, property_string};
use crate::site::{Create, Errand, Join, Proof, Report, Request};
use crate::world::corosync::{AUTHKEY, Conf, Links, Member, Settings};
use crate::world::tasks::{Effect, NewTask};
use crate::world::{Pve, World};

/// The addresses a node can be reached under by corosync.
pub(crate) const LINKS: [&str; 8] = ["link0", "link1", "link2", "link3", "link4", "link5", "link6", "link7"];

/// A node to be taken out may be named by the address of its link.
const NODE_OR_ADDRESS: Named =
    Named { name: NODE.name, check: |value| (IP.check)(value).or_else(|_| (NODE.check)(value)) };

/// `address`: an IP address or the name of a host.
const ADDRESS: Named = Named {
    name: "address",
    check: |value| {
        let label = r"^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$";
        let refuse = || format!("value does not look like a valid address: {value}");
        (IP.check)(value).or_else(|_| matches(value, label, refuse))
    },
};

pub(super) fn routes(pve: Pve) -> Vec<Route> {
    let node = || Prop::string().format(Format::One(NODE));
    let votes = || Prop::integer().min(0.0);
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
    vec![
        Route::post("/cluster/config", create_cluster).params(creation(pve)),
        Route::post("/cluster/config/nodes/{node}", add_node).params(with_links(add)),
        Route::delete("/cluster/config/nodes/{node}", delete_node)
            .params(Schema::new().req("node", Prop::string().format(Format::One(NODE_OR_ADDRESS)))),
        Route::post("/cluster/config/join", join_cluster).params(with_links(join)),
    ]
}

/// The parameters of a create.
pub(crate) fn creation(pve: Pve) -> Schema {
    let create = Schema::new()
        .req("clustername", Prop::string().format(Format::One(NODE)).max_length(15))
        .opt("nodeid", Prop::integer().min(1.0))
        .opt("votes", Prop::integer().min(1.0));
    with_links(match pve {
        Pve::V8 => create,
        Pve::V9 => create.opt("token-coefficient", Prop::integer().min(0.0)),
    })
}

/// The same schema with the links.
pub(crate) fn with_links(schema: Schema) -> Schema {
    let link = || {
        let keys = Schema::new()
            .req("address", Prop::string().format(Format::One(ADDRESS)).default_key())
            .opt("priority", Prop::integer().min(0.0).max(255.0));
        Prop::property_string(keys)
    };
    LINKS.iter().fold(schema, |schema: Schema, name| schema.opt(name, link()))
}

/// The links among the parameters, each with its priority.
fn links(params: &Params) -> BTreeMap<u8, (String, Option<u8>)> {
    let keys = Schema::new().req("address", Prop::string().default_key()).opt("priority", Prop::string());
    let read = |(number, name): (u8, &&str)| {
        let link = property_string::parse(&keys, &params.str(name)?, name).ok()?;
        let text = |key: &str| link.get(key).map(crate::schema::check::perl_text);
        Some((number, (text("address")?, text("priority").and_then(|priority| priority.parse().ok()))))
    };
    (0..).zip(&LINKS).filter_map(read).collect()
}

fn addresses(links: BTreeMap<u8, (String, Option<u8>)>) -> Links {
    links.into_iter().map(|(number, (address, _))| (number, address)).collect()
}

/// corosync.conf is written whatever the address of a link is. Whether corosync starts with it comes out later.
fn create_cluster(call: &mut Call<'_>) -> ApiResult<Value> {
    let conf = new_conf(call.world, &call.params).map_err(ApiError::die)?;
    let (user, node) = (call.caller.id(), call.world.answering_node.clone());
    let task = NewTask {
        node: &node,
        kind: "clustercreate",
        id: &conf.cluster_name,
        user: &user,
        seconds: 0,
        log: Vec::new(),
        effect: Effect::Elsewhere,
    };
    let upid = call.world.start_task(task);
    let create = Create::new(&node, Report::Task(upid.clone()), call.world.clock.now(), conf);
    call.world.errands.push(Errand::Create(Box::new(create)));
    Ok(json!(upid))
}

/// The corosync.conf of a new cluster.
///
/// # Errors
/// There is one.
pub(crate) fn new_conf(world: &World, params: &Params) -> Result<Conf, String> {
    if world.conf().is_some() {
        return Err("cluster config '/etc/pve/corosync.conf' already exists".to_owned());
    }
    let (name, node) = (params.text("clustername"), world.answering_node.clone());
    let number = |key: &str| params.int(key).and_then(|number| u32::try_from(number).ok()).unwrap_or(1);
    let mut given = links(params);
    if given.is_empty() {
        let own = world.nodes.get(&node).map(|node| node.address.clone()).unwrap_or_default();
        given.insert(0, (own, None));
    }
    let mut settings = Settings::default();
    settings.interfaces.clear();
    for (number, (_, priority)) in &given {
        settings.add_link(*number, *priority);
    }
    if world.profile.pve != Pve::V8 {
        let coefficient = params.int("token-coefficient").unwrap_or(125);
        settings.totem.insert("token_coefficient".to_owned(), coefficient.to_string());
    }
    let member = Member { id: number("nodeid"), votes: number("votes"), links: addresses(given) };
    Ok(Conf {
        cluster_name: name,
        config_version: 1,
        members: BTreeMap::from([(node, member)]),
        device: None,
        settings,
    })
}

/// What keeps a node from joining, as lines of a log; empty if nothing does.
pub(crate) fn obstacles(world: &World, node: &str, links: &Links) -> Vec<String> {
    let mut found = Vec::new();
    if world.has_authkey(node) {
        found.push(format!("* authentication key '{AUTHKEY}' already exists"));
    }
    if world.conf().is_some() {
        found.push("* cluster config '/etc/pve/corosync.conf' already exists".to_owned());
    }
    if !world.guests.is_empty() {
        found.push("* this host already contains virtual guests".to_owned());
    }
    let machine = world.machines.get(node);
    if machine.is_some_and(|machine| machine.is_active("corosync")) {
        found.push("* corosync is already running, is this node already in a cluster?!".to_owned());
    }
    for (number, address) in links {
        if !machine.is_some_and(|machine| machine.has_address(address)) {
            found.push(format!("* link{number}: cannot use IP '{address}', not found on local node!"));
            found.push(String::new());
        }
    }
    if !found.is_empty() {
        found.insert(0, "detected the following error(s):".to_owned());
    }
    found
}

/// What the task of a join ends with where something is in the way.
pub(crate) const NOT_JOINABLE: &str = "Check if node may join a cluster failed!";

/// The task finds out whether the node can join.
fn join_cluster(call: &mut Call<'_>) -> ApiResult<Value> {
    let (node, user) = (call.world.answering_node.clone(), call.caller.id());
    let params = &call.params;
    let proof = Proof::Password { fingerprint: params.text("fingerprint"), password: params.text("password") };
    let request = Request::of(params, proof);
    let mut log = obstacles(call.world, &node, &request.links);
    let is_refused = !log.is_empty() && !request.force;
    if !log.is_empty() && request.force {
        log.extend(["", "WARNING : detected error but forced to continue!", ""].map(str::to_owned));
    }
    if !is_refused {
        log.push(format!("Establishing API connection with host '{}'", request.hostname));
    }
    let effect = if is_refused { Effect::Fail(NOT_JOINABLE.to_owned()) } else { Effect::Elsewhere };
    let task = NewTask { node: &node, kind: "clusterjoin", id: "", user: &user, seconds: 1, log, effect };
    let upid = call.world.start_task(task);
    if !is_refused {
        let join = Join::new(&node, request, Report::Task(upid.clone()), call.world.clock.now());
        call.world.errands.push(Errand::Join(Box::new(join)));
    }
    Ok(json!(upid))
}

impl Request {
    /// What the parameters of a join say.
    pub(crate) fn of(params: &Params, proof: Proof) -> Self {
        let number = |key: &str| params.int(key).and_then(|number| u32::try_from(number).ok());
        Self {
            hostname: params.text("hostname"),
            proof,
            nodeid: number("nodeid"),
            votes: number("votes"),
            force: params.bool("force") == Some(true),
            links: addresses(links(params)),
        }
    }
}

/// A node that is to be added to corosync.conf.
#[derive(Clone, Debug)]
pub(crate) struct Addition {
    pub(crate) name: String,
    pub(crate) nodeid: Option<u32>,
    pub(crate) votes: Option<u32>,
    pub(crate) force: bool,
    /// The address where no link is given.
    pub(crate) fallback: Option<String>,
    pub(crate) links: Links,
}

/// What another node asks for when it joins.
fn add_node(call: &mut Call<'_>) -> ApiResult<Value> {
    call.check_quorum()?;
    let params = &call.params;
    let number = |key: &str| params.int(key).and_then(|number| u32::try_from(number).ok());
    let addition = Addition {
        name: params.text("node"),
        nodeid: number("nodeid"),
        votes: number("votes"),
        force: params.bool("force") == Some(true),
        fallback: params.str("new_node_ip"),
        links: addresses(links(params)),
    };
    call.locked("file-corosync_conf", |call| {
        let node = call.world.answering_node.clone();
        let (conf, warnings) = add(call.world, &node, &addition)?;
        let machine = call.world.machines.get(&node);
        let key = machine.and_then(|machine| machine.disk.read(AUTHKEY)).unwrap_or_default();
        Ok(json!({"corosync_authkey": key, "corosync_conf": conf.render(), "warnings": warnings}))
    })
}

/// Adds a node to corosync.conf: the new text, and warnings about the old one. It is listed from now on, and a member once
/// its corosync runs. Neither an id that another node has nor a name without an address is refused.
///
/// # Errors
/// In Proxmox's words.
pub(crate) fn add(world: &mut World, peer: &str, new: &Addition) -> ApiResult<(Conf, Vec<String>)> {
    if !world.is_quorate() || world.nodes.get(peer).is_none_or(|node| node.corosync_stopped) {
        return Err(ApiError::die("cluster not ready - no quorum?"));
    }
    let mut conf = world.conf().unwrap_or_else(|| Conf::parse(""));
    let (errors, warnings) = conf.verify(|name| world.resolve(name));
    if !errors.is_empty() {
        let mut error = ApiError::die("invalid corosync.conf");
        let numbered = |kind: &'static str, texts: Vec<String>| {
            texts.into_iter().enumerate().map(move |(at, text)| (format!("{kind}{at}"), text)).collect::<Vec<_>>()
        };
        let missing_totem = conf.members.is_empty();
        let warnings = if missing_totem { Vec::new() } else { warnings };
        error.errors = numbered("warning", warnings).into_iter().chain(numbered("error", errors)).collect();
        return Err(error);
    }
    let links = new_links(&conf, new)?;
    if let Some(known) = conf.members.get(&new.name) {
        let same = new.nodeid.is_none_or(|id| id == known.id) && new.votes.is_none_or(|votes| votes == known.votes);
        if !(new.force && same) {
            return Err(ApiError::die(format!("can't add existing node '{}'", new.name)));
        }
    }
    let known = conf.members.get(&new.name).cloned();
    let free = || (1..).find(|id| conf.members.values().all(|member| member.id != *id)).unwrap_or(0);
    let id = new.nodeid.or(known.as_ref().map(|member| member.id)).unwrap_or_else(free);
    let votes = new.votes.or(known.map(|member| member.votes)).unwrap_or(1);
    conf.members.insert(new.name.clone(), Member { id, votes, links });
    world.write_conf(conf.clone());
    conf.config_version += 1;
    Ok((conf, warnings))
}

/// The links of a new node, which must be those of the others.
fn new_links(conf: &Conf, new: &Addition) -> ApiResult<Links> {
    for address in new.links.values() {
        refuse_used(conf, &new.name, address)?;
    }
    let known = conf.link_numbers();
    if new.links.is_empty() {
        let none = "no links and no fallback ip (new_node_ip) given, cannot join cluster";
        let address = new.fallback.clone().ok_or_else(|| ApiError::die(none))?;
        if known.len() > 1 {
            return Err(ApiError::die(
                "no links given but multiple links found on other nodes, fallback only supported on single-link clusters",
            ));
        }
        refuse_used(conf, &new.name, &address)?;
        return Ok(known.into_iter().next().map(|number| (number, address)).into_iter().collect());
    }
    if let Some(number) = known.iter().find(|number| !new.links.contains_key(number)) {
        let what = "exists in cluster config but wasn't specified for new node";
        return Err(ApiError::die(format!("corosync: link {number} {what}")));
    }
    if let Some(number) = new.links.keys().find(|number| !known.contains(number)) {
        let what = "specified for new node doesn't exist in cluster config";
        return Err(ApiError::die(format!("corosync: link {number} {what}")));
    }
    Ok(new.links.clone())
}

fn refuse_used(conf: &Conf, name: &str, address: &str) -> ApiResult<()> {
    for (other, member) in conf.members.iter().filter(|(other, _)| *other != name) {
        if let Some((number, _)) = member.links.iter().find(|(_, used)| *used == address) {
            let what = format!("address '{address}' already used on link ring{number}_addr by node '{other}'");
            return Err(ApiError::die(format!("corosync: {what}")));
        }
    }
    Ok(())
}

/// Takes a node out of the cluster, by its name or its address. First its corosync is stopped, which the cluster may lose its
/// quorum by.
fn delete_node(call: &mut Call<'_>) -> ApiResult<Value> {
    let requested = call.params.text("node");
    if requested == call.world.answering_node {
        return Err(ApiError::die("Cannot delete myself from cluster!"));
    }
    let conf = call.world.conf();
    let is_meant = |(name, member): &(&String, &Member)| {
        **name == requested || member.links.values().any(|link| *link == requested)
    };
    let found = conf.as_ref().and_then(|conf| conf.members.iter().find(is_meant)).map(|(name, _)| name.clone());
    let unknown = || ApiError::die(format!("Node/IP: {requested} is not a known host of the cluster."));
    let name = found.ok_or_else(unknown)?;
    if name == call.world.answering_node {
        return Err(ApiError::die("Cannot delete myself from cluster!"));
    }
    let cluster = call.world.save();
    if call.world.is_quorate() && call.world.is_member(&name) {
        call.locked("file-corosync_conf", |call| {
            call.world.stop_corosync(&name);
            Ok(())
        })?;
    }
    if !call.world.is_quorate() {
        let file = format!("/etc/pve/corosync.conf.new.tmp.{}", call.world.now() % 30_000 + 375);
        return Err(ApiError::die(format!("unable to open file '{file}' - Permission denied")));
    }
    call.locked("file-corosync_conf", |call| {
        if let Some(mut conf) = call.world.conf() {
            conf.members.remove(&name);
            call.world.write_conf(conf);
        }
        call.world.errands.push(Errand::Left { node: name, cluster });
        Ok(Value::Null)
    })
}
