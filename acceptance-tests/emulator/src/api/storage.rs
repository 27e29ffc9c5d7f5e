//! `/storage`: the storages' configuration.

use serde_json::{Map, Value, json};

use crate::error::{ApiError, ApiResult};
use crate::route::{Call, Permission, Route};
use crate::schema::formats::{Format, STORAGE_ID};
use crate::schema::{Prop, Schema};
use crate::world::storage::{STORAGE_CFG, Storage};

const KINDS: [&str; 14] = [
    "btrfs",
    "cephfs",
    "cifs",
    "dir",
    "esxi",
    "iscsi",
    "iscsidirect",
    "lvm",
    "lvmthin",
    "nfs",
    "pbs",
    "rbd",
    "zfs",
    "zfspool",
];

pub(super) fn routes() -> Vec<Route> {
    let id = Schema::new().req("storage", Prop::string().format(Format::One(STORAGE_ID)));
    vec![
        Route::get("/storage", list)
            .permission(Permission::AnyUser)
            .params(Schema::new().opt("type", Prop::choice(&KINDS))),
        Route::get("/storage/{storage}", one)
            .permission(Permission::Check("/storage/{storage}", &["Datastore.Allocate"]))
            .params(id),
    ]
}

fn list(call: &mut Call<'_>) -> ApiResult<Value> {
    let kind = call.params.str("type");
    let digest = call.world.digest(STORAGE_CFG);
    let mut rows = Vec::new();
    for storage in call.world.storages() {
        let path = format!("/storage/{}", storage.id);
        let visible = call.may(&path, &["Datastore.Audit"]) || call.may(&path, &["Datastore.AllocateSpace"]);
        if visible && kind.as_ref().is_none_or(|kind| *kind == storage.kind) {
            rows.push(show(&storage, &digest));
        }
    }
    Ok(Value::Array(call.world.any_order(rows)))
}

fn one(call: &mut Call<'_>) -> ApiResult<Value> {
    let id = call.params.text("storage");
    let storage = call.world.storage(&id).ok_or_else(|| ApiError::die(format!("storage '{id}' does not exist")))?;
    Ok(show(&storage, &call.world.digest(STORAGE_CFG)))
}

fn show(storage: &Storage, digest: &str) -> Value {
    let mut row = Map::new();
    for (key, value) in &storage.options {
        let flag = matches!(key.as_str(), "sparse" | "shared" | "disable" | "mountpoint" | "mkdir");
        let value = if flag { json!(u8::from(value == "1")) } else { json!(value) };
        row.insert(key.clone(), value);
    }
    row.insert("storage".into(), json!(storage.id));
    row.insert("type".into(), json!(storage.kind));
    row.insert("content".into(), json!(storage.content()));
    row.insert("digest".into(), json!(digest));
    if storage.is_inherently_shared() {
        row.insert("shared".into(), json!(1));
    }
    Value::Object(row)
}
