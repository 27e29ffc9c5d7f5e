//! Predicts the result of a failure: the node of each service once the cluster has converged.
//!
//! A [`Forecast`] starts from the status of a live manager and drives a copy of that manager, with local managers that
//! always succeed. It assumes that fencing succeeds, and that nodes which fail together are recovered together.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::balance::{Balance, Balancing, Measured};
use super::command::Command;
use super::config::{Config, Name, Requested};
use super::environment::{Action, Environment, Level, Progress};
use super::explain::Decision;
use super::manager::Manager;
use super::nodes::{FENCE_DELAY, Member, NodeState};
use super::service::{Service, State, Uid};
use super::status::{Exit, LrmMode, LrmResult, LrmState, LrmStatus, SharedLrmStatus, Status};
use super::usage::{Bystander, Capacity};

/// Seconds from round to round.
pub const ROUND: i64 = 10;
/// Rounds after which services that still move are taken as they are; each service moves a few times at most.
const MAX_ROUNDS: u32 = 60;

/// A cluster whose failures can be predicted, one after the other.
#[derive(Debug)]
pub struct Forecast {
    manager: Manager,
    master: Option<Name>,
    config: Arc<Config>,
    capacity: Option<Arc<Capacity>>,
    bystanders: Vec<Bystander>,
    /// The clock and the last order number where [`Self::converged`] left them: the manager remembers both.
    clock: i64,
    orders: u64,
    /// The node that boots again, or whose maintenance ends.
    returning: Option<Name>,
}

impl Forecast {
    /// Starts from the status of the active manager, the configuration and what the scheduler weighs.
    pub fn new(
        status: &Status,
        config: Arc<Config>,
        capacity: Option<Arc<Capacity>>,
        bystanders: Vec<Bystander>,
    ) -> Self {
        Self::starting(status, config, capacity, bystanders, &BTreeMap::new())
    }

    /// As [`Self::new`], but with what the manager would do anyway done first: services that the configuration has and the
    /// manager does not have yet join from the node in `guests`, and all go to their nodes by the configuration.
    pub fn converged(
        status: &Status,
        config: Arc<Config>,
        capacity: Option<Arc<Capacity>>,
        bystanders: Vec<Bystander>,
        guests: &BTreeMap<Name, Name>,
    ) -> Self {
        let mut forecast = Self::starting(status, config, capacity, bystanders, guests);
        let (manager, clock, orders) = forecast.play(&BTreeSet::new(), None, forecast.manager.clone());
        (forecast.manager, forecast.clock, forecast.orders) = (manager, clock, orders);
        forecast.manager.explain();
        forecast
    }

    fn starting(
        status: &Status,
        config: Arc<Config>,
        capacity: Option<Arc<Capacity>>,
        bystanders: Vec<Bystander>,
        guests: &BTreeMap<Name, Name>,
    ) -> Self {
        let master = status.master_node.clone();
        let mut forecast = Self {
            manager: Manager::default(),
            master,
            config,
            capacity,
            bystanders,
            clock: 0,
            orders: u64::MAX / 2,
            returning: None,
        };
        let mut manager = Manager::adopt(status);
        let mut world = After::new(&forecast, Name::default(), Vec::new());
        world.guests = Some(guests);
        manager.prepare(&mut world);
        (forecast.manager, forecast.orders) = (manager, world.orders);
        forecast
    }

    /// The services as they are before any failure; by service id.
    pub fn now(&self) -> impl Iterator<Item = ConvergedService<'_>> {
        converged_services(&self.manager)
    }

    /// The rules that the manager drops as infeasible, with the reasons.
    pub fn dropped_rules(&self) -> &BTreeMap<Name, Vec<String>> {
        self.manager.dropped_rules()
    }

    /// The services once the cluster has converged after these nodes failed at once, as long as the rest is quorate; by
    /// service id.
    pub fn node_failure(&self, failed: &BTreeSet<Name>) -> Outcome {
        Outcome { manager: self.play(failed, None, self.manager.clone()).0 }
    }

    /// The services once the cluster has converged and `node` is in maintenance; by service id.
    pub fn maintenance(&self, node: &Name) -> Outcome {
        Outcome { manager: self.play(&BTreeSet::new(), Some(node), self.manager.clone()).0 }
    }

    /// The cluster after [`Self::node_failure`], for what happens next.
    #[must_use]
    pub fn after_failure(self, failed: &BTreeSet<Name>) -> Self {
        let (mut manager, clock, orders) = self.play(failed, None, self.manager.clone());
        let master = self.successor(failed);
        manager.explain();
        Self { manager, master, clock, orders, ..self }
    }

    /// The cluster after [`Self::maintenance`], for what happens next.
    #[must_use]
    pub fn after_maintenance(self, node: &Name) -> Self {
        let (mut manager, clock, orders) = self.play(&BTreeSet::new(), Some(node), self.manager.clone());
        manager.explain();
        Self { manager, clock, orders, ..self }
    }

    /// The services once the cluster has converged and `node` is in service again, after a failure or a maintenance; by
    /// service id.
    pub fn node_return(self, node: &Name) -> Outcome {
        let back = Self { returning: Some(node.clone()), ..self };
        back.node_failure(&BTreeSet::new())
    }

    /// What the load balancer would see and do now.
    pub fn balance(&self, balancing: &Balancing, measured: &Measured) -> Balance {
        self.manager.look(balancing, Some(measured))
    }

    /// Lets the manager work until nothing happens any more; also returns the clock and the last order number.
    fn play(&self, failed: &BTreeSet<Name>, drained: Option<&Name>, mut manager: Manager) -> (Manager, i64, u64) {
        let Some(own) = self.successor(failed) else { return (manager, self.clock, self.orders) };
        let mut world = After::new(self, own, self.members(failed));
        world.drained = drained.cloned();
        manager.round(&mut world);
        world.now += FENCE_DELAY;
        for _ in 0..MAX_ROUNDS {
            let orders = world.orders;
            world.carry_out(&manager);
            manager.round(&mut world);
            world.now += ROUND;
            if world.orders == orders {
                break;
            }
        }
        (manager, world.now, world.orders)
    }

    /// The node that manages afterwards; which one it is does not matter to the services.
    fn successor(&self, failed: &BTreeSet<Name>) -> Option<Name> {
        let alive =
            |name: &Name, state| matches!(state, NodeState::Online | NodeState::Maintenance) && !failed.contains(name);
        let same = self.master.iter().find(|master| !failed.contains(*master)).cloned();
        let mut others = self.manager.nodes().states().filter(|(name, state)| alive(name, *state));
        same.or_else(|| others.next().map(|(name, _)| name.clone()))
    }

    fn is_back(&self, node: &str) -> bool {
        self.returning.as_ref().is_some_and(|back| **back == *node)
    }

    fn members(&self, failed: &BTreeSet<Name>) -> Vec<Member> {
        let here = |state| matches!(state, NodeState::Online | NodeState::Maintenance);
        let member = |(name, state): (&Name, NodeState)| Member {
            name: name.clone(),
            online: (here(state) || self.is_back(name)) && !failed.contains(name),
        };
        self.manager.nodes().states().filter(|(_, state)| *state != NodeState::Gone).map(member).collect()
    }
}

/// A cluster after a failure.
#[derive(Debug)]
pub struct Outcome {
    manager: Manager,
}

impl Outcome {
    /// The services, by id.
    pub fn services(&self) -> impl Iterator<Item = ConvergedService<'_>> {
        converged_services(&self.manager)
    }
}

fn converged_services(manager: &Manager) -> impl Iterator<Item = ConvergedService<'_>> {
    let services = manager.services().iter().enumerate();
    services.map(|(index, service)| ConvergedService {
        service,
        node: manager.nodes().name(service.node),
        manager,
        index,
    })
}

/// A service of a cluster that has converged.
#[derive(Clone, Copy, Debug)]
pub struct ConvergedService<'a> {
    service: &'a Service,
    /// Its node; the dead one for a service that could not be placed.
    pub node: &'a Name,
    manager: &'a Manager,
    index: usize,
}

impl<'a> ConvergedService<'a> {
    /// The decisions that led to its node, in order of time; empty if it stayed.
    pub fn decisions(&self) -> &'a [Decision] {
        self.manager.decisions(self.index)
    }

    pub fn sid(&self) -> &'a Name {
        &self.service.sid
    }

    /// Its state; `recovery` if there is no node for it.
    pub fn state(&self) -> State {
        self.service.state
    }
}

/// The world after a failure: whatever is ordered succeeds.
struct After<'a> {
    forecast: &'a Forecast,
    /// The nodes of guests that are not services of the manager.
    guests: Option<&'a BTreeMap<Name, Name>>,
    own: Name,
    members: Vec<Member>,
    /// The node that enters maintenance.
    drained: Option<Name>,
    now: i64,
    orders: u64,
    working: SharedLrmStatus,
    in_maintenance: SharedLrmStatus,
}

impl<'a> After<'a> {
    fn new(forecast: &'a Forecast, own: Name, members: Vec<Member>) -> Self {
        let (working, in_maintenance) =
            (lrm(LrmMode::Active, HashMap::new()), lrm(LrmMode::Maintenance, HashMap::new()));
        Self {
            forecast,
            guests: None,
            own,
            members,
            drained: None,
            now: forecast.clock,
            orders: forecast.orders,
            working,
            in_maintenance,
        }
    }

    /// Reports every move and every stop of a living node as done.
    fn carry_out(&mut self, manager: &Manager) {
        let ordered = |service: &&Service| service.state.is_moving() || service.state == State::RequestStop;
        let lives = |service: &&Service| {
            matches!(manager.nodes().state(service.node), NodeState::Online | NodeState::Maintenance)
        };
        let done: HashMap<Uid, LrmResult> = manager
            .services()
            .iter()
            .filter(ordered)
            .filter(lives)
            .map(|service| {
                let result = LrmResult { sid: service.sid.clone(), state: service.state, exit: Exit::Success };
                (service.uid, result)
            })
            .collect();
        self.working = lrm(LrmMode::Active, done.clone());
        self.in_maintenance = lrm(LrmMode::Maintenance, done);
    }
}

fn lrm(mode: LrmMode, results: HashMap<Uid, LrmResult>) -> SharedLrmStatus {
    Arc::new(LrmStatus { state: LrmState::Active, mode, timestamp: 0, results })
}

impl Environment for After<'_> {
    fn now(&self) -> i64 {
        self.now
    }

    fn node(&self) -> Name {
        self.own.clone()
    }

    fn quorate(&self) -> bool {
        true
    }

    fn members(&self) -> Vec<Member> {
        self.members.clone()
    }

    fn config(&self) -> Arc<Config> {
        self.forecast.config.clone()
    }

    fn fresh_uid(&mut self) -> Uid {
        self.orders += 1;
        Uid(self.orders)
    }

    fn log(&mut self, _level: Level, _text: &str) {}

    fn manager_status(&self) -> Arc<Status> {
        Arc::default()
    }

    fn write_manager_status(&mut self, _status: Status) {}

    /// A node in maintenance still says so when it is dead; any other dead one says nothing.
    fn lrm_status(&self, node: &str) -> Option<SharedLrmStatus> {
        let before = &self.forecast.manager;
        let id = before.nodes().id(node)?;
        let is_drained = self.drained.as_ref().is_some_and(|drained| **drained == *node);
        let is_in_maintenance = before.nodes().state(id) == NodeState::Maintenance && !self.forecast.is_back(node);
        if is_drained || is_in_maintenance {
            return Some(self.in_maintenance.clone());
        }
        let online = self.members.iter().any(|member| member.online && *member.name == *node);
        online.then(|| self.working.clone())
    }

    fn write_lrm_status(&mut self, _status: LrmStatus) {}

    fn manager_lock(&mut self) -> bool {
        true
    }

    fn release_manager_lock(&mut self) {}

    fn release_manager_watchdog(&mut self) {}

    fn agent_lock(&mut self, _node: &Name) -> bool {
        true
    }

    fn release_agent_lock(&mut self) {}

    fn take_commands(&mut self) -> Vec<Command> {
        Vec::new()
    }

    fn has_commands(&self) -> bool {
        false
    }

    fn request_state(&mut self, _sid: &str, _state: Requested) {}

    fn capacity(&self) -> Option<Arc<Capacity>> {
        self.forecast.capacity.clone()
    }

    fn bystanders(&self) -> Vec<Bystander> {
        self.forecast.bystanders.clone()
    }

    fn guest_node(&self, sid: &str) -> Option<Name> {
        self.guests?.get(sid).cloned()
    }

    fn steal_guest(&mut self, _sid: &str, _from: &str, _to: &str) {}

    fn guest_runs(&self, _sid: &str) -> bool {
        true
    }

    fn act(&mut self, _sid: &str, _action: Action<'_>) -> Progress {
        Progress::Done
    }

    fn shutting_down(&self) -> Option<bool> {
        None
    }
}
