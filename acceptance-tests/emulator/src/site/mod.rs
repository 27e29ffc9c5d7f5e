//! All worlds there are — clusters and nodes alone — on one clock, and what happens between them: a node joins a cluster, a
//! node that was taken out is alone with its old configuration.
//!
//! Invariant: there is one site behind one lock. A world never names another one: its nodes leave [`Errand`]s, which the
//! site sees to, each step at its own time.

mod create;
mod held;
mod join;
mod request;
mod steps;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::clock::Clock;
use crate::tls::{Certificate, Served};
use crate::world::corosync::{AUTHKEY, Conf};
use crate::world::machines::PUBLIC_KEY;
use crate::world::seed::Seed;
use crate::world::{Machine, Node, World};

pub use create::Create;
pub use held::{Door, Held};
use join::AUTHORIZED_KEYS;
pub use join::Join;
pub(crate) use request::lock;
pub use request::{Ended, Printed, Proof, Report, Request};
pub use steps::{Interrupt, Interrupts, Step};

/// All worlds.
#[derive(Debug)]
pub struct Site {
    /// The first one is that behind the emulator's own address.
    worlds: Vec<World>,
    procedures: Vec<Procedure>,
    /// What the listeners of single nodes show.
    doors: BTreeMap<String, Arc<Served>>,
    /// The certificates that nodes have, with their keys.
    certificates: BTreeMap<String, Certificate>,
    /// The certificates that pveproxy of a joined node showed before.
    replaced: BTreeMap<String, Certificate>,
    /// Where joins break off.
    pub interrupts: Interrupts,
}

/// What a node has the site do.
#[derive(Debug)]
pub enum Errand {
    Create(Box<Create>),
    Join(Box<Join>),
    /// The node was taken out of the cluster, which was this before, as [`World::save`] writes it.
    Left {
        node: String,
        cluster: String,
    },
    /// `pvecm updatecerts` on a node: it gets a certificate of its cluster if it has none, or if that is forced.
    Certify {
        node: String,
        force: bool,
    },
}

/// A node of another world, as a machine finds it in the network.
#[derive(Clone, Debug)]
pub(crate) struct Neighbour {
    pub(crate) name: String,
    pub(crate) addresses: Vec<String>,
    pub(crate) reachable: bool,
    /// The addresses and UDP ports at which its corosync listens.
    pub(crate) corosync: Vec<(String, u16)>,
    /// Whether it lets root of the machine in.
    pub(crate) trusts: bool,
}

/// What takes its time.
#[derive(Debug)]
enum Procedure {
    Create(Box<Create>),
    Join(Box<Join>),
    Failure(Failure),
}

/// Something that has failed, which is known later.
#[derive(Debug)]
struct Failure {
    node: String,
    report: Report,
    due: f64,
    why: String,
}

impl Procedure {
    fn due(&self) -> f64 {
        match self {
            Self::Create(create) => create.due(),
            Self::Join(join) => join.due(),
            Self::Failure(failure) => failure.due,
        }
    }

    /// Does what is due; whether there is more to come.
    fn step(&mut self, site: &mut Site) -> bool {
        match self {
            Self::Create(create) => create.step(site),
            Self::Join(join) => join.step(site),
            Self::Failure(failure) => {
                site.end(&failure.node, &failure.report, Err(failure.why.clone()));
                false
            }
        }
    }
}

impl Site {
    /// Worlds on one clock, that of the first one.
    ///
    /// # Panics
    /// Without any.
    #[must_use]
    pub fn new(mut worlds: Vec<World>) -> Self {
        let clock = worlds[0].clock.clone();
        worlds.iter_mut().for_each(|world| world.clock = clock.clone());
        Self {
            worlds,
            procedures: Vec::new(),
            doors: BTreeMap::new(),
            certificates: BTreeMap::new(),
            replaced: BTreeMap::new(),
            interrupts: Interrupts::default(),
        }
    }

    /// Begins anew with other worlds; listeners and certificates stay.
    pub(crate) fn begin_anew(&mut self, worlds: Vec<World>) {
        let doors = std::mem::take(&mut self.doors);
        let certificates = std::mem::take(&mut self.certificates);
        *self = Self { doors, certificates, ..Self::new(worlds) };
    }

    /// The first world.
    #[must_use]
    pub fn main(&self) -> &World {
        &self.worlds[0]
    }

    pub(crate) fn main_mut(&mut self) -> &mut World {
        &mut self.worlds[0]
    }

    #[must_use]
    pub fn worlds(&self) -> &[World] {
        &self.worlds
    }

    /// The world that a node's machine is in.
    #[must_use]
    pub fn home(&self, node: &str) -> Option<usize> {
        let is_here = |world: &World| world.machines.get(node).is_some_and(|machine| machine.is_node);
        self.worlds.iter().position(is_here)
    }

    fn home_mut(&mut self, node: &str) -> Option<&mut World> {
        let at = self.home(node)?;
        self.worlds.get_mut(at)
    }

    /// What a machine finds of the nodes of other worlds.
    #[must_use]
    pub(crate) fn neighbours(&self, machine: &str) -> Vec<Neighbour> {
        let home = self.home(machine).unwrap_or(0);
        let key = self.worlds[home].machines.get(machine).and_then(|machine| machine.disk.read(PUBLIC_KEY));
        let key = key.map(str::trim_end).filter(|key| !key.is_empty());
        let others = self.worlds.iter().enumerate().filter(|(at, _)| *at != home).map(|(_, world)| world);
        let of_world = |world: &World| -> Vec<Neighbour> {
            let trusts = key.is_some_and(|key| world.file(AUTHORIZED_KEYS).lines().any(|line| line.trim_end() == key));
            let nodes = world.machines.values().filter(|machine| machine.is_node);
            let neighbour = |machine: &Machine| Neighbour {
                name: machine.name.clone(),
                addresses: std::iter::once(&machine.address).chain(&machine.more_addresses).cloned().collect(),
                reachable: world.is_reachable(machine),
                corosync: world.corosync_sockets(&machine.name),
                trusts,
            };
            nodes.map(neighbour).collect()
        };
        others.flat_map(of_world).collect()
    }

    /// Whether a `pvecm add` is at work on a machine, with or without its client.
    #[must_use]
    pub(crate) fn is_joining(&self, machine: &str) -> bool {
        self.procedures.iter().any(|procedure| match procedure {
            Procedure::Join(join) => join.node() == machine && join.is_running_command(),
            Procedure::Failure(failure) => failure.node == machine && failure.report.is_running_command(),
            Procedure::Create(_) => false,
        })
    }

    /// The node with that name or address, with its world.
    fn host(&self, name: &str) -> Option<(usize, String)> {
        let is_meant = |machine: &&Machine| machine.is_node && (machine.name == name || machine.has_address(name));
        let mut found = self.worlds.iter().enumerate();
        found.find_map(|(at, world)| Some((at, world.machines.values().find(is_meant)?.name.clone())))
    }

    /// A listener of a single node: what it shows is that node's certificate from now on.
    pub(crate) fn open_door(&mut self, node: &str, served: Arc<Served>) {
        self.doors.insert(node.to_owned(), served);
    }

    #[must_use]
    pub(crate) fn door(&self, node: &str) -> Option<Arc<Served>> {
        self.doors.get(node).cloned()
    }

    /// A node's certificate is this one; a listener of its own shows it.
    pub(crate) fn install_certificate(&mut self, node: &str, certificate: Certificate) {
        if let Some(entry) = self.home_mut(node).and_then(|world| world.nodes.get_mut(node)) {
            entry.fingerprint.clone_from(&certificate.fingerprint);
            entry.uncertified = false;
        }
        if let Some(door) = self.doors.get(node) {
            door.show(&[&certificate]);
        }
        self.certificates.insert(node.to_owned(), certificate);
    }

    pub(crate) fn certificate(&self, node: &str) -> Option<&Certificate> {
        self.certificates.get(node)
    }

    /// A node gets a certificate of its cluster's authority, and the old and the new one, for its listener.
    fn certify(&mut self, node: &str) -> Option<(Certificate, Certificate)> {
        let world = self.home_mut(node)?;
        let certificate = world.authority.clone()?.certify(node).ok()?;
        let entry = world.nodes.get_mut(node)?;
        entry.fingerprint.clone_from(&certificate.fingerprint);
        entry.uncertified = false;
        let old = self.certificates.insert(node.to_owned(), certificate.clone());
        Some((old.unwrap_or_else(|| certificate.clone()), certificate))
    }

    /// Runs everything that is due until now.
    pub fn catch_up(&mut self) {
        self.collect();
        let now = self.main().clock.now();
        while let Some(next) = self.next_due(now) {
            let mut procedure = self.procedures.remove(next);
            self.at(procedure.due(), |site| {
                if procedure.step(site) {
                    site.procedures.push(procedure);
                }
            });
            self.collect();
        }
        self.worlds.iter_mut().for_each(World::catch_up);
        self.collect();
    }

    fn fail_later(&mut self, node: &str, report: &Report, due: f64, why: String) {
        self.procedures.push(Procedure::Failure(Failure { node: node.to_owned(), report: report.clone(), due, why }));
    }

    fn next_due(&self, now: f64) -> Option<usize> {
        let due = self.procedures.iter().enumerate().filter(|(_, procedure)| procedure.due() <= now);
        due.min_by(|(_, one), (_, other)| one.due().total_cmp(&other.due())).map(|(index, _)| index)
    }

    /// Does something at its own time: every daemon has worked until then, and sees that time.
    fn at(&mut self, time: f64, code: impl FnOnce(&mut Self)) {
        let clock = self.main().clock.clone();
        let then = Clock::standing(time);
        for world in &mut self.worlds {
            world.clock = then.clone();
            world.catch_up();
        }
        code(self);
        self.worlds.iter_mut().for_each(|world| world.clock = clock.clone());
    }

    /// Stops the clock, moves it forward and runs what is due.
    pub fn advance(&mut self, seconds: f64) {
        self.catch_up();
        let clock = &mut self.main_mut().clock;
        clock.stop();
        clock.advance(seconds);
        self.catch_up();
    }

    /// Takes the errands that the nodes have left.
    fn collect(&mut self) {
        for at in 0..self.worlds.len() {
            for errand in self.worlds.get_mut(at).map(|world| std::mem::take(&mut world.errands)).unwrap_or_default() {
                match errand {
                    Errand::Create(create) => self.procedures.push(Procedure::Create(create)),
                    Errand::Join(join) => self.procedures.push(Procedure::Join(join)),
                    // A node that was listed and never came is in a world of its own, and stays there.
                    Errand::Left { node, .. } if self.home(&node) != Some(at) => {}
                    Errand::Left { node, cluster } => self.part(&node, &cluster),
                    Errand::Certify { node, force } => self.update_certificate(&node, force),
                }
            }
        }
    }

    fn update_certificate(&mut self, node: &str, force: bool) {
        let now = self.main().clock.now();
        for procedure in &mut self.procedures {
            if let Procedure::Join(join) = procedure
                && join.node() == node
                && join.lacks_certificate()
            {
                join.go_on(now);
                return;
            }
        }
        if force && let Some((_, new)) = self.certify(node) {
            self.install_certificate(node, new);
        }
    }

    /// A node that was taken out is alone with the configuration of before: in it the others are all off.
    fn part(&mut self, node: &str, cluster: &str) {
        let Some(home) = self.home_mut(node) else { return };
        let mut left = home.empty();
        let Some(machine) = home.machines.remove(node) else { return };
        if left.restore(cluster).is_err() {
            return;
        }
        left.machines = BTreeMap::from([(node.to_owned(), machine)]);
        left.answering_node = node.to_owned();
        left.guests.retain(|_, guest| guest.node == node);
        let now = left.clock.now();
        for entry in left.nodes.values_mut().filter(|entry| entry.name != node) {
            (entry.up, entry.since) = (false, now - 3600.0);
        }
        if let Some(entry) = left.nodes.get_mut(node) {
            entry.corosync_stopped = entry.up;
        }
        self.worlds.push(left);
    }

    /// A node is installed anew: alone, with a certificate of its own.
    pub(crate) fn reinstall(&mut self, node: &str, mut world: World, certificate: Certificate) {
        world.clock = self.main().clock.clone();
        if let Some(at) = self.home(node) {
            let old = &mut self.worlds[at];
            let is_alone = old.nodes.len() == 1 || old.machines.values().filter(|machine| machine.is_node).count() == 1;
            old.power(node, false);
            old.machines.remove(node);
            if is_alone {
                self.worlds.remove(at);
                self.worlds.insert(at, world);
            } else {
                self.worlds.push(world);
            }
        } else {
            self.worlds.push(world);
        }
        self.procedures.retain(|procedure| match procedure {
            Procedure::Join(join) => join.node() != node,
            Procedure::Create(create) => create.node() != node,
            Procedure::Failure(failure) => failure.node != node,
        });
        self.install_certificate(node, certificate);
    }

    /// A joining node becomes a member of the cluster of `peer`, if that lists it. What it had in `/etc/pve` is gone with its
    /// world.
    fn merge(&mut self, node: &str, peer: &str) -> bool {
        let (Some(from), Some(to)) = (self.home(node), self.home(peer)) else { return false };
        if from == to || !self.worlds[to].nodes.contains_key(node) {
            return false;
        }
        let (Some(entry), Some(machine)) =
            (self.worlds[from].nodes.get(node).cloned(), self.worlds[from].machines.remove(node))
        else {
            return false;
        };
        let tasks = self.worlds[from].tasks.take_of(node);
        let cluster = &mut self.worlds[to];
        if let Some(listed) = cluster.nodes.get_mut(node) {
            let (id, votes, rings) = (listed.id, listed.votes, std::mem::take(&mut listed.rings));
            *listed = Node { id, votes, rings, corosync_stopped: false, ..entry };
        }
        cluster.machines.insert(node.to_owned(), machine);
        cluster.tasks.add(tasks);
        let left = self.worlds.remove(from);
        drop(left);
        // The emulator's own address keeps leading to the world of its node.
        if from == 0 {
            let to = to - 1;
            self.worlds.swap(0, to);
        }
        true
    }
}

impl World {
    /// The same release, and nothing in it.
    fn empty(&self) -> Self {
        let mut world = Seed::nothing().build_with(self.profile.clone(), crate::Initial::Fresh, self.clock.clone());
        world.authority.clone_from(&self.authority);
        world.keys = self.keys.clone();
        world
    }

    /// Whether a node is in a cluster, or on its way into one, as far as its own disk says.
    #[must_use]
    pub(crate) fn has_authkey(&self, node: &str) -> bool {
        self.machines.get(node).is_some_and(|machine| machine.disk.read(AUTHKEY).is_some())
    }

    /// The links of a corosync.conf that are addresses of the node.
    fn has_links(&self, node: &str, conf: &Conf) -> bool {
        let machine = self.machines.get(node);
        let links = conf.members.get(node).map(|member| member.links.clone()).unwrap_or_default();
        links.values().all(|address| machine.is_some_and(|machine| machine.has_address(address)))
    }
}
