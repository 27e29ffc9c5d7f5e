//! How long it takes to foretell the failure of every single node: 32 nodes, 10,000 services, on one core.
//!
//! `cargo bench -p terraform-provider-pve --bench placement`
#![allow(clippy::print_stdout, reason = "a benchmark says what it measured")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use pve_ha_manager::config::{Affinity, Config, Name, NodeAffinity, Policy, Resource, Rule, RuleKind, Scheduler};
use pve_ha_manager::forecast::Forecast;
use pve_ha_manager::nodes::NodeState;
use pve_ha_manager::service::{State, Uid};
use pve_ha_manager::status::{ServiceStatus, Status};
use pve_ha_manager::usage::{Capacity, Size};

const NODES: usize = 32;
const SERVICES: usize = 10_000;
const RULES: usize = 1000;
/// Services in a rule; all services are in one.
const MEMBERS: usize = SERVICES / RULES;
const RUNS: usize = 5;

/// What kinds of rules there are.
#[derive(Clone, Copy, Debug)]
enum Rules {
    None,
    /// Services of one node that belong together.
    Together,
    /// Services of different nodes that are in negative resource affinity.
    Apart,
    /// Services that prefer the node they are on.
    Prefer,
    /// Each of these in turn.
    Mixed,
}

fn main() {
    println!("{NODES} nodes, {SERVICES} services, all {NODES} single-node failures; median of {RUNS} runs");
    for scheduler in [Scheduler::Basic, Scheduler::Static] {
        for rules in [Rules::None, Rules::Together, Rules::Apart, Rules::Prefer, Rules::Mixed] {
            let mut took: Vec<f64> = (0..RUNS).map(|_| measure(scheduler, rules)).collect();
            took.sort_by(f64::total_cmp);
            println!("  {:<6} {:<8} {:.2} s", format!("{scheduler:?}"), format!("{rules:?}"), took[RUNS / 2]);
        }
    }
}

/// Seconds for all failures; each must have moved what was on the node.
fn measure(scheduler: Scheduler, rules: Rules) -> f64 {
    let config = Arc::new(config(scheduler, rules));
    let capacity = (scheduler == Scheduler::Static).then(|| Arc::new(capacity()));
    let status = status();
    let start = Instant::now();
    let forecast = Forecast::new(&status, config, capacity, Vec::new());
    let mut moved = 0;
    for failed in 0..NODES {
        let outcome = forecast.node_failure(&BTreeSet::from([node(failed)]));
        moved +=
            outcome.services().zip(status.services.values()).filter(|(now, before)| *now.node != before.node).count();
    }
    let took = start.elapsed().as_secs_f64();
    assert!(moved >= SERVICES, "only {moved} services were recovered");
    took
}

fn node(number: usize) -> Name {
    format!("node{number:02}").into()
}

fn sid(number: usize) -> Name {
    format!("vm:{}", 10_000 + number).into()
}

fn status() -> Status {
    let service = |number: usize| ServiceStatus {
        state: State::Started,
        node: node(number % NODES),
        uid: Uid(number as u64),
        target: None,
        running: true,
        failed_nodes: Vec::new(),
        maintenance_node: None,
        cmd: None,
        timeout: None,
    };
    Status {
        master_node: Some(node(0)),
        node_status: (0..NODES).map(|number| (node(number), NodeState::Online)).collect(),
        services: (0..SERVICES).map(|number| (sid(number), service(number))).collect(),
        ..Status::default()
    }
}

fn config(scheduler: Scheduler, rules: Rules) -> Config {
    let resource = Resource::default();
    Config {
        resources: (0..SERVICES).map(|number| (sid(number), resource.clone())).collect(),
        policy: Policy::Rules((0..RULES).filter_map(|number| rule(rules, number)).collect()),
        scheduler,
        ..Config::default()
    }
}

fn rule(rules: Rules, number: usize) -> Option<Rule> {
    let home = number % NODES;
    // Service n is on node n mod NODES: with that step all are on one node, with step 1 all are on different ones.
    let of_one_node = (0..MEMBERS).map(|i| (number / NODES * MEMBERS + i) * NODES + home);
    let of_many = (0..MEMBERS).map(|i| number * MEMBERS + i);
    let (services, kind): (Vec<usize>, _) = match rules {
        Rules::None => return None,
        Rules::Together => (of_one_node.collect(), RuleKind::ResourceAffinity(Affinity::Positive)),
        Rules::Apart => (of_many.collect(), RuleKind::ResourceAffinity(Affinity::Negative)),
        Rules::Prefer => {
            let nodes = BTreeMap::from([(node(home), 2), (node((home + 1) % NODES), 1)]);
            (
                of_one_node.collect(),
                RuleKind::NodeAffinity(NodeAffinity { affinity: Affinity::Positive, nodes, strict: false }),
            )
        }
        Rules::Mixed => return rule([Rules::Together, Rules::Apart, Rules::Prefer][number % 3], number),
    };
    let resources = services.into_iter().filter(|&number| number < SERVICES).map(sid).collect();
    Some(Rule { id: format!("rule{number}").into(), resources, disabled: false, kind })
}

fn capacity() -> Capacity {
    let size = |cpu: f64, gib: u64| Size { cpu, mem: gib << 30 };
    Capacity {
        nodes: (0..NODES).map(|number| (node(number), size(64.0, 1024))).collect(),
        services: (0..SERVICES).map(|number| (sid(number), size(1.0, 1 + number as u64 % 4))).collect(),
    }
}
