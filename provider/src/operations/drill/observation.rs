//! What three lists of Proxmox say of the cluster at one moment, and what has changed since an earlier one.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::evidence::{Event, Kind};
use crate::simulation::live::Guest;

/// The cluster at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Observation {
    /// The node that answers.
    pub(super) answering: Option<String>,
    pub(super) quorate: bool,
    /// The nodes, and whether each is a member now.
    pub(super) members: BTreeMap<String, bool>,
    pub(super) master: Option<String>,
    /// The clock of the master at its last round.
    pub(super) round: Option<i64>,
    /// The nodes' states in the HA manager.
    pub(super) nodes: BTreeMap<String, String>,
    /// State and node of each service.
    pub(super) services: BTreeMap<String, (String, String)>,
    /// The node on which each guest runs.
    pub(super) running: BTreeMap<String, String>,
}

impl Observation {
    /// From `/cluster/status`, the status of the HA manager, and the list of guests.
    pub(super) fn of(members: &[Json], manager: &Json, guests: &[Json]) -> Self {
        let manager = &manager["manager_status"];
        let nodes = || members.iter().filter(|row| row["type"] == "node");
        let name = |row: &Json| row["name"].as_str().map(str::to_owned);
        let text = |json: &Json| json.as_str().unwrap_or_default().to_owned();
        let entries = |json: &'static str| manager[json].as_object().into_iter().flatten();
        Self {
            answering: nodes().find(|row| row["local"] == 1).and_then(name),
            quorate: members.iter().any(|row| row["type"] == "cluster" && row["quorate"] == 1),
            members: nodes().filter_map(|row| Some((name(row)?, row["online"] == 1))).collect(),
            master: manager["master_node"].as_str().map(str::to_owned),
            round: manager["timestamp"].as_i64(),
            nodes: entries("node_status").map(|(node, state)| (node.clone(), text(state))).collect(),
            services: entries("service_status")
                .map(|(sid, service)| (sid.clone(), (text(&service["state"]), text(&service["node"]))))
                .collect(),
            running: Guest::all(guests)
                .into_values()
                .filter(|guest| guest.running)
                .map(|guest| (guest.sid, guest.node))
                .collect(),
        }
    }

    pub(super) fn is_member(&self, node: &str) -> bool {
        self.members.get(node) == Some(&true)
    }

    /// Whether the node is a member and in service.
    pub(super) fn is_in_service(&self, node: &str) -> bool {
        self.is_member(node) && self.nodes.get(node).is_some_and(|state| state == "online")
    }

    /// Where a service is, and in which state: `started on pve1`.
    pub(super) fn place(&self, sid: &str) -> String {
        let Some((state, node)) = self.services.get(sid) else { return "not in the HA manager".to_owned() };
        let runs = self.running.get(sid) == Some(node);
        match state.as_str() {
            "started" if !runs => format!("started on {node}, and the guest does not run"),
            _ => place(state, node),
        }
    }

    /// Whether no service is on its way, starts, or waits on a node that is gone.
    pub(super) fn is_at_rest(&self) -> bool {
        self.services.iter().all(|(sid, (state, node))| match state.as_str() {
            "started" => self.is_member(node) && self.running.get(sid) == Some(node),
            "stopped" => self.is_member(node),
            "freeze" | "error" => true,
            _ => false,
        })
    }

    /// What has changed since `before`, at `time`.
    pub(super) fn changes(&self, before: &Self, time: i64) -> Vec<Event> {
        let mut events = Vec::new();
        let mut add = |kind, subject: &str, from: Option<&str>, to: Option<&str>, text: String| {
            let owned = |text: Option<&str>| text.map(str::to_owned);
            events.push(Event { time, kind, subject: subject.to_owned(), from: owned(from), to: owned(to), text });
        };
        if self.quorate != before.quorate {
            let text = if self.quorate { "The cluster has quorum again." } else { "The cluster has lost quorum." };
            add(Kind::Quorum, "cluster", None, None, text.to_owned());
        }
        for (node, is_member) in &self.members {
            if before.members.get(node).is_some_and(|was| was != is_member) {
                let (kind, text) = match is_member {
                    true => (Kind::Back, format!("{node} is a member of the cluster again.")),
                    false => (Kind::Left, format!("{node} has left the cluster.")),
                };
                add(kind, node, None, None, text);
            }
        }
        if self.master != before.master {
            let master = self.master.as_deref();
            let text = format!("The master of the HA manager is {}.", master.unwrap_or("unknown"));
            add(Kind::Master, "HA manager", before.master.as_deref(), master, text);
        }
        for (node, state) in &self.nodes {
            let was = before.nodes.get(node);
            if was != Some(state) {
                let text = format!("The HA manager has {node} in the state {state}.");
                add(Kind::NodeState, node, was.map(String::as_str), Some(state), text);
            }
        }
        for (sid, (state, node)) in &self.services {
            let was = before.services.get(sid).map(|(state, node)| place(state, node));
            let now = place(state, node);
            if was.as_ref() != Some(&now) {
                add(Kind::Service, sid, was.as_deref(), Some(&now), format!("{sid}: {now}."));
            }
        }
        for sid in before.running.keys().chain(self.running.keys()).collect::<BTreeSet<_>>() {
            let (was, now) = (before.running.get(sid).map(String::as_str), self.running.get(sid).map(String::as_str));
            if was != now {
                let text = match (was, now) {
                    (_, Some(node)) => format!("{sid}: the guest runs on {node}."),
                    (_, None) => format!("{sid}: the guest does not run."),
                };
                add(Kind::Guest, sid, was, now, text);
            }
        }
        events
    }
}

/// A place in words.
pub(super) fn place(state: &str, node: &str) -> String {
    format!("{state} on {node}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn observed(pve2: i64, state: &str, node: &str, runs: bool) -> Observation {
        let members = [
            json!({"type": "cluster", "quorate": 1}),
            json!({"type": "node", "name": "pve1", "online": 1, "local": 1}),
            json!({"type": "node", "name": "pve2", "online": pve2}),
        ];
        let status = json!({"manager_status": {"master_node": "pve1", "timestamp": 7,
            "node_status": {"pve1": "online", "pve2": if pve2 == 1 { "online" } else { "unknown" }},
            "service_status": {"vm:100": {"state": state, "node": node}}}});
        let guest =
            json!({"type": "qemu", "vmid": 100, "node": node, "status": if runs { "running" } else { "stopped" }});
        Observation::of(&members, &status, &[guest])
    }

    #[test]
    fn changes_are_named_once_each() {
        let (before, after) = (observed(1, "started", "pve2", true), observed(0, "fence", "pve2", false));
        let changes = after.changes(&before, 5);
        let kinds: Vec<Kind> = changes.iter().map(|event| event.kind).collect();
        assert_eq!(kinds, [Kind::Left, Kind::NodeState, Kind::Service, Kind::Guest]);
        assert_eq!(changes[2].to.as_deref(), Some("fence on pve2"));
        assert!(after.changes(&after, 6).is_empty());
    }

    #[test]
    fn a_service_is_in_its_place_when_its_guest_runs_on_a_member() {
        assert!(observed(1, "started", "pve2", true).is_at_rest());
        assert!(!observed(1, "started", "pve2", false).is_at_rest());
        assert!(!observed(0, "started", "pve2", true).is_at_rest());
        assert!(!observed(1, "recovery", "pve2", false).is_at_rest());
        assert!(observed(1, "error", "pve2", false).is_at_rest());
        assert_eq!(observed(1, "started", "pve1", true).place("vm:100"), "started on pve1");
        assert_eq!(
            observed(1, "started", "pve1", false).place("vm:100"),
            "started on pve1, and the guest does not run"
        );
    }
}
