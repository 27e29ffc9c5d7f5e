//! `--plan`: what a plan does to survivability. Its changes are applied to the cluster in the simulation only, and each failure
//! is compared before and after.

mod applied;
mod changes;
mod comparison;
mod document;
pub(super) mod markdown;
#[cfg(test)]
mod tests;

use std::time::Duration;

use pve_schemas::data::failover_simulation::FailoverSimulationArguments;

pub use comparison::{Comparison, Failure, Survival, Unknown};

use super::clusters::Target;
use super::gather::{Look, connect, host, unread};
use super::model::{FORMAT, Message, Verdict};
use crate::data_sources::{live, simulate};
use crate::framework::Failure as Failed;
use crate::simulation::live::SimulatedCluster;
use crate::simulation::{InvalidArgument, Simulated, Simulation};
use crate::terminal::Node;
pub(super) use changes::Changes;

/// The summary of a plan of another release of Proxmox VE.
const MISFIT: &str = "The plan does not fit the cluster";

/// Compares the cluster as it is with the cluster after these changes.
pub(super) async fn compare(target: &Target, nodes: &[Node], changes: &Changes, timeout: Duration) -> Comparison {
    let mut comparison = Comparison {
        format: FORMAT,
        verdict: Verdict::Unknown,
        cluster: host(target),
        changes: changes.lines.clone(),
        failures: Vec::new(),
        unmanaged: Vec::new(),
        unknown: Vec::new(),
        warnings: Vec::new(),
        error: None,
    };
    let (configured, warnings) = match connect(target, nodes).await {
        Ok(connected) => connected,
        Err(error) => return Comparison { error: Some(error), ..comparison },
    };
    let look = Look::new(configured, timeout);
    let outcome = read(&look, changes, &mut comparison).await;
    comparison.warnings = warnings;
    for warning in look.warnings() {
        if !comparison.warnings.contains(&warning) {
            comparison.warnings.push(warning);
        }
    }
    comparison.error = outcome.err();
    comparison
}

async fn read(look: &Look, changes: &Changes, comparison: &mut Comparison) -> Result<(), Message> {
    let mut elements = Vec::new();
    let reader = look.reader("report", &mut elements);
    let answers = live::read(&reader, &changes.plans).await.map_err(misfit_or_unread)?;
    if let Some(name) = &answers.live.quorum.cluster_name {
        comparison.cluster.clone_from(name);
    }
    let before = simulate(&reader, &answers.live, &FailoverSimulationArguments::default()).await.map_err(unread)?;
    fill(comparison, &answers.live, &before, changes).map_err(misfit)
}

/// Only an object of the plan has a path: the cluster has no such objects.
fn misfit_or_unread(failure: Failed) -> Message {
    if failure.path.is_some() { (&failure.into_error(MISFIT)).into() } else { unread(failure) }
}

/// That the plan is one of another release of Proxmox VE.
fn misfit(invalid: InvalidArgument) -> Message {
    let failure = Failed::refused(format!("{}: {}", invalid.argument, invalid.problem));
    (&failure.into_error(MISFIT)).into()
}

/// The comparison of this cluster.
fn fill(
    comparison: &mut Comparison,
    live: &SimulatedCluster,
    before: &Simulated,
    changes: &Changes,
) -> Result<(), InvalidArgument> {
    let (after, unknown) = applied::applied(live, changes)?;
    let mut simulation = Simulation::new(&after, &FailoverSimulationArguments::default())?;
    let scenarios: Vec<_> = std::iter::from_fn(|| simulation.play_next()).collect();
    let after = Simulated { scenarios, ..simulation.finish() };
    (comparison.failures, comparison.unmanaged) = comparison::compare(before, &after);
    comparison.unknown = unknown;
    comparison.verdict = comparison::verdict(&comparison.failures, &comparison.unknown);
    Ok(())
}
