//! `/nodes/{node}/migrateall`: every guest of a node, or some, to another one.

use serde_json::json;

use crate::api::bulk::{self, Asked, What};
use crate::api::options::config::Config;
use crate::error::{ApiError, ApiResult};
use crate::route::{Call, Permission, Route};
use crate::schema::Prop;
use crate::schema::formats::{Format, NODE, VMID};

pub(super) fn routes() -> Vec<Route> {
    let workers = || Prop::integer().min(1.0).max(64.0);
    let params = super::super::node_param()
        .req("target", Prop::string().format(Format::One(NODE)))
        .opt("vms", Prop::string().format(Format::List(VMID)))
        .opt("maxworkers", workers())
        .opt("max-workers", workers())
        .opt("with-local-disks", Prop::boolean());
    // Who may do it is checked guest by guest.
    vec![Route::post("/nodes/{node}/migrateall", migrate).permission(Permission::AnyUser).params(params).proxied()]
}

fn migrate(call: &mut Call<'_>) -> ApiResult {
    let (node, target) = (call.params.text("node"), call.params.text("target"));
    let named = call.params.list("vms");
    if named.is_empty() {
        call.check("/", &["VM.Migrate"])?;
    }
    named.iter().try_for_each(|vmid| call.check(&format!("/vms/{vmid}"), &["VM.Migrate"]))?;
    if target == node {
        return Err(ApiError::param("target", "target is local node."));
    }
    call.check_quorum()?;
    if !call.world.nodes.contains_key(&target) {
        return Err(ApiError::die(format!("no such cluster node '{target}'")));
    }
    let option = Config::read(call.world).text("max_workers").and_then(|text| text.parse().ok());
    let Some(workers) = call.params.int("max-workers").or_else(|| call.params.int("maxworkers")).or(option) else {
        return Err(ApiError::die("either 'maxworkers' parameter or max_workers in datacenter.cfg must be set!"));
    };
    let own = call.world.guests.values().filter(|guest| guest.node == node && !guest.template);
    let chosen = own.filter(|guest| named.is_empty() || named.contains(&guest.vmid.to_string()));
    let guests = chosen.map(|guest| guest.vmid).collect();
    let with_local_disks = call.params.bool("with-local-disks") == Some(true);
    // Those that run are moved live, or restarted.
    let what = What::Migrate { target, online: true, with_local_disks };
    let workers = usize::try_from(workers).unwrap_or(1);
    let asked = Asked { what, guests, workers, user: call.caller.id() };
    Ok(json!(bulk::start(call.world, &node, "migrateall", None, asked, 0)))
}
