//! The events of which a cluster notifies, with the metadata that matchers look at and the data of their templates.
//!
//! These are all there are: Proxmox VE has none for a migration, a failover or a service in `error`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// How grave an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// An event to be aware of.
    Info,
    /// One that may need attention.
    Notice,
    /// One that needs attention.
    Warning,
    /// A failure.
    Error,
    /// Of mails to root.
    Unknown,
}

impl Severity {
    const ALL: [Self; 5] = [Self::Info, Self::Notice, Self::Warning, Self::Error, Self::Unknown];

    /// Its name in `match-severity`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Unknown => "unknown",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|severity| severity.as_str() == text)
    }
}

/// Something that happened.
#[derive(Clone, Debug)]
pub struct Event {
    /// The name of its templates.
    pub(super) template: &'static str,
    pub(super) severity: Severity,
    pub(super) fields: BTreeMap<String, String>,
    /// When, in seconds since 1970.
    pub(super) time: i64,
    /// What its templates are rendered with.
    pub(super) data: Value,
}

/// A fence, as the HA manager reports it twice: when it begins and when it is done.
#[derive(Clone, Debug)]
pub struct Fence {
    /// The node that is fenced.
    pub node: String,
    /// The node of the active manager.
    pub master: String,
    /// `FENCE` or `SUCCEED`.
    pub prefix: &'static str,
    /// The sentence behind it.
    pub status: String,
    /// The state of each node.
    pub nodes: BTreeMap<String, String>,
    /// The HA resources.
    pub resources: BTreeMap<String, Managed>,
}

/// An HA resource.
#[derive(Clone, Debug)]
pub struct Managed {
    /// Its state.
    pub state: String,
    /// The node it is on.
    pub node: String,
    /// Its start was reported.
    pub running: bool,
}

/// A replication job that failed.
#[derive(Clone, Debug)]
pub struct FailedReplication {
    /// The node that has the guest.
    pub node: String,
    /// The job.
    pub job: String,
    /// Where it copies to.
    pub target: String,
    /// When it runs.
    pub schedule: String,
    /// How often it has failed in a row.
    pub failures: i64,
    /// When it succeeded last, 0 for never.
    pub last_sync: i64,
    /// Why it failed.
    pub error: String,
}

/// A run of vzdump that is over.
#[derive(Clone, Debug, Default)]
pub struct Backup {
    /// The node it ran on.
    pub node: String,
    /// The backup job, if the schedule began it.
    pub job: Option<String>,
    /// The guests, in the order of their backups.
    pub guests: Vec<BackedUp>,
    /// How many seconds it took.
    pub seconds: i64,
    /// The lines of its log.
    pub log: Vec<String>,
    /// What failed besides the backups of guests.
    pub error: Option<String>,
}

/// One guest of it.
#[derive(Clone, Debug)]
pub struct BackedUp {
    /// Its id.
    pub vmid: u32,
    /// Its name.
    pub name: String,
    /// How many seconds its backup took.
    pub seconds: i64,
    /// How large the archive is.
    pub size: u64,
    /// The archive.
    pub file: String,
    /// Why it failed.
    pub error: Option<String>,
}

fn fields(kind: &str, hostname: &str, job: Option<&str>) -> BTreeMap<String, String> {
    let pairs = [("type", Some(kind)), ("hostname", Some(hostname)), ("job-id", job)];
    pairs.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned()))).collect()
}

impl Event {
    /// The test of a target. It has no metadata.
    pub(super) fn test(target: &str, time: i64) -> Self {
        let data = json!({"target": target});
        Self { template: "test", severity: Severity::Info, fields: BTreeMap::new(), time, data }
    }

    /// `fencing`; its host name is that of the node that failed.
    #[must_use]
    pub fn fencing(fence: &Fence, time: i64) -> Self {
        let nodes = fence.nodes.iter().map(|(node, status)| json!({"node": node, "status": status}));
        let resources = fence
            .resources
            .iter()
            .map(|(sid, of)| json!({"resource": sid, "state": of.state, "node": of.node, "running": of.running}));
        let data = json!({
            "fence-prefix": fence.prefix, "fence-status": fence.status, "fence-timestamp": time,
            "is-success": fence.prefix == "SUCCEED", "failed-node": fence.node, "master-node": fence.master,
            "nodes": nodes.collect::<Value>(), "resources": resources.collect::<Value>(),
        });
        let fields = fields("fencing", &fence.node, None);
        Self { template: "fencing", severity: Severity::Error, fields, time, data }
    }

    /// `replication`
    #[must_use]
    pub fn replication(failed: &FailedReplication, time: i64) -> Self {
        let data = json!({
            "failure-count": failed.failures, "last-sync": failed.last_sync, "next-sync": time, "job-id": failed.job,
            "job-target": failed.target, "job-schedule": failed.schedule, "error": failed.error,
        });
        let fields = fields("replication", &failed.node, Some(&failed.job));
        Self { template: "replication", severity: Severity::Error, fields, time, data }
    }

    /// `vzdump`
    #[must_use]
    pub fn vzdump(backup: &Backup, time: i64) -> Self {
        let failed = backup.error.is_some() || backup.guests.iter().any(|guest| guest.error.is_some());
        let guests = backup.guests.iter().map(|guest| {
            json!({
                "vmid": guest.vmid, "name": guest.name, "time": guest.seconds, "size": guest.size, "filename": guest.file,
                "status": if guest.error.is_none() { "ok" } else { "err" }, "msg": guest.error,
            })
        });
        let data = json!({
            "status-text": if failed { "backup failed" } else { "backup successful" }, "error-message": backup.error,
            "guest-table": guests.collect::<Value>(), "total-time": backup.seconds,
            "total-size": backup.guests.iter().map(|guest| guest.size).sum::<u64>(), "logs": backup.log.join("\n"),
        });
        let severity = if failed { Severity::Error } else { Severity::Info };
        Self { template: "vzdump", severity, fields: fields("vzdump", &backup.node, backup.job.as_deref()), time, data }
    }

    /// `package-updates`: the names of packages with the version that is available.
    #[must_use]
    pub fn package_updates(node: &str, updates: &[(String, String)], time: i64) -> Self {
        let updates = updates.iter().map(|(name, version)| json!({"package-name": name, "available-version": version}));
        let data = json!({"available-updates": updates.collect::<Value>()});
        let fields = fields("package-updates", node, None);
        Self { template: "package-updates", severity: Severity::Info, fields, time, data }
    }

    /// `type` of its metadata; a test has none.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.template
    }
}
