//! `/cluster/nextid`

use serde_json::{Value, json};

use crate::api::options::next_id_range;
use crate::error::{ApiError, ApiResult};
use crate::route::{Call, Permission, Route};
use crate::schema::formats::{Format, VMID};
use crate::schema::{Prop, Schema};

pub(super) fn routes() -> Vec<Route> {
    let vmid = Prop::integer().format(Format::One(VMID)).min(100.0).max(999_999_999.0);
    vec![Route::get("/cluster/nextid", next_id).permission(Permission::AnyUser).params(Schema::new().opt("vmid", vmid))]
}

fn next_id(call: &mut Call<'_>) -> ApiResult<Value> {
    let taken = |id: i64| u32::try_from(id).is_ok_and(|id| call.world.guests.contains_key(&id));
    if let Some(id) = call.params.int("vmid") {
        return if taken(id) {
            Err(ApiError::param("vmid", format!("VM {id} already exists")))
        } else {
            Ok(json!(id.to_string()))
        };
    }
    let (lower, upper) = next_id_range(call.world);
    let free = (lower..upper).find(|id| !taken(*id));
    let none = || ApiError::die(format!("unable to get any free VMID in range [{lower}, {upper}]"));
    Ok(json!(free.ok_or_else(none)?.to_string()))
}
