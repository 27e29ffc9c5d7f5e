//! Which guests and which of their volumes a job covers.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{config, jobs, selection};
use crate::error::ApiResult;
use crate::route::{Call, Permission, Route};
use crate::world::{Guest, GuestKind};

/// `/cluster/backup-info` and `/cluster/backup/{id}/included_volumes`
pub(super) fn routes() -> Vec<Route> {
    let index = json!([{"subdir": "not-backed-up"}]);
    vec![
        Route::get("/cluster/backup-info", move |_| Ok(index.clone())).permission(Permission::RootOnly),
        Route::get("/cluster/backup-info/not-backed-up", not_backed_up).permission(Permission::root(&["Sys.Audit"])),
        Route::get("/cluster/backup/{id}/included_volumes", included_volumes)
            .permission(Permission::root(&["Sys.Audit"]))
            .params(jobs::old_id()),
    ]
}

/// A disabled job covers its guests as well.
fn not_backed_up(call: &mut Call<'_>) -> ApiResult {
    let jobs = config::read(call.world).list;
    let covered: BTreeSet<u32> =
        jobs.iter().flat_map(|job| selection::included(call.world, &job.values).into_values().flatten()).collect();
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
    let guests = selection::included(call.world, &job.values).into_values().flatten();
    let visible = guests.filter(|vmid| call.may(&format!("/vms/{vmid}"), &["VM.Audit"]));
    let children = visible.map(|vmid| match call.world.guests.get(&vmid) {
        Some(guest) => guest_row(guest),
        None => json!({"id": vmid, "type": "unknown", "leaf": 1}),
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

/// Whether a volume is backed up, and in Proxmox's words why. VMs' disks are unless `backup=0`, containers' mount points only
/// with `backup=1`.
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
