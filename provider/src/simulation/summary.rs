//! The summary of the simulated failures: some lines, and the worst failures in full. All of them with every service
//! that moves would be hundreds of megabytes in a large cluster.

use pve_schemas::data::failover_simulation::{Scenario, Worst};

use super::markdown;

/// The outcome of all failures so far.
#[derive(Debug, Default)]
pub(super) struct Summary {
    /// How many failures were played.
    pub(super) count: usize,
    /// The names of those that are not survived.
    pub(super) lost: Vec<String>,
    /// Why, a line for each problem.
    pub(super) problems: Vec<String>,
    /// The rows of the table.
    pub(super) rows: String,
    /// The failure that does the most harm; the first among equals.
    pub(super) worst: Option<Scenario>,
}

impl Summary {
    pub(super) fn add(&mut self, scenario: &Scenario) {
        self.count += 1;
        if !scenario.survived {
            self.lost.push(scenario.name.clone());
        }
        self.problems.extend(problems_of(scenario));
        markdown::row(&mut self.rows, scenario);
        if self.worst.as_ref().is_none_or(|worst| harm(scenario) > harm(worst)) {
            self.worst = Some(scenario.clone());
        }
    }

    /// The worst failure in figures.
    pub(super) fn worst(&self) -> Option<Worst> {
        let worst = self.worst.as_ref()?;
        let moved = |to: &Option<String>, from: &String| to.as_ref().is_some_and(|to| to != from);
        Some(Worst {
            scenario: worst.name.clone(),
            survived: worst.survived,
            quorate: worst.quorate,
            lost: worst.lost().count() as i64,
            moved: worst.services.iter().filter(|fate| moved(&fate.to, &fate.from)).count() as i64,
            memory_percent: worst.memory_percent(),
        })
    }
}

/// Why not every failure is survived, a line for each problem.
pub fn problems(scenarios: &[Scenario]) -> Vec<String> {
    scenarios.iter().flat_map(problems_of).collect()
}

fn problems_of(scenario: &Scenario) -> impl Iterator<Item = String> {
    scenario.problems.iter().map(|problem| format!("{} fails: {problem}", scenario.name))
}

/// How much harm a failure does, to compare it with others.
fn harm(scenario: &Scenario) -> impl Ord {
    let tight = scenario.nodes.iter().filter(|node| node.overcommitted).count();
    (
        !scenario.survived,
        scenario.quorate != Some(true),
        scenario.lost().count(),
        tight,
        scenario.memory_percent(),
        scenario.services.len(),
    )
}

/// The failure that does the most harm; the first by name among equals.
#[cfg(test)]
pub(super) fn worst(scenarios: &[Scenario]) -> Option<Worst> {
    let mut summary = Summary::default();
    scenarios.iter().for_each(|scenario| summary.add(scenario));
    summary.worst()
}
