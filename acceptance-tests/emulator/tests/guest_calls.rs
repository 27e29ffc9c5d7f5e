//! The guests' own calls and their tasks: what no recording shows.

#![allow(clippy::unwrap_used, reason = "helpers of tests may")]

use pve_emulator::clock::Clock;
use pve_emulator::pipeline::Cluster;
use pve_emulator::route::Method;
use pve_emulator::world::Pve;
use pve_emulator::{Initial, Seed};
use serde_json::{Value, json};

fn cluster() -> Cluster {
    Cluster::new(Seed::default_cluster("p", "s").build(Pve::V9, Initial::Seed, Clock::standing(1_795_396_500.0)))
}

fn call(cluster: &Cluster, method: Method, path: &str, params: Value) -> Result<Value, String> {
    let params = params.as_object().cloned().unwrap_or_default();
    let answer = cluster.call_as_root(method, path, params);
    answer.map(|reply| reply.data).map_err(|error| error.stringified())
}

#[test]
fn guests_of_ignored_ha_resources_are_acted_on_directly() {
    let cluster = cluster();
    let post = |path: &str, params: Value| call(&cluster, Method::Post, path, params).unwrap();
    let stop = || post("/nodes/pve1/qemu/100/status/stop", json!({}));
    post("/cluster/ha/resources", json!({"sid": "vm:100"}));
    cluster.world().advance(30.0);
    assert!(stop().as_str().unwrap().contains(":hastop:100:"));
    cluster.world().advance(30.0);
    for (mode, task) in [("freeze", ":hastop:100:"), ("ignore", ":qmstop:100:")] {
        post("/cluster/ha/status/disarm-ha", json!({"resource-mode": mode}));
        cluster.world().advance(40.0);
        let upid = stop();
        assert!(upid.as_str().unwrap().contains(task), "{mode}: {upid}");
        post("/cluster/ha/status/arm-ha", json!({}));
        cluster.world().advance(40.0);
    }
}

#[test]
fn without_quorum_nothing_is_asked_of_the_ha_managers() {
    let cluster = cluster();
    let post = |path: &str, params: Value| call(&cluster, Method::Post, path, params).unwrap();
    post("/cluster/ha/resources", json!({"sid": "vm:100", "state": "stopped"}));
    cluster.world().power("pve2", false);
    cluster.world().power("pve3", false);
    cluster.world().advance(10.0);
    let upid = post("/nodes/pve1/qemu/100/status/start", json!({}));
    cluster.world().advance(5.0);
    let path = format!("/nodes/pve1/tasks/{}/status", upid.as_str().unwrap());
    let status = call(&cluster, Method::Get, &path, json!({})).unwrap();
    assert_eq!(status["exitstatus"], "command 'ha-manager set vm:100 --state started' failed: exit code 13");
    assert_eq!(call(&cluster, Method::Get, "/cluster/ha/resources/vm:100", json!({})).unwrap()["state"], "stopped");
}

#[test]
fn a_upid_is_parsed_before_it_is_looked_for() {
    let cluster = cluster();
    let status = |upid: &str| call(&cluster, Method::Get, &format!("/nodes/pve1/tasks/{upid}/status"), json!({}));
    let unknown = Err("400 Parameter verification failed.\nupid: no such task\n".to_owned());
    let garbled = Err("400 Parameter verification failed.\nupid: unable to parse worker upid\n".to_owned());
    assert_eq!(status("UPID:pve1:00000001:00000001:60000000:qmstart:100:root@pam:"), unknown);
    assert_eq!(status("UPID:pve1:00000001:000000001:60000000:clusterjoin::root@pam!t:"), unknown);
    for upid in [
        "UPID:pve1:1:1:6:qmstart:100:root@pam:",
        "UPID:pve1:0000000G:00000001:60000000:qmstart:100:root@pam:",
        "UPID:pve1:00000001:00000001:60000000:qmstart:100:root@pam",
        "UPID:pve1:00000001:00000001:60000000::100:root@pam:",
        "UPID:pve1:00000001:00000001:60000000:qmstart:100::",
    ] {
        assert_eq!(status(upid), garbled, "{upid}");
    }
}

#[test]
fn a_migration_is_a_task_of_its_own_kind() {
    let cluster = cluster();
    let post = |path: &str, params: Value| call(&cluster, Method::Post, path, params).unwrap();
    for (vmid, kind, task) in [(100, "qemu", "qmigrate"), (950, "lxc", "vzmigrate")] {
        let from = cluster.world().guests[&vmid].node.clone();
        let to = if from == "pve2" { "pve3" } else { "pve2" };
        let upid = post(&format!("/nodes/{from}/{kind}/{vmid}/migrate"), json!({"target": to}));
        assert!(upid.as_str().unwrap().contains(&format!(":{task}:{vmid}:")), "{upid}");
        cluster.world().advance(10.0);
        assert_eq!(cluster.world().guests[&vmid].node, to);
    }
}
