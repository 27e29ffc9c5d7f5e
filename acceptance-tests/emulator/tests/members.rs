//! Who is in the cluster: what no recording shows.

#![allow(clippy::unwrap_used, reason = "helpers of tests may")]

use pve_emulator::clock::Clock;
use pve_emulator::pipeline::Cluster;
use pve_emulator::route::Method;
use pve_emulator::world::Pve;
use pve_emulator::{Initial, Seed};
use serde_json::{Value, json};

fn cluster(pve: Pve) -> Cluster {
    Cluster::new(Seed::default_cluster("p", "s").build(pve, Initial::Seed, Clock::standing(1_795_396_500.0)))
}

fn call(cluster: &Cluster, method: Method, path: &str, params: Value) -> Result<Value, String> {
    let params = params.as_object().cloned().unwrap_or_default();
    let answer = cluster.call_as_root(method, path, params);
    answer.map(|reply| reply.data).map_err(|error| error.stringified())
}

#[test]
fn only_pve_9_has_the_token_coefficient() {
    let create = |pve| {
        let params = json!({"clustername": "c", "token-coefficient": 125});
        call(&cluster(pve), Method::Post, "/cluster/config", params).unwrap_err()
    };
    assert!(create(Pve::V9).ends_with("already exists\n"));
    assert!(create(Pve::V8).contains("token-coefficient: property is not defined in schema"));
}

#[test]
fn joining_another_cluster_fails_in_its_task() {
    let cluster = cluster(Pve::V9);
    let fingerprint = ["AA"; 32].join(":");
    let params = json!({"hostname": "10.0.0.9", "fingerprint": fingerprint, "password": "x"});
    let upid = call(&cluster, Method::Post, "/cluster/config/join", params).unwrap();
    let upid = upid.as_str().unwrap();
    assert!(upid.contains(":clusterjoin::root@pam:"), "{upid}");
    cluster.world().advance(2.0);
    let status = call(&cluster, Method::Get, &format!("/nodes/pve1/tasks/{upid}/status"), json!({})).unwrap();
    assert_eq!(status["exitstatus"], "Check if node may join a cluster failed!");
}

#[test]
fn a_new_node_needs_an_address_of_its_own() {
    let cluster = cluster(Pve::V9);
    let taken = cluster.world().nodes["pve2"].address.clone();
    let add = |node: &str, params: Value| {
        call(&cluster, Method::Post, &format!("/cluster/config/nodes/{node}"), params)
            .map_err(|text| text.replace('\n', ""))
    };
    let none = "no links and no fallback ip (new_node_ip) given, cannot join cluster";
    assert_eq!(add("pve4", json!({})), Err(none.into()));
    let used = format!("corosync: address '{taken}' already used on link ring0_addr by node 'pve2'");
    assert_eq!(add("pve4", json!({"link0": format!("address={taken},priority=1")})), Err(used));
    let unknown = "corosync: link 1 specified for new node doesn't exist in cluster config";
    assert_eq!(add("pve4", json!({"link0": "10.9.9.8", "link1": "10.9.9.9"})), Err(unknown.into()));
    assert_eq!(add("pve2", json!({"link0": "10.9.9.9"})), Err("can't add existing node 'pve2'".into()));
    assert!(add("pve4", json!({"new_node_ip": "pve4"})).unwrap_err().contains("does not look like a valid IP address"));
    let answer = add("pve4", json!({"new_node_ip": "10.9.9.9"})).unwrap();
    assert!(answer["corosync_conf"].as_str().unwrap().contains("ring0_addr: 10.9.9.9"));
    // It is listed at once; corosync takes it over a moment later.
    assert!(!cluster.world().nodes.contains_key("pve4"));
    cluster.world().advance(1.0);
    let rows = call(&cluster, Method::Get, "/cluster/status", json!({})).unwrap();
    let new = rows.as_array().unwrap().iter().find(|row| row["name"] == "pve4").unwrap();
    assert_eq!((&new["online"], &new["nodeid"]), (&json!(0), &json!(4)));
}

#[test]
fn what_harms_the_cluster_is_accepted_all_the_same() {
    for pve in [Pve::V8, Pve::V9] {
        let cluster = cluster(pve);
        let add = |node: &str, params: Value| {
            call(&cluster, Method::Post, &format!("/cluster/config/nodes/{node}"), params).unwrap()
        };
        let answer = add("pve4", json!({"nodeid": 1, "link0": "nosuchhost"}));
        assert_eq!(answer["warnings"], json!([]), "it is the old configuration that is verified");
        let text = answer["corosync_conf"].as_str().unwrap();
        assert_eq!(text.matches("    nodeid: 1\n").count(), 2, "{text}");
        let warnings = add("pve5", json!({"link0": "10.9.9.9"}))["warnings"].clone();
        assert!(warnings[0].as_str().unwrap().contains("unable to resolve ring0_addr 'nosuchhost'"), "{warnings}");
        // The same again is an overwrite only by force, and only with the same values.
        let again = |params: Value| call(&cluster, Method::Post, "/cluster/config/nodes/pve5", params).map(drop);
        let refused = || Err("can't add existing node 'pve5'\n".to_owned());
        assert_eq!(again(json!({"link0": "10.9.9.9"})), refused());
        assert_eq!(again(json!({"link0": "10.9.9.9", "force": 1, "votes": 0})), refused());
        assert_eq!(again(json!({"link0": "10.9.9.9", "force": 1})), Ok(()));
    }
}

#[test]
fn a_node_is_taken_out_by_its_name_or_its_address() {
    let cluster = cluster(Pve::V9);
    let address = |node: &str| cluster.world().nodes[node].address.clone();
    let (own, other) = (address("pve1"), address("pve3"));
    let delete = |node: &str| call(&cluster, Method::Delete, &format!("/cluster/config/nodes/{node}"), json!({}));
    assert_eq!(delete(&own), Err("Cannot delete myself from cluster!\n".into()));
    assert_eq!(delete("10.9.9.9"), Err("Node/IP: 10.9.9.9 is not a known host of the cluster.\n".into()));
    assert!(
        delete("bad_name").unwrap_err().contains("node: invalid format - value does not look like a valid node name")
    );
    assert_eq!(delete(&other), Ok(Value::Null));
    cluster.world().advance(1.0);
    assert!(!cluster.world().nodes.contains_key("pve3"));
}
