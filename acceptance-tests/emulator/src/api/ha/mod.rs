//! High availability: `/cluster/ha`.
//!
//! Invariant: these calls only read and write the files below `/etc/pve/ha`; services are moved, started and stopped by the
//! managers of [`crate::crm`] alone, when they come to it.

pub mod commands;
mod current;
pub mod feasibility;
pub mod files;
mod groups;
pub mod guests;
mod manager_status;
mod purge;
mod resources;
mod rules;
mod sid;
mod status;

pub use resources::is_managed;
use serde_json::{Value, json};

use crate::error::{ApiError, ApiResult};
use crate::route::{Call, Permission, Route};
use crate::schema::formats::{Named, matches};
use crate::world::{HaManager, Pve, World};

/// All calls below `/cluster/ha`.
#[must_use]
pub fn routes(pve: Pve, ha: HaManager) -> Vec<Route> {
    let index: &[&str] = match pve {
        Pve::V8 => &["status", "resources", "groups"],
        Pve::V9 => &["status", "resources", "groups", "rules"],
    };
    let index: Value = index.iter().map(|id| json!({"id": id})).collect();
    let mut routes = vec![Route::get("/cluster/ha", move |_| Ok(index.clone())).permission(AUDIT)];
    routes.extend(groups::routes(pve));
    routes.extend(resources::routes(pve, ha));
    routes.extend(rules::routes(pve, ha));
    routes.extend(status::routes(pve));
    routes
}

/// The privileges to read.
const AUDIT: Permission = Permission::Check("/", &["Sys.Audit"]);
/// The privileges to write.
const CONSOLE: Permission = Permission::Check("/", &["Sys.Console"]);

/// `pve-ha-resource-or-vm-id`.
pub(crate) const RESOURCE_OR_VMID: Named = Named {
    name: "pve-ha-resource-or-vm-id",
    check: |value| matches(value, r"^([a-z]+:\S+|[0-9]+)$", not_a_resource_id),
};

/// `pve-ha-resource-id`.
const RESOURCE_ID: Named =
    Named { name: "pve-ha-resource-id", check: |value| matches(value, r"^[a-z]+:\S+$", not_a_resource_id) };

/// The whole id of a resource or a guest.
///
/// # Errors
/// There is no guest of that number.
pub(crate) fn full_sid(world: &World, text: &str) -> ApiResult<String> {
    sid::Sid::parse(world, text).map(|sid| sid.id())
}

fn not_a_resource_id() -> String {
    "value does not look like a valid ha resource id".to_owned()
}

/// `code` under the lock of the HA configuration; whatever fails is reported behind `prefix`.
fn locked(call: &mut Call<'_>, prefix: &str, code: impl FnOnce(&mut World) -> Result<(), String>) -> ApiResult {
    call.locked("domain-ha", |call| code(call.world).map_err(ApiError::die))
        .map_err(|error| error.prefixed(&format!("{prefix}: ")))?;
    Ok(Value::Null)
}
