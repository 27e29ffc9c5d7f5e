//! `/cluster/options`: the datacenter's options.

pub mod config;
mod table;

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::error::{ApiError, ApiResult};
use crate::route::{Call, Permission, Route};
use crate::schema::params::split_list;
use crate::schema::{Prop, formats, property_string};
use crate::world::{Pve, World};
use config::Config;

pub(super) fn routes(pve: Pve) -> Vec<Route> {
    let params =
        table::options(pve).clone().opt("delete", Prop::string().format(formats::Format::List(formats::CONFIG_ID)));
    vec![
        Route::get("/cluster/options", read).permission(Permission::AnyUser),
        Route::put("/cluster/options", update).permission(Permission::root(&["Sys.Modify"])).params(params),
    ]
}

/// Without Sys.Audit only what the GUI needs is shown.
fn read(call: &mut Call<'_>) -> ApiResult<Value> {
    let config = Config::read(call.world);
    let mut shown = config.show();
    if !call.may("/", &["Sys.Audit"]) {
        shown.retain(|name, _| matches!(name.as_str(), "console" | "tag-style"));
    }
    shown.insert("allowed-tags".into(), json!(allowed_tags(call, &config)));
    Ok(Value::Object(shown))
}

fn update(call: &mut Call<'_>) -> ApiResult<Value> {
    let delete =
        split_list(&call.params.take("delete").map(|d| crate::schema::check::perl_text(&d)).unwrap_or_default());
    check_next_id(call)?;
    call.locked("file-datacenter_cfg", |call| {
        let mut config = Config::read(call.world);
        for (name, value) in call.params.iter() {
            config.set(name, value);
        }
        for name in &delete {
            config.unset(name);
        }
        config.write(call.world);
        Ok(Value::Null)
    })
}

fn check_next_id(call: &Call<'_>) -> ApiResult<()> {
    let Some(text) = call.params.str("next-id") else { return Ok(()) };
    let Some(keys) = table::keys(call.world.profile.pve, "next-id") else { return Ok(()) };
    let range = property_string::parse(keys, &text, "next-id").map_err(ApiError::die)?;
    let (lower, upper) = id_range(&range);
    if lower > upper {
        return Err(ApiError::die(format!("lower ({lower}) <= upper ({upper}) boundary rule broken")));
    }
    Ok(())
}

fn id_range(range: &Map<String, Value>) -> (i64, i64) {
    let bound = |name: &str, default| range.get(name).and_then(|v| v.as_str()?.parse().ok()).unwrap_or(default);
    (bound("lower", 100), bound("upper", 1_000_000))
}

/// The range new guest ids are taken from: the lower end belongs to it, the upper one does not.
#[must_use]
pub fn next_id_range(world: &World) -> (i64, i64) {
    id_range(&Config::read(world).object("next-id").unwrap_or_default())
}

/// The tags the caller may set.
fn allowed_tags(call: &Call<'_>, config: &Config) -> BTreeSet<String> {
    let access = config.object("user-tag-access").unwrap_or_default();
    let policy = access.get("user-allow").and_then(Value::as_str).unwrap_or("free").to_owned();
    let privileged = call.may("/", &["Sys.Modify"]);
    let registered: BTreeSet<String> = config.tags("registered-tags").into_iter().collect();
    let mut allowed = BTreeSet::new();
    if privileged {
        allowed.extend(registered.iter().cloned());
    }
    if privileged || policy != "none" {
        let listed = access.get("user-allow-list").and_then(Value::as_str).unwrap_or_default();
        allowed.extend(listed.split(';').filter(|t| !t.is_empty()).map(str::to_owned));
    }
    if privileged || matches!(policy.as_str(), "free" | "existing") {
        let visible = call.world.guests.values().filter(|g| call.may(&format!("/vms/{}", g.vmid), &["VM.Audit"]));
        let tags: BTreeSet<String> = visible.flat_map(|g| split_list(&g.tags)).collect();
        allowed.extend(tags.into_iter().filter(|tag| privileged || !registered.contains(tag)));
    }
    allowed
}
