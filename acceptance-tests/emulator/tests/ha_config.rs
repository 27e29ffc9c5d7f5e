//! HA configuration: what no recording shows.

#![allow(clippy::unwrap_used, reason = "helpers of tests may")]

use pve_emulator::api::ha::files;
use pve_emulator::clock::Clock;
use pve_emulator::crm::MANAGER_STATUS;
use pve_emulator::pipeline::Cluster;
use pve_emulator::route::Method;
use pve_emulator::world::Pve;
use pve_emulator::{Initial, Seed};
use serde_json::{Value, json};

fn cluster(initial: Initial) -> Cluster {
    Cluster::new(Seed::default_cluster("p", "s").build(Pve::V9, initial, Clock::standing(1_795_396_500.0)))
}

fn call(cluster: &Cluster, method: Method, path: &str, params: Value) -> Result<Value, String> {
    let params = params.as_object().cloned().unwrap_or_default();
    cluster.call_as_root(method, path, params).map(|reply| reply.data).map_err(|error| error.message)
}

fn get(cluster: &Cluster, path: &str) -> Result<Value, String> {
    call(cluster, Method::Get, path, json!({}))
}

fn post(cluster: &Cluster, path: &str, params: Value) -> Result<Value, String> {
    call(cluster, Method::Post, path, params)
}

fn manage(cluster: &Cluster, sids: &[&str]) {
    for sid in sids {
        post(cluster, "/cluster/ha/resources", json!({"sid": sid, "state": "stopped"})).unwrap();
    }
}

fn affinity(cluster: &Cluster, rule: &str, kind: &str, sids: &str) -> Result<Value, String> {
    let rule = json!({"rule": rule, "type": "resource-affinity", "affinity": kind, "resources": sids});
    post(cluster, "/cluster/ha/rules", rule)
}

#[test]
fn until_groups_are_migrated_they_stand_among_the_rules() {
    let cluster = cluster(Initial::Seed);
    let group = "group: g1\n\tcomment c\n\tnodes pve2:2,pve1\n\tnofailback 1\n\ngroup: g2\n\tnodes pve3\n\n";
    cluster.world().write_file(files::GROUPS, group);
    post(&cluster, "/cluster/ha/resources", json!({"sid": "vm:100", "group": "g1"})).unwrap();
    let rules = get(&cluster, "/cluster/ha/rules").unwrap();
    let mut shown = rules[0].clone();
    shown.as_object_mut().unwrap().remove("digest");
    assert_eq!(rules.as_array().unwrap().len(), 1);
    assert_eq!(
        shown,
        json!({"rule": "ha-group-g1", "type": "node-affinity", "nodes": "pve1,pve2:2", "resources": "vm:100",
               "strict": null, "comment": "c", "order": 1})
    );
    assert_eq!(
        affinity(&cluster, "r1", "negative", "vm:100,vm:101"),
        Err("cannot create ha rule: ha groups have not been migrated yet\n".into())
    );
    assert_eq!(get(&cluster, "/cluster/ha/resources/vm:100").unwrap()["group"], "g1");
    let rows = get(&cluster, "/cluster/ha/status/current").unwrap();
    let row = rows.as_array().unwrap().iter().find(|row| row["id"] == "service:vm:100").unwrap();
    assert_eq!(row["failback"], 0);
}

#[test]
fn before_a_manager_ever_ran_negative_affinity_is_refused() {
    let fresh = cluster(Initial::Fresh);
    manage(&fresh, &["vm:100", "vm:101"]);
    assert_eq!(
        affinity(&fresh, "apart", "negative", "vm:100,vm:101"),
        Err("create ha rule failed: 400 Rule 'apart' is invalid.\nresources: rule defines more resources than available nodes\n".into())
    );
    assert_eq!(affinity(&fresh, "together", "positive", "vm:100,vm:101"), Ok(Value::Null));
}

#[test]
fn a_new_rule_is_written_behind_the_first() {
    let cluster = cluster(Initial::Seed);
    manage(&cluster, &["vm:100", "vm:101", "vm:102"]);
    for rule in ["aa", "bb", "cc"] {
        affinity(&cluster, rule, "negative", "vm:100,vm:101,vm:102").unwrap();
    }
    let rules = get(&cluster, "/cluster/ha/rules").unwrap();
    let names: Vec<&str> = rules.as_array().unwrap().iter().map(|rule| rule["rule"].as_str().unwrap()).collect();
    assert_eq!(names, ["aa", "cc", "bb"]);
}

#[test]
fn a_migration_says_who_comes_along_and_who_is_in_the_way() {
    let cluster = cluster(Initial::Seed);
    manage(&cluster, &["vm:100", "vm:101", "vm:102"]);
    affinity(&cluster, "together", "positive", "vm:100,vm:101").unwrap();
    affinity(&cluster, "apart", "negative", "vm:100,vm:102").unwrap();
    let service = |node: &str| json!({"state": "started", "node": node, "uid": "x"});
    let status = json!({"node_status": {"pve1": "online", "pve2": "online", "pve3": "online"}, "service_status":
        {"vm:100": service("pve1"), "vm:101": service("pve1"), "vm:102": service("pve2")}});
    cluster.world().write_file(MANAGER_STATUS, status.to_string());
    let migrate = |node: &str| post(&cluster, "/cluster/ha/resources/vm:100/migrate", json!({"node": node})).unwrap();
    assert_eq!(
        migrate("pve2"),
        json!({"sid": "vm:100", "requested-node": "pve2", "comigrated-resources": ["vm:101"],
               "blocking-resources": [{"sid": "vm:102", "cause": "resource-affinity"}]})
    );
    assert_eq!(migrate("pve3"), json!({"sid": "vm:100", "requested-node": "pve3", "comigrated-resources": ["vm:101"]}));
}

#[test]
fn in_error_only_disabling_is_accepted() {
    let cluster = cluster(Initial::Seed);
    manage(&cluster, &["vm:100"]);
    let status =
        json!({"node_status": {}, "service_status": {"vm:100": {"state": "error", "node": "pve1", "uid": "x"}}});
    cluster.world().write_file(MANAGER_STATUS, status.to_string());
    let put = |params: Value| call(&cluster, Method::Put, "/cluster/ha/resources/vm:100", params);
    let refused = Err("service 'vm:100' in error state, must be disabled and fixed first\n".to_owned());
    assert_eq!(put(json!({"comment": "x"})), refused);
    assert_eq!(post(&cluster, "/cluster/ha/resources/vm:100/migrate", json!({"node": "pve2"})), refused);
    assert_eq!(put(json!({"state": "disabled"})), Ok(Value::Null));
}

#[test]
fn a_comment_that_an_editor_wrote_is_read_as_perl_reads_it() {
    let cluster = cluster(Initial::Seed);
    let comment = |path: &str| get(&cluster, path).unwrap()["comment"].clone();
    // An editor writes UTF-8; HA comments are read as bytes, comments of replication jobs as text.
    cluster.world().put_shared("/etc/pve/ha/resources.cfg", "vm: 100\n\tcomment ünï\n\n");
    assert_eq!(comment("/cluster/ha/resources/vm:100"), "Ã¼nÃ¯");
    cluster.world().put_shared("/etc/pve/replication.cfg", "local: 100-0\n\ttarget pve2\n\tcomment ünï\n\n");
    assert_eq!(comment("/cluster/replication/100-0"), "ünï");
    cluster.world().put_shared("/etc/pve/datacenter.cfg", "#ünï\n\nkeyboard: de\n");
    assert_eq!(get(&cluster, "/cluster/options").unwrap()["description"], "ünï\n");
    // What the API wrote as one byte is no UTF-8 for a program on a node; what it had to write as UTF-8 is.
    let write = |text: &str| {
        call(&cluster, Method::Put, "/cluster/ha/resources/vm:100", json!({"comment": text})).unwrap();
        cluster.world().read_shared("/etc/pve/ha/resources.cfg").unwrap()
    };
    assert!(write("ü").contains("comment \u{fffd}\n"));
    assert!(write("ü✓").contains("comment ü✓\n"));
}

#[test]
fn the_state_of_a_service_is_shown_until_the_crm_has_dropped_it() {
    let cluster = cluster(Initial::Seed);
    let state = || {
        let rows = get(&cluster, "/cluster/resources").unwrap();
        rows.as_array().unwrap().iter().find(|row| row["id"] == "qemu/100").unwrap().get("hastate").cloned()
    };
    post(&cluster, "/cluster/ha/resources", json!({"sid": "vm:100", "state": "stopped"})).unwrap();
    assert_eq!(state(), Some(json!("stopped")), "requested");
    cluster.world().advance(30.0);
    call(&cluster, Method::Delete, "/cluster/ha/resources/vm:100", json!({})).unwrap();
    assert_eq!(state(), Some(json!("stopped")), "the CRM has not come to it yet");
    cluster.world().advance(30.0);
    assert_eq!(state(), None);
}
