//! Moves from other resource types: our own of PVE 8, and those of the bpg provider. Pure, since core asks this of an
//! unconfigured provider; unknown values stay empty and are filled by the read that follows.

mod backup_job;

use pve_schemas::ha_node_affinity_rule::AFFINITY;
use pve_schemas::ha_resource::AUTO_REBALANCE;
use serde_json::{Map, Value as Json};

pub(super) use self::backup_job::backup_job;
use super::ha_group::rule_name;
use crate::framework::{MoveSource, Type, Value};

/// None: nothing is known of such a move.
pub type Moved = Option<Result<Value, String>>;

/// `pve_ha_group`
pub(super) fn ha_group(source: &MoveSource) -> Moved {
    let state = bpg(source, "hagroup")?;
    Some(Ok(Value::object([
        ("name", text_or_id(state, "group")),
        ("nodes", numbers(state, "nodes")),
        ("restricted", flag(state, "restricted")),
        ("nofailback", flag(state, "no_failback")),
        ("comment", text(state, "comment")),
    ])))
}

/// `pve_ha_resource`
pub(super) fn ha_resource(source: &MoveSource) -> Moved {
    let state = bpg(source, "haresource")?;
    Some(Ok(Value::object([
        ("sid", text_or_id(state, "resource_id")),
        ("state", text(state, "state")),
        ("group", text(state, "group")),
        ("failback", flag(state, "failback")),
        ("auto_rebalance", or(flag(state, "auto_rebalance"), AUTO_REBALANCE)),
        ("max_restart", number(state, "max_restart")),
        ("max_relocate", number(state, "max_relocate")),
        ("comment", text(state, "comment")),
    ])))
}

/// `pve_ha_node_affinity_rule`: also from the groups that the CRM has migrated to rules.
pub(super) fn ha_node_affinity_rule(source: &MoveSource) -> Moved {
    if let Some(state) = bpg(source, "harule") {
        return Some(of_type(state, "node-affinity").map(|()| {
            Value::object([
                ("name", text_or_id(state, "rule")),
                ("resources", texts(state, "resources")),
                ("nodes", numbers(state, "nodes")),
                ("affinity", or(text(state, "affinity"), AFFINITY.as_str())),
                ("strict", flag(state, "strict")),
                ("disabled", flag(state, "disable")),
                ("comment", text(state, "comment")),
            ])
        }));
    }
    let (state, name) = match (own(source, "pve_ha_group"), bpg(source, "hagroup")) {
        (Some(state), _) => (state, "name"),
        (None, Some(state)) => (state, "group"),
        (None, None) => return None,
    };
    let group = text_or_id(state, name);
    let Some(group) = group.as_str() else { return Some(Err(format!("{name} is missing"))) };
    // The rule's resources were properties of the resources, not of the group: the read fills them in.
    Some(Ok(Value::object([
        ("name", Value::from(rule_name(group))),
        ("nodes", numbers(state, "nodes")),
        ("affinity", Value::from(AFFINITY.as_str())),
        ("strict", flag(state, "restricted")),
        ("comment", text(state, "comment")),
    ])))
}

/// What the state has, or the default of a property that came with a later release of PVE 9.2.
fn or(value: Value, default: impl Into<Value>) -> Value {
    if value.is_null() { default.into() } else { value }
}

/// `pve_ha_resource_affinity_rule`
pub(super) fn ha_resource_affinity_rule(source: &MoveSource) -> Moved {
    let state = bpg(source, "harule")?;
    Some(of_type(state, "resource-affinity").map(|()| {
        Value::object([
            ("name", text_or_id(state, "rule")),
            ("resources", texts(state, "resources")),
            ("affinity", text(state, "affinity")),
            ("disabled", flag(state, "disable")),
            ("comment", text(state, "comment")),
        ])
    }))
}

/// `pve_replication_job`
pub(super) fn replication_job(source: &MoveSource) -> Moved {
    let state = bpg(source, "replication")?;
    // The id is GUEST-NUMBER; a later version has its parts as attributes, too.
    let (guest, job) = state["id"].as_str().and_then(|id| id.split_once('-')).unwrap_or_default();
    let part = |name: &str, part: &str| match number(state, name) {
        Value::Null => part.parse().map_or(Value::Null, Value::Number),
        number => number,
    };
    Some(Ok(Value::object([
        ("guest", part("guest", guest)),
        ("job_number", part("jobnum", job)),
        ("target", text(state, "target")),
        ("schedule", text(state, "schedule")),
        ("rate", number(state, "rate")),
        ("comment", text(state, "comment")),
        ("disabled", flag(state, "disable")),
        ("source", text(state, "source")),
    ])))
}

/// `pve_datacenter_options`, of the type `ty`
pub(super) fn datacenter_options(source: &MoveSource, ty: &Type) -> Moved {
    const SAME: [&str; 8] =
        ["console", "description", "email_from", "http_proxy", "keyboard", "language", "mac_prefix", "max_workers"];
    /// Block, attribute in it, and what it was called.
    const NESTED: [(&str, &str, &str); 18] = [
        ("bwlimit", "clone", "/bandwidth_limit_clone"),
        ("bwlimit", "default", "/bandwidth_limit_default"),
        ("bwlimit", "migration", "/bandwidth_limit_migration"),
        ("bwlimit", "move", "/bandwidth_limit_move"),
        ("bwlimit", "restore", "/bandwidth_limit_restore"),
        ("crs", "ha", "/crs_ha"),
        ("crs", "ha_rebalance_on_start", "/crs_ha_rebalance_on_start"),
        ("ha", "shutdown_policy", "/ha_shutdown_policy"),
        ("migration", "type", "/migration_type"),
        ("migration", "network", "/migration_cidr"),
        ("next_id", "lower", "/next_id/lower"),
        ("next_id", "upper", "/next_id/upper"),
        ("notify", "fencing", "/notify/ha_fencing_mode"),
        ("notify", "target_fencing", "/notify/ha_fencing_target"),
        ("notify", "package_updates", "/notify/package_updates"),
        ("notify", "target_package_updates", "/notify/package_updates_target"),
        ("notify", "replication", "/notify/replication"),
        ("notify", "target_replication", "/notify/replication_target"),
    ];
    let state = bpg(source, "cluster_options")?;
    let set = |value: &Json| !value.is_null() && value != "";
    let mut options: Map<String, Json> =
        SAME.iter().filter(|name| set(&state[**name])).map(|name| ((*name).to_owned(), state[*name].clone())).collect();
    for (block, attribute, was) in NESTED {
        if let Some(value) = state.pointer(was).filter(|value| set(value)) {
            options.entry(block).or_insert_with(|| Json::Object(Map::new()))[attribute] = value.clone();
        }
    }
    Some(Value::from_json(&Json::Object(options), ty))
}

/// The state, if it is of the bpg provider's type `name`: each exists under a short and a long name, and the provider under
/// both registries.
fn bpg<'a>(source: &'a MoveSource, name: &str) -> Option<&'a Json> {
    let prefix = source.type_name.strip_suffix(name)?;
    let named = matches!(prefix, "proxmox_" | "proxmox_virtual_environment_");
    (named && source.provider.ends_with("/bpg/proxmox")).then_some(&source.state)
}

fn own<'a>(source: &'a MoveSource, name: &str) -> Option<&'a Json> {
    (source.type_name == name && source.provider.ends_with("/pve-ha/pve")).then_some(&source.state)
}

fn of_type(state: &Json, expected: &str) -> Result<(), String> {
    match state["type"].as_str() {
        Some(found) if found == expected => Ok(()),
        found => Err(format!("it is a rule of type {}, not {expected}", found.unwrap_or("unknown"))),
    }
}

fn text(state: &Json, name: &str) -> Value {
    state[name].as_str().map_or(Value::Null, Value::from)
}

/// The natural id, which is the `id` as well.
fn text_or_id(state: &Json, name: &str) -> Value {
    match text(state, name) {
        Value::Null => text(state, "id"),
        text => text,
    }
}

fn flag(state: &Json, name: &str) -> Value {
    state[name].as_bool().map_or(Value::Null, Value::from)
}

fn number(state: &Json, name: &str) -> Value {
    state[name].as_number().and_then(|n| n.to_string().parse().ok()).map_or(Value::Null, Value::Number)
}

fn texts(state: &Json, name: &str) -> Value {
    state[name].as_array().map_or(Value::Null, |list| Value::set(list.iter().filter_map(Json::as_str).map(Value::from)))
}

fn numbers(state: &Json, name: &str) -> Value {
    let Some(members) = state[name].as_object() else { return Value::Null };
    Value::object(members.keys().map(|key| (key.clone(), number(&state[name], key))))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn source(provider: &str, type_name: &str, state: Json) -> MoveSource {
        MoveSource { provider: provider.to_owned(), type_name: type_name.to_owned(), schema_version: 0, state }
    }

    #[test]
    fn a_group_becomes_the_rule_that_the_crm_makes_of_it() {
        let state = json!({"name": "web", "nodes": {"pve1": 2, "pve2": null}, "restricted": true, "comment": null});
        let moved =
            ha_node_affinity_rule(&source("registry.opentofu.org/pve-ha/pve", "pve_ha_group", state)).unwrap().unwrap();
        assert_eq!(moved.at("name"), &Value::from("ha-group-web"));
        assert_eq!(moved.at("strict"), &Value::from(true));
        assert!(moved.at("resources").is_null() && moved.at("nodes").at("pve2").is_null());
    }

    #[test]
    fn foreign_types_are_known_by_both_names_and_no_other_provider() {
        let state = json!({"resource_id": "vm:100", "state": "started", "max_restart": null});
        for name in ["proxmox_haresource", "proxmox_virtual_environment_haresource"] {
            let moved =
                ha_resource(&source("registry.terraform.io/bpg/proxmox", name, state.clone())).unwrap().unwrap();
            assert_eq!(moved.at("sid"), &Value::from("vm:100"));
            assert!(moved.at("max_restart").is_null());
        }
        assert!(ha_resource(&source("registry.terraform.io/x/y", "proxmox_haresource", state)).is_none());
    }

    #[test]
    fn a_rule_of_the_other_type_is_refused() {
        let state = json!({"rule": "apart", "type": "resource-affinity"});
        let moved = ha_node_affinity_rule(&source("registry.terraform.io/bpg/proxmox", "proxmox_harule", state));
        assert!(moved.unwrap().unwrap_err().contains("resource-affinity"));
    }
}
