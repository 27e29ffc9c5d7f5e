//! The rules file in the types of the placement code, which finds contradictions.

use std::collections::{BTreeMap, BTreeSet};

use pve_ha_manager::config::{Name, Rule};
use pve_ha_manager::feasibility::{RuleErrors, infeasible};
use serde_json::Value;

use super::files;
use crate::crm;
use crate::section_config::Sections;
use crate::world::World;

/// The errors of every infeasible rule by its id, as the rules API shows them.
pub(super) fn errors(world: &World, rules: &Sections) -> BTreeMap<String, RuleErrors> {
    // Before a CRM ever ran no node is known, so that every negative rule has too many resources or nodes.
    let status = files::manager_status(world);
    let nodes = status.get("node_status").and_then(Value::as_object).into_iter().flatten();
    let known: BTreeSet<Name> = nodes.map(|(node, _)| node.as_str().into()).collect();
    let rules: Vec<Rule> = rules.list.iter().map(crm::rule).collect();
    infeasible(&rules, Some(&known)).into_iter().map(|(id, errors)| (id.to_string(), errors)).collect()
}
