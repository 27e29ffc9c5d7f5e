//! The described cluster as the HA manager reads it. What Proxmox would refuse is refused.

use std::collections::{BTreeMap, BTreeSet};

use pve_ha_manager::config::{
    Affinity, Config, Group, Name, NodeAffinity, Policy, Requested, Resource, Rule, RuleKind,
};
use pve_ha_manager::nodes::NodeState;
use pve_ha_manager::status::Status;
use pve_schemas::function::{PlacedResource, PlacementCluster, PlacementGroup, PlacementRule};
use pve_schemas::ha_node_affinity_rule::{AFFINITY, Affinity as Direction};
use pve_schemas::value::{HaState, NodePriorities};

use super::name;
use crate::simulation::nouns;

/// The status of an HA manager that has not seen any HA resource yet.
pub(super) fn status(cluster: &PlacementCluster) -> Status {
    Status {
        master_node: cluster.nodes.iter().find(|node| !is_failed(cluster, node.as_str())).map(name),
        node_status: cluster.nodes.iter().map(|node| (name(node), NodeState::Online)).collect(),
        ..Status::default()
    }
}

/// The configuration of the HA manager.
///
/// # Errors
/// Says which part of the argument contradicts another one.
pub(super) fn config(cluster: &PlacementCluster) -> Result<Config, String> {
    has_nodes(cluster, "failed", cluster.failed.iter().flatten().map(|node| node.as_str()))?;
    if cluster.nodes.iter().all(|node| is_failed(cluster, node.as_str())) {
        return Err("failed: no node is left".to_owned());
    }
    let resources = resources(cluster)?;
    let policy = policy(cluster, &resources)?;
    Ok(Config { resources, policy, ..Config::default() })
}

fn is_failed(cluster: &PlacementCluster, node: &str) -> bool {
    cluster.failed.iter().flatten().any(|failed| failed.as_str() == node)
}

fn has_nodes<'a>(
    cluster: &PlacementCluster,
    part: &str,
    mut named: impl Iterator<Item = &'a str>,
) -> Result<(), String> {
    let stranger = named.find(|named| cluster.nodes.iter().all(|node| node.as_str() != *named));
    stranger.map_or(Ok(()), |stranger| Err(format!("{part}: {stranger} is not one of `nodes`")))
}

fn resources(cluster: &PlacementCluster) -> Result<BTreeMap<Name, Resource>, String> {
    let mut resources = BTreeMap::new();
    for (index, resource) in cluster.resources.iter().enumerate() {
        let part = format!("resources[{index}]");
        has_nodes(cluster, &format!("{part}.node"), std::iter::once(resource.node.as_str()))?;
        if resources.insert(name(&resource.sid), of(resource)).is_some() {
            return Err(format!("{part}.sid: {} is there twice", resource.sid));
        }
    }
    Ok(resources)
}

fn of(resource: &PlacedResource) -> Resource {
    let unset = Resource::default();
    Resource {
        state: match resource.state {
            Some(HaState::Stopped) => Requested::Stopped,
            Some(HaState::Disabled) => Requested::Disabled,
            Some(HaState::Ignored) => Requested::Ignored,
            Some(HaState::Started | HaState::Enabled) | None => Requested::Started,
        },
        group: resource.group.as_ref().map(name),
        failback: resource.failback.unwrap_or(unset.failback),
        ..unset
    }
}

fn policy(cluster: &PlacementCluster, resources: &BTreeMap<Name, Resource>) -> Result<Policy, String> {
    let rules = cluster.rules.as_deref().unwrap_or_default();
    let groups = cluster.groups.as_deref().unwrap_or_default();
    if !rules.is_empty() && !groups.is_empty() {
        return Err("groups: a cluster has either groups (PVE 8) or rules (PVE 9)".to_owned());
    }
    let mut known = BTreeMap::new();
    for (index, group) in groups.iter().enumerate() {
        has_nodes(cluster, &format!("groups[{index}].nodes"), names(&group.nodes))?;
        if known.insert(name(&group.name), of_group(group)).is_some() {
            return Err(format!("groups[{index}].name: {} is there twice", group.name));
        }
    }
    for (index, resource) in cluster.resources.iter().enumerate() {
        if let Some(group) = resource.group.as_ref().filter(|group| !known.contains_key(group.as_str())) {
            return Err(format!("resources[{index}].group: {group} is not one of `groups`"));
        }
    }
    if !groups.is_empty() {
        return Ok(Policy::Groups(known));
    }
    let rules = rules.iter().enumerate().map(|(index, rule)| of_rule(cluster, &format!("rules[{index}]"), rule));
    let rules: Vec<Rule> = rules.collect::<Result<_, _>>()?;
    let mut ids = BTreeSet::new();
    for (index, rule) in rules.iter().enumerate() {
        if !ids.insert(&rule.id) {
            return Err(format!("rules[{index}].name: {} is there twice", rule.id));
        }
        if let Some(stranger) = rule.resources.iter().find(|sid| !resources.contains_key(*sid)) {
            return Err(format!("rules[{index}].resources: {stranger} is not one of `resources`"));
        }
    }
    Ok(Policy::Rules(rules))
}

fn names(nodes: &NodePriorities) -> impl Iterator<Item = &str> {
    nodes.0.keys().map(|node| node.as_str())
}

fn of_group(group: &PlacementGroup) -> Group {
    Group {
        nodes: nouns::priorities(&group.nodes).into_iter().collect(),
        restricted: group.restricted.unwrap_or(false),
        nofailback: group.nofailback.unwrap_or(false),
    }
}

fn of_rule(cluster: &PlacementCluster, part: &str, rule: &PlacementRule) -> Result<Rule, String> {
    let kind = match (&rule.nodes, rule.affinity) {
        (Some(nodes), affinity) => {
            has_nodes(cluster, &format!("{part}.nodes"), names(nodes))?;
            RuleKind::NodeAffinity(NodeAffinity {
                affinity: nouns::nodes_affinity(affinity.unwrap_or(AFFINITY)),
                nodes: nouns::priorities(nodes),
                strict: rule.strict.unwrap_or(false),
            })
        }
        (None, Some(Direction::Positive)) => RuleKind::ResourceAffinity(Affinity::Positive),
        (None, Some(Direction::Negative)) => RuleKind::ResourceAffinity(Affinity::Negative),
        (None, None) => {
            return Err(format!("{part}: a rule needs `nodes` (node affinity) or `affinity` (resource affinity)"));
        }
    };
    Ok(Rule {
        id: name(&rule.name),
        resources: nouns::sids(&rule.resources),
        disabled: rule.disabled.unwrap_or(false),
        kind,
    })
}
