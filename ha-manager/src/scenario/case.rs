//! The JSON format of a scenario.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Deserialize;

use crate::balance::Balancing;
use crate::config::{
    Affinity, Config, Engine, Group, Name, NodeAffinity, Policy, Resource, Rule, RuleKind, Scheduler, ShutdownPolicy,
};
use crate::testbed::{Setup, StartFailure};
use crate::usage::{Capacity, Size};

/// One scenario with Proxmox's answer.
#[derive(Debug, Deserialize)]
pub struct ScenarioCase {
    pub id: String,
    pve: u8,
    /// Which manager decided; the one that came with the first releases if it isn't said.
    engine: Option<String>,
    crs: String,
    #[serde(default)]
    rebalance_on_start: bool,
    nodes: BTreeMap<String, Capacities>,
    services: BTreeMap<String, ServiceSpec>,
    #[serde(default)]
    rules: Vec<RuleSpec>,
    #[serde(default)]
    groups: BTreeMap<String, GroupSpec>,
    #[serde(default)]
    pub(super) dropped_because: BTreeMap<String, Vec<String>>,
    /// None in the scenarios of the balancer, in which no node fails.
    shutdown_policy: Option<String>,
    #[serde(default)]
    pub(super) history: Vec<Earlier>,
    pub(super) master: String,
    #[serde(default = "yes")]
    pub(super) quorate_steady: bool,
    pub(super) nodes_steady: BTreeMap<String, String>,
    pub(super) steady: Placement,
    pub(super) event: Event,
    pub(super) after: Placement,
    #[serde(default)]
    pub(super) nodes_after: BTreeMap<String, String>,
    pub(super) master_after: Option<String>,
    #[serde(default = "yes")]
    pub(super) quorate_after: bool,
    /// What the manager logged of a command.
    pub(super) messages: Option<Vec<String>>,
    /// The options of the balancer that the event switches on.
    #[serde(default)]
    crs_options: BTreeMap<String, serde_json::Value>,
    /// What the manager wrote down, and what the balancer moved.
    pub(super) imbalance_steady: Option<f64>,
    pub(super) imbalance_after: Option<f64>,
    pub(super) moves: Option<Vec<BalancingMove>>,
}

/// A move of the balancer.
#[derive(Debug, Deserialize)]
pub(super) struct BalancingMove {
    round: u32,
    command: String,
    service: String,
    target: String,
    imbalance_from: String,
    imbalance_to: String,
}

impl BalancingMove {
    /// The round, and the line that the manager logs.
    pub(super) fn line(&self) -> String {
        let Self { round, command, service, target, imbalance_from, imbalance_to } = self;
        format!(
            "round {round}: auto rebalance - {command} {service} to {target} (expected change for imbalance from \
             {imbalance_from} to {imbalance_to})"
        )
    }
}

/// Where every service is.
pub(super) type Placement = BTreeMap<String, Place>;

/// Where a service is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Place {
    pub(super) node: String,
    pub(super) state: String,
    pub(super) maintenance_node: Option<String>,
}

/// An event before the one that is asked about.
#[derive(Debug, Deserialize)]
pub(super) struct Earlier {
    pub(super) before: Placement,
    pub(super) event: Event,
}

/// Something that happens to nodes, to all of them in the same moment, or an administrator's command.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Event {
    pub(super) kind: EventKind,
    #[serde(default)]
    pub(super) nodes: Vec<String>,
    pub(super) how: Option<String>,
    pub(super) from: Option<String>,
    #[serde(default)]
    command: String,
    #[serde(default)]
    service: String,
    #[serde(default)]
    target: String,
    #[serde(default)]
    pub(super) rounds: u32,
}

impl Event {
    /// The command as a line.
    pub(super) fn line(&self) -> String {
        format!("{} {} {}", self.command, self.service, self.target)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum EventKind {
    NodeFailure,
    Maintenance,
    Shutdown,
    Reboot,
    Return,
    Command,
    AutoRebalanceOn,
}

#[derive(Debug, Deserialize)]
struct Capacities {
    maxcpu: Option<f64>,
    maxmem: Option<u64>,
    /// Measured, of services.
    cpu: Option<f64>,
    mem: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct ServiceSpec {
    node: String,
    state: String,
    max_restart: u32,
    max_relocate: u32,
    failback: Option<bool>,
    auto_rebalance: Option<bool>,
    group: Option<String>,
    #[serde(flatten)]
    size: Capacities,
    #[serde(default)]
    fails_to_start_on: BTreeMap<String, Failing>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Failing {
    Times(u32),
    Always(Always),
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Always {
    Always,
}

#[derive(Debug, Deserialize)]
struct RuleSpec {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    resources: BTreeSet<String>,
    #[serde(default)]
    nodes: BTreeMap<String, u32>,
    #[serde(default)]
    strict: bool,
    affinity: Option<String>,
    #[serde(default)]
    disabled: bool,
}

#[derive(Debug, Deserialize)]
struct GroupSpec {
    nodes: BTreeMap<String, u32>,
    #[serde(default)]
    restricted: bool,
    #[serde(default)]
    nofailback: bool,
}

/// A line that is no scenario.
#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    /// Not of the form.
    #[error("not a placement scenario: {0}")]
    Form(#[from] serde_json::Error),
    /// A word that this runner does not support.
    #[error("{what} '{word}' is unknown")]
    Word { what: &'static str, word: String },
}

impl ScenarioCase {
    /// Reads one line.
    ///
    /// # Errors
    /// When the line does not have the form of a scenario.
    pub fn parse(line: &str) -> Result<Self, CaseError> {
        Ok(serde_json::from_str(line)?)
    }

    /// Whether the reasons of dropped rules are in the order in which the manager logged them.
    pub(super) fn has_ordered_reasons(&self) -> bool {
        self.engine.is_some()
    }

    /// Whether a reading says which services go back to a node that they left for maintenance.
    pub(super) fn reports_the_way_back(&self, reading: &str) -> bool {
        self.engine.is_none() || reading == "steady"
    }

    /// Whether any start fails, which takes longer to converge.
    pub(super) fn has_start_failures(&self) -> bool {
        self.services.values().any(|service| !service.fails_to_start_on.is_empty())
    }

    pub(super) fn setup(&self) -> Setup {
        let failures = self.services.iter().flat_map(|(sid, service)| {
            service.fails_to_start_on.iter().map(move |(node, failing)| {
                let failure = match failing {
                    Failing::Times(times) => StartFailure::Times(*times),
                    Failing::Always(Always::Always) => StartFailure::Always,
                };
                ((name(sid), name(node)), failure)
            })
        });
        Setup {
            nodes: self.nodes.keys().map(|node| name(node)).collect(),
            guests: self.services.iter().map(|(sid, service)| (name(sid), name(&service.node))).collect(),
            start_failures: failures.collect(),
            capacity: self.weighs().then(|| self.capacity()),
            measured: self.measured(),
            round: 20,
        }
    }

    pub(super) fn config(&self) -> Result<Config, CaseError> {
        let resource = |(sid, service): (&String, &ServiceSpec)| Ok((name(sid), service.resource()?));
        let policy = if self.pve >= 9 {
            Policy::Rules(self.rules.iter().map(RuleSpec::rule).collect::<Result<_, _>>()?)
        } else {
            Policy::Groups(self.groups.iter().map(|(id, group)| (name(id), group.group())).collect())
        };
        Ok(Config {
            resources: self.services.iter().map(resource).collect::<Result<_, CaseError>>()?,
            policy,
            scheduler: match &*self.crs {
                "static" => Scheduler::Static,
                "dynamic" => Scheduler::Dynamic,
                _ => Scheduler::Basic,
            },
            balancing: None,
            rebalance_on_start: self.rebalance_on_start,
            shutdown_policy: match self.shutdown_policy.as_deref().unwrap_or("conditional") {
                "conditional" => ShutdownPolicy::Conditional,
                "freeze" => ShutdownPolicy::Freeze,
                "failover" => ShutdownPolicy::Failover,
                "migrate" => ShutdownPolicy::Migrate,
                other => return Err(unknown("shutdown_policy", other)),
            },
            engine: match self.engine.as_deref() {
                None => Engine::V5_2_0,
                Some(engine) if engine.starts_with("ha-manager 5.2.5") => Engine::V5_2_5,
                Some(other) => return Err(unknown("engine", other)),
            },
        })
    }

    /// The balancer as the event switches it on.
    pub(super) fn balancing(&self) -> Balancing {
        let number = |name: &str| self.crs_options.get(name)?.as_f64();
        let method = self.crs_options.get("ha-auto-rebalance-method").and_then(serde_json::Value::as_str);
        Balancing::read(number, method)
    }

    pub(super) fn weighs(&self) -> bool {
        self.crs != "basic"
    }

    fn measured(&self) -> HashMap<Name, Size> {
        let size = |size: &Capacities| Some(Size { cpu: size.cpu?, mem: size.mem? });
        self.services.iter().filter_map(|(sid, service)| Some((name(sid), size(&service.size)?))).collect()
    }

    pub(super) fn node_names(&self) -> impl Iterator<Item = &String> {
        self.nodes.keys()
    }

    pub(super) fn service_names(&self) -> impl Iterator<Item = &String> {
        self.services.keys()
    }

    pub(super) fn capacity(&self) -> Capacity {
        let size = |size: &Capacities| Size { cpu: size.maxcpu.unwrap_or(0.0), mem: size.maxmem.unwrap_or(0) };
        Capacity {
            nodes: self.nodes.iter().map(|(node, capacities)| (name(node), size(capacities))).collect(),
            services: self.services.iter().map(|(sid, service)| (name(sid), size(&service.size))).collect(),
        }
    }
}

impl ServiceSpec {
    fn resource(&self) -> Result<Resource, CaseError> {
        if !["started", "enabled", "stopped", "disabled", "ignored"].contains(&&*self.state) {
            return Err(unknown("state", &self.state));
        }
        Resource::read(|option| {
            Ok(match option {
                "state" => Some(self.state.clone()),
                "group" => self.group.clone(),
                "failback" => self.failback.map(|flag| u8::from(flag).to_string()),
                "auto-rebalance" => self.auto_rebalance.map(|flag| u8::from(flag).to_string()),
                "max_restart" => Some(self.max_restart.to_string()),
                "max_relocate" => Some(self.max_relocate.to_string()),
                _ => None,
            })
        })
    }
}

impl RuleSpec {
    fn rule(&self) -> Result<Rule, CaseError> {
        let kind = match (&*self.kind, self.affinity.as_deref()) {
            ("node-affinity", affinity) => RuleKind::NodeAffinity(NodeAffinity {
                affinity: affinity_of(affinity.unwrap_or("positive"))?,
                nodes: self.nodes.iter().map(|(node, priority)| (name(node), *priority)).collect(),
                strict: self.strict,
            }),
            ("resource-affinity", Some(affinity)) => RuleKind::ResourceAffinity(affinity_of(affinity)?),
            (other, _) => return Err(unknown("type", other)),
        };
        let resources = self.resources.iter().map(|sid| name(sid)).collect();
        Ok(Rule { id: name(&self.id), resources, disabled: self.disabled, kind })
    }
}

impl GroupSpec {
    fn group(&self) -> Group {
        Group {
            nodes: self.nodes.iter().map(|(node, priority)| (name(node), *priority)).collect(),
            restricted: self.restricted,
            nofailback: self.nofailback,
        }
    }
}

fn affinity_of(word: &str) -> Result<Affinity, CaseError> {
    match word {
        "positive" => Ok(Affinity::Positive),
        "negative" => Ok(Affinity::Negative),
        other => Err(unknown("affinity", other)),
    }
}

fn yes() -> bool {
    true
}

fn name(text: &str) -> Name {
    text.into()
}

fn unknown(what: &'static str, word: &str) -> CaseError {
    CaseError::Word { what, word: word.to_owned() }
}
