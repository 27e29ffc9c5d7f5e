//! Which rules contradict each other or the cluster.
//!
//! The rules API refuses a rule that would be infeasible; at run time the manager drops every rule with an error, both
//! sides of a contradiction. An error belongs to the property `nodes` or `resources`.

use std::collections::{BTreeMap, BTreeSet};

use super::config::{Affinity, Name, NodeAffinity, Rule, RuleKind};
use super::sets::{self, PositiveSet};

/// Why Proxmox drops or refuses a rule; displayed in Proxmox's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Infeasible {
    /// A negative node affinity rule leaves no node.
    #[error("negative node affinity rule must not specify all cluster nodes")]
    AllNodesAvoided,
    /// Nodes to avoid have no order.
    #[error("negative node affinity rule must not specify node priorities")]
    AvoidedWithPriorities,
    /// A rule has fewer than two resources, so that there is no affinity between resources.
    #[error("rule is ineffective as there are less than two resources")]
    Ineffective,
    /// A negative rule can't be kept: there are not enough nodes at all.
    #[error("rule defines more resources than available nodes")]
    TooFewNodes,
    /// On a positive rule that contradicts a negative one.
    #[error("rule shares two or more resources with a negative resource affinity rule")]
    SharedWithNegative,
    /// On a negative rule that contradicts a positive one.
    #[error("rule shares two or more resources with a positive resource affinity rule")]
    SharedWithPositive,
    /// On a node affinity rule with priorities that a resource affinity rule touches.
    #[error("resources are in a resource affinity rule and cannot be in a node affinity rule with multiple priorities")]
    NodeRuleWithPriorities,
    /// On the resource affinity rule that touches it.
    #[error("resources are in node affinity rules with multiple priorities")]
    InRulesWithPriorities,
    /// On a positive rule whose set touches several node affinity rules.
    #[error("resources are in multiple node affinity rules")]
    InMultipleNodeRules,
    /// On those node affinity rules.
    #[error(
        "at least one resource is in a positive resource affinity rule and there are other resources in at least one other node affinity rule already"
    )]
    PositiveElsewhere,
    /// On a negative rule whose resources are held to too few nodes.
    #[error("two or more resources are restricted to less nodes than available to the resources")]
    Restricted,
    /// On the node affinity rules that hold them there.
    #[error(
        "at least one resource is in a negative resource affinity rule and this rule would restrict these to less nodes than available to the resources"
    )]
    Restricting,
    /// On each node affinity rule that uses a resource which another one uses as well.
    #[error("resource '{0}' is already used in another node affinity rule")]
    AlreadyUsed(Name),
}

/// What is wrong with one rule, by the property it belongs to, in the order in which the checks run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleErrors {
    /// On `nodes`.
    pub nodes: Vec<Infeasible>,
    /// On `resources`.
    pub resources: Vec<Infeasible>,
}

impl RuleErrors {
    /// All of them; the properties come in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &Infeasible> {
        self.nodes.iter().chain(&self.resources)
    }
}

/// The errors of every infeasible rule, by rule id.
///
/// `known` are the nodes in the manager status: none before any manager ever ran, so that then every negative rule fails.
/// Without it nothing is held against the cluster's nodes.
pub fn infeasible(rules: &[Rule], known: Option<&BTreeSet<Name>>) -> BTreeMap<Name, RuleErrors> {
    let enabled = Enabled::new(rules);
    let mut errors = Errors { rules, found: BTreeMap::new() };
    shared_node_rules(&enabled, &mut errors);
    avoiding(&enabled, known, &mut errors);
    ineffective(&enabled, &mut errors);
    too_few_nodes(&enabled, known, &mut errors);
    contradicting(&enabled, &mut errors);
    priorities(&enabled, &mut errors);
    multiple_node_rules(&enabled, &mut errors);
    restricted(&enabled, known, &mut errors);
    errors.found.into_iter().map(|(index, errors)| (rules[index].id.clone(), errors)).collect()
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
        let of = |is_of_kind: fn(&RuleKind) -> bool| -> Vec<usize> {
            (0..rules.len()).filter(|&i| !rules[i].disabled && is_of_kind(&rules[i].kind)).collect()
        };
        let node = of(|kind| matches!(kind, RuleKind::NodeAffinity(_)));
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

    fn node_affinity(&self, index: usize) -> &'a NodeAffinity {
        match &self.rules[index].kind {
            RuleKind::NodeAffinity(affinity) => affinity,
            RuleKind::ResourceAffinity(_) => unreachable!("only node affinity rules are asked for nodes"),
        }
    }
}

struct Errors<'a> {
    rules: &'a [Rule],
    found: BTreeMap<usize, RuleErrors>,
}

impl Errors<'_> {
    fn of(&mut self, rule: usize) -> &mut RuleErrors {
        debug_assert!(rule < self.rules.len());
        self.found.entry(rule).or_default()
    }

    /// Adds an error on `resources`, even if the rule has it already.
    fn add_again(&mut self, rule: usize, error: Infeasible) {
        self.of(rule).resources.push(error);
    }

    fn add(&mut self, rule: usize, error: Infeasible) {
        let errors = &mut self.of(rule).resources;
        if !errors.contains(&error) {
            errors.push(error);
        }
    }
}

fn shared_node_rules(enabled: &Enabled<'_>, errors: &mut Errors<'_>) {
    for (sid, users) in &enabled.node_rules_of {
        if users.len() > 1 {
            for &rule in users {
                errors.add(rule, Infeasible::AlreadyUsed((*sid).clone()));
            }
        }
    }
}

fn avoiding(enabled: &Enabled<'_>, known: Option<&BTreeSet<Name>>, errors: &mut Errors<'_>) {
    let negative = |rule: &usize| enabled.node_affinity(*rule).affinity == Affinity::Negative;
    for &rule in enabled.node.iter().filter(|rule| negative(rule)) {
        let listed = &enabled.node_affinity(rule).nodes;
        // Proxmox counts: nodes that are not in the manager's status are among those listed.
        if known.is_some_and(|known| listed.len() >= known.len()) {
            errors.of(rule).nodes.push(Infeasible::AllNodesAvoided);
        }
        if listed.values().any(|&priority| priority != 0) {
            errors.of(rule).nodes.push(Infeasible::AvoidedWithPriorities);
        }
    }
}

fn ineffective(enabled: &Enabled<'_>, errors: &mut Errors<'_>) {
    for &rule in enabled.positive.iter().chain(&enabled.negative) {
        if enabled.rules[rule].resources.len() < 2 {
            errors.add(rule, Infeasible::Ineffective);
        }
    }
}

fn too_few_nodes(enabled: &Enabled<'_>, known: Option<&BTreeSet<Name>>, errors: &mut Errors<'_>) {
    for &rule in &enabled.negative {
        if known.is_some_and(|known| enabled.rules[rule].resources.len() > known.len()) {
            errors.add(rule, Infeasible::TooFewNodes);
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
                errors.add(positive, Infeasible::SharedWithNegative);
            }
            errors.add(negative, Infeasible::SharedWithPositive);
        }
    }
}

fn priorities(enabled: &Enabled<'_>, errors: &mut Errors<'_>) {
    let prioritised: BTreeSet<usize> = enabled
        .node
        .iter()
        .copied()
        .filter(|&rule| enabled.node_affinity(rule).nodes.values().collect::<BTreeSet<_>>().len() > 1)
        .collect();
    for &rule in enabled.positive.iter().chain(&enabled.negative) {
        let touching = enabled.node_rules_touching(&enabled.rules[rule].resources);
        if touching.is_disjoint(&prioritised) {
            continue;
        }
        // One with priorities condemns every node affinity rule that the resource affinity rule touches.
        errors.add(rule, Infeasible::InRulesWithPriorities);
        for node_rule in touching {
            // Proxmox says so once for each resource affinity rule.
            errors.add_again(node_rule, Infeasible::NodeRuleWithPriorities);
        }
    }
}

fn multiple_node_rules(enabled: &Enabled<'_>, errors: &mut Errors<'_>) {
    for set in &enabled.sets {
        let touching = enabled.node_rules_touching(&set.resources);
        if touching.len() > 1 {
            for &positive in &set.rules {
                errors.add(positive, Infeasible::InMultipleNodeRules);
            }
            for node_rule in touching {
                errors.add(node_rule, Infeasible::PositiveElsewhere);
            }
        }
    }
}

/// Negative resource affinity of more resources than the node affinity rules leave nodes for. What a negative node rule
/// leaves depends on the nodes of the cluster.
fn restricted(enabled: &Enabled<'_>, known: Option<&BTreeSet<Name>>, errors: &mut Errors<'_>) {
    let nowhere = BTreeSet::new();
    for &rule in &enabled.negative {
        let resources = &enabled.rules[rule].resources;
        let held = resources.iter().filter(|sid| enabled.node_rules_of.contains_key(sid)).count();
        let touching = enabled.node_rules_touching(resources);
        let affinities = || touching.iter().map(|&node_rule| enabled.node_affinity(node_rule));
        if known.is_none() && affinities().any(|affinity| affinity.affinity == Affinity::Negative) {
            continue;
        }
        let nodes: BTreeSet<Name> =
            affinities().flat_map(|affinity| affinity.wanted(known.unwrap_or(&nowhere)).into_keys()).collect();
        if held > nodes.len() {
            errors.add(rule, Infeasible::Restricted);
            for node_rule in touching {
                errors.add(node_rule, Infeasible::Restricting);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn separate(id: &str, sids: &[&str]) -> Rule {
        Rule {
            id: id.into(),
            resources: sids.iter().map(|&s| s.into()).collect(),
            disabled: false,
            kind: RuleKind::ResourceAffinity(Affinity::Negative),
        }
    }

    fn nodes(listed: &[(&str, u32)], affinity: Affinity) -> RuleKind {
        let nodes = listed.iter().map(|&(node, priority)| (node.into(), priority)).collect();
        RuleKind::NodeAffinity(NodeAffinity { affinity, nodes, strict: false })
    }

    fn node_rule(id: &str, sids: &[&str], kind: RuleKind) -> Rule {
        Rule { id: id.into(), resources: sids.iter().map(|&s| s.into()).collect(), disabled: false, kind }
    }

    fn known(count: usize) -> BTreeSet<Name> {
        (1..=count).map(|i| format!("n{i}").into()).collect()
    }

    fn errors(rules: &[Rule], count: usize, id: &str) -> Vec<Infeasible> {
        let errors = infeasible(rules, Some(&known(count))).remove(id).unwrap_or_default();
        errors.iter().cloned().collect()
    }

    #[test]
    fn before_any_manager_ran_every_negative_rule_fails() {
        let rules = [separate("a", &["vm:100", "vm:101"])];
        assert_eq!(errors(&rules, 0, "a"), [Infeasible::TooFewNodes]);
        assert!(infeasible(&rules, Some(&known(2))).is_empty());
        let rules = [node_rule("a", &["vm:100"], nodes(&[("n1", 0)], Affinity::Negative))];
        assert_eq!(errors(&rules, 0, "a"), [Infeasible::AllNodesAvoided]);
        assert!(infeasible(&rules, None).is_empty(), "nothing is held against nodes that aren't known");
    }

    #[test]
    fn nodes_to_avoid_leave_some_and_have_no_order() {
        let of = |listed: &[(&str, u32)]| {
            let rules = [node_rule("a", &["vm:100"], nodes(listed, Affinity::Negative))];
            infeasible(&rules, Some(&known(3))).remove("a").unwrap_or_default()
        };
        assert_eq!(of(&[("n1", 0), ("n2", 0)]), RuleErrors::default());
        // Counted, not looked up: n3 would be left here.
        assert_eq!(of(&[("n1", 0), ("n2", 0), ("n9", 0)]).nodes, [Infeasible::AllNodesAvoided]);
        assert_eq!(of(&[("n1", 0), ("n2", 1)]).nodes, [Infeasible::AvoidedWithPriorities]);
        let both = of(&[("n1", 0), ("n2", 5), ("n3", 0)]);
        assert_eq!((both.nodes.len(), both.resources.len()), (2, 0));
    }

    #[test]
    fn errors_on_nodes_come_before_those_on_resources() {
        let avoid = |id: &str| node_rule(id, &["vm:100"], nodes(&[("n1", 0), ("n2", 0)], Affinity::Negative));
        let rules = [avoid("a"), avoid("b")];
        assert_eq!(errors(&rules, 2, "a"), [Infeasible::AllNodesAvoided, Infeasible::AlreadyUsed("vm:100".into())]);
    }

    #[test]
    fn a_negative_node_rule_holds_its_resources_to_the_other_nodes() {
        let held = |listed: &[(&str, u32)], affinity| {
            let rules =
                [node_rule("n", &["vm:100", "vm:101"], nodes(listed, affinity)), separate("a", &["vm:100", "vm:101"])];
            errors(&rules, 3, "a")
        };
        assert_eq!(held(&[("n1", 0)], Affinity::Positive), [Infeasible::Restricted]);
        assert!(held(&[("n1", 0)], Affinity::Negative).is_empty());
        assert_eq!(held(&[("n1", 0), ("n2", 0)], Affinity::Negative), [Infeasible::Restricted]);
    }

    #[test]
    fn each_resource_rule_that_touches_priorities_is_named_once() {
        let prefer = node_rule("n", &["vm:100"], nodes(&[("n1", 2), ("n2", 1)], Affinity::Positive));
        let rules = [prefer, separate("a", &["vm:100", "vm:101"]), separate("b", &["vm:100", "vm:102"])];
        assert_eq!(errors(&rules, 3, "n"), [Infeasible::NodeRuleWithPriorities, Infeasible::NodeRuleWithPriorities]);
    }

    #[test]
    fn a_disabled_rule_has_no_errors_and_causes_none() {
        let mut rules = [separate("a", &["vm:100"])];
        assert_eq!(errors(&rules, 3, "a"), [Infeasible::Ineffective]);
        rules[0].disabled = true;
        assert!(infeasible(&rules, Some(&known(3))).is_empty());
    }
}
