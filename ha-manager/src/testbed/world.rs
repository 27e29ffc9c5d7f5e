//! The simulated cluster as the managers see it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::command::Command;
use crate::config::{Config, Name, Requested};
use crate::environment::{Action, Environment, Level, Progress};
use crate::locks::Locks;
use crate::nodes::Member;
use crate::service::Uid;
use crate::status::{LrmStatus, SharedLrmStatus, Status};
use crate::usage::{Bystander, Capacity, Size};

use super::Setup;

/// Starts of a service on a node that fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartFailure {
    Always,
    /// The next so many.
    Times(u32),
}

#[derive(Debug)]
pub(super) struct World {
    pub(super) now: i64,
    pub(super) config: Arc<Config>,
    pub(super) status: Arc<Status>,
    pub(super) guests: BTreeMap<Name, Guest>,
    pub(super) log: Vec<String>,
    hosts: BTreeMap<Name, Host>,
    commands: Vec<Command>,
    start_failures: BTreeMap<(Name, Name), StartFailure>,
    capacity: Option<Arc<Capacity>>,
    measured: HashMap<Name, Size>,
    locks: Locks,
    lrm_status: HashMap<Name, SharedLrmStatus>,
    next_uid: u64,
}

#[derive(Debug)]
pub(super) struct Guest {
    pub(super) node: Name,
    runs: bool,
}

#[derive(Debug, Default)]
struct Host {
    on: bool,
    connected: bool,
    /// Going down; true to come back.
    shutdown: Option<bool>,
}

impl World {
    pub(super) fn new(setup: Setup, config: Config) -> Self {
        let hosts = setup.nodes.into_iter().map(|name| (name, Host::default())).collect();
        let guests = setup.guests.into_iter().map(|(sid, node)| (sid, Guest { node, runs: false })).collect();
        Self {
            now: 0,
            config: Arc::new(config),
            status: Arc::default(),
            guests,
            log: Vec::new(),
            hosts,
            commands: Vec::new(),
            start_failures: setup.start_failures,
            capacity: setup.capacity.map(Arc::new),
            measured: setup.measured,
            locks: Locks::default(),
            lrm_status: HashMap::new(),
            next_uid: 0,
        }
    }

    /// False if it was on already.
    pub(super) fn power_on(&mut self, node: &str) -> bool {
        let Some(host) = self.hosts.get_mut(node) else { return false };
        let was_off = !host.on;
        if was_off {
            *host = Host { on: true, ..Host::default() };
        }
        host.connected = true;
        was_off
    }

    pub(super) fn power_off(&mut self, node: &str) {
        if let Some(host) = self.hosts.get_mut(node) {
            *host = Host::default();
        }
        self.locks.power_lost(&node.into());
        for guest in self.guests.values_mut().filter(|guest| &*guest.node == node) {
            guest.runs = false;
        }
    }

    pub(super) fn cut_network(&mut self, node: &str) {
        if let Some(host) = self.hosts.get_mut(node) {
            host.connected = false;
        }
    }

    pub(super) fn announce_shutdown(&mut self, node: &str, reboot: bool) {
        if let Some(host) = self.hosts.get_mut(node) {
            host.shutdown = Some(reboot);
        }
    }

    pub(super) fn shutdown_of(&self, node: &str) -> Option<bool> {
        self.hosts.get(node)?.shutdown
    }

    pub(super) fn queue(&mut self, command: Command) {
        self.commands.push(command);
    }

    pub(super) fn is_on(&self, node: &str) -> bool {
        self.hosts.get(node).is_some_and(|host| host.on)
    }

    pub(super) fn quorate(&self) -> bool {
        let up = self.hosts.values().filter(|host| host.on && host.connected).count();
        2 * up > self.hosts.len()
    }

    pub(super) fn expired_watchdogs(&self) -> Vec<Name> {
        self.locks.expired(self.now)
    }

    fn is_up(&self, node: &str) -> bool {
        self.hosts.get(node).is_some_and(|host| host.on && host.connected)
    }
}

/// The world, seen from one node.
pub(super) struct At<'a> {
    world: &'a mut World,
    node: Name,
}

impl<'a> At<'a> {
    pub(super) fn new(world: &'a mut World, node: Name) -> Self {
        Self { world, node }
    }

    fn start(&mut self, sid: &str) -> Progress {
        if let Some(failure) = self.world.start_failures.get_mut(&(sid.into(), self.node.clone())) {
            match failure {
                StartFailure::Always => return Progress::Failed,
                StartFailure::Times(0) => {}
                StartFailure::Times(left) => {
                    *left -= 1;
                    return Progress::Failed;
                }
            }
        }
        self.set(sid, |guest| guest.runs = true)
    }

    fn set(&mut self, sid: &str, change: impl FnOnce(&mut Guest)) -> Progress {
        match self.world.guests.get_mut(sid) {
            Some(guest) => {
                change(guest);
                Progress::Done
            }
            None => Progress::Failed,
        }
    }
}

impl Environment for At<'_> {
    fn now(&self) -> i64 {
        self.world.now
    }

    fn node(&self) -> Name {
        self.node.clone()
    }

    fn quorate(&self) -> bool {
        self.world.is_up(&self.node) && self.world.quorate()
    }

    fn members(&self) -> Vec<Member> {
        let online = |host: &Host| host.on && host.connected;
        self.world.hosts.iter().map(|(name, host)| Member { name: name.clone(), online: online(host) }).collect()
    }

    fn config(&self) -> Arc<Config> {
        self.world.config.clone()
    }

    fn fresh_uid(&mut self) -> Uid {
        self.world.next_uid += 1;
        Uid(self.world.next_uid)
    }

    fn log(&mut self, level: Level, text: &str) {
        self.world.log.push(format!("{:>6} {level:?} {}: {text}", self.world.now, self.node));
    }

    fn manager_status(&self) -> Arc<Status> {
        self.world.status.clone()
    }

    fn write_manager_status(&mut self, status: Status) {
        self.world.status = Arc::new(status);
    }

    fn lrm_status(&self, node: &str) -> Option<SharedLrmStatus> {
        self.world.lrm_status.get(node).cloned()
    }

    fn write_lrm_status(&mut self, status: LrmStatus) {
        self.world.lrm_status.insert(self.node.clone(), Arc::new(status));
    }

    fn manager_lock(&mut self) -> bool {
        self.world.locks.manager(&self.node, self.world.now)
    }

    fn release_manager_lock(&mut self) {
        self.world.locks.release_manager(&self.node);
    }

    fn release_manager_watchdog(&mut self) {
        self.world.locks.close_manager_watchdog(&self.node);
    }

    fn agent_lock(&mut self, node: &Name) -> bool {
        self.world.locks.agent(node, &self.node, self.world.now)
    }

    fn release_agent_lock(&mut self) {
        self.world.locks.release_agent(&self.node);
    }

    fn take_commands(&mut self) -> Vec<Command> {
        std::mem::take(&mut self.world.commands)
    }

    fn has_commands(&self) -> bool {
        !self.world.commands.is_empty()
    }

    fn request_state(&mut self, sid: &str, state: Requested) {
        if let Some(resource) = Arc::make_mut(&mut self.world.config).resources.get_mut(sid) {
            resource.state = state;
        }
    }

    fn capacity(&self) -> Option<Arc<Capacity>> {
        self.world.capacity.clone()
    }

    /// A node is loaded by nothing but the services that run on it.
    fn measured(&self) -> HashMap<Name, Size> {
        let nodes = self.world.hosts.keys().map(|node| (node.clone(), Size::default()));
        let mut nodes: HashMap<Name, Size> = nodes.collect();
        // In order of the services: sums of fractions depend on it.
        for (sid, guest) in self.world.guests.iter().filter(|(_, guest)| guest.runs) {
            if let (Some(node), Some(size)) = (nodes.get_mut(&guest.node), self.world.measured.get(sid)) {
                *node = Size { cpu: node.cpu + size.cpu, mem: node.mem + size.mem };
            }
        }
        nodes
    }

    fn measured_services(&self) -> HashMap<Name, Size> {
        self.world.measured.clone()
    }

    fn bystanders(&self) -> Vec<Bystander> {
        Vec::new()
    }

    fn guest_node(&self, sid: &str) -> Option<Name> {
        self.world.guests.get(sid).map(|guest| guest.node.clone())
    }

    fn steal_guest(&mut self, sid: &str, _from: &str, to: &str) {
        self.set(sid, |guest| *guest = Guest { node: to.into(), runs: false });
    }

    fn guest_runs(&self, sid: &str) -> bool {
        self.world.guests.get(sid).is_some_and(|guest| guest.runs && guest.node == self.node)
    }

    fn act(&mut self, sid: &str, action: Action<'_>) -> Progress {
        match action {
            Action::Start => self.start(sid),
            Action::Stop { .. } => self.set(sid, |guest| guest.runs = false),
            Action::Move { target, .. } if !self.world.is_up(target) => Progress::Failed,
            Action::Move { target, online } => self.set(sid, |guest| {
                guest.node = target.into();
                guest.runs &= online;
            }),
        }
    }

    fn shutting_down(&self) -> Option<bool> {
        self.world.shutdown_of(&self.node)
    }
}
