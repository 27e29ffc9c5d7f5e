//! Clusters of many nodes and guests.

use pve_emulator::Seed;
use serde_json::{Value as Json, json};

/// The VMID of the first guest.
pub const FIRST: u32 = 1000;

/// A cluster of so many nodes, called `pve1` and so on, each with so many running VMs on shared storage.
#[derive(Clone, Copy, Debug)]
pub struct Big {
    pub nodes: u32,
    /// On each node.
    pub guests: u32,
    /// How many of these are HA resources, the first ones.
    pub managed: u32,
}

impl Big {
    /// The VMIDs of the guests of a node, whose number counts from 1.
    pub fn guests_of(self, node: u32) -> std::ops::Range<u32> {
        let first = FIRST + (node - 1) * self.guests;
        first..first + self.guests
    }

    /// # Panics
    /// Never: the text below is a seed.
    #[must_use]
    pub fn seed(self) -> Seed {
        let nodes: Vec<Json> = (1..=self.nodes).map(node).collect();
        let ids = |node: u32| self.guests_of(node).map(move |vmid| (node, vmid));
        let guests: Vec<Json> = (1..=self.nodes).flat_map(ids).map(|(node, vmid)| guest(node, vmid)).collect();
        let managed = (1..=self.nodes).flat_map(|node| self.guests_of(node).take(self.managed as usize));
        let resources: String = managed.map(|vmid| format!("vm: {vmid}\n\tstate started\n\n")).collect();
        let files = if self.managed > 0 { json!({"/etc/pve/ha/resources.cfg": resources}) } else { json!({}) };
        let seed = json!({
            "cluster": {"name": "big"}, "nodes": nodes, "guests": guests, "files": files,
            "storages": [
                {"storage": "shared", "type": "nfs", "path": "/mnt/pve/shared", "server": "10.0.255.1", "export": "/srv", "content": "images"},
            ],
            "users": [{"userid": "root@pam", "email": "root@example.com", "password": "secret-of-root",
                       "tokens": [{"tokenid": "terraform", "privsep": 0, "secret": "11111111-2222-4333-8444-555555555555"}]}],
        });
        serde_json::from_value(seed).expect("a seed")
    }
}

fn node(number: u32) -> Json {
    json!({
        "node": format!("pve{number}"), "nodeid": number, "ring0_addr": format!("10.0.0.{number}"), "cpus": 128,
        "memory": 2_199_023_255_552_u64,
    })
}

fn guest(node: u32, vmid: u32) -> Json {
    json!({
        "vmid": vmid, "type": "qemu", "node": format!("pve{node}"), "name": format!("tfacc-vm{vmid}"), "cores": 1,
        "memory": 1024, "disks": {"scsi0": format!("shared:{vmid}/vm-{vmid}-disk-0.qcow2,size=8G")}, "status": "running",
    })
}

#[cfg(test)]
mod tests {
    use pve_emulator::Initial;
    use pve_emulator::clock::Clock;
    use pve_emulator::pipeline::Cluster;
    use pve_emulator::route::Method;
    use pve_emulator::world::Pve;

    use super::*;

    #[test]
    fn a_node_of_a_big_cluster_is_emptied() {
        let big = Big { nodes: 16, guests: 400, managed: 20 };
        let cluster = Cluster::new(big.seed().build(Pve::V9, Initial::Seed, Clock::standing(1_795_396_500.0)));
        cluster.world().advance(60.0);
        let params = json!({"target": "pve2", "maxworkers": 8});
        let params = params.as_object().cloned().unwrap_or_default();
        let upid = cluster.call_as_root(Method::Post, "/nodes/pve1/migrateall", params).unwrap().data;
        cluster.world().advance(900.0);
        let world = cluster.world();
        let task = world.tasks.find(upid.as_str().unwrap()).unwrap();
        assert_eq!(task.status.as_deref(), Some("OK"));
        assert!(world.guests.values().all(|guest| guest.node != "pve1" && guest.is_running()));
    }
}
