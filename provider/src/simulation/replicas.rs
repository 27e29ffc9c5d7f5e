//! Copies of guests that storage replication keeps, and how old they are in words that don't change with every read.

use pve_schemas::data::replication_jobs::Job;

/// A copy of a guest's disks on another node.
#[derive(Clone, Debug, PartialEq)]
pub struct Replica {
    pub guest: u64,
    /// The node that has the copy.
    pub target: String,
    /// The state of the copy.
    pub state: ReplicaState,
}

/// How good a copy is.
#[derive(Clone, Debug, PartialEq)]
pub enum ReplicaState {
    /// There is one; its age is at most this many seconds in words, and exactly so many.
    Copied {
        /// How old it is, in words that hold from read to read.
        age: String,
        /// How old it is now.
        seconds: i64,
    },
    /// No run has succeeded yet, or the job is being removed.
    None,
    /// Its source node does not report it.
    Unknown,
}

/// Steps of ages, so that what is reported of a copy does not change while all runs are as scheduled.
const STEPS: [(i64, &str); 12] = [
    (300, "5 minutes"),
    (900, "15 minutes"),
    (1_800, "30 minutes"),
    (3_600, "1 hour"),
    (7_200, "2 hours"),
    (14_400, "4 hours"),
    (28_800, "8 hours"),
    (43_200, "12 hours"),
    (86_400, "1 day"),
    (172_800, "2 days"),
    (604_800, "1 week"),
    (2_592_000, "30 days"),
];

impl Replica {
    /// The copy that a job keeps.
    pub fn of(job: &Job) -> Option<Self> {
        let state = match (job.lag_seconds, job.fail_count) {
            _ if job.removing.is_some() => ReplicaState::None,
            (Some(seconds), _) => ReplicaState::Copied { age: age(job, seconds), seconds },
            (None, Some(_)) => ReplicaState::None,
            (None, None) => ReplicaState::Unknown,
        };
        Some(Self { guest: u64::try_from(job.guest).ok()?, target: job.target.clone(), state })
    }
}

/// While the job runs as scheduled, a bound that holds until it doesn't; after that, how old the copy has become.
fn age(job: &Job, seconds: i64) -> String {
    let on_time =
        job.interval_seconds.filter(|_| !job.disabled && job.fail_count == Some(0)).map(|interval| 2 * interval);
    match on_time.filter(|bound| seconds <= *bound) {
        Some(bound) => at_most(bound),
        None => older_than(seconds),
    }
}

fn at_most(seconds: i64) -> String {
    match STEPS.iter().find(|(step, _)| seconds <= *step) {
        Some((_, words)) => format!("at most {words} old"),
        None => older_than(seconds),
    }
}

fn older_than(seconds: i64) -> String {
    match STEPS.iter().rev().find(|(step, _)| seconds > *step) {
        Some((_, words)) => format!("more than {words} old"),
        None => format!("at most {} old", STEPS[0].1),
    }
}

#[cfg(test)]
mod tests {
    use pve_schemas::data::ReplicationJobs;
    use pve_schemas::data::replication_jobs::ReplicationJobsArguments;
    use serde_json::json;

    use super::*;

    fn state_of(now: i64, run: serde_json::Value) -> ReplicaState {
        let jobs = json!([{"id": "100-0", "source": "pve1", "target": "pve2"}]);
        let mut run = run;
        run["id"] = "100-0".into();
        let jobs =
            ReplicationJobs::from_answers(ReplicationJobsArguments::default(), &jobs, &json!([]), &[json!([run])], now);
        Replica::of(&jobs.unwrap().jobs[0]).unwrap().state
    }

    fn words(state: &ReplicaState) -> &str {
        match state {
            ReplicaState::Copied { age, .. } => age,
            ReplicaState::None => "none",
            ReplicaState::Unknown => "unknown",
        }
    }

    #[test]
    fn on_time_the_words_stay_and_late_they_grow() {
        let run = |now| state_of(now, json!({"last_sync": 1000, "next_sync": 1899, "fail_count": 0}));
        for now in [1001, 1500, 1899, 2700] {
            assert_eq!(words(&run(now)), "at most 30 minutes old");
        }
        assert_eq!(words(&run(3000)), "more than 30 minutes old");
        assert_eq!(words(&run(1000 + 90_000)), "more than 1 day old");
        let failing = state_of(1500, json!({"last_sync": 1000, "next_sync": 1899, "fail_count": 1}));
        assert_eq!(words(&failing), "more than 5 minutes old");
    }

    /// The guest was recovered on the target a moment ago, and Proxmox has not turned the job round yet.
    #[test]
    fn a_copy_is_on_the_node_that_the_guest_is_not_on() {
        let jobs = json!([{"id": "100-0", "source": "pve1", "target": "pve2"}]);
        let copy_while_on = |home: &str| {
            let guests = json!([{"vmid": 100, "node": home}]);
            let arguments = ReplicationJobsArguments::default();
            let jobs = ReplicationJobs::from_answers(arguments, &jobs, &guests, &[], 5).unwrap();
            Replica::of(&jobs.jobs[0]).unwrap().target
        };
        assert_eq!([copy_while_on("pve1"), copy_while_on("pve2"), copy_while_on("pve3")], ["pve2", "pve1", "pve2"]);
    }

    #[test]
    fn never_is_not_unknown() {
        assert_eq!(state_of(5, json!({"last_sync": 0, "fail_count": 2})), ReplicaState::None);
        let jobs = json!([{"id": "100-0", "source": "pve1", "target": "pve2"}]);
        let jobs =
            ReplicationJobs::from_answers(ReplicationJobsArguments::default(), &jobs, &json!([]), &[], 5).unwrap();
        assert_eq!(Replica::of(&jobs.jobs[0]).unwrap().state, ReplicaState::Unknown);
    }
}
