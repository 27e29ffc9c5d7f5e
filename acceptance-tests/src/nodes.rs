//! Real OpenSSH servers in front of an emulated cluster's nodes: clients speak with OpenSSH, and what they run is handed over
//! to the emulator by a forced command.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use crate::cli;
use crate::sshd::{Key, KeyType, Options, Sshd};

/// Set to `1`, it says that every test of SSH is to go through real servers.
pub const THROUGH_SSHD: &str = "PVE_ACC_SSHD";

/// One server per node, and the key that opens all.
#[derive(Debug)]
pub struct Nodes {
    key: Key,
    servers: BTreeMap<String, Sshd>,
}

impl Nodes {
    /// Starts a server for each of the nodes of the emulator that listens at `endpoint`.
    ///
    /// # Panics
    /// `pve-emulator` is not built, or a server does not come up.
    pub fn start<'a>(endpoint: &str, names: impl Iterator<Item = &'a String>) -> Self {
        let program = cli::program("pve-emulator");
        let key = Key::new(KeyType::Ed25519, "");
        let server = |name: &String| {
            let mut options = Options::letting_in(&key);
            let command = format!("exec {} shell --endpoint {endpoint} --node {name}", program.display());
            options.forced_command = Some(command);
            (name.clone(), Sshd::start(options))
        };
        let servers = names.map(server).collect();
        Self { key, servers }
    }

    /// The server of a node.
    ///
    /// # Panics
    /// There is no such node.
    #[track_caller]
    pub fn of(&self, node: &str) -> &Sshd {
        self.servers.get(node).unwrap_or_else(|| panic!("no node {node}"))
    }

    pub fn all(&self) -> impl Iterator<Item = (&str, &Sshd)> {
        self.servers.iter().map(|(name, server)| (name.as_str(), server))
    }

    /// The key that opens all of them.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// The same as a value.
    pub fn value(&self) -> Json {
        let node = |(name, server): (&str, &Sshd)| json!({"name": name, "address": "127.0.0.1", "port": server.port});
        json!({
            "username": Sshd::user(),
            "private_key_file": self.key.file(),
            "host_keys": self.all().map(|(_, server)| server.known()).collect::<Vec<_>>(),
            "node": self.all().map(node).collect::<Vec<_>>(),
        })
    }

    /// The `ssh` block of a provider block that reaches them.
    pub fn block(&self) -> String {
        let file = self.key.file().display().to_string();
        let mut block = format!(
            "  ssh {{\n    username = {:?}\n    private_key_file = {file:?}\n    host_keys = [\n",
            Sshd::user()
        );
        for (_, server) in self.all() {
            block.push_str(&format!("      {:?},\n", server.known()));
        }
        block.push_str("    ]\n");
        for (name, server) in self.all() {
            block.push_str(&format!(
                "    node {{\n      name = {name:?}\n      address = \"127.0.0.1\"\n      port = {}\n    }}\n",
                server.port
            ));
        }
        block + "  }\n"
    }
}
