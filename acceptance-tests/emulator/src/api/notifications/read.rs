//! GET of targets and matchers, and what the fields of events can be compared with.

use serde_json::{Value, json};

use super::config::Config;
use super::file::Section;
use super::kinds::SectionKind;
use crate::api::{backup, replication};
use crate::error::ApiResult;
use crate::route::Call;

pub(super) fn targets(call: &mut Call<'_>) -> ApiResult {
    let config = Config::read(call.world);
    let rows: Vec<Value> = SectionKind::TARGETS.into_iter().flat_map(|kind| config.of_kind(kind)).map(target).collect();
    Ok(Value::Array(call.world.any_order(rows)))
}

fn target(section: &Section) -> Value {
    let object = section.object(None);
    let shown = ["name", "origin", "comment", "disable"];
    let mut row: serde_json::Map<String, Value> =
        object.into_iter().filter(|(name, _)| shown.contains(&name.as_str())).collect();
    row.insert("type".to_owned(), json!(section.kind.as_str()));
    Value::Object(row)
}

pub(super) fn list(call: &mut Call<'_>, kind: SectionKind) -> ApiResult {
    let config = Config::read(call.world);
    let row = |section: &Section| Value::Object(section.object(config.secrets_of(&section.name)));
    let rows: Vec<Value> = config.of_kind(kind).map(row).collect();
    Ok(Value::Array(call.world.any_order(rows)))
}

pub(super) fn one(call: &mut Call<'_>, kind: SectionKind) -> ApiResult {
    let name = call.params.text("name");
    let config = Config::read(call.world);
    let mut object = config.find(kind, &name)?.object(config.secrets_of(&name));
    object.insert("digest".to_owned(), json!(config.digest));
    Ok(Value::Object(object))
}

/// What the metadata fields of a notification may hold, as far as the cluster lists them.
pub(super) fn field_values(call: &mut Call<'_>) -> ApiResult {
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
