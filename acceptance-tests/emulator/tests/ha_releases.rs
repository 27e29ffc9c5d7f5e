//! What an HA manager newer than the recorded one does differently.

#![allow(clippy::unwrap_used, reason = "helpers of tests may")]

use pve_emulator::api::ha::files::{GROUPS, RESOURCES, RULES};
use pve_emulator::clock::Clock;
use pve_emulator::crm::MANAGER_STATUS;
use pve_emulator::pipeline::Cluster;
use pve_emulator::route::Method;
use pve_emulator::world::Profile;
use pve_emulator::{Initial, Seed, Version};
use serde_json::{Value, json};

const NEWER: Version = Version::new(9, 2, 6);
const OLDER: Version = Version::new(9, 2, 5);

fn cluster(version: Version) -> Cluster {
    cluster_with(version, Initial::Seed)
}

fn cluster_with(version: Version, initial: Initial) -> Cluster {
    let seed = Seed::default_cluster("p", "s");
    let cluster = Cluster::new(seed.build_with(Profile::at(version), initial, Clock::standing(1_795_396_500.0)));
    for sid in ["vm:100", "vm:101", "vm:102"] {
        post(&cluster, "/cluster/ha/resources", json!({"sid": sid})).unwrap();
    }
    cluster
}

fn call(cluster: &Cluster, method: Method, path: &str, params: Value) -> Result<Value, String> {
    let params = params.as_object().cloned().unwrap_or_default();
    let said = |error: pve_emulator::error::ApiError| match error.errors.iter().next() {
        Some((name, text)) => format!("{name}: {text}"),
        None => error.message,
    };
    cluster.call_as_root(method, path, params).map(|reply| reply.data).map_err(said)
}

fn get(cluster: &Cluster, path: &str) -> Value {
    call(cluster, Method::Get, path, json!({})).unwrap()
}

fn post(cluster: &Cluster, path: &str, params: Value) -> Result<Value, String> {
    call(cluster, Method::Post, path, params)
}

fn put(cluster: &Cluster, rule: &str, params: Value) -> Result<Value, String> {
    let mut params = params;
    params["type"] = json!("node-affinity");
    call(cluster, Method::Put, &format!("/cluster/ha/rules/{rule}"), params)
}

fn rule(cluster: &Cluster, name: &str, nodes: &str, more: Value) -> Result<Value, String> {
    let mut params = json!({"rule": name, "type": "node-affinity", "nodes": nodes, "resources": "vm:100"});
    params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    post(cluster, "/cluster/ha/rules", params)
}

fn file(cluster: &Cluster, path: &str) -> String {
    cluster.world().file(path).to_owned()
}

/// Node and state of a service.
fn service(cluster: &Cluster, sid: &str) -> String {
    let status: Value = serde_json::from_str(&file(cluster, MANAGER_STATUS)).unwrap();
    let service = &status["service_status"][sid];
    format!("{}@{}", service["state"].as_str().unwrap_or("-"), service["node"].as_str().unwrap_or("-"))
}

#[test]
fn the_file_and_its_digest() {
    let c = cluster(NEWER);
    rule(&c, "neg1", "pve2,pve1", json!({"affinity": "negative", "strict": 1, "comment": "c"})).unwrap();
    assert_eq!(
        file(&c, RULES),
        "node-affinity: neg1\n\tcomment c\n\tnodes pve1,pve2\n\tresources vm:100\n\taffinity negative\n\tstrict 1\n\n"
    );
    assert_eq!(get(&c, "/cluster/ha/rules/neg1")["digest"], "96f73869d544471c9e224b7cb629c53855399b1c");
    put(&c, "neg1", json!({"affinity": "positive"})).unwrap();
    assert!(file(&c, RULES).contains("\taffinity positive\n"));
    put(&c, "neg1", json!({"delete": "affinity"})).unwrap();
    assert!(!file(&c, RULES).contains("affinity p"), "{}", file(&c, RULES));
    let both = put(&c, "neg1", json!({"affinity": "negative", "delete": "affinity"}));
    let text = "update HA rules failed: cannot set and delete property 'affinity' at the same time!\n";
    assert_eq!(both, Err(text.to_owned()));
}

#[test]
fn the_default_is_filled_in_on_read_and_only_words_of_it_are_taken() {
    let c = cluster(NEWER);
    rule(&c, "plain", "pve1", json!({})).unwrap();
    assert_eq!(get(&c, "/cluster/ha/rules/plain")["affinity"], "positive");
    assert_eq!(get(&c, "/cluster/ha/rules")[0]["affinity"], "positive");
    assert!(get(&c, "/cluster/ha/rules/plain").get("strict").is_none());
    for word in ["x", ""] {
        let text = format!("value '{word}' does not have a value in the enumeration 'positive, negative'");
        assert_eq!(
            rule(&c, "bad", "pve1", json!({"affinity": word})),
            Err(format!("oneOf[node-affinity].affinity: {text}"))
        );
    }
    c.world().write_file(RULES, "node-affinity: hand\n\tnodes pve1\n\tresources vm:100\n\taffinity foo\n\n");
    assert_eq!(get(&c, "/cluster/ha/rules/hand")["affinity"], "positive");
}

#[test]
fn older_ones_know_no_affinity_of_node_rules() {
    let c = cluster(OLDER);
    let refused = rule(&c, "neg1", "pve1", json!({"affinity": "negative"})).unwrap_err();
    assert!(refused.contains("affinity: property is not defined in schema"), "{refused}");
    rule(&c, "plain", "pve1", json!({})).unwrap();
    assert!(get(&c, "/cluster/ha/rules/plain").get("affinity").is_none());
    assert!(get(&c, "/cluster/ha/status/manager_status")["manager_status"].get("imbalance").is_none());
}

#[test]
fn feasibility_names_the_property() {
    let c = cluster(NEWER);
    let all = "negative node affinity rule must not specify all cluster nodes";
    let priorities = "negative node affinity rule must not specify node priorities";
    let negative = json!({"affinity": "negative"});
    let refused = |nodes: &str| rule(&c, "nn", nodes, negative.clone()).unwrap_err();
    let prefix = "create ha rule failed: 400 Rule 'nn' is invalid.\n";
    assert_eq!(refused("pve1,pve2,pve3"), format!("{prefix}nodes: {all}\n"));
    assert_eq!(refused("pve1,pve2:1"), format!("{prefix}nodes: {priorities}\n"));
    assert_eq!(refused("pve1,pve2:1,pve3"), format!("{prefix}nodes: {all}, {priorities}\n"));
    rule(&c, "nn", "pve1:0", negative.clone()).unwrap();
    let again = rule(&c, "mm", "pve1,pve2,pve3", negative.clone()).unwrap_err();
    let used = "resource 'vm:100' is already used in another node affinity rule";
    assert_eq!(again, format!("create ha rule failed: 400 Rule 'mm' is invalid.\nnodes: {all}\nresources: {used}\n"));
    // Rules that are switched off aren't checked, until they are switched on.
    rule(&c, "off", "pve1,pve2,pve3", json!({"affinity": "negative", "disable": 1})).unwrap();
    let on = put(&c, "off", json!({"delete": "disable"})).unwrap_err();
    assert!(on.starts_with("update HA rules failed: 400 Rule 'off' is invalid.\nnodes: "), "{on}");
    // By hand it can stand there, and is shown with its errors.
    c.world()
        .write_file(RULES, "node-affinity: hh\n\tnodes pve1,pve2,pve3\n\tresources vm:100\n\taffinity negative\n\n");
    assert_eq!(get(&c, "/cluster/ha/rules/hh")["errors"], json!({"nodes": [all]}));
    // Before a manager ever ran there is no node that could be left.
    let fresh = cluster_with(NEWER, Initial::Fresh);
    assert_eq!(rule(&fresh, "nn", "pve1", negative), Err(format!("{prefix}nodes: {all}\n")));
}

#[test]
fn services_leave_the_nodes_to_avoid() {
    let c = cluster(NEWER);
    c.world().advance(60.0);
    assert_eq!(service(&c, "vm:100"), "started@pve1");
    rule(&c, "off", "pve1,pve2", json!({"affinity": "negative"})).unwrap();
    c.world().advance(60.0);
    assert_eq!(service(&c, "vm:100"), "started@pve3");
    put(&c, "off", json!({"nodes": "pve1,pve2", "delete": "affinity"})).unwrap();
    c.world().advance(60.0);
    assert_ne!(service(&c, "vm:100"), "started@pve3");
}

#[test]
fn a_move_against_a_rule_is_answered_with_its_reason_and_dropped() {
    let moved = |version: Version| {
        let c = cluster(version);
        rule(&c, "home", "pve1", json!({"strict": 1})).unwrap();
        c.world().advance(60.0);
        let answer = post(&c, "/cluster/ha/resources/vm:100/migrate", json!({"node": "pve2"})).unwrap();
        c.world().advance(12.0);
        let refused = "crm command 'migrate vm:100 pve2' error - service 'vm:100' is not allowed on node 'pve2'";
        let is_refused = c.world().crm.log().any(|line| line.contains(refused));
        c.world().advance(60.0);
        assert_eq!(service(&c, "vm:100"), "started@pve1");
        (answer["blocking-resources"].clone(), is_refused)
    };
    let own = json!([{"sid": "vm:100", "cause": "node-affinity"}]);
    assert_eq!(moved(NEWER), (own, true));
    // It goes there, and comes back.
    assert_eq!(moved(OLDER), (Value::Null, false));
}

#[test]
fn failback_and_partners_block_too() {
    let c = cluster(NEWER);
    rule(&c, "prefer", "pve1:2,pve2:1,pve3:1", json!({})).unwrap();
    let negative =
        json!({"rule": "apart", "type": "resource-affinity", "affinity": "negative", "resources": "vm:100,vm:101"});
    // Priorities and resource affinity don't go together.
    assert!(post(&c, "/cluster/ha/rules", negative.clone()).is_err());
    c.world().advance(60.0);
    let blocking = |c: &Cluster, node: &str| {
        let answer = post(c, "/cluster/ha/resources/vm:100/migrate", json!({"node": node})).unwrap();
        c.world().write_file(pve_emulator::api::ha::commands::CRM_COMMANDS, "");
        answer["blocking-resources"].clone()
    };
    assert_eq!(blocking(&c, "pve2"), json!([{"sid": "vm:100", "cause": "node-affinity"}]));
    call(&c, Method::Put, "/cluster/ha/resources/vm:100", json!({"failback": 0})).unwrap();
    assert_eq!(blocking(&c, "pve2"), Value::Null);
    call(&c, Method::Put, "/cluster/ha/resources/vm:100", json!({"delete": "failback"})).unwrap();
    call(&c, Method::Delete, "/cluster/ha/rules/prefer", json!({})).unwrap();
    rule(&c, "off", "pve2", json!({"affinity": "negative"})).unwrap();
    post(&c, "/cluster/ha/rules", negative).unwrap();
    c.world().advance(60.0);
    let partner = service(&c, "vm:101");
    assert_eq!(partner, "started@pve2");
    assert_eq!(
        blocking(&c, "pve2"),
        json!([{"sid": "vm:100", "cause": "node-affinity"}, {"sid": "vm:101", "cause": "resource-affinity"}])
    );
    // A node that isn't online is refused for that alone.
    c.world().power("pve2", false);
    c.world().advance(30.0);
    assert_eq!(blocking(&c, "pve2")[0]["cause"], "resource-affinity");
}

#[test]
fn a_node_that_is_behind_reads_the_opposite_and_loses_the_line() {
    let c = cluster(NEWER);
    c.world().advance(60.0);
    rule(&c, "off", "pve1", json!({"affinity": "negative"})).unwrap();
    c.world().advance(60.0);
    assert_ne!(service(&c, "vm:100"), "started@pve1");
    // pve1 is the master, and the one that answers.
    c.world().install(Some("pve1"), OLDER);
    c.world().write_file(RESOURCES, "vm: 100\n\tcomment again\n\nvm: 101\n\nvm: 102\n\n");
    c.world().advance(60.0);
    assert_eq!(service(&c, "vm:100"), "started@pve1");
    assert!(get(&c, "/cluster/ha/rules/off").get("affinity").is_none());
    let other =
        json!({"rule": "other", "type": "resource-affinity", "affinity": "negative", "resources": "vm:101,vm:102"});
    post(&c, "/cluster/ha/rules", other).unwrap();
    assert!(!file(&c, RULES).contains("nodes pve1\n\tresources vm:100\n\taffinity"), "{}", file(&c, RULES));
    // The update does not restore the line.
    c.world().install(None, NEWER);
    assert_eq!(get(&c, "/cluster/ha/rules/off")["affinity"], "positive");
}

#[test]
fn the_migration_of_groups_writes_the_affinity_of_every_node_rule() {
    let c = cluster(NEWER);
    rule(&c, "mine", "pve2", json!({"strict": 1})).unwrap();
    c.world().write_file(GROUPS, "group: group1\n\tnodes pve1\n\trestricted 1\n\n");
    c.world().write_file(RESOURCES, "vm: 100\n\nvm: 101\n\tgroup group1\n\n");
    assert_eq!(get(&c, "/cluster/ha/rules")[1]["affinity"], "positive", "virtual rules show it, too");
    c.world().advance(90.0);
    assert_eq!(
        file(&c, RULES),
        "node-affinity: mine\n\tnodes pve2\n\tresources vm:100\n\taffinity positive\n\tstrict 1\n\n\
         node-affinity: ha-group-group1\n\tcomment Generated from HA group 'group1'.\n\tnodes pve1\n\tresources vm:101\n\t\
         affinity positive\n\tstrict 1\n\n"
    );
}

#[test]
fn auto_rebalance_of_resources() {
    for (version, known) in [(Version::new(9, 2, 0), true), (Version::new(8, 4, 21), false)] {
        let c = cluster(version);
        let set = call(&c, Method::Put, "/cluster/ha/resources/vm:100", json!({"auto-rebalance": 0}));
        assert_eq!(set.is_ok(), known, "{set:?}");
        let rows = get(&c, "/cluster/ha/status/current");
        let shown = |sid: &str| {
            let row = rows.as_array().unwrap().iter().find(|row| row["sid"] == sid).unwrap();
            row["auto-rebalance"].clone()
        };
        if !known {
            assert_eq!(shown("vm:100"), Value::Null);
            continue;
        }
        assert!(file(&c, RESOURCES).starts_with("vm: 100\n\tauto-rebalance 0\n"), "{}", file(&c, RESOURCES));
        assert_eq!((shown("vm:100"), shown("vm:101")), (json!(0), json!(1)));
        assert_eq!(get(&c, "/cluster/ha/resources/vm:100")["auto-rebalance"], 0);
        assert!(get(&c, "/cluster/ha/resources/vm:101").get("auto-rebalance").is_none());
        call(&c, Method::Put, "/cluster/ha/resources/vm:100", json!({"delete": "auto-rebalance"})).unwrap();
        assert!(!file(&c, RESOURCES).contains("auto-rebalance"));
    }
}

#[test]
fn the_imbalance_is_that_of_the_scheduler() {
    let c = cluster(NEWER);
    let imbalance = || {
        c.world().advance(60.0);
        get(&c, "/cluster/ha/status/manager_status")["manager_status"]["imbalance"].as_f64().unwrap()
    };
    assert_eq!(imbalance(), 0.0);
    c.world().write_file("/etc/pve/datacenter.cfg", "crs: ha=static\n");
    // One guest of the same size on each of three equal nodes, then two on one.
    assert_eq!(imbalance(), 0.0);
    rule(&c, "there", "pve2", json!({})).unwrap();
    let expected = {
        // Loads 0, 2, 1: mean 1, deviation sqrt(2/3), over sqrt(2).
        (2.0_f64 / 3.0).sqrt() / 2.0_f64.sqrt()
    };
    assert!((imbalance() - expected).abs() < 1e-9);
    // Measured: what the nodes report, guests that run without HA included.
    c.world().write_file("/etc/pve/datacenter.cfg", "crs: ha=dynamic\n");
    let measured = imbalance();
    assert!(measured > 0.0 && (measured - expected).abs() > 1e-3, "{measured}");
}

#[test]
fn each_node_reports_its_own_version() {
    let c = cluster(Version::new(9, 2, 0));
    c.world().install(Some("pve2"), NEWER);
    assert_eq!(
        get(&c, "/nodes/pve2/version"),
        json!({"version": "9.2.6", "release": "9.2", "repoid": "c7d0e6b2a4f91835"})
    );
    assert_eq!(get(&c, "/nodes/pve1/version")["version"], "9.2.0");
    assert_eq!(get(&c, "/version")["version"], "9.2.0");
    assert_eq!(get(&c, "/nodes/pve2/status")["pveversion"], "pve-manager/9.2.6/c7d0e6b2a4f91835");
}
