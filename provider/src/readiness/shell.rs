//! What was found out on the nodes themselves, over SSH.

use std::collections::BTreeMap;

use super::verdict::{Verdict, unknown};

/// The nodes' own words, or why there are none.
#[derive(Debug, Clone)]
pub enum Shell {
    /// SSH is not configured.
    Absent,
    /// What each online node said, and what its fence devices answered.
    Asked {
        /// By node.
        nodes: BTreeMap<String, NodeShell>,
        /// By device and the node it fences. An error if `fence.cfg` can't be read.
        fences: Result<Answers, String>,
    },
}

/// By device and the node it fences: whether the device answered, or what went wrong.
pub type Answers = BTreeMap<(String, String), Result<(), String>>;

/// What one node said; an error where it could not be asked.
#[derive(Debug, Clone, Default)]
pub struct NodeShell {
    /// What `corosync-cfgtool -s` printed.
    pub links: Option<Result<String, String>>,
    /// What `corosync-cmapctl -m stats` printed.
    pub counters: Option<Result<String, String>>,
    /// `/proc/modules`.
    pub modules: Option<Result<String, String>>,
    /// `/etc/default/pve-ha-manager`, which names the module of the watchdog; empty where there is no such file.
    pub defaults: Option<Result<String, String>>,
    /// Whether there is a `/dev/watchdog`.
    pub device: Option<Result<bool, String>>,
    /// Its address in the migration network; none if it has none there.
    pub address: Option<Result<Option<String>, String>>,
    /// The other nodes it was to reach over the migration network, and whether it did.
    pub pings: BTreeMap<String, Result<bool, String>>,
}

/// What to do to have a check that needs SSH made.
pub(super) fn needs_ssh(what: &str) -> Verdict {
    unknown(
        format!("{what} can't be seen over Proxmox's HTTP API"),
        "Add an `ssh` block to the provider block, or set PROXMOX_VE_SSH_PRIVATE_KEY_FILE, so that the provider can \
         check the nodes.",
    )
}

/// A node could not be asked.
pub(super) fn unasked(problems: String) -> Verdict {
    unknown(
        problems,
        "Make these nodes reachable with the provider's `ssh` block, or with `--ssh-node` on the command line.",
    )
}
