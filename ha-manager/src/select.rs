//! Which node a service belongs on: the heart of the placement.

use super::affinity::Classes;
use super::nodes::{NodeId, Nodes};
use super::service::Service;
use super::usage::{self, Usage};

/// What the selection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preference {
    /// The regular check of a service that runs: stay unless something forbids or outranks the node.
    Stay,
    /// Recovery or the first start: the best node there is.
    BestScore,
    /// A start failed: another node than those tried.
    TryNext,
}

/// Everything a selection looks at.
#[derive(Clone, Copy, Debug)]
pub struct Placement<'a> {
    /// The nodes and their states.
    pub nodes: &'a Nodes,
    /// All services, by id.
    pub services: &'a [Service],
    /// The compiled groups or rules.
    pub classes: &'a Classes,
    pub usage: &'a Usage,
}

impl Placement<'_> {
    /// The node for a service, if there is one.
    pub fn select(self, index: usize, preference: Preference) -> Option<NodeId> {
        let service = &self.services[index];
        let class = self.classes.of(service);
        if class.preferred().is_empty() {
            return None;
        }
        let stay = preference == Preference::Stay;
        // Most services, most of the time.
        if stay && class.prefers(service.node) && self.is_at_rest(service) {
            return Some(service.node);
        }

        let around = Surroundings::of(service, self.services, self.nodes);
        if stay && !service.config.failback && class.allows(service.node) {
            let at_home = around.together[service.node] > 0 || !around.separate[service.node];
            if at_home {
                return Some(service.node);
            }
        }

        let mut candidates = class.preferred().to_vec();
        if preference == Preference::TryNext {
            candidates.retain(|node| !service.failed_nodes.contains(node));
        }
        candidates.retain(|&node| !around.separate[node]);
        if let Some(home) = around.most_together(&candidates) {
            candidates = vec![home];
        }

        if let Some(home) = service.maintenance_node.filter(|home| candidates.contains(home)) {
            return Some(home);
        }
        if stay && candidates.contains(&service.node) {
            return Some(service.node);
        }
        let after = (preference == Preference::TryNext).then_some(service.node);
        self.usage.best(index, &candidates, self.nodes, after)
    }

    /// Whether nothing calls a service away from a node that its class prefers: no return from maintenance, no opponent
    /// that is or is about to be there, and no companion elsewhere.
    fn is_at_rest(self, service: &Service) -> bool {
        let used = |&other: &usize| usage::used_nodes(&self.services[other], self.nodes);
        let is_here = |node: Option<NodeId>| node == Some(service.node);
        service.maintenance_node.is_none()
            && service.affinity.negative.iter().map(used).all(|(here, there)| !is_here(here) && !is_here(there))
            && service
                .affinity
                .positive
                .iter()
                .map(used)
                .all(|(here, there)| there.or(here).is_none_or(|n| n == service.node))
    }
}

/// Where the companions and the opponents of a service are, by node id.
pub(super) struct Surroundings {
    pub(super) together: Vec<u32>,
    pub(super) separate: Vec<bool>,
}

impl Surroundings {
    pub(super) fn of(service: &Service, services: &[Service], nodes: &Nodes) -> Self {
        let mut around = Self { together: vec![0; nodes.len()], separate: vec![false; nodes.len()] };
        for &companion in &service.affinity.positive {
            let (here, there) = usage::used_nodes(&services[companion], nodes);
            // A companion that moves counts on its target.
            if let Some(node) = there.or(here) {
                around.together[node] += 1;
            }
        }
        for &opponent in &service.affinity.negative {
            let (here, there) = usage::used_nodes(&services[opponent], nodes);
            for node in [here, there].into_iter().flatten() {
                around.separate[node] = true;
            }
        }
        around
    }

    /// The candidate with the most companions; the first by name among equals.
    pub(super) fn most_together(&self, candidates: &[NodeId]) -> Option<NodeId> {
        let mut best: Option<NodeId> = None;
        for &node in candidates {
            if self.together[node] > best.map_or(0, |best| self.together[best]) {
                best = Some(node);
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::affinity;
    use crate::config::{Affinity, Config, Name, Policy, Rule, RuleKind};
    use crate::nodes::NodeState;
    use crate::service::{State, Uid};

    /// Two services on node3 and node1 in positive or negative affinity, with the second in `state` towards `target`.
    fn choose(affinity: Affinity, state: State, target: Option<&str>) -> Option<Name> {
        let mut nodes = Nodes::default();
        let ids: Vec<NodeId> = ["node1", "node2", "node3"].map(|name| nodes.intern(&name.into())).to_vec();
        ids.iter().for_each(|&id| nodes.set_state(id, NodeState::Online));
        let first = Service::new("vm:101".into(), State::Started, ids[2], Uid(1));
        let mut second = Service::new("vm:102".into(), state, ids[0], Uid(2));
        second.target = target.and_then(|name| nodes.id(name));
        let mut services = vec![first, second];
        let resources = ["vm:101", "vm:102"].map(Name::from).into();
        let kind = RuleKind::ResourceAffinity(affinity);
        let config = Config {
            policy: Policy::Rules(vec![Rule { id: "pair".into(), resources, disabled: false, kind }]),
            ..Config::default()
        };
        let (mut classes, _) = affinity::compile(&config, &mut nodes, &mut services);
        classes.resolve(&nodes);
        let mut usage = Usage::default();
        usage.recount(&nodes, &services, &[], None).unwrap();
        let placement = Placement { nodes: &nodes, services: &services, classes: &classes, usage: &usage };
        placement.select(0, Preference::Stay).map(|id| nodes.name(id).clone())
    }

    #[test]
    fn a_companion_that_moves_counts_on_its_target() {
        assert_eq!(choose(Affinity::Positive, State::Started, None).as_deref(), Some("node1"));
        assert_eq!(choose(Affinity::Positive, State::Migrate, Some("node3")).as_deref(), Some("node3"));
        assert_eq!(choose(Affinity::Positive, State::Stopped, None).as_deref(), Some("node3"));
    }

    #[test]
    fn an_opponent_that_moves_repels_from_both_nodes() {
        assert_eq!(choose(Affinity::Negative, State::Migrate, Some("node3")).as_deref(), Some("node2"));
        assert_eq!(choose(Affinity::Negative, State::Started, None).as_deref(), Some("node3"));
    }
}
