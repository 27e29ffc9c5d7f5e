//! `/nodes`

mod config;
pub(crate) mod figures;
mod guests;
pub(crate) mod machine;
pub(crate) mod migration;
mod network;
pub(crate) mod power;
mod services;
mod storage;
pub(super) mod tasks;

use serde_json::{Value, json};

use super::cluster_index;
use crate::error::ApiResult;
use crate::route::{Call, Permission, Route};
use crate::schema::formats::{Format, NODE};
use crate::schema::{Prop, Schema};
use crate::world::Pve;

pub(super) fn routes(pve: Pve) -> Vec<Route> {
    let own = vec![
        Route::get("/nodes", nodes).permission(Permission::AnyUser),
        Route::get("/nodes/{node}", index).permission(Permission::AnyUser).params(node_param()).proxied(),
        Route::get("/nodes/{node}/status", status)
            .permission(Permission::Check("/nodes/{node}", &["Sys.Audit"]))
            .params(node_param())
            .proxied(),
    ];
    let parts = [
        own,
        config::routes(pve),
        guests::routes(pve),
        machine::routes(),
        migration::routes(pve),
        network::routes(),
        services::routes(),
        storage::routes(),
        tasks::routes(),
    ];
    parts.into_iter().flatten().collect()
}

/// The parameter every call below `/nodes/{node}` has.
pub(super) fn node_param() -> Schema {
    Schema::new().req("node", Prop::string().format(Format::One(NODE)))
}

fn nodes(call: &mut Call<'_>) -> ApiResult<Value> {
    let rows = call.world.nodes.values().map(|node| {
        let mut row = figures::node(call.world, node, call.may(&format!("/nodes/{}", node.name), &["Sys.Audit"]));
        row.insert("ssl_fingerprint".into(), json!(node.fingerprint));
        Value::Object(row)
    });
    let rows = rows.collect();
    Ok(Value::Array(call.world.any_order(rows)))
}

fn index(call: &mut Call<'_>) -> ApiResult<Value> {
    let mut names = "aplinfo apt capabilities ceph certificates config disks dns firewall hardware hosts journal lxc \
        migrateall netstat network qemu query-url-metadata replication report rrd rrddata scan sdn services spiceshell \
        startall status stopall storage subscription suspendall syslog tasks termproxy time version vncshell vzdump \
        wakeonlan"
        .to_owned();
    if call.world.profile.pve >= Pve::V9 {
        names.push_str(" query-oci-repo-tags");
    }
    let Value::Array(rows) = cluster_index("name", &names) else { return Ok(Value::Null) };
    Ok(Value::Array(call.world.any_order(rows)))
}

fn status(call: &mut Call<'_>) -> ApiResult<Value> {
    let name = call.params.text("node");
    let world = &*call.world;
    let Some(node) = world.nodes.get(&name) else { return Ok(Value::Null) };
    let used = figures::memory_used(world, node);
    let disk_used = node.disk / 14;
    let kernel = world.machines.get(&name).map_or("", |machine| machine.kernel.running.as_str());
    let build = "#1 SMP PREEMPT_DYNAMIC";
    let (version, _, repoid) = world.manager_of(&name);
    Ok(json!({
        "uptime": (world.clock.now() - node.since) as i64,
        "idle": 0, "wait": 0, "cpu": 0.02,
        "loadavg": ["0.10", "0.08", "0.05"],
        "kversion": format!("Linux {kernel} {build}"),
        "current-kernel": {"sysname": "Linux", "release": kernel, "version": build, "machine": "x86_64"},
        "boot-info": {"mode": "efi", "secureboot": 0},
        "cpuinfo": {
            "cpus": node.cpus, "cores": node.cpus, "sockets": 1, "model": "Virtual CPU", "mhz": "2600.000", "hvm": "1",
            "user_hz": 100, "flags": "fpu vme de pse tsc msr pae",
        },
        "memory": {"total": node.memory, "used": used, "free": node.memory - used, "available": node.memory - used},
        "ksm": {"shared": 0},
        "swap": {"total": 0, "used": 0, "free": 0},
        "rootfs": {"total": node.disk, "used": disk_used, "avail": node.disk - disk_used, "free": node.disk - disk_used},
        "pveversion": format!("pve-manager/{version}/{repoid}"),
    }))
}
