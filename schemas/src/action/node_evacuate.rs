//! `pve_node_evacuate`: a node is emptied.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::noun::Noun;
use crate::tf_block;
use crate::value::{NodeName, Sid};

/// Empties a node: HA resources leave it by node maintenance, all other guests are moved to the nodes that the HA manager's
/// scheduler would choose. The action ends when no guest runs on the node.
///
/// The node itself is asked for that, and a guest that is started there meanwhile is moved as well. Needs the `ssh` block of
/// the provider: Proxmox has no HTTP API for maintenance. A guest that can't be moved, such as one with a passed-through
/// device, with a bind mount or with disks on local storage only, is refused by name unless `leave` or `shutdown` has it. A
/// node with a guest that the user or token may not see is refused, too. The guests that were moved or shut down are
/// recorded in `/etc/pve`, so that `pve_node_restore` can bring them back. Maintenance stays on until then.
#[tf_block]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NodeEvacuate {
    /// The node to empty.
    #[tf(required)]
    pub node: NodeName,
    /// Guests without HA that stay on the node, running or not. A reboot of the node stops them.
    pub leave: Option<BTreeSet<Sid>>,
    /// Guests without HA that are shut down instead of moved.
    pub shutdown: Option<BTreeSet<Sid>>,
    /// Other nodes that may be offline, in maintenance or, where HA is not in use, evacuated meanwhile. The evacuation is
    /// refused while any other node is, since the cluster may lose quorum, or the memory for a failover, when the emptied
    /// node is shut down.
    pub out_of_service: Option<BTreeSet<NodeName>>,
    /// Whether disks on local storage that are not replicated to the target are copied over the network, which may take
    /// long.
    #[tf(default = false)]
    pub with_local_disks: Option<bool>,
    /// How much of its memory, in percent, a node may promise to guests after the moves. A node whose memory is unknown
    /// gets no guest.
    #[tf(default = 100)]
    #[schemars(range(min = 1, max = 1000))]
    pub max_memory_percent: Option<i64>,
    /// How many guests without HA move at the same time.
    #[tf(default = 2)]
    #[schemars(range(min = 1, max = 64))]
    pub max_workers: Option<i64>,
    /// How long the action may take, such as `1h`; 2 hours by default.
    #[schemars(extend("format" = "timeout"))]
    pub timeout: Option<String>,
}

impl Noun for NodeEvacuate {
    const NAME: &'static str = "pve_node_evacuate";
    const TITLE: &'static str = "evacuation";
}
