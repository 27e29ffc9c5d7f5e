//! What is in the way of a roll, whichever node is next.

use pve_schemas::action::ClusterRoll;

use super::super::survey::Survey;
use super::update;
use crate::framework::{Failure, Path};

/// What of the cluster keeps a node from being emptied; `current` may be out of service.
pub(super) fn of_cluster(survey: &Survey, current: Option<&str>) -> Vec<Failure> {
    let mut refusals = Vec::new();
    let mut refuse = |text: String| refusals.push(Failure::refused(format!("{text} Nothing was changed.")));
    if !survey.is_quorate() {
        refuse("The cluster has no quorum.".to_owned());
    }
    if survey.is_disarmed() {
        refuse("HA is disarmed, and the HA manager then refuses maintenance. Arm HA first.".to_owned());
    }
    for fact in survey.live.nodes.iter().filter(|fact| Some(fact.name.as_str()) != current) {
        let state = survey.live.manager["node_status"][&fact.name].as_str().unwrap_or("online");
        if !fact.online {
            refuse(format!("{}: the node is offline, and only one node may be unavailable.", fact.name));
        } else if state != "online" {
            refuse(format!(
                "{}: its state in the HA manager is {state}, and only one node may be unavailable. End that first.",
                fact.name
            ));
        }
    }
    refusals
}

/// What of the arguments keeps a roll from being begun or continued.
pub(super) fn of_arguments(roll: &ClusterRoll, survey: &Survey) -> Vec<Failure> {
    let mut refusals = Vec::new();
    let known = |name: &str| survey.live.nodes.iter().any(|fact| fact.name == name);
    for name in roll.nodes.iter().flatten().filter(|name| !known(name.as_str())) {
        let text = format!("{name}: the cluster has no such node. Nothing was changed.");
        refusals.push(Failure::refused(text).at(Path::attribute("nodes")));
    }
    if let Some(problem) = roll.run.as_deref().and_then(|line| update::words(line).err()) {
        let text = format!("run: {problem}. Nothing was changed.");
        refusals.push(Failure::refused(text).at(Path::attribute("run")));
    }
    refusals
}
