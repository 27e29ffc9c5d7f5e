//! The two documents through which the managers communicate: `manager_status` and one `lrm_status` per node.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::command::DisarmMode;
use super::config::Name;
use super::nodes::NodeState;
use super::service::{State, Uid};

/// What the active manager writes at the end of each of its rounds.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// The node of the active manager; `None` before there ever was one.
    pub master_node: Option<Name>,
    /// When it was written.
    pub timestamp: i64,
    /// The manager's node states.
    pub node_status: BTreeMap<Name, NodeState>,
    /// Nodes for which maintenance was ever requested, and whether it still is.
    pub maintenance_requests: BTreeMap<Name, bool>,
    /// HA is being switched off, or is off.
    pub disarm: Option<Disarm>,
    /// The manager gave its role up, because there was nothing to manage.
    pub idle: bool,
    /// How unevenly the nodes are loaded; none from a manager that doesn't report it.
    pub imbalance: Option<f64>,
    /// The services that the manager keeps.
    pub services: BTreeMap<Name, ServiceStatus>,
}

impl Status {
    /// How many services on a node need the protection of its local resource manager.
    pub fn active_services(&self, node: &Name) -> usize {
        let counts = |state| !matches!(state, State::Stopped | State::Freeze | State::Error);
        self.services.values().filter(|service| service.node == *node && counts(service.state)).count()
    }
}

/// How far disarming is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disarm {
    /// What becomes of the services.
    pub mode: DisarmMode,
    /// All local resource managers have let go.
    pub done: bool,
}

/// One service in the manager's status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceStatus {
    /// The state of its state machine.
    pub state: State,
    /// The node it is on.
    pub node: Name,
    pub uid: Uid,
    /// Where it is going.
    pub target: Option<Name>,
    /// Its start was reported.
    pub running: bool,
    /// Nodes on which it failed to start.
    pub failed_nodes: Vec<Name>,
    /// The node it left because of maintenance.
    pub maintenance_node: Option<Name>,
    /// A command not yet taken up, as its words.
    pub cmd: Option<Vec<String>>,
    /// How long a stop may take.
    pub timeout: Option<u32>,
}

/// What a local resource manager writes in each of its rounds.
#[derive(Clone, Debug)]
pub struct LrmStatus {
    pub state: LrmState,
    /// What it is up to.
    pub mode: LrmMode,
    /// When it was written.
    pub timestamp: i64,
    /// What became of the orders.
    pub results: HashMap<Uid, LrmResult>,
}

/// The shared form of a status, so that every reader of a round sees one copy.
pub type SharedLrmStatus = Arc<LrmStatus>;

/// The outcome of one order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LrmResult {
    pub sid: Name,
    /// The state that was ordered.
    pub state: State,
    pub exit: Exit,
}

/// How an order ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Success,
    Error,
    /// The guest is not on this node.
    WrongNode,
    /// There is no such service.
    UnknownService,
    /// Nothing was to be done.
    Ignored,
}

impl Exit {
    /// Proxmox's exit code.
    pub fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Error => 1,
            Self::WrongNode => 3,
            Self::UnknownService => 7,
            Self::Ignored => 8,
        }
    }
}

/// The state of a local resource manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LrmState {
    /// Idle: no services, no lock, no watchdog.
    WaitForAgentLock,
    /// Works, and holds its lock.
    Active,
    /// Works towards maintenance, and holds its lock.
    Maintenance,
    /// Lost its lock; its watchdog runs out.
    LostAgentLock,
}

impl LrmState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WaitForAgentLock => "wait_for_agent_lock",
            Self::Active => "active",
            Self::Maintenance => "maintenance",
            Self::LostAgentLock => "lost_agent_lock",
        }
    }
}

/// What a local resource manager is up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LrmMode {
    /// Ordinary work.
    Active,
    /// Stops and has its services frozen.
    Restart,
    Shutdown,
    /// Has its services moved away.
    Maintenance,
    /// Lets go, because HA is disarmed.
    Disarm,
}

impl LrmMode {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Restart => "restart",
            Self::Shutdown => "shutdown",
            Self::Maintenance => "maintenance",
            Self::Disarm => "disarm",
        }
    }
}
