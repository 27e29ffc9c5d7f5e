//! corosync's configuration: members, votes, the QDevice.
//!
//! Invariant: `/etc/pve/corosync.conf` is no stored text but what the world's nodes, QDevice and settings say, or, for as long
//! as the nodes have not taken it over, what was written last ([`Pending`]).

mod conf;

use serde::{Deserialize, Serialize};

pub use conf::{Conf, Links, Member, Settings};

use super::machines::QDEVICE_STORE;
use super::{Node, World};

pub const COROSYNC_CONF: &str = "/etc/pve/corosync.conf";
/// The key that the members of a cluster encrypt with; each node has it on its own disk.
pub const AUTHKEY: &str = "/etc/corosync/authkey";
/// The copy of corosync.conf that corosync itself reads.
pub const LOCAL_CONF: &str = "/etc/corosync/corosync.conf";

/// The UDP port of link 0; each further link has the next one.
const FIRST_PORT: u16 = 5405;

/// How long it takes until every node runs with what is in the file, as measured.
const TAKE_OVER: f64 = 0.9;

/// What is in the file, and not yet in use.
#[derive(Clone, Debug)]
pub struct Pending {
    pub(crate) conf: Conf,
    /// When the nodes take it over; never, if corosync does not run.
    pub(crate) due: Option<f64>,
}

/// The QDevice in corosync's configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Qdevice {
    /// The address of the host that corosync-qnetd runs on.
    pub host: String,
    /// How it casts its votes.
    pub algorithm: Algorithm,
    /// When it was configured.
    pub since: f64,
}

/// How a QDevice casts its votes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    /// One vote for one half of an even cluster.
    Ffsplit,
    /// As many votes as nodes but one, for the last man standing.
    Lms,
}

impl Algorithm {
    /// The name in corosync.conf.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ffsplit => "ffsplit",
            Self::Lms => "lms",
        }
    }

    /// What `pvecm qdevice setup` chooses for that many nodes.
    #[must_use]
    pub fn of(nodes: usize) -> Self {
        if nodes.is_multiple_of(2) { Self::Ffsplit } else { Self::Lms }
    }
}

impl World {
    /// Votes present and votes needed.
    #[must_use]
    pub fn votes(&self) -> (u32, u32) {
        if self.standalone {
            return (1, 1);
        }
        (self.present_votes(), self.expected_votes() / 2 + 1)
    }

    /// The votes expected: those of all nodes and of the QDevice, or what `pvecm expected` said, which is forgotten as far as
    /// more votes come.
    #[must_use]
    pub fn expected_votes(&self) -> u32 {
        let nodes: u32 = self.nodes.values().map(|n| n.votes).sum();
        match self.expected {
            Some(expected) => expected.max(self.present_votes()),
            None => nodes + self.qdevice_votes(),
        }
    }

    fn present_votes(&self) -> u32 {
        let nodes: u32 = self.nodes.values().filter(|n| self.is_member(&n.name)).map(|n| n.votes).sum();
        nodes + if self.qdevice_votes_now() { self.qdevice_votes() } else { 0 }
    }

    /// The votes of the QDevice: one with ffsplit, nodes − 1 with LMS.
    #[must_use]
    pub fn qdevice_votes(&self) -> u32 {
        let nodes = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        match self.qdevice.as_ref().map(|device| device.algorithm) {
            None => 0,
            Some(Algorithm::Ffsplit) => 1,
            Some(Algorithm::Lms) => nodes.saturating_sub(1),
        }
    }

    /// Whether the QDevice casts its votes for this partition. Each node counts by its own daemon, the one that answers here.
    #[must_use]
    pub fn qdevice_votes_now(&self) -> bool {
        self.is_up(&self.answering_node) && self.qdevice_is_connected(&self.answering_node)
    }

    /// Whether corosync-qdevice runs on the node.
    #[must_use]
    pub fn qdevice_runs(&self, node: &str) -> bool {
        self.qdevice.is_some() && self.machines.get(node).is_some_and(|machine| machine.is_active("corosync-qdevice"))
    }

    /// Whether corosync-qdevice on the node has its certificate and reaches corosync-qnetd.
    #[must_use]
    pub fn qdevice_is_connected(&self, node: &str) -> bool {
        let Some(device) = &self.qdevice else { return false };
        let certified = self.machines.get(node).is_some_and(|machine| machine.disk.is_dir(QDEVICE_STORE));
        self.qdevice_runs(node) && certified && self.qnetd_listens(&device.host)
    }

    /// Whether a host answers on TCP 5403.
    #[must_use]
    pub fn qnetd_listens(&self, address: &str) -> bool {
        self.machines.get(address).is_some_and(|host| host.reachable && host.is_active("corosync-qnetd"))
    }

    /// Sets a QDevice up as if `pvecm qdevice setup` had done it, with the first host there is.
    pub fn add_qdevice(&mut self, host: Option<&str>) {
        let known = self.machines.iter().find(|(_, machine)| !machine.is_node).map(|(address, _)| address.clone());
        let host = host.map(str::to_owned).or(known).unwrap_or_default();
        self.configure_qdevice(Some(Qdevice {
            host,
            algorithm: Algorithm::of(self.nodes.len()),
            since: self.clock.now(),
        }));
        let now = self.clock.now();
        for node in self.nodes.keys() {
            if let Some(machine) = self.machines.get_mut(node) {
                machine.disk.make_dirs(QDEVICE_STORE, now);
                machine.set_unit("corosync-qdevice", true, true);
            }
        }
    }

    /// Removes the QDevice as `pvecm qdevice remove` does it.
    pub fn remove_qdevice(&mut self) {
        self.configure_qdevice(None);
        for node in self.nodes.keys() {
            if let Some(machine) = self.machines.get_mut(node) {
                machine.disk.remove_tree("/etc/corosync/qdevice");
                machine.set_unit("corosync-qdevice", false, false);
            }
        }
    }

    /// Changes the device section of corosync.conf, no more.
    pub fn configure_qdevice(&mut self, device: Option<Qdevice>) {
        if self.qdevice != device {
            // What was written before is in use by then.
            if let Some(pending) = self.pending.take() {
                self.run_with(pending.conf);
            }
            self.qdevice = device;
            self.config_version += 1;
            self.expected = None;
        }
    }

    /// The text of corosync.conf, as `PVE::Corosync` writes it; nothing on a node alone.
    #[must_use]
    pub fn corosync_conf(&self) -> Option<String> {
        self.conf().map(|conf| conf.render())
    }

    /// What is in corosync.conf.
    #[must_use]
    pub fn conf(&self) -> Option<Conf> {
        match &self.pending {
            Some(pending) => Some(pending.conf.clone()),
            None => (!self.standalone).then(|| self.running_conf()),
        }
    }

    /// What corosync runs with.
    #[must_use]
    pub fn running_conf(&self) -> Conf {
        let member = |node: &Node| Member { id: node.id, votes: node.votes, links: node.links() };
        Conf {
            cluster_name: self.cluster_name.clone(),
            config_version: self.config_version,
            members: self.nodes.values().map(|node| (node.name.clone(), member(node))).collect(),
            device: self.qdevice.as_ref().map(|device| (device.host.clone(), device.algorithm)),
            settings: self.corosync.clone(),
        }
    }

    /// Writes corosync.conf with the next version. The nodes take it over after a moment.
    pub fn write_conf(&mut self, mut conf: Conf) {
        conf.config_version += 1;
        self.file_conf(conf);
    }

    /// Puts a corosync.conf into `/etc/pve`. One whose version is not higher is there, but no node takes it over.
    pub fn file_conf(&mut self, conf: Conf) {
        let newer = self.standalone || conf.config_version > self.config_version;
        let due = newer.then(|| self.clock.now() + TAKE_OVER);
        self.pending = Some(Pending { conf, due });
    }

    /// The addresses and UDP ports at which corosync of a node listens: a port for each link.
    #[must_use]
    pub fn corosync_sockets(&self, node: &str) -> Vec<(String, u16)> {
        let running = self.nodes.get(node).filter(|entry| !self.standalone && entry.up && !entry.corosync_stopped);
        let links = running.map(Node::links).unwrap_or_default();
        links.into_iter().map(|(number, address)| (address, FIRST_PORT + u16::from(number))).collect()
    }

    /// `corosync-cfgtool -k`: corosync on a node ends.
    pub(crate) fn stop_corosync(&mut self, node: &str) {
        if let Some(entry) = self.nodes.get_mut(node) {
            entry.corosync_stopped = entry.up;
        }
        if let Some(machine) = self.machines.get_mut(node) {
            machine.set_unit("corosync", false, true);
        }
    }

    /// corosync on a member runs, or does not. It can't with an address of another machine.
    pub(crate) fn corosync_runs(&mut self, node: &str, runs: bool) {
        let has = |address: &String| self.machines.get(node).is_some_and(|machine| machine.has_address(address));
        if let Some(entry) = self.nodes.get(node) {
            let stopped = !(runs && entry.links().values().all(has));
            if let Some(entry) = self.nodes.get_mut(node) {
                entry.corosync_stopped = stopped;
            }
        }
    }

    /// Runs with what is in the file, if that is due.
    pub(super) fn take_over(&mut self) {
        let now = self.clock.now();
        if let Some(pending) = self.pending.take_if(|pending| pending.due.is_some_and(|due| due <= now)) {
            self.run_with(pending.conf);
        }
    }

    /// Runs with another configuration. For the others a new node has no power yet.
    pub fn run_with(&mut self, conf: Conf) {
        let now = self.clock.now();
        let like = self.nodes.get(&self.answering_node).or_else(|| self.nodes.values().next()).cloned();
        let gone: Vec<String> = self.nodes.keys().filter(|name| !conf.members.contains_key(*name)).cloned().collect();
        for node in gone {
            self.leave_folders_of(&node);
            self.nodes.remove(&node);
            crate::crm::forget_node(self, &node);
        }
        for (name, member) in conf.members {
            if !self.nodes.contains_key(&name)
                && let Some(like) = like.clone()
            {
                let address = member.links.values().next().cloned().unwrap_or_default();
                let absent = Node {
                    name: name.clone(),
                    address,
                    up: false,
                    away: false,
                    since: 0.0,
                    fingerprint: String::new(),
                    ..like
                };
                self.nodes.insert(name.clone(), absent);
            }
            if let Some(node) = self.nodes.get_mut(&name) {
                node.id = member.id;
                node.votes = member.votes;
                node.rings = member.links;
            }
        }
        self.qdevice = conf.device.map(|(host, algorithm)| match self.qdevice.take() {
            Some(same) if same.host == host && same.algorithm == algorithm => same,
            _ => Qdevice { host, algorithm, since: now },
        });
        self.cluster_name = conf.cluster_name;
        self.config_version = conf.config_version;
        self.corosync = conf.settings;
        self.standalone = false;
        self.expected = None;
        self.keep_local_copies();
    }

    /// The nodes that corosync runs on have the configuration on their own disks, too.
    pub(super) fn keep_local_copies(&mut self) {
        let (text, now) = (self.running_conf().render(), self.clock.now());
        let members: Vec<String> = self.nodes.keys().filter(|node| self.is_member(node)).cloned().collect();
        for node in members {
            if let Some(machine) =
                self.machines.get_mut(&node).filter(|m| m.disk.read(LOCAL_CONF) != Some(text.as_str()))
            {
                machine.disk.write(LOCAL_CONF, &text, now);
            }
        }
    }

    /// The IP address of a name in corosync.conf.
    #[must_use]
    pub fn resolve(&self, name: &str) -> Option<String> {
        if name.parse::<std::net::IpAddr>().is_ok() {
            return Some(name.to_owned());
        }
        self.nodes.get(name).map(|node| node.address.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::COROSYNC_CONF;
    use crate::clock::Clock;
    use crate::world::seed::{Initial, Seed};
    use crate::world::{Pve, World};

    fn world() -> World {
        Seed::default_cluster("p", "s").build(Pve::V9, Initial::Seed, Clock::standing(1000.0))
    }

    #[test]
    fn what_is_written_into_the_file_counts() {
        let mut world = world();
        world.add_qdevice(None);
        assert_eq!((world.expected_votes(), world.votes()), (5, (5, 3)));
        let text = world.corosync_conf().unwrap();
        let mut other = self::world();
        other.put_shared(COROSYNC_CONF, &text.replace("quorum_votes: 1", "quorum_votes: 2"));
        assert_eq!(other.nodes["pve2"].votes, 1);
        other.advance(1.0);
        assert_eq!(other.qdevice.as_ref().unwrap().host, world.qdevice.as_ref().unwrap().host);
        assert_eq!(other.config_version, world.config_version);
        assert_eq!(other.nodes["pve2"].votes, 2);
        // Its daemon was not started there.
        assert_eq!(other.votes(), (6, 5));
    }

    #[test]
    fn the_device_votes_only_while_it_is_reached() {
        let mut world = world();
        world.add_qdevice(None);
        let host = world.qdevice.as_ref().unwrap().host.clone();
        world.machines.get_mut(&host).unwrap().reachable = false;
        assert_eq!(world.votes(), (3, 3));
        world.remove_qdevice();
        assert_eq!(world.votes(), (3, 2));
    }
}
