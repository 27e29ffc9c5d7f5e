//! Manual moves: which services move along, and what blocks them.

use super::affinity::{self, Classes};
use super::config::{Config, Engine, Name};
use super::manager::Manager;
use super::nodes::NodeId;
use super::service::Service;
use super::status::Status;

/// What blocks a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blocker {
    /// The service's own node affinity.
    NodeAffinity,
    /// Another service, by index, that is in negative affinity to it and on the target.
    ResourceAffinity(usize),
}

/// What blocks a move of a service to a node that is online.
pub fn blockers(index: usize, target: NodeId, services: &[Service], classes: &Classes, engine: Engine) -> Vec<Blocker> {
    let service = &services[index];
    let class = classes.of(service);
    // It would only come back.
    let returns = service.config.failback && !class.prefers(target);
    let off_limits = engine >= Engine::V5_2_5 && (!class.allows(target) || returns);
    // A partner that is about to leave is no obstacle.
    let stays = |partner: &Service| partner.node == target && partner.target.is_none_or(|to| to == target);
    let partners = service.affinity.negative.iter().copied().filter(|&partner| stays(&services[partner]));
    off_limits.then_some(Blocker::NodeAffinity).into_iter().chain(partners.map(Blocker::ResourceAffinity)).collect()
}

/// The services that come along: those that belong with it and are not on the way to the target.
pub fn companions(index: usize, target: NodeId, services: &[Service]) -> Vec<usize> {
    let companions = services[index].affinity.positive.iter().copied();
    companions.filter(|&companion| services[companion].target.unwrap_or(services[companion].node) != target).collect()
}

/// What a move would meet, by the status last written and the configuration as it is now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Foreseen {
    /// Services that come along.
    pub companions: Vec<Name>,
    /// Whether its own node affinity refuses it.
    pub is_off_limits: bool,
    /// Services on the target that are in negative affinity to it.
    pub partners: Vec<Name>,
}

/// Foresees a move to `node`; nothing blocks the move of a service that is not in the manager's status.
pub fn foresee(status: &Status, config: &Config, sid: &str, node: &Name) -> Foreseen {
    let (mut nodes, mut services) = Manager::adopt(status).into_parts();
    let (mut classes, _) = affinity::compile(config, &mut nodes, &mut services);
    let target = nodes.intern(node);
    classes.resolve(&nodes);
    let Ok(index) = services.binary_search_by(|service| (*service.sid).cmp(sid)) else { return Foreseen::default() };
    let name = |service: usize| services[service].sid.clone();
    let mut foreseen = Foreseen {
        companions: companions(index, target, &services).into_iter().map(name).collect(),
        ..Foreseen::default()
    };
    for blocker in blockers(index, target, &services, &classes, config.engine) {
        match blocker {
            // Only nodes that are online are looked at; the others are refused for that.
            Blocker::NodeAffinity => foreseen.is_off_limits = nodes.is_online(target),
            Blocker::ResourceAffinity(partner) => foreseen.partners.push(name(partner)),
        }
    }
    foreseen
}
