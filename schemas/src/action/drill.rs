//! `drill`: a failover case is exercised on the cluster, and compared with its prediction.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::noun::Noun;
use crate::tf_block;
use crate::value::{NodeName, Sid};

/// What happens to the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DrillCase {
    /// Nothing.
    Baseline,
    /// The node is shut down in order.
    CleanShutdown,
    /// The node loses its power.
    NodeCrash,
    /// The node loses its network.
    NetworkCut,
    /// The node, which is off, returns.
    Failback,
    /// HA resources are stopped and started on another node, and brought back.
    ManualMove,
    /// The node is put into maintenance, and back into service.
    Maintenance,
    /// VMs move to another node while they run, and back.
    LiveMigration,
}

impl DrillCase {
    /// What is typed.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::CleanShutdown => "clean-shutdown",
            Self::NodeCrash => "node-crash",
            Self::NetworkCut => "network-cut",
            Self::Failback => "failback",
            Self::ManualMove => "manual-move",
            Self::Maintenance => "maintenance",
            Self::LiveMigration => "live-migration",
        }
    }

    /// Whether it is about one node, rather than about guests.
    #[must_use]
    pub fn needs_node(self) -> bool {
        !matches!(self, Self::Baseline | Self::ManualMove | Self::LiveMigration)
    }

    /// Whether the node leaves the cluster.
    #[must_use]
    pub fn takes_node_down(self) -> bool {
        matches!(self, Self::CleanShutdown | Self::NodeCrash | Self::NetworkCut)
    }

    /// Whether it is about guests that are moved to another node.
    #[must_use]
    pub fn needs_target(self) -> bool {
        matches!(self, Self::ManualMove | Self::LiveMigration)
    }
}

/// Exercises a failover case on the cluster, compares what happens with the prediction of the failover simulation, and
/// writes evidence.
///
/// `case` is one of `baseline` (nothing fails), `clean-shutdown`, `node-crash`, `network-cut`, `failback` (a node that is off
/// returns), `manual-move`, `maintenance` and `live-migration`. A person cuts and restores power and network; the command says
/// when. Everything else is done by the command. It refuses a cluster that is not healthy, and a drill that affects a guest
/// which `guest` does not name. `maintenance` needs the `ssh` settings.
#[tf_block]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Drill {
    /// What happens to the cluster.
    #[tf(required)]
    pub case: DrillCase,
    /// The node that fails, is shut down, returns or is put into maintenance.
    pub node: Option<NodeName>,
    /// The HA resources that the drill may affect; with `manual-move` and `live-migration` those that it moves.
    pub guest: Option<BTreeSet<Sid>>,
    /// Where `manual-move` and `live-migration` move the guests.
    pub target: Option<NodeName>,
    /// The folder for the evidence, which must be new or empty; `drill-CASE-TIME` in the current folder by default.
    pub evidence: Option<String>,
    /// How long the command waits for the person who cuts or restores power or network.
    #[tf(default = "15m")]
    #[schemars(extend("format" = "timeout"))]
    pub wait_for_person: Option<String>,
    /// How long the HA manager may take until every HA resource is in its place.
    #[tf(default = "15m")]
    #[schemars(extend("format" = "timeout"))]
    pub recovery_limit: Option<String>,
    /// How long a guest may be down after its node has failed or is shut down; unset, the time is recorded only. It is
    /// counted from the time at which the node leaves the cluster, or the guest is found stopped.
    #[schemars(extend("format" = "timeout"))]
    pub max_downtime: Option<String>,
    /// Whether the drill ends while the node that has failed or is shut down is down. `failback` then exercises its return.
    #[tf(default = false)]
    pub leave_down: Option<bool>,
    /// How long the whole drill may take; 2 hours by default.
    #[schemars(extend("format" = "timeout"))]
    pub timeout: Option<String>,
}

impl Noun for Drill {
    const NAME: &'static str = "drill";
    const TITLE: &'static str = "drill";
}
