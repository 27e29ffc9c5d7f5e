//! Explains in words why a node was selected for a service.

use super::affinity::Class;
use super::nodes::NodeId;
use super::select::{Placement, Preference, Surroundings};
use super::service::Service;
use super::usage;

/// A choice of the manager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The node; none if the service has to stay without one.
    pub node: Option<NodeId>,
    pub reason: String,
}

/// So many of a list are named; the rest is counted.
const MAX_NAMED: usize = 4;

impl Placement<'_> {
    /// The steps that led [`Placement::select`] to `chosen`, explained before any service moves.
    pub fn explain(self, index: usize, preference: Preference, chosen: Option<NodeId>) -> String {
        let service = &self.services[index];
        let class = self.classes.of(service);
        if class.preferred().is_empty() {
            return self.nowhere(class);
        }
        let around = Surroundings::of(service, self.services, self.nodes);
        let mut steps: Vec<String> = self.class_step(class).into_iter().collect();
        let mut candidates = class.preferred().to_vec();
        if preference == Preference::TryNext {
            candidates.retain(|node| !service.failed_nodes.contains(node));
        }
        let (taken, mut candidates): (Vec<_>, Vec<_>) = candidates.into_iter().partition(|&node| around.separate[node]);
        if !taken.is_empty() {
            steps.push(format!("kept apart from {}", self.opponents(service, &taken)));
        }
        if candidates.is_empty() {
            steps.extend(self.passed_over(class));
            return format!("no node is left: {}", steps.join("; "));
        }
        if let Some(home) = around.most_together(&candidates) {
            steps.push(format!("belongs with {}", self.companions(service, home)));
            candidates = vec![home];
        }
        match chosen {
            Some(home) if service.maintenance_node == Some(home) && candidates.contains(&home) => {
                steps.push("returns to the node it left for maintenance".to_owned());
            }
            Some(node) if candidates.len() > 1 => steps.push(self.score_step(index, node, &candidates)),
            Some(_) if steps.is_empty() => steps.push("the only node left".to_owned()),
            _ => {}
        }
        steps.join("; ")
    }

    fn nowhere(self, class: &Class) -> String {
        match class.origin() {
            Some(origin) if !origin.avoided.is_empty() => {
                format!("{} forbids {}, and no other node is online", origin.name, self.names(&origin.avoided))
            }
            Some(origin) => {
                let listed: Vec<_> = class.entries().iter().map(|&(node, _)| self.name(node)).collect();
                format!("{} allows only {}, and none of them is online", origin.name, named(listed))
            }
            None => "no node is online".to_owned(),
        }
    }

    /// Online nodes that are not considered, because others come before them.
    fn passed_over(self, class: &Class) -> Option<String> {
        let origin = class.origin()?;
        let online = |&(node, _): &(NodeId, u32)| self.nodes.is_online(node);
        let is_lower = |(node, _): &(NodeId, u32)| !class.prefers(*node);
        if class.entries().iter().filter(|entry| online(entry)).any(is_lower) {
            return Some("lower priorities are not considered while a higher one is online".to_owned());
        }
        let is_own = |node: NodeId| class.entries().iter().any(|&(own, _)| own == node);
        let others: Vec<NodeId> = self.nodes.online().iter().copied().filter(|&node| !is_own(node)).collect();
        let any_own_online = class.entries().iter().any(online);
        if class.is_strict() || others.is_empty() || !any_own_online {
            return None;
        }
        let what = if origin.avoided.is_empty() { "nodes outside of it are" } else { "the nodes that it avoids are" };
        Some(format!("{what} not considered while another node of {} is online", origin.name))
    }

    /// What the rule or group contributed.
    fn class_step(self, class: &Class) -> Option<String> {
        let origin = class.origin()?;
        let name = &origin.name;
        let avoided = self.names(&origin.avoided);
        let priority = |node: NodeId| class.entries().iter().filter(|(n, _)| *n == node).map(|&(_, p)| p).max();
        let first = *class.preferred().first()?;
        let nodes = named(class.preferred().iter().map(|&node| self.name(node)).collect());
        let top = priority(first);
        if !origin.avoided.is_empty() {
            return Some(match top {
                Some(_) => format!("{name} avoids {avoided}"),
                None => format!("{name} avoids {avoided}, but no other node is online"),
            });
        }
        let Some(top) = top else {
            return Some(format!("no node of {name} is online, so any other is allowed"));
        };
        let levels = class.entries().iter().any(|&(_, other)| other != top);
        Some(if levels {
            format!("{name}: highest priority online is {top} ({nodes})")
        } else {
            format!("{name} names {nodes}")
        })
    }

    fn opponents(self, service: &Service, taken: &[NodeId]) -> String {
        let on = |node: NodeId| {
            service.affinity.negative.iter().find(move |&&other| {
                let (here, there) = usage::used_nodes(&self.services[other], self.nodes);
                here == Some(node) || there == Some(node)
            })
        };
        let partners = taken.iter().filter_map(|&node| {
            let other = &self.services[*on(node)?].sid;
            Some(format!("{other} on {}", self.name(node)))
        });
        named(partners.collect())
    }

    fn companions(self, service: &Service, home: NodeId) -> String {
        let there = service.affinity.positive.iter().filter(|&&partner| {
            let (here, there) = usage::used_nodes(&self.services[partner], self.nodes);
            there.or(here) == Some(home)
        });
        let partners: Vec<_> = there.map(|&partner| self.services[partner].sid.to_string()).collect();
        format!("{} on {}", named(partners), self.name(home))
    }

    fn score_step(self, index: usize, chosen: NodeId, candidates: &[NodeId]) -> String {
        let ranking = self.usage.ranking(index, candidates, self.nodes);
        let score = ranking.iter().find(|(_, node)| *node == chosen).map_or(0.0, |(score, _)| *score);
        let equal: Vec<_> =
            ranking.iter().filter(|(other, _)| *other == score).map(|&(_, node)| self.name(node)).collect();
        let next = ranking.iter().find(|(other, _)| *other > score);
        match (self.usage.weighs(), equal.len()) {
            (true, 1) => format!("best static score among {} nodes", candidates.len()),
            (true, _) => format!("same static score as {}; first by name", named(without(equal, &self.name(chosen)))),
            (false, 1) => {
                let next = next.map(|&(score, node)| format!("; next is {} with {score}", self.name(node)));
                format!("fewest services ({score}{})", next.unwrap_or_default())
            }
            (false, _) => {
                let services = if score == 1.0 { "service" } else { "services" };
                format!("{} have {score} {services} each; {} is first by name", named(equal), self.name(chosen))
            }
        }
    }

    fn names(self, nodes: &[NodeId]) -> String {
        named(nodes.iter().map(|&node| self.name(node)).collect())
    }

    fn name(self, node: NodeId) -> String {
        self.nodes.name(node).to_string()
    }
}

fn without(mut names: Vec<String>, name: &str) -> Vec<String> {
    names.retain(|one| one != name);
    names
}

fn named(mut names: Vec<String>) -> String {
    let rest = names.len().saturating_sub(MAX_NAMED);
    names.truncate(MAX_NAMED);
    let more = if rest == 0 { String::new() } else { format!(" and {rest} more") };
    format!("{}{more}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::sync::Arc;

    use crate::config::{Affinity, Config, Name, NodeAffinity, Policy, Resource, Rule, RuleKind};
    use crate::forecast::Forecast;
    use crate::nodes::NodeState;
    use crate::status::Status;

    /// Where `sid` goes when node3 of three fails, and why.
    fn failover_of(services: &[(&str, &str)], rules: Vec<Rule>, sid: &str) -> (Option<String>, String) {
        let resource = Resource::default();
        let config = Config {
            resources: services.iter().map(|&(sid, _)| (sid.into(), resource.clone())).collect(),
            policy: Policy::Rules(rules),
            ..Config::default()
        };
        let nodes = ["node1", "node2", "node3"].map(|node| (Name::from(node), NodeState::Online));
        let status = Status { master_node: Some("node1".into()), node_status: nodes.into(), ..Status::default() };
        let guests: BTreeMap<Name, Name> = services.iter().map(|&(sid, node)| (sid.into(), node.into())).collect();
        let forecast = Forecast::converged(&status, Arc::new(config), None, Vec::new(), &guests);
        let outcome = forecast.node_failure(&BTreeSet::from(["node3".into()]));
        let service = outcome.services().find(|service| &**service.sid() == sid).unwrap();
        let last = service.decisions().last().unwrap();
        (last.node.map(|_| service.node.to_string()), last.reason.clone())
    }

    fn rule(id: &str, sids: &[&str], kind: RuleKind) -> Rule {
        Rule { id: id.into(), resources: sids.iter().map(|&sid| sid.into()).collect(), disabled: false, kind }
    }

    fn nodes(nodes: &[(&str, u32)], strict: bool) -> RuleKind {
        let nodes = nodes.iter().map(|&(node, p)| (node.into(), p)).collect();
        RuleKind::NodeAffinity(NodeAffinity { affinity: Affinity::Positive, nodes, strict })
    }

    fn avoid(nodes: &[&str], strict: bool) -> RuleKind {
        let nodes = nodes.iter().map(|&node| (node.into(), 0)).collect();
        RuleKind::NodeAffinity(NodeAffinity { affinity: Affinity::Negative, nodes, strict })
    }

    #[test]
    fn the_least_loaded_node_and_the_tie() {
        let services = [("vm:1", "node1"), ("vm:2", "node3")];
        assert_eq!(
            failover_of(&services, vec![], "vm:2"),
            (Some("node2".into()), "fewest services (0; next is node1 with 1)".into())
        );
        let services = [("vm:1", "node1"), ("vm:2", "node2"), ("vm:3", "node3")];
        assert_eq!(
            failover_of(&services, vec![], "vm:3"),
            (Some("node1".into()), "node1, node2 have 1 service each; node1 is first by name".into())
        );
    }

    #[test]
    fn rules_are_named() {
        let services = [("vm:1", "node1"), ("vm:2", "node3")];
        let prefer = rule("prefer", &["vm:2"], nodes(&[("node3", 2), ("node1", 1)], false));
        assert_eq!(
            failover_of(&services, vec![prefer], "vm:2"),
            (Some("node1".into()), "rule 'prefer': highest priority online is 1 (node1)".into())
        );
        let only = rule("only", &["vm:2"], nodes(&[("node3", 0)], true));
        assert_eq!(
            failover_of(&services, vec![only], "vm:2"),
            (None, "rule 'only' allows only node3, and none of them is online".into())
        );
        let loose = rule("loose", &["vm:2"], nodes(&[("node3", 0)], false));
        let (node, why) = failover_of(&services, vec![loose], "vm:2");
        assert_eq!(node.as_deref(), Some("node2"));
        assert!(
            why.starts_with("no node of rule 'loose' is online, so any other is allowed; fewest services"),
            "{why}"
        );
    }

    #[test]
    fn nodes_to_avoid_are_named() {
        let services = [("vm:1", "node2"), ("vm:2", "node3")];
        let off = rule("off", &["vm:2"], avoid(&["node1"], false));
        assert_eq!(failover_of(&services, vec![off], "vm:2"), (Some("node2".into()), "rule 'off' avoids node1".into()));
        let off = rule("off", &["vm:2"], avoid(&["node1", "node2"], true));
        assert_eq!(
            failover_of(&services, vec![off], "vm:2"),
            (None, "rule 'off' forbids node1, node2, and no other node is online".into())
        );
        let off = rule("off", &["vm:2"], avoid(&["node1", "node2"], false));
        let (node, why) = failover_of(&services, vec![off], "vm:2");
        assert_eq!(node.as_deref(), Some("node1"));
        assert!(
            why.starts_with("rule 'off' avoids node1, node2, but no other node is online; fewest services"),
            "{why}"
        );
    }

    #[test]
    fn what_is_passed_over_is_what_there_is() {
        let services = [("vm:1", "node1"), ("vm:2", "node3")];
        let separate = || rule("a", &["vm:2", "vm:1"], RuleKind::ResourceAffinity(Affinity::Negative));
        let left = |kind: RuleKind| {
            let (node, why) = failover_of(&services, vec![rule("r", &["vm:2"], kind), separate()], "vm:2");
            assert_eq!(node, None, "{why}");
            why
        };
        // One priority, and no node outside: nothing is passed over.
        let strict = left(nodes(&[("node1", 1), ("node3", 1)], true));
        assert!(strict.ends_with("kept apart from vm:1 on node1"), "{strict}");
        let loose = left(nodes(&[("node1", 1), ("node3", 1)], false));
        assert!(
            loose.ends_with("; nodes outside of it are not considered while another node of rule 'r' is online"),
            "{loose}"
        );
        let avoiding = left(avoid(&["node2"], false));
        assert!(
            avoiding
                .ends_with("; the nodes that it avoids are not considered while another node of rule 'r' is online"),
            "{avoiding}"
        );
    }

    #[test]
    fn partners_are_named() {
        let services = [("vm:1", "node1"), ("vm:2", "node3"), ("vm:3", "node2")];
        let separate = rule("a", &["vm:2", "vm:1"], RuleKind::ResourceAffinity(Affinity::Negative));
        assert_eq!(
            failover_of(&services, vec![separate], "vm:2"),
            (Some("node2".into()), "kept apart from vm:1 on node1".into())
        );
        let all = rule("a", &["vm:2", "vm:1", "vm:3"], RuleKind::ResourceAffinity(Affinity::Negative));
        assert_eq!(
            failover_of(&services, vec![all], "vm:2"),
            (None, "no node is left: kept apart from vm:1 on node1, vm:3 on node2".into())
        );
    }

    #[test]
    fn who_follows_says_whom() {
        let services = [("vm:1", "node3"), ("vm:2", "node3"), ("vm:3", "node2")];
        let together = rule("t", &["vm:2", "vm:1"], RuleKind::ResourceAffinity(Affinity::Positive));
        let (node, why) = failover_of(&services, vec![together], "vm:2");
        assert_eq!((node.as_deref(), why.as_str()), (Some("node1"), "belongs with vm:1 on node1"));
    }
}
