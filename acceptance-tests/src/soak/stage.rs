//! An emulated cluster for the events: people use its API, failures its control plane.

use std::collections::BTreeSet;
use std::sync::Arc;

use pve_emulator::world::{Pve, World};
use pve_emulator::{Options, Release};
use serde_json::{Value as Json, json};

use super::catalogue::{self, Generation, NODES, TOKEN, USER};
use super::event::{Cut, Event, Foreign};
use super::oracle::{Oracle, sid};
use super::{edits, observe};
use crate::Cluster;
use crate::cluster::Hurry;

/// The HA manager's commands in wait.
const CRM_COMMANDS: &str = "/etc/pve/ha/crm_commands";
/// The groups of PVE 8.
const GROUPS_CFG: &str = "/etc/pve/ha/groups.cfg";
/// How long, in seconds of the cluster, the HA manager may take to do as it is asked: a new master needs two minutes.
const PATIENCE: u32 = 600;

/// A cluster on which events take place.
pub struct Stage {
    /// The cluster; the provider's token is not root's.
    pub cluster: Arc<Cluster>,
}

impl Stage {
    /// A new cluster, with the spare or without it; none, and a line that says so, where an existing cluster is under test.
    pub fn new(name: &str, generation: Generation, has_spare: bool) -> Option<Self> {
        let release = if generation == Generation::Eight { Release::V8 } else { Release::V9 };
        let options = Options { release, ssh: true, seed: Some(catalogue::seed(has_spare)), ..Options::default() };
        let mut cluster = Cluster::own(name, options)?;
        for (name, value) in &mut cluster.environment {
            if name == "PROXMOX_VE_API_TOKEN" {
                *value = format!("{USER}!{}={}", TOKEN.0, TOKEN.1);
            }
        }
        let stage = Self { cluster: Arc::new(cluster) };
        stage.advance(60);
        Some(stage)
    }

    /// Lets time go by.
    pub fn advance(&self, seconds: u32) {
        self.cluster.emulator().cluster().world().advance(f64::from(seconds));
    }

    /// Lets time go by a hundred times as fast while an apply is at work.
    pub fn hurry(&self) -> Hurry {
        self.cluster.hurry()
    }

    /// The same, and all nodes get their power back after so many seconds of the cluster.
    pub fn hurry_to_power(&self, seconds: f64) -> Hurry {
        self.cluster.hurry_until(seconds, |world| NODES.iter().for_each(|node| world.power(node, true)))
    }

    /// The nodes without power.
    pub fn down(&self) -> BTreeSet<String> {
        self.world(|world| world.nodes.values().filter(|node| !node.up).map(|node| node.name.clone()).collect())
    }

    /// Whether there is a quorum.
    pub fn is_quorate(&self) -> bool {
        self.world(|world| world.is_quorate())
    }

    /// Whether there is a quorum, and no node on its way out of it: what a person asks for now is done soon.
    pub fn is_steady(&self) -> bool {
        self.is_quorate() && self.dying().is_empty()
    }

    /// The nodes without power that corosync has not missed yet.
    pub fn dying(&self) -> BTreeSet<String> {
        let down = self.down();
        self.world(|world| down.into_iter().filter(|node| world.is_member(node)).collect())
    }

    /// The node that a guest is on.
    pub fn node_of(&self, guest: u32) -> Option<String> {
        self.world(|world| world.guests.get(&guest).map(|guest| guest.node.clone()))
    }

    /// Whether a node's disks are full.
    pub fn is_full(&self, node: &str) -> bool {
        self.world(|world| world.nodes[node].disk_full)
    }

    /// The version that the nodes run.
    pub fn version(&self) -> String {
        self.world(|world| world.manager_of(&world.answering_node).0.to_owned())
    }

    /// Whether the release has HA rules, in place of groups.
    pub fn has_rules(&self) -> bool {
        self.world(|world| world.profile.pve == Pve::V9)
    }

    /// The nodes that run something older than a version, and what.
    pub fn older_than(&self, version: &str) -> impl Iterator<Item = String> + use<> {
        let numbers = |version: &str| version.split('.').map(|part| part.parse().unwrap_or(0)).collect::<Vec<u32>>();
        let required = numbers(version);
        let older = self.world(|world| {
            let is_older = |node: &&String| numbers(world.manager_of(node).0) < required;
            world.nodes.keys().filter(is_older).cloned().collect::<Vec<_>>()
        });
        older.into_iter()
    }

    /// Has an event take place, as far as it can; what has really happened.
    pub fn play(&self, event: &Event, oracle: &Oracle) -> Vec<Event> {
        match event {
            Event::MemberRemoved => self.remove_spare().into_iter().collect(),
            Event::MemberReplaced => self.replace_spare().into_iter().collect(),
            _ if self.happens(event, oracle) => vec![event.clone()],
            _ => Vec::new(),
        }
    }

    /// What the cluster has done by itself and is to be taken note of.
    pub fn noticed(&self, oracle: &Oracle) -> Option<Event> {
        let is_migrated = self.world(|world| world.profile.pve == Pve::V9 && world.file_opt(GROUPS_CFG).is_none());
        (is_migrated && oracle.generation == Generation::Eight).then_some(Event::GroupsMigrated)
    }

    fn happens(&self, event: &Event, oracle: &Oracle) -> bool {
        match event {
            Event::TimePasses => true,
            Event::NodeDies(node) => self.power(&[node], false),
            Event::NodeReturns(node) => self.power(&[node], true),
            Event::PowerCut(one, other) => self.power(&[one, other], false),
            Event::QuorumLost(left) => self.power(&NODES.map(|node| if node == left { "" } else { node }), false),
            Event::PowerBack => self.power(&NODES, true),
            Event::DiskFull(node) => self.fill(node, true),
            Event::DiskFreed(node) => self.fill(node, false),
            Event::Balanced(guest, node) => self.may_balance(*guest) && self.balance(*guest, node),
            Event::CertificateRenewed => self.control("certificate", &json!({})),
            Event::Updated(version) => {
                let is_other = self.version() != *version && oracle.generation == Generation::Nine;
                (is_other || self.older_than(version).next().is_some() && oracle.generation == Generation::Nine)
                    && self.control("upgrade", &json!({"version": version}))
            }
            Event::UpdateBegun(node, version) => {
                let is_older =
                    oracle.generation == Generation::Nine && self.older_than(version).any(|older| older == *node);
                is_older && self.control("upgrade", &json!({"version": version, "node": node}))
            }
            Event::UpgradeBegun => {
                let is_ready = self.world(|world| world.profile.pve == Pve::V8) && self.down().is_empty();
                is_ready && self.control("upgrade", &json!({"version": "9.2.0"}))
            }
            Event::UpgradeEnded => {
                let is_begun =
                    self.world(|world| world.profile.pve == Pve::V9) && oracle.generation == Generation::Eight;
                is_begun && self.control("upgrade", &json!({}))
            }
            Event::GroupsMigrated | Event::MemberRemoved | Event::MemberReplaced => false,
            Event::Maintenance(node, on) => self.maintain(node, *on, oracle),
            Event::Migrated(guest, node) => self.migrate(*guest, node),
            Event::Stopped(guest) => self.turn(*guest, false),
            Event::Started(guest) => self.turn(*guest, true),
            Event::Removed(guest) => self.remove(*guest),
            Event::Restored(guest, node) => {
                let is_gone = self.node_of(*guest).is_none() && self.is_quorate();
                is_gone && self.control("restore-guest", &catalogue::guest(*guest, node))
            }
            Event::Created(guest, node) => {
                let is_new = self.node_of(*guest).is_none() && self.is_quorate();
                is_new && self.control("restore-guest", &catalogue::guest(*guest, node))
            }
            Event::Edited(address, attribute, value) => {
                let object = oracle.actual.0.get(address);
                object.is_some_and(|object| edits::edit(self, address, object, attribute, value))
            }
            Event::Deleted(address) => {
                let object = oracle.actual.0.get(address);
                object.is_some_and(|object| edits::delete(self, address, object))
            }
            Event::Foreign(what) => self.meddle(*what),
            Event::PrivilegesCut(cut) => oracle.cut.is_none() && self.allow(Some(*cut)),
            Event::PrivilegesRestored => oracle.cut.is_some() && self.allow(None),
            Event::Reconfigured(address, ..) | Event::Withdrawn(address) => oracle.configured.0.contains_key(address),
            Event::Added(address) => {
                // What a person has made of the same name is not to be taken over.
                let object = catalogue::addition(address, oracle.generation).unwrap_or_default();
                let there = observe::inventory(&self.cluster);
                let is_new = observe::names(address, &object).iter().all(|name| !there.contains_key(name));
                !oracle.configured.0.contains_key(address)
                    && is_new
                    && (address != catalogue::OFF || self.may_avoid(oracle))
            }
            Event::Rewritten => oracle.is_state_behind && oracle.holds_groups(),
            Event::Refreshed => true,
        }
    }

    /// Looks at the world, or changes it.
    pub fn world<T>(&self, work: impl FnOnce(&mut World) -> T) -> T {
        work(&mut self.cluster.emulator().cluster().world())
    }

    /// A call as root; whether it succeeds.
    pub fn call(&self, method: &'static str, path: &str, parameters: &[(&str, &str)]) -> bool {
        self.cluster.api.send(method, path, parameters).is_ok()
    }

    /// A command on any node that is up; whether it succeeds.
    pub fn run(&self, line: &str) -> bool {
        let up = self.world(|world| world.nodes.values().find(|node| node.up).map(|node| node.name.clone()));
        up.is_some_and(|node| self.cluster.emulator().execute(&node, line, "").exit() == Some(0))
    }

    /// Lets time go by until something is so; whether it has come to that.
    pub fn until(&self, mut is_so: impl FnMut() -> bool) -> bool {
        for _ in 0..PATIENCE / 5 {
            if is_so() {
                return true;
            }
            self.advance(5);
        }
        is_so()
    }

    /// A call of the control plane.
    pub fn control(&self, action: &str, body: &Json) -> bool {
        self.cluster.api.control(action, body);
        true
    }

    /// One node keeps its power: without any the API has no endpoint.
    fn power(&self, nodes: &[&str], up: bool) -> bool {
        self.world(|world| {
            let mut turned = false;
            for node in nodes.iter().filter(|node| !node.is_empty()) {
                let is_last = !up && NODES.iter().filter(|node| world.is_up(node)).count() == 1;
                if world.is_up(node) != up && !is_last {
                    world.power(node, up);
                    turned = true;
                }
            }
            turned
        })
    }

    fn fill(&self, node: &str, full: bool) -> bool {
        self.is_full(node) != full && self.control("disk", &json!({"node": node, "full": full}))
    }

    /// Whether the load balancer is switched on and may move a guest.
    fn may_balance(&self, guest: u32) -> bool {
        let options = self.cluster.api.read("/cluster/options");
        let entry = self.cluster.api.find(&format!("/cluster/ha/resources/{}", sid(guest)));
        let is_pinned = |entry: Json| !entry["auto-rebalance"].is_null() && !observe::is_true(&entry["auto-rebalance"]);
        observe::is_true(&options["crs"]["ha-auto-rebalance"]) && !entry.is_none_or(is_pinned)
    }

    /// Whether rules may be about to avoid nodes: some node has what that needs, if not all.
    fn may_avoid(&self, oracle: &Oracle) -> bool {
        oracle.generation == Generation::Nine
            && self.older_than(catalogue::AVOIDS).count() < self.world(|world| world.nodes.len())
    }

    /// The HA manager's load balancer queues a migration.
    fn balance(&self, guest: u32, node: &str) -> bool {
        self.world(|world| {
            let is_possible = world.is_quorate() && world.is_up(node);
            if is_possible {
                let queued = format!("{}migrate {} {node}\n", world.file(CRM_COMMANDS), sid(guest));
                world.write_file(CRM_COMMANDS, queued);
            }
            is_possible
        })
    }

    fn maintain(&self, node: &str, on: bool, oracle: &Oracle) -> bool {
        let is_on = || observe::inventory(&self.cluster).contains_key(&format!("maintenance {node}"));
        // One that is begun by hand is not Terraform's: of a node whose maintenance is managed it is only ended.
        let is_managed = oracle.configured.0.contains_key(&format!("pve_node_maintenance.{node}"));
        let may = (node != catalogue::MAINTAINED.0 || (is_managed && !on)) && self.is_steady() && is_on() != on;
        let command = if on { "enable" } else { "disable" };
        may && self.run(&format!("ha-manager crm-command node-maintenance {command} {node}"))
            && self.until(|| is_on() == on)
    }

    fn path(&self, guest: u32) -> Option<String> {
        let kind = if guest == catalogue::CONTAINER { "lxc" } else { "qemu" };
        Some(format!("/nodes/{}/{kind}/{guest}", self.node_of(guest)?))
    }

    /// Migrates a guest in the web UI; whether that was requested.
    pub fn migrate(&self, guest: u32, node: &str) -> bool {
        let how: &[_] = if guest == catalogue::CONTAINER {
            &[("restart", "1")]
        } else {
            &[("online", "1"), ("with-local-disks", "1")]
        };
        self.path(guest)
            .is_some_and(|path| self.call("POST", &format!("{path}/migrate"), &[&[("target", node)], how].concat()))
    }

    /// The web UI's start and stop: of a managed guest the HA manager changes the configured state.
    fn turn(&self, guest: u32, on: bool) -> bool {
        let (command, state) = if on { ("start", "started") } else { ("stop", "stopped") };
        let Some(path) = self.path(guest).filter(|_| self.is_steady()) else { return false };
        let entry = || self.cluster.api.find(&format!("/cluster/ha/resources/{}", sid(guest)));
        let found = || entry().map(|entry| entry["state"].as_str().unwrap_or("started").to_owned());
        match found() {
            None => self.call("POST", &format!("{path}/status/{command}"), &[]),
            Some(before) if before == state => false,
            Some(_) => {
                self.call("POST", &format!("{path}/status/{command}"), &[])
                    && self.until(|| found().as_deref() == Some(state))
            }
        }
    }

    /// Stopped first, as the web UI demands; a guest that can't be stopped is started again.
    fn remove(&self, guest: u32) -> bool {
        let Some(path) = self.path(guest).filter(|_| self.is_steady() && self.down().is_empty()) else { return false };
        let runs = || self.world(|world| world.guests.get(&guest).is_some_and(|guest| guest.is_running()));
        let asked_to_stop =
            !runs() || self.turn(guest, false) || self.call("POST", &format!("{path}/status/stop"), &[]);
        asked_to_stop
            && self.until(|| !runs())
            && self.path(guest).is_some_and(|path| self.call("DELETE", &path, &[("purge", "1")]))
            && self.until(|| self.node_of(guest).is_none() && !self.is_known(&sid(guest)))
    }

    /// Whether the HA manager still has something of a service.
    pub fn is_known(&self, sid: &str) -> bool {
        let status = self.cluster.api.read("/cluster/ha/status/manager_status");
        !status["manager_status"]["service_status"][sid].is_null()
    }

    fn meddle(&self, what: Foreign) -> bool {
        let toggle = |path: &str, one: &str, parameters: &[(&str, &str)]| match self.call("GET", one, &[]) {
            true => self.call("DELETE", one, &[]),
            false => self.call("POST", path, parameters),
        };
        match what {
            Foreign::Resource => toggle(
                "/cluster/ha/resources",
                "/cluster/ha/resources/vm:107",
                &[("sid", "vm:107"), ("comment", "by hand")],
            ),
            Foreign::Rule => {
                let rule =
                    [("rule", "by-hand"), ("type", "node-affinity"), ("resources", "vm:107"), ("nodes", "pve2,pve3")];
                toggle("/cluster/ha/rules", "/cluster/ha/rules/by-hand", &rule)
            }
            Foreign::Job => {
                let job = [("id", "107-0"), ("type", "local"), ("target", "pve3")];
                toggle("/cluster/replication", "/cluster/replication/107-0", &job)
            }
            Foreign::Keyboard => {
                let keyboard = self.cluster.api.read("/cluster/options")["keyboard"].clone();
                let other = if keyboard == "de" { "fr" } else { "de" };
                self.call("PUT", "/cluster/options", &[("keyboard", other)])
            }
            Foreign::Guest => {
                let runs = self.world(|world| world.guests[&108].is_running());
                self.turn(108, !runs)
            }
        }
    }

    /// Gives the token's user just what is left.
    fn allow(&self, cut: Option<Cut>) -> bool {
        let role = match cut {
            None | Some(Cut::Guests) => "Administrator",
            Some(Cut::Writing) => "PVEAuditor",
            Some(Cut::Everything) => "NoAccess",
        };
        let acl = |path: &str, role: &str, more: (&str, &str)| {
            self.call("PUT", "/access/acl", &[("path", path), ("roles", role), ("users", USER), more])
        };
        if !self.is_quorate() {
            return false;
        }
        for (path, role) in [("/", "Administrator"), ("/", "PVEAuditor"), ("/", "NoAccess"), ("/vms", "NoAccess")] {
            acl(path, role, ("delete", "1"));
        }
        acl("/", role, ("propagate", "1")) && (cut != Some(Cut::Guests) || acl("/vms", "NoAccess", ("propagate", "1")))
    }
}
