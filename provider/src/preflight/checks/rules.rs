//! Rules that contradict each other or the cluster: the checks of `PVE::HA::Rules`. One that a rule fails whatever
//! else is changed is an error, and so is one that two rules of this plan fail together.

use std::collections::BTreeSet;

use crate::framework::{Path, Severity};
use crate::preflight::conflicts::Conflicts;
use crate::preflight::finding::Finding;
use crate::preflight::finding::{error, warning};
use crate::preflight::object_index::Family;
use crate::preflight::objects::{CheckedRule, CheckedRuleKind};
use crate::preflight::view::{CheckCase, list};
use crate::words::counted;
use pve_ha_manager::config::Affinity;
use pve_ha_manager::feasibility::Infeasible;

/// A resource in more than one enabled node affinity rule.
pub fn node_affinity_overlap(case: &CheckCase<'_>) -> Vec<Finding> {
    let Some(sids) = case.feasible().and_then(|(_, rule, _)| rule.resources.as_ref()) else { return Vec::new() };
    conflict(
        case,
        |error| matches!(error, Infeasible::AlreadyUsed(sid) if sids.contains(sid)),
        |partners, error| {
            let sid = if let Infeasible::AlreadyUsed(sid) = error { sid } else { "a resource" };
            (
                format!(
                    "{sid} is also in the node affinity rule {partners}, and a resource may be in one enabled node affinity rule only."
                ),
                "Remove it from one of them, or disable one of them with `disabled = true`.",
            )
        },
    )
}

/// A negative node affinity rule that leaves no node.
pub fn avoids_all_nodes(case: &CheckCase<'_>) -> Vec<Finding> {
    conflict_at(
        case,
        "nodes",
        |error| *error == Infeasible::AllNodesAvoided,
        |_, _| {
            (
                "with `affinity = \"negative\"` it avoids as many nodes as the cluster has.".to_owned(),
                "Remove at least one node.",
            )
        },
    )
}

/// A resource affinity rule of fewer than two resources.
pub fn too_few_resources(case: &CheckCase<'_>) -> Vec<Finding> {
    conflict(
        case,
        |error| *error == Infeasible::Ineffective,
        |_, _| {
            ("a resource affinity rule needs at least two resources.".to_owned(), "Name another one in `resources`.")
        },
    )
}

/// More resources to keep apart than there are nodes.
pub fn more_resources_than_nodes(case: &CheckCase<'_>) -> Vec<Finding> {
    let counts = || {
        let cluster = case.view.cluster?;
        let (_, rule, _) = case.feasible()?;
        Some(format!(
            "{} can't be kept apart on {}.",
            counted(rule.resources.as_ref()?.len(), "resource"),
            counted(cluster.nodes.len(), "node")
        ))
    };
    conflict(
        case,
        |error| *error == Infeasible::TooFewNodes,
        |_, _| {
            (
                counts().unwrap_or_default(),
                "Name at most as many resources as there are nodes, or one fewer to survive the failure of a node.",
            )
        },
    )
}

/// Two resources that are to be together by one rule and apart by another.
pub fn together_and_apart(case: &CheckCase<'_>) -> Vec<Finding> {
    let apart = is_negative(case);
    conflict(
        case,
        |error| matches!(error, Infeasible::SharedWithNegative | Infeasible::SharedWithPositive),
        |partners, _| {
            let (here, there) = if apart { ("apart", "together") } else { ("together", "apart") };
            (
                format!("it keeps resources {here} that the rule {partners} keeps {there}."),
                "No two resources may be in a positive and in a negative rule; positive rules that share a resource count as one.",
            )
        },
    )
}

/// A resource affinity rule over resources whose node affinity rule has several priorities.
pub fn affinity_with_priorities(case: &CheckCase<'_>) -> Vec<Finding> {
    conflict(
        case,
        |error| matches!(error, Infeasible::InRulesWithPriorities | Infeasible::NodeRuleWithPriorities),
        |partners, _| {
            (
                format!(
                    "it shares resources with {partners}: the members of a resource affinity rule can't be in a node \
                     affinity rule with several priorities."
                ),
                "Give all nodes of the node affinity rule the same priority, or take the resources out of one of the rules.",
            )
        },
    )
}

/// Resources that are to be together, in different node affinity rules.
pub fn together_in_several_node_rules(case: &CheckCase<'_>) -> Vec<Finding> {
    conflict(
        case,
        |error| matches!(error, Infeasible::InMultipleNodeRules | Infeasible::PositiveElsewhere),
        |partners, _| {
            (
                format!(
                    "it shares resources with {partners}: resources that are kept together can't be in different node \
                     affinity rules."
                ),
                "Put all resources that are kept together into one node affinity rule.",
            )
        },
    )
}

/// Resources that are to be apart, on too few nodes.
pub fn apart_on_too_few_nodes(case: &CheckCase<'_>) -> Vec<Finding> {
    let mut found = apart_on_too_few(case);
    // Between the releases that brought negative rules and their correction, HA managers counted the nodes to avoid.
    if case.conflicts().is_some_and(Conflicts::has_nodes_to_avoid) {
        found.iter_mut().for_each(|finding| finding.severity = Severity::Warning);
    }
    found
}

fn apart_on_too_few(case: &CheckCase<'_>) -> Vec<Finding> {
    conflict(
        case,
        |error| matches!(error, Infeasible::Restricted | Infeasible::Restricting),
        |partners, _| {
            (
                format!(
                    "it shares resources with {partners}: resources that are kept apart are bound to fewer nodes than \
                     there are resources."
                ),
                "Name more nodes in the node affinity rule, or keep fewer of its resources apart. `strict` makes no difference here.",
            )
        },
    )
}

/// A rule over guests that the HA manager doesn't look after.
pub fn unmanaged_resource(case: &CheckCase<'_>) -> Vec<Finding> {
    let view = &case.view;
    let (name, resources, at) = match (case.member(), case.rule()) {
        (Some((name, sid)), _) => (name.as_ref(), BTreeSet::from([sid.clone()]), "resource"),
        (_, Some((name, CheckedRule { resources: Some(resources), .. }))) => (name, resources.clone(), "resources"),
        _ => return Vec::new(),
    };
    if view.live.resources().is_none() || view.planned.has_nameless(Family::Resource) {
        return Vec::new();
    }
    let unmanaged: Vec<&str> =
        resources.iter().filter(|sid| view.resource(sid).is_none()).map(|sid| sid.as_ref()).collect();
    if unmanaged.is_empty() {
        return Vec::new();
    }
    let (is, a) = if unmanaged.len() == 1 { ("is", "not an HA resource") } else { ("are", "not HA resources") };
    let unmanaged = list(unmanaged);
    vec![warning(
        Some(Path::attribute(at)),
        format!(
            "{name}: {unmanaged} {is} {a}. Unless this plan creates a `pve_ha_resource` for it, Proxmox refuses the \
             rule.\nRefer to `pve_ha_resource.NAME.sid` in `{at}`, so that Terraform creates the HA resource \
             first."
        ),
    )]
}

/// One of Proxmox's reasons on `resources`, explained by `tell` for the rules in conflict.
fn conflict(
    case: &CheckCase<'_>,
    is_it: impl Fn(&Infeasible) -> bool,
    tell: impl FnOnce(&str, &Infeasible) -> (String, &'static str),
) -> Vec<Finding> {
    conflict_at(case, "resources", is_it, tell)
}

fn conflict_at(
    case: &CheckCase<'_>,
    attribute: &str,
    is_it: impl Fn(&Infeasible) -> bool,
    tell: impl FnOnce(&str, &Infeasible) -> (String, &'static str),
) -> Vec<Finding> {
    let Some((name, _, at)) = case.feasible() else { return Vec::new() };
    let Some(complaint) = case.conflicts().and_then(|conflicts| conflicts.complaint(is_it)) else { return Vec::new() };
    let partners = list(complaint.partners.iter().map(|partner| partner.as_ref()));
    let (what, remedy) = tell(&partners, &complaint.error);
    let path = Some(Path::attribute(at.unwrap_or(attribute)));
    vec![if complaint.is_certain {
        error(path, format!("{name}: {what} Proxmox refuses the rule.\n{remedy}\nPVE: {}", complaint.error))
    } else {
        warning(
            path,
            format!(
                "{name}: {what} Proxmox refuses the rule, unless this plan changes {partners} first.\n{remedy}\nPVE: \
                 {}",
                complaint.error
            ),
        )
    }]
}

fn is_negative(case: &CheckCase<'_>) -> bool {
    let is_apart = |rule: &CheckedRule| matches!(rule.kind, CheckedRuleKind::Affinity(Some(Affinity::Negative)));
    case.feasible().is_some_and(|(_, rule, _)| is_apart(rule))
}
