//! Which guests and which of their volumes a job covers.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{config, jobs};
use crate::error::ApiResult;
use crate::route::{Call, Permission, Route};
use crate::schema::params::split_list;
use crate::schema::{Prop, Schema};
use crate::section_config::Section;
use crate::world::{Guest, GuestKind, World};

/// `/cluster/backup-info` and `/cluster/backup/{id}/included_volumes`
pub(super) fn routes() -> Vec<Route> {
    let id = Schema::new().req("id", Prop::string().max_length(50));
    let index = json!([{"subdir": "not-backed-up"}]);
    vec![
        Route::get("/cluster/backup-info", move |_| Ok(index.clone())).permission(Permission::RootOnly),
        Route::get("/cluster/backup-info/not-backed-up", not_backed_up).permission(Permission::root(&["Sys.Audit"])),
        Route::get("/cluster/backup/{id}/included_volumes", included_volumes)
            .permission(Permission::root(&["Sys.Audit"]))
            .params(id),
    ]
}

/// `get_included_guests`: the guests of a job by the node they are on. Ids of guests that don't exist are under an empty name.
pub(super) fn included(world: &World, job: &Section) -> BTreeMap<String, Vec<u32>> {
    let ids: Vec<u32> = if job.text("pool").is_some() {
        // This cluster has no pools.
        Vec::new()
    } else if let Some(ids) = job.text("vmid") {
        split_list(&ids).iter().filter_map(|id| id.parse().ok()).collect()
    } else if job.flag("all") {
        let excluded = split_list(&job.text("exclude").unwrap_or_default());
        world.guests.keys().copied().filter(|id| !excluded.contains(&id.to_string())).collect()
    } else {
        Vec::new()
    };
    let mut by_node: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    let only = job.text("node");
    for id in ids {
        let node = world.guests.get(&id).map_or("", |guest| guest.node.as_str());
        if node.is_empty() || only.as_deref().is_none_or(|only| only == node) {
            by_node.entry(node.to_owned()).or_default().push(id);
        }
    }
    by_node
}

/// A job that is switched off covers its guests as well.
fn not_backed_up(call: &mut Call<'_>) -> ApiResult {
    let jobs = config::read(call.world).list;
    let covered: BTreeSet<u32> =
        jobs.iter().flat_map(|job| included(call.world, job).into_values().flatten()).collect();
    let missing = call.world.guests.values().filter(|guest| !covered.contains(&guest.vmid));
    let visible = missing.filter(|guest| call.may(&format!("/vms/{}", guest.vmid), &["VM.Audit"]));
    let rows =
        visible.map(|guest| json!({"vmid": guest.vmid, "name": guest.name, "type": guest.kind.as_str()})).collect();
    Ok(Value::Array(call.world.any_order(rows)))
}

fn included_volumes(call: &mut Call<'_>) -> ApiResult {
    let id = call.params.text("id");
    let all = config::read(call.world);
    let job = all.find(&id).ok_or_else(|| jobs::no_such_job(&id))?;
    let guests = included(call.world, job).into_values().flatten();
    let visible = guests.filter(|vmid| call.may(&format!("/vms/{vmid}"), &["VM.Audit"]));
    let children = visible.map(|vmid| match call.world.guests.get(&vmid) {
        Some(guest) => guest_row(guest),
        None => json!({"id": vmid, "type": "unknown", "name": "", "leaf": 1, "children": []}),
    });
    let children: Vec<Value> = children.collect();
    Ok(json!({"children": call.world.any_order(children)}))
}

fn guest_row(guest: &Guest) -> Value {
    let volumes = guest.volumes().filter(|(_, line)| !has(line, "media=cdrom"));
    let children: Vec<Value> = volumes
        .map(|(key, line)| {
            let (included, reason) = verdict(guest.kind, key, line);
            let name = line.split(',').next().unwrap_or_default();
            json!({
                "id": format!("{}:{key}", guest.vmid), "name": name, "included": u8::from(included), "reason": reason,
                "leaf": 1,
            })
        })
        .collect();
    json!({
        "id": guest.vmid, "type": guest.kind.as_str(), "name": guest.name, "leaf": u8::from(children.is_empty()),
        "children": children,
    })
}

/// Whether a volume is backed up, and in Proxmox's words why. VMs' disks are unless told otherwise, containers' mount points only
/// if told so.
fn verdict(kind: GuestKind, key: &str, line: &str) -> (bool, &'static str) {
    match kind {
        GuestKind::Qemu if has(line, "backup=0") => (false, "backup=no"),
        GuestKind::Qemu => (true, "backup=yes"),
        GuestKind::Lxc if key == "rootfs" => (true, "rootfs"),
        GuestKind::Lxc if line.starts_with('/') => (false, "not a volume"),
        GuestKind::Lxc if has(line, "backup=1") => (true, "enabled"),
        GuestKind::Lxc => (false, "disabled"),
    }
}

fn has(line: &str, option: &str) -> bool {
    line.split(',').skip(1).any(|part| part == option)
}
