//! The manager's state as the status document, and back.

use crate::config::Name;
use crate::nodes::Nodes;
use crate::service::{Pending, Service};
use crate::status::{ServiceStatus, Status};

use super::Manager;

pub(super) fn render(manager: &Manager, master: &Name, now: i64) -> Status {
    let name = |id| manager.nodes.name(id).clone();
    let service = |service: &Service| ServiceStatus {
        state: service.state,
        node: name(service.node),
        uid: service.uid,
        target: service.target.map(name),
        running: service.running,
        failed_nodes: service.failed_nodes.iter().copied().map(name).collect(),
        maintenance_node: service.maintenance_node.map(name),
        cmd: service.pending.as_ref().map(|pending| pending.words(&manager.nodes)),
        timeout: service.timeout,
    };
    Status {
        master_node: Some(master.clone()),
        timestamp: now,
        node_status: manager.nodes.states().map(|(name, state)| (name.clone(), state)).collect(),
        maintenance_requests: manager.maintenance_requests.clone(),
        disarm: manager.disarm,
        idle: false,
        imbalance: manager.imbalance,
        services: manager.services.iter().map(|s| (s.sid.clone(), service(s))).collect(),
    }
}

pub(super) fn restore(manager: &mut Manager, status: &Status) {
    for (name, &state) in &status.node_status {
        let id = manager.nodes.intern(name);
        manager.nodes.set_state(id, state);
    }
    manager.maintenance_requests = status.maintenance_requests.clone();
    manager.disarm = status.disarm;
    for (sid, service) in &status.services {
        let nodes = &mut manager.nodes;
        let node = nodes.intern(&service.node);
        let mut restored = Service::new(sid.clone(), service.state, node, service.uid);
        restored.target = service.target.as_ref().map(|name| nodes.intern(name));
        restored.running = service.running;
        restored.failed_nodes = service.failed_nodes.iter().map(|name| nodes.intern(name)).collect();
        restored.maintenance_node = service.maintenance_node.as_ref().map(|name| nodes.intern(name));
        restored.pending = service.cmd.as_deref().and_then(|words| pending(words, nodes));
        restored.timeout = service.timeout;
        manager.services.push(restored);
    }
}

fn pending(words: &[String], nodes: &mut Nodes) -> Option<Pending> {
    match words {
        [word, node] if word == "migrate" => Some(Pending::Migrate(nodes.intern(&node.as_str().into()))),
        [word, node] if word == "relocate" => Some(Pending::Relocate(nodes.intern(&node.as_str().into()))),
        [word, timeout] if word == "stop" => timeout.parse().ok().map(Pending::Stop),
        _ => None,
    }
}
