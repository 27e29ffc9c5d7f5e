//! HA groups: gone for good from a PVE 9 cluster that has migrated them.

use pve_schemas::noun::Rest;
use pve_schemas::value::ConfigId;
use pve_schemas::{HaGroup, HaNodeAffinityRule};
use serde_json::Value as Json;

use super::explain;
use super::moved::{self, Moved};
use super::verbs::{Verb, Verbs, simple_id};
use crate::client::{Collection, Placement};
use crate::framework::{Change, Diagnostics, Failure, MoveSource, Value};

impl Verbs for HaGroup {
    const COLLECTION_LIST: Collection = Collection::HaGroups;
    const IDENTITY: &'static [&'static str] = &["name"];

    fn parse_id(id: &str) -> Result<Value, String> {
        simple_id("name", ConfigId::FORMAT, id)
    }

    async fn preflight(verb: &Verb<'_>, change: Change<'_>) -> Diagnostics {
        let mut diagnostics = Diagnostics::new();
        if let Ok(Placement::Rules) = verb.client().placement(&verb.call()).await {
            let name = change.planned.at("name").as_str().unwrap_or("NAME");
            diagnostics.error("HA groups are gone from this cluster", instead(verb, name, change.planned).await);
        }
        diagnostics
    }

    async fn read_instead(verb: &Verb<'_>, object: &Value) -> Result<Option<Option<Value>>, Failure> {
        let name = object.at("name").as_str().unwrap_or_default();
        let placement = verb.client().placement(&verb.call()).await.map_err(|error| explain(name, &error))?;
        if placement != Placement::Rules {
            return Ok(None);
        }
        if object.at("nodes").is_null() {
            return Err(Failure::refused(format!(
                "{name}: this cluster has HA rules instead of groups. Import the rule {} as pve_ha_node_affinity_rule.",
                rule_name(name)
            )));
        }
        verb.cx.warn("HA groups have been migrated to rules", instead(verb, name, object).await);
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

/// What to write instead of the group `name`.
async fn instead(verb: &Verb<'_>, name: &str, group: &Value) -> String {
    let rule = rule_name(name);
    let rules = verb.client().list(Collection::HaRules, &verb.call()).await;
    let entry = rules.ok().and_then(|rules| rules.find::<Json>(&rule).ok().flatten());
    let Some(migrated) = entry.and_then(|entry| HaNodeAffinityRule::from_entry(&entry).ok()) else {
        return format!(
            "The HA group {name} does not exist any more: this cluster has HA rules instead of groups, and a group that no \
             resource used became no rule. Drop it from the state, and write a pve_ha_node_affinity_rule if one is wanted:\n\n\
             removed {{\n  from = pve_ha_group.<name>\n  lifecycle {{\n    destroy = false\n  }}\n}}"
        );
    };
    let nodes = migrated.nodes.0.iter().map(|(node, priority)| format!("{node} = {}", priority.unwrap_or(0)));
    let resources = migrated.resources.0.iter().map(|sid| format!("\"{sid}\""));
    let comment = migrated.comment.clone().or_else(|| group.at("comment").as_str().map(str::to_owned));
    let comment = comment.map_or_else(String::new, |comment| format!("\n  comment   = {comment:?}"));
    let strict = if migrated.strict == Some(true) { "\n  strict    = true" } else { "" };
    format!(
        "The HA group {name} has become the HA rule {rule}. Write this instead; it plans empty:\n\n\
         moved {{\n  from = pve_ha_group.<name>\n  to   = pve_ha_node_affinity_rule.<name>\n}}\n\n\
         resource \"pve_ha_node_affinity_rule\" \"<name>\" {{\n  name      = \"{rule}\"\n  resources = [{}]\n  nodes     = {{ {} \
         }}{strict}{comment}\n}}",
        resources.collect::<Vec<_>>().join(", "),
        nodes.collect::<Vec<_>>().join(", "),
    )
}
