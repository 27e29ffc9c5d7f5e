//! Objects as a configuration plans them: what `values(pve_ha_resource.all)` and its like are made of.
//!
//! An element has every attribute of the resource, so that the resources themselves can be passed; whatever is left out is
//! null.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::tf_block;
use crate::{BackupJob, HaGroup, HaNodeAffinityRule, HaResource, HaResourceAffinityRule, NotificationMatcher};

/// A resource of this provider together with what the framework adds to each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Planned<T> {
    /// The resource's `id`; not looked at.
    pub id: Option<String>,
    /// The object.
    #[serde(flatten)]
    pub object: T,
    /// The resource's `timeouts`; ignored.
    pub timeouts: Option<Timeouts>,
}

/// `timeouts` of a resource.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Timeouts {
    /// Ignored.
    pub create: Option<String>,
    /// Ignored.
    pub read: Option<String>,
    /// Ignored.
    pub update: Option<String>,
    /// Ignored.
    pub delete: Option<String>,
}

/// Changes that do not exist yet, to be laid over what the cluster has.
#[tf_block]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Plans {
    /// HA resources as planned: objects with the attributes of `pve_ha_resource`, such as `values(pve_ha_resource.all)`.
    /// Each replaces the one with the same `sid`, or is added; attributes left out have the resource's defaults.
    #[tf(optional)]
    pub resources: Option<Vec<Planned<HaResource>>>,
    /// Node affinity rules as planned (PVE 9): objects with the attributes of `pve_ha_node_affinity_rule`. Each replaces the
    /// rule of the same name.
    #[tf(optional)]
    pub node_affinity_rules: Option<Vec<Planned<HaNodeAffinityRule>>>,
    /// Resource affinity rules as planned (PVE 9): objects with the attributes of `pve_ha_resource_affinity_rule`. Each
    /// replaces the rule of the same name.
    #[tf(optional)]
    pub resource_affinity_rules: Option<Vec<Planned<HaResourceAffinityRule>>>,
    /// Groups as planned (PVE 8): objects with the attributes of `pve_ha_group`. Each replaces the group of the same name.
    #[tf(optional)]
    pub groups: Option<Vec<Planned<HaGroup>>>,
    /// Natural ids of objects that are planned to be removed: `vm:100`, the name of a rule or of a group. In
    /// `pve_ha_readiness` also the names of backup jobs, notification matchers and targets; a built-in one is reset instead.
    #[tf(optional)]
    pub removed: Option<BTreeSet<String>>,
}

/// Backup jobs and notification settings that do not exist yet, to be laid over what the cluster has.
#[tf_block]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Safeguards {
    /// Backup jobs as planned: objects with the attributes of `pve_backup_job`. Each replaces the job of the same name. The
    /// guests of such a job need no backup run yet; a run that failed still fails the check `backup`.
    #[tf(optional)]
    pub backup_jobs: Option<Vec<Planned<BackupJob>>>,
    /// Notification matchers as planned: objects with the attributes of `pve_notification_matcher`. Each replaces the
    /// matcher of the same name.
    #[tf(optional)]
    pub notification_matchers: Option<Vec<Planned<NotificationMatcher>>>,
    /// Notification targets as planned: objects with `name` and `disabled`, such as any `pve_notification_smtp`. Each
    /// replaces the target of the same name.
    #[tf(optional)]
    pub notification_targets: Option<Vec<PlannedTarget>>,
}

/// A notification target of any type. Its secrets are no part of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedTarget {
    /// Its name.
    pub name: String,
    /// Whether it is switched off.
    pub disabled: Option<bool>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_resource_has_is_taken_and_what_it_lacks_is_null() {
        let whole = serde_json::json!({"id": "vm:100", "sid": "vm:100", "state": "started", "group": null, "failback": null,
            "auto_rebalance": null, "max_restart": 2, "max_relocate": 1, "comment": null, "purge_rules": false,
            "wait_for_state": false,
            "timeouts": null});
        let planned: Planned<HaResource> = serde_json::from_value(whole.clone()).unwrap();
        assert_eq!(planned.object.max_restart, Some(2));
        assert_eq!(serde_json::to_value(&planned).unwrap(), whole);
        let partial: Planned<HaResource> = serde_json::from_value(serde_json::json!({"sid": "ct:101"})).unwrap();
        assert_eq!((partial.object.sid.as_str(), partial.object.state), ("ct:101", None));
    }
}
