//! Objects of nouns: as the plan has them, known in part, and as the cluster has them.

use pve_schemas::noun::{Partial, Partly};
use pve_schemas::{
    PartialBackupJob, PartialHaGroup, PartialHaNodeAffinityRule, PartialHaResource, PartialHaResourceAffinityRule,
    PartialHaRuleMember, PartialNotificationMatcher, PartialReplicationJob,
};

use super::{
    CheckedBackup, CheckedGroup, CheckedJob, CheckedMatcher, CheckedMember, CheckedResource, CheckedRule,
    CheckedRuleKind, CheckedTarget, Nodes, Object,
};
use crate::framework::Value;
use crate::simulation::nouns::{node_rule, nodes_affinity, priorities, resource_rule, resources_affinity, sids};
use pve_ha_manager::config::{Affinity, Name};

/// What the plan knows of a noun. An attribute of which a part is unknown is unknown as a whole.
pub(super) fn planned<N: Partly>(value: &Value) -> Partial<N> {
    N::known(|name| {
        let member = value.at(name);
        member.is_wholly_known().then_some(member)
    })
}

impl From<PartialHaResource> for Object {
    fn from(noun: PartialHaResource) -> Self {
        Self::Resource(CheckedResource {
            sid: noun.sid.as_ref().map(|sid| sid.as_str().into()),
            group: noun.group.as_ref().map(|group| group.as_ref().map(|group| group.as_str().into())),
            noun,
        })
    }
}

impl From<PartialHaNodeAffinityRule> for Object {
    fn from(noun: PartialHaNodeAffinityRule) -> Self {
        Self::Rule(CheckedRule {
            name: noun.name.as_ref().map(|name| name.as_str().into()),
            resources: noun.resources.as_ref().map(sids),
            disabled: noun.disabled(),
            kind: CheckedRuleKind::Nodes(Nodes {
                affinity: noun.affinity().map(nodes_affinity),
                priorities: noun.nodes.as_ref().map(priorities),
                strict: noun.strict(),
            }),
            placement: node_rule(&noun),
        })
    }
}

impl From<PartialHaResourceAffinityRule> for Object {
    fn from(noun: PartialHaResourceAffinityRule) -> Self {
        Self::Rule(CheckedRule {
            name: noun.name.as_ref().map(|name| name.as_str().into()),
            resources: noun.resources.as_ref().map(sids),
            disabled: noun.disabled(),
            kind: CheckedRuleKind::Affinity(noun.affinity.map(resources_affinity)),
            placement: resource_rule(&noun),
        })
    }
}

impl From<PartialHaRuleMember> for Object {
    fn from(noun: PartialHaRuleMember) -> Self {
        Self::Member(CheckedMember {
            rule: noun.rule.as_ref().map(|rule| rule.as_str().into()),
            resource: noun.resource.as_ref().map(|sid| sid.as_str().into()),
        })
    }
}

impl From<PartialHaGroup> for Object {
    fn from(noun: PartialHaGroup) -> Self {
        Self::Group(CheckedGroup {
            name: noun.name.as_ref().map(|name| name.as_str().into()),
            nodes: Nodes {
                affinity: Some(Affinity::Positive),
                priorities: noun.nodes.as_ref().map(priorities),
                strict: noun.restricted(),
            },
            noun,
        })
    }
}

impl From<PartialReplicationJob> for Object {
    fn from(noun: PartialReplicationJob) -> Self {
        let number = |number: i64| u64::try_from(number).ok();
        let target: Option<Name> = noun.target.as_ref().map(|target| target.as_str().into());
        Self::Job(CheckedJob {
            guest: noun.guest.and_then(number),
            number: noun.job_number.flatten().and_then(number),
            copies_to: noun.copies_to.as_ref().and_then(Option::as_deref).map(Name::from).or_else(|| target.clone()),
            target,
            disabled: noun.disabled(),
        })
    }
}

impl From<PartialBackupJob> for Object {
    fn from(noun: PartialBackupJob) -> Self {
        Self::BackupJob(Box::new(CheckedBackup {
            name: noun.name.as_deref().map(Name::from),
            coverage: noun.coverage(),
            storage: noun.storage.as_ref().map(|storage| storage.as_ref().map(ToString::to_string)),
            noun,
        }))
    }
}

impl From<PartialNotificationMatcher> for Object {
    fn from(noun: PartialNotificationMatcher) -> Self {
        Self::Matcher(CheckedMatcher { name: noun.name.as_ref().map(|name| name.as_str().into()), route: noun.route() })
    }
}

/// What the plan knows of a notification target. Its secrets are not looked at.
pub(super) fn target(value: &Value) -> CheckedTarget {
    let is_on = match value.at("disabled") {
        Value::Unknown => None,
        disabled => Some(disabled != &Value::Bool(true)),
    };
    CheckedTarget { name: value.at("name").as_str().map(Name::from), is_on }
}
