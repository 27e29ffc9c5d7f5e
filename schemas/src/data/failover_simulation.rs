//! `pve_ha_failover_simulation`: what the failure of a node would do.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::planned::Plans;
use super::readiness::Check;
use crate::noun::Noun;
use crate::tf_block;
use crate::value::NodeName;

/// Predicts the failure of nodes: whether the rest keeps quorum, where each HA resource is placed and why, which disks
/// are missing, and which node has too little memory.
///
/// It applies the placement rules of Proxmox's HA manager to the live cluster, once for each simulated failure. It
/// changes nothing. **What-if**: pass planned objects to simulate the cluster as it will be after the apply:
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
/// Pass them **through `locals`**, as above, to have the result in the plan, before anything is created. Terraform
/// defers a data source to apply if it refers to a changing resource directly or in `depends_on`, even if all values
/// are known. All passed values must be known in the plan, as the attributes of this provider's resources are.
///
/// Gate with `survivable`, in a `check`, or in a `precondition` of an output or of a resource that is not passed
/// itself.
///
/// The simulation assumes that fencing works, and that nodes which fail together are recovered together.
/// `summary_markdown` and `report_html` have no dates and no growing ages, so their outputs change only when the cluster
/// changes. For a dated report, write the date into the name of the file.
///
/// Together with `pve_ha_readiness` in one configuration, each guest's disks are read once for both.
///
/// Needs `Sys.Audit` on `/` and on nodes, `VM.Audit` on the guests, `Datastore.Audit` on the storages. A value that
/// can't be read is unknown, is named, and never counts as survived.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HaFailoverSimulation {
    /// What is simulated, and on which plans.
    #[serde(flatten)]
    pub arguments: FailoverSimulationArguments,
    /// Which failures are simulated: `every-node`, `every-pair`, or the names of the nodes that fail.
    pub id: String,
    /// Whether every simulated failure is survived: the rest is quorate, every HA resource that should run gets a node
    /// where its disks are, and no node has more memory promised than `max_memory_percent`. Also `false` if the result
    /// is unknown.
    pub survivable: bool,
    /// Why not: one line for each problem, by failure.
    pub problems: Vec<String>,
    /// Remarks on the result: rules that the HA manager ignores, services that are lost already, assumptions.
    pub notes: Vec<String>,
    /// The failure with the worst result; null if there is no node to fail.
    pub worst: Option<Worst>,
    /// The simulated failures, sorted by name.
    pub scenarios: Vec<Scenario>,
    /// Where the HA resources are without any failure, once plans are applied; sorted by id.
    pub placement: Vec<Placed>,
    /// The whole result as Markdown: a table and a Mermaid diagram.
    pub summary_markdown: String,
    /// All of it as one self-contained HTML page without scripts; null unless `report` is `true` or `readiness` is set.
    /// Write it to a file with `local_file`, or by `terraform output -raw`; `sensitive = true` hides an output of it in
    /// the plan.
    pub report_html: Option<String>,
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
    /// The memory that the running guests of a node may be promised, in percent of the memory of the node. A failure
    /// that exceeds it is not survived. Unset means 100. Only nodes that get additional load are checked.
    #[tf(optional)]
    #[schemars(range(min = 1))]
    pub max_memory_percent: Option<i64>,
    /// Changes that do not exist yet.
    #[serde(flatten)]
    pub plans: Plans,
    /// Whether to render `report_html`, which takes hundreds of kilobytes in the state of a large cluster. Unset means `true`
    /// if `readiness` is set, and `false` otherwise.
    #[tf(optional)]
    pub report: Option<bool>,
    /// Readiness checks for the page, such as `data.pve_ha_readiness.this.checks`. Unset means a page without them: the
    /// simulation itself makes no readiness check.
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
    /// Whether the rest is quorate; null if the API does not report enough to derive that.
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
    /// Whether the rest is quorate; null if the API does not report enough to derive that.
    pub quorate: Option<bool>,
    /// The votes that are left, the QDevice's included.
    pub votes: Option<i64>,
    /// The votes it takes to have quorum.
    pub needed_votes: Option<i64>,
    /// All votes there could be, the QDevice's included.
    pub expected_votes: Option<i64>,
    /// The HA resources that the failure moves or stops, sorted by id; unaffected ones are omitted.
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
    /// The node that it is on before the failure.
    pub from: String,
    /// Its node after; null if no node can run it.
    pub to: Option<String>,
    /// Its state after, in the HA manager's words: `stopped`, `request_stop`, `request_start`, `request_start_balance`,
    /// `started`, `fence`, `recovery` (waits for a node), `migrate`, `relocate`, `freeze`, `error`; or `unknown` if it
    /// depends on a property or type of this version of Proxmox that the provider does not support.
    pub state: ServiceState,
    /// Why it is placed there, or why no node can run it.
    pub reason: String,
    /// Whether its disks are there: `shared`, `replica`, `none` (it has none), `moved` (it moves with them), `missing`,
    /// `unknown`; null if it has no node.
    pub disk: Option<DiskState>,
    /// More about the disks, such as the age of the replica.
    pub disk_detail: Option<String>,
    /// The loss, in a sentence; null if nothing is lost.
    pub problem: Option<String>,
}

/// The load of a node before and after a failure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NodeLoad {
    /// The name of the node.
    pub name: String,
    /// Whether it fails, or is already offline.
    pub failed: bool,
    /// HA resources that run on it before.
    pub services_before: i64,
    /// HA resources that run on it after.
    pub services_after: i64,
    /// Bytes of memory promised to running guests before, those without HA included.
    pub memory_before: i64,
    /// Bytes of memory promised to running guests after.
    pub memory_after: i64,
    /// Bytes of memory it has; null if unknown.
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
    /// The node that it is on.
    pub node: String,
    /// Its state, in the HA manager's words, as `scenarios.services.state` lists them.
    pub state: ServiceState,
}

/// The state of a simulated HA resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ServiceState {
    /// Stopped, and to stay so.
    Stopped,
    /// Being stopped.
    RequestStop,
    /// About to be started.
    RequestStart,
    /// Moved to a better node before its first start.
    RequestStartBalance,
    /// It runs.
    Started,
    /// Waits for its node to be fenced.
    Fence,
    /// Its node was fenced; waits for a new one.
    Recovery,
    /// Moving while it runs.
    Migrate,
    /// Moving while stopped.
    Relocate,
    /// Left alone while its node restarts.
    Freeze,
    /// Failed for good; only a requested `disabled` leads out.
    Error,
    /// It depends on a property or type that the provider does not support.
    Unknown,
}

/// Whether the disks of a guest are on a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DiskState {
    /// On storage that all nodes share.
    Shared,
    /// The node has a copy, by replication.
    Replica,
    /// The guest has no disks.
    None,
    /// They move with the guest while it runs.
    Moved,
    /// The node does not have them.
    Missing,
    /// The API does not report enough to decide it.
    Unknown,
}

impl ServiceState {
    /// The value of `state`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::RequestStop => "request_stop",
            Self::RequestStart => "request_start",
            Self::RequestStartBalance => "request_start_balance",
            Self::Started => "started",
            Self::Fence => "fence",
            Self::Recovery => "recovery",
            Self::Migrate => "migrate",
            Self::Relocate => "relocate",
            Self::Freeze => "freeze",
            Self::Error => "error",
            Self::Unknown => "unknown",
        }
    }
}

impl FailoverSimulationArguments {
    /// Whether the page is asked for.
    pub fn wants_report(&self) -> bool {
        self.report.unwrap_or(self.readiness.is_some())
    }
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
