//! What a drill does, says and expects, before it begins.

use pve_schemas::action::{Drill, DrillCase};

use super::expected::{Phase, Prediction, words};
use super::look::Move;

/// What happens, a sentence each.
pub(super) fn steps(drill: &Drill, prediction: &Prediction, is_master: bool, moves: &[Move]) -> Vec<String> {
    let node = prediction.node.as_deref().unwrap_or_default();
    let mut steps = match drill.case {
        DrillCase::Baseline => vec!["Watch the cluster for six rounds of the HA manager, about 1 minute.".to_owned()],
        DrillCase::CleanShutdown => vec![format!("Shut {node} down.")],
        DrillCase::NodeCrash => vec![format!("You cut the power of {node} when this command says so.")],
        DrillCase::NetworkCut => vec![format!("You disconnect all networks of {node} when this command says so.")],
        DrillCase::Failback => vec![format!("You start {node} when this command says so.")],
        DrillCase::Maintenance => {
            vec![format!("Put {node} into maintenance, and wait until its HA resources have left.")]
        }
        DrillCase::ManualMove | DrillCase::LiveMigration => {
            let how = if drill.case == DrillCase::LiveMigration { "Migrate" } else { "Stop and relocate" };
            let target = drill.target.as_ref().map_or("", |target| target.as_str());
            moves.iter().map(|one| format!("{how} {} from {} to {target}.", one.sid, one.home)).collect()
        }
    };
    let list = |phase: Phase| {
        let places = prediction.places.get(&phase).into_iter().flatten();
        let affected = places.filter(|(sid, _)| prediction.affected.contains(*sid));
        affected
            .map(|(sid, to)| {
                let why = to.why.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
                format!("{sid}: {}{why}", words(to))
            })
            .collect::<Vec<_>>()
    };
    let predicted = |phase: Phase| Some(list(phase)).filter(|list| !list.is_empty());
    if let Some(list) = predicted(Phase::Outage).filter(|_| !drill.case.needs_target()) {
        steps.push(format!("Predicted {}: {}.", Phase::Outage.words(), list.join("; ")));
    }
    match drill.case {
        DrillCase::NodeCrash | DrillCase::NetworkCut => {
            let times = if is_master { "180 to 200 s, since it has the master" } else { "120 to 140 s" };
            steps.push(format!(
                "Expected: {node} is fenced 60 s after its failure or later; recovery begins after {times}."
            ));
        }
        DrillCase::CleanShutdown => steps.push(format!("Expected: recovery begins 60 to 80 s after {node} has left.")),
        _ => {}
    }
    if prediction.places.contains_key(&Phase::Return) {
        match drill.case {
            DrillCase::NodeCrash => steps.push(format!("You give {node} its power back when this command says so.")),
            DrillCase::NetworkCut => steps.push(format!("You connect {node} again when this command says so.")),
            DrillCase::CleanShutdown => steps.push(format!("You start {node} when this command says so.")),
            DrillCase::Maintenance => steps.push(format!("End the maintenance of {node}.")),
            DrillCase::ManualMove | DrillCase::LiveMigration => steps.push("Move all of them back.".to_owned()),
            DrillCase::Baseline | DrillCase::Failback => {}
        }
        if let Some(list) = predicted(Phase::Return).filter(|_| !drill.case.needs_target()) {
            steps.push(format!("Predicted {}: {}.", Phase::Return.words(), list.join("; ")));
        }
    }
    steps
}
