//! Nodes: power, membership, figures.

use serde::{Deserialize, Serialize};

use super::World;
use super::corosync::Links;

/// Seconds until corosync has noticed that a member is gone, as measured.
const MEMBERSHIP_DELAY: f64 = 7.0;

/// One node of the cluster.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Node {
    pub name: String,
    /// Its corosync id.
    pub id: u32,
    pub votes: u32,
    /// Its IP address, which its name resolves to.
    pub address: String,
    /// Its addresses for corosync by link; without any it is [`Self::address`] for link 0.
    #[serde(default)]
    pub rings: Links,
    /// Whether corosync does not run on it, although it is up.
    #[serde(default)]
    pub corosync_stopped: bool,
    /// Its pveproxy does not show the certificate that the cluster has of it, so that the other nodes forward nothing to it.
    #[serde(default)]
    pub uncertified: bool,
    /// Its pmxcfs does not run, so that it refuses everyone.
    #[serde(default)]
    pub away: bool,
    /// Whether it has power.
    pub up: bool,
    /// When `up` changed last.
    pub since: f64,
    /// Since when its network is cut; it keeps its power.
    #[serde(default)]
    pub cut_since: Option<f64>,
    /// Whether it is going down in order, and if so, whether it is to come back.
    #[serde(default)]
    pub shutdown: Option<bool>,
    /// When it begins to shut down, and whether it is to come back, as a call has requested.
    #[serde(default)]
    pub shutdown_due: Option<(f64, bool)>,
    /// It has booted, and its guests are not started yet.
    #[serde(default)]
    pub starts_guests: bool,
    /// When it is to get its power back by itself.
    #[serde(default)]
    pub boots_at: Option<f64>,
    pub cpus: u32,
    /// Memory in bytes.
    pub memory: u64,
    /// Size of the root disk in bytes.
    pub disk: u64,
    /// Whether its disks are full.
    #[serde(default)]
    pub disk_full: bool,
    /// SHA-256 of its certificate.
    pub fingerprint: String,
}

impl Node {
    /// Its addresses for corosync, by link.
    #[must_use]
    pub fn links(&self) -> Links {
        if self.rings.is_empty() { Links::from([(0, self.address.clone())]) } else { self.rings.clone() }
    }
}

impl World {
    /// Whether corosync counts the node as a member.
    #[must_use]
    pub fn is_member(&self, node: &str) -> bool {
        let still_counts = |since: f64| self.clock.now() - since < MEMBERSHIP_DELAY;
        let member =
            |n: &Node| (n.up || still_counts(n.since)) && n.cut_since.is_none_or(still_counts) && !n.corosync_stopped;
        self.nodes.get(node).is_some_and(member)
    }

    /// Whether the node has power and network: other nodes reach it.
    #[must_use]
    pub fn is_up(&self, node: &str) -> bool {
        self.nodes.get(node).is_some_and(|n| n.up && n.cut_since.is_none())
    }

    /// Has a node go down in order: its managers see to the services first, as the shutdown policy says.
    pub fn shut_down(&mut self, node: &str, reboot: bool) {
        if let Some(entry) = self.nodes.get_mut(node).filter(|entry| entry.up) {
            entry.shutdown = Some(reboot);
        }
    }

    /// Cuts the power of a node (`up = false`) or boots it. Guests on it stop.
    pub fn power(&mut self, node: &str, up: bool) {
        let now = self.clock.now();
        let Some(entry) = self.nodes.get_mut(node) else {
            return;
        };
        if entry.up != up {
            entry.up = up;
            entry.since = now;
            entry.shutdown = None;
            entry.shutdown_due = None;
            entry.boots_at = None;
            entry.starts_guests = up;
            // A corosync that was stopped starts again; one that has an address of another machine still can't.
            let links = entry.links();
            let has = |address: &String| self.machines.get(node).is_none_or(|machine| machine.has_address(address));
            entry.corosync_stopped &= !(up && links.values().all(has));
            if let Some(machine) = self.machines.get_mut(node).filter(|_| up) {
                machine.boot();
            }
        }
        if !up {
            for guest in self.guests.values_mut().filter(|g| g.node == node) {
                guest.stopped();
            }
            crate::api::backup::node_lost(self, node);
            self.tasks.node_lost(node, now as i64);
            self.answer_elsewhere(node);
        }
    }

    /// Cuts the network of a node (`connected = false`), or connects it again. Its guests run on until its watchdog resets it.
    pub fn network(&mut self, node: &str, connected: bool) {
        let now = self.clock.now();
        let Some(entry) = self.nodes.get_mut(node) else {
            return;
        };
        match (connected, entry.cut_since) {
            (true, Some(_)) => entry.cut_since = None,
            (false, None) => entry.cut_since = Some(now),
            _ => {}
        }
        if !connected {
            self.answer_elsewhere(node);
        }
    }

    /// Clients that have lost a node turn to another one.
    fn answer_elsewhere(&mut self, lost: &str) {
        if self.answering_node == lost
            && let Some(other) = self.nodes.keys().find(|name| self.is_up(name)).cloned()
        {
            self.answering_node = other;
        }
    }
}
