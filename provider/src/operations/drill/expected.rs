//! What a drill is expected to lead to, and what was found.

use std::collections::{BTreeMap, BTreeSet};

use pve_schemas::data::failover_simulation::ServiceState;
use serde::Serialize;

use super::evidence::{Event, Kind};
use super::observation::{Observation, place};
use crate::simulation::Foreseen;

/// A part of a drill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Phase {
    /// The node is out of service, or the guests are on the other node.
    Outage,
    /// The node is back, or the guests are.
    Return,
    /// From the beginning to the end.
    Whole,
}

impl Phase {
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Outage => "during the outage",
            Self::Return => "after the return",
            Self::Whole => "the whole drill",
        }
    }
}

/// One expectation: a testcase of the evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Expectation {
    pub(super) phase: Phase,
    /// An HA resource, a node, or the cluster.
    pub(super) subject: String,
    pub(super) predicted: String,
    /// The rule that leads there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) why: Option<String>,
    /// Nothing where the drill did not come to it.
    pub(super) found: Option<String>,
    /// Whether it was found as predicted; nothing where the drill did not come to it.
    pub(super) equal: Option<bool>,
}

/// Where the services are in a phase.
pub(super) type Places = BTreeMap<String, Foreseen>;

/// A prediction for the whole drill.
#[derive(Debug, Clone)]
pub(super) struct Prediction {
    pub(super) node: Option<String>,
    /// What is expected in each phase, of every service.
    pub(super) places: BTreeMap<Phase, Places>,
    /// The HA resources that the drill affects.
    pub(super) affected: BTreeSet<String>,
    /// The rest of what is expected.
    pub(super) facts: Vec<Fact>,
}

/// What is expected of the cluster, beside the places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fact {
    /// The node leaves the membership.
    Leaves,
    /// The HA manager fences the node.
    Fenced,
    /// The node is in service in the end.
    Back,
    /// Quorum is kept.
    Quorum,
    /// No other guest moves or stops.
    Others,
    /// The guests run all the time.
    NeverStops,
    /// No guest is down for longer than so many seconds.
    Downtime(i64),
}

impl Prediction {
    /// Whether every service is where the phase expects it.
    pub(super) fn is_reached(&self, phase: Phase, now: &Observation) -> bool {
        self.places.get(&phase).is_none_or(|places| places.iter().all(|(sid, to)| now.place(sid) == words(to)))
    }

    /// The expectations, none of them tried yet.
    pub(super) fn expectations(&self) -> Vec<Expectation> {
        let open = |phase, subject: &str, predicted: String, why: Option<String>| Expectation {
            phase,
            subject: subject.to_owned(),
            predicted,
            why,
            found: None,
            equal: None,
        };
        let node = self.node.as_deref().unwrap_or("the node");
        let mut all = Vec::new();
        for (phase, places) in &self.places {
            let affected = places.iter().filter(|(sid, _)| self.affected.contains(*sid));
            all.extend(affected.map(|(sid, to)| open(*phase, sid, words(to), to.why.clone())));
        }
        all.extend(self.facts.iter().map(|fact| match fact {
            Fact::Leaves => open(Phase::Outage, node, "leaves the cluster".to_owned(), None),
            Fact::Fenced => open(Phase::Outage, node, "is fenced by the HA manager".to_owned(), None),
            Fact::Back => open(Phase::Return, node, "is in service again".to_owned(), None),
            Fact::Quorum => open(Phase::Whole, "cluster", "keeps quorum".to_owned(), None),
            Fact::Others => open(Phase::Whole, "other guests", "stay as they are".to_owned(), None),
            Fact::NeverStops => open(Phase::Whole, "the guests", "run all the time".to_owned(), None),
            Fact::Downtime(most) => open(Phase::Whole, "the guests", format!("are down for at most {most} s"), None),
        }));
        all
    }

    /// Enters what was found at the end of a phase.
    pub(super) fn judge(&self, phase: Phase, now: &Observation, log: &[Event], all: &mut [Expectation]) {
        let node = self.node.as_deref().unwrap_or_default();
        for one in all.iter_mut().filter(|one| one.phase == phase) {
            let Some(places) = self.places.get(&phase) else { continue };
            if places.contains_key(&one.subject) {
                one.enter(now.place(&one.subject), |found, predicted| found == predicted);
            }
        }
        let affected = |event: &&Event| self.affected.contains(&event.subject);
        for fact in &self.facts {
            let (of, predicted, found) = match fact {
                Fact::Leaves => (Phase::Outage, "leaves the cluster", left(log, node, now)),
                Fact::Fenced => (Phase::Outage, "is fenced by the HA manager", self.unfenced(log, node)),
                Fact::Back => (Phase::Return, "is in service again", back(node, now)),
                Fact::Quorum => {
                    let lost = !now.quorate || log.iter().any(|event| event.kind == Kind::Quorum);
                    (Phase::Whole, "keeps quorum", lost.then(|| "lost quorum".to_owned()))
                }
                Fact::Others => {
                    let moved = log.iter().filter(|event| {
                        matches!(event.kind, Kind::Service | Kind::Guest) && !self.affected.contains(&event.subject)
                    });
                    let moved: BTreeSet<&str> = moved.map(|event| event.subject.as_str()).collect();
                    let found = format!("changed: {}", moved.iter().copied().collect::<Vec<_>>().join(", "));
                    (Phase::Whole, "stay as they are", (!moved.is_empty()).then_some(found))
                }
                Fact::NeverStops => {
                    let stopped =
                        log.iter().filter(affected).find(|event| event.kind == Kind::Guest && event.to.is_none());
                    (Phase::Whole, "run all the time", stopped.map(|event| event.text.clone()))
                }
                Fact::Downtime(most) => {
                    let long = downtimes(log, node, &self.affected).into_iter().filter(|(_, time)| time > most);
                    let long: Vec<String> = long.map(|(sid, time)| format!("{sid} was down for {time} s")).collect();
                    (Phase::Whole, "are down for at most", (!long.is_empty()).then(|| long.join(", ")))
                }
            };
            for one in
                all.iter_mut().filter(|one| of == phase && one.phase == of && one.predicted.starts_with(predicted))
            {
                let as_predicted = one.predicted.clone();
                one.enter(found.clone().unwrap_or(as_predicted), |found, predicted| found == predicted);
            }
        }
    }
}

impl Prediction {
    /// What was found instead of a node that is fenced. A service is recovered from a fenced node only.
    fn unfenced(&self, log: &[Event], node: &str) -> Option<String> {
        let is_fenced = fence(log, node).is_some() || recovery(log, node, &self.affected).is_some();
        (!is_fenced).then(|| "was not fenced".to_owned())
    }
}

impl Expectation {
    fn enter(&mut self, found: String, equal: impl Fn(&str, &str) -> bool) {
        self.equal = Some(equal(&found, &self.predicted));
        self.found = Some(found);
    }

    /// In one line.
    pub(super) fn title(&self) -> String {
        format!("{} {} {}", self.subject, self.predicted, self.phase.words())
    }
}

/// A foreseen place in words, as [`Observation::place`] has it.
pub(super) fn words(to: &Foreseen) -> String {
    place(to.state.as_str(), &to.node)
}

/// Whether a service in this state runs.
pub(super) fn runs(state: ServiceState) -> bool {
    matches!(state, ServiceState::Started | ServiceState::Freeze)
}

/// The time of the first event of a kind about a subject.
pub(super) fn first(log: &[Event], kind: Kind, subject: &str) -> Option<i64> {
    log.iter().find(|event| event.kind == kind && event.subject == subject).map(|event| event.time)
}

/// What was found instead of a node that leaves.
fn left(log: &[Event], node: &str, now: &Observation) -> Option<String> {
    (first(log, Kind::Left, node).is_none() && now.is_member(node)).then(|| "is a member still".to_owned())
}

/// The time at which the HA manager is found to fence the node. It takes no time that can be observed where the lock of the
/// node has expired already, as after the failure of the master.
pub(super) fn fence(log: &[Event], node: &str) -> Option<i64> {
    let is_fence =
        |event: &&Event| event.kind == Kind::NodeState && event.subject == node && event.to.as_deref() == Some("fence");
    log.iter().find(is_fence).map(|event| event.time)
}

/// The time at which the first service of the node is found on another one.
pub(super) fn recovery(log: &[Event], node: &str, affected: &BTreeSet<String>) -> Option<i64> {
    let is_there = |place: &Option<String>| place.as_ref().is_some_and(|place| place.ends_with(&format!(" on {node}")));
    let is_recovery = |event: &&Event| {
        event.kind == Kind::Service
            && affected.contains(&event.subject)
            && is_there(&event.from)
            && !is_there(&event.to)
    };
    log.iter().find(is_recovery).map(|event| event.time)
}

fn back(node: &str, now: &Observation) -> Option<String> {
    (!now.is_in_service(node)).then(|| "is not in service".to_owned())
}

/// For how many seconds each guest did not run, from the time at which its node left the cluster.
pub(super) fn downtimes(log: &[Event], node: &str, affected: &BTreeSet<String>) -> BTreeMap<String, i64> {
    let Some(left) = first(log, Kind::Left, node) else { return BTreeMap::new() };
    let mut times = BTreeMap::new();
    for sid in affected {
        let mut guest = log.iter().filter(|event| event.kind == Kind::Guest && event.subject == *sid);
        let Some(stop) = guest.find(|event| event.to.as_deref().is_none_or(|to| to != node)) else { continue };
        let started = if stop.to.is_some() { Some(stop) } else { guest.find(|event| event.to.is_some()) };
        if let Some(started) = started {
            times.insert(sid.clone(), started.time - left.min(stop.time));
        }
    }
    times
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(time: i64, kind: Kind, subject: &str, to: Option<&str>) -> Event {
        let to = to.map(str::to_owned);
        Event { time, kind, subject: subject.to_owned(), from: None, to, text: String::new() }
    }

    #[test]
    fn a_guest_is_down_from_the_loss_of_its_node_until_it_runs_elsewhere() {
        let affected = ["vm:1", "vm:2", "vm:3"].map(str::to_owned).into();
        let log = [
            event(5, Kind::Guest, "vm:1", None),
            event(7, Kind::Left, "pve2", None),
            event(90, Kind::Guest, "vm:2", Some("pve1")),
            event(140, Kind::Guest, "vm:1", Some("pve1")),
            event(300, Kind::Guest, "vm:1", Some("pve2")),
            event(310, Kind::Guest, "vm:3", None),
        ];
        let times = downtimes(&log, "pve2", &affected);
        assert_eq!(times, [("vm:1".to_owned(), 135), ("vm:2".to_owned(), 83)].into());
        assert_eq!(downtimes(&log, "pve1", &affected), BTreeMap::new());
    }

    #[test]
    fn guests_that_are_not_affected_and_quorum_are_watched_all_the_time() {
        let prediction = Prediction {
            node: Some("pve2".to_owned()),
            places: BTreeMap::new(),
            affected: ["vm:1".to_owned()].into(),
            facts: vec![Fact::Quorum, Fact::Others, Fact::NeverStops],
        };
        let found = |log: &[Event]| {
            let mut all = prediction.expectations();
            prediction.judge(Phase::Whole, &Observation { quorate: true, ..Observation::default() }, log, &mut all);
            all.iter().map(|one| one.equal.unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(found(&[event(1, Kind::Guest, "vm:1", Some("pve3"))]), [true, true, true]);
        assert_eq!(found(&[event(1, Kind::Guest, "vm:1", None)]), [true, true, false]);
        assert_eq!(found(&[event(1, Kind::Service, "vm:9", Some("fence on pve1"))]), [true, false, true]);
        assert_eq!(found(&[event(1, Kind::Quorum, "cluster", None)]), [false, true, true]);
    }
}
