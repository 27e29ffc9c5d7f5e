//! The active cluster resource manager: one round of it at a time.
//!
//! A [`Manager`] lives as long as its node holds the manager lock. It starts from the status its predecessor wrote, but
//! not from its predecessor's clocks: what "away for 60 s" means begins anew with each manager.

mod balance;
mod commands;
mod disarm;
mod document;
mod fencing;
mod transitions;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::affinity::{self, Classes};
use super::config::{Config, Engine, Name, Policy, Requested, Scheduler};
use super::environment::{Environment, Level};
use super::explain::Decision;
use super::imbalance::imbalance;
use super::nodes::{NodeId, NodeState, Nodes};
use super::select::{Placement, Preference};
use super::service::{Pending, Service, State};
use super::status::{Disarm, Exit, LrmMode, SharedLrmStatus, Status};
use super::usage::{self, Usage};

/// The active manager of a cluster.
#[derive(Clone, Debug, Default)]
pub struct Manager {
    nodes: Nodes,
    /// Sorted by service id, the order in which they are worked on.
    services: Vec<Service>,
    maintenance_requests: BTreeMap<Name, bool>,
    disarm: Option<Disarm>,
    /// What the local resource managers last said, by node id.
    lrms: Vec<Option<SharedLrmStatus>>,
    config: Option<Arc<Config>>,
    /// The nodes that the rules were compiled for.
    compiled_for: Option<Vec<Name>>,
    classes: Classes,
    usage: Usage,
    dropped_rules: BTreeMap<Name, Vec<String>>,
    rounds: u64,
    stats_missing: bool,
    imbalance: Option<f64>,
    /// Rounds in a row that the balancer has found uneven.
    uneven_rounds: u32,
    /// A resource has no guest; once that appears, the resource is a service.
    awaits_guests: bool,
    /// Why services went where they went, by index; only kept if asked for.
    decisions: Option<BTreeMap<usize, Vec<Decision>>>,
}

/// Rounds after which a new manager first tries to migrate groups, and then between tries.
const FIRST_GROUP_MIGRATION: u64 = 3;
const GROUP_MIGRATION_EVERY: u64 = 6;

impl Manager {
    /// Takes over from the status last written.
    pub fn adopt(status: &Status) -> Self {
        let mut manager = Self::default();
        document::restore(&mut manager, status);
        manager
    }

    /// The nodes and the services in its status.
    pub fn into_parts(self) -> (Nodes, Vec<Service>) {
        (self.nodes, self.services)
    }

    /// The status to write.
    pub fn status(&self, master: &Name, now: i64) -> Status {
        document::render(self, master, now)
    }

    /// The rules ignored as infeasible, with the reasons.
    pub fn dropped_rules(&self) -> &BTreeMap<Name, Vec<String>> {
        &self.dropped_rules
    }

    /// The services in its status, by id.
    pub fn services(&self) -> &[Service] {
        &self.services
    }

    /// The nodes in its status.
    pub fn nodes(&self) -> &Nodes {
        &self.nodes
    }

    /// Whether disarming is complete, so that this manager no longer protects its node.
    pub fn is_disarmed(&self) -> bool {
        self.disarm.is_some_and(|disarm| disarm.done)
    }

    /// Remembers from now on why services go where they go.
    pub fn explain(&mut self) {
        self.decisions = Some(BTreeMap::new());
    }

    /// Why a service, by its place in [`Self::services`], went where it went, in order of time; as far as remembered.
    pub fn decisions(&self, index: usize) -> &[Decision] {
        self.decisions.as_ref().and_then(|decisions| decisions.get(&index)).map_or(&[], Vec::as_slice)
    }

    /// Takes the configuration over ahead of the first round.
    pub fn prepare(&mut self, env: &mut impl Environment) {
        self.configure(env);
        self.recount(env);
    }

    /// One round; false if this node is in no state to manage, and nothing was done.
    pub fn round(&mut self, env: &mut impl Environment) -> bool {
        let own = env.node();
        self.observe(env);
        let here = self.nodes.intern(&own);
        if !matches!(self.nodes.state(here), NodeState::Online | NodeState::Maintenance) {
            env.log(Level::Info, "master seems offline");
            return false;
        }
        self.rounds += 1;
        let since_first = self.rounds.checked_sub(FIRST_GROUP_MIGRATION);
        if since_first.is_some_and(|rounds| rounds.is_multiple_of(GROUP_MIGRATION_EVERY)) {
            env.migrate_groups(&self.nodes);
        }
        self.configure(env);
        self.recount(env);
        for command in env.take_commands() {
            self.command(env, command);
        }
        if self.disarm.is_some() {
            self.disarming(env);
        } else {
            self.balance(env);
            self.work(env);
        }
        true
    }

    /// Members and local resource managers.
    fn observe(&mut self, env: &mut impl Environment) {
        let members = env.members();
        let in_maintenance =
            |name: &Name| env.lrm_status(name).is_some_and(|status| status.mode == LrmMode::Maintenance);
        let changes = self.nodes.update(&members, in_maintenance, env.now());
        for change in changes {
            self.log_node(env, change.node, change.from, change.to);
        }
        self.lrms = (0..self.nodes.len()).map(|id| env.lrm_status(self.nodes.name(id))).collect();
    }

    /// Takes over resources, and groups or rules, if anything changed.
    fn configure(&mut self, env: &mut impl Environment) {
        let config = env.config();
        let same = self.config.as_ref().is_some_and(|old| Arc::ptr_eq(old, &config));
        // Nodes that join or leave change what a negative rule leaves.
        let complete = same && self.compiled_for.as_ref().is_some_and(|nodes| nodes.iter().eq(self.known()));
        if !complete || self.awaits_guests {
            let changed = self.disarm.is_none() && self.sync_services(env, &config);
            if !complete || changed {
                self.compile(env, &config);
            }
        }
        self.config = Some(config);
        self.classes.resolve(&self.nodes);
    }

    fn sync_services(&mut self, env: &mut impl Environment, config: &Config) -> bool {
        let before = self.services.len();
        self.services.retain(|service| match config.resources.get(&service.sid).map(|resource| resource.state) {
            None => {
                env.log(Level::Info, &format!("removing stale service '{}' (no config)", service.sid));
                false
            }
            Some(Requested::Ignored) => {
                let text = format!("removing stale service '{}' (ignored state requested)", service.sid);
                env.log(Level::Info, &text);
                false
            }
            Some(_) => true,
        });
        let mut changed = self.services.len() != before;
        let mut added = Vec::new();
        self.awaits_guests = false;
        for (sid, resource) in &config.resources {
            let known = self.services.binary_search_by(|service| service.sid.cmp(sid)).is_ok();
            if known || resource.state == Requested::Ignored {
                continue;
            }
            let Some(node) = env.guest_node(sid) else {
                self.awaits_guests = true;
                continue;
            };
            env.log(Level::Info, &format!("adding new service '{sid}' on node '{node}'"));
            let state = if resource.state == Requested::Started { State::RequestStart } else { State::RequestStop };
            let node = self.nodes.intern(&node);
            added.push(Service::new(sid.clone(), state, node, env.fresh_uid()));
        }
        changed |= !added.is_empty();
        self.services.append(&mut added);
        self.services.sort_by(|a, b| a.sid.cmp(&b.sid));
        changed
    }

    fn known(&self) -> impl Iterator<Item = &Name> {
        self.nodes.states().map(|(name, _)| name)
    }

    fn compile(&mut self, env: &mut impl Environment, config: &Config) {
        let (classes, dropped) = affinity::compile(config, &mut self.nodes, &mut self.services);
        for (rule, text) in dropped.iter().flat_map(|(rule, texts)| texts.iter().map(move |text| (rule, text))) {
            env.log(Level::Warning, &format!("Drop rule '{rule}', because {text}."));
        }
        self.classes = classes;
        self.usage = Usage::default();
        self.dropped_rules = dropped;
        self.compiled_for = Some(self.known().cloned().collect());
        self.lrms.resize(self.nodes.len(), None);
    }

    fn recount(&mut self, env: &mut impl Environment) {
        let scheduler = self.config.as_ref().map_or(Scheduler::Basic, |config| config.scheduler);
        let weighs = scheduler.weighs();
        let capacity = if weighs { env.capacity() } else { None };
        let bystanders = env.bystanders();
        let counted = self.usage.recount(&self.nodes, &self.services, &bystanders, capacity.as_ref());
        let missing = match counted {
            Err(text) => Some(text),
            Ok(()) if weighs && capacity.is_none() => Some("no usage statistics".to_owned()),
            Ok(()) => None,
        };
        if let Some(text) = missing.as_ref().filter(|_| !self.stats_missing) {
            let text = format!("fallback to 'basic' scheduler mode, init for 'static' failed - {text}");
            env.log(Level::Warning, &text);
        }
        self.stats_missing = missing.is_some();
        self.imbalance = (self.engine() >= Engine::V5_2_5).then(|| {
            let measured = (scheduler == Scheduler::Dynamic).then(|| env.measured());
            imbalance(&self.usage.loads(&self.nodes, measured.as_ref()))
        });
    }

    fn engine(&self) -> Engine {
        self.config.as_ref().map(|config| config.engine).unwrap_or_default()
    }

    /// Runs every service's state function, in order of service id, and the fencing, until nothing changes any more.
    fn work(&mut self, env: &mut impl Environment) {
        loop {
            let mut again = false;
            for index in 0..self.services.len() {
                let before = self.services[index].state;
                let result = self.result(index);
                self.advance(env, index, result);
                if self.lrm_mode(self.services[index].node) == Some(LrmMode::Restart)
                    && matches!(self.services[index].state, State::Started | State::Stopped | State::RequestStop)
                {
                    self.change(env, index, State::Freeze, Change::default());
                }
                again |= self.services[index].state != before;
            }
            again |= self.fence(env);
            if !again {
                break;
            }
        }
    }

    fn result(&self, index: usize) -> Option<Exit> {
        let service = &self.services[index];
        let lrm = self.lrms.get(service.node)?.as_ref()?;
        lrm.results.get(&service.uid).map(|result| result.exit)
    }

    fn lrm_mode(&self, node: NodeId) -> Option<LrmMode> {
        self.lrms.get(node)?.as_ref().map(|status| status.mode)
    }

    fn select(&self, index: usize, preference: Preference) -> Option<NodeId> {
        let placement =
            Placement { nodes: &self.nodes, services: &self.services, classes: &self.classes, usage: &self.usage };
        placement.select(index, preference)
    }

    /// Remembers a choice of [`Self::select`], before the service follows it.
    fn remember(&mut self, index: usize, preference: Preference, chosen: Option<NodeId>) {
        if self.decisions.is_none() {
            return;
        }
        let placement =
            Placement { nodes: &self.nodes, services: &self.services, classes: &self.classes, usage: &self.usage };
        let decision = Decision { node: chosen, reason: placement.explain(index, preference, chosen) };
        let Some(decisions) = &mut self.decisions else { return };
        let known = decisions.entry(index).or_default();
        // A service without a node is looked at again each round.
        if known.last().is_some_and(|last| last.node.is_none()) {
            known.pop();
        }
        known.push(decision);
    }

    /// PVE 8 recovers without regard to scores if the fenced node is back and in its group.
    fn recovery_preference(&self) -> Preference {
        match self.config.as_ref().map(|config| &config.policy) {
            Some(Policy::Groups(_)) => Preference::Stay,
            _ => Preference::BestScore,
        }
    }

    /// Enters a state. What belonged to the old one is forgotten, except failed nodes and the way back from maintenance.
    fn change(&mut self, env: &mut impl Environment, index: usize, state: State, change: Change) {
        let service = &mut self.services[index];
        debug_assert_ne!(service.state, state, "{}", service.sid);
        let before = usage::used_nodes(service, &self.nodes);
        let old = service.state;
        service.state = state;
        service.node = change.node.unwrap_or(service.node);
        service.target = change.target;
        service.timeout = change.timeout;
        service.running = false;
        service.pending = None;
        service.uid = env.fresh_uid();
        let after = usage::used_nodes(service, &self.nodes);
        self.usage.moved(index, before, after);
        let text = format!(
            "service '{}': state changed from '{}' to '{}'{}",
            service.sid,
            old.as_str(),
            state.as_str(),
            change.describe(&self.nodes)
        );
        env.log(Level::Info, &text);
    }

    fn log_node(&self, env: &mut impl Environment, node: NodeId, from: NodeState, to: NodeState) {
        let text =
            format!("node '{}': state changed from '{}' => '{}'", self.nodes.name(node), from.as_str(), to.as_str());
        env.log(Level::Info, &text);
    }
}

/// What a state change brings with it.
#[derive(Clone, Copy, Debug, Default)]
struct Change {
    node: Option<NodeId>,
    target: Option<NodeId>,
    timeout: Option<u32>,
}

impl Change {
    fn on(node: NodeId) -> Self {
        Self { node: Some(node), ..Self::default() }
    }

    fn to(node: NodeId, target: NodeId) -> Self {
        Self { node: Some(node), target: Some(target), timeout: None }
    }

    fn describe(self, nodes: &Nodes) -> String {
        let node = self.node.map(|id| format!("node = {}", nodes.name(id)));
        let target = self.target.map(|id| format!("target = {}", nodes.name(id)));
        let timeout = self.timeout.map(|seconds| format!("timeout = {seconds}"));
        let parts: Vec<String> = [node, target, timeout].into_iter().flatten().collect();
        if parts.is_empty() { String::new() } else { format!("  ({})", parts.join(", ")) }
    }
}

impl Pending {
    /// The words of the command, as the status has them.
    fn words(&self, nodes: &Nodes) -> Vec<String> {
        match self {
            Self::Migrate(node) => vec!["migrate".into(), nodes.name(*node).to_string()],
            Self::Relocate(node) => vec!["relocate".into(), nodes.name(*node).to_string()],
            Self::Stop(timeout) => vec!["stop".into(), timeout.to_string()],
        }
    }
}
