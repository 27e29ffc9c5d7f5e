//! The figures pvestatd would report.

use pve_ha_manager::usage::Size;
use serde_json::{Map, Value, json};

use crate::world::storage::Storage;
use crate::world::{Guest, Node, World};

const MIB: u64 = 1 << 20;

/// A node's row; without `all` only what everybody may see.
pub(in crate::api) fn node(world: &World, node: &Node, all: bool) -> Map<String, Value> {
    let up = world.is_member(&node.name);
    let mut row = Map::new();
    row.insert("id".into(), json!(format!("node/{}", node.name)));
    row.insert("node".into(), json!(node.name));
    row.insert("type".into(), json!("node"));
    row.insert("status".into(), json!(if up { "online" } else { "offline" }));
    row.insert("level".into(), json!(""));
    if all {
        // What a node has is known for a while after it has gone.
        row.insert("maxcpu".into(), json!(node.cpus));
        row.insert("maxmem".into(), json!(node.memory));
        row.insert("maxdisk".into(), json!(node.disk));
    }
    if all && up {
        row.insert("cpu".into(), json!(cpu_share(node)));
        row.insert("mem".into(), json!(memory_used(world, node)));
        row.insert("disk".into(), json!(node.disk / 14));
        row.insert("uptime".into(), json!((world.clock.now() - node.since) as i64));
    }
    row
}

/// The share of its CPUs that a node uses.
fn cpu_share(node: &Node) -> f64 {
    0.02 + 0.01 * f64::from(node.id)
}

/// What a node uses.
pub(crate) fn used(world: &World, node: &Node) -> Size {
    Size { cpu: cpu_share(node) * f64::from(node.cpus), mem: memory_used(world, node) }
}

/// Memory in use: a sixteenth for the host itself, and what the running guests have.
pub(super) fn memory_used(world: &World, node: &Node) -> u64 {
    let guests: u64 =
        world.guests.values().filter(|g| g.node == node.name && g.is_running()).map(|g| g.memory * MIB).sum();
    (node.memory / 16 + guests).min(node.memory)
}

/// The share of its CPUs that a running guest uses.
const GUEST_CPU: f64 = 0.01;

/// What a guest uses.
pub(crate) fn used_by(world: &World, guest: &Guest) -> Size {
    if guest.running_since.is_none() || world.silent_guests {
        return Size::default();
    }
    Size { cpu: GUEST_CPU * f64::from(guest.cores), mem: guest.memory * MIB / 2 }
}

/// What all lists of guests have in common.
pub(in crate::api) fn guest(world: &World, guest: &Guest) -> Map<String, Value> {
    figures_of(world, guest, guest.running_since.filter(|_| !world.silent_guests))
}

/// What its own node says of a guest.
pub(super) fn guest_at_home(world: &World, guest: &Guest) -> Map<String, Value> {
    figures_of(world, guest, guest.running_since)
}

fn figures_of(world: &World, guest: &Guest, since: Option<f64>) -> Map<String, Value> {
    let running = since.is_some();
    let uptime = since.map_or(0, |since| (world.clock.now() - since) as i64);
    let if_running = |figure: u64| json!(if running { figure } else { 0 });
    let mut row = Map::new();
    row.insert("vmid".into(), json!(guest.vmid));
    row.insert("name".into(), json!(guest.name));
    row.insert("status".into(), json!(if running { "running" } else { "stopped" }));
    row.insert("uptime".into(), json!(uptime));
    row.insert("cpu".into(), if running { json!(GUEST_CPU) } else { json!(0) });
    row.insert("mem".into(), if_running(guest.memory * MIB / 2));
    row.insert("maxmem".into(), json!(guest.memory * MIB));
    row.insert("disk".into(), json!(0));
    row.insert("maxdisk".into(), json!(guest.disk));
    row.insert("netin".into(), if_running(4096));
    row.insert("netout".into(), if_running(4096));
    row.insert("diskread".into(), if_running(65_536));
    row.insert("diskwrite".into(), if_running(65_536));
    if world.tasks.migrates(guest.vmid) {
        row.insert("lock".into(), json!("migrate"));
    }
    row
}

/// Total and used bytes of a storage.
pub(in crate::api) fn storage(storage: &Storage) -> (u64, u64) {
    match storage.kind.as_str() {
        "dir" => (270_553_174_016, 19_591_344_128),
        _ => (110_000_000_000, 10_000_000_000),
    }
}
