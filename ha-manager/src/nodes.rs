//! The states of the nodes, as one active manager sees them.

use std::collections::HashMap;

use serde::Serialize;

use super::config::Name;

/// Index of a node in [`Nodes`]; ids are never reused while a manager lives.
pub type NodeId = usize;

/// Seconds a node must be away before its services are fenced, counted from when *this* manager last saw it.
pub const FENCE_DELAY: i64 = 60;
/// Seconds after which a node that left the cluster is forgotten.
const FORGET_AFTER: i64 = 3600;

/// The manager's view of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum NodeState {
    /// In the quorate partition, and a target for services.
    Online,
    /// Its local resource manager asked for (or was asked into) maintenance; no target.
    Maintenance,
    /// Not online, not fenced yet.
    Unknown,
    /// Being fenced.
    Fence,
    /// No longer part of the cluster.
    Gone,
}

impl NodeState {
    /// The state that Proxmox calls so.
    pub fn called(word: &str) -> Option<Self> {
        let all = [Self::Online, Self::Maintenance, Self::Unknown, Self::Fence, Self::Gone];
        all.into_iter().find(|state| state.as_str() == word)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Maintenance => "maintenance",
            Self::Unknown => "unknown",
            Self::Fence => "fence",
            Self::Gone => "gone",
        }
    }
}

/// A member of the cluster, as corosync reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub name: Name,
    /// It is in the observer's quorate partition.
    pub online: bool,
}

/// All nodes in the manager's status, with what it remembers of them.
#[derive(Clone, Debug, Default)]
pub struct Nodes {
    entries: Vec<Entry>,
    by_name: HashMap<Name, NodeId>,
    /// The nodes in state `online`, by name.
    online: Vec<NodeId>,
}

#[derive(Clone, Debug)]
struct Entry {
    name: Name,
    /// `None`: only named somewhere, not in the manager's status.
    state: Option<NodeState>,
    last_online: Option<i64>,
}

/// A state change, for the log and the fence mails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub node: NodeId,
    pub from: NodeState,
    pub to: NodeState,
}

impl Nodes {
    /// The id of a node name, new if it was never named before.
    pub fn intern(&mut self, name: &Name) -> NodeId {
        if let Some(&id) = self.by_name.get(name) {
            return id;
        }
        let id = self.entries.len();
        self.entries.push(Entry { name: name.clone(), state: None, last_online: None });
        self.by_name.insert(name.clone(), id);
        id
    }

    /// The id of a node name.
    pub fn id(&self, name: &str) -> Option<NodeId> {
        self.by_name.get(name).copied()
    }

    /// The name of a node.
    pub fn name(&self, id: NodeId) -> &Name {
        &self.entries[id].name
    }

    /// How many ids there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no node was ever named.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The nodes with a state, by name; this is the `node_status` of the manager's status.
    pub fn states(&self) -> impl Iterator<Item = (&Name, NodeState)> {
        self.entries.iter().filter_map(|entry| entry.state.map(|state| (&entry.name, state)))
    }

    /// A node's state; a node that is only named counts as `unknown`.
    pub fn state(&self, id: NodeId) -> NodeState {
        self.entries[id].state.unwrap_or(NodeState::Unknown)
    }

    /// Whether the manager's status has the node.
    pub fn is_listed(&self, id: NodeId) -> bool {
        self.entries[id].state.is_some()
    }

    /// Gives a node a state, without remembering that it was seen.
    pub fn set_state(&mut self, id: NodeId, state: NodeState) {
        self.entries[id].state = Some(state);
        self.refresh_online();
    }

    /// Exactly `online`: maintenance is not.
    pub fn is_online(&self, id: NodeId) -> bool {
        self.entries[id].state == Some(NodeState::Online)
    }

    /// The online nodes, by name.
    pub fn online(&self) -> &[NodeId] {
        &self.online
    }

    /// Away for [`FENCE_DELAY`]. Asking about a node never seen starts its clock.
    ///
    /// The clock restarts whenever the node is a cluster member, in whatever state, so a reachable node in maintenance is
    /// never fenced.
    pub fn is_offline_delayed(&mut self, id: NodeId, now: i64) -> bool {
        if self.is_online(id) {
            return false;
        }
        let last = *self.entries[id].last_online.get_or_insert(now);
        now - last >= FENCE_DELAY
    }

    /// Takes over membership and the modes of the local resource managers (`in_maintenance`).
    pub fn update(&mut self, members: &[Member], in_maintenance: impl Fn(&Name) -> bool, now: i64) -> Vec<Change> {
        let mut changes = Vec::new();
        let mut is_member = vec![false; self.entries.len()];
        let mut is_here = vec![false; self.entries.len()];
        for member in members {
            let id = self.intern(&member.name);
            is_member.resize(self.entries.len(), false);
            is_here.resize(self.entries.len(), false);
            is_member[id] = true;
            if !member.online {
                continue;
            }
            is_here[id] = true;
            self.entries[id].last_online = Some(now);
            let asked = in_maintenance(&member.name);
            match self.state(id) {
                NodeState::Online if asked => self.change(id, NodeState::Maintenance, &mut changes),
                NodeState::Unknown | NodeState::Gone => self.change(id, NodeState::Online, &mut changes),
                NodeState::Maintenance if !asked => self.change(id, NodeState::Online, &mut changes),
                NodeState::Online | NodeState::Maintenance | NodeState::Fence => {}
            }
        }
        for id in 0..self.entries.len() {
            if is_here[id] || self.entries[id].state.is_none() {
                continue;
            }
            let asked = in_maintenance(&self.entries[id].name.clone());
            match self.state(id) {
                NodeState::Online => self.change(id, NodeState::Unknown, &mut changes),
                // A node that dies in maintenance keeps that state: its last status says so.
                NodeState::Maintenance if !asked => self.change(id, NodeState::Unknown, &mut changes),
                NodeState::Unknown if !is_member[id] => {
                    self.change(id, NodeState::Gone, &mut changes);
                    self.entries[id].last_online.get_or_insert(now);
                }
                NodeState::Gone if self.entries[id].last_online.is_none_or(|last| now - last >= FORGET_AFTER) => {
                    self.entries[id].state = None;
                }
                NodeState::Maintenance | NodeState::Unknown | NodeState::Fence | NodeState::Gone => {}
            }
        }
        self.refresh_online();
        changes
    }

    fn change(&mut self, id: NodeId, to: NodeState, changes: &mut Vec<Change>) {
        changes.push(Change { node: id, from: self.state(id), to });
        self.entries[id].state = Some(to);
    }

    fn refresh_online(&mut self) {
        self.online.clear();
        self.online.extend((0..self.entries.len()).filter(|&id| self.entries[id].state == Some(NodeState::Online)));
        self.online.sort_by(|&a, &b| self.entries[a].name.cmp(&self.entries[b].name));
    }
}
