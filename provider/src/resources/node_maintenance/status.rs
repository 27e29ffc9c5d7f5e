//! The state of a node and its services in the HA manager's status.

use std::fmt;

use serde_json::Value as Json;

/// The answer of `/cluster/ha/status/manager_status`.
pub(super) struct Status(Json);

/// A service that keeps a node from being empty.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Holding {
    sid: String,
    state: String,
    target: Option<String>,
}

impl Status {
    pub(super) fn new(answer: &Json) -> Self {
        Self::of(&answer["manager_status"])
    }

    /// From the part of it that is the HA manager's own.
    pub(super) fn of(manager: &Json) -> Self {
        Self(manager.clone())
    }

    /// When the HA manager wrote this: it does so once in each round.
    pub(super) fn round(&self) -> Option<i64> {
        self.0["timestamp"].as_i64()
    }

    /// Whether maintenance of the node is asked for: the HA manager has taken the request.
    pub(super) fn is_requested(&self, node: &str) -> bool {
        let request = &self.0["node_request"][node]["maintenance"];
        request.as_i64().is_some_and(|n| n != 0)
            || request == true
            || request.as_str().is_some_and(|t| !matches!(t, "" | "0"))
    }

    /// The nodes whose maintenance is asked for.
    pub(super) fn requested(&self) -> Vec<&str> {
        let nodes = self.0["node_request"].as_object().into_iter().flatten().map(|(node, _)| node.as_str());
        nodes.filter(|node| self.is_requested(node)).collect()
    }

    /// What the node is to the HA manager: online, maintenance, unknown, fence, gone.
    pub(super) fn state(&self, node: &str) -> &str {
        self.0["node_status"][node].as_str().unwrap_or("not known")
    }

    pub(super) fn is_in_maintenance(&self, node: &str) -> bool {
        self.state(node) == "maintenance"
    }

    pub(super) fn is_online(&self, node: &str) -> bool {
        self.state(node) == "online"
    }

    /// Whether the node is out of the HA manager's sight.
    pub(super) fn is_down(&self, node: &str) -> bool {
        matches!(self.state(node), "unknown" | "gone" | "fence")
    }

    pub(super) fn is_disarmed(&self) -> bool {
        self.0["disarm"].is_object()
    }

    /// The services that are active on the node, or on their way to it: a move that has begun ends there. Stopped, frozen and broken ones don't count: neither does the node's own
    /// LRM count them when it decides that it is in maintenance.
    pub(super) fn holds(&self, node: &str) -> Vec<Holding> {
        let active = |state: &str| !matches!(state, "stopped" | "freeze" | "error" | "ignored");
        let comes =
            |service: &Json| service["target"] == node && is_moving(service["state"].as_str().unwrap_or_default());
        self.services(|service| service["node"] == node || comes(service), active)
    }

    /// The services in the error state on the node.
    pub(super) fn broken(&self, node: &str) -> Vec<String> {
        self.services(|service| service["node"] == node, |state| state == "error")
            .into_iter()
            .map(|holding| holding.sid)
            .collect()
    }

    fn services(&self, is_here: impl Fn(&Json) -> bool, counts: impl Fn(&str) -> bool) -> Vec<Holding> {
        let services = self.0["service_status"].as_object().into_iter().flatten();
        let mut found: Vec<Holding> = services
            .filter(|(_, service)| is_here(service))
            .map(|(sid, service)| Holding {
                sid: sid.clone(),
                state: service["state"].as_str().unwrap_or("not known").to_owned(),
                target: service["target"].as_str().map(str::to_owned),
            })
            .filter(|holding| counts(&holding.state))
            .collect();
        found.sort();
        found
    }
}

impl Holding {
    pub(super) fn sid(&self) -> &str {
        &self.sid
    }

    /// Whether it stays where it is unless something else changes.
    pub(super) fn is_at_rest(&self) -> bool {
        self.state == "started"
    }
}

/// Whether a service in this state is on its way to its target.
fn is_moving(state: &str) -> bool {
    matches!(state, "migrate" | "relocate")
}

impl fmt::Display for Holding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.state.as_str(), &self.target) {
            ("migrate" | "relocate", Some(target)) => write!(f, "{} is moving to {target}", self.sid),
            ("request_stop", _) => write!(f, "{} is being stopped", self.sid),
            (state, _) => write!(f, "{} is {state}", self.sid),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn status(manager: Json) -> Status {
        Status::new(&json!({"manager_status": manager, "quorum": {"quorate": "1"}}))
    }

    #[test]
    fn a_cluster_that_never_used_ha_has_no_maintenance() {
        let fresh = status(json!({"node_status": {}}));
        assert!(!fresh.is_requested("pve1") && !fresh.is_online("pve1") && !fresh.is_down("pve1"));
        assert_eq!(fresh.state("pve1"), "not known");
        assert!(fresh.holds("pve1").is_empty() && !fresh.is_disarmed());
    }

    #[test]
    fn what_is_active_on_the_node_holds_it() {
        let service = |node: &str, state: &str| json!({"node": node, "state": state});
        let status = status(json!({
            "node_status": {"pve1": "online", "pve2": "maintenance"},
            "node_request": {"pve2": {"maintenance": 1}, "pve1": {"maintenance": 0}},
            "service_status": {
                "vm:100": service("pve2", "started"),
                "vm:101": {"node": "pve2", "state": "migrate", "target": "pve1"},
                "vm:102": service("pve2", "stopped"),
                "vm:103": service("pve2", "error"),
                "vm:104": service("pve2", "freeze"),
                "vm:105": service("pve1", "started"),
                "ct:106": service("pve2", "request_stop"),
            }
        }));
        assert!(status.is_requested("pve2") && !status.is_requested("pve1") && !status.is_requested("pve3"));
        assert_eq!(status.requested(), ["pve2"]);
        assert!(status.is_in_maintenance("pve2") && status.is_online("pve1"));
        let holds: Vec<String> = status.holds("pve2").iter().map(ToString::to_string).collect();
        assert_eq!(holds, ["ct:106 is being stopped", "vm:100 is started", "vm:101 is moving to pve1"]);
        assert_eq!(status.broken("pve2"), ["vm:103"]);
        let holds: Vec<String> = status.holds("pve1").iter().map(ToString::to_string).collect();
        assert_eq!(holds, ["vm:101 is moving to pve1", "vm:105 is started"], "what arrives counts");
    }

    #[test]
    fn disarmed_is_known_by_its_presence() {
        assert!(status(json!({"disarm": {"mode": "freeze", "state": "disarmed"}})).is_disarmed());
    }
}
