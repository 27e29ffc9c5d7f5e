//! `pve_node_restore`: an emptied node takes its guests back.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::noun::Noun;
use crate::tf_block;
use crate::value::NodeName;

/// Ends the maintenance of a node and brings back the guests that `pve_node_evacuate` moved away or shut down.
///
/// HA resources return by themselves according to failback and rules. A guest that has been moved again since the
/// evacuation stays where it is. One that can't return, such as a guest on a node that is offline, is named by the error at
/// the end, and stays in the record for the next restoration. Needs the `ssh` block of the provider.
#[tf_block]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NodeRestore {
    /// The node that was evacuated.
    #[tf(required)]
    pub node: NodeName,
    /// How many guests without HA move at the same time.
    #[tf(default = 2)]
    #[schemars(range(min = 1, max = 64))]
    pub max_workers: Option<i64>,
    /// How long the action may take, such as `1h`; 2 hours by default.
    #[schemars(extend("format" = "timeout"))]
    pub timeout: Option<String>,
}

impl Noun for NodeRestore {
    const NAME: &'static str = "pve_node_restore";
    const TITLE: &'static str = "restoration";
}
