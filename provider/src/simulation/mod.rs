//! Predicts the effects of failures on the cluster as it is, or as a plan will make it.
//!
//! This layer only ever computes: answers of Proxmox in, verdicts and words out. It asks for nothing, and takes the time as
//! an argument. [`pve_ha_manager`] alone decides where services go.

pub mod balance;
mod config;
mod course;
mod disks;
mod failures;
mod fates;
pub mod live;
mod markdown;
pub mod nouns;
pub mod page;
mod question;
mod replicas;
mod status;
mod summary;
#[cfg(test)]
pub(crate) mod testing;
mod unknown;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use pve_schemas::HaResource;
use pve_schemas::data::failover_simulation::{FailoverSimulationArguments, Placed, Scenario, Worst};

use pve_ha_manager::config::{Config, Name, Requested};
use pve_ha_manager::forecast::Forecast;
use pve_ha_manager::service::State;
use pve_ha_manager::status::Status;
use pve_ha_manager::usage::{Bystander, Capacity, Size};

pub use config::HaConfig;
pub use course::{Course, Foreseen, Outage, course};
pub use disks::{Disk, usable_on};
use live::{Guest, NodeFact, SimulatedCluster};
pub use markdown::{plain, with_code};
pub use question::{Answered, Question};
pub use replicas::{Replica, ReplicaState};
pub use status::read as manager_status;
use summary::Summary;
pub use summary::problems;
#[cfg(test)]
use summary::worst;
pub use unknown::{Affects, Unknown};

/// What came out, but for the page.
#[derive(Debug, Clone, PartialEq)]
pub struct Simulated {
    /// The failures, where they are kept.
    pub scenarios: Vec<Scenario>,
    /// Why not every failure is survived, a line for each problem.
    pub problems: Vec<String>,
    /// The failure that does the most harm.
    pub worst: Option<Worst>,
    /// Where services are without any.
    pub placement: Vec<Placed>,
    /// Further notes.
    pub notes: Vec<String>,
    /// All of it as Markdown.
    pub markdown: String,
}

/// An argument that does not fit this cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidArgument {
    pub argument: &'static str,
    /// Why, and what to pass instead.
    pub problem: String,
}

/// Failures to be played, one after the other: there may be hundreds, and the caller may stop between two.
pub struct Simulation<'a> {
    failures: std::vec::IntoIter<BTreeSet<Name>>,
    predictor: fates::Predictor<'a>,
    config: Arc<Config>,
    forecast: Forecast,
    summary: Summary,
}

impl<'a> Simulation<'a> {
    /// Every failure that is asked for, none of them played yet.
    ///
    /// # Errors
    /// Says which argument does not fit this cluster.
    pub fn new(live: &'a SimulatedCluster, arguments: &FailoverSimulationArguments) -> Result<Self, InvalidArgument> {
        let failures = failures::selected(live, arguments)?;
        let ha_config = live.config.clone().with(&arguments.plans, live.mode)?;
        let config = Arc::new(ha_config.config(live.mode, &live.crs));
        let unknown = unknown(live, &ha_config);
        let managed = managed(&config);
        let status = status::of(live);
        let forecast = forecast(live, &config, &status);
        let predictor = fates::Predictor {
            live,
            managed,
            before: forecast.now().map(|now| (now.sid().to_string(), (now.node.to_string(), now.state()))).collect(),
            most_memory: most_memory(arguments),
            disarm: status.disarm,
            unknown,
        };
        Ok(Self { failures: failures.into_iter(), predictor, config, forecast, summary: Summary::default() })
    }

    /// Plays the next failure; none when all have been played. It need not be kept: the summary is.
    pub fn play_next(&mut self) -> Option<Scenario> {
        let failed = self.failures.next()?;
        let scenario = self.predictor.scenario(&failed, &self.forecast);
        self.summary.add(&scenario);
        Some(scenario)
    }

    /// What came out of the failures that were played, none of which is kept here.
    pub fn finish(self) -> Simulated {
        let placement = placement(&self.predictor);
        let notes = notes(&self.predictor, &self.forecast, &self.config);
        let markdown = markdown::render(&self.summary, &notes);
        let worst = self.summary.worst();
        Simulated { scenarios: Vec::new(), problems: self.summary.problems, worst, placement, notes, markdown }
    }
}

/// What the HA manager does with the services of a node in maintenance.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Departures {
    /// The node that each service moves to, by HA resource id.
    pub leaving: BTreeMap<String, String>,
    /// Services that stay active on the node.
    pub staying: BTreeSet<String>,
}

/// Where the services of `node` go when it is put into maintenance.
pub fn departures(live: &SimulatedCluster, node: &str) -> Departures {
    let config = Arc::new(live.config.config(live.mode, &live.crs));
    let forecast = forecast(live, &config, &status::of(live));
    let here: BTreeSet<&Name> =
        forecast.now().filter(|now| **now.node == *node && is_active(now.state())).map(|now| now.sid()).collect();
    let outcome = forecast.maintenance(&node.into());
    let mut departures = Departures::default();
    for service in outcome.services().filter(|service| here.contains(service.sid())) {
        let sid = service.sid().to_string();
        if **service.node == *node {
            departures.staying.insert(sid);
        } else {
            departures.leaving.insert(sid, service.node.to_string());
        }
    }
    departures
}

/// Where the services are once the HA manager has done what it would do anyway, such as after the end of a maintenance.
pub fn converged(live: &SimulatedCluster) -> BTreeMap<String, String> {
    let config = Arc::new(live.config.config(live.mode, &live.crs));
    let forecast = forecast(live, &config, &status::of(live));
    forecast.now().map(|now| (now.sid().to_string(), now.node.to_string())).collect()
}

/// Whether a service in this state keeps its node from being empty.
fn is_active(state: State) -> bool {
    !matches!(state, State::Stopped | State::Freeze | State::Error)
}

fn forecast(live: &SimulatedCluster, config: &Arc<Config>, status: &Status) -> Forecast {
    let guests: BTreeMap<Name, Name> =
        live.guests.values().map(|guest| (guest.sid.as_str().into(), guest.node.as_str().into())).collect();
    let capacity = live.crs.weighs().then(|| capacity(live));
    Forecast::converged(status, config.clone(), capacity, bystanders(live, config), &guests)
}

/// How much of a node's memory may be promised, in percent.
fn most_memory(arguments: &FailoverSimulationArguments) -> i64 {
    arguments.max_memory_percent.unwrap_or(100)
}

/// What is simulated, in a word.
pub fn id(arguments: &FailoverSimulationArguments) -> String {
    match (&arguments.failed_nodes, arguments.depth) {
        (Some(nodes), _) => nodes.iter().map(ToString::to_string).collect::<Vec<_>>().join("+"),
        (None, Some(2)) => "every-pair".to_owned(),
        (None, _) => "every-node".to_owned(),
    }
}

fn placement(predictor: &fates::Predictor<'_>) -> Vec<Placed> {
    let placed = predictor.before.iter().map(|(sid, (node, state))| Placed {
        sid: sid.clone(),
        name: predictor.live.guests.get(sid).and_then(|guest| guest.name.clone()),
        node: node.clone(),
        state: fates::service_state(*state),
    });
    let mut placed: Vec<Placed> = placed.collect();
    placed.sort_by_key(|placed| natural(&placed.sid));
    placed
}

/// HA resources whose failover is unknown, and why.
fn unknown(live: &SimulatedCluster, ha_config: &HaConfig) -> BTreeMap<String, String> {
    let mut unknown = ha_config.unknown.clone();
    unknown.add_services(&live.manager);
    let why = |(sid, resource): (&String, &HaResource)| {
        let group = resource.group.as_ref().map(|group| group.as_str());
        Some((sid.clone(), unknown.why(sid, group)?))
    };
    ha_config.resources.iter().filter_map(why).collect()
}

/// The HA resources that are not ignored.
fn managed(config: &Config) -> BTreeSet<Name> {
    let not_ignored = config.resources.iter().filter(|(_, resource)| resource.state != Requested::Ignored);
    not_ignored.map(|(sid, _)| sid.clone()).collect()
}

/// Running guests that are not HA resources, where the HA manager counts them.
fn bystanders(live: &SimulatedCluster, config: &Config) -> Vec<Bystander> {
    if !live.counts_bystanders {
        return Vec::new();
    }
    let managed = managed(config);
    let running = live.guests.values().filter(|guest| guest.running && !managed.contains(guest.sid.as_str()));
    running.map(|guest| Bystander { node: guest.node.as_str().into(), size: size(guest) }).collect()
}

fn capacity(live: &SimulatedCluster) -> Arc<Capacity> {
    let node = |node: &NodeFact| Some(Size { cpu: node.cpus?, mem: node.memory? });
    Arc::new(Capacity {
        nodes: live.nodes.iter().filter_map(|n| Some((n.name.as_str().into(), node(n)?))).collect(),
        services: live.guests.values().map(|guest| (guest.sid.as_str().into(), size(guest))).collect(),
    })
}

fn size(guest: &Guest) -> Size {
    Size { cpu: guest.cpus, mem: guest.memory }
}

fn notes(predictor: &fates::Predictor<'_>, forecast: &Forecast, config: &Config) -> Vec<String> {
    let live = predictor.live;
    let mut notes = Vec::new();
    if live.crs.is_dynamic() {
        notes.push(
            "the scheduler is dynamic and uses measured loads; it is simulated as static, so the choice among equal \
             nodes may differ"
                .to_owned(),
        );
    }
    if let Some(words) = predictor.disarm_words() {
        notes.push(format!("{words}: no node is fenced, nothing is recovered"));
    }
    let down: Vec<&str> = live.nodes.iter().filter(|node| !node.online).map(|node| node.name.as_str()).collect();
    if !down.is_empty() {
        notes.push(format!("already offline: {}", down.join(", ")));
    }
    notes.extend(live.config.unknown.lines());
    for (rule, why) in forecast.dropped_rules() {
        notes.push(format!("the HA manager ignores rule '{rule}': {}", why.join(", ")));
    }
    for (sid, (node, state)) in &predictor.before {
        match state {
            State::Error => notes.push(format!("{sid} is in the error state on {node}: no failure changes that")),
            State::Recovery | State::Fence => notes.push(format!("{sid} is lost already: no node can run it")),
            _ => {}
        }
    }
    for (sid, resource) in &config.resources {
        if resource.state != Requested::Ignored && !predictor.before.contains_key(&**sid) {
            notes.push(format!("{sid} is left out: there is no such guest yet"));
        }
    }
    notes.extend(disks::traps(live, predictor.before.keys()));
    notes
}

/// What ids are ordered by: their digits as numbers.
pub(crate) fn natural(id: &str) -> (String, u64) {
    let (kind, number) = id.split_once(':').unwrap_or(("", id));
    (kind.to_owned(), number.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests;
