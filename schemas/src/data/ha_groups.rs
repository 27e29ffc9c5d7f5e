//! `pve_ha_groups`: the HA groups of PVE 8.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::answer::{list, shown};
use crate::HaGroup;
use crate::noun::Noun;
use crate::rest::Rest;
use crate::tf_block;
use crate::value::{NodeName, NodePriorities};

/// The HA groups, sorted by name. **PVE 8**: PVE 9 has rules instead, so `supported` is `false` and the list is empty.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HaGroups {
    /// What to look for.
    #[serde(flatten)]
    pub arguments: HaGroupsArguments,
    /// Whether this cluster has HA groups: PVE 8, and PVE 9 until its groups are migrated to rules.
    pub supported: bool,
    /// The groups that match the arguments, sorted by name.
    pub groups: Vec<HaGroupRow>,
}

/// Which groups to list.
#[tf_block]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HaGroupsArguments {
    /// Only groups that list this node.
    #[tf(optional)]
    pub node: Option<NodeName>,
}

/// An HA group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HaGroupRow {
    /// The name of the group, the id in Proxmox.
    pub name: String,
    /// Its nodes with their priorities. **A higher number is preferred.**
    pub nodes: NodePriorities,
    /// Whether its resources may run on these nodes only.
    pub restricted: bool,
    /// Whether its resources stay where they are when a node of higher priority comes online.
    pub nofailback: bool,
    /// The comment of the group; null without one.
    pub comment: Option<String>,
}

impl Noun for HaGroups {
    const NAME: &'static str = "pve_ha_groups";
    const TITLE: &'static str = "HA groups";
}

impl HaGroups {
    /// From the answer of `/cluster/ha/groups`; none where groups have been migrated to rules.
    ///
    /// # Errors
    /// Says what of the answer has an unexpected form.
    pub fn from_answer(arguments: HaGroupsArguments, answer: Option<&Json>) -> Result<Self, String> {
        let entries = answer.map(list).transpose()?.unwrap_or_default();
        let mut groups = entries
            .iter()
            .map(|entry| shown(HaGroup::parse(entry)?.noun, json!({})))
            .collect::<Result<Vec<HaGroupRow>, _>>()?;
        groups.retain(|group| arguments.node.as_ref().is_none_or(|node| group.nodes.0.contains_key(node)));
        groups.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self { supported: answer.is_some(), groups, arguments })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::recorded::{answer, reversed};

    #[test]
    fn groups_are_sorted_and_complete() {
        let recorded = answer("pve8-ha-groups", 41);
        let groups = HaGroups::from_answer(HaGroupsArguments::default(), Some(&recorded)).unwrap();
        let names: Vec<_> = groups.groups.iter().map(|group| group.name.as_str()).collect();
        assert_eq!(names, ["G2", "g1", "g4", "g5", "g6"]);
        assert_eq!(groups.groups[4].nodes.to_list(), "pve2,pve3:1");
        let restricted = &groups.groups[0];
        assert!(restricted.restricted && !restricted.nofailback);
        assert_eq!(restricted.comment.as_deref(), Some("hello world"));
        assert_eq!(HaGroups::from_answer(HaGroupsArguments::default(), Some(&reversed(recorded))).unwrap(), groups);
    }

    #[test]
    fn the_filter_is_by_node() {
        let arguments = HaGroupsArguments { node: Some("pve2".parse().unwrap()) };
        let groups = HaGroups::from_answer(arguments, Some(&answer("pve8-ha-groups", 41))).unwrap();
        let names: Vec<_> = groups.groups.iter().map(|group| group.name.as_str()).collect();
        assert_eq!(names, ["G2", "g6"]);
    }

    #[test]
    fn a_cluster_with_rules_has_no_groups() {
        let groups = HaGroups::from_answer(HaGroupsArguments::default(), None).unwrap();
        assert!(!groups.supported && groups.groups.is_empty());
    }
}
