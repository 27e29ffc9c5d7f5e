//! `/nodes/{node}/network`: a bridge for each address of the node, with a card of its own.

use serde_json::{Map, Value, json};

use crate::error::ApiResult;
use crate::route::{Call, Permission, Route};
use crate::schema::Prop;

/// What the list can be limited to.
const KINDS: &[&str] = &[
    "bridge",
    "bond",
    "eth",
    "alias",
    "vlan",
    "fabric",
    "OVSBridge",
    "OVSBond",
    "OVSPort",
    "OVSIntPort",
    "vnet",
    "any_bridge",
    "any_local_bridge",
    "include_sdn",
];

pub(super) fn routes() -> Vec<Route> {
    let params = super::node_param().opt("type", Prop::choice(KINDS));
    vec![Route::get("/nodes/{node}/network", interfaces).permission(Permission::AnyUser).params(params).proxied()]
}

fn interfaces(call: &mut Call<'_>) -> ApiResult {
    let kind = call.params.str("type").map(|kind| kind.to_string());
    let is_listed = |row: &&Map<String, Value>| match kind.as_deref() {
        None | Some("include_sdn") => true,
        Some("any_bridge" | "any_local_bridge") => row["type"] == "bridge",
        Some(kind) => row["type"] == kind,
    };
    let Some(machine) = call.world.machines.get(&call.params.text("node")) else { return Ok(json!([])) };
    let addresses = std::iter::once(&machine.address).chain(&machine.more_addresses);
    let rows: Vec<Map<String, Value>> = addresses.enumerate().flat_map(|(at, address)| both(at, address)).collect();
    Ok(rows.iter().filter(is_listed).cloned().map(Value::Object).collect())
}

/// A bridge with `address`, and its card.
fn both(at: usize, address: &str) -> [Map<String, Value>; 2] {
    let card = format!("nic{at}");
    let mut bridge = interface(&format!("vmbr{at}"), "bridge", 2 * at + 4);
    let is_ipv6 = address.contains(':');
    let (family, suffix, bits) = if is_ipv6 { ("inet6", "6", 64) } else { ("inet", "", 24) };
    bridge.insert(format!("method{suffix}"), json!("static"));
    bridge.insert(format!("address{suffix}"), json!(address));
    bridge.insert(format!("netmask{suffix}"), if is_ipv6 { json!(bits) } else { json!(bits.to_string()) });
    bridge.insert(format!("cidr{suffix}"), json!(format!("{address}/{bits}")));
    bridge.insert("families".into(), json!([family]));
    for (name, value) in [("bridge_ports", card.as_str()), ("bridge_stp", "off"), ("bridge_fd", "0")] {
        bridge.insert(name.into(), json!(value));
    }
    bridge.insert("autostart".into(), json!(1));
    let mut card = interface(&card, "eth", 2 * at + 3);
    card.insert("exists".into(), json!(1));
    [card, bridge]
}

fn interface(name: &str, kind: &str, priority: usize) -> Map<String, Value> {
    let Value::Object(row) = json!({
        "iface": name, "type": kind, "method": "manual", "method6": "manual", "families": ["inet"], "active": 1, "priority": priority,
    }) else {
        return Map::new();
    };
    row
}
