//! `pve_ha_balance`: how evenly the nodes are loaded, and what the load balancer does about it.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::noun::Noun;
use crate::tf_block;
use crate::value::Sid;

/// How evenly the nodes are loaded, and which HA resource the load balancer of **PVE 9.2** moves next.
///
/// It applies the rules of Proxmox's HA manager to the sizes or loads in `/cluster/resources`, and changes nothing. With
/// `mode = "dynamic"` the HA manager measures the same loads at other moments, so its figures differ a little. Before
/// `pve-ha-manager` 5.2.3 Proxmox compares the percent numbers as fractions, and moves nothing.
///
/// **What-if**: `pinned`, `threshold` and `margin` say what the load balancer would do with other settings.
///
/// Where Proxmox has no load balancer (before PVE 9.2), `imbalance` and all settings but `mode` are null, and `reason` says
/// so. Without `VM.Audit` on the guests or `Sys.Audit` on the nodes the loads are incomplete: `imbalance` and `next_move` are
/// null, and `reason` names the privilege.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HaBalance {
    /// What-if.
    #[serde(flatten)]
    pub arguments: BalanceArguments,
    /// How unevenly the online nodes are loaded now: 0 where all are loaded alike, 1 where one has all the load. The HA manager
    /// compares it with the threshold in percent: 0.31 is above 30. 0 with the `basic` scheduler.
    pub imbalance: Option<f64>,
    /// The same as the HA manager reported it last; null where Proxmox does not report it (before `pve-ha-manager` 5.2.5).
    pub reported_imbalance: Option<f64>,
    /// The settings of the load balancer on the cluster, with Proxmox's defaults.
    pub settings: BalanceSettings,
    /// The online nodes with their loads, sorted by name; empty with the `basic` scheduler, and where `imbalance` is null.
    pub nodes: Vec<NodeLoad>,
    /// What the load balancer moves next, if the loads stay as they are; null where it moves nothing.
    pub next_move: Option<NextMove>,
    /// Why it moves nothing; null if there is a `next_move`.
    pub reason: Option<String>,
}

/// Other settings than those of the cluster.
#[tf_block]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BalanceArguments {
    /// HA resources that are treated as if they had `auto_rebalance = false`, such as `["vm:100"]`.
    #[tf(optional)]
    pub pinned: Option<BTreeSet<Sid>>,
    /// A threshold in percent, in place of that of the cluster.
    #[tf(optional)]
    #[schemars(range(min = 0, max = 100))]
    pub threshold: Option<f64>,
    /// A margin in percent, in place of that of the cluster.
    #[tf(optional)]
    #[schemars(range(min = 0, max = 100))]
    pub margin: Option<f64>,
}

/// The settings of the load balancer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BalanceSettings {
    /// `basic`, which weighs no loads, `static` or `dynamic`.
    pub mode: String,
    /// Whether the load balancer is on.
    pub enabled: Option<bool>,
    /// The imbalance, in percent, above which it moves resources.
    pub threshold: Option<f64>,
    /// The least improvement of the imbalance, in percent of it, for which it moves a resource.
    pub margin: Option<f64>,
    /// For how many rounds of the HA manager the imbalance must last.
    pub hold_duration: Option<f64>,
    /// `bruteforce` or `topsis`.
    pub method: Option<String>,
}

/// A node and its load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NodeLoad {
    /// The name of the node.
    pub name: String,
    /// The mean of its shares of CPUs and memory: 1 where both are used up.
    pub load: f64,
    /// CPUs in use: those of its guests as configured, or as measured in `dynamic` mode.
    pub cpu: f64,
    /// The CPUs of the node.
    pub max_cpu: f64,
    /// Bytes of memory in use, in the same way.
    pub memory: f64,
    /// Bytes of memory of the node.
    pub max_memory: f64,
}

/// A move of the load balancer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NextMove {
    /// The HA resource that Proxmox names.
    pub resource: String,
    /// The HA resources that a rule keeps together with it, and that move along; sorted.
    pub with: Vec<String>,
    /// The node they are on.
    pub source: String,
    /// The node they go to.
    pub target: String,
    /// `migrate` for a virtual machine, which moves while it runs, and `relocate` for a container.
    pub command: String,
    /// The imbalance that the move leads to.
    pub imbalance: f64,
    /// After how many rounds of the HA manager it moves, at the latest: it may have counted some of them already.
    pub rounds: i64,
    /// About how many seconds that takes, at the latest.
    pub seconds: i64,
}

impl Noun for HaBalance {
    const NAME: &'static str = "pve_ha_balance";
    const TITLE: &'static str = "HA load balance";
}
