//! `pve_ha_failover_simulation`: what the failure of a node would do.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::planned::Plans;
use super::readiness::Check;
use crate::noun::Noun;
use crate::tf_block;
use crate::value::NodeName;

/// What the failure of nodes would do: whether the rest keeps quorum, where each HA resource goes and why, what can't be
/// placed, which disks are not there, and which node would have too little memory.
///
/// The rules of Proxmox's own HA manager are applied to the live cluster, once for every failure that is simulated. Nothing
/// is changed. **What-if**: pass planned objects, and the simulation answers for the cluster as it will be:
///
/// ```terraform
/// locals {
///   services = values(pve_ha_resource.all)
///   rules    = values(pve_ha_node_affinity_rule.all)
/// }
///
/// data "pve_ha_failover_simulation" "planned" {
///   resources           = local.services
///   node_affinity_rules = local.rules
/// }
/// ```
///
/// Go **through `locals`**, as above, to have the answer in the plan, before anything is created: Terraform defers a data
/// source that names a changing resource directly, or in `depends_on`, to apply, however much of it is known. Then everything
/// that is passed has to be known in the plan, too, as the attributes of this provider's resources are.
///
/// Gate with `survivable`, in a `check`, or in a `precondition` of an output or of a resource that isn't passed itself.
///
/// Two things are taken for granted: fencing works, and nodes which fail together are recovered together. `summary_markdown`
/// and `report_html` hold neither dates nor ages that grow, so outputs of them change only when the cluster does.
///
/// Needs `Sys.Audit` on `/` and on nodes, `VM.Audit` on the guests, `Datastore.Audit` on the storages. What can't be read is
/// unknown, is named, and never counts as survived.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HaFailoverSimulation {
    /// What is simulated, and on which plans.
    #[serde(flatten)]
    pub arguments: FailoverSimulationArguments,
    /// Which failures are simulated: `every-node`, `every-pair`, or the names of the nodes that fail.
    pub id: String,
    /// Whether every simulated failure is survived: the rest is quorate, every HA resource that should run gets a node where
    /// its disks are, and no node has more memory promised than `max_memory_percent`. Also `false` if that can't be known.
    pub survivable: bool,
    /// Why not: one line for each problem, by failure.
    pub problems: Vec<String>,
    /// What else to know of the result: rules the HA manager drops, services that are lost already, what was assumed.
    pub notes: Vec<String>,
    /// The failure that does the most harm; null if there is no node to fail.
    pub worst: Option<Worst>,
    /// The simulated failures, sorted by name.
    pub scenarios: Vec<Scenario>,
    /// Where the HA resources are without any failure, once plans are applied; sorted by id.
    pub placement: Vec<Placed>,
    /// All of it as Markdown: a table and a Mermaid diagram.
    pub summary_markdown: String,
    /// All of it as one self-contained HTML page, with the readiness checks. Write it to a file with `local_file`, or
    /// by `terraform output -raw`; `sensitive = true` keeps an output of it out of what plan prints.
    pub report_html: String,
}

/// What to simulate.
#[tf_block]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FailoverSimulationArguments {
    /// The nodes that fail together. Unset means each node alone.
    #[tf(optional)]
    #[schemars(extend("minItems" = 1))]
    pub failed_nodes: Option<BTreeSet<NodeName>>,
    /// 1: every node alone; 2: every pair of nodes. Unset means 1. Has no effect together with `failed_nodes`.
    #[tf(optional)]
    #[schemars(range(min = 1, max = 2))]
    pub depth: Option<i64>,
    /// How much memory, in percent of what a node has, its running guests may be promised before a failure counts as not
    /// survived. Unset means 100. Only nodes that a failure loads further count.
    #[tf(optional)]
    #[schemars(range(min = 1))]
    pub max_memory_percent: Option<i64>,
    /// Changes that do not exist yet.
    #[serde(flatten)]
    pub plans: Plans,
    /// Readiness checks for the page, such as `data.pve_ha_readiness.this.checks`. Unset means that they are made for it, as
    /// `pve_ha_readiness` without arguments does.
    #[tf(optional)]
    pub readiness: Option<Vec<Check>>,
}

/// The failure that does the most harm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Worst {
    /// The nodes that fail, such as `pve1` or `pve1+pve2`.
    pub scenario: String,
    /// Whether it is survived.
    pub survived: bool,
    /// Whether the rest is quorate; null if that does not follow from what the API tells.
    pub quorate: Option<bool>,
    /// How many HA resources are lost: without a node, or without their disks there.
    pub lost: i64,
    /// How many HA resources go to another node.
    pub moved: i64,
    /// The memory promised on the fullest node, in percent of what it has; null if sizes are not known.
    pub memory_percent: Option<i64>,
}

/// One failure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Scenario {
    /// The nodes that fail, such as `pve1` or `pve1+pve2`.
    pub name: String,
    /// The nodes that fail.
    pub failed_nodes: Vec<String>,
    /// Whether it is survived.
    pub survived: bool,
    /// Whether the rest is quorate; null if that does not follow from what the API tells.
    pub quorate: Option<bool>,
    /// The votes that are left, the QDevice's included.
    pub votes: Option<i64>,
    /// The votes it takes to have quorum.
    pub needed_votes: Option<i64>,
    /// All votes there could be, the QDevice's included.
    pub expected_votes: Option<i64>,
    /// The HA resources that the failure moves or harms, sorted by id; those that stay where they are are left out.
    pub services: Vec<Fate>,
    /// Every node's load before and after, sorted by name.
    pub nodes: Vec<NodeLoad>,
    /// Why it is not survived.
    pub problems: Vec<String>,
}

/// What a failure does to an HA resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Fate {
    /// The HA resource, such as `vm:100`.
    pub sid: String,
    /// Its node before.
    pub from: String,
    /// Its node after; null if there is none for it.
    pub to: Option<String>,
    /// Its state after, in the HA manager's words: `started`, `stopped`, `recovery` (waits for a node), `error`, …;
    /// `unknown` where it depends on a property or type of this version of Proxmox that the provider does not know.
    pub state: String,
    /// Why it goes there, or why there is no node for it.
    pub reason: String,
    /// Whether its disks are there: `shared`, `replica`, `none` (it has none), `moved` (it moves with them), `missing`,
    /// `unknown`; null if it has no node.
    pub disk: Option<String>,
    /// More about the disks, such as the age of the replica.
    pub disk_detail: Option<String>,
    /// What is lost, in a sentence; null if nothing is.
    pub problem: Option<String>,
}

/// The load of a node before and after a failure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NodeLoad {
    /// Its name.
    pub name: String,
    /// Whether it fails, or is not online anyway.
    pub failed: bool,
    /// HA resources that run on it before.
    pub services_before: i64,
    /// HA resources that run on it after.
    pub services_after: i64,
    /// Bytes of memory promised to running guests before, those without HA included.
    pub memory_before: i64,
    /// Bytes of memory promised to running guests after.
    pub memory_after: i64,
    /// Bytes of memory it has; null if that is not known.
    pub memory_total: Option<i64>,
    /// Whether the failure loads it beyond `max_memory_percent`.
    pub overcommitted: bool,
}

/// Where an HA resource is without any failure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Placed {
    /// The HA resource, such as `vm:100`.
    pub sid: String,
    /// The name of the guest.
    pub name: Option<String>,
    /// Its node.
    pub node: String,
    /// Its state, in the HA manager's words.
    pub state: String,
}

impl Noun for HaFailoverSimulation {
    const NAME: &'static str = "pve_ha_failover_simulation";
    const TITLE: &'static str = "HA failover simulation";
}

impl Scenario {
    /// The HA resources that are lost.
    pub fn lost(&self) -> impl Iterator<Item = &Fate> {
        self.services.iter().filter(|fate| fate.problem.is_some())
    }

    /// The memory promised on the fullest node that is left, in percent of what it has.
    pub fn memory_percent(&self) -> Option<i64> {
        self.nodes.iter().filter(|node| !node.failed).filter_map(NodeLoad::percent_after).max()
    }
}

impl NodeLoad {
    /// The memory promised before, in percent of what the node has.
    pub fn percent_before(&self) -> Option<i64> {
        self.memory_total.filter(|total| *total > 0).map(|total| percent(self.memory_before, total))
    }

    /// The memory promised after, in percent of what the node has.
    pub fn percent_after(&self) -> Option<i64> {
        self.memory_total.filter(|total| *total > 0).map(|total| percent(self.memory_after, total))
    }
}

/// Rounded up: 100.1 % is more than there is.
fn percent(part: i64, whole: i64) -> i64 {
    let exact = i128::from(part) * 100;
    i64::try_from((exact + i128::from(whole) - 1) / i128::from(whole)).unwrap_or(i64::MAX)
}
