//! A cluster that outlives its process: what `--state` keeps.
//!
//! It saves what Proxmox keeps on disk: configuration, guests, users with their secrets. What only daemons hold (running
//! tasks, the CRM's plans, times of replication) begins anew, as it does after a power cut.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::access::USER_CFG;
use super::corosync::Settings;
use super::{Guest, Machine, Node, Pve, Qdevice, World};

#[derive(Serialize, Deserialize)]
struct Saved {
    release: u8,
    cluster_name: String,
    config_version: u64,
    answering_node: String,
    #[serde(default)]
    standalone: bool,
    #[serde(default)]
    corosync: Settings,
    nodes: BTreeMap<String, Node>,
    guests: BTreeMap<u32, Guest>,
    qdevice: Option<Qdevice>,
    machines: BTreeMap<String, Machine>,
    files: BTreeMap<String, String>,
    secrets: BTreeMap<String, Secrets>,
}

#[derive(Serialize, Deserialize)]
struct Secrets {
    password: Option<String>,
    totp: Option<Vec<u8>>,
    tokens: BTreeMap<String, String>,
}

/// Why a saved state can't be used.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    #[error("not a saved state: {0}")]
    Malformed(#[from] serde_json::Error),
    /// It is a newer release's: there is no way back.
    #[error("the saved state is that of a Proxmox VE {0} cluster")]
    OtherRelease(u8),
}

impl World {
    /// The cluster as text.
    #[must_use]
    pub fn save(&self) -> String {
        let secrets = self.access.users.iter().map(|(id, user)| {
            let tokens = user.tokens.iter().map(|(name, token)| (name.clone(), token.secret.clone()));
            let secrets =
                Secrets { password: user.password.clone(), totp: user.totp.clone(), tokens: tokens.collect() };
            (id.clone(), secrets)
        });
        let saved = Saved {
            release: release(self.profile.pve),
            cluster_name: self.cluster_name.clone(),
            config_version: self.config_version,
            answering_node: self.answering_node.clone(),
            standalone: self.standalone,
            corosync: self.corosync.clone(),
            nodes: self.nodes.clone(),
            guests: self.guests.clone(),
            qdevice: self.qdevice.clone(),
            machines: self.machines.clone(),
            files: self.files.clone(),
            secrets: secrets.collect(),
        };
        // Maps with text keys and plain values always have a JSON form.
        serde_json::to_string(&saved).unwrap_or_default()
    }

    /// Becomes the cluster that was saved. One of an older release is upgraded, all nodes at once: what it has in `/etc/pve`
    /// stays, and its HA groups are migrated by the HA manager as soon as that finds every node ready.
    ///
    /// # Errors
    /// The text is no saved state, or one of a newer release.
    pub fn restore(&mut self, text: &str) -> Result<(), RestoreError> {
        let saved: Saved = serde_json::from_str(text)?;
        if saved.release > release(self.profile.pve) {
            return Err(RestoreError::OtherRelease(saved.release));
        }
        if saved.release < release(self.profile.pve) {
            crate::crm::finish_upgrade(self);
        }
        self.cluster_name = saved.cluster_name;
        self.config_version = saved.config_version;
        self.answering_node = saved.answering_node;
        self.standalone = saved.standalone;
        self.corosync = saved.corosync;
        self.nodes = saved.nodes;
        self.guests = saved.guests;
        self.qdevice = saved.qdevice;
        self.machines = saved.machines;
        self.files = saved.files;
        self.install_what_is_newer();
        if !self.standalone {
            self.keep_local_copies();
        }
        self.access.load(self.files.get(USER_CFG).map_or("", String::as_str));
        for (id, secrets) in saved.secrets {
            let Some(user) = self.access.users.get_mut(&id) else { continue };
            user.password = secrets.password;
            user.totp = secrets.totp;
            for (name, secret) in secrets.tokens {
                if let Some(token) = user.tokens.get_mut(&name) {
                    token.secret = secret;
                }
            }
        }
        Ok(())
    }

    /// root@pam's first token in its full form, and root@pam's password.
    #[must_use]
    pub fn credentials(&self) -> (Option<String>, Option<String>) {
        let root = self.access.users.get("root@pam");
        let token = root.and_then(|user| user.tokens.iter().next());
        let token = token.map(|(name, token)| format!("root@pam!{name}={}", token.secret));
        (token, root.and_then(|user| user.password.clone()))
    }
}

fn release(pve: Pve) -> u8 {
    match pve {
        Pve::V8 => 8,
        Pve::V9 => 9,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::world::seed::{Initial, Seed};

    #[test]
    fn what_is_saved_comes_back() {
        let build = |pve| Seed::default_cluster("p", "s").build(pve, Initial::Seed, Clock::standing(1000.0));
        let mut before = build(Pve::V9);
        before.write_file("/etc/pve/datacenter.cfg", "console: vv\n");
        before.start_guest(100);
        before.move_guest(101, "pve3");
        let text = before.save();
        let mut after = Seed::default_cluster("other", "other").build(Pve::V9, Initial::Fresh, Clock::standing(2000.0));
        after.restore(&text).unwrap();
        assert_eq!(after.save(), text);
        assert_eq!(after.credentials(), (Some("root@pam!terraform=s".into()), Some("p".into())));
        assert!(after.guests[&100].is_running() && after.guests[&101].node == "pve3");
        assert!(matches!(build(Pve::V8).restore(&text), Err(RestoreError::OtherRelease(9))));
    }
}
