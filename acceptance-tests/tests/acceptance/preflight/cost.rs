//! What the checks cost: a handful of requests for a whole plan.

use acceptance_tests::core::Core;
use acceptance_tests::{Cluster, runtime};
use pve_emulator::{Options, Release, Seed};
use serde_json::{Value as Json, json};
use terraform_provider_pve::framework::Value;

use super::{NODE_RULE, RESOURCE, RESOURCE_RULE};

/// A cluster of `nodes` nodes with `guests` virtual machines.
fn seed(nodes: usize, guests: usize) -> Seed {
    let nodes: Vec<Json> = (1..=nodes)
        .map(|i| json!({"node": format!("pve{i}"), "nodeid": i, "ring0_addr": format!("10.0.0.{i}")}))
        .collect();
    let guests: Vec<Json> = (0..guests)
        .map(|i| json!({"vmid": 1000 + i, "type": "qemu", "node": "pve1", "name": "vm", "cores": 1, "memory": 512}))
        .collect();
    let users =
        json!([{"userid": "root@pam", "password": "p", "tokens": [{"tokenid": "t", "privsep": 0, "secret": "s"}]}]);
    Seed::parse(&json!({"nodes": nodes, "guests": guests, "users": users}).to_string()).unwrap()
}

/// Plans everything that a configuration of `count` HA resources and as many rules has; returns the number of requests.
fn requests(cluster: &Cluster, count: usize) -> u64 {
    let core = runtime::block_on(Core::with(cluster, &[]));
    cluster.emulator().counters().reset();
    let sid = |i: usize| format!("vm:{}", 1000 + i);
    let mut objects: Vec<(&'static str, Json)> =
        (0..count).map(|i| (RESOURCE, json!({"sid": sid(i), "max_relocate": 0}))).collect();
    objects.extend((0..count / 2).map(|i| {
        let rule = json!({"name": format!("near{i}"), "resources": [sid(2 * i)], "nodes": {"pve1": 2, "pve2": 1}});
        (NODE_RULE, rule)
    }));
    objects.extend((0..count / 2).map(|i| {
        let pair = [sid(2 * i), sid(2 * i + 1)];
        (RESOURCE_RULE, json!({"name": format!("apart{i}"), "resources": pair, "affinity": "negative"}))
    }));
    let configs: Vec<_> = objects.iter().map(|(kind, object)| (*kind, core.value(kind, object))).collect();
    runtime::block_on(async {
        // As core does: ten at a time.
        for some in configs.chunks(10) {
            let plans = some.iter().map(|(kind, config)| core.plan_of(kind, &Value::Null, config));
            futures_util::future::join_all(plans).await;
        }
    });
    cluster.emulator().counters().report()["total"].as_u64().unwrap()
}

#[test]
fn at_most_eleven_requests_however_many_objects() {
    for (release, nodes, most) in [(Release::V9, 2, 11), (Release::V9, 3, 10), (Release::V8, 2, 8)] {
        let options = Options { release, seed: Some(seed(nodes, 200)), ..Options::default() };
        let name = "preflight::cost::at_most_eleven_requests_however_many_objects";
        let Some(cluster) = Cluster::own(name, options) else { return };
        let (few, many) = (requests(&cluster, 2), requests(&cluster, 200));
        assert_eq!(few, many, "{release:?}, {nodes} nodes");
        assert!(many <= most, "{release:?}, {nodes} nodes: {many} requests");
    }
}

#[test]
fn what_stays_as_it_is_costs_one_list() {
    let options = Options { seed: Some(seed(2, 20)), ..Options::default() };
    let Some(cluster) = Cluster::own("preflight::cost::what_stays_as_it_is_costs_one_list", options) else { return };
    let kept = |ids: std::ops::Range<usize>, is_refreshed: bool| {
        let core = runtime::block_on(Core::with(&cluster, &[]));
        let configs: Vec<_> = ids.map(|id| core.value(RESOURCE, &json!({"sid": format!("vm:{id}")}))).collect();
        runtime::block_on(async {
            let mut states = Vec::new();
            for config in &configs {
                states.push(core.plan_of(RESOURCE, &Value::Null, config).await.state);
            }
            let core = Core::with(&cluster, &[]).await;
            cluster.emulator().counters().reset();
            for (state, config) in states.iter().zip(&configs) {
                if is_refreshed {
                    core.provider().resource(RESOURCE).unwrap().refresh(state.clone()).await;
                }
                core.plan_of(RESOURCE, state, config).await;
            }
        });
        cluster.emulator().counters().report()["total"].as_u64().unwrap()
    };
    (1000..1020).chain(2000..2010).for_each(|id| {
        let section = format!("vm: {id}\n\tstate started\n\n");
        let mut world = cluster.emulator().cluster().world();
        let file = world.file("/etc/pve/ha/resources.cfg").to_owned();
        world.write_file("/etc/pve/ha/resources.cfg", file + &section);
    });
    // The list that the refresh takes, and one more.
    assert_eq!((kept(1000..1001, true), kept(1000..1020, true)), (2, 2));
    // Of a missing guest it has to be known whether the user would see it.
    assert_eq!(kept(2000..2010, true), 3);
    assert_eq!(kept(2000..2010, false), 0);
}
