//! `placement`: where the HA manager puts HA resources.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Function;
use crate::ha_node_affinity_rule::Affinity;
use crate::value::{ConfigId, HaState, NodeName, NodePriorities, Sid, SidSet};

/// Returns the node on which the HA manager would run each HA resource, before or after a failure, for a cluster that is
/// described by the argument alone.
///
/// The decisions are those of `pve_ha_failover_simulation`, with the scheduler `basic`, which counts HA resources. **The
/// function has no memory, no disks and no quorum**: it assumes that the rest of the cluster is quorate (see `quorum`), and
/// that each guest can start on each node. First the HA manager moves resources to the nodes that it prefers,
/// then all nodes of `failed` fail at once. A rule that Proxmox refuses, and a node or an HA resource that is not in the
/// argument, are errors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Placement {
    /// The cluster, and what fails.
    pub cluster: PlacementCluster,
}

/// A cluster, and what fails.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlacementCluster {
    /// The names of the nodes. All are online.
    #[schemars(extend("minItems" = 1))]
    pub nodes: BTreeSet<NodeName>,
    /// The HA resources, each with the node that its guest is on.
    pub resources: Vec<PlacedResource>,
    /// HA rules, for PVE 9. One with `nodes` is a node affinity rule, one without is a resource affinity rule. The objects may
    /// be resources of the types `pve_ha_node_affinity_rule` and `pve_ha_resource_affinity_rule`.
    pub rules: Option<Vec<PlacementRule>>,
    /// HA groups, for PVE 8. The objects may be resources of the type `pve_ha_group`.
    pub groups: Option<Vec<PlacementGroup>>,
    /// The nodes that fail at once; none by default.
    pub failed: Option<BTreeSet<NodeName>>,
}

/// An HA resource and its node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlacedResource {
    /// The id of the HA resource, such as `vm:100`.
    pub sid: Sid,
    /// The node that the guest is on.
    pub node: NodeName,
    /// The state it is to be kept in; `started` by default. One that is `ignored` is not in the result.
    pub state: Option<HaState>,
    /// The name of its group, on PVE 8.
    pub group: Option<ConfigId>,
    /// Whether it moves back to a node of higher priority, on PVE 9; `true` by default.
    pub failback: Option<bool>,
}

/// An HA rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlacementRule {
    /// The name of the rule.
    pub name: ConfigId,
    /// The ids of its HA resources.
    #[schemars(extend("minItems" = 1))]
    pub resources: SidSet,
    /// The nodes with their priorities, of a node affinity rule only.
    pub nodes: Option<NodePriorities>,
    /// `positive` or `negative`. A node affinity rule is positive by default, a resource affinity rule has no default.
    pub affinity: Option<Affinity>,
    /// Whether a node affinity rule allows no other nodes; `false` by default.
    pub strict: Option<bool>,
    /// Whether the rule is switched off; `false` by default.
    pub disabled: Option<bool>,
}

/// An HA group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlacementGroup {
    /// The name of the group.
    pub name: ConfigId,
    /// The nodes with their priorities.
    pub nodes: NodePriorities,
    /// Whether no other nodes are allowed; `false` by default.
    pub restricted: Option<bool>,
    /// Whether HA resources stay where they are when a node of higher priority is online; `false` by default.
    pub nofailback: Option<bool>,
}

/// The place of an HA resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Placed {
    /// The node; null if no node can run it.
    pub node: Option<String>,
    /// The state of the HA resource in the HA manager, such as `started`; `recovery` if no node can run it.
    pub state: String,
    /// Why the HA manager chooses this node, in words.
    pub reason: String,
}

impl Function for Placement {
    const NAME: &'static str = "placement";
    type Output = BTreeMap<String, Placed>;
}
