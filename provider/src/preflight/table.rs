//! The table of all checks.

use super::Finding;
use super::checks::{alerts, backup, cluster, destroy, guests, members, nodes, replication, rules};
use super::view::CheckCase;
use super::{collisions, members as planned_members};

pub struct Check {
    /// What `ignore_preflight` calls it.
    pub name: &'static str,
    /// Which diagnostics it adds.
    pub level: Level,
    /// The head line of what it says.
    pub summary: &'static str,
    pub doc: &'static str,
    pub(super) run: Run,
}

/// The severities of a check's diagnostics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Only warnings.
    Warning,
    /// Only errors.
    Error,
    /// Mostly an error for a conflict between two objects of one plan, and a warning for a conflict with an object that only the
    /// cluster has.
    Either,
}

impl std::fmt::Display for Level {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Either => "error or warning",
        })
    }
}

/// Where a check is made.
pub(super) enum Run {
    /// Here, for each object that is created, changed, replaced or destroyed.
    Object(fn(&CheckCase<'_>) -> Vec<Finding>),
    /// Where its facts are: see the uses of its name.
    Elsewhere,
}

/// The check that is left out where a create takes over an object that exists.
pub const EXISTS_ALREADY: &str = "exists-already";

/// What Proxmox ships, and a plan changes or resets; the resource itself reads it.
pub const BUILT_IN_NOTIFICATION: &str = "built-in-notification";

/// Options that the cluster has set, and that a plan begins to manage; the resource itself reads them.
pub const OPTION_ALREADY_SET: &str = "option-already-set";

/// An option that Proxmox writes in place of one that is deleted; the resource itself reads it.
pub const MIGRATION_UNSECURE: &str = "migration-unsecure";

/// All checks, sorted by name.
pub const CHECKS: &[Check] = &[
    Check {
        name: "affinity-with-priorities",
        level: Level::Either,
        summary: "Node priorities conflict with a resource affinity rule",
        doc: "A resource affinity rule shares resources with a node affinity rule of several priorities.",
        run: Run::Object(rules::affinity_with_priorities),
    },
    Check {
        name: "apart-on-too-few-nodes",
        level: Level::Either,
        summary: "Too few nodes to keep resources apart",
        doc: "Resources that are kept apart are bound to fewer nodes than there are resources.",
        run: Run::Object(rules::apart_on_too_few_nodes),
    },
    Check {
        name: "avoids-all-nodes",
        level: Level::Error,
        summary: "No node is left",
        doc: "A node affinity rule with `affinity = \"negative\"` avoids as many nodes as the cluster has.",
        run: Run::Object(rules::avoids_all_nodes),
    },
    Check {
        name: "backup-mail-ignored",
        level: Level::Warning,
        summary: "The mail setting has no effect",
        doc: "A backup job has `mailnotification` without `mailto`, or with `notification_mode = \"notification-system\"`.",
        run: Run::Object(backup::backup_mail_ignored),
    },
    Check {
        name: backup::MISSES,
        level: Level::Warning,
        summary: "HA guests without a backup job",
        doc: "An HA resource of the plan or the cluster is in no enabled backup job. Reported once for each guest, by plans \
              that create or change an HA resource or change a backup job.",
        run: Run::Object(backup::backup_misses_ha_guest),
    },
    Check {
        name: "backup-node-pinned",
        level: Level::Warning,
        summary: "After a failover the guest is not backed up",
        doc: "A backup job has a `node`, and HA moves one of its guests to nodes where no other job backs it up.",
        run: Run::Object(backup::backup_node_pinned),
    },
    Check {
        name: "backup-storage-local",
        level: Level::Warning,
        summary: "Backups are lost together with a node",
        doc: "The storage of a backup job is not shared, or not available on all nodes.",
        run: Run::Object(backup::backup_storage_local),
    },
    Check {
        name: BUILT_IN_NOTIFICATION,
        level: Level::Warning,
        summary: "Proxmox ships this object",
        doc: "The built-in target `mail-to-root` or matcher `default-matcher` is planned as a create, which changes it, \
              or as a destroy, which resets it.",
        run: Run::Elsewhere,
    },
    Check {
        name: collisions::NAME,
        level: Level::Error,
        summary: "One object is both destroyed and created",
        doc: "One resource of the configuration destroys an object that another one creates or keeps, such as after a \
              rename without `moved`.",
        // Found when the second object is recorded, whether it changes or not.
        run: Run::Elsewhere,
    },
    Check {
        name: EXISTS_ALREADY,
        level: Level::Warning,
        summary: "The object exists already",
        doc: "An HA resource, rule, group, backup job, notification target or matcher, or a replication job with a \
              `job_number`, is planned as a create, but exists on the cluster. `adopt_existing` is not set.",
        run: Run::Object(cluster::exists_already),
    },
    Check {
        name: "failback-flapping",
        level: Level::Warning,
        summary: "Resources follow a single node",
        doc: "Only one node has the highest priority, and resources with failback return to it each time it comes \
              online.",
        run: Run::Object(nodes::failback_flapping),
    },
    Check {
        name: alerts::FENCING,
        level: Level::Warning,
        summary: "Fencing reaches no notification target",
        doc: "After the plan no enabled matcher sends the event `fencing` to an enabled target, of some node or at some hour. \
              Reported once, by plans that create an HA resource or change a matcher or target.",
        run: Run::Object(alerts::fencing_unheard),
    },
    Check {
        name: "group-in-use",
        level: Level::Warning,
        summary: "The HA group is still in use",
        doc: "A group is destroyed or replaced while HA resources name it (PVE 8).",
        run: Run::Object(destroy::group_in_use),
    },
    Check {
        name: members::LAST,
        level: Level::Either,
        summary: "The HA rule needs this member",
        doc: "A member is destroyed (error) or replaced (warning), and its rule would be left with too few HA \
              resources. In a plan that only destroys, it is a warning.",
        run: Run::Object(members::last_member),
    },
    Check {
        name: planned_members::TWICE,
        level: Level::Either,
        summary: "An HA resource of a rule is managed twice",
        doc: "A `pve_ha_rule_member` and a rule resource of the same configuration manage the same rule. It is an error \
              if the rule adds or removes the same HA resource.",
        run: Run::Elsewhere,
    },
    Check {
        name: MIGRATION_UNSECURE,
        level: Level::Warning,
        summary: "Migrations remain unencrypted",
        doc: "A plan removes the option `migration` while `datacenter.cfg` has the deprecated `migration_unsecure: 1`.",
        // The resource tells it: only it reads what it does not manage.
        run: Run::Elsewhere,
    },
    Check {
        name: "missing-group",
        level: Level::Warning,
        summary: "The HA group does not exist",
        doc: "An HA resource names a group that does not exist (PVE 8).",
        run: Run::Object(guests::missing_group),
    },
    Check {
        name: guests::MISSING,
        level: Level::Warning,
        summary: "The guest does not exist",
        doc: "The guest does not exist, or is a container instead of a virtual machine, or vice versa. Unchanged HA \
              resources are checked, too.",
        run: Run::Object(guests::missing_guest),
    },
    Check {
        name: "missing-privileges",
        level: Level::Warning,
        summary: "A privilege is missing",
        doc: "The user or token lacks a privilege that the plan needs. Reported once for each privilege and path, with \
              the command that grants it.",
        run: Run::Object(cluster::missing_privileges),
    },
    Check {
        name: members::MISSING,
        level: Level::Warning,
        summary: "The HA rule does not exist",
        doc: "A `pve_ha_rule_member` names a rule that does not exist.",
        run: Run::Object(members::missing_rule),
    },
    Check {
        name: "more-resources-than-nodes",
        level: Level::Error,
        summary: "More resources than nodes",
        doc: "A rule keeps more resources apart than the cluster has nodes.",
        run: Run::Object(rules::more_resources_than_nodes),
    },
    Check {
        name: "named-by-rule",
        level: Level::Warning,
        summary: "A rule still names the HA resource",
        doc: "An HA resource is destroyed while a rule names it.",
        run: Run::Object(destroy::named_by_rule),
    },
    Check {
        name: "no-quorum",
        level: Level::Warning,
        summary: "The cluster has no quorum",
        doc: "The node that answers has no quorum, so an apply would wait for it. Reported once.",
        run: Run::Object(cluster::no_quorum),
    },
    Check {
        name: "no-relocation",
        level: Level::Warning,
        summary: "Relocation is disabled",
        doc: "`max_relocate = 0`.",
        run: Run::Object(guests::no_relocation),
    },
    Check {
        name: "node-affinity-overlap",
        level: Level::Either,
        summary: "A resource in two node affinity rules",
        doc: "A resource is in more than one enabled node affinity rule.",
        run: Run::Object(rules::node_affinity_overlap),
    },
    Check {
        name: OPTION_ALREADY_SET,
        level: Level::Warning,
        summary: "Already set on the cluster",
        doc: "The plan starts to manage a datacenter option that has a different value on the cluster.",
        // The resource tells it: it knows the options in its own words.
        run: Run::Elsewhere,
    },
    Check {
        name: "planned-twice",
        level: Level::Error,
        summary: "Two resources create the same object",
        doc: "Two resources of the configuration create the same object, or set the same datacenter option.",
        run: Run::Object(cluster::planned_twice),
    },
    Check {
        name: "replaced-by-existing",
        level: Level::Error,
        summary: "The id of the replacement is taken",
        doc: "An HA resource, rule, group, replication job or backup job is replaced, and the new id belongs to an \
              object that is not in the state.",
        run: Run::Object(cluster::replaced_by_existing),
    },
    Check {
        name: "replication-outside-placement",
        level: Level::Warning,
        summary: "The guest never runs on the replication target",
        doc: "A guest is replicated to a node that its strict rule or restricted group excludes.",
        run: Run::Object(replication::replication_outside_placement),
    },
    Check {
        name: "replication-target-taken",
        level: Level::Either,
        summary: "Another replication job has the same target",
        doc: "Another replication job of the guest copies to the target of a new one. It is an error if an existing \
              job would be deleted first.",
        run: Run::Object(replication::replication_target_taken),
    },
    Check {
        name: "replication-to-own-node",
        level: Level::Either,
        summary: "The guest is on the target",
        doc: "The target of a new replication job is the node that the guest is on. It is an error if an existing job \
              would be deleted first.",
        run: Run::Object(replication::replication_to_own_node),
    },
    Check {
        name: alerts::REPLICATION,
        level: Level::Warning,
        summary: "Failed replication reaches no notification target",
        doc: "After the plan no enabled matcher sends the event `replication` to an enabled target, of some job, node or \
              hour. Reported once, by plans that create a replication job or change a matcher or target.",
        run: Run::Object(alerts::replication_unheard),
    },
    Check {
        name: "service-in-error",
        level: Level::Warning,
        summary: "The HA resource is in the error state",
        doc: "An HA resource of the state, or one that a changed rule names, is in the error state.",
        run: Run::Object(guests::service_in_error),
    },
    Check {
        name: "single-node-placement",
        level: Level::Warning,
        summary: "No failover",
        doc: "A strict rule or restricted group names only one node.",
        run: Run::Object(nodes::single_node_placement),
    },
    Check {
        name: "stays-in-maintenance",
        level: Level::Warning,
        summary: "HA resources can't leave the node",
        doc: "Maintenance waits for HA resources that have no other node to run on, because of rules or groups, or \
              because no other node is online.",
        run: Run::Object(nodes::stays_in_maintenance),
    },
    Check {
        name: "together-and-apart",
        level: Level::Either,
        summary: "Resources are kept together and apart",
        doc: "One rule keeps two resources together, and another one keeps them apart.",
        run: Run::Object(rules::together_and_apart),
    },
    Check {
        name: "together-in-several-node-rules",
        level: Level::Either,
        summary: "Resources that are kept together are bound to different nodes",
        doc: "Resources that are kept together are in different node affinity rules.",
        run: Run::Object(rules::together_in_several_node_rules),
    },
    Check {
        name: "too-few-resources",
        level: Level::Error,
        summary: "Fewer than two resources",
        doc: "A resource affinity rule names fewer than two resources.",
        run: Run::Object(rules::too_few_resources),
    },
    Check {
        name: "two-nodes-without-qdevice",
        level: Level::Warning,
        summary: "Two nodes without a QDevice",
        doc: "In a cluster of two nodes without a QDevice nothing is recovered. Reported once.",
        run: Run::Object(cluster::two_nodes_without_qdevice),
    },
    Check {
        name: "unknown-node",
        level: Level::Either,
        summary: "Unknown node",
        doc: "A rule, replication job, maintenance or watchdog (errors), group or fence device (warnings) names a node that the cluster does not have.",
        run: Run::Object(nodes::unknown_node),
    },
    Check {
        name: "unmanaged-resource",
        level: Level::Warning,
        summary: "The guest is not an HA resource",
        doc: "A rule names a guest that is not an HA resource.",
        run: Run::Object(rules::unmanaged_resource),
    },
];

impl std::fmt::Debug for Check {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted() {
        assert!(CHECKS.is_sorted_by(|a, b| a.name < b.name));
    }

    #[test]
    fn the_guide_lists_every_check() {
        let guide = include_str!("../../../docs/guides/preflight.md");
        let listed: Vec<&str> = guide.lines().filter(|line| line.starts_with("| `")).collect();
        let table: Vec<String> =
            CHECKS.iter().map(|check| format!("| `{}` | {} | {} |", check.name, check.level, check.doc)).collect();
        assert_eq!(
            listed,
            table,
            "docs/guides/preflight.md has other lines than the table of checks:\n{}",
            table.join("\n")
        );
    }
}
