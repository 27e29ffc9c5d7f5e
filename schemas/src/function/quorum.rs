//! `quorum`: what a cluster needs to be quorate.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Function;
use crate::value::NodeName;

/// Returns how many votes a cluster needs to have quorum, and how many of its nodes may fail, from the votes alone.
///
/// The figures are those of Corosync's votequorum as Proxmox sets it up. They hold for a cluster whose nodes are all online;
/// `pve_quorum` reads the votes of a live cluster. A QDevice has 1 vote beside an even number of nodes, and one
/// vote less than there are nodes beside an odd number: **without that QDevice, an odd cluster tolerates no failure**.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Quorum {
    /// The votes of the cluster.
    pub cluster: QuorumCluster,
}

/// The votes of a cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct QuorumCluster {
    /// The votes of each node, by its name; null counts as 1, which Proxmox gives a node.
    #[schemars(schema_with = "votes")]
    pub votes: BTreeMap<NodeName, Option<i64>>,
    /// Whether the cluster has a QDevice; `false` by default.
    pub qdevice: Option<bool>,
}

fn votes(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "object",
        "description": "The votes of each node, by its name; null counts as 1, which Proxmox gives a node.",
        "minProperties": 1,
        "propertyNames": {"format": NodeName::FORMAT},
        "additionalProperties": {"type": "integer", "minimum": 0, "maximum": 255},
    })
}

/// What follows from the votes of a cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct QuorumFigures {
    /// The votes of all nodes and of the QDevice.
    pub expected_votes: i64,
    /// The votes that it takes to have quorum: more than half of the expected ones.
    pub needed_votes: i64,
    /// The votes of the QDevice; 0 without one.
    pub qdevice_votes: i64,
    /// How many nodes may fail, whichever they are, before quorum is lost.
    pub tolerated_node_failures: i64,
    /// The same while the QDevice does not vote.
    pub tolerated_without_qdevice: i64,
}

impl Function for Quorum {
    const NAME: &'static str = "quorum";
    type Output = QuorumFigures;
}
