//! `/cluster/tasks`: the latest tasks of all nodes.

use serde_json::Value;

use crate::api::nodes::tasks::{is_own, row};
use crate::error::ApiResult;
use crate::route::{Call, Permission, Route};
use crate::world::Pve;

/// The cluster file system holds no more.
const SHOWN: usize = 25;

pub(super) fn routes(_pve: Pve) -> Vec<Route> {
    vec![Route::get("/cluster/tasks", tasks).permission(Permission::AnyUser)]
}

fn tasks(call: &mut Call<'_>) -> ApiResult<Value> {
    let all = call.may("/", &["Sys.Audit"]);
    let visible = call.world.tasks.iter().filter(|task| all || is_own(&call.caller, task));
    Ok(Value::Array(visible.take(SHOWN).map(row).map(Value::Object).collect()))
}
