//! The rules file in the terms of the placement code, which knows what contradicts what.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;
use terraform_provider_pve::placement::config::{Affinity, Rule, RuleKind};
use terraform_provider_pve::placement::feasibility::infeasible;

use super::files;
use crate::section_config::{Section, Sections, node_priorities};
use crate::world::World;

/// The errors of every infeasible rule by its id, as the rules API shows them.
pub(super) fn errors(world: &World, rules: &Sections) -> BTreeMap<String, Vec<String>> {
    // Before a CRM ever ran no node is known, so that every negative rule has too many resources.
    let known =
        files::manager_status(world).get("node_status").and_then(Value::as_object).map_or(0, |nodes| nodes.len());
    infeasible(&placement_rules(rules), known).into_iter().map(|(id, texts)| (id.to_string(), texts)).collect()
}

/// The rules as the placement code takes them.
#[must_use]
pub fn placement_rules(rules: &Sections) -> Vec<Rule> {
    rules.list.iter().map(placement_rule).collect()
}

fn placement_rule(rule: &Section) -> Rule {
    let text = |name: &str| rule.text(name).unwrap_or_default();
    let resources: BTreeSet<Arc<str>> =
        text("resources").split(',').filter(|sid| !sid.is_empty()).map(Arc::from).collect();
    let kind = if rule.kind == files::RULE_TYPES[0] {
        let nodes = node_priorities(&text("nodes"));
        RuleKind::NodeAffinity {
            nodes: nodes.into_iter().map(|(node, pri)| (node.into(), pri.parse().unwrap_or(u32::MAX))).collect(),
            strict: rule.flag("strict"),
        }
    } else if text("affinity") == "positive" {
        RuleKind::ResourceAffinity(Affinity::Positive)
    } else {
        RuleKind::ResourceAffinity(Affinity::Negative)
    };
    Rule { id: rule.id.as_str().into(), resources, disabled: rule.flag("disable"), kind }
}
