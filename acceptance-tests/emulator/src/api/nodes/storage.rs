//! `/nodes/{node}/storage`

use serde_json::{Value, json};

use super::figures;
use crate::error::{ApiError, ApiResult};
use crate::route::{Call, Permission, Route};
use crate::schema::Prop;
use crate::schema::formats::{Format, NODE, STORAGE_ID};

pub(super) fn routes() -> Vec<Route> {
    let params = super::node_param()
        .opt("storage", Prop::string().format(Format::One(STORAGE_ID)))
        .opt("content", Prop::string())
        .opt("enabled", Prop::boolean())
        .opt("target", Prop::string().format(Format::One(NODE)))
        .opt("format", Prop::boolean());
    vec![Route::get("/nodes/{node}/storage", storages).permission(Permission::AnyUser).params(params).proxied()]
}

fn storages(call: &mut Call<'_>) -> ApiResult<Value> {
    let node = call.params.text("node");
    let id = call.params.str("storage");
    if id.as_ref().is_some_and(|id| call.world.storage(id).is_none()) {
        return Err(ApiError::param("storage", "No such storage."));
    }
    let target = call.params.str("target").filter(|target| *target != node);
    let requested = call.params.list("content");
    let mut rows = Vec::new();
    for storage in call.world.storages() {
        let path = format!("/storage/{}", storage.id);
        let visible = call.may(&path, &["Datastore.Audit"]) || call.may(&path, &["Datastore.AllocateSpace"]);
        let content = storage.content();
        let serves = requested.is_empty() || requested.iter().any(|w| content.split(',').any(|c| c == w));
        let reaches = target.as_ref().is_none_or(|target| storage.is_shared() && storage.is_on(target));
        let enabled = storage.option("disable") != Some("1");
        let chosen =
            id.as_ref().is_none_or(|id| *id == storage.id) && (enabled || call.params.bool("enabled") != Some(true));
        if !(visible && serves && reaches && chosen && storage.is_on(&node)) {
            continue;
        }
        let (total, used) = figures::storage(&storage);
        rows.push(json!({
            "storage": storage.id, "type": storage.kind, "content": content, "active": u8::from(enabled && !call.world.is_offline(&storage.id, &node)),
            "enabled": u8::from(enabled), "shared": u8::from(storage.is_shared()), "total": total, "used": used,
            "avail": total - used, "used_fraction": used as f64 / total as f64,
        }));
    }
    Ok(Value::Array(call.world.any_order(rows)))
}
