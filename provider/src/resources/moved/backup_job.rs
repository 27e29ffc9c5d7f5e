//! Backup jobs of the bpg provider.

use serde_json::Value as Json;

use super::{Moved, bpg, flag, number, text, text_or_id};
use crate::framework::{MoveSource, Number, Value};

/// Members that are moved; each other one must be unset.
const KNOWN: [&str; 32] = [
    "all",
    "bwlimit",
    "comment",
    "compress",
    "enabled",
    "exclude",
    "exclude_path",
    "fleecing",
    "id",
    "ionice",
    "lockwait",
    "mailnotification",
    "mailto",
    "mode",
    "node",
    "notes_template",
    "notification_mode",
    "pbs_change_detection_mode",
    "performance",
    "pigz",
    "pool",
    "protected",
    "prune_backups",
    "quiet",
    "remove",
    "repeat_missed",
    "schedule",
    "stdexcludes",
    "stopwait",
    "storage",
    "vmid",
    "zstd",
];

const KEPT: [(&str, &str); 6] = [
    ("keep-last", "keep_last"),
    ("keep-hourly", "keep_hourly"),
    ("keep-daily", "keep_daily"),
    ("keep-weekly", "keep_weekly"),
    ("keep-monthly", "keep_monthly"),
    ("keep-yearly", "keep_yearly"),
];

/// `pve_backup_job`
pub(in crate::resources) fn backup_job(source: &MoveSource) -> Moved {
    let state = bpg(source, "backup_job")?;
    Some(refuse_others(state).and_then(|()| job(state)))
}

fn refuse_others(state: &Json) -> Result<(), String> {
    let is_set = |value: &Json| match value {
        Json::Null => false,
        Json::String(text) => !text.is_empty(),
        Json::Array(elements) => !elements.is_empty(),
        Json::Object(members) => !members.is_empty(),
        _ => true,
    };
    let members = state.as_object().into_iter().flatten();
    let others = members.filter(|(name, value)| is_set(value) && !KNOWN.contains(&name.as_str()));
    let others: Vec<String> = others.map(|(name, _)| format!("`{name}`")).collect();
    if others.is_empty() {
        return Ok(());
    }
    Err(format!(
        "it has {}, which pve_backup_job does not support. Import the job instead of moving it: its options stay as they are",
        others.join(", ")
    ))
}

fn job(state: &Json) -> Result<Value, String> {
    let or = |value: Value, default: bool| if value.is_null() { Value::from(default) } else { value };
    let mut members = vec![
        ("name", text_or_id(state, "id")),
        ("enabled", or(flag(state, "enabled"), true)),
        ("repeat_missed", or(flag(state, "repeat_missed"), false)),
        ("all", or(flag(state, "all"), false)),
        ("guests", numbers(state, "vmid")?),
        ("exclude", numbers(state, "exclude")?),
        ("mailto", words(state, "mailto").map_or(Value::Null, Value::set)),
        ("exclude_paths", words(state, "exclude_path").map_or(Value::Null, |paths| Value::List(paths.collect()))),
        ("prune", prune(state)?),
        ("performance", performance(&state["performance"])),
        ("fleecing", fleecing(&state["fleecing"])),
    ];
    for name in [
        "schedule",
        "comment",
        "pool",
        "node",
        "storage",
        "mode",
        "compress",
        "mailnotification",
        "notification_mode",
        "notes_template",
        "pbs_change_detection_mode",
    ] {
        members.push((name, text(state, name)));
    }
    members
        .extend(["bwlimit", "ionice", "lockwait", "pigz", "stopwait", "zstd"].map(|name| (name, number(state, name))));
    members.extend(["protected", "quiet", "remove", "stdexcludes"].map(|name| (name, flag(state, name))));
    Ok(Value::object(members))
}

/// The elements of a list, or of a text that is one; `None` if it is empty.
fn words<'s>(state: &'s Json, name: &str) -> Option<Box<dyn Iterator<Item = Value> + 's>> {
    match &state[name] {
        Json::Array(list) if !list.is_empty() => Some(Box::new(list.iter().filter_map(Json::as_str).map(Value::from))),
        Json::String(text) if !text.is_empty() => {
            Some(Box::new(text.split([',', ';', ' ']).filter(|word| !word.is_empty()).map(Value::from)))
        }
        _ => None,
    }
}

/// VMIDs, which are texts there.
fn numbers(state: &Json, name: &str) -> Result<Value, String> {
    let numeric = state[name].as_array().into_iter().flatten().filter_map(Json::as_i64).map(Value::from);
    let numeric: Vec<Value> = numeric.collect();
    if !numeric.is_empty() {
        return Ok(Value::set(numeric));
    }
    let Some(words) = words(state, name) else { return Ok(Value::Null) };
    let parsed = words.map(|word| whole(word.as_str().unwrap_or_default(), name));
    parsed.collect::<Result<Vec<_>, _>>().map(Value::set)
}

fn whole(word: &str, name: &str) -> Result<Value, String> {
    word.parse::<Number>().map(Value::Number).map_err(|_| format!("{name} has {word:?}, which is not a number"))
}

/// A property string, or a map of its parts.
fn prune(state: &Json) -> Result<Value, String> {
    let parts: Vec<(String, String)> = match &state["prune_backups"] {
        Json::String(text) => {
            let parts =
                text.split(',').filter(|part| !part.is_empty()).map(|part| part.split_once('=').unwrap_or((part, "")));
            parts.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
        }
        Json::Object(members) => {
            let word = |value: &Json| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            members.iter().map(|(key, value)| (key.clone(), word(value))).collect()
        }
        _ => Vec::new(),
    };
    if parts.is_empty() {
        return Ok(Value::Null);
    }
    let mut block = vec![("keep_all", Value::Null)];
    block.extend(KEPT.map(|(_, attribute)| (attribute, Value::Null)));
    for (key, value) in parts {
        match KEPT.iter().find(|(name, _)| *name == key) {
            Some((_, attribute)) => block.push((attribute, whole(&value, &key)?)),
            None if key == "keep-all" => block.push(("keep_all", Value::from(matches!(value.as_str(), "1" | "true")))),
            None => return Err(format!("prune_backups has the key {key:?}, which Proxmox does not have")),
        }
    }
    Ok(Value::object(block))
}

fn performance(block: &Json) -> Value {
    if block.is_null() {
        return Value::Null;
    }
    Value::object(["max_workers", "pbs_entries_max"].map(|name| (name, number(block, name))))
}

fn fleecing(block: &Json) -> Value {
    if block.is_null() {
        return Value::Null;
    }
    Value::object([("enabled", flag(block, "enabled")), ("storage", text(block, "storage"))])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn moved(state: Json) -> Result<Value, String> {
        let (provider, type_name) = ("registry.terraform.io/bpg/proxmox".to_owned(), "proxmox_backup_job".to_owned());
        backup_job(&MoveSource { provider, type_name, schema_version: 0, state }).unwrap()
    }

    #[test]
    fn every_member_arrives_as_ours() {
        let job = moved(json!({
            "id": "nightly", "schedule": "21:00", "vmid": "101,100", "all": null, "mailto": "a@b.cd,root@pam",
            "prune_backups": "keep-last=3,keep-daily=7", "fleecing": {"enabled": true, "storage": "local-zfs"}, "maxfiles": null,
            "performance": null, "exclude_path": ["/b", "/a"], "zstd": 2, "script": ""
        }))
        .unwrap();
        assert_eq!(job.at("name"), &Value::from("nightly"));
        assert_eq!(job.at("guests"), &Value::set([Value::from(100), Value::from(101)]));
        assert_eq!(job.at("mailto"), &Value::set(["a@b.cd", "root@pam"].map(Value::from)));
        assert_eq!((job.at("prune").at("keep_last"), job.at("prune").at("keep_daily")), (&3.into(), &7.into()));
        assert!(job.at("prune").at("keep_all").is_null());
        let lists = moved(json!({"id": "nightly", "vmid": ["100"], "prune_backups": {"keep-all": "1"}})).unwrap();
        assert_eq!((lists.at("guests"), lists.at("prune").at("keep_all")), (&Value::set([100.into()]), &true.into()));
        assert_eq!(job.at("fleecing").at("storage"), &Value::from("local-zfs"));
        assert_eq!(job.at("exclude_paths"), &Value::List(vec!["/b".into(), "/a".into()]));
        assert_eq!((job.at("enabled"), job.at("all")), (&Value::from(true), &Value::from(false)));
        assert!(job.at("performance").is_null() && job.at("pool").is_null());
    }

    #[test]
    fn what_has_no_counterpart_is_refused_by_its_name() {
        for (member, value) in
            [("script", json!("/x")), ("maxfiles", json!(3)), ("starttime", json!("02:00")), ("new", json!(true))]
        {
            let mut state = json!({"id": "nightly", "schedule": "21:00", "all": true});
            state[member] = value;
            assert!(moved(state).unwrap_err().contains(&format!("`{member}`")), "{member}");
        }
        let state = json!({"id": "nightly", "all": true, "prune_backups": {"keep-forever": "1"}});
        assert!(moved(state).unwrap_err().contains("keep-forever"));
    }
}
