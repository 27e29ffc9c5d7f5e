//! `pve_qdevice`: an external vote that decides when the nodes can't.

mod status;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use status::{Member, Votes};

use crate::noun::Noun;
use crate::tf_block;

/// The port of the QNetd host.
pub const PORT: u16 = 5403;

/// The state of a QDevice that takes part in the votes.
pub const CONNECTED: &str = "Connected";

/// A QDevice: a small host outside of the cluster, the QNetd host, that has a vote. With it, a cluster of two nodes
/// survives the failure of one. In any cluster with an even number of nodes it decides between two halves.
///
/// Needs the `ssh` block of the provider with root's rights: Proxmox has no HTTP API for this. Apply checks before it changes
/// anything: all nodes are online; `corosync-qdevice` is installed on every node and `corosync-qnetd` on the QNetd host; root
/// of the node that sets up can log in to root of the QNetd host without a password; port 5403 of it can be reached.
///
/// The next apply completes an interrupted set-up. A QDevice that does not work, such as one whose daemon was stopped,
/// is planned as a change: apply starts its daemons and waits for the connection. Before nodes are added to or removed
/// from the cluster, destroy the QDevice, and set it up again afterwards: its votes depend on the number of nodes.
#[tf_block]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Qdevice {
    /// The IP address of the QNetd host.
    #[tf(required, replace, identity)]
    #[schemars(extend("format" = "ip"))]
    pub address: String,
    /// Whether to set up a QDevice in a cluster with an odd number of nodes. It then has one vote less than there are
    /// nodes. While it is up, all nodes but one may fail; while it is down, no more nodes may fail than without it.
    #[tf(default = false, local)]
    pub force: Option<bool>,
    /// `ffsplit` (even number of nodes) or `lms` (odd number of nodes).
    #[tf(computed)]
    pub algorithm: Option<String>,
    /// How many votes it has.
    #[tf(computed)]
    pub votes: Option<i64>,
    /// The state of the connection to the QNetd host: `Connected` while it works; `Not running on …` while the daemon
    /// of a node does not run; `No answer from the daemon` while it runs and does not respond; else the state that the
    /// daemon reports.
    #[tf(computed)]
    pub state: Option<String>,
}

impl Noun for Qdevice {
    const NAME: &'static str = "pve_qdevice";
    const TITLE: &'static str = "QDevice";
}
