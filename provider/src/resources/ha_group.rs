//! HA groups: gone for good from a PVE 9 cluster that has migrated them.

use pve_schemas::rest::Rest;
use pve_schemas::value::{ConfigId, HaMode};
use pve_schemas::{HaGroup, HaNodeAffinityRule};
use serde_json::Value as Json;

use super::explain;
use super::moved::{self, Moved};
use super::operations::{OpContext, Operations, simple_id};
use crate::client::Collection;
use crate::framework::{Change, Diagnostics, Failure, MoveSource, Value, quoted};

impl Operations for HaGroup {
    const REFERRED_BY: Option<(Collection, &'static str)> = Some((Collection::HaResources, "group"));

    fn parse_id(id: &str) -> Result<Value, String> {
        simple_id("name", ConfigId::FORMAT, id)
    }

    async fn preflight(op: &OpContext<'_>, change: Change<'_>) -> Diagnostics {
        let mut diagnostics = Diagnostics::new();
        if let Ok(HaMode::Rules) = op.client().ha_mode(&op.call()).await {
            let name = change.planned.at("name").as_str().unwrap_or("NAME");
            let instead = match migrated(op, name).await {
                None if change.prior.is_none() => format!(
                    "This cluster has HA rules instead of HA groups. Write this instead of the group {name}, with the HA resources \
                     that name it:\n\n{}",
                    block(name, change.planned, "[/* pve_ha_resource.<name>.sid */]")
                ),
                migrated => instead(name, change.planned, migrated),
            };
            diagnostics.error("This cluster has no HA groups any more", instead);
        }
        diagnostics
    }

    async fn referrers(op: &OpContext<'_>, object: &Value) -> Vec<String> {
        let name = object.at("name").as_str().unwrap_or_default();
        let Ok(list) = op.client().list(Collection::HaResources, &op.call()).await else { return Vec::new() };
        let entries: Vec<Json> = list.all().unwrap_or_default();
        let users = entries.iter().filter(|entry| entry["group"] == name).filter_map(|entry| entry["sid"].as_str());
        users.map(|sid| format!("the HA resource {sid}")).collect()
    }

    async fn exists(op: &OpContext<'_>) -> Result<bool, Failure> {
        let mode = op.client().ha_mode(&op.call()).await.map_err(|error| explain("the HA groups", &error))?;
        Ok(mode != HaMode::Rules)
    }

    async fn read_instead(op: &OpContext<'_>, object: &Value) -> Result<Option<Option<Value>>, Failure> {
        let name = object.at("name").as_str().unwrap_or_default();
        let mode = op.client().ha_mode(&op.call()).await.map_err(|error| explain(name, &error))?;
        if mode != HaMode::Rules {
            return Ok(None);
        }
        if object.at("nodes").is_null() {
            return Err(Failure::refused(format!(
                "{name}: this cluster has HA rules instead of groups. Import the rule {} as pve_ha_node_affinity_rule.",
                rule_name(name)
            )));
        }
        // The name is in the summary, since the CLI folds warnings of one summary into the first: each says what to write.
        let summary = format!("HA group {name}: groups have been migrated to rules");
        op.cx.warn(summary, instead(name, object, migrated(op, name).await));
        Ok(Some(Some(object.clone())))
    }

    fn moved(source: &MoveSource) -> Moved {
        moved::ha_group(source)
    }
}

/// The name of the rule that the CRM makes of a group.
pub(super) fn rule_name(group: &str) -> String {
    format!("ha-group-{group}")
}

/// The rule that the group `name` has become, if it has.
async fn migrated(op: &OpContext<'_>, name: &str) -> Option<HaNodeAffinityRule> {
    let rules = op.client().list(Collection::HaRules, &op.call()).await.ok()?;
    let entry = rules.find::<Json>(&rule_name(name)).ok().flatten()?;
    HaNodeAffinityRule::parse(&entry).ok().map(|rule| rule.noun)
}

/// What to write instead of the group `name`.
fn instead(name: &str, group: &Value, migrated: Option<HaNodeAffinityRule>) -> String {
    let Some(migrated) = migrated else {
        return format!(
            "The HA group {name} no longer exists: this cluster has HA rules instead of groups, and Proxmox migrates \
             only groups that resources use. Remove it from the state, and write a pve_ha_node_affinity_rule if you \
             need one:\n\nremoved {{\n  from = pve_ha_group.<name>\n  lifecycle {{\n    destroy = false\n  }}\n}}"
        );
    };
    let rule = rule_name(name);
    let resources = migrated.resources.0.iter().map(|sid| format!("\"{sid}\"")).collect::<Vec<_>>().join(", ");
    let failback = if group.at("nofailback").as_bool() == Some(true) {
        "\n\nIts `nofailback` is now a property of its HA resources: write `failback = false` in each \
         `pve_ha_resource` of the group, and remove `group` there."
    } else {
        "\n\nRemove `group` from its HA resources."
    };
    let nodes = migrated.nodes.0.iter().map(|(node, priority)| (node.to_string(), Value::from(priority.unwrap_or(0))));
    let strict = migrated.strict();
    let comment = migrated.comment.map(Value::from).unwrap_or_else(|| group.at("comment").clone());
    let found = Value::object([
        ("nodes", Value::Map(nodes.collect())),
        ("restricted", Value::Bool(strict)),
        ("comment", comment),
    ]);
    format!(
        "The cluster has migrated the HA group {name} to the HA rule {rule}. Write this instead; its plan is \
         empty:\n\nmoved {{\n  from = pve_ha_group.<name>\n  to   = \
         pve_ha_node_affinity_rule.<name>\n}}\n\n{}{failback}",
        block(&rule, &found, &format!("[{resources}]"))
    )
}

/// The block of a rule that does what `group` did.
fn block(rule: &str, group: &Value, resources: &str) -> String {
    let nodes = group.at("nodes").as_map().into_iter().flatten().map(|(node, priority)| {
        let priority = priority.as_number().map_or_else(|| "0".to_owned(), ToString::to_string);
        format!("{node} = {priority}")
    });
    let nodes = nodes.collect::<Vec<_>>().join(", ");
    let strict = if group.at("restricted").as_bool() == Some(true) { "\n  strict    = true" } else { "" };
    let comment =
        group.at("comment").as_str().map_or_else(String::new, |text| format!("\n  comment   = {}", quoted(text)));
    format!(
        "resource \"pve_ha_node_affinity_rule\" \"<name>\" {{\n  name      = \"{rule}\"\n  resources = {resources}\n  \
         nodes     = {{ {nodes} }}{strict}{comment}\n}}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_stays_a_text() {
        let nodes = Value::object([("pve1", Value::from(2))]);
        let group = Value::object([("nodes", nodes), ("comment", Value::from("cost ${x} \"y\""))]);
        let block = block("ha-group-a", &group, "[]");
        assert!(block.contains(r#"comment   = "cost $${x} \"y\"""#), "{block}");
    }
}
