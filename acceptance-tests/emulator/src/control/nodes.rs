//! The control plane of nodes: where they are, installing them anew, joins that break off.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::actions::{Outcome, read};
use crate::server::Shared;
use crate::server::doors::{self, lock};
use crate::site::Interrupt;

/// Runs an action, if it is one of these.
pub(super) fn run(shared: &Arc<Shared>, action: &str, body: &Value) -> Option<Outcome> {
    let body = body.clone();
    Some(match action {
        "nodes" => Ok(nodes(shared)),
        "reinstall" => read(body).and_then(|of: OfNode| reinstall(shared, &of.node)),
        "interrupt-join" => read(body).map(|interrupt: Interrupt| {
            shared.cluster.site().interrupts.add(interrupt);
            json!({})
        }),
        _ => return None,
    })
}

#[derive(Deserialize)]
struct OfNode {
    node: String,
}

/// Every node with the world it is in.
fn nodes(shared: &Shared) -> Value {
    let addresses = lock(&shared.addresses).clone();
    let site = shared.cluster.site();
    let of_world = |world: &crate::world::World| -> Vec<Value> {
        let row = |node: &crate::world::Node| {
            json!({
                "node": node.name,
                "address": node.address,
                "cluster": (!world.standalone).then_some(&world.cluster_name),
                "power": node.up,
                "online": world.is_member(&node.name),
                "quorate": world.is_quorate(),
                "away": node.away,
                "tls_fingerprint": node.fingerprint,
                "endpoint": addresses.get(&node.name).map(|address| format!("https://{address}")),
            })
        };
        let here = |node: &&crate::world::Node| world.machines.contains_key(&node.name);
        world.nodes.values().filter(here).map(row).collect()
    };
    Value::Array(site.worlds().iter().flat_map(of_world).collect())
}

fn reinstall(shared: &Arc<Shared>, node: &str) -> Outcome {
    let seed = shared.control.seed.installed(node).ok_or_else(|| format!("no such node: {node}"))?;
    let access = doors::reinstall(shared, node, &seed).map_err(|error| error.to_string())?;
    Ok(json!(access))
}
