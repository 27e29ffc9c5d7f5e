//! What a user or token must be allowed to do: one table for the plan-time check, the documentation and the tests.
//!
//! Plain data: nothing here asks Proxmox.

/// A privilege that something needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    pub privilege: &'static str,
    /// Where it must be held.
    pub on: On,
    /// The releases that ask for it.
    pub release: Release,
    /// What for, after "to".
    pub to: &'static str,
    /// Those that do in its place, all together.
    pub or: &'static [&'static str],
}

/// Where a privilege must be held. One that is held on `/` holds below it, too, unless its ACL entry doesn't propagate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    /// `/`
    Root,
    /// The guest in question.
    Guest,
    /// All guests.
    Guests,
    /// Every node.
    Node,
    /// All storages.
    Storages,
    /// Every storage with disks of HA guests.
    Storage,
    /// Where rights on notifications are.
    Notifications,
    /// The storage of a backup job: `local` where it names none.
    BackupStorage,
    /// The storage of the fleecing images of a backup job.
    FleecingStorage,
    /// The pool of a backup job.
    Pool,
}

/// Which releases of Proxmox VE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release {
    Any,
    /// PVE 8 alone.
    Pve8,
    /// PVE 9 and later.
    Pve9,
}

/// A resource, data source or action, and all that it needs.
#[derive(Debug)]
pub struct Feature {
    pub name: &'static str,
    pub needs: &'static [Need],
}

const fn need(privilege: &'static str, on: On, to: &'static str) -> Need {
    Need { privilege, on, release: Release::Any, to, or: &[] }
}

const AUDIT: Need = need("Sys.Audit", On::Root, "read");
const HA: &[Need] = &[AUDIT, need("Sys.Console", On::Root, "create, change and destroy")];
const READ: &[Need] = &[AUDIT];
/// Of the nodes alone; what is done on them is done over SSH.
const HOSTED: &[Need] = &[need("Sys.Audit", On::Root, "find the nodes and their addresses; everything else uses SSH")];
/// The changes themselves are root@pam's alone, or done over SSH.
const MEMBERSHIP: &[Need] =
    &[need("Sys.Audit", On::Root, "read; everything else needs root@pam with a password or ticket, or uses SSH")];
const SEE_GUEST: Need = need("VM.Audit", On::Guest, "see the guest, its disks and its replication");
const SEE_STORAGE: Need = need("Datastore.Audit", On::Storage, "see on which nodes the disks are");
const SEE_TASKS: Need =
    need("Sys.Audit", On::Node, "see its memory, and the last backups and starts of guests by any user");

const NOTIFICATIONS: Need = need("Mapping.Modify", On::Notifications, "read, create, change and destroy");
/// Proxmox declares two checks of the lists of some types, of which the second one counts.
const NOTIFICATION_LIST: Need = need("Mapping.Audit", On::Notifications, "read the list of its type");
/// Who makes a target makes the nodes connect to it.
const NETWORK: Need = Need {
    or: &["Sys.Audit", "Sys.Modify"],
    ..need("Sys.AccessNetwork", On::Root, "create and change; Sys.Audit and Sys.Modify on / together are enough, too")
};

pub const RESOURCES: &[Feature] = &[
    Feature {
        name: "pve_backup_job",
        needs: &[
            AUDIT,
            need("Sys.Modify", On::Root, "create, change and destroy"),
            need(
                "Datastore.Allocate",
                On::BackupStorage,
                "create and change a job with that storage, `local` if unset",
            ),
            need("Datastore.AllocateSpace", On::FleecingStorage, "set `fleecing` with that storage"),
            need("VM.Backup", On::Pool, "set `pool`"),
        ],
    },
    Feature { name: "pve_cluster", needs: MEMBERSHIP },
    Feature { name: "pve_cluster_member", needs: MEMBERSHIP },
    Feature { name: "pve_corosync_options", needs: HOSTED },
    Feature {
        name: "pve_datacenter_options",
        needs: &[AUDIT, need("Sys.Modify", On::Root, "create, change and destroy")],
    },
    Feature { name: "pve_fence_device", needs: HOSTED },
    Feature { name: "pve_ha_group", needs: HA },
    Feature { name: "pve_ha_node_affinity_rule", needs: HA },
    Feature { name: "pve_ha_resource", needs: HA },
    Feature { name: "pve_ha_resource_affinity_rule", needs: HA },
    Feature { name: "pve_ha_rule_member", needs: HA },
    Feature { name: "pve_node_maintenance", needs: HOSTED },
    Feature { name: "pve_node_watchdog", needs: HOSTED },
    Feature { name: "pve_notification_gotify", needs: &[NOTIFICATIONS, NOTIFICATION_LIST, NETWORK] },
    Feature { name: "pve_notification_matcher", needs: &[NOTIFICATIONS] },
    Feature { name: "pve_notification_sendmail", needs: &[NOTIFICATIONS, NETWORK] },
    Feature { name: "pve_notification_smtp", needs: &[NOTIFICATIONS, NETWORK] },
    Feature { name: "pve_notification_webhook", needs: &[NOTIFICATIONS, NOTIFICATION_LIST, NETWORK] },
    Feature { name: "pve_qdevice", needs: HOSTED },
    Feature {
        name: "pve_replication_job",
        needs: &[
            need("VM.Audit", On::Guest, "read"),
            Need { release: Release::Pve9, ..need("VM.Replicate", On::Guest, "create, change and destroy") },
            Need { release: Release::Pve8, ..need("Datastore.Allocate", On::Storages, "create, change and destroy") },
        ],
    },
];

pub const DATA_SOURCES: &[Feature] = &[
    Feature {
        name: "pve_backup_jobs",
        needs: &[
            AUDIT,
            need("Sys.Audit", On::Node, "see the results of the jobs"),
            need("VM.Audit", On::Guests, "see which guests are backed up"),
        ],
    },
    Feature { name: "pve_cluster_join_info", needs: READ },
    Feature { name: "pve_datacenter_options", needs: READ },
    Feature {
        name: "pve_ha_balance",
        needs: &[
            AUDIT,
            need("Sys.Audit", On::Node, "see the load of the node"),
            need("VM.Audit", On::Guest, "see the load of the guest"),
            need("VM.Audit", On::Guests, "see whether there are other guests"),
        ],
    },
    Feature {
        name: "pve_ha_failover_simulation",
        needs: &[AUDIT, need("Sys.Audit", On::Node, "see the memory of the node"), SEE_GUEST, SEE_STORAGE],
    },
    Feature { name: "pve_ha_groups", needs: READ },
    Feature {
        name: "pve_ha_readiness",
        needs: &[
            AUDIT,
            SEE_TASKS,
            SEE_GUEST,
            SEE_STORAGE,
            need("Mapping.Audit", On::Notifications, "read the notification targets and matchers"),
        ],
    },
    Feature { name: "pve_ha_resources", needs: READ },
    Feature { name: "pve_ha_rules", needs: READ },
    Feature { name: "pve_ha_status", needs: READ },
    Feature { name: "pve_nodes", needs: &[] },
    Feature {
        name: "pve_notification_targets",
        needs: &[
            need("Mapping.Audit", On::Notifications, "read"),
            need("Sys.Audit", On::Root, "read the backup jobs, which events may be about"),
        ],
    },
    Feature { name: "pve_quorum", needs: READ },
    Feature { name: "pve_replication_jobs", needs: &[need("VM.Audit", On::Guest, "see the jobs of the guest")] },
    Feature { name: "pve_version", needs: &[] },
];

const SEE_CLUSTER: Need = need("Sys.Audit", On::Root, "read the cluster, its options and its HA configuration");
const SEE_GUESTS: Need = need("VM.Audit", On::Guests, "see the guests");
const SEE_NODES: Need = need("Sys.Audit", On::Node, "see the tasks and the clock of the node");
const MOVE_GUEST: Need = need("VM.Migrate", On::Guest, "move a guest that is no HA resource");
const ASK_HA: Need = need("Sys.Console", On::Root, "ask the HA manager");

pub const ACTIONS: &[Feature] = &[
    Feature {
        name: "pve_backup_run",
        needs: &[
            need("Sys.Audit", On::Root, "read the backup job"),
            SEE_GUESTS,
            SEE_NODES,
            need("VM.Backup", On::Guest, "back up the guest"),
            need("Datastore.AllocateSpace", On::BackupStorage, "write the backups"),
        ],
    },
    Feature { name: "pve_guest_migrate", needs: &[SEE_CLUSTER, SEE_GUESTS, SEE_NODES, MOVE_GUEST] },
    Feature { name: "pve_ha_arm", needs: &[AUDIT, ASK_HA] },
    Feature { name: "pve_ha_disarm", needs: &[AUDIT, ASK_HA] },
    Feature { name: "pve_ha_migrate", needs: &[SEE_CLUSTER, SEE_GUESTS, SEE_NODES, ASK_HA] },
    Feature { name: "pve_ha_relocate", needs: &[SEE_CLUSTER, SEE_GUESTS, SEE_NODES, ASK_HA] },
    Feature {
        name: "pve_node_evacuate",
        needs: &[
            SEE_CLUSTER,
            SEE_GUESTS,
            SEE_NODES,
            MOVE_GUEST,
            need("VM.PowerMgmt", On::Guest, "shut down a guest of `shutdown`"),
        ],
    },
    Feature {
        name: "pve_node_reboot",
        needs: &[SEE_CLUSTER, SEE_GUESTS, SEE_NODES, need("Sys.PowerMgmt", On::Node, "reboot the node")],
    },
    Feature {
        name: "pve_node_restore",
        needs: &[
            SEE_CLUSTER,
            SEE_GUESTS,
            SEE_NODES,
            MOVE_GUEST,
            need("VM.PowerMgmt", On::Guest, "start a guest that was shut down"),
        ],
    },
    Feature {
        name: "pve_node_wake",
        needs: &[
            need("Sys.Audit", On::Root, "see whether the node is online"),
            need("Sys.PowerMgmt", On::Node, "start the node"),
        ],
    },
    Feature {
        name: "pve_notification_test",
        needs: &[need(
            "Mapping.Audit",
            On::Notifications,
            "read the targets and send the message; Mapping.Use on the same path is enough, too",
        )],
    },
    Feature {
        name: "pve_replication_run",
        needs: &[
            need("Sys.Audit", On::Root, "see the nodes"),
            need("VM.Audit", On::Guest, "see the job"),
            need("Sys.Audit", On::Node, "see the clock of the node"),
            Need { release: Release::Pve9, ..need("VM.Replicate", On::Guest, "run the job") },
            Need { release: Release::Pve8, ..need("Datastore.Allocate", On::Storages, "run the job") },
        ],
    },
];

/// Operations that only the command line has.
pub const PROCEDURES: &[Feature] = &[
    Feature {
        name: "drill",
        needs: &[
            SEE_CLUSTER,
            SEE_GUESTS,
            SEE_NODES,
            SEE_STORAGE,
            need("Sys.PowerMgmt", On::Node, "shut down the node of `clean-shutdown`"),
            need("Sys.Console", On::Root, "move the guests of `manual-move` and `live-migration`"),
        ],
    },
    Feature {
        name: "roll",
        needs: &[
            SEE_CLUSTER,
            SEE_GUESTS,
            SEE_NODES,
            SEE_STORAGE,
            MOVE_GUEST,
            need("VM.PowerMgmt", On::Guest, "shut down a guest of `shutdown`, and start it again"),
            need("Sys.PowerMgmt", On::Node, "reboot the node"),
        ],
    },
];

/// The list of `needs`, where `text` names no privilege of them. Where one of several is enough, Proxmox refuses without a name.
pub fn unnamed(needs: &[Need], text: &str) -> Option<String> {
    if needs.is_empty() || needs.iter().any(|need| text.contains(need.privilege)) {
        return None;
    }
    let list = needs.iter().map(|need| format!("{} on {}", need.privilege, need.on.pattern()));
    Some(list.collect::<Vec<_>>().join(", "))
}

/// What the resource type `name` needs.
pub fn of_resource(name: &str) -> &'static [Need] {
    needs(RESOURCES, name)
}

/// What the data source `name` needs.
pub fn of_data_source(name: &str) -> &'static [Need] {
    needs(DATA_SOURCES, name)
}

/// What the action or procedure `name` needs.
pub fn of_action(name: &str) -> &'static [Need] {
    match needs(ACTIONS, name) {
        [] => needs(PROCEDURES, name),
        found => found,
    }
}

fn needs(features: &[Feature], name: &str) -> &'static [Need] {
    features.iter().find(|feature| feature.name == name).map_or(&[], |feature| feature.needs)
}

/// Every privilege of the table once, sorted: those of a role that can do everything on that release.
pub fn of_everything(release: Release) -> Vec<&'static str> {
    let all = RESOURCES.iter().chain(DATA_SOURCES).chain(ACTIONS).chain(PROCEDURES).flat_map(|feature| feature.needs);
    let mut names: Vec<_> = all.filter(|need| need.is_for(release)).map(|need| need.privilege).collect();
    names.sort_unstable();
    names.dedup();
    names
}

impl Need {
    /// Whether it is met where `holds` says which privileges are held on its path.
    pub fn is_met(&self, holds: impl Fn(&str) -> bool) -> bool {
        holds(self.privilege) || !self.or.is_empty() && self.or.iter().all(|privilege| holds(privilege))
    }

    /// Whether that release asks for it.
    pub fn is_for(&self, release: Release) -> bool {
        self.release == Release::Any || release == Release::Any || self.release == release
    }
}

impl On {
    /// The path; `id` is that of the guest, node or storage.
    pub fn path(self, id: &str) -> String {
        self.pattern().replace("ID", id).replace("NODE", id)
    }

    /// The path with a word in place of what differs.
    pub fn pattern(self) -> &'static str {
        match self {
            Self::Root => "/",
            Self::Guest => "/vms/ID",
            Self::Guests => "/vms",
            Self::Node => "/nodes/NODE",
            Self::Storages => "/storage",
            Self::Storage | Self::BackupStorage | Self::FleecingStorage => "/storage/ID",
            Self::Pool => "/pool/ID",
            Self::Notifications => "/mapping/notifications",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry;

    #[test]
    fn every_resource_data_source_and_action_has_its_line() {
        let provider = registry::provider();
        let names = |features: &[Feature]| features.iter().map(|feature| feature.name).collect::<Vec<_>>();
        assert_eq!(names(RESOURCES), provider.resources().map(|(name, _)| name).collect::<Vec<_>>());
        assert_eq!(names(DATA_SOURCES), provider.data_sources().map(|(name, _)| name).collect::<Vec<_>>());
        assert_eq!(names(ACTIONS), provider.actions().map(|(name, _)| name).collect::<Vec<_>>());
        let mut procedures: Vec<_> = registry::command_line().procedures.iter().map(|one| one.name()).collect();
        procedures.sort_unstable();
        assert_eq!(names(PROCEDURES), procedures);
    }

    #[test]
    fn the_role_of_the_readme_can_do_everything() {
        let readme = include_str!("../../README.md");
        for (release, role) in [(Release::Pve9, "Terraform"), (Release::Pve8, "Terraform")] {
            let line = format!("pveum role add {role} --privs \"{}\"", of_everything(release).join(" "));
            assert!(readme.contains(&line), "README.md lacks the line\n{line}");
        }
    }

    #[test]
    fn paths_name_what_they_are_about() {
        assert_eq!(On::Guest.path("100"), "/vms/100");
        assert_eq!(On::Node.path("pve1"), "/nodes/pve1");
        assert_eq!(On::Storages.path("100"), "/storage");
    }
}
