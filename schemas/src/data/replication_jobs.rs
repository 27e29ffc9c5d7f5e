//! `pve_replication_jobs`: the storage replication jobs, and how far behind their copies are.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::answer::{list, matches, natural};
use crate::noun::Noun;
use crate::replication_job::Ends;
use crate::tf_block;
use crate::value::{Entry, NodeName};

/// The storage replication jobs, sorted by guest and number, and how far behind their copies are.
///
/// Only the source node of a job has its state. If that node does not respond, `last_sync`, `lag_seconds`, `fail_count`
/// and `error` of its jobs are null, with a warning.
///
/// Lists only the jobs of guests on which the user has `VM.Audit`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReplicationJobs {
    /// What to look for.
    #[serde(flatten)]
    pub arguments: ReplicationJobsArguments,
    /// The replication jobs that match the arguments, sorted by guest and number.
    pub jobs: Vec<Job>,
}

/// Which jobs to list.
#[tf_block]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReplicationJobsArguments {
    /// Only jobs of the guest with this number.
    #[tf(optional)]
    #[schemars(range(min = 100, max = 999_999_999))]
    pub guest: Option<i64>,
    /// Only jobs that copy from this node.
    #[tf(optional)]
    pub source: Option<NodeName>,
    /// Only jobs that copy to this node.
    #[tf(optional)]
    pub target: Option<NodeName>,
}

/// A replication job and how it went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Job {
    /// Its id, such as `100-0`.
    pub id: String,
    /// The number of the guest.
    pub guest: i64,
    /// The number of the job among those of the guest.
    pub job_number: i64,
    /// The node that the guest is on; null if that is not known.
    pub source: Option<String>,
    /// The node that gets the copies now. When the guest moves there, Proxmox reverses the job: the two nodes change
    /// places.
    pub target: String,
    /// When it runs, as calendar event; `*/15` if not configured.
    pub schedule: String,
    /// The bandwidth limit in MB/s; null for none.
    pub rate: Option<f64>,
    /// The comment of the job; null without one.
    pub comment: Option<String>,
    /// Whether it is switched off.
    pub disabled: bool,
    /// Whether it is being removed: `full` with its copies, `local` without. Null for a job that stays.
    pub removing: Option<String>,
    /// When the last successful run began (RFC 3339, UTC): the copy has the data of that time. Null if no run has
    /// succeeded yet on the current source node, or if that node does not answer.
    pub last_sync: Option<String>,
    /// How many seconds ago the last successful run began, by the clock of the machine that runs Terraform: the data
    /// that would be lost if the source node failed now. Grows from read to read.
    pub lag_seconds: Option<i64>,
    /// How many seconds there are between the last successful run and the next one due; null if unknown or if no run is
    /// due.
    pub interval_seconds: Option<i64>,
    /// How many runs have failed since the last successful one; null if the source node does not answer.
    pub fail_count: Option<i64>,
    /// The error of the last run; null if it succeeded.
    pub error: Option<String>,
}

impl Noun for ReplicationJobs {
    const NAME: &'static str = "pve_replication_jobs";
    const TITLE: &'static str = "replication jobs";
}

impl ReplicationJobs {
    /// From the answers of `/cluster/replication`, of `/cluster/resources`, and of `/nodes/NODE/replication` of every node
    /// that answered, at the time `now` in seconds since 1970.
    ///
    /// # Errors
    /// Says what of the answers has an unexpected form.
    pub fn from_answers(
        arguments: ReplicationJobsArguments,
        jobs: &Json,
        guests: &Json,
        runs: &[Json],
        now: i64,
    ) -> Result<Self, String> {
        let runs = runs.iter().map(list).collect::<Result<Vec<_>, _>>()?.concat();
        let rows = list(guests)?;
        let homes = rows.iter().filter_map(|row| Some((Entry(row).integer("vmid")?, row["node"].as_str()?)));
        let homes: BTreeMap<i64, &str> = homes.collect();
        let mut jobs =
            list(jobs)?.iter().map(|entry| Job::new(entry, &homes, &runs, now)).collect::<Result<Vec<_>, _>>()?;
        jobs.retain(|job| arguments.let_through(job));
        jobs.sort_by_key(|job| natural(&job.id));
        Ok(Self { jobs, arguments })
    }
}

impl ReplicationJobsArguments {
    fn let_through(&self, job: &Job) -> bool {
        let source = self.source.as_ref().is_none_or(|source| job.source.as_deref() == Some(source.as_str()));
        let target = self.target.as_ref().is_none_or(|target| job.target == target.as_str());
        matches(self.guest.as_ref(), &job.guest) && source && target
    }
}

impl Job {
    fn new(entry: &Json, homes: &BTreeMap<i64, &str>, runs: &[Json], now: i64) -> Result<Self, String> {
        let entry = Entry(entry);
        let id = entry.required("id")?;
        let numbers = id.split_once('-').and_then(|(guest, job)| Some((guest.parse().ok()?, job.parse().ok()?)));
        let (guest, job_number) = numbers.ok_or_else(|| format!("id = {id:?} is not of the form GUEST-NUMBER"))?;
        let run = runs.iter().map(Entry).find(|run| run.text("id").as_ref() == Some(&id));
        // 0 means never.
        let last_sync = run.and_then(|run| run.integer("last_sync")).filter(|time| *time > 0);
        // 0 means not scheduled, 1 for a job that is being removed.
        let next_sync = run.and_then(|run| run.integer("next_sync")).filter(|time| *time > 1);
        let target = entry.required("target")?;
        let ends = Ends::of(entry).at(homes.get(&guest).copied());
        Ok(Self {
            guest,
            job_number,
            source: ends.source,
            target: ends.copies_to.unwrap_or(target),
            schedule: entry.text("schedule").unwrap_or_else(|| "*/15".to_owned()),
            rate: entry.number("rate"),
            comment: entry.text("comment"),
            disabled: entry.flag("disable").unwrap_or(false),
            removing: entry.text("remove_job"),
            last_sync: last_sync.and_then(|time| Timestamp::from_second(time).ok()).map(|time| time.to_string()),
            lag_seconds: last_sync.map(|time| (now - time).max(0)),
            interval_seconds: last_sync.zip(next_sync).map(|(last, next)| next - last).filter(|seconds| *seconds > 0),
            fail_count: run.map(|run| run.integer("fail_count").unwrap_or(0)),
            error: run.and_then(|run| run.text("error")).map(|text| text.trim().to_owned()),
            id,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::data::recorded::{answer, reversed};

    fn all(jobs: &Json, runs: &[Json]) -> Vec<Job> {
        seen_with(jobs, &json!([]), runs)
    }

    fn seen_with(jobs: &Json, guests: &Json, runs: &[Json]) -> Vec<Job> {
        let arguments = ReplicationJobsArguments::default();
        ReplicationJobs::from_answers(arguments, jobs, guests, runs, 1_700_000_400).unwrap().jobs
    }

    #[test]
    fn configuration_with_defaults() {
        for case in ["pve8-replication", "pve9-replication"] {
            let recorded = answer(case, 28);
            let jobs = all(&recorded, &[]);
            let ids: Vec<_> = jobs.iter().map(|job| job.id.as_str()).collect();
            assert_eq!(ids, ["100-0", "100-1", "200-0"]);
            assert_eq!((jobs[0].schedule.as_str(), jobs[0].rate, jobs[0].disabled), ("*/30", Some(10.0), true));
            assert_eq!((jobs[1].schedule.as_str(), jobs[1].rate, jobs[1].job_number), ("*/15", None, 1));
            assert_eq!(jobs[0].comment.as_deref(), Some("ünï✓"));
            assert_eq!(all(&reversed(recorded), &[]), jobs);
        }
    }

    #[test]
    fn jobs_that_are_being_removed_say_so() {
        let jobs = all(&answer("pve9-replication-async", 10), &[answer("pve9-replication-async", 16)]);
        assert_eq!(jobs[0].removing.as_deref(), Some("full"));
        assert_eq!(jobs[1].removing.as_deref(), Some("local"));
    }

    #[test]
    fn runs_come_from_the_source_node() {
        let jobs = json!([
            {"id": "100-0", "guest": "100", "jobnum": "0", "type": "local", "target": "pve2", "source": "pve1"},
            {"id": "101-0", "guest": 101, "jobnum": 0, "type": "local", "target": "pve2", "source": "pve1"},
            {"id": "102-0", "guest": 102, "jobnum": 0, "type": "local", "target": "pve1", "source": "pve3"},
        ]);
        let of_pve1 = json!([
            {"id": "100-0", "last_sync": 1_700_000_100, "last_try": 1_700_000_100, "fail_count": 0, "duration": 3.21},
            {"id": "101-0", "last_sync": 0, "last_try": 1_700_000_300, "fail_count": 2, "error": "no route to host\n"},
        ]);
        let jobs = all(&jobs, &[of_pve1]);
        assert_eq!(jobs[0].last_sync.as_deref(), Some("2023-11-14T22:15:00Z"));
        assert_eq!((jobs[0].lag_seconds, jobs[0].fail_count, jobs[0].error.as_deref()), (Some(300), Some(0), None));
        assert_eq!((jobs[1].last_sync.as_deref(), jobs[1].lag_seconds, jobs[1].fail_count), (None, None, Some(2)));
        assert_eq!(jobs[1].error.as_deref(), Some("no route to host"));
        assert_eq!((jobs[2].last_sync.as_deref(), jobs[2].fail_count), (None, None));
    }

    #[test]
    fn a_job_is_where_its_guest_is_before_its_scheduler_has_turned_it_round() {
        let jobs = json!([
            {"id": "100-0", "target": "pve2", "source": "pve1"}, {"id": "100-1", "target": "pve3", "source": "pve1"},
        ]);
        let guests = json!([{"id": "qemu/100", "vmid": 100, "node": "pve2"}, {"id": "node/pve1", "node": "pve1"}]);
        let jobs = seen_with(&jobs, &guests, &[]);
        let ends: Vec<_> = jobs.iter().map(|job| (job.source.as_deref().unwrap(), job.target.as_str())).collect();
        assert_eq!(ends, [("pve2", "pve1"), ("pve2", "pve3")]);
    }

    #[test]
    fn a_clock_that_is_behind_gives_no_negative_lag() {
        let jobs = json!([{"id": "100-0", "target": "pve2"}]);
        let jobs = all(&jobs, &[json!([{"id": "100-0", "last_sync": 1_700_000_500, "fail_count": 0}])]);
        assert_eq!(jobs[0].lag_seconds, Some(0));
    }

    #[test]
    fn filters_narrow_the_list() {
        let recorded = answer("pve9-replication", 28);
        let found = |arguments| {
            let jobs = ReplicationJobs::from_answers(arguments, &recorded, &json!([]), &[], 0).unwrap().jobs;
            jobs.into_iter().map(|job| job.id).collect::<Vec<_>>()
        };
        let none = ReplicationJobsArguments::default;
        assert_eq!(found(ReplicationJobsArguments { guest: Some(200), ..none() }), ["200-0"]);
        assert_eq!(
            found(ReplicationJobsArguments { target: Some("pve3".parse().unwrap()), ..none() }),
            ["100-1", "200-0"]
        );
        assert!(found(ReplicationJobsArguments { source: Some("pve2".parse().unwrap()), ..none() }).is_empty());
    }
}
