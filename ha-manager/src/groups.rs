//! Groups read as rules: the virtual rules of a PVE 9 cluster whose groups are not migrated yet, and the migration itself.

use std::collections::{BTreeMap, BTreeSet};

use super::config::{Affinity, Group, Name, NodeAffinity, Resource, Rule, RuleKind};

/// The rules that say the same as the groups, in order of the groups' names; a group that no resource uses has none.
pub fn as_rules(groups: &BTreeMap<Name, Group>, resources: &BTreeMap<Name, Resource>) -> Vec<Rule> {
    let mut users: BTreeMap<&Name, BTreeSet<Name>> = BTreeMap::new();
    for (sid, resource) in resources {
        if let Some(group) = &resource.group {
            users.entry(group).or_default().insert(sid.clone());
        }
    }
    groups
        .iter()
        .filter_map(|(name, group)| {
            Some(Rule {
                id: format!("ha-group-{name}").into(),
                resources: users.remove(name)?,
                disabled: false,
                kind: RuleKind::NodeAffinity(NodeAffinity {
                    affinity: Affinity::Positive,
                    nodes: group.nodes.iter().cloned().collect(),
                    strict: group.restricted,
                }),
            })
        })
        .collect()
}

/// Whether a resource returns to a better node, as its group says; its own `failback` doesn't count while it has one.
pub fn failback(resource: &Resource, groups: &BTreeMap<Name, Group>) -> bool {
    match &resource.group {
        Some(group) => groups.get(group).is_none_or(|group| !group.nofailback),
        None => resource.failback,
    }
}
