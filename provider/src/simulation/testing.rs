//! Small clusters for tests.

use std::collections::BTreeMap;

use pve_schemas::data::Quorum;
use pve_schemas::data::failover_simulation::FailoverSimulationArguments;
use pve_schemas::value::HaMode;
use serde_json::{Value as Json, json};

use super::live::{Crs, Guest, Hidden, NodeFact, SimulatedCluster, Storage, Volume, Volumes};
use super::replicas::{Replica, ReplicaState};
use super::{HaConfig, InvalidArgument, Simulated, Simulation};

const GIB: u64 = 1 << 30;

/// A cluster in the making: nodes `pve1`… of 16 GiB, a local storage `zfs`, a shared one `nfs`.
pub(crate) struct Cluster {
    pub(crate) nodes: Vec<NodeFact>,
    pub(crate) guests: BTreeMap<String, Guest>,
    pub(crate) resources: Vec<Json>,
    pub(crate) rules: Vec<Json>,
    pub(crate) groups: Vec<Json>,
    pub(crate) storages: Option<Vec<Storage>>,
    pub(crate) replicas: Vec<Replica>,
    pub(crate) manager: Json,
    pub(crate) crs: Crs,
    qdevice: Json,
}

impl Cluster {
    pub(crate) fn of(nodes: usize) -> Self {
        let names: Vec<String> = (1..=nodes).map(|n| format!("pve{n}")).collect();
        let storage = |id: &str, shared| Storage {
            id: id.to_owned(),
            shared,
            enabled: true,
            nodes: None,
            content: vec!["images".into()],
            active: names.clone(),
        };
        let online: serde_json::Map<String, Json> = names.iter().map(|name| (name.clone(), json!("online"))).collect();
        Self {
            nodes: names
                .iter()
                .map(|name| NodeFact { name: name.clone(), online: true, cpus: Some(8.0), memory: Some(16 * GIB) })
                .collect(),
            guests: BTreeMap::new(),
            resources: Vec::new(),
            rules: Vec::new(),
            groups: Vec::new(),
            storages: Some(vec![storage("zfs", false), storage("nfs", true)]),
            replicas: Vec::new(),
            manager: json!({"master_node": "pve1", "node_status": online, "service_status": {}}),
            crs: Crs::default(),
            qdevice: json!({}),
        }
    }

    /// A running VM of 2 GiB on shared storage.
    pub(crate) fn vm(&mut self, vmid: u64, node: usize) -> &mut Self {
        let sid = format!("vm:{vmid}");
        let guest = Guest {
            sid: sid.clone(),
            vmid,
            name: Some(format!("guest{vmid}")),
            node: format!("pve{node}"),
            running: true,
            template: false,
            cpus: 2.0,
            memory: 2 * GIB,
            tags: Vec::new(),
            pool: None,
            volumes: Volumes::Known(Vec::new()),
        };
        self.guests.insert(sid, guest);
        self.disk(vmid, "scsi0", "nfs");
        self
    }

    /// The same, started as HA resource.
    pub(crate) fn service(&mut self, vmid: u64, node: usize) -> &mut Self {
        self.vm(vmid, node);
        self.resources.push(json!({"sid": format!("vm:{vmid}"), "state": "started"}));
        let status = json!({"state": "started", "node": format!("pve{node}"), "uid": "x", "running": 1});
        self.manager["service_status"][format!("vm:{vmid}")] = status;
        self
    }

    pub(crate) fn guest(&mut self, vmid: u64) -> &mut Guest {
        self.guests.get_mut(&format!("vm:{vmid}")).unwrap()
    }

    /// Puts a disk of the VM on a storage.
    pub(crate) fn disk(&mut self, vmid: u64, key: &str, storage: &str) {
        let volume = Volume {
            key: key.to_owned(),
            source: format!("{storage}:vm-{vmid}-disk-0"),
            cdrom: false,
            skipped: false,
            vouched: false,
        };
        let Volumes::Known(volumes) = &mut self.guest(vmid).volumes else { panic!("known") };
        volumes.retain(|volume| volume.key != key);
        volumes.push(volume);
    }

    /// A QDevice as an odd number of nodes has it.
    pub(crate) fn lms(&mut self) {
        self.qdevice = json!({"Algorithm": "LMS", "State": "Connected", "Last poll call": "now (cast vote)"});
    }

    /// A QDevice as an even number of nodes has it.
    pub(crate) fn qdevice(&mut self, up: bool) {
        let (state, poll) = if up { ("Connected", "now (cast vote)") } else { ("Connect failed", "never") };
        self.qdevice = json!({"Algorithm": "Fifty-Fifty split", "State": state, "Last poll call": poll});
    }

    pub(crate) fn quorum(&self) -> Quorum {
        let node = |(i, node): (usize, &NodeFact)| json!({"type": "node", "name": node.name, "nodeid": i + 1, "online": u8::from(node.online)});
        let online = self.nodes.iter().filter(|node| node.online).count();
        let cluster = json!({"type": "cluster", "name": "c", "quorate": u8::from(online * 2 > self.nodes.len())});
        let status: Vec<Json> = std::iter::once(cluster).chain(self.nodes.iter().enumerate().map(node)).collect();
        let voters = self.nodes.iter().map(|node| json!({"node": node.name, "quorum_votes": "1"}));
        Quorum::from_answers(&Json::Array(status), &voters.collect(), &self.qdevice).unwrap()
    }

    pub(crate) fn live(&self) -> SimulatedCluster {
        let ha_config = HaConfig::from_answers(
            &Json::Array(self.resources.clone()),
            &Json::Array(self.rules.clone()),
            &Json::Array(self.groups.clone()),
        );
        SimulatedCluster {
            mode: if self.groups.is_empty() { HaMode::Rules } else { HaMode::Groups },
            config: ha_config.unwrap(),
            manager: self.manager.clone(),
            counts_bystanders: true,
            quorum: self.quorum(),
            nodes: self.nodes.clone(),
            guests: self.guests.clone(),
            storages: self.storages.clone(),
            replicas: Some(self.replicas.clone()),
            crs: self.crs.clone(),
            hidden: Hidden::default(),
        }
    }
}

/// What comes out when every failure that is asked for is played.
pub(crate) fn simulate(
    live: &SimulatedCluster,
    arguments: &FailoverSimulationArguments,
) -> Result<Simulated, InvalidArgument> {
    let mut simulation = Simulation::new(live, arguments)?;
    let scenarios = std::iter::from_fn(|| simulation.play_next()).collect();
    Ok(Simulated { scenarios, ..simulation.finish() })
}

/// A copy of a guest, `seconds` old; none if no run succeeded.
pub(crate) fn replica(guest: u64, target: &str, seconds: Option<i64>) -> Replica {
    let copied = |seconds| ReplicaState::Copied { age: "at most 30 minutes old".to_owned(), seconds };
    Replica { guest, target: target.to_owned(), state: seconds.map_or(ReplicaState::None, copied) }
}
