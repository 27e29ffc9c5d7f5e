//! Work on many guests by one task: what no recording shows.

#![allow(clippy::unwrap_used, reason = "helpers of tests may")]

use pve_emulator::clock::Clock;
use pve_emulator::pipeline::Cluster;
use pve_emulator::route::Method;
use pve_emulator::world::{Failing, Pve};
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

fn bulk(cluster: &Cluster, action: &str, params: Value) -> String {
    let upid = call(cluster, Method::Post, &format!("/cluster/bulk-action/guest/{action}"), params).unwrap();
    upid.as_str().unwrap().to_owned()
}

fn ended(cluster: &Cluster, upid: &str) -> (Option<String>, Vec<String>) {
    let world = cluster.world();
    let task = world.tasks.find(upid).unwrap();
    (task.status.clone(), task.log.clone())
}

fn running(cluster: &Cluster) -> Vec<u32> {
    cluster.world().guests.values().filter(|guest| guest.is_running()).map(|guest| guest.vmid).collect()
}

fn set(cluster: &Cluster, vmid: u32, key: &str, value: &str) {
    cluster.world().guests.get_mut(&vmid).unwrap().config.push((key.to_owned(), value.to_owned()));
}

#[test]
fn guests_start_in_their_order_and_stop_in_the_opposite_one() {
    let cluster = cluster();
    set(&cluster, 102, "startup", "order=1,up=10");
    set(&cluster, 100, "startup", "order=2");
    let upid = bulk(&cluster, "start", json!({"vms": [100, 101, 102]}));
    cluster.world().advance(1.0);
    assert_eq!(ended(&cluster, &upid).1, ["Starting guests: 100, 101, 102", "Starting VM 102"]);
    cluster.world().advance(5.0);
    assert_eq!(running(&cluster), [102], "the next one waits ten seconds");
    cluster.world().advance(20.0);
    let (status, log) = ended(&cluster, &upid);
    assert_eq!((status.as_deref(), running(&cluster)), (Some("OK"), vec![100, 101, 102]));
    assert_eq!(log[1..], ["Starting VM 102", "Starting VM 100", "Starting VM 101", "TASK OK"]);
    let upid = bulk(&cluster, "shutdown", json!({"vms": [100, 101, 102]}));
    cluster.world().advance(20.0);
    let order: Vec<String> = ended(&cluster, &upid).1.into_iter().filter(|line| line.contains("down VM")).collect();
    let lines = [101, 100, 102].map(|vmid| format!("Shutting down VM {vmid} (Timeout = 180 seconds)"));
    assert_eq!((order.as_slice(), running(&cluster)), (lines.as_slice(), Vec::new()));
}

#[test]
fn as_many_guests_as_there_are_workers_are_worked_on_at_a_time() {
    let cluster = cluster();
    let upid = bulk(&cluster, "start", json!({"vms": [100, 101, 102], "max-workers": 2}));
    cluster.world().advance(1.0);
    assert_eq!(ended(&cluster, &upid).1.len(), 3);
    cluster.world().advance(10.0);
    assert_eq!(running(&cluster), [100, 101, 102]);
}

#[test]
fn guests_that_fail_are_named_by_the_error() {
    let cluster = cluster();
    cluster.world().failing_moves.add(101, Failing::Always);
    let upid = bulk(&cluster, "migrate", json!({"vms": [100, 101, 950], "target": "pve3", "max-workers": 3}));
    cluster.world().advance(30.0);
    let (status, log) = ended(&cluster, &upid);
    assert_eq!(status.as_deref(), Some("Some guests failed to migrate 101"));
    assert_eq!(log.last().unwrap(), "TASK ERROR: Some guests failed to migrate 101");
    let nodes: Vec<String> = [100, 101, 950].map(|vmid| cluster.world().guests[&vmid].node.clone()).into();
    assert_eq!(nodes, ["pve3", "pve2", "pve3"]);
    let again = bulk(&cluster, "migrate", json!({"vms": [100], "target": "pve3"}));
    cluster.world().advance(5.0);
    assert_eq!(ended(&cluster, &again).0.as_deref(), Some("WARNINGS: 1"));
}

#[test]
fn an_ha_resource_is_only_asked_to_move() {
    let cluster = cluster();
    call(&cluster, Method::Post, "/cluster/ha/resources", json!({"sid": "vm:100", "state": "stopped"})).unwrap();
    cluster.world().advance(30.0);
    let upid = bulk(&cluster, "migrate", json!({"vms": [100], "target": "pve3"}));
    cluster.world().advance(3.0);
    assert_eq!(ended(&cluster, &upid).0.as_deref(), Some("OK"));
    assert_eq!(cluster.world().guests[&100].node, "pve1");
    cluster.world().advance(40.0);
    assert_eq!(cluster.world().guests[&100].node, "pve3");
}

#[test]
fn suspended_vms_go_on_with_the_next_start() {
    let cluster = cluster();
    cluster.world().start_guest(100);
    bulk(&cluster, "suspend", json!({"vms": [100, 950]}));
    cluster.world().advance(5.0);
    let state =
        || call(&cluster, Method::Get, "/nodes/pve1/qemu/100/status/current", json!({})).unwrap()["qmpstatus"].clone();
    assert_eq!(state(), "paused");
    let upid = bulk(&cluster, "start", json!({"vms": [100]}));
    cluster.world().advance(5.0);
    assert_eq!(state(), "running");
    assert!(ended(&cluster, &upid).1.contains(&"Resuming VM 100".to_owned()));
    bulk(&cluster, "suspend", json!({"vms": [100], "to-disk": true}));
    cluster.world().advance(5.0);
    assert!(running(&cluster).is_empty());
}

#[test]
fn all_guests_of_a_node_are_moved() {
    let cluster = cluster();
    let post = |params: Value| call(&cluster, Method::Post, "/nodes/pve1/migrateall", params);
    let why = "400 Parameter verification failed.\ntarget: target is local node.\n";
    assert_eq!(post(json!({"target": "pve1", "maxworkers": 2})), Err(why.to_owned()));
    let why = "either 'maxworkers' parameter or max_workers in datacenter.cfg must be set!\n";
    assert_eq!(post(json!({"target": "pve2"})), Err(why.to_owned()));
    cluster.world().start_guest(100);
    cluster.world().start_guest(950);
    let upid = post(json!({"target": "pve2", "maxworkers": 4, "with-local-disks": true})).unwrap();
    let on = |node: &str| cluster.world().guests.values().filter(|guest| guest.node == *node).count();
    let (before, moving) = (on("pve2"), on("pve1"));
    cluster.world().advance(60.0);
    assert_eq!(ended(&cluster, upid.as_str().unwrap()).0.as_deref(), Some("OK"));
    assert_eq!((on("pve1"), on("pve2")), (0, before + moving));
    assert_eq!(running(&cluster), [100, 950]);
}

#[test]
fn a_bulk_task_ends_with_its_node() {
    let cluster = cluster();
    let upid = bulk(&cluster, "start", json!({"vms": [100, 101, 102, 103], "max-workers": 1}));
    cluster.world().advance(1.0);
    cluster.world().power("pve1", false);
    cluster.world().advance(30.0);
    assert_eq!(ended(&cluster, &upid).0.as_deref(), Some("unexpected status"));
    assert!(running(&cluster).is_empty());
}

#[test]
fn more_guests_than_tasks_are_kept() {
    let guests: Vec<Value> = (1000..3500)
        .map(|vmid| json!({"vmid": vmid, "type": "qemu", "node": "pve1", "name": format!("g{vmid}")}))
        .collect();
    let nodes = json!([{"node": "pve1", "nodeid": 1, "ring0_addr": "10.0.0.1"}]);
    let seed = Seed::parse(&json!({"nodes": nodes, "guests": guests}).to_string()).unwrap();
    let cluster = Cluster::new(seed.build(Pve::V9, Initial::Seed, Clock::standing(1_795_396_500.0)));
    let upid = bulk(&cluster, "start", json!({"max-workers": 64}));
    cluster.world().advance(300.0);
    assert_eq!(ended(&cluster, &upid).0.as_deref(), Some("OK"));
    assert_eq!(running(&cluster).len(), 2500);
}
