//! What the API has as a whole: the one place that says where a collection is, what names its objects, and what locks it.

use super::params::{DeleteForm, Params};
use super::path::encode;

/// What can be read as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Collection {
    /// HA resources by `sid`.
    HaResources,
    /// HA groups by `group` (PVE 8).
    HaGroups,
    /// HA rules by `rule`, in the order of the file (PVE 9).
    HaRules,
    /// The HA status rows by `id`.
    HaStatus,
    /// What the CRM has stored: one object.
    HaManagerStatus,
    /// Replication jobs by `id`.
    ReplicationJobs,
    /// Notification targets of the type sendmail by `name`.
    NotificationSendmail,
    /// Notification targets of the type smtp by `name`.
    NotificationSmtp,
    /// Notification targets of the type gotify by `name`.
    NotificationGotify,
    /// Notification targets of the type webhook by `name`.
    NotificationWebhook,
    /// The targets of all types by `name`.
    NotificationTargets,
    /// Notification matchers by `name`.
    NotificationMatchers,
    /// Backup jobs by `id`.
    BackupJobs,
    /// The datacenter options: one object.
    DatacenterOptions,
    /// The nodes by `node`.
    Nodes,
    /// Cluster and membership rows by `id`.
    ClusterStatus,
    /// The votes by `node`.
    ClusterVotes,
    /// The QDevice as the asked node sees it: one object.
    Qdevice,
    /// The guests by `id` (`qemu/100`, `lxc/101`).
    Guests,
    /// Nodes, guests, storages by `id`.
    ClusterResources,
    /// The storages as configured, by `storage`.
    Storages,
    /// What the user or token may do: one object.
    Permissions,
}

/// What is locked as one, so that it has one writer at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LockDomain {
    /// HA resources, groups and rules: `/etc/pve/ha/*.cfg`.
    Ha,
    /// Replication jobs: `/etc/pve/replication.cfg`.
    ReplicationCfg,
    /// Notification targets and matchers: `/etc/pve/notifications.cfg`. Proxmox takes the lock of its private half after this one.
    NotificationsCfg,
    /// Backup jobs: `/etc/pve/jobs.cfg`.
    JobsCfg,
    /// Datacenter options: `/etc/pve/datacenter.cfg`.
    DatacenterCfg,
    /// Everything else that is written. It remains the last one.
    Other,
}

impl LockDomain {
    /// How many there are.
    pub const COUNT: usize = Self::Other as usize + 1;

    /// The name of Proxmox's lock.
    #[must_use]
    pub fn lock_name(self) -> &'static str {
        match self {
            Self::Ha => "domain-ha",
            Self::ReplicationCfg => "file-replication_cfg",
            Self::NotificationsCfg => "file-notifications_cfg",
            Self::JobsCfg => "file-jobs_cfg",
            Self::DatacenterCfg => "file-datacenter_cfg",
            Self::Other => "other",
        }
    }
}

/// What there is to say of one collection.
#[derive(Clone, Copy, Debug)]
struct Facts {
    path: &'static str,
    query: Option<(&'static str, &'static str)>,
    key: Option<&'static str>,
    domain: Option<LockDomain>,
    delete_form: DeleteForm,
    removes_later: bool,
}

impl Facts {
    /// One object.
    const fn object(path: &'static str) -> Self {
        let delete_form = DeleteForm::CommaList;
        Self { path, query: None, key: None, domain: None, delete_form, removes_later: false }
    }

    /// Objects, each of which has its id in the member `key`.
    const fn list(path: &'static str, key: &'static str) -> Self {
        Self { key: Some(key), ..Self::object(path) }
    }

    /// Writes in `domain` change it.
    const fn locked_by(self, domain: LockDomain) -> Self {
        Self { domain: Some(domain), ..self }
    }

    /// The list takes this parameter.
    const fn with_query(self, name: &'static str, value: &'static str) -> Self {
        Self { query: Some((name, value)), ..self }
    }

    /// Its `delete` is an array.
    const fn deleting_by_array(self) -> Self {
        Self { delete_form: DeleteForm::Array, ..self }
    }

    /// Targets of a type, or matchers.
    const fn notifications(path: &'static str) -> Self {
        Self::list(path, "name").locked_by(LockDomain::NotificationsCfg).deleting_by_array()
    }

    /// A deleted object is listed until something else has removed it.
    const fn removed_later(self) -> Self {
        Self { removes_later: true, ..self }
    }
}

impl Collection {
    const fn facts(self) -> Facts {
        use LockDomain::{DatacenterCfg, Ha, JobsCfg, Other, ReplicationCfg};
        match self {
            Self::HaResources => Facts::list("/cluster/ha/resources", "sid").locked_by(Ha),
            Self::HaGroups => Facts::list("/cluster/ha/groups", "group").locked_by(Ha),
            Self::HaRules => Facts::list("/cluster/ha/rules", "rule").locked_by(Ha),
            Self::HaStatus => Facts::list("/cluster/ha/status/current", "id").locked_by(Ha),
            Self::HaManagerStatus => Facts::object("/cluster/ha/status/manager_status").locked_by(Ha),
            // The scheduler of the source node removes a job, after it has cleaned up.
            Self::ReplicationJobs => {
                Facts::list("/cluster/replication", "id").locked_by(ReplicationCfg).removed_later()
            }
            Self::NotificationSendmail => Facts::notifications("/cluster/notifications/endpoints/sendmail"),
            Self::NotificationSmtp => Facts::notifications("/cluster/notifications/endpoints/smtp"),
            Self::NotificationGotify => Facts::notifications("/cluster/notifications/endpoints/gotify"),
            Self::NotificationWebhook => Facts::notifications("/cluster/notifications/endpoints/webhook"),
            Self::NotificationTargets => Facts::notifications("/cluster/notifications/targets"),
            Self::NotificationMatchers => Facts::notifications("/cluster/notifications/matchers"),
            Self::BackupJobs => Facts::list("/cluster/backup", "id").locked_by(JobsCfg),
            Self::DatacenterOptions => Facts::object("/cluster/options").locked_by(DatacenterCfg),
            // Nodes join and leave, and `pvecm` changes the votes and the QDevice, with a permit of this domain.
            Self::Nodes => Facts::list("/nodes", "node").locked_by(Other),
            Self::ClusterStatus => Facts::list("/cluster/status", "id").locked_by(Other),
            Self::ClusterVotes => Facts::list("/cluster/config/nodes", "node").locked_by(Other),
            Self::Qdevice => Facts::object("/cluster/config/qdevice").locked_by(Other),
            Self::Guests => Facts::list("/cluster/resources", "id").with_query("type", "vm"),
            Self::ClusterResources => Facts::list("/cluster/resources", "id"),
            Self::Storages => Facts::list("/storage", "storage"),
            Self::Permissions => Facts::object("/access/permissions"),
        }
    }

    /// The path of the list.
    #[must_use]
    pub fn path(self) -> &'static str {
        self.facts().path
    }

    /// The parameters of the list.
    #[must_use]
    pub fn query(self) -> Params {
        self.facts().query.into_iter().collect()
    }

    /// The member that identifies an object, and the parameter of POST that does; `None` where the answer is one object.
    #[must_use]
    pub fn key(self) -> Option<&'static str> {
        self.facts().key
    }

    /// The lock domain whose writes change it; `None` where nothing of this provider's does.
    #[must_use]
    pub fn domain(self) -> Option<LockDomain> {
        self.facts().domain
    }

    /// The lock domain of writes to it.
    #[must_use]
    pub fn write_domain(self) -> LockDomain {
        self.domain().unwrap_or(LockDomain::Other)
    }

    /// How a PUT writes the names of the options that it unsets.
    #[must_use]
    pub fn delete_form(self) -> DeleteForm {
        self.facts().delete_form
    }

    /// Whether a deleted object is listed until something else has removed it.
    #[must_use]
    pub fn removes_later(self) -> bool {
        self.facts().removes_later
    }

    /// The path of one object.
    #[must_use]
    pub fn object(self, id: &str) -> String {
        format!("{}/{}", self.path(), encode(id))
    }
}
