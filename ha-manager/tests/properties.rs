//! What holds for every cluster: strict rules, negative affinity, and independence of the order of what is given.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use pve_ha_manager::config::{Affinity, Config, Name, NodeAffinity, Policy, Resource, Rule, RuleKind};
use pve_ha_manager::feasibility::infeasible;
use pve_ha_manager::service::State;
use pve_ha_manager::testbed::{Setup, Testbed};

const NODES: usize = 5;

#[derive(Clone, Debug)]
struct Cluster {
    /// The node of every service, and whether it comes back.
    services: Vec<(usize, bool)>,
    rules: Vec<Rule>,
    failing: usize,
}

fn node(number: usize) -> Name {
    format!("node{number}").into()
}

fn sid(number: usize) -> Name {
    format!("vm:{}", 100 + number).into()
}

fn cluster() -> impl Strategy<Value = Cluster> {
    let services = prop::collection::vec((0..NODES, any::<bool>()), 2..10);
    services.prop_flat_map(|services| {
        let rules = prop::collection::vec(rule(services.len()), 0..5);
        (Just(services), rules, 0..NODES).prop_map(|(services, kinds, failing)| {
            let rules = kinds.into_iter().enumerate().map(|(i, (resources, kind))| Rule {
                id: format!("rule{i}").into(),
                resources,
                disabled: false,
                kind,
            });
            Cluster { services, rules: rules.collect(), failing }
        })
    })
}

fn rule(services: usize) -> impl Strategy<Value = (BTreeSet<Name>, RuleKind)> {
    let resources = prop::collection::btree_set(0..services, 1..4)
        .prop_map(|numbers| numbers.into_iter().map(sid).collect::<BTreeSet<Name>>());
    let nodes = prop::collection::btree_map((0..NODES).prop_map(node), 0_u32..3, 1..4);
    let kind = prop_oneof![
        (nodes, any::<bool>(), any::<bool>()).prop_map(|(nodes, avoid, strict)| {
            // Nodes to avoid have no priorities.
            let nodes = nodes.into_iter().map(|(node, priority)| (node, if avoid { 0 } else { priority })).collect();
            let affinity = if avoid { Affinity::Negative } else { Affinity::Positive };
            RuleKind::NodeAffinity(NodeAffinity { affinity, nodes, strict })
        }),
        Just(RuleKind::ResourceAffinity(Affinity::Positive)),
        Just(RuleKind::ResourceAffinity(Affinity::Negative)),
    ];
    (resources, kind)
}

/// Where every service is before and after the failure.
fn run(cluster: &Cluster) -> [BTreeMap<Name, (State, Name)>; 2] {
    let resource = |failback| Resource { failback, ..Resource::default() };
    let services = || cluster.services.iter().enumerate();
    let config = Config {
        resources: services().map(|(i, &(_, failback))| (sid(i), resource(failback))).collect(),
        policy: Policy::Rules(cluster.rules.clone()),
        ..Config::default()
    };
    let setup = Setup {
        nodes: (0..NODES).map(node).collect(),
        guests: services().map(|(i, &(at, _))| (sid(i), node(at))).collect(),
        round: 20,
        ..Setup::default()
    };
    let mut testbed = Testbed::new(setup, config);
    (0..NODES).for_each(|n| testbed.power_on(&node(n)));
    let reading = |testbed: &mut Testbed| {
        testbed.advance(500);
        let services = &testbed.status().services;
        services.iter().map(|(sid, service)| (sid.clone(), (service.state, service.node.clone()))).collect()
    };
    let before = reading(&mut testbed);
    testbed.power_off(&node(cluster.failing));
    [before, reading(&mut testbed)]
}

fn kept(cluster: &Cluster) -> impl Iterator<Item = &Rule> {
    let known = (0..NODES).map(node).collect();
    let dropped = infeasible(&cluster.rules, Some(&known));
    cluster.rules.iter().filter(move |rule| !dropped.contains_key(&rule.id))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_strict_rule_is_never_violated_by_a_recovery(cluster in cluster()) {
        let [before, after] = run(&cluster);
        for rule in kept(&cluster) {
            let RuleKind::NodeAffinity(affinity) = &rule.kind else { continue };
            if !affinity.strict {
                continue;
            }
            let all: Vec<Name> = (0..NODES).map(node).collect();
            let nodes = affinity.wanted(&all);
            for sid in &rule.resources {
                let ((_, from), (state, to)) = (&before[sid], &after[sid]);
                prop_assert!(nodes.contains_key(to) || *state == State::Recovery || from == to, "{sid} {from} {to}");
            }
        }
    }

    #[test]
    fn no_placement_breaks_negative_resource_affinity(cluster in cluster()) {
        let [before, after] = run(&cluster);
        for rule in kept(&cluster).filter(|rule| rule.kind == RuleKind::ResourceAffinity(Affinity::Negative)) {
            for a in &rule.resources {
                for b in rule.resources.iter().filter(|&b| b != a) {
                    let met = before[a].1 == before[b].1;
                    prop_assert!(met || after[a].1 != after[b].1, "{a} and {b} on {}", after[a].1);
                }
            }
        }
    }

    #[test]
    fn the_order_of_the_rules_does_not_matter(cluster in cluster(), seed in any::<u64>()) {
        let mut shuffled = cluster.clone();
        let len = shuffled.rules.len() as u64;
        for i in (1..len).rev() {
            shuffled.rules.swap(i as usize, (seed.rotate_left(i as u32) % (i + 1)) as usize);
        }
        prop_assert_eq!(run(&cluster), run(&shuffled));
    }
}
