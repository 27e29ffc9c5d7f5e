//! corosync's configuration: members, votes, the QDevice.
//!
//! Invariant: `/etc/pve/corosync.conf` is no stored text but what the world's nodes and QDevice say; a write of the file
//! changes those.

use serde::{Deserialize, Serialize};

use super::World;
use super::machines::QDEVICE_STORE;

pub const COROSYNC_CONF: &str = "/etc/pve/corosync.conf";

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
            self.qdevice = device;
            self.config_version += 1;
            self.expected = None;
        }
    }

    /// The text of corosync.conf, as `PVE::Corosync` writes it.
    #[must_use]
    pub fn corosync_conf(&self) -> String {
        let mut text = String::from("logging {\n  debug: off\n  to_syslog: yes\n}\n\nnodelist {\n");
        for node in self.nodes.values() {
            text.push_str(&format!(
                "  node {{\n    name: {}\n    nodeid: {}\n    quorum_votes: {}\n    ring0_addr: {}\n  }}\n",
                node.name, node.id, node.votes, node.address
            ));
        }
        text.push_str("}\n\nquorum {\n");
        if let Some(device) = &self.qdevice {
            text.push_str(&format!(
                "  device {{\n    model: net\n    net {{\n      algorithm: {}\n      host: {}\n      tls: on\n    }}\n",
                device.algorithm.as_str(),
                device.host
            ));
            if device.algorithm == Algorithm::Ffsplit {
                text.push_str("    votes: 1\n");
            }
            text.push_str("  }\n");
        }
        text.push_str("  provider: corosync_votequorum\n}\n\ntotem {\n");
        text.push_str(&format!("  cluster_name: {}\n  config_version: {}\n", self.cluster_name, self.config_version));
        text.push_str("  interface {\n    linknumber: 0\n  }\n  ip_version: ipv4-6\n  link_mode: passive\n");
        text + "  secauth: on\n  version: 2\n}\n\n"
    }

    /// Applies an edit of corosync.conf: votes, QDevice and version. Nodes come and go by `pvecm` only.
    pub fn load_corosync_conf(&mut self, text: &str) {
        let entries = entries(text);
        let find = |path: &str| entries.iter().find(|(name, _)| name == path).map(|(_, value)| value.as_str());
        let host = find("quorum.device.net.host").map(str::to_owned);
        let algorithm = match find("quorum.device.net.algorithm") {
            Some("lms") => Algorithm::Lms,
            _ => Algorithm::Ffsplit,
        };
        let version = find("totem.config_version").and_then(|version| version.parse().ok());
        let since = self.clock.now();
        self.qdevice = host.map(|host| match self.qdevice.take() {
            Some(same) if same.host == host && same.algorithm == algorithm => same,
            _ => Qdevice { host, algorithm, since },
        });
        let mut name = None;
        for (path, value) in &entries {
            match path.as_str() {
                "nodelist.node.name" => name = Some(value.clone()),
                "nodelist.node.quorum_votes" => {
                    let node = name.as_ref().and_then(|name| self.nodes.get_mut(name));
                    if let Some((node, votes)) = node.zip(value.parse().ok()) {
                        node.votes = votes;
                    }
                }
                _ => {}
            }
        }
        self.config_version = version.unwrap_or(self.config_version);
        self.expected = None;
    }
}

/// The options with the sections they are in, `totem.version`.
fn entries(text: &str) -> Vec<(String, String)> {
    let mut sections: Vec<&str> = Vec::new();
    let mut found = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        if let Some(name) = line.strip_suffix('{') {
            sections.push(name.trim());
        } else if line == "}" {
            sections.pop();
        } else if let Some((key, value)) = line.split_once(':') {
            let path: Vec<&str> = sections.iter().copied().chain([key.trim()]).collect();
            found.push((path.join("."), value.trim().to_owned()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
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
        let text = world.corosync_conf();
        let mut other = self::world();
        other.load_corosync_conf(&text.replace("quorum_votes: 1", "quorum_votes: 2"));
        assert_eq!(other.qdevice, world.qdevice);
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
