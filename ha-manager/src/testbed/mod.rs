//! A cluster in memory: nodes with power and network, locks, watchdogs, guests, and the managers of every node.
//!
//! Time passes only by [`Testbed::round`]. Within a round the nodes work in order of their names, a cluster resource
//! manager before its node's local one, each one second after the other, as far as the round has seconds.

mod world;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::command::Command;
use super::config::{Config, Name, Resource};
use super::crm::{After, Crm};
use super::lrm::Lrm;
use super::manager::Manager;
use super::status::Status;
use super::usage::{Capacity, Size};

pub use world::StartFailure;
use world::{At, Guest, World};

#[derive(Debug)]
pub struct Testbed {
    world: World,
    nodes: BTreeMap<Name, Machine>,
    round: i64,
}

/// What a cluster is made of; all nodes are off at first.
#[derive(Debug, Default)]
pub struct Setup {
    /// The nodes, each with one vote.
    pub nodes: Vec<Name>,
    /// Where every guest is.
    pub guests: BTreeMap<Name, Name>,
    /// Starts that fail, by service and node.
    pub start_failures: BTreeMap<(Name, Name), StartFailure>,
    /// For the static scheduler.
    pub capacity: Option<Capacity>,
    /// What every service uses while it runs, for the dynamic scheduler.
    pub measured: HashMap<Name, Size>,
    /// Seconds a round takes.
    pub round: i64,
}

/// The managers of a node; none while it is off.
#[derive(Debug, Default)]
struct Machine {
    crm: Option<Crm>,
    lrm: Option<Lrm>,
    /// The manager starts again when it has stopped.
    restart_crm: bool,
}

impl Testbed {
    /// A cluster with all nodes off.
    pub fn new(setup: Setup, config: Config) -> Self {
        let round = setup.round;
        let nodes = setup.nodes.iter().map(|name| (name.clone(), Machine::default())).collect();
        Self { world: World::new(setup, config), nodes, round }
    }

    /// Switches a node on, if it is off, and its network with it.
    pub fn power_on(&mut self, node: &str) {
        let Some(machine) = self.nodes.get_mut(node) else { return };
        if self.world.power_on(node) {
            *machine = Machine { crm: Some(Crm::default()), lrm: Some(Lrm::default()), restart_crm: false };
        }
    }

    /// Switches a node off at once.
    pub fn power_off(&mut self, node: &str) {
        if let Some(machine) = self.nodes.get_mut(node) {
            *machine = Machine::default();
            self.world.power_off(node);
        }
    }

    /// Cuts a node's network.
    pub fn cut_network(&mut self, node: &str) {
        self.world.cut_network(node);
    }

    /// Shuts a node down in order; `reboot` has it come back.
    pub fn shut_down(&mut self, node: &str, reboot: bool) {
        let Some((name, machine)) = self.nodes.get_key_value(node).map(|(name, _)| name.clone()).and_then(|name| {
            let machine = self.nodes.get_mut(&name)?;
            Some((name, machine))
        }) else {
            return;
        };
        self.world.announce_shutdown(&name, reboot);
        if let Some(lrm) = &mut machine.lrm {
            lrm.stop(&mut At::new(&mut self.world, name));
        }
    }

    /// Queues a command for the manager.
    pub fn command(&mut self, command: Command) {
        self.world.queue(command);
    }

    /// Restarts the cluster resource manager of a node, so that another one becomes active.
    pub fn restart_crm(&mut self, node: &str) {
        if let Some(machine) = self.nodes.get_mut(node) {
            machine.restart_crm = true;
            if let Some(crm) = &mut machine.crm {
                crm.stop();
            }
        }
    }

    pub fn configure(&mut self, config: Config) {
        self.world.config = Arc::new(config);
    }

    /// Changes or adds one resource.
    pub fn set_resource(&mut self, sid: &str, resource: Resource) {
        Arc::make_mut(&mut self.world.config).resources.insert(sid.into(), resource);
    }

    pub fn config(&self) -> &Config {
        &self.world.config
    }

    /// Lets at least so many seconds pass, in whole rounds.
    pub fn advance(&mut self, seconds: i64) {
        let until = self.world.now + seconds;
        while self.world.now < until {
            self.round();
        }
    }

    /// One round of every manager.
    pub fn round(&mut self) {
        let start = self.world.now;
        let names: Vec<Name> = self.nodes.keys().cloned().collect();
        // With many nodes there are not seconds enough in a round for each to have its own.
        let step = i64::from(2 * names.len() as i64 <= self.round);
        for name in names {
            self.crm_round(&name, step);
            self.lrm_round(&name, step);
            for dead in self.world.expired_watchdogs() {
                self.power_off(&dead);
            }
        }
        self.world.now = self.world.now.max(start + self.round);
    }

    /// Seconds since the beginning.
    pub fn now(&self) -> i64 {
        self.world.now
    }

    /// The manager's status as last written.
    pub fn status(&self) -> &Status {
        &self.world.status
    }

    /// Where a guest is.
    pub fn guest_node(&self, sid: &str) -> Option<&Name> {
        self.world.guests.get(sid).map(|guest: &Guest| &guest.node)
    }

    /// Whether a majority of the nodes is up and connected.
    pub fn quorate(&self) -> bool {
        self.world.quorate()
    }

    /// Whether a node has power.
    pub fn is_on(&self, node: &str) -> bool {
        self.world.is_on(node)
    }

    pub fn manager(&self) -> Option<&Manager> {
        self.nodes.values().find_map(|machine| machine.crm.as_ref()?.manager())
    }

    /// The log so far.
    pub fn log(&self) -> &[String] {
        &self.world.log
    }

    fn crm_round(&mut self, name: &Name, step: i64) {
        let Some(machine) = self.nodes.get_mut(name) else { return };
        let Some(crm) = &mut machine.crm else { return };
        let after = crm.round(&mut At::new(&mut self.world, name.clone()));
        self.world.now += step;
        if after == After::Continue {
            return;
        }
        machine.crm = std::mem::take(&mut machine.restart_crm).then(Crm::default);
        if let Some(reboot) = self.world.shutdown_of(name) {
            self.power_off(name);
            if reboot {
                self.power_on(name);
            }
        }
    }

    fn lrm_round(&mut self, name: &Name, step: i64) {
        let Some(machine) = self.nodes.get_mut(name) else { return };
        let Some(lrm) = &mut machine.lrm else { return };
        let after = lrm.round(&mut At::new(&mut self.world, name.clone()));
        self.world.now += step;
        if after == After::Exit {
            machine.lrm = None;
            if let Some(crm) = &mut machine.crm {
                crm.stop();
            }
        }
    }
}
