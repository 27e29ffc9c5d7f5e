//! The state functions of a service.

use crate::config::Requested;
use crate::environment::{Environment, Level};
use crate::nodes::{NodeId, NodeState};
use crate::select::Preference;
use crate::service::{Pending, State};
use crate::status::{Exit, LrmMode};

use super::{Change, Manager};

impl Manager {
    /// Runs the state function of a service, given what its node's local resource manager reported for its order.
    pub(super) fn advance(&mut self, env: &mut impl Environment, index: usize, result: Option<Exit>) {
        match self.services[index].state {
            State::Stopped => self.stopped(env, index),
            State::Started => self.started(env, index, result),
            State::RequestStart => self.request_start(env, index),
            State::RequestStop => self.request_stop(env, index, result),
            State::Migrate | State::Relocate | State::RequestStartBalance => self.moving(env, index, result),
            State::Recovery => self.recovery(env, index),
            State::Freeze => self.freeze(env, index),
            State::Error => self.error(env, index),
            // Waits until the node is fenced.
            State::Fence => {}
        }
    }

    /// The state of a service that is where it belongs.
    fn idle_state(&self, index: usize) -> State {
        match self.services[index].config.requested {
            Requested::Started => State::Started,
            _ => State::RequestStop,
        }
    }

    fn request_start(&mut self, env: &mut impl Environment, index: usize) {
        if self.config.as_ref().is_some_and(|config| config.rebalance_on_start) {
            let node = self.services[index].node;
            if let Some(better) = self.select(index, Preference::BestScore).filter(|&better| better != node) {
                self.change(env, index, State::RequestStartBalance, Change::to(node, better));
                return;
            }
        }
        self.change(env, index, State::Started, Change::default());
    }

    fn request_stop(&mut self, env: &mut impl Environment, index: usize, result: Option<Exit>) {
        match result {
            Some(Exit::Success | Exit::Ignored) => self.change(env, index, State::Stopped, Change::default()),
            Some(exit) => {
                let text = format!("service '{}' stop failed (exit code {})", self.services[index].sid, exit.code());
                env.log(Level::Err, &text);
                self.change(env, index, State::Error, Change::default());
            }
            None => self.fence_if_delayed(env, index),
        }
    }

    fn moving(&mut self, env: &mut impl Environment, index: usize, result: Option<Exit>) {
        let Some(exit) = result else { return self.fence_if_delayed(env, index) };
        let service = &self.services[index];
        let (node, target, next) = (service.node, service.target, self.idle_state(index));
        match exit {
            Exit::Success => self.change(env, index, next, Change { node: target, ..Change::default() }),
            Exit::WrongNode => {
                let sid = &self.services[index].sid;
                let text = format!("service '{sid}' - migration failed: service registered on wrong node!");
                env.log(Level::Err, &text);
                self.change(env, index, State::Error, Change::default());
            }
            Exit::Ignored => self.change(env, index, next, Change::on(node)),
            Exit::Error | Exit::UnknownService => {
                let (sid, code) = (&self.services[index].sid, exit.code());
                let text = format!("service '{sid}' - migration failed (exit code {code})");
                env.log(Level::Err, &text);
                self.change(env, index, next, Change::on(node));
            }
        }
    }

    fn fence_if_delayed(&mut self, env: &mut impl Environment, index: usize) {
        if self.nodes.is_offline_delayed(self.services[index].node, env.now()) {
            self.change(env, index, State::Fence, Change::default());
        }
    }

    fn stopped(&mut self, env: &mut impl Environment, index: usize) {
        self.follow_guest(env, index);
        if let Some(command) = self.services[index].pending.take() {
            match self.checked_move(env, index, &command) {
                Some((state, target)) => {
                    let node = self.services[index].node;
                    return self.change(env, index, state, Change::to(node, target));
                }
                None if matches!(command, Pending::Stop(_)) => {
                    let text =
                        format!("ignore service '{}' stop request - service already stopped", self.services[index].sid);
                    env.log(Level::Info, &text);
                }
                None => {}
            }
        }
        let requested = self.services[index].config.requested;
        if requested == Requested::Disabled {
            return;
        }
        let node = self.services[index].node;
        // A stopped service stays on a node in maintenance, dead or alive.
        if self.nodes.is_offline_delayed(node, env.now()) && self.nodes.state(node) != NodeState::Maintenance {
            return self.change(env, index, State::Fence, Change::default());
        }
        if requested == Requested::Started {
            self.change(env, index, State::RequestStart, Change::on(node));
        }
    }

    /// A stopped service may have been moved by hand, or by a migration that its dead node finished.
    fn follow_guest(&mut self, env: &mut impl Environment, index: usize) {
        let service = &self.services[index];
        let Some(actual) = env.guest_node(&service.sid) else { return };
        if actual == *self.nodes.name(service.node) {
            return;
        }
        let text = format!("fixup service '{}' location ({} => {actual})", service.sid, self.nodes.name(service.node));
        env.log(Level::Info, &text);
        let node = self.nodes.intern(&actual);
        self.lrms.resize(self.nodes.len(), None);
        self.services[index].node = node;
    }

    fn started(&mut self, env: &mut impl Environment, index: usize, result: Option<Exit>) {
        let node = self.services[index].node;
        if !self.nodes.is_online(node) {
            if self.nodes.is_offline_delayed(node, env.now()) {
                return self.change(env, index, State::Fence, Change::default());
            }
            if self.nodes.state(node) != NodeState::Maintenance {
                return;
            }
            self.services[index].maintenance_node = Some(node);
        }
        if self.services[index].config.requested != Requested::Started {
            return self.change(env, index, State::RequestStop, Change::default());
        }
        if let Some(command) = self.services[index].pending.take() {
            return self.obey(env, index, &command);
        }
        match self.judge_start(env, index, result) {
            Judgement::Failed => self.change(env, index, State::Error, Change::default()),
            Judgement::Place(preference) => self.place(env, index, preference, result.is_some()),
        }
    }

    fn obey(&mut self, env: &mut impl Environment, index: usize, command: &Pending) {
        let node = self.services[index].node;
        if let Pending::Stop(timeout) = *command {
            env.request_state(&self.services[index].sid.clone(), Requested::Stopped);
            self.services[index].config.requested = Requested::Stopped;
            let change = Change { timeout: Some(timeout), ..Change::default() };
            return self.change(env, index, State::RequestStop, change);
        }
        if let Some((state, target)) = self.checked_move(env, index, command) {
            let text = format!(
                "{} service '{}' to node '{}'",
                state.as_str(),
                self.services[index].sid,
                self.nodes.name(target)
            );
            env.log(Level::Info, &text);
            self.change(env, index, state, Change::to(node, target));
        }
    }

    /// The state and the target of a manual move, unless it is pointless by now.
    fn checked_move(&self, env: &mut impl Environment, index: usize, command: &Pending) -> Option<(State, NodeId)> {
        let (state, target) = match *command {
            Pending::Migrate(target) => (State::Migrate, target),
            Pending::Relocate(target) => (State::Relocate, target),
            Pending::Stop(_) => return None,
        };
        let (sid, name, word) = (&self.services[index].sid, self.nodes.name(target), state.as_str());
        if !self.nodes.is_online(target) {
            env.log(Level::Err, &format!("ignore service '{sid}' {word} request - node '{name}' not online"));
            return None;
        }
        if self.services[index].node == target {
            let text = format!("ignore service '{sid}' {word} request - service already on node '{name}'");
            env.log(Level::Info, &text);
            return None;
        }
        Some((state, target))
    }

    /// Applies the relocation policy to what a start came to.
    fn judge_start(&mut self, env: &mut impl Environment, index: usize, result: Option<Exit>) -> Judgement {
        let Some(exit) = result else { return Judgement::Place(Preference::Stay) };
        let name = self.nodes.name(self.services[index].node).clone();
        let service = &mut self.services[index];
        let sid = service.sid.clone();
        match exit {
            Exit::Success => {
                if !service.failed_nodes.is_empty() {
                    let nodes = names(&self.nodes, &service.failed_nodes);
                    let text =
                        format!("relocation policy successful for '{sid}' on node '{name}', failed nodes: {nodes}");
                    env.log(Level::Info, &text);
                }
                service.failed_nodes.clear();
                service.running = true;
                return Judgement::Place(Preference::Stay);
            }
            Exit::Error | Exit::WrongNode => {
                service.running = false;
                service.failed_nodes.push(service.node);
                if service.failed_nodes.len() <= service.config.max_relocate as usize {
                    let text = format!("starting service {sid} on node '{name}' failed, relocating service.");
                    env.log(Level::Warning, &text);
                    return Judgement::Place(Preference::TryNext);
                }
            }
            Exit::UnknownService | Exit::Ignored => service.failed_nodes.push(service.node),
        }
        let nodes = names(&self.nodes, &service.failed_nodes);
        let text = format!("recovery policy for service {sid} failed, entering error state. Failed nodes: {nodes}");
        env.log(Level::Err, &text);
        Judgement::Failed
    }

    /// Moves a started service to where it belongs.
    fn place(&mut self, env: &mut impl Environment, index: usize, preference: Preference, reported: bool) {
        let chosen = self.select(index, preference);
        let node = self.services[index].node;
        match chosen.filter(|&chosen| chosen != node) {
            Some(chosen) => {
                self.remember(index, preference, Some(chosen));
                self.send(env, index, chosen);
            }
            None => {
                if preference == Preference::TryNext && chosen.is_none() {
                    let service = &self.services[index];
                    let text = format!(
                        "Start Error Recovery: Tried all available nodes for service '{}', retry start on current node. Tried nodes: {}",
                        service.sid,
                        names(&self.nodes, &service.failed_nodes)
                    );
                    env.log(Level::Warning, &text);
                }
                let online = self.nodes.is_online(node);
                let service = &mut self.services[index];
                if online && service.maintenance_node == Some(node) {
                    service.maintenance_node = None;
                }
                // A new order has the service started again if it stopped by itself.
                if reported {
                    service.uid = env.fresh_uid();
                }
            }
        }
    }

    fn send(&mut self, env: &mut impl Environment, index: usize, target: NodeId) {
        let service = &mut self.services[index];
        // The way back is forgotten when it is taken, or when a third node takes the service over.
        if service.maintenance_node.is_some_and(|home| home == target || home != service.node) {
            service.maintenance_node = None;
        }
        let (node, state) = (service.node, if service.is_vm { State::Migrate } else { State::Relocate });
        let (how, name) = (if service.is_vm { "running" } else { "stopped" }, self.nodes.name(target));
        let text = format!("{} service '{}' to node '{name}' ({how})", state.as_str(), service.sid);
        env.log(Level::Info, &text);
        self.change(env, index, state, Change::to(node, target));
    }

    fn recovery(&mut self, env: &mut impl Environment, index: usize) {
        let preference = self.recovery_preference();
        let chosen = self.select(index, preference);
        self.remember(index, preference, chosen);
        let service = &self.services[index];
        let (sid, from) = (service.sid.clone(), self.nodes.name(service.node).clone());
        let Some(node) = chosen else {
            let text = format!("recovering service '{sid}' from fenced node '{from}' failed, no recovery node found");
            env.log(Level::Err, &text);
            if service.config.requested == Requested::Disabled {
                self.services[index].failed_nodes.clear();
                self.change(env, index, State::Stopped, Change::default());
            }
            return;
        };
        let to = self.nodes.name(node).clone();
        let text = if from == to {
            format!("recover service '{sid}' to previous failed and fenced node '{to}' again")
        } else {
            format!("recover service '{sid}' from fenced node '{from}' to node '{to}'")
        };
        env.log(Level::Info, &text);
        env.steal_guest(&sid, &from, &to);
        let next = self.idle_state(index);
        self.change(env, index, next, Change::on(node));
    }

    fn freeze(&mut self, env: &mut impl Environment, index: usize) {
        if self.lrm_mode(self.services[index].node) == Some(LrmMode::Active) {
            let next = self.idle_state(index);
            self.change(env, index, next, Change::default());
        }
    }

    fn error(&mut self, env: &mut impl Environment, index: usize) {
        if self.services[index].config.requested == Requested::Disabled {
            self.services[index].failed_nodes.clear();
            self.change(env, index, State::Stopped, Change::default());
        }
    }
}

enum Judgement {
    Failed,
    Place(Preference),
}

fn names(nodes: &crate::nodes::Nodes, ids: &[NodeId]) -> String {
    ids.iter().map(|&id| &**nodes.name(id)).collect::<Vec<_>>().join(", ")
}
