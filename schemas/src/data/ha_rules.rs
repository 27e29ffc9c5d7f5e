//! `pve_ha_rules`: the HA rules of PVE 9.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::answer::{complaints, list, shown};
use crate::ha_node_affinity_rule::AFFINITY;
use crate::noun::Noun;
use crate::rest::Rest;
use crate::tf_block;
use crate::value::{Entry, NodeName, NodePriorities, Sid};
use crate::{HaNodeAffinityRule, HaResourceAffinityRule};

/// The HA rules, sorted by name. **PVE 9**: PVE 8 has no rules, so `supported` is `false` and the list is empty.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HaRules {
    /// What to look for.
    #[serde(flatten)]
    pub arguments: HaRulesArguments,
    /// Whether this cluster supports HA rules.
    pub supported: bool,
    /// The rules that match the arguments, sorted by name.
    pub rules: Vec<HaRuleRow>,
}

/// Which rules to list.
#[tf_block]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HaRulesArguments {
    /// Only rules of this type.
    #[serde(rename = "type")]
    #[tf(optional)]
    pub kind: Option<HaRuleType>,
    /// Only rules that name this HA resource, such as `vm:100`.
    #[tf(optional)]
    pub resource: Option<Sid>,
    /// Only rules that name this node.
    #[tf(optional)]
    pub node: Option<NodeName>,
}

/// The type of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HaRuleType {
    /// On which nodes resources run.
    NodeAffinity,
    /// Which resources run together or apart.
    ResourceAffinity,
}

/// An HA rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HaRuleRow {
    /// The name of the rule, the id in Proxmox.
    pub name: String,
    /// `node-affinity` or `resource-affinity`; another one where Proxmox has a type that this provider does not support.
    #[serde(rename = "type")]
    pub kind: String,
    /// The HA resources it is about.
    pub resources: BTreeSet<String>,
    /// Its nodes with their priorities, **a higher number is preferred**; those to avoid, where `affinity` is `negative`. Null for
    /// a resource affinity rule.
    pub nodes: Option<NodePriorities>,
    /// Whether other nodes than those of the rule are forbidden; null for a resource affinity rule.
    pub strict: Option<bool>,
    /// `positive` keeps the resources together, `negative` apart. Of a node affinity rule: `positive` runs them on its nodes,
    /// `negative` on the other ones (since PVE 9.2.6; `positive` for every rule of an older version).
    pub affinity: Option<String>,
    /// Whether it is switched off.
    pub disabled: bool,
    /// The comment of the rule; null without one.
    pub comment: Option<String>,
    /// The reasons why the HA manager ignores this rule, such as a conflict with another rule. Empty for an active
    /// rule.
    pub errors: Vec<String>,
}

impl Noun for HaRules {
    const NAME: &'static str = "pve_ha_rules";
    const TITLE: &'static str = "HA rules";
}

impl HaRules {
    /// From the answer of `/cluster/ha/rules`; none where Proxmox has no such call.
    ///
    /// # Errors
    /// Says what of the answer has an unexpected form.
    pub fn from_answer(arguments: HaRulesArguments, answer: Option<&Json>) -> Result<Self, String> {
        let entries = answer.map(list).transpose()?.unwrap_or_default();
        let mut rules = entries.iter().map(HaRuleRow::from_entry).collect::<Result<Vec<_>, _>>()?;
        rules.retain(|rule| arguments.let_through(rule));
        rules.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self { supported: answer.is_some(), rules, arguments })
    }
}

impl HaRulesArguments {
    fn let_through(&self, rule: &HaRuleRow) -> bool {
        let kind = self.kind.is_none_or(|kind| rule.kind == kind.as_str());
        let resource = self.resource.as_ref().is_none_or(|sid| rule.resources.contains(sid.as_str()));
        let lists = |node| rule.nodes.as_ref().is_some_and(|nodes| nodes.0.contains_key(node));
        kind && resource && self.node.as_ref().is_none_or(lists)
    }
}

impl HaRuleType {
    fn as_str(self) -> &'static str {
        match self {
            Self::NodeAffinity => "node-affinity",
            Self::ResourceAffinity => "resource-affinity",
        }
    }
}

impl HaRuleRow {
    fn from_entry(entry: &Json) -> Result<Self, String> {
        let kind = Entry(entry).required("type")?;
        let further = json!({"type": kind, "errors": complaints(entry)});
        let noun = if HaNodeAffinityRule::owns(entry) {
            HaNodeAffinityRule::parse(entry).ok().map(|rule| shown(rule.noun, further))
        } else if HaResourceAffinityRule::owns(entry) {
            HaResourceAffinityRule::parse(entry).ok().map(|rule| shown(rule.noun, further))
        } else {
            None
        };
        noun.unwrap_or_else(|| Self::of_later_release(entry, kind))
    }

    /// A rule that no noun can hold: a later Proxmox may name its resources or nodes in another way.
    fn of_later_release(json: &Json, kind: String) -> Result<Self, String> {
        let entry = Entry(json);
        let nodes = entry.text("nodes").and_then(|nodes| NodePriorities::from_list(&nodes).ok());
        let resources = entry.text("resources").unwrap_or_default();
        let resources = resources.split([',', ';', ' ']).filter(|sid| !sid.is_empty());
        Ok(Self {
            name: entry.required("rule")?,
            resources: resources.map(str::to_owned).collect(),
            strict: nodes.is_some().then(|| entry.flag("strict").unwrap_or(false)),
            affinity: entry.text("affinity").or_else(|| nodes.is_some().then(|| AFFINITY.as_str().to_owned())),
            nodes,
            disabled: entry.flag("disable").unwrap_or(false),
            comment: entry.text("comment"),
            errors: complaints(json),
            kind,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::recorded::{answer, reversed};

    fn names(rules: &HaRules) -> Vec<&str> {
        rules.rules.iter().map(|rule| rule.name.as_str()).collect()
    }

    #[test]
    fn node_affinity_rules_have_nodes_and_strictness() {
        let recorded = answer("pve9-ha-rules-node", 26);
        let rules = HaRules::from_answer(HaRulesArguments::default(), Some(&recorded)).unwrap();
        assert_eq!(names(&rules), ["r1", "r2", "r3"]);
        let [first, off, strict] = rules.rules.as_slice() else { panic!("three rules") };
        assert_eq!(first.nodes.as_ref().unwrap().to_list(), "pve1,pve2:2,pve3");
        assert_eq!((first.strict, first.disabled, first.affinity.as_deref()), (Some(false), false, Some("positive")));
        assert!(off.disabled && strict.strict == Some(true));
        assert_eq!(first.resources.iter().collect::<Vec<_>>(), ["vm:100", "vm:101"]);
        assert_eq!(HaRules::from_answer(HaRulesArguments::default(), Some(&reversed(recorded))).unwrap(), rules);
    }

    #[test]
    fn resource_affinity_rules_have_neither() {
        let rules = HaRules::from_answer(HaRulesArguments::default(), Some(&answer("pve9-ha-rules-resource", 27)));
        let rules = rules.unwrap().rules;
        let negative = rules.iter().find(|rule| rule.name == "rb").unwrap();
        assert_eq!((negative.affinity.as_deref(), negative.strict), (Some("negative"), None));
        assert!(negative.nodes.is_none());
    }

    #[test]
    fn filters_narrow_the_list() {
        let recorded = answer("pve9-ha-rules-resource", 27);
        let found = |arguments| {
            let rules = HaRules::from_answer(arguments, Some(&recorded)).unwrap();
            names(&rules).join(" ")
        };
        let none = HaRulesArguments::default;
        assert_eq!(found(HaRulesArguments { kind: Some(HaRuleType::ResourceAffinity), ..none() }), "ra rb");
        assert_eq!(found(HaRulesArguments { resource: Some("vm:102".parse().unwrap()), ..none() }), "nc rb");
        assert_eq!(found(HaRulesArguments { node: Some("pve2".parse().unwrap()), ..none() }), "na");
    }

    #[test]
    fn a_groups_virtual_rule_is_not_strict_where_strict_is_null() {
        let virtual_rule = serde_json::json!([{"rule": "ha-group-g", "type": "node-affinity", "nodes": "pve1",
            "resources": "vm:100", "strict": null, "order": 1}]);
        let rules = HaRules::from_answer(HaRulesArguments::default(), Some(&virtual_rule)).unwrap();
        assert_eq!(rules.rules[0].strict, Some(false));
    }

    #[test]
    fn a_rule_in_conflict_says_why() {
        let answer = answer("pve9-ha-rules-resource", 42);
        let rules = HaRules::from_answer(HaRulesArguments::default(), Some(&answer)).unwrap().rules;
        let dropped = rules.iter().find(|rule| rule.name == "ra").unwrap();
        assert_eq!(dropped.errors.len(), 1, "{:?}", dropped.errors);
    }

    #[test]
    fn a_rule_that_no_noun_can_hold_is_shown_all_the_same() {
        let answer = serde_json::json!([
            {"rule": "soft", "type": "node-affinity", "resources": "vm:100", "nodes": "pve1", "affinity": "weak"},
            {"rule": "zoned", "type": "zone-affinity", "resources": "vm:100", "disable": 1},
        ]);
        let rules = HaRules::from_answer(HaRulesArguments::default(), Some(&answer)).unwrap().rules;
        assert_eq!((rules[0].affinity.as_deref(), rules[0].strict), (Some("weak"), Some(false)));
        assert_eq!((rules[1].kind.as_str(), rules[1].disabled, rules[1].strict), ("zone-affinity", true, None));
    }

    #[test]
    fn an_older_cluster_has_no_rules() {
        let rules = HaRules::from_answer(HaRulesArguments::default(), None).unwrap();
        assert!(!rules.supported && rules.rules.is_empty());
    }
}
