//! The nodes of a cluster of our own as machines: reached over SSH by the provider under test, and past it by the test.

use pve_emulator::world::seed::Seed;
use pve_emulator::{Options, Release};
use serde_json::{Value as Json, json};

use crate::Cluster;

impl Cluster {
    /// A cluster of our own whose nodes can be logged in to.
    pub fn with_ssh(test: &str, release: Release) -> Option<Self> {
        Self::own(test, Options { release, ssh: true, ..Options::default() })
    }

    /// The same with that many nodes, `pve1`, `pve2`, …
    pub fn of_nodes(test: &str, release: Release, count: u32) -> Option<Self> {
        Self::own(
            test,
            Options { release, ssh: true, seed: Some(seed(count, count * 2, &json!({}))), ..Options::default() },
        )
    }

    /// The same with that many guests whose disks can be replicated: virtual machines from 100 on, spread over the nodes in order.
    pub fn of_size(test: &str, release: Release, nodes: u32, guests: u32) -> Option<Self> {
        let disks = json!({"scsi0": "local-zfs:vm-0-disk-0,size=1G"});
        Self::own(test, Options { release, ssh: true, seed: Some(seed(nodes, guests, &disks)), ..Options::default() })
    }

    /// The `ssh` block of the provider as a value; none where the nodes can't be logged in to.
    pub fn ssh(&self) -> Option<Json> {
        let access = self.is_own().then(|| self.emulator().ssh()).flatten()?;
        if self.is_through_sshd() {
            return Some(self.sshd().value());
        }
        let host = |port: &u16| format!("[127.0.0.1]:{port} {}", access.host_key);
        let nodes = access.ports.iter();
        Some(json!({
            "private_key_file": access.private_key_file,
            "host_keys": access.ports.values().map(host).collect::<Vec<_>>(),
            "node": nodes.map(|(name, port)| json!({"name": name, "address": "127.0.0.1", "port": port})).collect::<Vec<_>>(),
        }))
    }

    /// The provider block that says how to log in; none where the nodes can't be logged in to.
    pub fn provider_block(&self) -> Option<String> {
        self.ssh().map(|_| format!("provider \"pve\" {{\n{}}}\n", self.ssh_block()))
    }

    /// What a command prints on a node, run past SSH.
    ///
    /// # Panics
    /// It fails.
    #[track_caller]
    pub fn run(&self, node: &str, line: &str) -> String {
        let outcome = self.emulator().execute(node, line, "");
        assert_eq!(outcome.exit(), Some(0), "{line} on {node}: {}", outcome.stderr);
        outcome.stdout
    }

    /// A file of the cluster; `None` if it does not exist.
    pub fn shared_file(&self, path: &str) -> Option<String> {
        self.emulator().cluster().world().read_shared(path)
    }

    /// Writes a file of the cluster outside of Terraform.
    pub fn write_shared_file(&self, path: &str, text: &str) {
        self.emulator().cluster().world().put_shared(path, text);
    }

    /// A file of one node; `None` if it does not exist.
    pub fn node_file(&self, node: &str, path: &str) -> Option<String> {
        self.emulator().cluster().world().machines[node].disk.read(path).map(str::to_owned)
    }

    /// Writes a file of one node outside of Terraform.
    pub fn write_node_file(&self, node: &str, path: &str, text: &str) {
        let cluster = self.emulator().cluster();
        let mut world = cluster.world();
        let now = world.clock.now();
        if let Some(machine) = world.machines.get_mut(node) {
            machine.disk.write(path, text, now);
        }
    }

    /// Makes the next command that fits go wrong: the control plane's own words.
    #[track_caller]
    pub fn command_fault(&self, fault: Json) {
        let fault = serde_json::from_value(fault).expect("a fault");
        self.emulator().commands().fault(fault).expect("a pattern");
    }

    /// Takes all faults of commands away; how many were met.
    #[track_caller]
    pub fn clear_command_faults(&self) -> u64 {
        let met = self.emulator().commands().report()["met"].as_u64().unwrap_or_default();
        self.api.control("commands/clear", &json!({}));
        met
    }

    /// Changes a machine: the control plane's own words.
    #[track_caller]
    pub fn machine(&self, change: Json) {
        self.api.control("machine", &change);
    }
}

/// A cluster of `count` nodes with that many guests, which have these disks.
fn seed(count: u32, guests: u32, disks: &Json) -> Seed {
    let nodes = (1..=count).map(|i| {
        json!({"node": format!("pve{i}"), "nodeid": i, "ring0_addr": format!("10.0.0.{i}"), "cpus": 8, "memory": 34_359_738_368_u64})
    });
    let guests = (0..guests).map(|i| {
        json!({"vmid": 100 + i, "type": "qemu", "node": format!("pve{}", i % count + 1), "name": format!("tfacc-vm{i}"), "disks": disks})
    });
    let seed = json!({
        "cluster": {"name": "emulated"},
        "nodes": nodes.collect::<Vec<_>>(),
        "guests": guests.collect::<Vec<_>>(),
        "storages": [
            {"storage": "shared", "type": "nfs", "path": "/mnt/pve/shared", "server": "10.0.0.9", "export": "/srv", "content": "images"},
            {"storage": "local-zfs", "type": "zfspool", "pool": "rpool/data", "content": "images,rootdir"},
        ],
        "users": [{"userid": "root@pam", "email": "root@example.com", "password": "secret-of-root",
                   "tokens": [{"tokenid": "terraform", "privsep": 0, "secret": "11111111-2222-4333-8444-555555555555"}]}],
    });
    Seed::parse(&seed.to_string()).expect("a seed")
}
