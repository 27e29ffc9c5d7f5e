//! `/version`

use serde_json::{Value, json};

use crate::error::ApiResult;
use crate::route::{Call, Permission, Route};
use crate::schema::{Prop, Schema, formats};
use crate::world::World;

pub(super) fn routes() -> Vec<Route> {
    let node = Schema::new().req("node", Prop::string().format(formats::Format::One(formats::NODE)));
    vec![
        Route::get("/version", version).permission(Permission::AnyUser),
        Route::get("/nodes/{node}/version", node_version).permission(Permission::AnyUser).params(node).proxied(),
    ]
}

fn version(call: &mut Call<'_>) -> ApiResult<Value> {
    let mut facts = facts(call.world, &call.world.answering_node);
    if let Some(console) = super::options::config::Config::read(call.world).text("console") {
        facts["console"] = json!(console);
    }
    Ok(facts)
}

fn node_version(call: &mut Call<'_>) -> ApiResult<Value> {
    Ok(facts(call.world, &call.params.text("node")))
}

fn facts(world: &World, node: &str) -> Value {
    let (version, release, repoid) = world.manager_of(node);
    json!({"version": version, "release": release, "repoid": repoid})
}
