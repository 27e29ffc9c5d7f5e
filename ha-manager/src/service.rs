//! One service in the manager's state.

use serde::Serialize;

use super::config::{Name, Requested, Resource};
use super::nodes::NodeId;

/// Identifies one order of the manager to a local resource manager; every state change makes a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Uid(pub u64);

/// The state of a service in the manager's state machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Stopped, and to stay so.
    Stopped,
    /// Being stopped.
    RequestStop,
    /// About to be started.
    RequestStart,
    /// Moved to a better node before its first start.
    RequestStartBalance,
    /// Started, as far as the manager is concerned.
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
}

impl State {
    const ALL: [Self; 11] = [
        Self::Stopped,
        Self::RequestStop,
        Self::RequestStart,
        Self::RequestStartBalance,
        Self::Started,
        Self::Fence,
        Self::Recovery,
        Self::Migrate,
        Self::Relocate,
        Self::Freeze,
        Self::Error,
    ];

    /// The state that Proxmox calls so.
    pub fn called(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

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
        }
    }

    /// On its way to another node.
    pub fn is_moving(self) -> bool {
        matches!(self, Self::Migrate | Self::Relocate | Self::RequestStartBalance)
    }
}

/// A command of an administrator, stored on the service until the state machine takes it up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pending {
    /// Move it live.
    Migrate(NodeId),
    /// Stop it, move it, start it.
    Relocate(NodeId),
    /// Stop it within so many seconds.
    Stop(u32),
}

/// A service with its configuration and its affinity, all by index.
#[derive(Clone, Debug)]
pub struct Service {
    /// Its id, `vm:100`.
    pub sid: Name,
    /// Whether it can move while it runs.
    pub is_vm: bool,
    /// The state of the state machine.
    pub state: State,
    /// The node it is on.
    pub node: NodeId,
    /// Where it is going.
    pub target: Option<NodeId>,
    pub uid: Uid,
    /// The local resource manager reported a start.
    pub running: bool,
    /// Nodes on which it failed to start; one may be here repeatedly.
    pub failed_nodes: Vec<NodeId>,
    /// The node it left because of maintenance.
    pub maintenance_node: Option<NodeId>,
    /// A command not yet taken up.
    pub pending: Option<Pending>,
    /// How long a stop may take.
    pub timeout: Option<u32>,
    pub config: ServiceConfig,
    pub affinity: Affinities,
}

/// What is configured for a service. One without configuration counts as `disabled`.
#[derive(Clone, Copy, Debug)]
pub struct ServiceConfig {
    pub requested: Requested,
    /// Whether it returns to a better node.
    pub failback: bool,
    /// Whether the load balancer may move it.
    pub auto_rebalance: bool,
    /// Nodes that are tried after the first.
    pub max_relocate: u32,
}

impl Default for ServiceConfig {
    fn default() -> Self {
        Self::from(&Resource { state: Requested::Disabled, ..Resource::default() })
    }
}

impl From<&Resource> for ServiceConfig {
    fn from(resource: &Resource) -> Self {
        Self {
            requested: resource.state,
            failback: resource.failback,
            auto_rebalance: resource.auto_rebalance,
            max_relocate: resource.max_relocate,
        }
    }
}

/// The compiled rules of one service.
#[derive(Clone, Debug, Default)]
pub struct Affinities {
    /// Index of its placement class.
    pub class: usize,
    /// Services it is in positive affinity to.
    pub positive: Vec<usize>,
    /// Services it is in negative affinity to.
    pub negative: Vec<usize>,
}

impl Service {
    /// A service that is new to the manager.
    pub fn new(sid: Name, state: State, node: NodeId, uid: Uid) -> Self {
        let is_vm = sid.starts_with("vm:");
        Self {
            sid,
            is_vm,
            state,
            node,
            target: None,
            uid,
            running: false,
            failed_nodes: Vec::new(),
            maintenance_node: None,
            pending: None,
            timeout: None,
            config: ServiceConfig::default(),
            affinity: Affinities::default(),
        }
    }
}
