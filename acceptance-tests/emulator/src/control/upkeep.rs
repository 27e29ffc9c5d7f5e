//! Changes to a cluster in the course of its life: renewed certificates, full disks, restored guests.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::actions::{Outcome, read};
use crate::server::Shared;
use crate::world::seed;

/// Runs an action, if it is one of these.
pub(super) fn run(shared: &Shared, action: &str, body: &Value) -> Option<Outcome> {
    let body = body.clone();
    Some(match action {
        "certificate" => certificate(shared),
        "disk" => read(body).and_then(|of| disk(shared, &of)),
        "restore-guest" => read(body).and_then(|guest| restore_guest(shared, &guest)),
        _ => return None,
    })
}

fn certificate(shared: &Shared) -> Outcome {
    let fingerprint = shared.renew_certificate().map_err(|error| error.to_string())?;
    Ok(json!({"tls_fingerprint": fingerprint}))
}

#[derive(Deserialize)]
struct Disk {
    node: String,
    full: bool,
}

fn disk(shared: &Shared, of: &Disk) -> Outcome {
    let mut world = shared.cluster.world_of(&of.node);
    let node = world.nodes.get_mut(&of.node).ok_or_else(|| format!("no such node: {}", of.node))?;
    node.disk_full = of.full;
    Ok(json!({}))
}

fn restore_guest(shared: &Shared, guest: &Map<String, Value>) -> Outcome {
    let node = guest.get("node").and_then(Value::as_str).unwrap_or_default();
    let mut world = shared.cluster.world_of(node);
    let now = world.clock.now();
    let guest = seed::guest(guest, now).ok_or("a guest needs a vmid")?;
    if !world.nodes.contains_key(&guest.node) {
        return Err(format!("no such node: {}", guest.node));
    }
    if world.guests.contains_key(&guest.vmid) {
        return Err(format!("guest {} exists already", guest.vmid));
    }
    world.guests.insert(guest.vmid, guest);
    Ok(json!({}))
}
