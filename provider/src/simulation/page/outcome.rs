//! The state of an HA resource after a failure, and how the page shows it.

use maud::{Markup, html};
use pve_schemas::data::failover_simulation::{DiskState, Fate, Scenario, ServiceState};

/// In the order of the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Outcome {
    /// The failure does not affect it.
    Stays,
    /// It starts again on another node.
    Recovered,
    /// The same, from the replicated copy of its disks.
    FromReplica,
    /// Its node is up, but a rule or the scheduler moves it.
    Migrated,
    /// It did not run before, and has no other node.
    StaysDown,
    /// The HA manager does nothing without quorum.
    StopsWithoutQuorum,
    /// There is no node for it, or its disks are not there.
    Lost,
    /// It can't be predicted.
    Unknown,
}

impl Outcome {
    pub(super) fn of(fate: &Fate, scenario: &Scenario) -> Self {
        let is_hit = scenario.failed_nodes.contains(&fate.from);
        match (&fate.to, &fate.problem) {
            _ if fate.state == ServiceState::Unknown => Self::Unknown,
            (_, Some(_)) if scenario.quorate == Some(false) => Self::StopsWithoutQuorum,
            (_, Some(_)) if fate.disk == Some(DiskState::Unknown) => Self::Unknown,
            (_, Some(_)) => Self::Lost,
            (Some(to), None) if *to == fate.from => Self::Stays,
            (Some(_), None) if !is_hit => Self::Migrated,
            (Some(_), None) if fate.disk == Some(DiskState::Replica) => Self::FromReplica,
            (Some(_), None) => Self::Recovered,
            (None, None) => Self::StaysDown,
        }
    }

    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Stays | Self::StaysDown => "stays",
            Self::Recovered => "recovered",
            Self::FromReplica => "replica",
            Self::Migrated => "migrated",
            Self::StopsWithoutQuorum | Self::Lost => "lost",
            Self::Unknown => "uncertain",
        }
    }

    /// In a few words, with the node where there is one.
    pub(super) fn mark(self, node: &str) -> String {
        match self {
            Self::Stays => "stays".to_owned(),
            Self::Recovered => format!("→ {node}"),
            Self::FromReplica => format!("→ {node} (replica)"),
            Self::Migrated => format!("⇢ {node}"),
            Self::StaysDown => "stays down".to_owned(),
            Self::StopsWithoutQuorum => "■ stops".to_owned(),
            Self::Lost => "✕ not recovered".to_owned(),
            Self::Unknown => "? unknown".to_owned(),
        }
    }

    fn meaning(self) -> &'static str {
        match self {
            Self::Stays => "not affected",
            Self::Recovered => "recovered on that node",
            Self::FromReplica => "recovered there from a replica",
            Self::Migrated => "migrated, though its node is up",
            Self::StaysDown => "did not run before",
            Self::StopsWithoutQuorum => "until the cluster has quorum again",
            Self::Lost => "no node for it, or no disks there",
            Self::Unknown => "cannot be predicted",
        }
    }

    /// Its entry in the key.
    pub(super) fn key(self) -> Markup {
        html! { li { span class=(self.class()) { (self.mark("node")) } " " (self.meaning()) } }
    }
}
