//! The effects of one failure: on the HA resources, and on the nodes that take them over.

use std::collections::{BTreeMap, BTreeSet};

use pve_schemas::data::failover_simulation::{DiskState, Fate, NodeLoad, Scenario, ServiceState};

use pve_ha_manager::config::Name;
use pve_ha_manager::forecast::{ConvergedService, Forecast};
use pve_ha_manager::service::State;
use pve_ha_manager::status::Disarm;

use super::disks::{self, Disk};
use super::failures::{self, Left};
use super::live::SimulatedCluster;
use super::natural;
use crate::words::{by, counted};

/// The cluster before any failure.
pub(super) struct Predictor<'a> {
    pub(super) live: &'a SimulatedCluster,
    /// The services of the HA manager.
    pub(super) managed: BTreeSet<Name>,
    /// Node and state of each service.
    pub(super) before: BTreeMap<String, (String, State)>,
    /// In percent of what a node has.
    pub(super) most_memory: i64,
    pub(super) disarm: Option<Disarm>,
    /// The HA resources of which nothing can be said, and why.
    pub(super) unknown: BTreeMap<String, String>,
}

/// Where a service is after a failure, if it runs.
type Running<'a> = BTreeMap<&'a str, &'a str>;

impl Predictor<'_> {
    /// That HA is switched off, or about to be; none where it is neither.
    pub(super) fn disarm_words(&self) -> Option<&'static str> {
        self.disarm.map(|disarm| if disarm.done { "HA is disarmed" } else { "HA is being disarmed" })
    }

    pub(super) fn scenario(&self, failed: &BTreeSet<Name>, forecast: &Forecast) -> Scenario {
        let left = failures::left(self.live, failed);
        let outcome = forecast.node_failure(failed);
        let converged: Vec<ConvergedService<'_>> = outcome.services().collect();
        let mut services: Vec<Fate> = if left.quorate == Some(false) {
            self.before.iter().filter_map(|(sid, before)| self.without_quorum(sid, before)).collect()
        } else {
            converged.iter().filter_map(|service| self.fate(service, failed)).collect()
        };
        services.sort_by_key(|fate| natural(&fate.sid));
        let running: Running<'_> = if left.quorate == Some(false) {
            Running::new()
        } else {
            let runs = converged.iter().filter(|s| runs(s.state()));
            runs.map(|s| (&**s.sid(), &**s.node)).collect()
        };
        let nodes = self.loads(failed, &running);
        let names: Vec<String> = failed.iter().map(ToString::to_string).collect();
        let problems = self.problems(&left, &services, &nodes);
        Scenario {
            name: names.join("+"),
            failed_nodes: names,
            survived: problems.is_empty(),
            quorate: left.quorate,
            votes: left.votes,
            needed_votes: left.needed,
            expected_votes: left.expected,
            services,
            nodes,
            problems,
        }
    }

    /// HA does nothing then, and each node that runs services resets itself.
    fn without_quorum(&self, sid: &str, (node, state): &(String, State)) -> Option<Fate> {
        runs(*state).then(|| Fate {
            sid: sid.to_owned(),
            from: node.clone(),
            to: None,
            state: ServiceState::Stopped,
            reason: "no quorum is left".to_owned(),
            disk: None,
            disk_detail: None,
            problem: Some("stops, and is not recovered".to_owned()),
        })
    }

    /// Nothing for a service that stays as it is.
    fn fate(&self, service: &ConvergedService<'_>, failed: &BTreeSet<Name>) -> Option<Fate> {
        let sid = service.sid();
        let (from, before) = self.before.get(&**sid)?;
        let hit = failed.iter().any(|node| **node == **from);
        let lands = self.is_alive(service.node, failed);
        let same = **service.node == *from.as_str() && service.state() == *before;
        if same && !hit {
            return None;
        }
        if let Some(why) = self.unknown.get(&**sid) {
            return Some(unpredictable(sid, from, why));
        }
        let ran = runs(*before);
        let to = lands.then(|| service.node.to_string());
        let disk = match (&to, hit) {
            (Some(_), false) => Some(Disk::new(DiskState::Moved, "moves with it while it runs")),
            (Some(node), true) => disks::of_service(self.live, sid, node),
            (None, _) => None,
        };
        let problem = match (&to, &disk) {
            _ if !ran => None,
            (None, _) => Some(if self.disarm.is_some() { "not recovered" } else { "can't be placed" }.to_owned()),
            (Some(_), _) if !runs(service.state()) => Some(format!("ends in the state {}", service.state().as_str())),
            (Some(node), Some(Disk { status: DiskState::Missing, .. })) => Some(format!("can't start on {node}")),
            (Some(node), Some(Disk { status: DiskState::Unknown, .. })) => Some(format!("may not start on {node}")),
            _ => None,
        };
        let (disk, disk_detail) = disk.map(|disk| (disk.status, disk.detail)).unzip();
        Some(Fate {
            sid: sid.to_string(),
            from: from.clone(),
            to,
            state: service_state(service.state()),
            reason: self.reason(service, *before),
            disk,
            disk_detail,
            problem,
        })
    }

    fn reason(&self, service: &ConvergedService<'_>, before: State) -> String {
        let reasons: Vec<&str> = service.decisions().iter().map(|decision| decision.reason.as_str()).collect();
        if !reasons.is_empty() {
            return reasons.join(", then ");
        }
        if let Some(words) = self.disarm_words() {
            return words.to_owned();
        }
        match before {
            State::Error => "services in the error state are not recovered".to_owned(),
            State::Stopped => "it is stopped, and stays where it is".to_owned(),
            _ => "the HA manager leaves it as it is".to_owned(),
        }
    }

    fn loads(&self, failed: &BTreeSet<Name>, running: &Running<'_>) -> Vec<NodeLoad> {
        let memory = |sid: &str| self.live.guests.get(sid).map_or(0, |guest| guest.memory);
        let load = |node: &super::live::NodeFact| {
            let alone =
                self.live.guests.values().filter(|guest| {
                    guest.running && guest.node == node.name && !self.managed.contains(guest.sid.as_str())
                });
            let alone: u64 = alone.map(|guest| guest.memory).sum();
            let started = self.before.iter().filter(|(_, (at, state))| *at == node.name && runs(*state));
            let before: Vec<u64> = started.map(|(sid, _)| memory(sid)).collect();
            let here = running.iter().filter(|(_, at)| **at == node.name);
            let after: Vec<u64> = here.map(|(sid, _)| memory(sid)).collect();
            let gone = !self.is_alive(&node.name, failed);
            let total = |of: &[u64]| i64::try_from(of.iter().sum::<u64>() + alone).unwrap_or(i64::MAX);
            let mut load = NodeLoad {
                name: node.name.clone(),
                failed: gone,
                services_before: before.len() as i64,
                services_after: if gone { 0 } else { after.len() as i64 },
                memory_before: total(&before),
                memory_after: if gone { 0 } else { total(&after) },
                memory_total: node.memory.and_then(|bytes| bytes.try_into().ok()),
                overcommitted: false,
            };
            let grew = load.memory_after > load.memory_before;
            load.overcommitted = grew && load.percent_after().is_some_and(|percent| percent > self.most_memory);
            load
        };
        self.live.nodes.iter().map(load).collect()
    }

    fn problems(&self, left: &Left, services: &[Fate], nodes: &[NodeLoad]) -> Vec<String> {
        let number = |votes: Option<i64>| votes.map_or("an unknown number".to_owned(), |votes| votes.to_string());
        if left.quorate == Some(false) {
            let [votes, needed] = [left.votes, left.needed].map(number);
            let expected =
                left.expected.map_or("an unknown number of votes".to_owned(), |votes| counted(votes, "vote"));
            let stopped = services.len();
            return vec![format!(
                "no quorum ({votes} of {expected} left, {needed} needed): nothing is recovered, and nodes that run HA \
                 resources reset themselves; {} {}",
                counted(stopped, "HA resource"),
                by(&stopped, "stops", "stop")
            )];
        }
        let mut problems = Vec::new();
        if left.quorate.is_none() {
            problems.push("the API does not report enough to derive the quorum of the rest".to_owned());
        }
        for fate in services {
            let Some(problem) = &fate.problem else { continue };
            let why = match (&fate.to, &fate.disk_detail) {
                (Some(_), Some(detail)) => detail,
                _ => &fate.reason,
            };
            problems.push(format!("{} {problem}: {why}", fate.sid));
        }
        for node in nodes.iter().filter(|node| node.overcommitted) {
            problems.push(format!(
                "{} has {} % of its memory promised to running guests ({} of {}); the limit is {} %",
                node.name,
                node.percent_after().unwrap_or_default(),
                gib(node.memory_after),
                gib(node.memory_total.unwrap_or_default()),
                self.most_memory,
            ));
        }
        problems
    }

    fn is_alive(&self, node: &str, failed: &BTreeSet<Name>) -> bool {
        let online = self.live.is_online(node);
        online && !failed.iter().any(|failed| **failed == *node)
    }
}

/// Its target is unknown, and an unknown target doesn't count as survived.
fn unpredictable(sid: &str, from: &str, why: &str) -> Fate {
    Fate {
        sid: sid.to_owned(),
        from: from.to_owned(),
        to: None,
        state: ServiceState::Unknown,
        reason: why.to_owned(),
        disk: None,
        disk_detail: None,
        problem: Some("can't be predicted".to_owned()),
    }
}

/// The state as the result has it.
pub(super) fn service_state(state: State) -> ServiceState {
    match state {
        State::Stopped => ServiceState::Stopped,
        State::RequestStop => ServiceState::RequestStop,
        State::RequestStart => ServiceState::RequestStart,
        State::RequestStartBalance => ServiceState::RequestStartBalance,
        State::Started => ServiceState::Started,
        State::Fence => ServiceState::Fence,
        State::Recovery => ServiceState::Recovery,
        State::Migrate => ServiceState::Migrate,
        State::Relocate => ServiceState::Relocate,
        State::Freeze => ServiceState::Freeze,
        State::Error => ServiceState::Error,
    }
}

/// Whether the guest runs. A frozen service is left as it was.
fn runs(state: State) -> bool {
    matches!(state, State::Started | State::Freeze)
}

/// A size for people.
pub(super) fn gib(bytes: i64) -> String {
    let gib = bytes as f64 / f64::from(1 << 30);
    if gib >= 10.0 { format!("{gib:.0} GiB") } else { format!("{gib:.1} GiB") }
}
