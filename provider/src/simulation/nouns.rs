//! HA objects as the HA manager reads them; none while a part that it depends on is not known.

use std::collections::{BTreeMap, BTreeSet};

use pve_schemas::ha_node_affinity_rule::Affinity as NodesAffinity;
use pve_schemas::ha_resource_affinity_rule::Affinity as ResourcesAffinity;
use pve_schemas::noun::Partial;
use pve_schemas::rest::KnownFields;
use pve_schemas::value::{NodePriorities, SidSet};
use pve_schemas::{HaGroup, HaNodeAffinityRule, HaResource, HaResourceAffinityRule};

use pve_ha_manager::config::{Affinity, Group, Name, NodeAffinity, Resource, Rule, RuleKind};

pub fn resource(known: &Partial<HaResource>) -> Option<Resource> {
    let option = |name: &str| known.parameter(name).ok_or(()).map(|params| params.value(name).map(str::to_owned));
    Resource::read(option).ok()
}

pub fn group(known: &Partial<HaGroup>) -> Option<Group> {
    Some(Group {
        nodes: priorities(known.nodes.as_ref()?).into_iter().collect(),
        restricted: known.restricted()?,
        nofailback: known.nofailback()?,
    })
}

/// A node affinity rule.
pub fn node_rule(known: &Partial<HaNodeAffinityRule>) -> Option<Rule> {
    let affinity = nodes_affinity(known.affinity()?);
    let nodes = priorities(known.nodes.as_ref()?);
    Some(Rule {
        id: known.name.as_ref()?.as_str().into(),
        resources: sids(known.resources.as_ref()?),
        disabled: known.disabled()?,
        kind: RuleKind::NodeAffinity(NodeAffinity { affinity, nodes, strict: known.strict()? }),
    })
}

/// A resource affinity rule.
pub fn resource_rule(known: &Partial<HaResourceAffinityRule>) -> Option<Rule> {
    Some(Rule {
        id: known.name.as_ref()?.as_str().into(),
        resources: sids(known.resources.as_ref()?),
        disabled: known.disabled()?,
        kind: RuleKind::ResourceAffinity(resources_affinity(known.affinity?)),
    })
}

/// The direction of a node affinity rule.
pub fn nodes_affinity(affinity: NodesAffinity) -> Affinity {
    match affinity {
        NodesAffinity::Positive => Affinity::Positive,
        NodesAffinity::Negative => Affinity::Negative,
    }
}

/// The direction of a resource affinity rule.
pub fn resources_affinity(affinity: ResourcesAffinity) -> Affinity {
    match affinity {
        ResourcesAffinity::Positive => Affinity::Positive,
        ResourcesAffinity::Negative => Affinity::Negative,
    }
}

/// Nodes with their priorities.
pub fn priorities(nodes: &NodePriorities) -> BTreeMap<Name, u32> {
    let number = |priority: Option<i64>| u32::try_from(priority.unwrap_or(0).max(0)).unwrap_or(u32::MAX);
    nodes.0.iter().map(|(node, priority)| (node.as_str().into(), number(*priority))).collect()
}

/// The HA resources of a rule.
pub fn sids(set: &SidSet) -> BTreeSet<Name> {
    set.0.iter().map(|sid| sid.as_str().into()).collect()
}
