//! HA rules: both types, which only PVE 9 has.

use pve_schemas::value::{ConfigId, HaMode};
use pve_schemas::{HaNodeAffinityRule, HaResourceAffinityRule};

use super::moved::{self, Moved};
use super::operations::{OpContext, Operations, simple_id};
use super::{explain, ha_features};
use crate::framework::{Change, Diagnostics, Failure, MoveSource, Number, Path, Value};
use crate::session::Configured;

impl Operations for HaNodeAffinityRule {
    fn parse_id(id: &str) -> Result<Value, String> {
        simple_id("name", ConfigId::FORMAT, id)
    }

    fn validate(config: &Value, diagnostics: &mut Diagnostics) {
        if config.at("affinity").as_str() != Some("negative") {
            return;
        }
        let nodes = config.at("nodes").as_map().into_iter().flatten();
        for (node, _) in nodes
            .filter(|(_, priority)| priority.as_number().and_then(Number::as_i64).is_some_and(|priority| priority != 0))
        {
            diagnostics.error_at(
                Path::attribute("nodes").key(node),
                "Nodes to avoid have no priorities",
                format!("With `affinity = \"negative\"` write null or 0 for {node}. All nodes to avoid are equal."),
            );
        }
    }

    async fn preflight(op: &OpContext<'_>, change: Change<'_>) -> Diagnostics {
        let on_pve8 = "Write a `pve_ha_group` with these nodes, and name it as `group` of each `pve_ha_resource`.";
        let diagnostics = rules_exist(op, on_pve8).await;
        if diagnostics.has_error() { diagnostics } else { ha_features::nodes_to_avoid(op, &change).await }
    }

    async fn before_write(op: &OpContext<'_>, from: Option<&Value>, to: &Value) -> Result<(), Failure> {
        ha_features::still_nodes_to_avoid(op, from, to).await
    }

    async fn exists(op: &OpContext<'_>) -> Result<bool, Failure> {
        are_rules(op).await
    }

    async fn before_update(op: &OpContext<'_>, from: &mut Value, to: &Value) -> Result<(), Failure> {
        before_update(&op.configured, from, to);
        Ok(())
    }

    fn after_own_writes(configured: &Configured, prior: &Value) -> Value {
        after_own_writes(configured, prior)
    }

    fn moved(source: &MoveSource) -> Moved {
        moved::ha_node_affinity_rule(source)
    }
}

impl Operations for HaResourceAffinityRule {
    fn parse_id(id: &str) -> Result<Value, String> {
        simple_id("name", ConfigId::FORMAT, id)
    }

    async fn preflight(op: &OpContext<'_>, _change: Change<'_>) -> Diagnostics {
        rules_exist(op, "PVE 8 can't keep HA resources together or apart.").await
    }

    async fn exists(op: &OpContext<'_>) -> Result<bool, Failure> {
        are_rules(op).await
    }

    async fn before_update(op: &OpContext<'_>, from: &mut Value, to: &Value) -> Result<(), Failure> {
        before_update(&op.configured, from, to);
        Ok(())
    }

    fn after_own_writes(configured: &Configured, prior: &Value) -> Value {
        after_own_writes(configured, prior)
    }

    fn moved(source: &MoveSource) -> Moved {
        moved::ha_resource_affinity_rule(source)
    }
}

pub(super) async fn are_rules(op: &OpContext<'_>) -> Result<bool, Failure> {
    let mode = op.client().ha_mode(&op.call()).await.map_err(|error| explain("the HA rules", &error))?;
    Ok(mode == HaMode::Rules)
}

pub(super) async fn rules_exist(op: &OpContext<'_>, on_pve8: &str) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    match op.client().ha_mode(&op.call()).await {
        Ok(HaMode::Groups) => {
            diagnostics.error(
                "HA rules need PVE 9",
                format!("This cluster runs PVE 8, which has HA groups instead of rules. {on_pve8}"),
            );
        }
        Ok(HaMode::GroupsUntilMigrated) => diagnostics.error(
            "The HA groups of this cluster are not migrated yet",
            "Proxmox accepts HA rules only after the migration of its HA groups. The HA manager migrates them once \
             every node runs PVE 9 and is online. Until then write `pve_ha_group`.",
        ),
        Ok(HaMode::Rules) | Err(_) => {}
    }
    diagnostics
}

/// The rule as purges and memberships of this process have left it; null where nothing is left.
fn after_own_writes(configured: &Configured, prior: &Value) -> Value {
    let Some(resources) = prior.at("resources").elements() else { return prior.clone() };
    let mut left: Vec<Value> =
        resources.iter().filter(|sid| !sid.as_str().is_some_and(|sid| configured.has_purged(sid))).cloned().collect();
    for (sid, is_member) in memberships(configured, prior) {
        let sid = Value::from(sid);
        left.retain(|other| *other != sid);
        if is_member {
            left.push(sid);
        }
    }
    if left.is_empty() {
        return Value::Null;
    }
    let mut rule = prior.clone();
    rule.insert("resources", Value::set(left));
    rule
}

/// What members this process has added to the rule is not what an update of the rule removes again, and vice versa: its plan is
/// older. A plan that does that on purpose is refused.
fn before_update(configured: &Configured, from: &mut Value, to: &Value) {
    if memberships(configured, from).is_empty() {
        return;
    }
    let planned = to.at("resources");
    if after_own_writes(configured, to).at("resources") == from.at("resources") {
        from.insert("resources", planned.clone());
    }
}

fn memberships(configured: &Configured, rule: &Value) -> Vec<(String, bool)> {
    rule.at("name").as_str().map(|name| configured.memberships(name)).unwrap_or_default()
}
