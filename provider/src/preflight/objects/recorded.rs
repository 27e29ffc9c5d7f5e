//! The objects as the cluster has them.

use std::collections::BTreeSet;

use pve_schemas::ha_resource_affinity_rule::Affinity as AffinityWord;
use pve_schemas::value::{HaState, NodePriorities, SidSet};
use pve_schemas::{HaGroup, HaNodeAffinityRule, HaResource, HaResourceAffinityRule, ReplicationJob};

use super::{Group, Job, Kind, Nodes, Resource, Rule, capped};
use pve_ha_manager::config::{Affinity, Name};

impl From<HaResource> for Resource {
    fn from(live: HaResource) -> Self {
        Self {
            sid: Some(live.sid.as_str().into()),
            state: Some(live.state.unwrap_or(HaState::Started)),
            group: Some(live.group.map(|group| group.as_str().into())),
            failback: Some(live.failback.unwrap_or(true)),
            max_relocate: Some(live.max_relocate.unwrap_or(1)),
            purge_rules: None,
        }
    }
}

impl From<HaNodeAffinityRule> for Rule {
    fn from(live: HaNodeAffinityRule) -> Self {
        Self {
            name: Some(live.name.as_str().into()),
            resources: Some(sids(&live.resources)),
            disabled: Some(live.disabled == Some(true)),
            kind: Kind::Nodes(Nodes {
                affinity: Some(if live.avoids() { Affinity::Negative } else { Affinity::Positive }),
                ..nodes(&live.nodes, live.strict)
            }),
        }
    }
}

impl From<HaResourceAffinityRule> for Rule {
    fn from(live: HaResourceAffinityRule) -> Self {
        Self {
            name: Some(live.name.as_str().into()),
            resources: Some(sids(&live.resources)),
            disabled: Some(live.disabled == Some(true)),
            kind: Kind::Affinity(Some(match live.affinity {
                AffinityWord::Positive => Affinity::Positive,
                AffinityWord::Negative => Affinity::Negative,
            })),
        }
    }
}

impl From<HaGroup> for Group {
    fn from(live: HaGroup) -> Self {
        Self {
            name: Some(live.name.as_str().into()),
            nodes: nodes(&live.nodes, live.restricted),
            nofailback: Some(live.nofailback == Some(true)),
        }
    }
}

impl From<ReplicationJob> for Job {
    fn from(live: ReplicationJob) -> Self {
        Self {
            guest: u64::try_from(live.guest).ok(),
            number: live.job_number.and_then(|number| u64::try_from(number).ok()),
            target: Some(live.target.as_str().into()),
            copies_to: Some(live.target.as_str().into()),
            disabled: Some(live.disabled == Some(true)),
        }
    }
}

fn nodes(live: &NodePriorities, strict: Option<bool>) -> Nodes {
    let priorities = live.0.iter().map(|(node, priority)| (node.as_str().into(), capped(priority.unwrap_or(0))));
    Nodes {
        affinity: Some(Affinity::Positive),
        priorities: Some(priorities.collect()),
        strict: Some(strict == Some(true)),
    }
}

fn sids(live: &SidSet) -> BTreeSet<Name> {
    live.0.iter().map(|sid| sid.as_str().into()).collect()
}
