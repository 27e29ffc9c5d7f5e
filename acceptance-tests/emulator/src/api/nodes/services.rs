//! `/nodes/{node}/services`: the system services that the web UI lists, and whether they run.

use serde_json::{Value, json};

use super::{cluster_index, node_param};
use crate::error::ApiResult;
use crate::route::{Call, Permission, Route};
use crate::schema::{Prop, Schema};
use crate::world::World;
use crate::world::machines::Unit;

/// Name and description. [`unit`] has the names that differ from their unit's.
const SERVICES: [(&str, &str); 22] = [
    ("chrony", "chrony, an NTP client/server"),
    ("corosync", "Corosync Cluster Engine"),
    ("cron", "Regular background program processing daemon"),
    ("ksmtuned", "Kernel Samepage Merging (KSM) Tuning Daemon"),
    ("lxcfs", "FUSE filesystem for LXC"),
    ("postfix", "Postfix Mail Transport Agent"),
    ("proxmox-firewall", "Proxmox nftables firewall"),
    ("pve-cluster", "The Proxmox VE cluster filesystem"),
    ("pve-firewall", "Proxmox VE firewall"),
    ("pve-ha-crm", "PVE Cluster HA Resource Manager Daemon"),
    ("pve-ha-lrm", "PVE Local HA Resource Manager Daemon"),
    ("pve-lxc-syscalld", "Proxmox VE LXC Syscall Daemon"),
    ("pvedaemon", "PVE API Daemon"),
    ("pvefw-logger", "Proxmox VE firewall logger"),
    ("pveproxy", "PVE API Proxy Server"),
    ("pvescheduler", "Proxmox VE scheduler"),
    ("pvestatd", "PVE Status Daemon"),
    ("qmeventd", "PVE Qemu Event Daemon"),
    ("spiceproxy", "PVE SPICE Proxy Server"),
    ("sshd", "OpenBSD Secure Shell server"),
    ("syslog", "Journal Service"),
    ("systemd-timesyncd", "Network Time Synchronization"),
];
/// Debian's default and what replaces it: only one of them is installed.
const NOT_INSTALLED: [&str; 1] = ["systemd-timesyncd"];

pub(super) fn routes() -> Vec<Route> {
    let names: &'static [&'static str] = Box::leak(SERVICES.map(|(name, _)| name).into());
    let one = move || node_param().req("service", Prop::choice(names));
    let route = |path, handler: fn(&mut Call<'_>) -> ApiResult<Value>, params: Schema| {
        Route::get(path, handler)
            .permission(Permission::Check("/nodes/{node}", &["Sys.Audit"]))
            .params(params)
            .proxied()
    };
    vec![
        route("/nodes/{node}/services", list, node_param()),
        route("/nodes/{node}/services/{service}", |_| Ok(index()), one()),
        route("/nodes/{node}/services/{service}/state", state, one()),
    ]
}

fn index() -> Value {
    cluster_index("subdir", "state start stop restart reload")
}

fn list(call: &mut Call<'_>) -> ApiResult<Value> {
    let node = call.params.text("node");
    let rows = SERVICES.iter().map(|(name, description)| row(call.world, &node, name, description)).collect();
    Ok(Value::Array(call.world.any_order(rows)))
}

fn state(call: &mut Call<'_>) -> ApiResult<Value> {
    let (node, name) = (call.params.text("node"), call.params.text("service"));
    let description = SERVICES.iter().find(|(known, _)| *known == name).map_or("", |(_, description)| description);
    Ok(row(call.world, &node, &name, description))
}

fn row(world: &World, node: &str, name: &str, description: &str) -> Value {
    let (state, active, enabled) = match unit(world, node, name) {
        None => ("dead", "inactive", "not-found"),
        Some(unit) => {
            let enabled = if unit.enabled { "enabled" } else { "disabled" };
            if unit.active { ("running", "active", enabled) } else { ("dead", "inactive", enabled) }
        }
    };
    json!({
        "service": name, "name": name, "desc": description, "state": state, "active-state": active,
        "unit-state": enabled,
    })
}

/// The unit behind a service. Those that nothing here can stop run.
fn unit(world: &World, node: &str, name: &str) -> Option<Unit> {
    if NOT_INSTALLED.contains(&name) {
        return None;
    }
    let unit = if name == "sshd" { "ssh" } else { name };
    let known = world.machines.get(node).and_then(|machine| machine.units.get(unit));
    Some(known.copied().unwrap_or(Unit { active: true, enabled: true }))
}
