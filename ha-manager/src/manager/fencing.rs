//! Fencing: waiting until it is certain that a failed node runs nothing.

use crate::config::Name;
use crate::environment::{Environment, FenceNotice, Level};
use crate::nodes::{NodeId, NodeState};
use crate::service::State;

use super::{Change, Manager};

impl Manager {
    /// Handles the nodes with services in `fence`; true if anything went on.
    pub(super) fn fence(&mut self, env: &mut impl Environment) -> bool {
        let mut fenced: Vec<Option<bool>> = vec![None; self.nodes.len()];
        let mut progress = false;
        for index in 0..self.services.len() {
            if self.services[index].state != State::Fence {
                continue;
            }
            let node = self.services[index].node;
            let done = match fenced[node] {
                Some(done) => done,
                None => self.fence_node(env, node),
            };
            fenced[node] = Some(done);
            if done {
                self.change(env, index, State::Recovery, Change::default());
                progress = true;
            }
        }
        // A node whose services were taken away by hand must not stay in `fence` for good.
        for (node, handled) in fenced.iter().enumerate() {
            if handled.is_none() && self.nodes.state(node) == NodeState::Fence {
                let name = self.nodes.name(node);
                let text = format!("node '{name}' in fence state but no services to-fence! admin interference?!");
                env.log(Level::Notice, &text);
                progress |= self.fence_node(env, node);
            }
        }
        progress
    }

    /// The agent lock of a node can be had only when its local resource manager let go, or its watchdog must have fired.
    fn fence_node(&mut self, env: &mut impl Environment, node: NodeId) -> bool {
        let name = self.nodes.name(node).clone();
        let state = self.nodes.state(node);
        if state != NodeState::Fence {
            self.nodes.set_state(node, NodeState::Fence);
            self.log_node(env, node, state, NodeState::Fence);
            announce(env, &name, NodeState::Fence, "FENCE", &format!("Try to fence node '{name}'"));
        }
        if !env.agent_lock(&name) {
            return false;
        }
        let status = format!("fencing: acknowledged - got agent lock for node '{name}'");
        env.log(Level::Info, &status);
        self.nodes.set_state(node, NodeState::Unknown);
        self.log_node(env, node, NodeState::Fence, NodeState::Unknown);
        announce(env, &name, NodeState::Unknown, "SUCCEED", &status);
        true
    }
}

/// Twice per fence: a line in the log, which is the title of the notification as well.
fn announce(env: &mut impl Environment, node: &Name, state: NodeState, prefix: &'static str, status: &str) {
    env.log(Level::Notice, &format!("{prefix}: {status}"));
    env.notify_fence(&FenceNotice { node, state, prefix, status });
}
