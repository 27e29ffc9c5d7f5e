//! `pve_backup_jobs`: the backup jobs, how they went, and which guests no job covers.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::answer::{list, natural, shown};
use crate::backup::{CommandLine, Coverage, Guest, uncovered};
use crate::backup_job::BackupJob;
use crate::noun::Noun;
use crate::rest::Rest;
use crate::tf_block;
use crate::value::Entry;

/// The backup jobs, how their last runs went, and the guests that no job backs up.
///
/// A disabled job, and a job that is bound to another node, does not back up a guest. Proxmox's own list of guests without
/// backup counts both.
///
/// Only the nodes have the results of runs. If a node does not respond, the results of runs on it are null, with a warning.
/// Proxmox does not name the job of a run: a run belongs to the job whose guests, `node` and `storage` are those of its command
/// line, and of several such jobs to the one with the most equal options. A manual run with the same options counts, too.
///
/// Lists only guests on which the user has `VM.Audit`; the plan warns if that is not all guests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BackupJobs {
    /// What to look for.
    #[serde(flatten)]
    pub arguments: BackupJobsArguments,
    /// The backup jobs that match the argument, sorted by name.
    pub jobs: Vec<Job>,
    /// The VMIDs of the guests that no enabled job backs up on the node they are on, sorted. With the argument `guest`, only
    /// this guest.
    pub uncovered_guests: Vec<i64>,
}

/// Which jobs to list.
#[tf_block]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BackupJobsArguments {
    /// Only jobs that select the guest with this VMID, whether or not they are enabled and run on its node.
    #[tf(optional)]
    #[schemars(range(min = 100, max = 999_999_999))]
    pub guest: Option<i64>,
}

/// A backup job and how it went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Job {
    /// Its name, the id in Proxmox.
    pub name: String,
    /// When it runs, as calendar event.
    pub schedule: String,
    /// Whether it runs.
    pub enabled: bool,
    /// When it is due next (RFC 3339, UTC); null if it is disabled or never due.
    pub next_run: Option<String>,
    /// Whether a node that was down at the scheduled time runs it as soon as it is up again.
    pub repeat_missed: bool,
    /// The comment of the job; null without one.
    pub comment: Option<String>,
    /// The VMIDs that it names; null if it selects its guests in another way.
    pub guests: Option<Vec<i64>>,
    /// Whether it selects all guests.
    pub all: bool,
    /// The VMIDs that `all` leaves out; null for none.
    pub exclude: Option<Vec<i64>>,
    /// The pool whose guests it selects; null if it selects them in another way.
    pub pool: Option<String>,
    /// The only node that runs it; null if every node does.
    pub node: Option<String>,
    /// The storage that takes the backups; null for `local`.
    pub storage: Option<String>,
    /// What a guest does while it is backed up; null if not configured.
    pub mode: Option<String>,
    /// How backups are compressed; null if not configured.
    pub compress: Option<String>,
    /// Which backups are kept after a run; null if not configured.
    pub prune: Option<Prune>,
    /// Who gets mails; null if not configured.
    pub mailto: Option<Vec<String>>,
    /// Which results are mailed; null if not configured.
    pub mailnotification: Option<String>,
    /// How results are notified of; null if not configured.
    pub notification_mode: Option<String>,
    /// The template of the notes of a backup; null if not configured.
    pub notes_template: Option<String>,
    /// Whether backups are protected from removal; null if not configured.
    pub protected: Option<bool>,
    /// The VMIDs of the guests that it backs up on the nodes they are on, sorted; none while it is disabled.
    pub covered_guests: Vec<i64>,
    /// The last run on each node, sorted by node: of the nodes that have guests of the job now, and of those with a run of it.
    pub runs: Vec<Run>,
}

/// Which backups are kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Prune {
    /// Whether all are kept.
    pub keep_all: Option<bool>,
    /// How many of the last backups.
    pub keep_last: Option<i64>,
    /// For how many hours.
    pub keep_hourly: Option<i64>,
    /// For how many days.
    pub keep_daily: Option<i64>,
    /// For how many weeks.
    pub keep_weekly: Option<i64>,
    /// For how many months.
    pub keep_monthly: Option<i64>,
    /// For how many years.
    pub keep_yearly: Option<i64>,
}

/// The last run on a node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Run {
    /// The node.
    pub node: String,
    /// When it began (RFC 3339, UTC); null if the node has no record of a run, or does not respond.
    pub started: Option<String>,
    /// When it ended; null while it runs, or if there is no record of it.
    pub ended: Option<String>,
    /// `OK` or the error, such as `job errors`; null while the job runs, or if the node has no record of the run.
    pub status: Option<String>,
    /// The UPID of its task; null if there is no record of it.
    pub task: Option<String>,
}

impl Noun for BackupJobs {
    const NAME: &'static str = "pve_backup_jobs";
    const TITLE: &'static str = "backup jobs";
}

/// A task of a node that made backups.
#[derive(Debug, Clone)]
pub struct BackupTask {
    /// Its row in `/nodes/NODE/tasks`.
    pub row: Json,
    /// What was backed up, from its log.
    pub command_line: Option<CommandLine>,
}

impl BackupJobs {
    /// From the answers of `/cluster/backup` and `/cluster/resources`, and the backups of each node that answered, the newest
    /// first.
    ///
    /// # Errors
    /// Says what of the answers has an unexpected form.
    pub fn from_answers(
        arguments: BackupJobsArguments,
        jobs: &Json,
        resources: &Json,
        tasks: &BTreeMap<String, Vec<BackupTask>>,
    ) -> Result<Self, String> {
        let rows = list(resources)?;
        let guests: Vec<Guest<'_>> = rows.iter().filter_map(guest).collect();
        let entries = list(jobs)?;
        let runs = Runs::new(entries, tasks);
        let coverages: Vec<Coverage> = entries.iter().map(Coverage::of).collect();
        let requested = arguments.guest.and_then(|guest| u64::try_from(guest).ok());
        let is_requested = |vmid: u64| requested.is_none_or(|requested| requested == vmid);
        let mut found = Vec::new();
        for (entry, coverage) in entries.iter().zip(&coverages) {
            let selects = |vmid: u64| {
                let known = guests.iter().find(|guest| guest.vmid == vmid).copied();
                coverage.selects(&known.unwrap_or(Guest { vmid, node: "", pool: None }))
            };
            if requested.is_none_or(selects) {
                found.push(Job::new(entry, coverage, &guests, &runs)?);
            }
        }
        found.sort_by_key(|job| natural(&job.name));
        let uncovered = uncovered(&coverages, guests).into_iter().map(|guest| guest.vmid);
        Ok(Self { arguments, jobs: found, uncovered_guests: sorted(uncovered.filter(|vmid| is_requested(*vmid))) })
    }
}

impl Job {
    fn new(entry: &Json, coverage: &Coverage, guests: &[Guest<'_>], runs: &Runs<'_>) -> Result<Self, String> {
        let noun = BackupJob::parse(entry)?.noun;
        let covered: Vec<&Guest<'_>> = guests.iter().filter(|guest| coverage.covers(guest)).collect();
        let nodes = covered.iter().map(|guest| guest.node);
        let next = Entry(entry).integer("next-run").filter(|_| coverage.enabled);
        let further = json!({
            "next_run": next.and_then(time),
            "covered_guests": sorted(covered.iter().map(|guest| guest.vmid)),
            "runs": runs.of(&noun.name, nodes),
        });
        shown(noun, further)
    }
}

/// The last runs, by job and node.
struct Runs<'a>(BTreeMap<(&'a str, &'a str), &'a Json>);

impl<'a> Runs<'a> {
    fn new(jobs: &'a [Json], tasks: &'a BTreeMap<String, Vec<BackupTask>>) -> Self {
        let jobs = jobs.iter().filter_map(|job| Some((job["id"].as_str()?, CommandLine::of_job(job))));
        let jobs: Vec<(&str, CommandLine)> = jobs.collect();
        let mut runs = BTreeMap::new();
        for (node, task) in tasks.iter().flat_map(|(node, tasks)| tasks.iter().map(move |task| (node, task))) {
            let Some(line) = &task.command_line else { continue };
            for job in line.jobs(jobs.iter().map(|(id, line)| (*id, line))) {
                runs.entry((job, node.as_str())).or_insert(&task.row);
            }
        }
        Self(runs)
    }

    /// Of a job that has guests on `nodes` now.
    fn of<'n>(&'n self, job: &'n str, nodes: impl Iterator<Item = &'n str>) -> Vec<Run> {
        let known = self.0.keys().filter(|(id, _)| *id == job).map(|(_, node)| *node);
        let nodes: BTreeSet<&str> = nodes.chain(known).collect();
        nodes.into_iter().map(|node| Run::new(node, self.0.get(&(job, node)).copied())).collect()
    }
}

impl Run {
    fn new(node: &str, task: Option<&Json>) -> Self {
        let text = |name: &str| task.and_then(|task| Entry(task).text(name));
        let at = |name: &str| task.and_then(|task| Entry(task).integer(name)).and_then(time);
        Self {
            node: node.to_owned(),
            started: at("starttime"),
            ended: at("endtime"),
            status: text("status").map(|status| status.trim().to_owned()),
            task: text("upid"),
        }
    }
}

fn guest(row: &Json) -> Option<Guest<'_>> {
    let vmid = u64::try_from(Entry(row).integer("vmid")?).ok()?;
    Some(Guest { vmid, node: row["node"].as_str()?, pool: row["pool"].as_str() })
}

fn sorted(guests: impl Iterator<Item = u64>) -> Vec<i64> {
    let guests: BTreeSet<i64> = guests.filter_map(|guest| i64::try_from(guest).ok()).collect();
    guests.into_iter().collect()
}

fn time(seconds: i64) -> Option<String> {
    Timestamp::from_second(seconds).ok().map(|time| time.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resources() -> Json {
        json!([
            {"id": "qemu/100", "vmid": 100, "node": "pve1", "pool": "web"}, {"id": "qemu/101", "vmid": 101, "node": "pve2"},
            {"id": "lxc/200", "vmid": 200, "node": "pve2"}, {"id": "node/pve1", "node": "pve1"},
        ])
    }

    fn read(guest: Option<i64>, jobs: &Json, tasks: &BTreeMap<String, Vec<BackupTask>>) -> BackupJobs {
        BackupJobs::from_answers(BackupJobsArguments { guest }, jobs, &resources(), tasks).unwrap()
    }

    fn task(command_line: &str, row: Json) -> BackupTask {
        let line = format!("INFO: starting new backup job: vzdump {command_line}");
        BackupTask { row, command_line: CommandLine::of_log([line.as_str()]) }
    }

    #[test]
    fn covered_and_uncovered_guests() {
        let jobs = json!([
            {"id": "pinned", "schedule": "21:00", "vmid": "100,101", "node": "pve1", "enabled": 1, "next-run": 1_700_000_000},
            {"id": "off", "schedule": "21:00", "all": 1, "enabled": 0, "next-run": 1_700_000_000},
        ]);
        let found = read(None, &jobs, &BTreeMap::new());
        let of = |job: &Job| (job.name.clone(), job.covered_guests.clone(), job.next_run.clone());
        let next = Some("2023-11-14T22:13:20Z".to_owned());
        let expected = [("off".to_owned(), vec![], None), ("pinned".to_owned(), vec![100], next)];
        assert_eq!(found.jobs.iter().map(of).collect::<Vec<_>>(), expected);
        assert_eq!(found.uncovered_guests, [101, 200]);
        let names =
            |guest| read(Some(guest), &jobs, &BTreeMap::new()).jobs.into_iter().map(|job| job.name).collect::<Vec<_>>();
        assert_eq!((names(101), names(999)), (vec!["off".to_owned(), "pinned".to_owned()], vec!["off".to_owned()]));
        assert_eq!(read(Some(200), &jobs, &BTreeMap::new()).uncovered_guests, [200]);
        assert!(read(Some(100), &jobs, &BTreeMap::new()).uncovered_guests.is_empty());
    }

    #[test]
    fn the_last_run_is_shown_for_each_node() {
        let jobs = json!([{"id": "nightly", "schedule": "21:00", "all": 1, "storage": "nas", "enabled": 1}]);
        let mine = "--all 1 --storage nas --quiet 1";
        let of_pve1 = vec![
            task(
                "100 --storage nas",
                json!({"upid": "U3", "starttime": 1_700_000_300, "endtime": 1_700_000_301, "status": "OK"}),
            ),
            task(mine, json!({"upid": "U2", "starttime": 1_700_000_200})),
            task(mine, json!({"upid": "U1", "starttime": 1_700_000_100, "endtime": 1_700_000_110, "status": "OK"})),
        ];
        let gone = vec![task(mine, json!({"upid": "U0", "starttime": 1, "endtime": 2, "status": "job errors\n"}))];
        let tasks = BTreeMap::from([("pve1".to_owned(), of_pve1), ("pve3".to_owned(), gone)]);
        let runs = &read(None, &jobs, &tasks).jobs[0].runs;
        let of = |run: &Run| (run.node.clone(), run.task.clone(), run.status.clone());
        let text = |text: &str| Some(text.to_owned());
        let expected = [
            ("pve1".to_owned(), text("U2"), None),
            ("pve2".to_owned(), None, None),
            ("pve3".to_owned(), text("U0"), text("job errors")),
        ];
        assert_eq!(runs.iter().map(of).collect::<Vec<_>>(), expected);
        assert_eq!((runs[0].started.as_deref(), &runs[0].ended), (Some("2023-11-14T22:16:40Z"), &None));
    }

    #[test]
    fn a_job_whose_id_is_too_long_is_listed() {
        let jobs = json!([{"id": "i".repeat(51), "schedule": "21:00", "vmid": "100", "mailto": "bad address"}]);
        let job = &read(None, &jobs, &BTreeMap::new()).jobs[0];
        assert_eq!(job.mailto.as_deref(), Some(["address".to_owned(), "bad".to_owned()].as_slice()));
    }
}
