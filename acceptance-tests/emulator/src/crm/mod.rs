//! The cluster resource manager and the local ones of every node, on the cluster's clock.
//!
//! The managers themselves are those of `pve_ha_manager`; here is only when they work, and what they
//! find: files below `/etc/pve/ha`, guests, tasks. Invariant: services are started, stopped, moved and recovered by them
//! alone, and all that others see of it are their status files.

mod configuration;
mod document;
mod environment;
mod jobs;
mod migration;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use pve_ha_manager::config::{Config, Name};
use pve_ha_manager::crm::{After, Crm as ClusterManager};
use pve_ha_manager::locks::Locks;
use pve_ha_manager::lrm::Lrm as LocalManager;
use pve_ha_manager::motion::{self, Foreseen};
use pve_ha_manager::nodes::NodeState;
use pve_ha_manager::status::{LrmMode, LrmState, LrmStatus, SharedLrmStatus, Status};

use crate::api::ha::files;
use crate::api::nodes::machine::BOOT;
use crate::world::seed::Initial;
use crate::world::{HaManager, World};
use configuration::Texts;
pub use configuration::rule;
use environment::At;
use jobs::Job;

/// `manager_status`, the CRM master's own view, as JSON text.
pub const MANAGER_STATUS: &str = "/etc/pve/ha/manager_status";

/// Seconds from round to round of a manager that works.
const ROUND: i64 = 10;
/// Seconds from look to look of a manager that waits for something to do.
const LOOK: i64 = 5;
/// Lines of the managers' log that are kept.
const LOG_LINES: usize = 2000;

/// All managers of the cluster.
#[derive(Debug, Default)]
pub struct Crm {
    nodes: BTreeMap<String, Daemons>,
    shared: Shared,
}

/// The managers of one node.
#[derive(Debug)]
struct Daemons {
    /// When the node got its power: another boot means other processes.
    booted: f64,
    crm: ClusterManager,
    /// When the cluster resource manager works next.
    crm_due: i64,
    lrm: LocalManager,
    /// When the local one does.
    lrm_due: i64,
    /// How far they are in going down with their node.
    leaving: Leaving,
}

/// Managers whose node shuts down in order.
#[derive(Debug, Default)]
struct Leaving {
    reported: bool,
    lrm_gone: bool,
    crm_gone: bool,
}

/// What the managers share by way of `/etc/pve`, and what they have going on.
#[derive(Debug, Default)]
struct Shared {
    /// By the HA manager that understands it so.
    configs: BTreeMap<HaManager, (Texts, Arc<Config>)>,
    status: Arc<Status>,
    lrm_status: HashMap<Name, SharedLrmStatus>,
    locks: Locks,
    jobs: HashMap<String, Job>,
    orders: u64,
    /// A node that still runs the old release; as long as there is one, groups are not migrated.
    behind: Option<String>,
    log: VecDeque<String>,
}

/// The path of a node's LRM status, as JSON text.
#[must_use]
pub fn lrm_status(node: &str) -> String {
    format!("/etc/pve/nodes/{node}/lrm_status")
}

/// Writes the status files of a cluster that starts. `master` names the node whose manager is active; without it that is the
/// first one's.
pub fn initialise(world: &mut World, initial: Initial, master: Option<&str>) {
    if initial == Initial::Fresh {
        return;
    }
    let now = world.now();
    let mut crm = Crm::default();
    crm.start_and_stop(world);
    let names: Vec<Name> = world.nodes.keys().map(|node| node.as_str().into()).collect();
    let master = master.and_then(|master| names.iter().find(|name| ***name == *master)).or(names.first()).cloned();
    let status = Status {
        master_node: master.clone(),
        timestamp: now,
        node_status: names.iter().map(|node| (node.clone(), NodeState::Online)).collect(),
        ..Status::default()
    };
    world.write_file(MANAGER_STATUS, document::manager_status(&status));
    for node in &names {
        let (state, mode) = (LrmState::WaitForAgentLock, LrmMode::Active);
        let lrm = LrmStatus { state, mode, timestamp: now, results: HashMap::new() };
        world.write_file(&lrm_status(node), document::lrm_status(&lrm));
        crm.shared.lrm_status.insert(node.clone(), Arc::new(lrm));
    }
    if let Some(master) = master
        && let Some(daemons) = crm.nodes.get_mut(&*master)
    {
        daemons.crm = ClusterManager::active(&status);
        crm.shared.locks.manager(&master, now);
    }
    crm.shared.status = Arc::new(status);
    world.crm = crm;
}

/// One second of the managers' life.
pub fn tick(world: &mut World, second: i64) {
    let mut crm = std::mem::take(&mut world.crm);
    crm.tick(world, second);
    world.crm = crm;
}

/// What a move by hand would meet.
#[must_use]
pub fn foresee(world: &World, sid: &str, node: &str) -> Foreseen {
    let status = document::placed(&files::manager_status(world));
    motion::foresee(&status, &configuration::read(world), sid, &node.into())
}

/// Puts a cluster back to before its HA groups were migrated to rules: there is a group, and the last node is still to be
/// upgraded, which is what keeps a real cluster in this state.
pub fn leave_unmigrated(world: &mut World) {
    begin_upgrade(world);
    const GROUPS: &str = "/etc/pve/ha/groups.cfg";
    if world.file_opt(GROUPS).is_none() {
        let nodes: Vec<String> = world.nodes.keys().cloned().collect();
        world.write_file(GROUPS, format!("group: legacy\n\tnodes {}\n\n", nodes.join(",")));
    }
}

/// All nodes but the last are upgraded; the managers read the same files in another way.
pub fn begin_upgrade(world: &mut World) {
    world.crm.shared.behind = world.nodes.keys().next_back().cloned();
    world.crm.shared.configs.clear();
}

/// A node was taken out: what comes in its place is not what kept the cluster from being upgraded.
pub fn forget_node(world: &mut World, node: &str) {
    world.crm.shared.behind.take_if(|behind| behind == node);
}

/// Upgrades the last node, so that the manager migrates the groups within a minute.
pub fn finish_upgrade(world: &mut World) {
    world.crm.shared.behind = None;
}

impl Crm {
    /// The last lines the managers logged.
    pub fn log(&self) -> impl Iterator<Item = &str> {
        self.shared.log.iter().map(String::as_str)
    }

    /// Whether a manager of the node is a client of its watchdog-mux.
    pub fn is_watched(&self, node: &str) -> bool {
        self.shared.locks.is_watched(node)
    }

    fn tick(&mut self, world: &mut World, second: i64) {
        self.start_and_stop(world);
        self.reset_expired(world, second);
        for (node, daemons) in &mut self.nodes {
            world.working_node = Some(node.clone());
            if !daemons.leaving.reported && world.nodes.get(node).is_some_and(|node| node.shutdown.is_some()) {
                daemons.leaving.reported = true;
                self.shared.read_config(world);
                daemons.lrm.stop(&mut At::new(world, &mut self.shared, node));
            }
            if second >= daemons.crm_due && !daemons.leaving.crm_gone {
                self.shared.read_config(world);
                let after = daemons.crm.round(&mut At::new(world, &mut self.shared, node));
                daemons.crm_due = second + if daemons.crm.manager().is_some() { ROUND } else { LOOK };
                daemons.leaving.crm_gone = after == After::Exit;
            }
            if daemons.leaving.lrm_gone {
                continue;
            }
            if second >= daemons.lrm_due {
                self.shared.read_config(world);
                let after = daemons.lrm.round(&mut At::new(world, &mut self.shared, node));
                let idle = daemons.lrm.state() == LrmState::WaitForAgentLock;
                daemons.lrm_due = second + if idle { LOOK } else { ROUND };
                if after == After::Exit {
                    daemons.leaving.lrm_gone = true;
                    daemons.crm.stop();
                }
            } else if daemons.lrm.is_busy() {
                daemons.lrm.poll(&mut At::new(world, &mut self.shared, node));
            }
        }
        world.working_node = None;
        self.power_off_and_on(world, second);
    }

    /// A node whose managers are gone loses its power; one that is to come back boots.
    fn power_off_and_on(&mut self, world: &mut World, second: i64) {
        let gone = |daemons: &Daemons| daemons.leaving.lrm_gone && daemons.leaving.crm_gone;
        let off: Vec<String> = self.nodes.iter().filter(|(_, d)| gone(d)).map(|(node, _)| node.clone()).collect();
        for node in off {
            let reboot = world.nodes.get(&node).and_then(|node| node.shutdown);
            world.power(&node, false);
            if let Some(entry) = world.nodes.get_mut(&node).filter(|_| reboot == Some(true)) {
                entry.boots_at = Some(second as f64 + BOOT);
            }
        }
        let due = |node: &crate::world::Node| !node.up && node.boots_at.is_some_and(|at| at <= second as f64);
        let on: Vec<String> = world.nodes.values().filter(|node| due(node)).map(|node| node.name.clone()).collect();
        for node in on {
            world.power(&node, true);
        }
    }

    /// The processes of a node live as long as it has power.
    fn start_and_stop(&mut self, world: &mut World) {
        let lives = |node: &str, booted: f64| world.nodes.get(node).is_some_and(|n| n.up && n.since == booted);
        let dead: Vec<String> =
            self.nodes.iter().filter(|(node, d)| !lives(node, d.booted)).map(|(node, _)| node.clone()).collect();
        for node in dead {
            self.nodes.remove(&node);
            self.shared.locks.power_lost(&node.as_str().into());
            self.shared.abort_jobs(world, &node);
        }
        let now = world.now();
        for (index, node) in (0..).zip(world.nodes.values()).filter(|(_, node)| node.up) {
            self.nodes.entry(node.name.clone()).or_insert_with(|| Daemons::new(node.since, now, index));
        }
    }

    /// A node whose watchdog is not fed is reset; it is back at once, without its guests.
    fn reset_expired(&mut self, world: &mut World, second: i64) {
        for node in self.shared.locks.expired(second) {
            self.shared.note(format!("{second} {node}: reset by its watchdog"));
            self.shared.locks.power_lost(&node);
            self.shared.abort_jobs(world, &node);
            for guest in world.guests.values_mut().filter(|guest| *guest.node == *node) {
                guest.stopped();
            }
            if let Some(machine) = world.machines.get_mut(&*node) {
                machine.boot();
            }
            if let Some(daemons) = self.nodes.get_mut(&*node) {
                *daemons = Daemons::new(daemons.booted, second, 0);
            }
        }
    }
}

impl Daemons {
    /// The managers of the node at `index` don't all begin in the same second; the local ones are the later ones, so that
    /// they find what was ordered in the same round.
    fn new(booted: f64, now: i64, index: i64) -> Self {
        let shift = index % 4;
        let (crm, lrm) = (ClusterManager::default(), LocalManager::default());
        Self { booted, crm, crm_due: now + 1 + shift, lrm, lrm_due: now + 5 + shift, leaving: Leaving::default() }
    }
}

impl Shared {
    fn note(&mut self, line: String) {
        self.log.push_back(line);
        if self.log.len() > LOG_LINES {
            self.log.pop_front();
        }
    }
}
