//! How long it takes to foretell the failure of every single node: 32 nodes, 10,000 services, on one core.
//!
//! `cargo bench -p terraform-provider-pve --bench placement`
#![allow(clippy::print_stdout, reason = "a benchmark says what it measured")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use terraform_provider_pve::placement::config::{
    Affinity, Config, Name, Policy, Requested, Resource, Rule, RuleKind, Scheduler, ShutdownPolicy,
};
use terraform_provider_pve::placement::forecast::Forecast;
use terraform_provider_pve::placement::nodes::NodeState;
use terraform_provider_pve::placement::service::{State, Uid};
use terraform_provider_pve::placement::status::{ServiceStatus, Status};
use terraform_provider_pve::placement::usage::{Capacity, Size};

const NODES: usize = 32;
const SERVICES: usize = 10_000;
const RUNS: usize = 5;

fn main() {
    println!("{NODES} nodes, {SERVICES} services, all {NODES} single-node failures; median of {RUNS} runs");
    for scheduler in [Scheduler::Basic, Scheduler::Static] {
        for rules in [0, 1000] {
            let mut took: Vec<f64> = (0..RUNS).map(|_| measure(scheduler, rules)).collect();
            took.sort_by(f64::total_cmp);
            println!("  {scheduler:?}, {rules:>4} rules  {:.2} s", took[RUNS / 2]);
        }
    }
}

/// Seconds for all failures; each must have moved what was on the node.
fn measure(scheduler: Scheduler, rules: usize) -> f64 {
    let config = Arc::new(config(scheduler, rules));
    let capacity = (scheduler == Scheduler::Static).then(|| Arc::new(capacity()));
    let status = status();
    let start = Instant::now();
    let forecast = Forecast::new(&status, config, capacity, Vec::new());
    let mut moved = 0;
    for failed in 0..NODES {
        let outcome = forecast.node_failure(&BTreeSet::from([node(failed)]));
        moved += outcome.services().filter(|service| service.node != &status.services[service.sid()].node).count();
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

fn config(scheduler: Scheduler, rules: usize) -> Config {
    let resource = Resource { state: Requested::Started, group: None, failback: true, max_restart: 1, max_relocate: 1 };
    Config {
        resources: (0..SERVICES).map(|number| (sid(number), resource.clone())).collect(),
        policy: Policy::Rules((0..rules).map(rule).collect()),
        scheduler,
        rebalance_on_start: false,
        shutdown_policy: ShutdownPolicy::Conditional,
    }
}

/// Every other rule keeps two services apart, the others prefer the node that their service is on.
fn rule(number: usize) -> Rule {
    let (first, second) = (number * 7, number * 7 + 1);
    let (resources, kind) = if number.is_multiple_of(2) {
        (BTreeSet::from([sid(first), sid(second)]), RuleKind::ResourceAffinity(Affinity::Negative))
    } else {
        let nodes = BTreeMap::from([(node(first % NODES), 2), (node((first + 1) % NODES), 1)]);
        (BTreeSet::from([sid(first)]), RuleKind::NodeAffinity { nodes, strict: false })
    };
    Rule { id: format!("rule{number}").into(), resources, disabled: false, kind }
}

fn capacity() -> Capacity {
    let size = |cpu: f64, gib: u64| Size { cpu, mem: gib << 30 };
    Capacity {
        nodes: (0..NODES).map(|number| (node(number), size(64.0, 1024))).collect(),
        services: (0..SERVICES).map(|number| (sid(number), size(1.0, 1 + number as u64 % 4))).collect(),
    }
}
