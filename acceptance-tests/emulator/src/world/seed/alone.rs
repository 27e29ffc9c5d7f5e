//! Nodes that are in no cluster, beside one or without any.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Initial, Seed, SeedAcl, SeedNode, SeedToken, SeedUser, one};
use crate::auth::ticket::uuid;
use crate::clock::Clock;
use crate::world::{Profile, World};

/// A node, and the `/etc/pve` of its own.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct SeedAlone {
    node: String,
    address: String,
    /// Its addresses in other networks.
    #[serde(default)]
    addresses: Vec<String>,
    #[serde(default)]
    cpus: Option<u32>,
    #[serde(default)]
    memory: Option<u64>,
    #[serde(default)]
    guests: Vec<Map<String, Value>>,
    #[serde(default)]
    storages: Vec<Map<String, Value>>,
    #[serde(default)]
    users: Vec<SeedUser>,
    #[serde(default)]
    acl: Vec<SeedAcl>,
    #[serde(default)]
    files: std::collections::BTreeMap<String, Option<String>>,
}

impl SeedAlone {
    /// A node as it is installed: root@pam has a password of its own and a token.
    fn installed(node: &str, address: String) -> Self {
        Self {
            node: node.to_owned(),
            address,
            addresses: Vec::new(),
            cpus: None,
            memory: None,
            guests: Vec::new(),
            storages: Vec::new(),
            users: vec![root()],
            acl: Vec::new(),
            files: Default::default(),
        }
    }

    fn seed(&self, of: &Seed) -> Seed {
        let node = SeedNode {
            node: self.node.clone(),
            nodeid: 0,
            quorum_votes: 1,
            ring0_addr: self.address.clone(),
            ring1_addr: None,
            addresses: self.addresses.clone(),
            cpus: self.cpus,
            memory: self.memory,
        };
        Seed {
            nodes: vec![node],
            is_alone: true,
            versions: of.versions.clone(),
            silent_guests: of.silent_guests,
            guests: self.guests.clone(),
            storages: self.storages.clone(),
            users: self.users.clone(),
            acl: self.acl.clone(),
            files: self.files.clone(),
            ..Seed::nothing()
        }
    }
}

fn root() -> SeedUser {
    let token = SeedToken { tokenid: "terraform".to_owned(), privsep: 0, secret: uuid() };
    SeedUser {
        userid: "root@pam".to_owned(),
        enable: one(),
        email: "root@example.com".to_owned(),
        password: Some(uuid()),
        totp_secret: None,
        tokens: vec![token],
    }
}

impl Seed {
    /// No node at all.
    #[must_use]
    pub(crate) fn nothing() -> Self {
        Self {
            versions: Default::default(),
            cluster: Map::new(),
            nodes: Vec::new(),
            standalone: Vec::new(),
            is_alone: false,
            guests: Vec::new(),
            silent_guests: false,
            master: None,
            storages: Vec::new(),
            users: Vec::new(),
            acl: Vec::new(),
            files: Default::default(),
        }
    }

    /// The cluster there is without a seed.
    #[must_use]
    pub fn usual() -> Self {
        Self::default_cluster(&uuid(), &uuid())
    }

    /// Nodes that are in no cluster, and no cluster.
    #[must_use]
    pub fn alone(nodes: &[String]) -> Self {
        Self::nothing().beside(nodes)
    }

    /// The same, and nodes beside it that are in no cluster. Their addresses are in the network of the others, from 11 on.
    #[must_use]
    pub fn beside(mut self, nodes: &[String]) -> Self {
        let network = self.nodes.first().and_then(|node| node.ring0_addr.rsplit_once('.'));
        let network = network.map_or("10.0.0", |(network, _)| network).to_owned();
        let first = 11 + self.standalone.len();
        let new = nodes.iter().enumerate();
        let new: Vec<_> = new.map(|(i, node)| SeedAlone::installed(node, format!("{network}.{}", first + i))).collect();
        self.standalone.extend(new);
        self
    }

    /// The same, in which root@pam of every node that is in no cluster has a password and a token.
    #[must_use]
    pub(crate) fn with_logins(mut self) -> Self {
        for node in &mut self.standalone {
            if node.users.is_empty() {
                node.users.push(root());
            }
        }
        self
    }

    /// Whether there is a cluster.
    #[must_use]
    pub fn has_cluster(&self) -> bool {
        !self.nodes.is_empty()
    }

    /// The names of the nodes that are in no cluster.
    pub fn standalone_names(&self) -> impl Iterator<Item = &str> {
        self.standalone.iter().map(|node| node.node.as_str())
    }

    /// A node of the seed as it is installed, in no cluster: with the address, users and storages that the seed has for it,
    /// or those of a new installation.
    #[must_use]
    pub fn installed(&self, node: &str) -> Option<Seed> {
        let own = self.standalone.iter().find(|alone| alone.node == node).cloned();
        let of_cluster = || {
            let member = self.nodes.iter().find(|member| member.node == node)?;
            let mut alone = SeedAlone::installed(node, member.ring0_addr.clone());
            alone.addresses = member.ring1_addr.iter().chain(&member.addresses).cloned().collect();
            (alone.cpus, alone.memory) = (member.cpus, member.memory);
            Some(alone)
        };
        let mut alone = own.or_else(of_cluster)?;
        alone.guests.clear();
        Some(alone.seed(self))
    }

    /// The nodes that are in no cluster, each a world of its own.
    #[must_use]
    pub fn build_standalone(&self, profile: &Profile, clock: &Clock) -> Vec<World> {
        let build = |node: &SeedAlone| node.seed(self).build_with(profile.clone(), Initial::Fresh, clock.clone());
        self.standalone.iter().map(build).collect()
    }
}
