//! Each failure before and after a plan.

use std::collections::{BTreeMap, BTreeSet};

use pve_schemas::data::failover_simulation::{DiskState, Fate, Scenario, ServiceState};
use serde::{Deserialize, Serialize};

use super::super::model::{Message, Verdict};
use crate::simulation::Simulated;

/// What a plan does to survivability.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    pub format: u32,
    pub verdict: Verdict,
    pub cluster: String,
    /// Every change that is simulated, such as ``create `pve_ha_resource.web` ``.
    pub changes: Vec<String>,
    pub failures: Vec<Failure>,
    /// HA resources that no failure recovers any more, because they are no HA resources after the plan.
    pub unmanaged: Vec<String>,
    /// What is undecided.
    pub unknown: Vec<Unknown>,
    pub warnings: Vec<Message>,
    /// Why the cluster could not be read.
    pub error: Option<Message>,
}

/// The failure of a node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    pub failed: String,
    pub before: Survival,
    pub after: Survival,
    pub lost_before: usize,
    pub lost_after: usize,
    /// What the plan makes worse, a sentence each.
    pub worse: Vec<String>,
    /// What it makes better.
    pub better: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Survival {
    Survived,
    NotSurvived,
    Unknown,
}

/// A part of the plan that could not be simulated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unknown {
    pub address: String,
    pub reason: String,
}

impl Survival {
    fn of(scenario: &Scenario) -> Self {
        if scenario.survived {
            return Self::Survived;
        }
        let is_lost =
            scenario.lost().any(|fate| !is_open(fate)) || scenario.nodes.iter().any(|node| node.overcommitted);
        if scenario.quorate == Some(false) || is_lost { Self::NotSurvived } else { Self::Unknown }
    }
}

/// Whether a loss only can't be excluded.
fn is_open(fate: &Fate) -> bool {
    fate.state == ServiceState::Unknown || fate.disk == Some(DiskState::Unknown)
}

impl Failure {
    fn of(before: Option<&Scenario>, after: &Scenario) -> Self {
        let lost = |scenario: &'_ Scenario| scenario.lost().map(|fate| fate.sid.clone()).collect::<BTreeSet<String>>();
        let was_lost = before.map(lost).unwrap_or_default();
        let failed = &after.name;
        let (mut worse, mut better) = (Vec::new(), Vec::new());
        // Without quorum everything stops, whatever the plan changes.
        if after.quorate != Some(false) {
            let news = after.lost().filter(|fate| !was_lost.contains(&fate.sid));
            worse.extend(news.map(|fate| sentence(failed, fate)));
            let is_lost = lost(after);
            better.extend(was_lost.difference(&is_lost).map(|sid| format!("losing {failed} no longer costs {sid}")));
            let was_full: BTreeMap<&str, bool> =
                before.iter().flat_map(|one| &one.nodes).map(|node| (node.name.as_str(), node.overcommitted)).collect();
            let full =
                after.nodes.iter().filter(|node| node.overcommitted && was_full.get(node.name.as_str()) != Some(&true));
            worse.extend(full.map(|node| {
                let percent = node.percent_after().unwrap_or_default();
                format!("losing {failed} promises {percent} % of the memory of {} to running guests", node.name)
            }));
        }
        Self {
            failed: failed.clone(),
            before: before.map_or(Survival::Unknown, Survival::of),
            after: Survival::of(after),
            lost_before: was_lost.len(),
            lost_after: after.lost().count(),
            worse,
            better,
        }
    }
}

fn sentence(failed: &str, fate: &Fate) -> String {
    let why = fate.disk_detail.as_ref().filter(|_| fate.to.is_some()).unwrap_or(&fate.reason);
    let sid = &fate.sid;
    match &fate.to {
        _ if fate.state == ServiceState::Unknown => {
            format!("whether {sid} survives losing {failed} can't be predicted: {why}")
        }
        None => format!("losing {failed} leaves {sid} without a node: {why}"),
        Some(to) if fate.disk == Some(DiskState::Unknown) => {
            format!("losing {failed} may leave {sid} without its disks on {to}: {why}")
        }
        Some(to) if fate.disk == Some(DiskState::Missing) => {
            format!("losing {failed} leaves {sid} without its disks on {to}: {why}")
        }
        Some(_) => format!("losing {failed} leaves {sid} down: {why}"),
    }
}

/// Both simulations beside each other.
pub(super) fn compare(before: &Simulated, after: &Simulated) -> (Vec<Failure>, Vec<String>) {
    let by_name: BTreeMap<&str, &Scenario> = before.scenarios.iter().map(|one| (one.name.as_str(), one)).collect();
    let failures =
        after.scenarios.iter().map(|scenario| Failure::of(by_name.get(scenario.name.as_str()).copied(), scenario));
    let stays: BTreeSet<&str> = after.placement.iter().map(|placed| placed.sid.as_str()).collect();
    let gone = before.placement.iter().map(|placed| &placed.sid).filter(|sid| !stays.contains(sid.as_str()));
    (failures.collect(), gone.cloned().collect())
}

/// A failure that is not survived decides, whatever else is unknown.
pub(super) fn verdict(failures: &[Failure], unknown: &[Unknown]) -> Verdict {
    let any = |survival| failures.iter().any(|failure| failure.after == survival);
    if any(Survival::NotSurvived) {
        Verdict::NotReady
    } else if any(Survival::Unknown) || !unknown.is_empty() || failures.is_empty() {
        Verdict::Unknown
    } else {
        Verdict::Ready
    }
}
