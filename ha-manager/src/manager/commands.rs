//! The commands of an administrator.

use crate::command::{Command, DisarmMode};
use crate::config::{Engine, Name, Policy};
use crate::environment::{Environment, Level};
use crate::motion::{self, Blocker};
use crate::nodes::{NodeId, NodeState};
use crate::service::Pending;
use crate::status::Disarm;

use super::Manager;

impl Manager {
    /// Takes a command up; what is wrong with it is only logged.
    pub(super) fn command(&mut self, env: &mut impl Environment, command: Command) {
        let line = command.to_string();
        let outcome = match command {
            Command::Migrate(sid, node) => self.queue_move(&sid, &node, Pending::Migrate),
            Command::Relocate(sid, node) => self.queue_move(&sid, &node, Pending::Relocate),
            Command::Stop(sid, timeout) => self.index(&sid).map(|index| {
                self.services[index].pending = Some(Pending::Stop(timeout));
            }),
            Command::EnableMaintenance(node) => self.request_maintenance(&node),
            Command::DisableMaintenance(node) => {
                self.maintenance_requests.insert(node, false);
                Ok(())
            }
            Command::Disarm(mode) => self.request_disarm(mode),
            Command::Arm => self.arm(env),
        };
        match outcome {
            Ok(()) => env.log(Level::Info, &format!("got crm command: {line}")),
            Err(Refusal::Error(text)) => env.log(Level::Err, &format!("crm command error - {text}: {line}")),
            Err(Refusal::Blocked(reasons)) => {
                reasons.iter().for_each(|why| env.log(Level::Err, &format!("crm command '{line}' error - {why}")));
            }
            Err(Refusal::Ignored(text)) => env.log(Level::Info, &format!("ignore crm command - {text}: {line}")),
            Err(Refusal::Disarm(level, text)) => env.log(level, &text),
        }
    }

    fn index(&self, sid: &str) -> Result<usize, Refusal> {
        self.services
            .binary_search_by(|service| (*service.sid).cmp(sid))
            .map_err(|_| Refusal::Error("no such service".into()))
    }

    fn queue_move(&mut self, sid: &Name, node: &Name, pending: fn(NodeId) -> Pending) -> Result<(), Refusal> {
        let index = self.index(sid)?;
        let target = self.nodes.intern(node);
        self.lrms.resize(self.nodes.len(), None);
        if !self.nodes.is_online(target) {
            // PVE 8 takes every node it is asked about into its status.
            let pve8 = self.config.as_ref().is_some_and(|config| matches!(config.policy, Policy::Groups(_)));
            if pve8 && !self.nodes.is_listed(target) {
                self.nodes.set_state(target, NodeState::Unknown);
            }
            return Err(Refusal::Error("node not online".into()));
        }
        if self.services[index].node == target {
            return Err(Refusal::Ignored("service already on target node".into()));
        }
        let reasons = self.against(index, target);
        if !reasons.is_empty() {
            return Err(Refusal::Blocked(reasons));
        }
        // A disarmed manager says that it takes the command, and drops it.
        if self.disarm.is_some() {
            return Ok(());
        }
        self.services[index].pending = Some(pending(target));
        for companion in motion::companions(index, target, &self.services) {
            self.services[companion].pending = Some(pending(target));
        }
        Ok(())
    }

    /// What is against a move, in the words of the log.
    fn against(&self, index: usize, target: NodeId) -> Vec<String> {
        let engine = self.engine();
        let (sid, node) = (&self.services[index].sid, self.nodes.name(target));
        let named = |blocker| match blocker {
            Blocker::NodeAffinity => format!("service '{sid}' is not allowed on node '{node}'"),
            Blocker::ResourceAffinity(partner) => format!(
                "service '{}' on node '{node}' in negative affinity with service '{sid}'",
                self.services[partner].sid
            ),
        };
        // The older manager stops at the first.
        let most = if engine >= Engine::V5_2_5 { usize::MAX } else { 1 };
        let blockers = motion::blockers(index, target, &self.services, &self.classes, engine);
        blockers.into_iter().take(most).map(named).collect()
    }

    fn request_maintenance(&mut self, node: &Name) -> Result<(), Refusal> {
        if self.disarm.is_some() {
            let text = format!("ignoring maintenance command for node {node} - HA stack is disarmed");
            return Err(Refusal::Disarm(Level::Warning, text));
        }
        match self.nodes.id(node).map(|id| self.nodes.state(id)) {
            Some(NodeState::Online | NodeState::Maintenance) => {
                self.maintenance_requests.insert(node.clone(), true);
                Ok(())
            }
            _ => Err(Refusal::Ignored("node not online".into())),
        }
    }

    fn request_disarm(&mut self, mode: DisarmMode) -> Result<(), Refusal> {
        if let Some(disarm) = self.disarm {
            let state = if disarm.done { "disarmed" } else { "disarming" };
            let text = format!("ignoring disarm-ha command - already in disarm state ({state})");
            return Err(Refusal::Disarm(Level::Notice, text));
        }
        self.disarm = Some(Disarm { mode, done: false });
        Ok(())
    }

    fn arm(&mut self, env: &mut impl Environment) -> Result<(), Refusal> {
        let Some(disarm) = self.disarm.take() else {
            let text = "ignoring arm-ha command - HA stack is not disarmed".to_owned();
            return Err(Refusal::Disarm(Level::Notice, text));
        };
        if disarm.mode == DisarmMode::Ignore {
            self.rediscover(env);
        }
        // Services that came and went meanwhile are taken up in the next round.
        self.compiled_for = None;
        Ok(())
    }
}

/// Why a command isn't taken up; each has a form of its own in the log.
pub(super) enum Refusal {
    Error(String),
    /// All that is against a move.
    Blocked(Vec<String>),
    Ignored(String),
    /// The whole line: of arming and disarming, and of commands that are refused while disarmed.
    Disarm(Level, String),
}
