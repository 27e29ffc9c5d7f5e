//! The commands of an administrator.

use crate::placement::command::{Command, DisarmMode};
use crate::placement::config::{Name, Policy};
use crate::placement::environment::{Environment, Level};
use crate::placement::nodes::{NodeId, NodeState};
use crate::placement::service::Pending;
use crate::placement::status::Disarm;

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
            Err(Refusal::Error(text)) => env.log(Level::Err, &format!("crm command '{line}' error - {text}")),
            Err(Refusal::Ignored(text)) => env.log(Level::Info, &format!("ignore crm command - {text}: {line}")),
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
        if let Some(partner) = self.blocking(index, target).next() {
            let text = format!(
                "service '{}' on node '{node}' in negative affinity with service '{sid}'",
                self.services[partner].sid
            );
            return Err(Refusal::Error(text));
        }
        self.services[index].pending = Some(pending(target));
        for mate in self.services[index].affinity.mates.clone() {
            let service = &mut self.services[mate];
            if service.target.unwrap_or(service.node) != target {
                service.pending = Some(pending(target));
            }
        }
        Ok(())
    }

    /// Services that must be apart from this one and sit on the node, without being about to leave.
    fn blocking(&self, index: usize, target: NodeId) -> impl Iterator<Item = usize> {
        self.services[index].affinity.apart.iter().copied().filter(move |&partner| {
            let partner = &self.services[partner];
            partner.node == target && partner.target.is_none_or(|to| to == target)
        })
    }

    fn request_maintenance(&mut self, node: &Name) -> Result<(), Refusal> {
        if self.disarm.is_some() {
            return Err(Refusal::Error("HA stack is disarmed".into()));
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
        if self.disarm.is_some() {
            return Err(Refusal::Ignored("HA stack is already disarmed or disarming".into()));
        }
        self.disarm = Some(Disarm { mode, done: false });
        Ok(())
    }

    fn arm(&mut self, env: &mut impl Environment) -> Result<(), Refusal> {
        let Some(disarm) = self.disarm.take() else {
            return Err(Refusal::Ignored("HA stack is already armed".into()));
        };
        if disarm.mode == DisarmMode::Ignore {
            self.rediscover(env);
        }
        // Services that came and went meanwhile are taken up in the next round.
        self.compiled_for = None;
        Ok(())
    }
}

pub(super) enum Refusal {
    Error(String),
    Ignored(String),
}
