//! The actions of the control plane, one function each.

use std::sync::Arc;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::faults::Fault;
use super::{machines, nodes, notifications, upkeep};
use crate::api::backup;
use crate::route::Method;
use crate::server::Shared;
use crate::site::Door;
use crate::world::seed::{Initial, Seed};
use crate::world::{Failing, NotEmulated, Version, World};

pub(super) type Outcome = Result<Value, String>;

/// Runs an action.
///
/// # Errors
/// What is wrong with it.
pub(super) fn run(shared: &Arc<Shared>, action: &str, body: Value) -> Outcome {
    match action {
        "clock" => clock(shared, read(body)?),
        "advance" => Ok(advance(shared, &read(body)?)),
        "fail" => reach(shared, &read(body)?, false),
        "restore" => reach(shared, &read(body)?, true),
        "guest" => guest(shared, &read(body)?),
        "backup" => backups(shared, read(body)?),
        "storage" => storage(shared, read(body)?),
        "qdevice" => Ok(qdevice(shared, &read(body)?)),
        "upgrade" => upgrade(shared, &read(body)?),
        "fault" => fault(shared, read(body)?),
        "faults" => Ok(json!({"met": shared.control.faults.met()})),
        "faults/clear" => {
            shared.cluster.site().interrupts.clear();
            Ok(json!({"met": shared.control.faults.clear()}))
        }
        "answer-more" => answer_more(shared, body),
        "edit" => edit(shared, read(body)?),
        "file" => file(shared, &read(body)?),
        "seed" => seed(shared, read(body)?),
        "locks" => Ok(locks(shared)),
        "counters" => Ok(shared.control.counters.report()),
        "counters/reset" => {
            shared.control.counters.reset();
            Ok(json!({}))
        }
        other => machines::run(shared, other, &body)
            .or_else(|| nodes::run(shared, other, &body))
            .or_else(|| upkeep::run(shared, other, &body))
            .or_else(|| notifications::run(shared, other, &body))
            .unwrap_or_else(|| Err(format!("no such action: {other}"))),
    }
}

pub(super) fn read<T: DeserializeOwned>(body: Value) -> Result<T, String> {
    serde_json::from_value(body).map_err(|error| error.to_string())
}

#[derive(Deserialize)]
struct Clock {
    #[serde(default)]
    mode: Option<Mode>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    Virtual,
    Real,
}

fn clock(shared: &Shared, clock: Clock) -> Outcome {
    let mut world = shared.cluster.world();
    match clock.mode {
        Some(Mode::Virtual) => world.clock.stop(),
        Some(Mode::Real) => world.clock.run(),
        None => {}
    }
    Ok(time(&world))
}

fn time(world: &World) -> Value {
    json!({"now": world.clock.now(), "running": world.clock.is_running()})
}

#[derive(Deserialize)]
struct Advance {
    seconds: f64,
}

fn advance(shared: &Shared, advance: &Advance) -> Value {
    let mut world = shared.cluster.world();
    world.advance(advance.seconds);
    time(&world)
}

/// Who holds which cluster lock since when, and how many API calls wait for it and have waited so far.
fn locks(shared: &Shared) -> Value {
    let mut locks = shared.cluster.world().locks();
    for (name, calls) in shared.cluster.queue.calls() {
        let lock = locks.entry(name).or_insert_with(|| json!({}));
        lock["waiting"] = json!(calls.waiting);
        lock["waited_so_far"] = json!(calls.so_far);
    }
    json!(locks)
}

#[derive(Deserialize)]
struct OfNode {
    node: String,
    /// Its network instead of its power.
    #[serde(default)]
    network: bool,
}

fn reach(shared: &Shared, of: &OfNode, up: bool) -> Outcome {
    let mut world = shared.cluster.world_of(&of.node);
    known(&world, &of.node)?;
    if of.network {
        world.network(&of.node, up);
    } else {
        world.power(&of.node, up);
    }
    Ok(json!({"quorate": world.is_quorate()}))
}

fn known(world: &World, node: &str) -> Result<(), String> {
    if world.nodes.contains_key(node) { Ok(()) } else { Err(format!("no such node: {node}")) }
}

#[derive(Deserialize)]
struct OfGuest {
    action: GuestAction,
    vmid: u32,
    #[serde(default)]
    node: Option<String>,
    #[serde(default)]
    once: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum GuestAction {
    Fail,
    FailMigration,
    Cure,
    Move,
    Remove,
    Start,
    Stop,
}

fn guest(shared: &Shared, of: &OfGuest) -> Outcome {
    let mut world = shared.cluster.world();
    let Some(guest) = world.guests.get_mut(&of.vmid) else { return Err(format!("no such guest: {}", of.vmid)) };
    match of.action {
        GuestAction::Fail => guest.start_fails = true,
        GuestAction::FailMigration => {
            let how = if of.once { Failing::Once } else { Failing::Always };
            world.failing_moves.add(of.vmid, how);
        }
        GuestAction::Cure => {
            guest.start_fails = false;
            world.failing_moves.cure(of.vmid);
        }
        GuestAction::Move => {
            let node = of.node.as_deref().ok_or("move needs a node")?;
            known(&world, node)?;
            world.move_guest(of.vmid, node);
        }
        GuestAction::Remove => drop(world.remove_guest(of.vmid)),
        GuestAction::Start => drop(world.start_guest(of.vmid)),
        GuestAction::Stop => world.stop_guest(of.vmid),
    }
    Ok(json!({}))
}

#[derive(Deserialize)]
struct Qdevice {
    on: bool,
    #[serde(default)]
    host: Option<String>,
}

fn qdevice(shared: &Shared, qdevice: &Qdevice) -> Value {
    let mut world = shared.cluster.world();
    match (qdevice.on, world.qdevice.is_some()) {
        (true, false) => world.add_qdevice(qdevice.host.as_deref()),
        (false, true) => world.remove_qdevice(),
        _ => {}
    }
    let (present, needed) = world.votes();
    json!({"votes": present, "needed": needed})
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase", tag = "action")]
enum Backup {
    Fail {
        vmid: u32,
        #[serde(default)]
        once: bool,
    },
    Cure {
        vmid: u32,
    },
    Run {
        job: String,
    },
    Runs,
}

fn backups(shared: &Shared, of: Backup) -> Outcome {
    let mut world = shared.cluster.world();
    match of {
        Backup::Fail { vmid, .. } if !world.guests.contains_key(&vmid) => return Err(format!("no such guest: {vmid}")),
        Backup::Fail { vmid, once } => {
            let how = if once { Failing::Once } else { Failing::Always };
            world.backup.failing.add(vmid, how);
        }
        Backup::Cure { vmid } => world.backup.failing.cure(vmid),
        Backup::Runs => return Ok(json!({"runs": backup::list_runs(&world)})),
        Backup::Run { job } if !backup::run_now(&mut world, &job) => {
            return Err(format!("no such backup job: {job}"));
        }
        Backup::Run { .. } => {}
    }
    Ok(json!({}))
}

#[derive(Deserialize)]
struct OfStorage {
    storage: String,
    online: bool,
    /// Without it all nodes.
    #[serde(default)]
    node: Option<String>,
}

fn storage(shared: &Shared, of: OfStorage) -> Outcome {
    let mut world = shared.cluster.world();
    if world.storage(&of.storage).is_none() {
        return Err(format!("no such storage: {}", of.storage));
    }
    let nodes: Vec<String> = match of.node {
        Some(node) => known(&world, &node).map(|()| vec![node])?,
        None => world.nodes.keys().cloned().collect(),
    };
    for node in nodes {
        let place = (of.storage.clone(), node);
        let _ = if of.online { world.offline_storages.remove(&place) } else { world.offline_storages.insert(place) };
    }
    Ok(json!({}))
}

#[derive(Deserialize)]
struct Upgrade {
    #[serde(default)]
    version: Option<String>,
    #[serde(default)]
    node: Option<String>,
}

/// A version is installed on a node or on all of them; without one the last node is upgraded to the new release, too.
fn upgrade(shared: &Shared, upgrade: &Upgrade) -> Outcome {
    let mut world = shared.cluster.world();
    match &upgrade.version {
        Some(version) => {
            let version: Version = version.parse().map_err(|error: NotEmulated| error.to_string())?;
            if version.pve() != world.profile.pve && upgrade.node.is_some() {
                return Err(format!("{version} is another major release, which all nodes are upgraded to"));
            }
            if let Some(node) = upgrade.node.as_ref().filter(|node| !world.nodes.contains_key(*node)) {
                return Err(format!("no such node: {node}"));
            }
            match &upgrade.node {
                Some(node) => world.install(Some(node), version),
                None => world.upgrade(version)?,
            }
        }
        None => crate::crm::finish_upgrade(&mut world),
    }
    let versions: Map<_, _> = world.nodes.keys().map(|node| (node.clone(), json!(world.manager_of(node).0))).collect();
    Ok(json!({"version": world.manager_of(&world.answering_node).0, "nodes": versions}))
}

fn fault(shared: &Shared, fault: Fault) -> Outcome {
    shared.control.faults.add(fault).map_err(|error| error.to_string())?;
    Ok(json!({}))
}

fn answer_more(shared: &Shared, body: Value) -> Outcome {
    if body.as_object().is_some_and(Map::is_empty) {
        shared.control.additions.clear();
    } else {
        shared.control.additions.add(read(body)?);
    }
    Ok(json!({}))
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Edit {
    File {
        file: String,
        text: Option<String>,
        /// Whose own file it is; the cluster's without.
        #[serde(default)]
        node: Option<String>,
    },
    Call {
        method: String,
        path: String,
        #[serde(default)]
        params: Map<String, Value>,
        /// The node that answers.
        #[serde(default)]
        on: Option<String>,
    },
}

/// A change of the cluster outside of the client.
fn edit(shared: &Shared, edit: Edit) -> Outcome {
    match edit {
        Edit::File { file, text, node: Some(node) } => {
            let mut world = shared.cluster.world_of(&node);
            if World::is_shared_path(&file) {
                known(&world, &node)?;
                match text {
                    Some(text) => world.put_shared(&file, &text),
                    None => world.remove_file(&file),
                }
                return Ok(json!({"digest": world.digest(&file)}));
            }
            let now = world.clock.now();
            let machine = world.machines.get_mut(&node).ok_or_else(|| format!("no such machine: {node}"))?;
            match text {
                Some(text) => machine.disk.write(&file, &text, now),
                None => machine.disk.remove_tree(&file),
            }
            Ok(json!({}))
        }
        Edit::File { file, text, node: None } => {
            let mut world = shared.cluster.world();
            match text {
                Some(text) => world.put_shared(&file, &text),
                None => world.remove_file(&file),
            }
            Ok(json!({"digest": world.digest(&file)}))
        }
        Edit::Call { method, path, params, on } => {
            let method = Method::parse(&method.to_uppercase()).ok_or_else(|| format!("no such method: {method}"))?;
            let door = on.map_or(Door::Main, Door::Node);
            let answer = shared.cluster.call_behind(&door, method, &path, params);
            answer.map(|reply| json!({"data": reply.data})).map_err(|error| error.stringified())
        }
    }
}

#[derive(Deserialize)]
struct File {
    file: String,
    #[serde(default)]
    node: Option<String>,
}

fn file(shared: &Shared, file: &File) -> Outcome {
    let world = file.node.as_deref().map_or_else(|| shared.cluster.world(), |node| shared.cluster.world_of(node));
    if let Some(node) = file.node.as_ref().filter(|_| !World::is_shared_path(&file.file)) {
        let machine = world.machines.get(node).ok_or_else(|| format!("no such machine: {node}"))?;
        return Ok(json!({"text": machine.disk.read(&file.file)}));
    }
    Ok(json!({"text": world.read_shared(&file.file), "digest": world.digest(&file.file)}))
}

#[derive(Deserialize)]
struct Anew {
    #[serde(default)]
    initial: Option<Initial>,
    #[serde(default)]
    seed: Option<Seed>,
    #[serde(default)]
    nodes: Option<usize>,
}

fn seed(shared: &Shared, anew: Anew) -> Outcome {
    let initial = anew.initial.unwrap_or(shared.options.initial);
    let mut seed = anew.seed.unwrap_or_else(|| shared.control.seed.clone());
    if let Some(count) = anew.nodes {
        seed = seed.of_first_nodes(count);
    }
    shared.begin_anew(&seed, initial);
    shared.control.faults.clear();
    shared.control.commands.clear();
    shared.control.counters.reset();
    Ok(time(&shared.cluster.world()))
}
