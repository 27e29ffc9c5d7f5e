//! The initial state of a cluster: from a seed file, or generated.
//!
//! Invariant: the same seed always gives the same texts, hence the same digests.

mod alone;
mod guests;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::access::{Access, Token, USER_CFG, User};
use super::corosync::{Links, Settings};
use super::storage::STORAGE_CFG;
use super::{Node, Profile, Pve, Tasks, World};
use crate::auth::ticket::Keys;
use crate::clock::Clock;
use crate::crm::Crm;
use crate::section_config::bytes;
use guests::{container, vm};
pub(crate) use guests::{disk_size, guest};

#[derive(Clone, Debug, Deserialize)]
pub struct Seed {
    #[serde(default)]
    versions: BTreeMap<String, BTreeMap<String, String>>,
    #[serde(default)]
    cluster: Map<String, Value>,
    #[serde(default)]
    nodes: Vec<SeedNode>,
    /// Nodes that are in no cluster.
    #[serde(default)]
    standalone: Vec<alone::SeedAlone>,
    /// Whether it is that of a node that is in no cluster.
    #[serde(skip)]
    is_alone: bool,
    #[serde(default)]
    guests: Vec<Map<String, Value>>,
    #[serde(default)]
    silent_guests: bool,
    /// The node whose CRM is the master, if HA was used before; without one it is the first.
    #[serde(default)]
    master: Option<String>,
    #[serde(default)]
    storages: Vec<Map<String, Value>>,
    #[serde(default)]
    users: Vec<SeedUser>,
    #[serde(default)]
    acl: Vec<SeedAcl>,
    #[serde(default)]
    files: BTreeMap<String, Option<String>>,
}

#[derive(Clone, Debug, Deserialize)]
struct SeedNode {
    node: String,
    nodeid: u32,
    #[serde(default = "one")]
    quorum_votes: u32,
    ring0_addr: String,
    /// The address for a second link.
    #[serde(default)]
    ring1_addr: Option<String>,
    /// Its addresses in other networks.
    #[serde(default)]
    addresses: Vec<String>,
    #[serde(default)]
    cpus: Option<u32>,
    #[serde(default)]
    memory: Option<u64>,
}

#[derive(Clone, Debug, Deserialize)]
struct SeedUser {
    userid: String,
    #[serde(default = "one")]
    enable: u32,
    #[serde(default)]
    email: String,
    #[serde(default)]
    password: Option<String>,
    #[serde(default)]
    totp_secret: Option<String>,
    #[serde(default)]
    tokens: Vec<SeedToken>,
}

#[derive(Clone, Debug, Deserialize)]
struct SeedToken {
    tokenid: String,
    #[serde(default = "one")]
    privsep: u32,
    secret: String,
}

#[derive(Clone, Debug, Deserialize)]
struct SeedAcl {
    path: String,
    ugid: String,
    roleid: String,
    #[serde(default = "one")]
    propagate: u32,
}

fn one() -> u32 {
    1
}

/// Whether HA was used before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Initial {
    /// There is a CRM master, and its status has all nodes.
    Seed,
    /// HA was never used.
    Fresh,
}

impl Seed {
    /// Reads a seed file's text.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// Three nodes and a handful of guests; `password` and `secret` are root's.
    #[must_use]
    pub fn default_cluster(password: &str, secret: &str) -> Self {
        let nodes: Vec<Value> = (1..=3)
            .map(|i| json!({"node": format!("pve{i}"), "nodeid": i, "ring0_addr": format!("10.0.0.{i}"), "cpus": 16, "memory": 68_719_476_736_u64}))
            .collect();
        let mut guests = Vec::new();
        for (i, name) in ["web1", "web2", "db1", "db2", "mail", "proxy"].iter().enumerate() {
            guests.push(vm(100 + i, &format!("pve{}", i % 3 + 1), name));
        }
        for i in 0..8 {
            guests.push(vm(900 + i, &format!("pve{}", i % 3 + 1), &format!("tfacc-vm{i}")));
        }
        for i in 0..4 {
            guests.push(container(950 + i, &format!("pve{}", i % 3 + 1), &format!("tfacc-ct{i}")));
        }
        let seed = json!({
            "cluster": {"name": "emulated"},
            "nodes": nodes,
            "guests": guests,
            "storages": [
                {"storage": "local", "type": "dir", "path": "/var/lib/vz", "content": "iso,vztmpl,backup,snippets"},
                {"storage": "local-zfs", "type": "zfspool", "pool": "rpool/data", "content": "images,rootdir", "sparse": 1},
                {"storage": "shared-nfs", "type": "nfs", "path": "/mnt/pve/shared-nfs", "server": "10.0.0.100", "export": "/srv/pve", "content": "images,rootdir,backup"}
            ],
            "users": [
                {"userid": "root@pam", "email": "root@example.com", "password": password,
                 "tokens": [{"tokenid": "terraform", "privsep": 0, "secret": secret}]},
            ],
            "files": {"/etc/pve/datacenter.cfg": "keyboard: en-us\n"}
        });
        // The literal above has this type's fields, the tests build it.
        serde_json::from_value(seed).expect("the built-in seed is well formed")
    }

    /// The same cluster with its first nodes only, and the guests on them.
    #[must_use]
    pub fn of_first_nodes(&self, count: usize) -> Self {
        let mut seed = self.clone();
        seed.nodes.truncate(count);
        let stays =
            |guest: &Map<String, Value>| seed.nodes.iter().any(|node| guest.get("node") == Some(&json!(node.node)));
        seed.guests.retain(stays);
        seed
    }

    /// The names of the cluster's nodes.
    pub fn node_names(&self) -> impl Iterator<Item = &str> {
        self.nodes.iter().map(|n| n.node.as_str())
    }

    #[must_use]
    pub fn build(&self, pve: Pve, initial: Initial, clock: Clock) -> World {
        self.build_with(Profile::of(pve), initial, clock)
    }

    /// Builds the cluster; versions that the seed names take precedence over those of `profile`.
    #[must_use]
    pub fn build_with(&self, mut profile: Profile, initial: Initial, clock: Clock) -> World {
        let pve = profile.pve;
        let now = clock.now();
        let key = if pve == Pve::V8 { "pve8" } else { "pve9" };
        let facts = self.cluster.get(key).and_then(Value::as_object).unwrap_or(&self.cluster);
        let fact = |name: &str| facts.get(name).and_then(Value::as_str);
        let nodes: BTreeMap<_, _> = self.nodes.iter().map(|n| (n.node.clone(), n.build(now))).collect();
        let mut corosync = Settings::default();
        if self.nodes.iter().any(|node| node.ring1_addr.is_some()) {
            corosync.add_link(1, None);
        }
        if let Some(logging) = facts.get("logging").and_then(Value::as_object) {
            let text = |(name, value): (&String, &Value)| (name.clone(), crate::schema::check::perl_text(value));
            corosync.logging = logging.iter().map(text).collect();
        }
        let first = self.nodes.first().map(|n| n.node.clone()).unwrap_or_default();
        let answering = self.cluster.get("answering_node").and_then(Value::as_str).map_or(first, str::to_owned);
        if let Some(versions) = self.versions.get(key) {
            let set = |slot: &mut String, name: &str| versions.get(name).into_iter().for_each(|v| slot.clone_from(v));
            set(&mut profile.version, "pve-manager");
            set(&mut profile.release, "release");
            set(&mut profile.ha_manager, "pve-ha-manager");
        }
        let mut world = World {
            profile,
            working_node: None,
            cluster_name: if self.is_alone { "" } else { fact("name").unwrap_or("emulated") }.to_owned(),
            config_version: fact("config_version").and_then(|v| v.parse().ok()).unwrap_or(self.nodes.len() as u64),
            answering_node: answering,
            nodes,
            guests: self.guests.iter().filter_map(|g| guest(g, now)).map(|g| (g.vmid, g)).collect(),
            silent_guests: self.silent_guests,
            access: self.access(pve),
            tasks: Tasks::default(),
            ticked: clock.now() as i64,
            clock,
            standalone: self.is_alone,
            corosync,
            pending: None,
            keys: Arc::new(Keys::generate()),
            authority: None,
            errands: Vec::new(),
            qdevice: None,
            expected: None,
            machines: BTreeMap::new(),
            quorum_lost: None,
            folders: BTreeMap::new(),
            lock_holders: BTreeMap::new(),
            crm: Crm::default(),
            replication: crate::api::replication::State::default(),
            backup: crate::api::backup::State::default(),
            failing_moves: Default::default(),
            notifications: crate::api::notifications::outbox::State::default(),
            offline_storages: Default::default(),
            sections: Default::default(),
            documents: Default::default(),
            files: BTreeMap::new(),
            turn: 0,
        };
        world.put_file(STORAGE_CFG, storage_cfg(&self.storages));
        world.write_access();
        for (path, text) in &self.files {
            match text {
                Some(text) => world.put_file(path, bytes::from_utf8(text)),
                None => world.remove_file(path),
            }
        }
        world.install_machines();
        for node in self.nodes.iter() {
            if let Some(machine) = world.machines.get_mut(&node.node) {
                machine.more_addresses = node.ring1_addr.iter().chain(&node.addresses).cloned().collect();
            }
        }
        crate::crm::initialise(&mut world, initial, self.master.as_deref());
        world
    }

    fn access(&self, pve: Pve) -> Access {
        let mut access = Access::new(pve);
        for user in &self.users {
            access.users.insert(user.userid.clone(), user.build());
        }
        if let Some(Some(text)) = self.files.get(USER_CFG) {
            access.load(text);
            return access;
        }
        for entry in &self.acl {
            let kind = if entry.ugid.contains('!') { "token" } else { "user" };
            access.acl.insert(super::access::Acl {
                path: entry.path.clone(),
                kind,
                subject: entry.ugid.clone(),
                role: entry.roleid.clone(),
                propagate: entry.propagate == 1,
            });
        }
        access
    }
}

impl SeedNode {
    fn links(&self) -> Links {
        let second = self.ring1_addr.clone().map(|address| (1, address));
        [(0, self.ring0_addr.clone())].into_iter().chain(second).collect()
    }

    fn build(&self, now: f64) -> Node {
        Node {
            name: self.node.clone(),
            id: self.nodeid,
            votes: self.quorum_votes,
            address: self.ring0_addr.clone(),
            rings: self.links(),
            corosync_stopped: false,
            uncertified: false,
            away: false,
            up: true,
            since: now - 4500.0,
            cut_since: None,
            shutdown: None,
            shutdown_due: None,
            starts_guests: false,
            boots_at: None,
            cpus: self.cpus.unwrap_or(2),
            memory: self.memory.unwrap_or(25_276_510_208),
            disk: 270_553_174_016,
            disk_full: false,
            fingerprint: String::new(),
        }
    }
}

impl SeedUser {
    fn build(&self) -> User {
        let token = |t: &SeedToken| Token { privsep: t.privsep == 1, secret: t.secret.clone(), ..Token::default() };
        User {
            enable: self.enable == 1,
            email: self.email.clone(),
            password: self.password.clone(),
            totp: self.totp_secret.as_deref().and_then(crate::auth::totp::decode_base32),
            tokens: self.tokens.iter().map(|t| (t.tokenid.clone(), token(t))).collect(),
            ..User::default()
        }
    }
}

fn storage_cfg(storages: &[Map<String, Value>]) -> String {
    let mut sections = Vec::new();
    for storage in storages {
        let text = |name: &str| storage.get(name).map(crate::schema::check::perl_text).unwrap_or_default();
        let mut section = format!("{}: {}\n", text("type"), text("storage"));
        for (key, value) in storage.iter().filter(|(k, _)| !matches!(k.as_str(), "type" | "storage")) {
            section.push_str(&format!("\t{key} {}\n", crate::schema::check::perl_text(value)));
        }
        sections.push(section);
    }
    sections.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_cluster_can_be_built() {
        let world = Seed::default_cluster("p", "s").build(Pve::V9, Initial::Seed, Clock::standing(1000.0));
        assert_eq!(world.nodes.len(), 3);
        assert_eq!(world.guests.values().filter(|g| g.name.starts_with("tfacc-")).count(), 12);
        assert!(world.is_quorate());
        assert_eq!(world.storages().len(), 3);
    }

    #[test]
    fn texts_are_written_as_proxmox_writes_them() {
        let world = Seed::default_cluster("p", "s").build(Pve::V9, Initial::Seed, Clock::standing(1000.0));
        assert_eq!(
            world.guests[&950].config_text(),
            "arch: amd64\ncores: 1\nhostname: tfacc-ct0\nmemory: 512\nostype: debian\nrootfs: local-zfs:subvol-950-disk-0,size=4G\nswap: 512\nunprivileged: 1\n"
        );
        assert_eq!(world.guests[&950].disk, 4 << 30);
    }
}
