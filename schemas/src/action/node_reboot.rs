//! `pve_node_reboot`: an emptied node is rebooted.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::noun::Noun;
use crate::tf_block;
use crate::value::{NodeName, Sid};

/// Reboots a node that `pve_node_evacuate` has emptied, and waits until it is back: online and quorate, with the clock of the
/// others, and its local resource manager at work. Warns if the nodes have different versions.
///
/// The action refuses a node on which a guest runs or which is not in maintenance, and a reboot that would cost the quorum.
#[tf_block]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NodeReboot {
    /// The node to reboot.
    #[tf(required)]
    pub node: NodeName,
    /// Guests without HA that may run on the node; the reboot stops them.
    pub leave: Option<BTreeSet<Sid>>,
    /// How long the action may take, such as `20m`; 30 minutes by default.
    #[schemars(extend("format" = "timeout"))]
    pub timeout: Option<String>,
}

impl Noun for NodeReboot {
    const NAME: &'static str = "pve_node_reboot";
    const TITLE: &'static str = "reboot";
}
