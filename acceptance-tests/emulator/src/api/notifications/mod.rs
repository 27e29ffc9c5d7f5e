//! `/cluster/notifications`, as far as it can be read. What is configured stands in `/etc/pve/notifications.cfg`.
//!
//! Invariant: the built-in target and matcher are always there, whatever the file says.

mod config;

use serde_json::{Value, json};

use crate::api::{backup, cluster_index, replication};
use crate::error::{ApiError, ApiResult};
use crate::route::{Call, Permission, Route};
use crate::schema::formats::{CONFIG_ID, Format};
use crate::schema::{Prop, Schema};
use config::{Entry, MATCHER};

/// The kinds of targets, in the order in which the list of all targets names them.
const ENDPOINTS: [&str; 4] = ["sendmail", "gotify", "smtp", "webhook"];

/// `/cluster/notifications`
#[must_use]
pub fn routes() -> Vec<Route> {
    let name = || Schema::new().req("name", Prop::string().format(Format::One(CONFIG_ID)));
    let index = |names: &'static str| move |_: &mut Call<'_>| Ok(cluster_index("name", names));
    let mut routes = vec![
        Route::get("/cluster/notifications", index("endpoints matchers targets matcher-fields matcher-field-values"))
            .permission(Permission::AnyUser),
        Route::get("/cluster/notifications/endpoints", index("gotify sendmail smtp webhook"))
            .permission(Permission::AnyUser),
        Route::get("/cluster/notifications/matcher-fields", index("type hostname job-id")).permission(reading(&[])),
        Route::get("/cluster/notifications/matcher-field-values", field_values).permission(reading(&[])),
        Route::get("/cluster/notifications/targets", targets).permission(reading(&["Mapping.Use"])),
        Route::get("/cluster/notifications/matchers", |call| Ok(list(call, MATCHER)))
            .permission(reading(&["Mapping.Use"])),
        Route::get("/cluster/notifications/matchers/{name}", |call| one(call, MATCHER))
            .permission(reading(&[]))
            .params(name()),
    ];
    let endpoints = [
        ("sendmail", "/cluster/notifications/endpoints/sendmail", "/cluster/notifications/endpoints/sendmail/{name}"),
        ("gotify", "/cluster/notifications/endpoints/gotify", "/cluster/notifications/endpoints/gotify/{name}"),
        ("smtp", "/cluster/notifications/endpoints/smtp", "/cluster/notifications/endpoints/smtp/{name}"),
        ("webhook", "/cluster/notifications/endpoints/webhook", "/cluster/notifications/endpoints/webhook/{name}"),
    ];
    for (kind, all, each) in endpoints {
        routes.push(Route::get(all, move |call| Ok(list(call, kind))).permission(reading(&[])));
        routes.push(Route::get(each, move |call| one(call, kind)).permission(reading(&[])).params(name()));
    }
    routes
}

/// One of the privileges to read, or of these further ones.
fn reading(further: &[&'static str]) -> Permission {
    let mut privileges: Vec<&'static [&'static str]> = vec![&["Mapping.Modify"], &["Mapping.Audit"]];
    if further.contains(&"Mapping.Use") {
        privileges.push(&["Mapping.Use"]);
    }
    let check = |privileges| Permission::Check("/mapping/notifications", privileges);
    Permission::Or(privileges.into_iter().map(check).collect())
}

fn targets(call: &mut Call<'_>) -> ApiResult {
    let entries = config::read(call.world);
    let of_kind = |kind: &'static str| entries.iter().filter(move |entry| entry.kind == kind);
    Ok(ENDPOINTS.into_iter().flat_map(of_kind).map(target).collect())
}

fn target(entry: &Entry) -> Value {
    let mut row = json!({"name": entry.name, "type": entry.kind, "origin": entry.origin});
    for name in ["comment", "disable"] {
        if let Some(value) = entry.values.get(name) {
            row[name] = value.clone();
        }
    }
    row
}

fn list(call: &Call<'_>, kind: &str) -> Value {
    let entries = config::read(call.world);
    let rows = entries.iter().filter(|entry| entry.kind == kind).map(|entry| {
        let mut row = entry.object();
        row.insert("origin".to_owned(), json!(entry.origin));
        Value::Object(row)
    });
    rows.collect()
}

fn one(call: &mut Call<'_>, kind: &str) -> ApiResult {
    let name = call.params.text("name");
    let entries = config::read(call.world);
    let what = if kind == MATCHER { "matcher" } else { "endpoint" };
    let missing = || ApiError::new(404, format!("{what} '{name}' not found\n"));
    let entry = entries.iter().find(|entry| entry.kind == kind && entry.name == name).ok_or_else(missing)?;
    let mut row = entry.object();
    row.insert("digest".to_owned(), json!(config::digest(call.world)));
    Ok(Value::Object(row))
}

/// What the metadata fields of a notification may hold, as far as the cluster knows.
fn field_values(call: &mut Call<'_>) -> ApiResult {
    let types = ["package-updates", "fencing", "replication", "vzdump", "system-mail"];
    let mut rows: Vec<Value> = types.into_iter().map(|value| json!({"value": value, "field": "type"})).collect();
    let mut jobs = Vec::new();
    if call.may("/", &["Sys.Audit"]) {
        jobs.extend(backup::list_all(call.world));
    }
    jobs.extend(replication::visible_jobs(call));
    rows.extend(jobs.into_iter().map(|job| {
        let of = |name: &str| job.get(name).cloned().unwrap_or(Value::Null);
        json!({"value": of("id"), "comment": of("comment"), "field": "job-id"})
    }));
    rows.extend(call.world.nodes.keys().map(|node| json!({"value": node, "field": "hostname"})));
    Ok(Value::Array(rows))
}
