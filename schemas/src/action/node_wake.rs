//! `pve_node_wake`: a node that is off is started.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::noun::Noun;
use crate::tf_block;
use crate::value::NodeName;

/// Starts a node that is off by Wake-on-LAN, and waits until it is online in the cluster.
///
/// Needs a MAC address in the option `wakeonlan` of the node's configuration. A node of the same network that is online
/// sends the packet.
#[tf_block]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NodeWake {
    /// The node to start.
    #[tf(required)]
    pub node: NodeName,
    /// How long the action may take, such as `10m`; 15 minutes by default.
    #[schemars(extend("format" = "timeout"))]
    pub timeout: Option<String>,
}

impl Noun for NodeWake {
    const NAME: &'static str = "pve_node_wake";
    const TITLE: &'static str = "wake-up";
}
