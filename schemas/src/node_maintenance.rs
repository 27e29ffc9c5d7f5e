//! `pve_node_maintenance`: a node that HA services leave, for an update or a repair.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::noun::Noun;
use crate::tf_block;
use crate::value::NodeName;

/// Maintenance of a node: as long as this exists, the HA manager moves every HA service away from the node and starts
/// none there. Destroying it ends the maintenance; services that left return according to failback and rules.
///
/// Needs the `ssh` block of the provider: Proxmox has no HTTP API for this. Guests that are not HA resources stay where
/// they are. A service that may run on no other node stays, too, and apply names it. The request survives reboots of
/// the node.
#[tf_block(timeouts(create = 30, update = 30))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NodeMaintenance {
    /// The name of the node to put into maintenance.
    #[tf(required, replace, identity)]
    pub node: NodeName,
    /// Whether apply waits until no HA service is left on the node. On a timeout, the error names each service that is
    /// still there and the reason; the maintenance continues.
    #[tf(default = true, local)]
    pub wait_for_evacuation: Option<bool>,
    /// Whether no HA service is left on the node. While one is left, and `wait_for_evacuation` is on, the plan shows a
    /// change.
    #[tf(computed)]
    pub evacuated: Option<bool>,
}

impl Noun for NodeMaintenance {
    const NAME: &'static str = "pve_node_maintenance";
    const TITLE: &'static str = "node maintenance";
}
