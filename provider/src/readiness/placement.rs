//! Rules, groups, limits, and what a failure would do.

use std::collections::BTreeMap;

use pve_schemas::HaNodeAffinityRule;
use pve_schemas::data::failover_simulation::{DiskState, Scenario, ServiceState};
use pve_schemas::value::{HaState, NodePriorities};

use super::verdict::{Verdict, fail, named, pass, skipped, unknown};
use super::{Demands, Facts};

use crate::words::{by, counted};

/// Beyond these a failing guest is restarted or thrown about for long.
const MAX_RESTARTS: i64 = 5;
const MAX_RELOCATES: i64 = 5;

pub(super) fn valid(facts: &Facts, _: &Demands) -> Verdict {
    let unknown: Vec<String> = facts.planned.unknown.placement().collect();
    if facts.complaints.is_empty() && !unknown.is_empty() {
        return not_known(unknown);
    }
    if facts.complaints.is_empty() {
        let ha_config = &facts.planned;
        let rules = ha_config.node_rules.len() + ha_config.resource_rules.len();
        return pass(format!(
            "{} and {} without errors",
            counted(rules, "rule"),
            counted(ha_config.groups.len(), "group")
        ));
    }
    let all = facts.complaints.iter().map(|(object, complaint)| format!("{object}: {complaint}"));
    fail(named(all), "The HA manager ignores these rules and groups. Resolve the conflicts.")
}

pub(super) fn priorities(facts: &Facts, _: &Demands) -> Verdict {
    let ha_config = &facts.planned;
    let rules = ha_config.node_rules.values().filter(|rule| !rule.disabled());
    let rules = rules.map(|rule| (format!("rule {}", rule.name), nodes_of(rule, facts), rule.strict()));
    let groups = ha_config.groups.values();
    let groups = groups.map(|g| (format!("group {}", g.name), listed(&g.nodes), g.restricted()));
    let all: Vec<_> = rules.chain(groups).collect();
    if all.is_empty() {
        return skipped("there are no node affinity rules or groups");
    }
    let online: Vec<&str> = facts.online().collect();
    let mut troubles = Vec::new();
    for (name, nodes, strict) in &all {
        if *strict && nodes.len() < 2 {
            troubles.push(format!("{name} allows a single node: no failover"));
        }
        let top = top(nodes);
        if !top.iter().any(|node| online.contains(node)) {
            troubles.push(format!("{name}: none of its preferred nodes ({}) is online", top.join(", ")));
        }
    }
    let unknown: Vec<String> = facts.planned.unknown.placement().collect();
    if troubles.is_empty() && !unknown.is_empty() {
        return not_known(unknown);
    }
    if troubles.is_empty() {
        return pass(format!(
            "the best nodes of {} online",
            by(&all.len(), "the rule or group are", "all rules and groups are")
        ));
    }
    fail(named(troubles), "Name a second node, and bring the preferred nodes online. A higher number is preferred.")
}

/// A newer Proxmox has something in its rules that this provider can't judge.
fn not_known(what: Vec<String>) -> Verdict {
    unknown(named(what), "Use a version of the provider that supports this version of Proxmox.")
}

/// Nodes with their priorities.
type Priorities<'a> = BTreeMap<&'a str, i64>;

/// The nodes that a rule runs its resources on; one that avoids nodes leaves all others, which are equally good.
fn nodes_of<'a>(rule: &'a HaNodeAffinityRule, facts: &'a Facts) -> Priorities<'a> {
    if !rule.avoids() {
        return listed(&rule.nodes);
    }
    let others = facts.live.nodes.iter().map(|node| node.name.as_str());
    others.filter(|node| !rule.nodes.0.keys().any(|avoided| avoided.as_str() == *node)).map(|node| (node, 0)).collect()
}

fn listed(nodes: &NodePriorities) -> Priorities<'_> {
    nodes.0.iter().map(|(node, priority)| (node.as_str(), priority.unwrap_or(0))).collect()
}

/// The nodes of the highest priority.
fn top<'a>(nodes: &Priorities<'a>) -> Vec<&'a str> {
    let most = nodes.values().max();
    nodes.iter().filter(|(_, priority)| Some(*priority) == most).map(|(node, _)| *node).collect()
}

pub(super) fn limits(facts: &Facts, _: &Demands) -> Verdict {
    let resources = &facts.planned.resources;
    if resources.is_empty() {
        return skipped("there is no HA resource yet");
    }
    let out = resources.iter().filter_map(|(sid, resource)| {
        let (restart, relocate) = (resource.max_restart(), resource.max_relocate());
        let good = (0..=MAX_RESTARTS).contains(&restart) && (1..=MAX_RELOCATES).contains(&relocate);
        (!good).then(|| format!("{sid}: max_restart {restart}, max_relocate {relocate}"))
    });
    let out: Vec<String> = out.collect();
    if out.is_empty() {
        return pass(format!(
            "{} within 0–{MAX_RESTARTS} restarts and 1–{MAX_RELOCATES} relocates",
            counted(resources.len(), "HA resource")
        ));
    }
    fail(
        named(out),
        "With max_relocate = 0 a guest that can't start on its node ends in the error state. High values keep moving a \
         broken guest between nodes. The defaults are 1 and 1.",
    )
}

pub(super) fn failover(facts: &Facts, _: &Demands) -> Verdict {
    if facts.scenarios.is_empty() {
        return skipped("there is no node to simulate the failure of");
    }
    let problems = crate::simulation::problems(&facts.scenarios);
    if problems.is_empty() {
        let sizes = &facts.live.hidden.nodes;
        return match facts.unseen() {
            Some(unseen) => unseen,
            None if !sizes.is_empty() => unknown(
                format!("the user may not see the memory of {}", named(sizes)),
                "Give the user Sys.Audit on these nodes.",
            ),
            None => pass(format!("all {} single failures are survived", facts.scenarios.len())),
        };
    }
    if facts.scenarios.iter().all(is_open) {
        return unknown(named(problems), facts.remedy_of_disks());
    }
    // What depends on something unknown is no failure that was found.
    let unpredictable =
        |scenario: &Scenario| scenario.lost().filter(|fate| fate.state == ServiceState::Unknown).count();
    if facts.scenarios.iter().all(|scenario| scenario.problems.len() == unpredictable(scenario)) {
        return not_known(problems);
    }
    fail(named(problems), "See `pve_ha_failover_simulation` for the new node of each HA resource, and the reason.")
}

/// Whether all that speaks against surviving it is something that can't be known.
fn is_open(scenario: &Scenario) -> bool {
    let dark = scenario.services.iter().filter(|fate| fate.problem.is_some() && fate.disk == Some(DiskState::Unknown));
    let votes = usize::from(scenario.quorate.is_none());
    scenario.problems.len() == dark.count() + votes
}

pub(super) fn unmanaged(facts: &Facts, demands: &Demands) -> Verdict {
    let Some(tags) = &demands.arguments.ha_tags else {
        return skipped("`ha_tags` is not set");
    };
    let managed = |sid: &str| {
        let resource = facts.planned.resources.get(sid);
        resource.is_some_and(|resource| resource.state() != HaState::Ignored)
    };
    let tagged: Vec<_> = facts
        .live
        .guests
        .values()
        .filter(|guest| !guest.template && guest.tags.iter().any(|tag| tags.contains(tag)))
        .collect();
    let left: Vec<&str> = tagged.iter().map(|guest| guest.sid.as_str()).filter(|sid| !managed(sid)).collect();
    if left.is_empty() {
        if facts.live.hidden.others {
            return unknown("the user may not see all guests", "Give the user VM.Audit on /vms.");
        }
        return pass(match tagged.len() {
            0 => "no guest has one of these tags".to_owned(),
            1 => "one tagged guest is an HA resource".to_owned(),
            count => format!("{count} tagged guests are HA resources"),
        });
    }
    fail(format!("not HA resources: {}", named(left)), "Add a `pve_ha_resource` for each, or remove the tag.")
}

#[cfg(test)]
mod tests {
    use pve_schemas::data::failover_simulation::FailoverSimulationArguments;
    use pve_schemas::data::readiness::ReadinessArguments;
    use serde_json::json;

    use super::super::testing::{Good, status};
    use super::*;
    use crate::simulation::testing::{Cluster, simulate};

    #[test]
    fn complaints_of_proxmox_are_told() {
        assert_eq!(status(valid, |_| ()), "pass");
        assert_eq!(status(valid, |facts| facts.complaints.push(("rule a".into(), "x".into()))), "fail");
    }

    fn ruled(nodes: &str, strict: u8) -> &'static str {
        with_affinity("positive", nodes, strict)
    }

    fn with_affinity(affinity: &str, nodes: &str, strict: u8) -> &'static str {
        let mut cluster = Cluster::of(3);
        cluster.service(100, 1);
        cluster.nodes[2].online = false;
        let rule = json!({"rule": "rr", "type": "node-affinity", "resources": "vm:100", "nodes": nodes, "strict": strict,
                "affinity": affinity});
        cluster.rules.push(rule);
        priorities(&Good::with(cluster.live()), &Good::demands()).status.as_str()
    }

    #[test]
    fn the_best_nodes_are_online_and_not_alone() {
        assert_eq!(ruled("pve1:2,pve2:1", 1), "pass");
        assert_eq!(ruled("pve3:2,pve2:1", 0), "fail");
        assert_eq!((ruled("pve1", 1), ruled("pve1", 0)), ("fail", "pass"));
        assert_eq!(status(priorities, |facts| *facts = Good::with(Cluster::of(3).live())), "skipped");
    }

    #[test]
    fn nodes_to_avoid_leave_the_others() {
        // pve3 is offline.
        assert_eq!((with_affinity("negative", "pve3", 1), with_affinity("negative", "pve1", 1)), ("pass", "pass"));
        assert_eq!(
            (with_affinity("negative", "pve1,pve2", 0), with_affinity("negative", "pve2,pve3", 1)),
            ("fail", "fail")
        );
    }

    #[test]
    fn limits_have_a_range() {
        let with = |restart: i64, relocate: i64| {
            status(limits, |facts| {
                let resource = facts.planned.resources.get_mut("vm:100").unwrap();
                (resource.max_restart, resource.max_relocate) = (Some(restart), Some(relocate));
            })
        };
        assert_eq!(
            (with(1, 1), with(0, 1), with(1, 0), with(9, 1), with(1, 50)),
            ("pass", "pass", "fail", "fail", "fail")
        );
    }

    #[test]
    fn failures_are_survived_or_not() {
        assert_eq!(status(failover, |_| ()), "pass");
        assert_eq!(status(failover, |facts| facts.scenarios[0].problems.push("vm:100 can't be placed".into())), "fail");
        assert_eq!(status(failover, |facts| facts.scenarios.clear()), "skipped");
        let dark = |certain: bool| {
            status(failover, |facts| {
                let mut cluster = Cluster::of(3);
                cluster.service(100, 1).disk(100, "scsi0", "nfs");
                if certain {
                    cluster.service(101, 2).disk(101, "scsi0", "zfs");
                }
                *facts = Good::with(cluster.live());
                facts.live.hidden.services.insert("vm:100".to_owned());
                facts.scenarios = simulate(&facts.live, &FailoverSimulationArguments::default()).unwrap().scenarios;
            })
        };
        assert_eq!((dark(false), dark(true)), ("unknown", "fail"));
        assert_eq!(status(failover, |facts| facts.live.hidden.nodes = ["pve1".to_owned()].into()), "unknown");
    }

    #[test]
    fn tagged_guests_are_ha_resources() {
        let demands =
            Demands::new(ReadinessArguments { ha_tags: Some(["ha".to_owned()].into()), ..Default::default() });
        let verdict = |tagged: u64| {
            let mut cluster = Cluster::of(3);
            cluster.service(100, 1).vm(200, 2).guest(tagged).tags = vec!["ha".into()];
            unmanaged(&Good::with(cluster.live()), &demands).status.as_str()
        };
        assert_eq!((verdict(100), verdict(200)), ("pass", "fail"));
        let mut half = Good::facts();
        half.live.hidden.others = true;
        assert_eq!(unmanaged(&half, &demands).status.as_str(), "unknown");
        assert_eq!(unmanaged(&Good::facts(), &Demands::new(ReadinessArguments::default())).status.as_str(), "skipped");
    }
}
