//! `pve_backup_job`: guests backed up on a schedule.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::backup::{
    Compression, Coverage, Fleecing, Mailed, Mode, Notification, PbsDetection, Performance, Retention, Selection,
};
use crate::noun::Noun;
use crate::rest::wire::Part;
use crate::rest::{Collection, Rest};
use crate::tf_block;
use crate::value::{
    BackupJobId, BackupSchedule, Comment, ExcludePath, MailRecipient, NodeName, NotesTemplate, PoolId, StorageId,
};

/// A backup job: Proxmox runs it on a schedule. Each node backs up those of the selected guests that it has at that time.
///
/// HA recovers a guest with the data it has; only a backup brings back deleted or damaged data. A job without `node`
/// follows its guests: after a failover the new node of a guest backs it up. A job with `node` skips guests that are on
/// another node.
///
/// Exactly one of `guests`, `all` and `pool` selects the guests. One apply changes the kind of selection in one request.
///
/// An option that is unset has the value that `/etc/vzdump.conf` of the node sets, else Proxmox's default, which is named at
/// each attribute. An option that is set is therefore different from one that is unset, even if it has the default.
///
/// Proxmox has no digest for backup jobs. Before an update, the provider compares the current job with the state. The
/// update overwrites a change made between this comparison and the write.
///
/// **Not offered:** `maxfiles` (removed in PVE 9, write `prune`), `starttime` and `dow` (Proxmox converts them, write
/// `schedule`), `script`, `tmpdir`, `dumpdir` (Proxmox accepts them from root@pam with a password only, not from a token),
/// `job-id` (internal to Proxmox), `stop` (it ends running backups and is not a property of a schedule). An existing job that
/// has one of them can be managed: the plan warns once, and every update keeps the option.
#[tf_block(partial, rest)]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BackupJob {
    /// The name of the job, the id in Proxmox: a letter, then letters, digits, `-` and `_`, 2 to 50 characters. A job that was
    /// created without an id has a UUID, which an import accepts.
    #[tf(required, replace, identity, wire = "id")]
    #[schemars(extend("format" = BackupJobId::FORMAT))]
    pub name: String,
    /// When it runs, as a calendar event of Proxmox in the time zone of each node, such as `sat 02:00`, `mon..fri 22:30` or
    /// `daily`.
    #[tf(required)]
    #[schemars(extend("format" = BackupSchedule::FORMAT))]
    pub schedule: String,
    /// Whether it runs. Proxmox's own list of guests without backup also counts disabled jobs; `pve_backup_jobs` and
    /// `pve_ha_readiness` do not.
    #[tf(default = true, wire(always))]
    pub enabled: Option<bool>,
    /// Whether a node that was down at the scheduled time runs the job as soon as it is up again.
    #[tf(default = false, wire = "repeat-missed")]
    pub repeat_missed: Option<bool>,
    /// A comment of one line.
    #[tf(null_means = "")]
    #[schemars(length(max = 512), extend("format" = Comment::FORMAT))]
    pub comment: Option<String>,
    /// The VMIDs of the guests. Proxmox accepts guests that do not exist; the runs of the job then fail. Conflicts with `all`,
    /// `exclude` and `pool`.
    #[tf(wire = "vmid")]
    #[schemars(extend("minItems" = 1, "items" = {"type": "integer", "minimum": 100, "maximum": 999_999_999}))]
    pub guests: Option<BTreeSet<i64>>,
    /// Whether all guests of the cluster are backed up, also those that are created later. Conflicts with `guests` and `pool`.
    #[tf(default = false)]
    pub all: Option<bool>,
    /// The VMIDs of guests that `all` leaves out. Needs `all = true`.
    #[schemars(extend("minItems" = 1, "items" = {"type": "integer", "minimum": 100, "maximum": 999_999_999}))]
    pub exclude: Option<BTreeSet<i64>>,
    /// The pool whose guests are backed up: those that are in it when the job runs. It must exist. Conflicts with `guests`,
    /// `all` and `exclude`.
    pub pool: Option<PoolId>,
    /// The only node that runs the job: guests on other nodes are skipped, also after a failover. Unset, every node runs it.
    pub node: Option<NodeName>,
    /// The storage that takes the backups. Unset means the storage `local` of each node. Proxmox accepts a storage that does
    /// not exist; the runs of the job then fail.
    pub storage: Option<StorageId>,
    /// What a guest does while it is backed up. Proxmox's default is `snapshot`.
    pub mode: Option<Mode>,
    /// How backups are compressed. Proxmox's default is `0`, no compression.
    pub compress: Option<Compression>,
    /// The number of threads of `pigz`, in the place of `gzip`: 0 is `gzip`, 1 half of the CPUs. Proxmox's default is 0.
    #[schemars(range(min = 0))]
    pub pigz: Option<i64>,
    /// The number of threads of `zstd`; 0 is half of the CPUs. Proxmox's default is 1.
    #[schemars(range(min = 0))]
    pub zstd: Option<i64>,
    /// Which backups of a guest are kept after a run. Unset, the storage's own setting applies, else all are kept.
    #[tf(block = "single", wire = "prune-backups")]
    pub prune: Option<Retention>,
    /// How much a backup does at once.
    #[tf(block = "single")]
    pub performance: Option<Performance>,
    /// An image that takes what a VM overwrites while it is backed up, so that a slow backup storage does not slow it down.
    #[tf(block = "single")]
    pub fleecing: Option<Fleecing>,
    /// How Proxmox reports the results of a backup. Proxmox's default is `auto`.
    #[tf(wire = "notification-mode")]
    pub notification_mode: Option<Notification>,
    /// Who gets mails: mail addresses, or users such as `root@pam`. Deprecated by Proxmox in favor of the notification system.
    #[schemars(extend("minItems" = 1, "items" = {"type": "string", "format": MailRecipient::FORMAT}))]
    pub mailto: Option<BTreeSet<Part>>,
    /// Which results are mailed. It has an effect only with `mailto`. Proxmox's default is `always`.
    pub mailnotification: Option<Mailed>,
    /// The notes of each backup, one line with the variables `{{cluster}}`, `{{guestname}}`, `{{node}}` and `{{vmid}}`: `\n` is
    /// written for a line feed and `\\` for a backslash. Needs `storage`.
    #[tf(wire = "notes-template")]
    #[schemars(extend("format" = NotesTemplate::FORMAT))]
    pub notes_template: Option<String>,
    /// Whether backups are protected from removal. Needs `storage`. Proxmox's default is `false`.
    pub protected: Option<bool>,
    /// The most that a backup reads, in KiB/s. Proxmox's default is 0, no limit.
    #[schemars(range(min = 0))]
    pub bwlimit: Option<i64>,
    /// The IO priority with the BFQ scheduler: 0 is the highest, 7 the lowest, 8 the idle class. Proxmox's default is 7.
    #[schemars(range(min = 0, max = 8))]
    pub ionice: Option<i64>,
    /// For how many minutes a run waits for another one on its node. Proxmox's default is 180.
    #[schemars(range(min = 0))]
    pub lockwait: Option<i64>,
    /// For how many minutes a run waits until a guest has shut down. Proxmox's default is 10.
    #[schemars(range(min = 0))]
    pub stopwait: Option<i64>,
    /// Whether temporary files and logs of containers are left out. Proxmox's default is `true`.
    pub stdexcludes: Option<bool>,
    /// Whether older backups are removed as `prune` says. Proxmox's default is `true`.
    pub remove: Option<bool>,
    /// Whether a run is quiet. Runs of a job always are: Proxmox stores it only.
    pub quiet: Option<bool>,
    /// Files, folders and patterns of a shell that backups of containers leave out. One that begins with `/` counts from the
    /// root of the container, any other one from each folder.
    #[tf(wire = "exclude-path")]
    #[schemars(extend("minItems" = 1, "items" = {"type": "string", "format": ExcludePath::FORMAT}))]
    pub exclude_paths: Option<Vec<String>>,
    /// How backups of containers to Proxmox Backup Server detect changed files.
    #[tf(wire = "pbs-change-detection-mode")]
    pub pbs_change_detection_mode: Option<PbsDetection>,
}

impl BackupJob {
    /// What it backs up where.
    pub fn coverage(&self) -> Coverage {
        let selection = if let Some(pool) = &self.pool {
            Selection::Pool(pool.to_string())
        } else if let Some(guests) = &self.guests {
            Selection::Guests(ids(guests))
        } else if self.all() {
            Selection::All { except: self.exclude.as_ref().map(ids).unwrap_or_default() }
        } else {
            Selection::Nothing
        };
        Coverage { enabled: self.enabled(), node: self.node.as_ref().map(ToString::to_string), selection }
    }
}

impl PartialBackupJob {
    /// What it backs up where; `None` while a part of that is unknown.
    pub fn coverage(&self) -> Option<Coverage> {
        let selection = match (self.pool.as_ref()?, self.guests.as_ref()?, self.all()?) {
            (Some(pool), ..) => Selection::Pool(pool.to_string()),
            (None, Some(guests), _) => Selection::Guests(ids(guests)),
            (None, None, true) => {
                Selection::All { except: self.exclude.as_ref()?.as_ref().map(ids).unwrap_or_default() }
            }
            (None, None, false) => Selection::Nothing,
        };
        Some(Coverage {
            enabled: self.enabled()?,
            node: self.node.as_ref()?.as_ref().map(ToString::to_string),
            selection,
        })
    }
}

fn ids(guests: &BTreeSet<i64>) -> BTreeSet<u64> {
    guests.iter().filter_map(|guest| u64::try_from(*guest).ok()).collect()
}

impl Noun for BackupJob {
    const NAME: &'static str = "pve_backup_job";
    const TITLE: &'static str = "backup job";
}

impl Rest for BackupJob {
    const COLLECTION: Collection = Collection::BackupJobs;
    const TOGETHER: &'static [(&'static str, &'static str)] =
        &[("notes-template", "storage"), ("protected", "storage")];
    const BESIDE: &'static [&'static str] = &["next-run", "type"];

    fn key(&self) -> String {
        self.name.clone()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::noun::Partly;
    use crate::rest::Fields;

    fn read(entry: &Json) -> BackupJob {
        BackupJob::parse(entry).unwrap().understood().unwrap()
    }

    fn sent(job: &BackupJob) -> Vec<String> {
        job.params().iter().map(|(name, value)| format!("{name}={value}")).collect()
    }

    #[test]
    fn every_property_is_read_and_written() {
        let job = read(&json!({
            "id": "nightly", "type": "vzdump", "next-run": 1, "schedule": "21:00", "vmid": "101,100", "enabled": 0,
            "comment": "all of it", "node": "pve2", "storage": "local", "mode": "snapshot", "compress": "zstd",
            "prune-backups": {"keep-last": "3", "keep-daily": "7"}, "fleecing": {"enabled": 1, "storage": "local-zfs"},
            "performance": {"max-workers": "4", "pbs-entries-max": "5000"}, "notification-mode": "notification-system",
            "mailto": "a@b.cd, e@f.gh", "mailnotification": "failure", "bwlimit": 1000, "ionice": 5, "lockwait": 60,
            "stopwait": 5, "pigz": 0, "zstd": 2, "remove": 0, "protected": 1, "notes-template": "{{guestname}} on {{node}}",
            "stdexcludes": 0, "exclude-path": ["/var/tmp", "/mnt/?x"], "quiet": 1, "pbs-change-detection-mode": "data",
            "repeat-missed": 1
        }));
        let expected = [
            "schedule=21:00",
            "enabled=0",
            "repeat-missed=1",
            "comment=all of it",
            "vmid=100,101",
            "node=pve2",
            "storage=local",
            "mode=snapshot",
            "compress=zstd",
            "pigz=0",
            "zstd=2",
            "prune-backups=keep-last=3,keep-daily=7",
            "performance=max-workers=4,pbs-entries-max=5000",
            "fleecing=enabled=1,storage=local-zfs",
            "notification-mode=notification-system",
            "mailto=a@b.cd,e@f.gh",
            "mailnotification=failure",
            "notes-template={{guestname}} on {{node}}",
            "protected=1",
            "bwlimit=1000",
            "ionice=5",
            "lockwait=60",
            "stopwait=5",
            "stdexcludes=0",
            "remove=0",
            "quiet=1",
            "exclude-path=/var/tmp",
            "exclude-path=/mnt/?x",
            "pbs-change-detection-mode=data",
        ];
        assert_eq!(sent(&job), expected);
    }

    #[test]
    fn a_kind_of_selection_takes_the_place_of_another_in_one_request() {
        let of = |selection: Json| {
            let mut entry = json!({"id": "nightly", "schedule": "21:00", "enabled": 1});
            entry.as_object_mut().unwrap().extend(selection.as_object().unwrap().clone());
            read(&entry)
        };
        let change = |from: Json, to: Json| {
            let params = of(to).params().since(&of(from).params());
            params.pairs().into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>()
        };
        let (all, guests, pool) = (json!({"all": 1, "exclude": "100"}), json!({"vmid": "100"}), json!({"pool": "web"}));
        assert_eq!(change(all.clone(), guests.clone()), ["vmid=100", "delete=all,exclude"]);
        assert_eq!(change(guests.clone(), all.clone()), ["all=1", "exclude=100", "delete=vmid"]);
        assert_eq!(change(guests, pool.clone()), ["pool=web", "delete=vmid"]);
        assert_eq!(change(pool, all), ["all=1", "exclude=100", "delete=pool"]);
    }

    #[test]
    fn a_job_of_another_tool_keeps_what_this_provider_does_not_offer() {
        let entry = json!({"id": "1c6d2f0e-8a3b-4f57-9b1d-0a2c4e6f8b1d", "schedule": "1:00", "stop": 1, "script": "/x", "all": 0});
        assert_eq!(BackupJob::parse(&entry).unwrap().unknown, ["script", "stop"]);
    }

    #[test]
    fn coverage_is_that_of_the_entry() {
        for entry in [
            json!({"vmid": "100,101", "enabled": 0}),
            json!({"all": 1, "exclude": "100", "node": "pve1"}),
            json!({"all": 1}),
            json!({"pool": "web"}),
            json!({"all": 0}),
        ] {
            let mut whole = json!({"id": "nightly", "schedule": "21:00"});
            whole.as_object_mut().unwrap().extend(entry.as_object().unwrap().clone());
            let job = read(&whole);
            assert_eq!(job.coverage(), Coverage::of(&whole), "{whole}");
            assert_eq!(PartialBackupJob::from(job).coverage(), Some(Coverage::of(&whole)), "{whole}");
        }
        let known = json!({"pool": null, "guests": null, "all": true, "enabled": null, "node": null});
        let of = |known: Json| BackupJob::known(|name| known.get(name).cloned()).coverage();
        assert_eq!(of(known.clone()), None, "what is excluded is unknown");
        let mut known = known;
        known["exclude"] = json!([100]);
        assert_eq!(of(known).map(|coverage| coverage.enabled), Some(true));
    }
}
