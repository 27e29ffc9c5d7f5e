//! `/` and `/cluster`, as far as no file of their own deals with them.

mod bulk_action;
mod ceph;
mod config;
mod jobs;
pub(crate) mod members;
mod next_id;
mod resources;
mod status;
mod tasks;

use serde_json::{Value, json};

use crate::error::ApiResult;
use crate::route::{Call, Permission, Route};
use crate::world::Pve;

pub(super) fn routes(pve: Pve) -> Vec<Route> {
    let own = vec![
        Route::get("/", |_| Ok(index("subdir", "version cluster nodes storage access pools")))
            .permission(Permission::AnyUser),
        Route::get("/cluster", cluster).permission(Permission::AnyUser),
    ];
    let parts = [
        own,
        bulk_action::routes(pve),
        ceph::routes(),
        config::routes(),
        jobs::routes(),
        members::routes(pve),
        next_id::routes(),
        resources::routes(),
        status::routes(),
        tasks::routes(pve),
    ];
    parts.into_iter().flatten().collect()
}

/// An index: one object per blank-separated name.
pub(super) fn index(key: &str, names: &str) -> Value {
    Value::Array(names.split_whitespace().map(|name| json!({key: name})).collect())
}

fn cluster(call: &mut Call<'_>) -> ApiResult<Value> {
    let common = "acme backup backup-info ceph config firewall ha jobs log mapping metrics notifications nextid options \
        replication resources status tasks sdn";
    let Value::Array(mut names) = index("name", common) else { return Ok(Value::Null) };
    if call.world.profile.pve >= Pve::V9 {
        names.extend([json!({"name": "bulk-action"}), json!({"name": "qemu"})]);
    }
    Ok(Value::Array(call.world.any_order(names)))
}
