//! The table of all checks: what the page of the data source has of each, and the function that makes it.

use super::verdict::Verdict;
use super::{Demands, Facts};
use super::{cluster, corosync, fencing, network, notifications, operations, placement, services, storage};

/// A check.
pub struct Item {
    /// The `id` of its result: stable, since configurations refer to it.
    pub id: &'static str,
    pub title: &'static str,
    pub weight: Weight,
    /// What its result follows from.
    pub facts: &'static str,
    /// When it is unknown; empty if it never is.
    pub unknown: &'static str,
    /// What makes it pass.
    pub remedy: &'static str,
    pub(super) check: fn(&Facts, &Demands) -> Verdict,
}

/// Where a check is mandatory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// Even in a lab: HA can't work without it.
    Always,
    /// The cluster carries production load.
    Production,
    /// Nowhere: it is good advice.
    Advice,
}

impl Weight {
    /// The profiles in which it is mandatory, in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Always => "`lab`, `production`",
            Self::Production => "`production`",
            Self::Advice => "–",
        }
    }
}

const WITHOUT_SSH: &str = "Without `ssh` in the provider block, or on a node that SSH does not reach.";
const WITHOUT_MAPPING: &str = "Without `Mapping.Audit` on `/mapping/notifications`, and before PVE 8.1.";

/// Causes before effects: what is wrong further up explains what follows.
pub const ITEMS: &[Item] = &[
    Item {
        id: "cluster_formed",
        title: "The nodes form a cluster",
        weight: Weight::Always,
        facts: "The name of the cluster and its number of nodes.",
        unknown: "",
        remedy: "`pve_cluster` and `pve_cluster_member`; or `pvecm create`, and `pvecm add` on the other nodes.",
        check: cluster::formed,
    },
    Item {
        id: "expected",
        title: "Everything in `expect` exists",
        weight: Weight::Always,
        facts: "The nodes, the QDevice, and the live state of the HA resources in `expect`. Planned ones do not count.",
        unknown: "",
        remedy: "Complete the previous phase.",
        check: cluster::expected,
    },
    Item {
        id: "versions_equal",
        title: "All nodes run the same version",
        weight: Weight::Production,
        facts: "The version of pve-manager on each node.",
        unknown: "A node is offline or does not answer.",
        remedy: "Upgrade all nodes to the same version.",
        check: cluster::versions_equal,
    },
    Item {
        id: "quorum",
        title: "The cluster has quorum",
        weight: Weight::Always,
        facts: "The votes, as the node that answers counts them.",
        unknown: "The node is not in a cluster.",
        remedy: "Bring nodes back.",
        check: cluster::quorum,
    },
    Item {
        id: "quorum_margin",
        title: "One more node may fail before quorum is lost",
        weight: Weight::Production,
        facts: "The votes of the nodes that are online, and of the QDevice.",
        unknown: "A node has more than one vote, or the QDevice uses an algorithm that the API does not report.",
        remedy: "Bring nodes back, or add a node or a `pve_qdevice`.",
        check: cluster::quorum_margin,
    },
    Item {
        id: "qdevice",
        title: "An even number of nodes has a QDevice that votes, and a QDevice suits the number",
        weight: Weight::Production,
        facts: "The number of nodes, and the algorithm and the vote of the QDevice.",
        unknown: "The votes can't be read.",
        remedy: "`pve_qdevice`, on a host outside of the cluster; set it up again after nodes joined or left.",
        check: cluster::qdevice,
    },
    Item {
        id: "corosync_links",
        title: "At least two Corosync links, and stable",
        weight: Weight::Advice,
        facts: "The links in corosync.conf; over SSH `corosync-cfgtool -s` and `corosync-cmapctl -m stats` of each node.",
        unknown: WITHOUT_SSH,
        remedy: "A second address for each node in `pve_corosync_options`, on a network of its own.",
        check: corosync::links,
    },
    Item {
        id: "corosync_token",
        title: "Corosync's timeouts suit the number of nodes",
        weight: Weight::Advice,
        facts: "`token` and `token_coefficient` in corosync.conf, and the number of nodes.",
        unknown: "The node is not in a cluster.",
        remedy: "`token_coefficient = 125` of `pve_corosync_options` with more than 8 nodes.",
        check: corosync::token,
    },
    Item {
        id: "migration_network",
        title: "A migration network that every node reaches",
        weight: Weight::Advice,
        facts: "The datacenter option `migration`; over SSH the addresses of the nodes, and a ping from each to the others.",
        unknown: WITHOUT_SSH,
        remedy: "`migration.network` of `pve_datacenter_options`.",
        check: network::migration_network,
    },
    Item {
        id: "storage",
        title: "The disks of each guest are on every node that may run it",
        weight: Weight::Production,
        facts: "The disks, storages and replicas of the HA guests, live and planned, and the nodes that rules or groups allow.",
        unknown: "Without `VM.Audit` on a guest or `Datastore.Audit` on a storage, or while a node is offline.",
        remedy: "Shared storage, `pve_replication_job`, or a strict rule without these nodes.",
        check: storage::disks,
    },
    Item {
        id: "fence_devices",
        title: "Fence devices answer",
        weight: Weight::Advice,
        facts: "fence.cfg, and over SSH the `status` action of each device.",
        unknown: WITHOUT_SSH,
        remedy: "Address, user and password of the `pve_fence_device`.",
        check: fencing::devices,
    },
    Item {
        id: "fencing_mode",
        title: "The fencing mode is the one that works",
        weight: Weight::Advice,
        facts: "The datacenter option `fencing`.",
        unknown: "",
        remedy: "`fencing = \"watchdog\"` in `pve_datacenter_options`.",
        check: fencing::mode,
    },
    Item {
        id: "watchdog",
        title: "Every node has a working watchdog",
        weight: Weight::Advice,
        facts: "Over SSH, /dev/watchdog, the configured kernel module, and the module in use.",
        unknown: WITHOUT_SSH,
        remedy: "`pve_node_watchdog`, and a reboot of the node.",
        check: fencing::watchdog,
    },
    Item {
        id: "master_active",
        title: "An HA manager is active",
        weight: Weight::Always,
        facts: "The HA status, if the cluster has HA resources.",
        unknown: "",
        remedy: "The service pve-ha-crm on the nodes.",
        check: services::master,
    },
    Item {
        id: "lrm_active",
        title: "The local resource managers are active",
        weight: Weight::Always,
        facts: "The HA status, if the cluster has HA resources.",
        unknown: "",
        remedy: "The service pve-ha-lrm on the nodes.",
        check: services::lrms,
    },
    Item {
        id: "clocks",
        title: "The clocks of the nodes are in sync",
        weight: Weight::Production,
        facts: "The times of the reports in the HA status.",
        unknown: "",
        remedy: "The time service of the nodes.",
        check: services::clocks,
    },
    Item {
        id: "maintenance",
        title: "No node is left in maintenance",
        weight: Weight::Production,
        facts: "The HA status.",
        unknown: "",
        remedy: "Destroy the `pve_node_maintenance`, or end the maintenance by command.",
        check: services::maintenance,
    },
    Item {
        id: "services",
        title: "Every HA resource is in its requested state",
        weight: Weight::Always,
        facts: "The HA status. Planned HA resources do not count.",
        unknown: "",
        remedy: "Wait for transitions; repair guests in the error state.",
        check: services::states,
    },
    Item {
        id: "rules_valid",
        title: "Rules and groups are without errors",
        weight: Weight::Always,
        facts: "The errors that Proxmox reports of rules and HA resources. Planned rules are checked as the HA manager checks them.",
        unknown: "A rule has a property or type that this version of the provider does not support.",
        remedy: "Resolve the conflict between the rules.",
        check: placement::valid,
    },
    Item {
        id: "priorities",
        title: "Every rule and group has a second node, and its best nodes are online",
        weight: Weight::Production,
        facts: "The node affinity rules or groups, live and planned, and the nodes that are online.",
        unknown: "A rule has a property or type that this version of the provider does not support.",
        remedy: "A second node in the rule or group.",
        check: placement::priorities,
    },
    Item {
        id: "restart_limits",
        title: "The restart and relocate limits are within the recommended range",
        weight: Weight::Advice,
        facts: "`max_restart` and `max_relocate` of the HA resources, live and planned.",
        unknown: "",
        remedy: "0 to 5 restarts, 1 to 5 relocates.",
        check: placement::limits,
    },
    Item {
        id: "failover",
        title: "The failure of any node is survived",
        weight: Weight::Production,
        facts: "The simulated failure of each node, with planned objects.",
        unknown: "Without `VM.Audit` on a guest, `Datastore.Audit` on a storage or `Sys.Audit` on a node; or a rule is not supported.",
        remedy: "See `pve_ha_failover_simulation`.",
        check: placement::failover,
    },
    Item {
        id: "unmanaged_guests",
        title: "Guests tagged for HA are HA resources",
        weight: Weight::Advice,
        facts: "The tags of all guests, and the HA resources, live and planned.",
        unknown: "Without `VM.Audit` on `/vms`.",
        remedy: "A `pve_ha_resource` for each guest with a tag of `ha_tags`.",
        check: placement::unmanaged,
    },
    Item {
        id: "backup",
        title: "Every HA guest is backed up, and the last run succeeded",
        weight: Weight::Production,
        facts: "The enabled backup jobs and the HA resources, live and planned, and the last backup run on each node of an HA guest. A guest in \
                a job of `backup_jobs` needs no run yet.",
        unknown: "Without `Sys.Audit` on `/` or on the node, without `VM.Audit` on a guest, or if the node does not answer.",
        remedy: "A `pve_backup_job` with the guests, and a run that succeeds.",
        check: operations::backup,
    },
    Item {
        id: "restore_test",
        title: "A restore was tested",
        weight: Weight::Advice,
        facts: "`last_restore_test`.",
        unknown: "`last_restore_test` is not set: Proxmox does not record restore tests.",
        remedy: "Restore a backup, and set `last_restore_test` to that day.",
        check: operations::restore_test,
    },
    Item {
        id: "failover_drill",
        title: "A failover was tried",
        weight: Weight::Advice,
        facts: "`last_failover_drill`.",
        unknown: "`last_failover_drill` is not set: Proxmox does not record failover drills.",
        remedy: "Take a node down on purpose, and set `last_failover_drill` to that day.",
        check: operations::failover_drill,
    },
    Item {
        id: "notification_target",
        title: "There is a notification target that is switched on",
        weight: Weight::Production,
        facts: "The notification targets, live and planned.",
        unknown: WITHOUT_MAPPING,
        remedy: "`pve_notification_smtp` or another target.",
        check: notifications::target,
    },
    Item {
        id: "notification_matcher",
        title: "Fencing and failed replication send notifications",
        weight: Weight::Production,
        facts: "The enabled matchers and targets, live and planned: the failure of each node and replication job at each hour of the week.",
        unknown: WITHOUT_MAPPING,
        remedy: "A `pve_notification_matcher` without calendar and host.",
        check: notifications::matcher,
    },
    Item {
        id: "restart_loops",
        title: "No HA guest was started again and again",
        weight: Weight::Advice,
        facts: "The tasks of each node in the last hour.",
        unknown: "Without `Sys.Audit` on a node, without `VM.Audit` on a guest, or if the node does not answer.",
        remedy: "Repair the guest; set its state to disabled until then.",
        check: operations::restart_loops,
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_check_is_described_and_has_an_id_of_its_own() {
        let ids: BTreeSet<&str> = ITEMS.iter().map(|item| item.id).collect();
        assert_eq!(ids.len(), ITEMS.len());
        for item in ITEMS {
            for text in [item.title, item.facts, item.remedy] {
                assert!(!text.is_empty() && !text.contains(['|', '\n']), "{}: {text:?}", item.id);
            }
        }
    }
}
