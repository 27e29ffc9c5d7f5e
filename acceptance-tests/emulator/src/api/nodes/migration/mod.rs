//! Moving guests: `…/qemu/{vmid}/migrate`, `…/lxc/{vmid}/migrate` and `…/migrateall`.
//!
//! Invariant: what prevents a move is looked for in one place, the `run` of a migration; the preconditions only
//! say what of it is known beforehand, and there as little as Proxmox does.

mod devices;
mod disks;
mod many;
mod preconditions;
mod report;
mod run;

use serde_json::{Value, json};

pub use report::Aborted;
pub(crate) use report::Report;
pub(crate) use run::{Wish, check_for_manager, start};

use super::guests::{find, guest_params};
use crate::error::{ApiError, ApiResult};
use crate::route::{Call, Permission, Route};
use crate::schema::formats::{CIDR, Format, NODE, STORAGE_ID};
use crate::schema::{Prop, Schema};
use crate::world::{GuestKind, Pve};

const QEMU: &str = "/nodes/{node}/qemu/{vmid}/migrate";
const LXC: &str = "/nodes/{node}/lxc/{vmid}/migrate";
const MIGRATE: Permission = Permission::Check("/vms/{vmid}", &["VM.Migrate"]);

pub(super) fn routes(pve: Pve) -> Vec<Route> {
    let target = || Prop::string().format(Format::One(NODE));
    let asked = || guest_params().opt("target", target());
    let mut routes = vec![
        Route::get(QEMU, preconditions::of_vm).permission(MIGRATE).params(asked()).proxied(),
        Route::post(QEMU, |call| migrate(call, GuestKind::Qemu)).permission(MIGRATE).params(of_vm(pve)).proxied(),
        Route::post(LXC, |call| migrate(call, GuestKind::Lxc)).permission(MIGRATE).params(of_container()).proxied(),
    ];
    if pve >= Pve::V9 {
        let lxc = Route::get(LXC, preconditions::of_container);
        routes.push(lxc.permission(MIGRATE).params(asked()).proxied());
    }
    routes.extend(many::routes());
    routes
}

fn of_vm(pve: Pve) -> Schema {
    let schema = guest_params()
        .req("target", Prop::string().format(Format::One(NODE)))
        .opt("online", Prop::boolean())
        .opt("force", Prop::boolean())
        .opt("migration_type", Prop::choice(&["secure", "insecure"]))
        .opt("migration_network", Prop::string().format(Format::One(CIDR)))
        .opt("with-local-disks", Prop::boolean())
        .opt("targetstorage", Prop::string())
        .opt("bwlimit", Prop::number().min(0.0));
    if pve >= Pve::V9 { schema.opt("with-conntrack-state", Prop::boolean()) } else { schema }
}

fn of_container() -> Schema {
    guest_params()
        .req("target", Prop::string().format(Format::One(NODE)))
        .opt("target-storage", Prop::string())
        .opt("online", Prop::boolean())
        .opt("restart", Prop::boolean())
        .opt("timeout", Prop::integer())
        .opt("bwlimit", Prop::number().min(0.0))
}

fn migrate(call: &mut Call<'_>, kind: GuestKind) -> ApiResult {
    let vmid = find(call, kind)?.vmid;
    for name in ["force", "migration_type", "migration_network"] {
        if call.params.has(name) && !call.caller.is_root() {
            return Err(ApiError::param(name, "Only root may use this option."));
        }
    }
    if call.lock_fault.is_some() {
        call.check_quorum()?;
    }
    let flag = |name: &str| call.params.bool(name) == Some(true);
    let storage = call.params.str("targetstorage").or_else(|| call.params.str("target-storage"));
    let wish = Wish {
        vmid,
        target: call.params.text("target"),
        online: flag("online"),
        restart: flag("restart"),
        force: flag("force"),
        with_local_disks: flag("with-local-disks"),
        // `1` is each storage onto itself.
        storage: storage.filter(|storage| (STORAGE_ID.check)(storage).is_ok()),
    };
    let user = call.caller.id();
    start(call.world, &wish, &user).map(|upid| json!(upid))
}

/// The other nodes of the cluster, whether they are online or not.
fn others<'w>(call: &'w Call<'_>, node: &'w str) -> impl Iterator<Item = &'w str> {
    call.world.nodes.keys().map(String::as_str).filter(move |other| *other != node)
}

/// What an answer has of a list.
fn array<T: Into<Value>>(items: impl IntoIterator<Item = T>) -> Value {
    Value::Array(items.into_iter().map(Into::into).collect())
}
