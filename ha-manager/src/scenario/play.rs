//! Plays a scenario and compares the result with Proxmox's.

use std::collections::BTreeMap;

use crate::command::Command;
use crate::config::Config;
use crate::testbed::Testbed;

use super::Difference;
use super::case::{BalancingMove, CaseError, Event, EventKind, Place, Placement, ScenarioCase};

/// Seconds after which the manager's role is handed on, where it was.
const HANDOVER_AFTER: i64 = 100;

/// Plays a scenario from the very beginning; returns the differences from Proxmox's answer, and the log of the managers.
///
/// # Errors
/// When the scenario uses a word that is unknown.
pub fn play(case: &ScenarioCase) -> Result<(Vec<Difference>, Vec<String>), CaseError> {
    // A scenario doesn't say who was the first manager: the first node by name, or the next one after the role was
    // handed on.
    let mut first = Play::new(case)?;
    first.run(false);
    if first.differences.is_empty() {
        return Ok(first.outcome());
    }
    let mut second = Play::new(case)?;
    second.run(true);
    Ok(if second.differences.len() < first.differences.len() { second.outcome() } else { first.outcome() })
}

struct Play<'a> {
    case: &'a ScenarioCase,
    testbed: Testbed,
    convergence_time: i64,
    differences: Vec<Difference>,
}

impl<'a> Play<'a> {
    fn new(case: &'a ScenarioCase) -> Result<Self, CaseError> {
        let testbed = Testbed::new(case.setup(), case.config()?);
        let convergence_time = if case.has_start_failures() { 1100 } else { 650 };
        Ok(Self { case, testbed, convergence_time, differences: Vec::new() })
    }

    fn run(&mut self, hand_over: bool) {
        self.prepare(hand_over);
        self.finish();
    }

    fn outcome(self) -> (Vec<Difference>, Vec<String>) {
        (self.differences, self.testbed.log().to_vec())
    }

    /// Everything before the event that is asked about.
    fn prepare(&mut self, hand_over: bool) {
        for node in self.case.node_names() {
            self.testbed.power_on(node);
        }
        if hand_over {
            self.testbed.advance(HANDOVER_AFTER);
            let master = self.master();
            self.testbed.restart_crm(&master);
        }
        self.testbed.advance(self.convergence_time);
        for (number, earlier) in self.case.history.iter().enumerate() {
            self.compare_placement(&format!("history {number}"), &earlier.before);
            self.happen(&earlier.event);
            self.testbed.advance(self.convergence_time);
        }
    }

    fn finish(&mut self) {
        self.compare_placement("steady", &self.case.steady);
        self.compare_cluster("steady", &self.case.nodes_steady, &self.case.master, self.case.quorate_steady);
        self.compare_dropped();
        if !self.case.quorate_steady {
            for node in self.case.node_names() {
                self.testbed.power_off(node);
            }
        }
        self.compare_imbalance("steady", self.case.imbalance_steady);
        let logged = self.testbed.log().len();
        if self.case.event.kind == EventKind::AutoRebalanceOn {
            self.balance();
        } else {
            self.happen(&self.case.event);
            self.testbed.advance(self.convergence_time);
        }
        self.compare_imbalance("after", self.case.imbalance_after);
        self.compare_messages(logged);
        self.compare_placement("after", &self.case.after);
        self.compare_cluster(
            "after",
            &self.case.nodes_after,
            self.case.master_after.as_ref().unwrap_or(&self.case.master),
            self.case.quorate_after,
        );
    }

    fn master(&self) -> String {
        self.testbed.status().master_node.as_deref().unwrap_or_default().to_owned()
    }

    fn happen(&mut self, event: &Event) {
        if event.kind == EventKind::Command {
            let line = event.line();
            match line.parse() {
                Ok(command) => self.testbed.command(command),
                Err(_) => self.compare("event", "command", "a command", &line),
            }
        }
        for node in &event.nodes {
            match event.kind {
                EventKind::NodeFailure if event.how.as_deref() == Some("network") => self.testbed.cut_network(node),
                EventKind::NodeFailure => self.testbed.power_off(node),
                EventKind::Maintenance => self.testbed.command(Command::EnableMaintenance(node.as_str().into())),
                EventKind::Shutdown => self.testbed.shut_down(node, false),
                EventKind::Reboot => self.testbed.shut_down(node, true),
                EventKind::Return if event.from.as_deref() == Some("maintenance") => {
                    self.testbed.command(Command::DisableMaintenance(node.as_str().into()));
                }
                EventKind::Return => self.testbed.power_on(node),
                // It is not about nodes.
                EventKind::Command | EventKind::AutoRebalanceOn => {}
            }
        }
    }

    /// Switches the balancer on, and compares its moves of so many rounds.
    fn balance(&mut self) {
        let config = Config { balancing: Some(self.case.balancing()), ..self.testbed.config().clone() };
        self.testbed.configure(config);
        let mut found = Vec::new();
        for round in 1..=self.case.event.rounds {
            let logged = self.testbed.log().len();
            self.testbed.round();
            let lines = self.testbed.log()[logged..].iter().filter(|line| line.contains("auto rebalance - "));
            let texts = lines.filter_map(|line| line.split_once(": "));
            found.extend(texts.map(|(_, text)| format!("round {round}: {text}")));
        }
        let expected: Vec<String> = self.case.moves.iter().flatten().map(BalancingMove::line).collect();
        self.compare("after", "moves", &expected.join("\n"), &found.join("\n"));
    }

    fn compare_imbalance(&mut self, reading: &str, expected: Option<f64>) {
        let Some(expected) = expected else { return };
        let found = self.testbed.status().imbalance.map(|found| format!("{found:.9}")).unwrap_or_default();
        self.compare(reading, "imbalance", &format!("{expected:.9}"), &found);
    }

    fn compare_placement(&mut self, reading: &str, expected: &Placement) {
        let found: Vec<(String, Place)> = self.case.service_names().map(|sid| (sid.clone(), self.place(sid))).collect();
        for (sid, mut found) in found {
            if !self.case.reports_the_way_back(reading) {
                found.maintenance_node = None;
            }
            match expected.get(&sid) {
                Some(expected) => self.compare(reading, &sid, &show(expected), &show(&found)),
                None => self.compare(reading, &sid, "nothing", &show(&found)),
            }
        }
    }

    fn place(&self, sid: &str) -> Place {
        match self.testbed.status().services.get(sid) {
            Some(service) => Place {
                node: service.node.to_string(),
                state: service.state.as_str().to_owned(),
                maintenance_node: service.maintenance_node.as_ref().map(ToString::to_string),
            },
            None => Place {
                node: self.testbed.guest_node(sid).map(ToString::to_string).unwrap_or_default(),
                state: "ignored".to_owned(),
                maintenance_node: None,
            },
        }
    }

    fn compare_cluster(&mut self, reading: &str, nodes: &BTreeMap<String, String>, master: &str, quorate: bool) {
        let states: BTreeMap<String, String> = self
            .testbed
            .status()
            .node_status
            .iter()
            .map(|(name, state)| (name.to_string(), state.as_str().to_owned()))
            .collect();
        for (node, expected) in nodes {
            let found = states.get(node).cloned().unwrap_or_default();
            self.compare(reading, &format!("node {node}"), expected, &found);
        }
        let (found, is_quorate) = (self.master(), self.testbed.quorate());
        self.compare(reading, "master", master, &found);
        self.compare(reading, "quorate", &quorate.to_string(), &is_quorate.to_string());
    }

    /// What the managers logged of commands, from a line of the log on.
    fn compare_messages(&mut self, from: usize) {
        let Some(expected) = &self.case.messages else { return };
        let lines = self.testbed.log()[from..].iter();
        let found: Vec<&str> = lines
            .filter(|line| line.contains("crm command"))
            .filter_map(|line| line.split_once(": "))
            .map(|(_, text)| text)
            .collect();
        let found = format!("{found:?}");
        self.compare("after", "messages", &format!("{expected:?}"), &found);
    }

    fn compare_dropped(&mut self) {
        let Some(manager) = self.testbed.manager() else { return };
        let found: BTreeMap<String, Vec<String>> =
            manager.dropped_rules().iter().map(|(rule, texts)| (rule.to_string(), texts.clone())).collect();
        let shown = |dropped: &BTreeMap<String, Vec<String>>| {
            let mut dropped = dropped.clone();
            // The scenarios of the older managers have the reasons in no order.
            if !self.case.has_ordered_reasons() {
                dropped.values_mut().for_each(|texts| {
                    texts.sort();
                    texts.dedup();
                });
            }
            format!("{dropped:?}")
        };
        let (expected, found) = (shown(&self.case.dropped_because), shown(&found));
        self.compare("steady", "dropped rules", &expected, &found);
    }

    fn compare(&mut self, reading: &str, what: &str, expected: &str, found: &str) {
        if expected != found {
            self.differences.push(Difference {
                reading: reading.to_owned(),
                what: what.to_owned(),
                expected: expected.to_owned(),
                found: found.to_owned(),
            });
        }
    }
}

pub(super) fn show(place: &Place) -> String {
    let back = place.maintenance_node.as_ref().map(|node| format!(", back to {node}")).unwrap_or_default();
    format!("{} on {}{back}", place.state, place.node)
}
