//! `/cluster/bulk-action`: starting, stopping and moving many guests by one task, which PVE 9 has.

use serde_json::{Value, json};

use super::index;
use crate::api::bulk::{self, Asked, What};
use crate::api::options::config::Config;
use crate::error::{ApiError, ApiResult};
use crate::route::{Call, Permission, Route};
use crate::schema::formats::{Format, NODE, STORAGE_ID, VMID};
use crate::schema::{Prop, Schema};
use crate::world::Pve;

pub(super) fn routes(pve: Pve) -> Vec<Route> {
    const START: &str = "/cluster/bulk-action/guest/start";
    const SHUTDOWN: &str = "/cluster/bulk-action/guest/shutdown";
    const SUSPEND: &str = "/cluster/bulk-action/guest/suspend";
    const MIGRATE: &str = "/cluster/bulk-action/guest/migrate";
    if pve < Pve::V9 {
        return Vec::new();
    }
    let timeout = || Prop::integer().min(0.0);
    let shutdown = common().opt("timeout", timeout()).opt("force-stop", Prop::boolean());
    let suspend = common()
        .opt("statestorage", Prop::string().format(Format::One(STORAGE_ID)).requires("to-disk"))
        .opt("to-disk", Prop::boolean());
    let migrate = common()
        .req("target", Prop::string().format(Format::One(NODE)))
        .opt("online", Prop::boolean())
        .opt("with-local-disks", Prop::boolean());
    // Who may do it is checked guest by guest, once they are known.
    let post = |path, handler: fn(&mut Call<'_>) -> ApiResult, params: Schema| {
        Route::post(path, handler).permission(Permission::AnyUser).params(params)
    };
    vec![
        Route::get("/cluster/bulk-action", |_| Ok(index("name", "guest"))).permission(Permission::AnyUser),
        Route::get("/cluster/bulk-action/guest", |_| Ok(index("name", "start shutdown migrate suspend")))
            .permission(Permission::AnyUser),
        post(START, start, common().opt("timeout", timeout())),
        post(SHUTDOWN, shut_down, shutdown),
        post(SUSPEND, suspend_all, suspend),
        post(MIGRATE, migrate_all, migrate),
    ]
}

fn common() -> Schema {
    let workers = || Prop::integer().min(1.0).max(64.0);
    Schema::new()
        .opt("vms", Prop::array(Prop::integer().format(Format::One(VMID))))
        .opt("max-workers", workers())
        .opt("maxworkers", workers())
}

fn start(call: &mut Call<'_>) -> ApiResult {
    check(call, &["VM.PowerMgmt"])?;
    Ok(run(call, "bulk-start", "Starting guests", What::Start))
}

fn shut_down(call: &mut Call<'_>) -> ApiResult {
    check(call, &["VM.PowerMgmt"])?;
    let seconds = call.params.int("timeout").unwrap_or(180);
    Ok(run(call, "bulk-shutdown", "Shutting down guests", What::Shutdown { seconds }))
}

fn suspend_all(call: &mut Call<'_>) -> ApiResult {
    check(call, &["VM.PowerMgmt"])?;
    let to_disk = call.params.bool("to-disk") == Some(true);
    if to_disk {
        check(call, &["VM.Config.Disk"])?;
        if let Some(storage) = call.params.str("statestorage") {
            call.check(&format!("/storage/{storage}"), &["Datastore.AllocateSpace"])?;
        }
    }
    Ok(run(call, "bulk-suspend", "Suspending guests", What::Suspend { to_disk }))
}

fn migrate_all(call: &mut Call<'_>) -> ApiResult {
    check(call, &["VM.Migrate"])?;
    let target = call.params.text("target");
    if !call.world.nodes.contains_key(&target) {
        return Err(ApiError::die(format!("no such cluster node '{target}'")));
    }
    let header = format!("Migrating guests to {target}");
    let flag = |name: &str| call.params.bool(name) == Some(true);
    let what = What::Migrate { target, online: flag("online"), with_local_disks: flag("with-local-disks") };
    Ok(run(call, "bulk-migrate", &header, what))
}

/// The privileges on each guest that is named, else on all.
fn check(call: &Call<'_>, privileges: &[&str]) -> ApiResult<()> {
    let named = call.params.list("vms");
    if named.is_empty() {
        return call.check("/", privileges);
    }
    named.iter().try_for_each(|vmid| call.check(&format!("/vms/{vmid}"), privileges))
}

fn run(call: &mut Call<'_>, kind: &str, header: &str, what: What) -> Value {
    let mut guests: Vec<u32> = call.params.list("vms").iter().filter_map(|vmid| vmid.parse().ok()).collect();
    if guests.is_empty() {
        guests = call.world.guests.values().filter(|guest| !guest.template).map(|guest| guest.vmid).collect();
    }
    let ids: Vec<String> = guests.iter().map(u32::to_string).collect();
    let given = call.params.int("max-workers").or_else(|| call.params.int("maxworkers"));
    let default = if matches!(what, What::Migrate { .. }) { of_options(call).unwrap_or(1) } else { 4 };
    let workers = given.and_then(|given| usize::try_from(given).ok()).unwrap_or(default);
    let asked = Asked { what, guests, workers, user: call.caller.id() };
    let node = call.world.answering_node.clone();
    let header = format!("{header}: {}", ids.join(", "));
    json!(bulk::start(call.world, &node, kind, Some(header), asked, 0))
}

/// `max_workers` of the datacenter's options.
fn of_options(call: &Call<'_>) -> Option<usize> {
    Config::read(call.world).text("max_workers")?.parse().ok()
}
