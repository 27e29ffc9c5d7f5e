//! Where the services are while a node is out of service, and after its return.

use std::collections::BTreeMap;
use std::sync::Arc;

use pve_ha_manager::forecast::Outcome;
use pve_schemas::data::failover_simulation::ServiceState;

use super::live::SimulatedCluster;
use super::{fates, forecast, status};

/// How a node is out of service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outage {
    Failure,
    Maintenance,
    /// It is down already.
    Present,
}

/// A service that has its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreseen {
    pub node: String,
    pub state: ServiceState,
    /// The rule that led there; none for a service that stays.
    pub why: Option<String>,
}

/// The services through the outage of a node, by HA resource id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Course {
    pub before: BTreeMap<String, Foreseen>,
    pub during: BTreeMap<String, Foreseen>,
    /// After the return of the node.
    pub after: BTreeMap<String, Foreseen>,
}

/// Plays the outage of `node`, and its return.
pub fn course(live: &SimulatedCluster, node: &str, outage: Outage) -> Course {
    let config = Arc::new(live.config.config(live.mode, &live.crs));
    let forecast = forecast(live, &config, &status::of(live));
    let before: BTreeMap<String, Foreseen> = forecast
        .now()
        .map(|now| {
            let found = Foreseen { node: now.node.to_string(), state: fates::service_state(now.state()), why: None };
            (now.sid().to_string(), found)
        })
        .collect();
    let (name, failed) = (node.into(), [node.into()].into());
    let (during, then) = match outage {
        Outage::Failure => (places(&forecast.node_failure(&failed)), forecast.after_failure(&failed)),
        Outage::Maintenance => (places(&forecast.maintenance(&name)), forecast.after_maintenance(&name)),
        Outage::Present => (before.clone(), forecast),
    };
    Course { before, during, after: places(&then.node_return(&name)) }
}

fn places(outcome: &Outcome) -> BTreeMap<String, Foreseen> {
    let place = outcome.services().map(|service| {
        let why = service.decisions().last().map(|decision| decision.reason.as_str().to_owned());
        let found = Foreseen { node: service.node.to_string(), state: fates::service_state(service.state()), why };
        (service.sid().to_string(), found)
    });
    place.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::Cluster;
    use super::*;

    /// vm:100 at home on pve1, vm:101 without rules there.
    fn live() -> SimulatedCluster {
        let mut cluster = Cluster::of(3);
        cluster.service(100, 1).service(101, 1);
        cluster
            .rules
            .push(json!({"rule": "home", "type": "node-affinity", "resources": "vm:100", "nodes": "pve1:2,pve3:1"}));
        cluster.live()
    }

    fn nodes(places: &BTreeMap<String, Foreseen>) -> Vec<&str> {
        places.values().map(|place| place.node.as_str()).collect()
    }

    #[test]
    fn a_service_with_a_preferred_node_returns_to_it_and_another_one_stays() {
        for outage in [Outage::Failure, Outage::Maintenance] {
            let course = course(&live(), "pve1", outage);
            assert_eq!(nodes(&course.before), ["pve1", "pve1"]);
            assert_eq!(course.during["vm:100"].node, "pve3");
            assert_ne!(course.during["vm:101"].node, "pve1");
            assert_eq!(course.after["vm:100"].node, "pve1", "{outage:?}");
            // Maintenance brings back what it has moved.
            let stays = if outage == Outage::Maintenance { "pve1" } else { &course.during["vm:101"].node };
            assert_eq!(course.after["vm:101"].node, stays, "{outage:?}");
        }
    }

    #[test]
    fn a_node_that_is_down_already_returns() {
        let mut live = live();
        live.nodes[0].online = false;
        live.manager["node_status"]["pve1"] = json!("unknown");
        for sid in ["vm:100", "vm:101"] {
            live.manager["service_status"][sid]["node"] = json!("pve3");
            live.guests.get_mut(sid).unwrap().node = "pve3".into();
        }
        let course = course(&live, "pve1", Outage::Present);
        assert_eq!((nodes(&course.during), nodes(&course.after)), (vec!["pve3", "pve3"], vec!["pve1", "pve3"]));
    }
}
