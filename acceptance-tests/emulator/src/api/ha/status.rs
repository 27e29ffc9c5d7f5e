//! `/cluster/ha/status`: what the managers say, and switching them off and on.

use serde_json::{Value, json};

use super::{AUDIT, CONSOLE, current, files, manager_status};
use crate::error::ApiResult;
use crate::route::{Call, Route};
use crate::schema::{Prop, Schema};
use crate::world::Pve;

/// `/cluster/ha/status`
pub(super) fn routes(pve: Pve) -> Vec<Route> {
    let mut index = vec!["current", "manager_status"];
    let mut routes = vec![
        Route::get("/cluster/ha/status/current", |call| Ok(current::entries(call.world))).permission(AUDIT),
        Route::get("/cluster/ha/status/manager_status", |call| Ok(manager_status::read(call.world))).permission(AUDIT),
    ];
    if pve == Pve::V9 {
        index.extend(["disarm-ha", "arm-ha"]);
        let mode = Schema::new().req("resource-mode", Prop::choice(&["freeze", "ignore"]));
        routes.push(Route::post("/cluster/ha/status/disarm-ha", disarm).permission(CONSOLE).params(mode));
        routes.push(Route::post("/cluster/ha/status/arm-ha", |call| queue(call, "arm-ha")).permission(CONSOLE));
    }
    let index: Value = index.iter().map(|name| json!({"name": name})).collect();
    routes.push(Route::get("/cluster/ha/status", move |_| Ok(index.clone())).permission(AUDIT));
    routes
}

fn disarm(call: &mut Call<'_>) -> ApiResult {
    let line = format!("disarm-ha {}", call.params.text("resource-mode"));
    queue(call, &line)
}

fn queue(call: &mut Call<'_>, line: &str) -> ApiResult {
    call.locked("domain-ha", |call| {
        files::queue_command(call.world, line);
        Ok(Value::Null)
    })
}
