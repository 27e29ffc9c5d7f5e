//! Predicts a scenario's answer from the converged placement before its event alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::Name;
use crate::forecast::Forecast;
use crate::nodes::NodeState;
use crate::service::{State, Uid};
use crate::status::{ServiceStatus, Status};

use super::Difference;
use super::case::{CaseError, EventKind, Place, ScenarioCase};
use super::play::show;

/// The differences between Proxmox's answer and the forecast; nothing if the event is not one to be predicted: a node failure
/// after which the rest is quorate, without failing starts.
///
/// # Errors
/// When the scenario uses a word that is unknown.
pub fn forecast_case(case: &ScenarioCase) -> Result<Option<Vec<Difference>>, CaseError> {
    let is_predictable = case.event.kind == EventKind::NodeFailure && case.quorate_steady && case.quorate_after;
    if !is_predictable || case.has_start_failures() {
        return Ok(None);
    }
    let capacity = case.weighs().then(|| Arc::new(case.capacity()));
    let forecast = Forecast::new(&status(case)?, Arc::new(case.config()?), capacity, Vec::new());
    let failed = case.event.nodes.iter().map(|node| Name::from(node.as_str())).collect();
    let outcome = forecast.node_failure(&failed);
    let found: BTreeMap<&str, (String, State)> =
        outcome.services().map(|service| (&**service.sid(), (service.node.to_string(), service.state()))).collect();
    let mut differences = Vec::new();
    for (sid, expected) in case.after.iter().filter(|(_, place)| place.state != "ignored") {
        let expected = Place { maintenance_node: None, ..expected.clone() };
        let found = found.get(sid.as_str()).map(|(node, state)| Place {
            node: node.clone(),
            state: state.as_str().to_owned(),
            maintenance_node: None,
        });
        if found.as_ref() != Some(&expected) {
            differences.push(Difference {
                reading: "forecast".to_owned(),
                what: sid.clone(),
                expected: show(&expected),
                found: found.as_ref().map(show).unwrap_or_default(),
            });
        }
    }
    Ok(Some(differences))
}

/// The manager's status in the converged placement before the event.
fn status(case: &ScenarioCase) -> Result<Status, CaseError> {
    let nodes = case.nodes_steady.iter().map(|(node, state)| Ok((node.as_str().into(), node_state(state)?)));
    let known = case.steady.iter().filter(|(_, place)| place.state != "ignored");
    let services = (1..).zip(known).map(|(order, (sid, place))| {
        let status = ServiceStatus {
            state: service_state(&place.state)?,
            node: place.node.as_str().into(),
            uid: Uid(order),
            target: None,
            running: true,
            failed_nodes: Vec::new(),
            maintenance_node: place.maintenance_node.as_deref().map(Name::from),
            cmd: None,
            timeout: None,
        };
        Ok((sid.as_str().into(), status))
    });
    Ok(Status {
        master_node: Some(case.master.as_str().into()),
        node_status: nodes.collect::<Result<_, CaseError>>()?,
        services: services.collect::<Result<_, CaseError>>()?,
        ..Status::default()
    })
}

fn node_state(word: &str) -> Result<NodeState, CaseError> {
    NodeState::called(word).ok_or_else(|| CaseError::Word { what: "node state", word: word.to_owned() })
}

fn service_state(word: &str) -> Result<State, CaseError> {
    let converged = [State::Started, State::Stopped, State::Error, State::Recovery, State::Freeze];
    State::called(word)
        .filter(|state| converged.contains(state))
        .ok_or_else(|| CaseError::Word { what: "state", word: word.to_owned() })
}
