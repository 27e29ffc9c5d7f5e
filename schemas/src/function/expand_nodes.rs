//! `expand_nodes`: nodes with priorities from a short list.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Function;

/// Returns the map of nodes and priorities that `nodes` of `pve_ha_group` and `pve_ha_node_affinity_rule` take.
///
/// An argument is a list as Proxmox writes it: names with commas between them, each with its priority behind a colon if it
/// has one. `[1-3]` in a name is a range of numbers: `pve[1-3]:2,pve4` are four nodes. **A higher priority is
/// preferred**; a node without one has 0, which is the lowest. Pass a list with `...` behind it. A node that is named twice
/// is an error, unless its priority is the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExpandNodes {
    /// Nodes, such as `pve1:2`, `pve[2-4]` or `pve1:2,pve2:1`.
    pub nodes: Vec<String>,
}

impl Function for ExpandNodes {
    const NAME: &'static str = "expand_nodes";
    const IS_VARIADIC: bool = true;
    type Output = BTreeMap<String, i64>;
}
