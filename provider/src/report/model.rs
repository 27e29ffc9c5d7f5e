//! What the formats are written from.

use pve_schemas::data::readiness::{Check, Level, Status};
use pve_schemas::data::replication_jobs::Job;
use pve_schemas::data::{HaBalance, HaFailoverSimulation, HaReadiness, HaStatus, Quorum};
use serde::{Deserialize, Serialize};

use crate::framework::{Diagnostic, Severity};
use crate::simulation::page::Subject;

/// The form of the JSON document. Members may be added to it; those that it has keep their meaning.
pub(super) const FORMAT: u32 = 1;

/// The answer of the command, which is its exit code as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Ready,
    NotReady,
    /// It can't be decided from what could be read.
    Unknown,
}

/// Every cluster that was asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub format: u32,
    /// The verdict over all clusters: the one with the highest exit code.
    pub verdict: Verdict,
    /// In the order of the file.
    pub clusters: Vec<Cluster>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cluster {
    pub name: String,
    pub endpoint: String,
    pub verdict: Verdict,
    /// What could be read; null if the cluster could not be read.
    pub facts: Option<Box<Facts>>,
    /// Why it could not be read.
    pub error: Option<Message>,
    /// What of the facts is incomplete.
    pub warnings: Vec<Message>,
}

/// What was read from a cluster, and what follows from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// Of the node that answers.
    pub version: String,
    pub readiness: HaReadiness,
    pub failover: HaFailoverSimulation,
    pub quorum: Quorum,
    pub status: HaStatus,
    pub balance: HaBalance,
    pub replication: Vec<Job>,
    /// What the page calls the cluster; only the page needs it.
    #[serde(skip)]
    pub subject: Subject,
}

/// A diagnostic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    pub summary: String,
    pub detail: String,
}

impl Verdict {
    /// The exit code.
    pub fn code(self) -> u8 {
        match self {
            Self::Ready => 0,
            Self::NotReady => 1,
            Self::Unknown => 2,
        }
    }

    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::NotReady => "not ready",
            Self::Unknown => "undecided",
        }
    }

    /// What the checks say: a mandatory one that failed decides, whatever else is unknown.
    pub(super) fn of(checks: &[Check]) -> Self {
        let mandatory = |status| checks.iter().any(|check| check.level == Level::Mandatory && check.status == status);
        if mandatory(Status::Fail) {
            Self::NotReady
        } else if mandatory(Status::Unknown) {
            Self::Unknown
        } else {
            Self::Ready
        }
    }
}

impl Report {
    pub(super) fn new(clusters: Vec<Cluster>) -> Self {
        let verdict = clusters.iter().map(|cluster| cluster.verdict).max().unwrap_or(Verdict::Unknown);
        Self { format: FORMAT, verdict, clusters }
    }
}

impl Cluster {
    /// The reasons why it is not ready, a line each.
    pub(super) fn reasons(&self) -> Vec<String> {
        let error = self.error.iter().map(|error| format!("{}: {}", error.summary, error.detail));
        let blockers = self.facts.iter().flat_map(|facts| facts.readiness.blockers.iter().cloned());
        error.chain(blockers).collect()
    }
}

impl From<&Diagnostic> for Message {
    fn from(diagnostic: &Diagnostic) -> Self {
        Self { summary: diagnostic.summary.clone(), detail: diagnostic.detail.clone() }
    }
}

impl Message {
    /// As the commands show it on stderr.
    pub(super) fn shown(&self, severity: Severity, cluster: &str) -> String {
        let severity = match severity {
            Severity::Error => "Error",
            Severity::Warning => "Warning",
        };
        format!("{severity}: {}\n\n{cluster}: {}\n", self.summary, self.detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(level: Level, status: Status) -> Check {
        Check { id: "x".into(), title: "X".into(), level, status, detail: "d".into(), remedy: None }
    }

    #[test]
    fn a_mandatory_check_decides_and_advice_does_not() {
        use {Level::*, Status::*};
        let of = |checks: &[(Level, Status)]| {
            Verdict::of(&checks.iter().map(|(level, status)| check(*level, *status)).collect::<Vec<_>>())
        };
        assert_eq!(
            of(&[(Mandatory, Pass), (Mandatory, Skipped), (Recommended, Fail), (Recommended, Unknown)]),
            Verdict::Ready
        );
        assert_eq!(of(&[(Mandatory, Unknown), (Mandatory, Pass)]), Verdict::Unknown);
        assert_eq!(of(&[(Mandatory, Unknown), (Mandatory, Fail)]), Verdict::NotReady);
    }

    #[test]
    fn the_highest_code_of_all_clusters_counts() {
        let cluster = |verdict| Cluster {
            name: "a".into(),
            endpoint: String::new(),
            verdict,
            facts: None,
            error: None,
            warnings: Vec::new(),
        };
        let of = |verdicts: &[Verdict]| Report::new(verdicts.iter().copied().map(cluster).collect()).verdict.code();
        use Verdict::*;
        assert_eq!([of(&[Ready, Ready]), of(&[Ready, NotReady]), of(&[NotReady, Unknown, Ready])], [0, 1, 2]);
    }
}
