//! `POST /nodes/{node}/vzdump`: a run at once, of the guests that are on that node.

use serde_json::{Value, json};

use super::run::{self, Run};
use super::{parameters, permissions, selection};
use crate::error::ApiResult;
use crate::route::{Call, Permission, Route};
use crate::schema::formats::{CONFIG_ID, Format, NODE};
use crate::schema::{Prop, Schema};
use crate::section_config::{Values, without};
use crate::world::Pve;

pub(super) fn routes(pve: Pve) -> Vec<Route> {
    let own = Schema::new()
        .req("node", Prop::string().format(Format::One(NODE)))
        .opt("job-id", Prop::string().format(Format::One(CONFIG_ID)).max_length(50));
    let params = parameters::of_run(pve, own);
    vec![Route::post("/nodes/{node}/vzdump", start).permission(Permission::AnyUser).params(params).proxied()]
}

fn start(call: &mut Call<'_>) -> ApiResult {
    permissions::to_run(call)?;
    let node = call.params.text("node");
    let job = call.params.str("job-id");
    let params = without(&call.params, &["node", "job-id"]);
    let mut options: Values = params.iter().map(|(name, value)| (name.to_owned(), value.clone())).collect();
    selection::verify(&mut options, true)?;
    let guests = selection::included(call.world, &options).remove(&node).unwrap_or_default();
    let refused: Vec<u32> =
        guests.into_iter().filter(|vmid| !call.may(&format!("/vms/{vmid}"), &["VM.Backup"])).collect();
    let user = call.caller.id();
    let run = Run { node: &node, user: &user, job: job.as_deref(), options: &options, refused: &refused };
    // Where there is nothing to do, there is no task.
    Ok(run::start(call.world, &run).map_or_else(|| json!("OK"), Value::String))
}
