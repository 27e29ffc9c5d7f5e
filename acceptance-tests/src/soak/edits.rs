//! Edits of managed objects outside of Terraform.

use serde_json::Value as Json;

use super::observe::{FENCE_CFG, HA_DEFAULTS};
use super::stage::Stage;
use super::topology::{Attributes, kind};

/// Sets an attribute of the object at `address`; whether that has happened.
pub fn edit(stage: &Stage, address: &str, object: &Attributes, attribute: &str, value: &Json) -> bool {
    if object.get(attribute) == Some(value) {
        return false;
    }
    let text = |name: &str| object.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
    let wire = [(wire_name(attribute), wire_value(value))];
    let put = |path: String, more: &[(&str, &str)]| {
        let own = wire.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        stage.call("PUT", &path, &own.chain(more.iter().copied()).collect::<Vec<_>>())
    };
    match kind(address) {
        "pve_ha_resource" => put(format!("/cluster/ha/resources/{}", text("sid")), &[]),
        "pve_ha_group" => put(format!("/cluster/ha/groups/{}", text("name")), &[]),
        "pve_ha_node_affinity_rule" => rule(stage, &text("name"), "node-affinity", attribute, value),
        "pve_ha_resource_affinity_rule" => rule(stage, &text("name"), "resource-affinity", attribute, value),
        "pve_replication_job" => put(format!("/cluster/replication/{}", job(object)), &[]),
        "pve_backup_job" | "pve_notification_webhook" | "pve_notification_matcher" => put(path(address, object), &[]),
        "pve_datacenter_options" => put("/cluster/options".to_owned(), &[]),
        "pve_node_watchdog" => watchdog(stage, &text("node"), value.as_str()),
        _ => false,
    }
}

/// Removes the object at `address`; whether that has happened.
pub fn delete(stage: &Stage, address: &str, object: &Attributes) -> bool {
    let text = |name: &str| object.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
    match kind(address) {
        "pve_ha_resource" => {
            let sid = text("sid");
            let is_removed = stage.is_steady() && stage.call("DELETE", &format!("/cluster/ha/resources/{sid}"), &[]);
            // Added again before the HA manager has forgotten it, a service ends in the error state. One on a node that is down may
            // be kept as long as that is so.
            let _ = is_removed && stage.until(|| !stage.is_known(&sid));
            is_removed
        }
        "pve_ha_node_affinity_rule" | "pve_ha_resource_affinity_rule" => {
            stage.call("DELETE", &format!("/cluster/ha/rules/{}", text("name")), &[])
        }
        "pve_ha_rule_member" => {
            let path = format!("/cluster/ha/rules/{}", text("rule"));
            let rule = stage.cluster.api.find(&path).unwrap_or_default();
            let sids = rule["resources"].as_str().unwrap_or_default().split(',');
            let left: Vec<&str> = sids.filter(|sid| *sid != text("resource")).collect();
            stage.call("PUT", &path, &[("type", "node-affinity"), ("resources", &left.join(","))])
        }
        "pve_replication_job" => {
            stage.call("DELETE", &format!("/cluster/replication/{}", job(object)), &[("force", "1")])
        }
        // A target that a matcher refers to stays.
        "pve_backup_job" | "pve_notification_webhook" | "pve_notification_matcher" => {
            stage.call("DELETE", &path(address, object), &[])
        }
        "pve_fence_device" if stage.is_quorate() => {
            stage.cluster.write_shared_file(FENCE_CFG, "");
            true
        }
        "pve_qdevice" => stage.down().is_empty() && stage.run("pvecm qdevice remove"),
        "pve_node_watchdog" => watchdog(stage, &text("node"), None),
        _ => false,
    }
}

/// The path of a backup job, notification target or matcher.
fn path(address: &str, object: &Attributes) -> String {
    let name = object["name"].as_str().unwrap_or_default();
    match kind(address) {
        "pve_backup_job" => format!("/cluster/backup/{name}"),
        "pve_notification_webhook" => format!("/cluster/notifications/endpoints/webhook/{name}"),
        _ => format!("/cluster/notifications/matchers/{name}"),
    }
}

fn job(object: &Attributes) -> String {
    format!("{}-{}", object["guest"], object["job_number"])
}

/// A rule's PUT repeats its type; a rule is switched on again by removing `disable`.
fn rule(stage: &Stage, name: &str, kind: &str, attribute: &str, value: &Json) -> bool {
    let (wire, text) = (wire_name(attribute), wire_value(value));
    let change = match (attribute, value) {
        ("disabled", Json::Bool(false)) => ("delete", "disable"),
        _ => (wire.as_str(), text.as_str()),
    };
    stage.call("PUT", &format!("/cluster/ha/rules/{name}"), &[("type", kind), change])
}

fn watchdog(stage: &Stage, node: &str, module: Option<&str>) -> bool {
    if stage.down().contains(node) {
        return false;
    }
    let line = module.map_or("#WATCHDOG_MODULE=ipmi_watchdog".to_owned(), |module| format!("WATCHDOG_MODULE={module}"));
    stage.cluster.write_node_file(
        node,
        HA_DEFAULTS,
        &format!("# select watchdog module (default is softdog)\n{line}\n"),
    );
    true
}

fn wire_name(attribute: &str) -> String {
    match attribute {
        "disabled" => "disable".to_owned(),
        "auto_rebalance" => "auto-rebalance".to_owned(),
        "severities" => "match-severity".to_owned(),
        other => other.to_owned(),
    }
}

/// A value as a form has it; the members of a property string are named with dashes.
fn wire_value(value: &Json) -> String {
    match value {
        Json::Bool(flag) => u8::from(*flag).to_string(),
        Json::String(text) => text.clone(),
        Json::Array(elements) => elements.iter().map(wire_value).collect::<Vec<_>>().join(","),
        Json::Object(members) if members.values().all(Json::is_number) => {
            members.iter().map(|(node, priority)| format!("{node}:{priority}")).collect::<Vec<_>>().join(",")
        }
        Json::Object(members) => {
            let pairs = members.iter().map(|(name, value)| {
                // `shutdown_policy` is the one with an underscore.
                let name = if name == "shutdown_policy" { name.clone() } else { name.replace('_', "-") };
                format!("{name}={}", wire_value(value))
            });
            pairs.collect::<Vec<_>>().join(",")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::wire_value;

    #[test]
    fn values_are_written_as_forms_have_them() {
        for (value, text) in [
            (json!(true), "1"),
            (json!(3), "3"),
            (json!("by hand"), "by hand"),
            (json!(["error", "warning"]), "error,warning"),
            (json!({"pve1": 2, "pve2": 1}), "pve1:2,pve2:1"),
            (json!({"ha": "basic", "ha_rebalance_on_start": true}), "ha=basic,ha-rebalance-on-start=1"),
            (json!({"shutdown_policy": "freeze"}), "shutdown_policy=freeze"),
        ] {
            assert_eq!(wire_value(&value), text);
        }
    }
}
