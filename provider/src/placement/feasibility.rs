//! Which rules contradict each other or the cluster.
//!
//! The rules API refuses a rule that would be infeasible; at run time the manager drops every rule with an error, both
//! sides of a contradiction. All errors belong to the property `resources`.

use std::collections::{BTreeMap, BTreeSet};

use super::config::{Affinity, Name, Rule, RuleKind};
use super::sets::{self, PositiveSet};

/// A rule has fewer than two resources to keep together or apart.
pub const INEFFECTIVE: &str = "rule is ineffective as there are less than two resources";
/// A negative rule can't be kept: there are not enough nodes at all.
pub const TOO_FEW_NODES: &str = "rule defines more resources than available nodes";
/// On a positive rule that contradicts a negative one.
pub const SHARED_WITH_NEGATIVE: &str = "rule shares two or more resources with a negative resource affinity rule";
/// On a negative rule that contradicts a positive one.
pub const SHARED_WITH_POSITIVE: &str = "rule shares two or more resources with a positive resource affinity rule";
/// On a node affinity rule with priorities that a resource affinity rule touches.
pub const NODE_RULE_WITH_PRIORITIES: &str =
    "resources are in a resource affinity rule and cannot be in a node affinity rule with multiple priorities";
/// On the resource affinity rule that touches it.
pub const IN_RULES_WITH_PRIORITIES: &str = "resources are in node affinity rules with multiple priorities";
/// On a positive rule whose set touches several node affinity rules.
pub const IN_MULTIPLE_NODE_RULES: &str = "resources are in multiple node affinity rules";
/// On those node affinity rules.
pub const POSITIVE_ELSEWHERE: &str = "at least one resource is in a positive resource affinity rule and there are other resources in at least one other node affinity rule already";
/// On a negative rule whose resources are held to too few nodes.
pub const RESTRICTED: &str = "two or more resources are restricted to less nodes than available to the resources";
/// On the node affinity rules that hold them there.
pub const RESTRICTING: &str = "at least one resource is in a negative resource affinity rule and this rule would restrict these to less nodes than available to the resources";

/// On each node affinity rule that uses a resource which another one uses as well.
pub fn already_used(sid: &str) -> String {
    format!("resource '{sid}' is already used in another node affinity rule")
}

/// The errors of every infeasible rule, by rule id, in the order in which the checks run.
///
/// `node_count` is the number of nodes the manager knows: 0 before any manager ever ran, so that then every negative
/// rule fails.
pub fn infeasible(rules: &[Rule], node_count: usize) -> BTreeMap<Name, Vec<String>> {
    let enabled = Enabled::new(rules);
    let mut errors = Errors { rules, found: BTreeMap::new() };
    shared_node_rules(&enabled, &mut errors);
    ineffective(&enabled, &mut errors);
    too_few_nodes(&enabled, node_count, &mut errors);
    contradicting(&enabled, &mut errors);
    priorities(&enabled, &mut errors);
    multiple_node_rules(&enabled, &mut errors);
    restricted(&enabled, &mut errors);
    errors.found.into_iter().map(|(index, texts)| (rules[index].id.clone(), texts)).collect()
}

/// The enabled rules, sorted by kind; all by index.
struct Enabled<'a> {
    rules: &'a [Rule],
    node: Vec<usize>,
    positive: Vec<usize>,
    negative: Vec<usize>,
    sets: Vec<PositiveSet>,
    /// Resource to the node affinity rules that name it.
    node_rules_of: BTreeMap<&'a Name, Vec<usize>>,
}

impl<'a> Enabled<'a> {
    fn new(rules: &'a [Rule]) -> Self {
        let of = |wanted: fn(&RuleKind) -> bool| -> Vec<usize> {
            (0..rules.len()).filter(|&i| !rules[i].disabled && wanted(&rules[i].kind)).collect()
        };
        let node = of(|kind| matches!(kind, RuleKind::NodeAffinity { .. }));
        let positive = of(|kind| *kind == RuleKind::ResourceAffinity(Affinity::Positive));
        let negative = of(|kind| *kind == RuleKind::ResourceAffinity(Affinity::Negative));
        let sets = sets::merge_positive(rules, &positive);
        let mut node_rules_of: BTreeMap<&Name, Vec<usize>> = BTreeMap::new();
        for &index in &node {
            for sid in &rules[index].resources {
                node_rules_of.entry(sid).or_default().push(index);
            }
        }
        Self { rules, node, positive, negative, sets, node_rules_of }
    }

    fn node_rules_touching(&self, resources: &BTreeSet<Name>) -> BTreeSet<usize> {
        resources.iter().filter_map(|sid| self.node_rules_of.get(sid)).flatten().copied().collect()
    }

    fn nodes(&self, index: usize) -> &'a BTreeMap<Name, u32> {
        match &self.rules[index].kind {
            RuleKind::NodeAffinity { nodes, .. } => nodes,
            RuleKind::ResourceAffinity(_) => unreachable!("only node affinity rules are asked for nodes"),
        }
    }
}

struct Errors<'a> {
    rules: &'a [Rule],
    found: BTreeMap<usize, Vec<String>>,
}

impl Errors<'_> {
    /// Adds a text, even if the rule has it already.
    fn add_again(&mut self, rule: usize, text: impl Into<String>) {
        self.found.entry(rule).or_default().push(text.into());
    }

    fn add(&mut self, rule: usize, text: impl Into<String>) {
        debug_assert!(rule < self.rules.len());
        let texts = self.found.entry(rule).or_default();
        let text = text.into();
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
}

fn shared_node_rules(enabled: &Enabled<'_>, errors: &mut Errors<'_>) {
    for (sid, users) in &enabled.node_rules_of {
        if users.len() > 1 {
            for &rule in users {
                errors.add(rule, already_used(sid));
            }
        }
    }
}

fn ineffective(enabled: &Enabled<'_>, errors: &mut Errors<'_>) {
    for &rule in enabled.positive.iter().chain(&enabled.negative) {
        if enabled.rules[rule].resources.len() < 2 {
            errors.add(rule, INEFFECTIVE);
        }
    }
}

fn too_few_nodes(enabled: &Enabled<'_>, node_count: usize, errors: &mut Errors<'_>) {
    for &rule in &enabled.negative {
        if enabled.rules[rule].resources.len() > node_count {
            errors.add(rule, TOO_FEW_NODES);
        }
    }
}

fn contradicting(enabled: &Enabled<'_>, errors: &mut Errors<'_>) {
    for set in &enabled.sets {
        for &negative in &enabled.negative {
            if enabled.rules[negative].resources.intersection(&set.resources).count() < 2 {
                continue;
            }
            for &positive in &set.rules {
                errors.add(positive, SHARED_WITH_NEGATIVE);
            }
            errors.add(negative, SHARED_WITH_POSITIVE);
        }
    }
}

fn priorities(enabled: &Enabled<'_>, errors: &mut Errors<'_>) {
    let prioritised: BTreeSet<usize> = enabled
        .node
        .iter()
        .copied()
        .filter(|&rule| enabled.nodes(rule).values().collect::<BTreeSet<_>>().len() > 1)
        .collect();
    for &rule in enabled.positive.iter().chain(&enabled.negative) {
        let touching = enabled.node_rules_touching(&enabled.rules[rule].resources);
        if touching.is_disjoint(&prioritised) {
            continue;
        }
        // One with priorities condemns every node affinity rule that the resource affinity rule touches.
        errors.add(rule, IN_RULES_WITH_PRIORITIES);
        for node_rule in touching {
            // Proxmox says so once for each resource affinity rule.
            errors.add_again(node_rule, NODE_RULE_WITH_PRIORITIES);
        }
    }
}

fn multiple_node_rules(enabled: &Enabled<'_>, errors: &mut Errors<'_>) {
    for set in &enabled.sets {
        let touching = enabled.node_rules_touching(&set.resources);
        if touching.len() > 1 {
            for &positive in &set.rules {
                errors.add(positive, IN_MULTIPLE_NODE_RULES);
            }
            for node_rule in touching {
                errors.add(node_rule, POSITIVE_ELSEWHERE);
            }
        }
    }
}

fn restricted(enabled: &Enabled<'_>, errors: &mut Errors<'_>) {
    for &rule in &enabled.negative {
        let resources = &enabled.rules[rule].resources;
        let held = resources.iter().filter(|sid| enabled.node_rules_of.contains_key(sid)).count();
        let touching = enabled.node_rules_touching(resources);
        let nodes: BTreeSet<&Name> = touching.iter().flat_map(|&node_rule| enabled.nodes(node_rule).keys()).collect();
        if held > nodes.len() {
            errors.add(rule, RESTRICTED);
            for node_rule in touching {
                errors.add(node_rule, RESTRICTING);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apart(id: &str, sids: &[&str]) -> Rule {
        Rule {
            id: id.into(),
            resources: sids.iter().map(|&s| s.into()).collect(),
            disabled: false,
            kind: RuleKind::ResourceAffinity(Affinity::Negative),
        }
    }

    #[test]
    fn before_any_manager_ran_every_negative_rule_fails() {
        let rules = [apart("a", &["vm:100", "vm:101"])];
        assert_eq!(infeasible(&rules, 0)["a"], [TOO_FEW_NODES]);
        assert!(infeasible(&rules, 2).is_empty());
    }

    #[test]
    fn each_resource_rule_that_touches_priorities_is_named_once() {
        let nodes = [("n1".into(), 2), ("n2".into(), 1)].into();
        let kind = RuleKind::NodeAffinity { nodes, strict: false };
        let prefer = Rule { id: "n".into(), resources: [Name::from("vm:100")].into(), disabled: false, kind };
        let rules = [prefer, apart("a", &["vm:100", "vm:101"]), apart("b", &["vm:100", "vm:102"])];
        assert_eq!(infeasible(&rules, 3)["n"], [NODE_RULE_WITH_PRIORITIES; 2]);
    }

    #[test]
    fn a_disabled_rule_has_no_errors_and_causes_none() {
        let mut rules = [apart("a", &["vm:100"])];
        assert_eq!(infeasible(&rules, 3)["a"], [INEFFECTIVE]);
        rules[0].disabled = true;
        assert!(infeasible(&rules, 3).is_empty());
    }
}
