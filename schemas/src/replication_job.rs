//! `pve_replication_job`: a guest's disks copied to another node on a schedule.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::noun::Noun;
use crate::rest::{Collection, Rest};
use crate::tf_block;
use crate::value::{Comment, Entry, NodeName, Properties, Schedule};

/// A storage replication job: it copies a guest's disks on ZFS to another node on a schedule. HA can recover the guest
/// there with the data of the last copy.
///
/// HA does not prefer the replication target: write a node affinity rule (PVE 9) or group (PVE 8) for that. One guest
/// has at most one job to each target.
///
/// A job follows its guest. When the guest runs on `target`, by a migration, a recovery or during maintenance, Proxmox
/// reverses the job: the job keeps its id, and copies to the node that the guest came from. This is not drift, and no
/// change is planned: `source` and `copies_to` show the current direction. A new `target` in the configuration replaces
/// the job, unless it is one of these two nodes. Nothing else replaces it.
///
/// After several moves between two plans, the job may copy between two nodes of which neither is `target`. The plan
/// then warns once and changes nothing. `terraform apply -replace=ADDRESS` recreates the job.
#[tf_block(partial, rest)]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReplicationJob {
    /// The VMID of the guest.
    #[tf(required, replace, identity, wire(name = "id", read = guest_of))]
    #[schemars(range(min = 100, max = 999_999_999))]
    pub guest: i64,
    /// The number of this job among the guest's jobs: the job's id is `GUEST-NUMBER`. Unset, the smallest free one is
    /// taken when the job is created.
    #[tf(optional, computed, replace, identity, wire(read = number_of))]
    #[schemars(range(min = 0, max = 999_999_999))]
    pub job_number: Option<i64>,
    /// The node that receives the copies while the guest is where it is when the job is created. While the guest is on
    /// this node, the other node of the pair receives them. The state keeps the configured node, whatever the current
    /// direction.
    #[tf(required, replace)]
    pub target: NodeName,
    /// When it runs, as a calendar event of Proxmox such as `*/15`, `mon..fri 22:00` or `daily`.
    #[tf(default = "*/15", wire(as_set))]
    #[schemars(extend("format" = Schedule::FORMAT))]
    pub schedule: Option<String>,
    /// The most it may transfer, in MB/s. Unset means no limit.
    #[schemars(range(min = 1))]
    pub rate: Option<f64>,
    /// A comment of one line.
    #[tf(null_means = "")]
    #[schemars(extend("format" = Comment::FORMAT))]
    pub comment: Option<String>,
    /// Whether the job is switched off.
    #[tf(default = false, wire = "disable")]
    pub disabled: Option<bool>,
    /// Whether destroy leaves the copies on the target in place.
    #[tf(default = false, local)]
    pub keep_replica: Option<bool>,
    /// Whether destroy removes the job at once and leaves its snapshots and copies in place. Needed only when the
    /// source node is gone for good: without it destroy waits for that node to clean up.
    #[tf(default = false, local)]
    pub force_destroy: Option<bool>,
    /// The node that the guest is on. It changes when the guest moves.
    #[tf(computed)]
    pub source: Option<String>,
    /// The node that receives the copies now: `target`, or the other node of the pair while the guest is on `target`. After
    /// several moves it may be another node.
    #[tf(computed, wire = "target")]
    pub copies_to: Option<String>,
}

impl Noun for ReplicationJob {
    const NAME: &'static str = "pve_replication_job";
    const TITLE: &'static str = "replication job";
}

impl Rest for ReplicationJob {
    const COLLECTION: Collection = Collection::ReplicationJobs;
    const AT_CREATE: &'static [(&'static str, &'static str)] = &[("type", "local")];
    const BESIDE: &'static [&'static str] = &["digest", "guest", "jobnum", "remove_job", "type"];

    fn key(&self) -> String {
        format!("{}-{}", self.guest, self.job_number.unwrap_or(0))
    }
}

/// The guest of the id, GUEST-NUMBER.
fn guest_of(job: &Properties<'_>) -> Result<i64, String> {
    parts(job).map(|(guest, _)| guest)
}

/// The number of the id.
fn number_of(job: &Properties<'_>) -> Result<Option<i64>, String> {
    parts(job).map(|(_, number)| Some(number))
}

fn parts(job: &Properties<'_>) -> Result<(i64, i64), String> {
    let id = job.required("id")?;
    let parts = id.split_once('-').and_then(|(guest, number)| guest.parse().ok().zip(number.parse().ok()));
    parts.ok_or_else(|| format!("id {id:?} is not GUEST-NUMBER"))
}

/// The two nodes of a job at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ends {
    /// The node that the guest is on.
    pub source: Option<String>,
    /// The node that gets the copies.
    pub copies_to: Option<String>,
}

impl Ends {
    /// The ends of a job whose entry has this source and target.
    pub fn of(entry: Entry<'_>) -> Self {
        Self { source: entry.text("source"), copies_to: entry.text("target") }
    }

    /// These ends while the guest is on the node `home`.
    ///
    /// Proxmox turns a job round at the end of a migration, or else when the scheduler of the guest's node wakes
    /// (`PVE::ReplicationState::job_status`, once a minute): until then the entry has the ends as they were.
    #[must_use]
    pub fn at(self, home: Option<&str>) -> Self {
        let Some(home) = home else { return self };
        let copies_to = match self.copies_to {
            // Without a source Proxmox has no record of the guest's old node, and copies nothing.
            Some(target) if target == home => self.source.filter(|source| source != home),
            target => target,
        };
        Self { source: Some(home.to_owned()), copies_to }
    }

    /// Whether `node` is one of them.
    pub fn has(&self, node: &str) -> bool {
        [&self.source, &self.copies_to].into_iter().flatten().any(|end| end == node)
    }
}

/// Whether Proxmox is removing this job: it is listed until its source node has cleaned up.
pub fn is_being_removed(entry: &Json) -> bool {
    entry.get("remove_job").is_some_and(|mark| !mark.is_null())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_numbers_and_texts_alike() {
        let job = ReplicationJob::parse(&json!({
            "id": "100-3", "type": "local", "guest": "100", "jobnum": "3", "target": "pve2", "source": "pve1",
            "rate": "10.5", "disable": 1
        }))
        .unwrap()
        .understood()
        .unwrap();
        assert_eq!((job.guest, job.job_number, job.rate, job.disabled), (100, Some(3), Some(10.5), Some(true)));
        assert_eq!(job.key(), "100-3");
        assert_eq!((job.source.as_deref(), job.copies_to.as_deref()), (Some("pve1"), Some("pve2")));
    }

    #[test]
    fn the_ends_follow_the_guest() {
        let job = json!({"id": "100-0", "source": "pve1", "target": "pve2"});
        let ends = |entry: &Json, home| {
            let Ends { source, copies_to } = Ends::of(Entry(entry)).at(home);
            [source, copies_to].map(|end| end.unwrap_or_default())
        };
        assert_eq!(ends(&job, None), ["pve1", "pve2"]);
        assert_eq!(ends(&job, Some("pve1")), ["pve1", "pve2"]);
        assert_eq!(ends(&job, Some("pve2")), ["pve2", "pve1"]);
        assert_eq!(ends(&job, Some("pve3")), ["pve3", "pve2"]);
        let sourceless = json!({"id": "100-0", "target": "pve2"});
        assert_eq!(ends(&sourceless, Some("pve1")), ["pve1", "pve2"]);
        assert_eq!(ends(&sourceless, Some("pve2")), ["pve2", ""]);
    }
}
