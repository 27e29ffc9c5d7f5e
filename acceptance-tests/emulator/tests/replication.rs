//! Replication jobs over time: what no recording shows.

#![allow(clippy::unwrap_used, reason = "helpers of tests may")]

mod support;

use pve_emulator::clock::Clock;
use pve_emulator::pipeline::Cluster;
use pve_emulator::route::Method;
use pve_emulator::world::Pve;
use pve_emulator::{Initial, Seed};
use serde_json::{Value, json};

/// A quarter past one on a day in November; guest 100 is on pve1.
const START: f64 = 1_795_396_500.0;

fn cluster() -> Cluster {
    Cluster::new(Seed::default_cluster("p", "s").build(Pve::V9, Initial::Seed, Clock::standing(START)))
}

fn call(cluster: &Cluster, method: Method, path: &str, params: Value) -> Result<Value, String> {
    let params = params.as_object().cloned().unwrap_or_default();
    cluster.call_as_root(method, path, params).map(|reply| reply.data).map_err(|error| error.message)
}

fn get(cluster: &Cluster, path: &str) -> Result<Value, String> {
    call(cluster, Method::Get, path, json!({}))
}

fn with_job() -> Cluster {
    let cluster = cluster();
    let job = json!({"id": "100-0", "type": "local", "target": "pve2"});
    call(&cluster, Method::Post, "/cluster/replication", job).unwrap();
    cluster
}

fn advance(cluster: &Cluster, seconds: f64) {
    cluster.world().advance(seconds);
}

#[test]
fn a_job_runs_when_it_is_due_and_then_waits_for_its_next_time() {
    let cluster = with_job();
    let status = || get(&cluster, "/nodes/pve1/replication/100-0/status").unwrap();
    assert_eq!(status()["last_sync"], 0);
    advance(&cluster, 65.0);
    let after = status();
    assert!(after["last_sync"].as_i64().unwrap() > START as i64, "{after}");
    assert_eq!(after["fail_count"], 0);
    assert_eq!(after["next_sync"], START as i64 + 900);
    assert!(get(&cluster, "/nodes/pve1/replication/100-0/log").unwrap().as_array().unwrap().len() > 1);
    call(&cluster, Method::Post, "/nodes/pve1/replication/100-0/schedule_now", json!({})).unwrap();
    advance(&cluster, 60.0);
    assert!(status()["last_sync"].as_i64() > after["last_sync"].as_i64());
}

#[test]
fn a_target_that_is_down_is_counted_and_not_tried_again() {
    let cluster = with_job();
    cluster.world().power("pve2", false);
    advance(&cluster, 65.0);
    let status = get(&cluster, "/nodes/pve1/replication/100-0/status").unwrap();
    assert_eq!((&status["fail_count"], &status["next_sync"], &status["last_sync"]), (&json!(1), &json!(0), &json!(0)));
    assert!(status["error"].as_str().unwrap().contains("failed: exit code 255"));
    cluster.world().power("pve2", true);
    advance(&cluster, 400.0);
    assert_eq!(get(&cluster, "/nodes/pve1/replication/100-0/status").unwrap()["fail_count"], 0);
}

#[test]
fn a_deleted_job_stays_while_its_source_node_is_down() {
    let cluster = with_job();
    cluster.world().power("pve1", false);
    call(&cluster, Method::Delete, "/cluster/replication/100-0", json!({})).unwrap();
    advance(&cluster, 600.0);
    // The HA managers leave a guest without HA where it is.
    assert_eq!(get(&cluster, "/cluster/replication/100-0").unwrap()["remove_job"], "full");
    cluster.world().power("pve1", true);
    advance(&cluster, 130.0);
    assert_eq!(get(&cluster, "/cluster/replication/100-0"), Err("no such replication job '100-0'\n".into()));
}

/// Two jobs of guest 100 that is on pve1: to pve2 and to pve3.
fn with_two_jobs() -> Cluster {
    let cluster = with_job();
    let second = json!({"id": "100-1", "type": "local", "target": "pve3"});
    call(&cluster, Method::Post, "/cluster/replication", second).unwrap();
    cluster
}

/// Source and target of both jobs.
fn ends(cluster: &Cluster) -> [(String, String); 2] {
    ["100-0", "100-1"].map(|id| {
        let job = get(cluster, &format!("/cluster/replication/{id}")).unwrap();
        let text = |name: &str| job[name].as_str().unwrap_or("-").to_owned();
        (text("source"), text("target"))
    })
}

fn pairs(of: [(&str, &str); 2]) -> [(String, String); 2] {
    of.map(|(source, target)| (source.to_owned(), target.to_owned()))
}

#[test]
fn a_job_turns_round_when_its_guest_moves_to_the_target() {
    let cluster = with_two_jobs();
    cluster.world().move_guest(100, "pve2");
    assert_eq!(get(&cluster, "/nodes/pve1/replication").unwrap(), json!([]));
    assert_eq!(ends(&cluster), pairs([("pve1", "pve2"), ("pve1", "pve3")]));
    assert_eq!(get(&cluster, "/nodes/pve2/replication").unwrap().as_array().unwrap().len(), 2);
    assert_eq!(ends(&cluster), pairs([("pve2", "pve1"), ("pve2", "pve3")]));
}

#[test]
fn the_scheduler_turns_jobs_round_within_a_minute_of_a_recovery() {
    let cluster = with_two_jobs();
    cluster.world().move_guest(100, "pve3");
    advance(&cluster, 65.0);
    assert_eq!(ends(&cluster), pairs([("pve3", "pve2"), ("pve3", "pve1")]));
}

#[test]
fn jobs_begin_on_a_node_that_none_of_them_copies_to_once_the_guest_is_there() {
    let cluster = with_job();
    cluster.world().move_guest(100, "pve3");
    assert_eq!(get(&cluster, "/nodes/pve3/replication").unwrap()[0]["source"], "pve3");
    let job = get(&cluster, "/cluster/replication/100-0").unwrap();
    assert_eq!((&job["source"], &job["target"]), (&json!("pve3"), &json!("pve2")));
}

#[test]
fn a_migration_turns_jobs_round_at_once() {
    let cluster = with_two_jobs();
    let online = json!({"target": "pve2", "online": 1});
    call(&cluster, Method::Post, "/nodes/pve1/qemu/100/migrate", online).unwrap();
    let second = |at: i64| at.rem_euclid(60);
    while cluster.world().guests[&100].node == "pve1" {
        advance(&cluster, 1.0);
    }
    // Not the scheduler's doing: it wakes once a minute.
    assert!((2..59).contains(&second(cluster.world().now())), "{}", cluster.world().now());
    assert_eq!(ends(&cluster), pairs([("pve2", "pve1"), ("pve2", "pve3")]));
}

#[test]
fn without_quorum_no_job_is_turned_round() {
    let cluster = with_job();
    for node in ["pve1", "pve3"] {
        cluster.world().power(node, false);
    }
    advance(&cluster, 30.0);
    cluster.world().move_guest(100, "pve2");
    advance(&cluster, 130.0);
    let job = get(&cluster, "/cluster/replication/100-0").unwrap();
    assert_eq!((&job["source"], &job["target"]), (&json!("pve1"), &json!("pve2")));
}

#[test]
fn only_local_disks_on_zfs_can_be_replicated() {
    let cluster = cluster();
    let attempt = |disk: &str| {
        let mut world = cluster.world();
        let guest = world.guests.get_mut(&100).unwrap();
        guest.config = vec![("scsi0".to_owned(), disk.to_owned())];
        drop(world);
        let job = json!({"id": "100-0", "type": "local", "target": "pve2"});
        call(&cluster, Method::Post, "/cluster/replication", job).err().unwrap_or_default()
    };
    assert_eq!(attempt("local:100/a.qcow2,size=1G"), "missing replicate feature on volume 'local:100/a.qcow2'\n");
    assert_eq!(attempt("/dev/sdb"), "unable to replicate local file/device '/dev/sdb'\n");
    assert_eq!(attempt("shared-nfs:100/a.raw"), "No replicatable volumes found\n");
    assert_eq!(attempt("local-zfs:vm-100-disk-0,replicate=0"), "No replicatable volumes found\n");
    assert_eq!(attempt("local-zfs:vm-100-disk-0"), "");
}

#[tokio::test]
async fn who_may_not_replicate_a_guest_does_not_learn_of_its_jobs() {
    let handle = support::start().await;
    let form = "Content-Type: application/x-www-form-urlencoded";
    support::call(&handle, "POST", "/access/users", "userid=a%40pve").await.unwrap();
    let token = support::call(&handle, "POST", "/access/users/a@pve/token/t1", "").await.unwrap().data();
    let header = format!("Authorization: PVEAPIToken=a@pve!t1={}\r\n{form}", token["value"].as_str().unwrap());
    for (method, path) in
        [("POST", "/nodes/pve1/replication/100-0/schedule_now"), ("DELETE", "/cluster/replication/100-0")]
    {
        let answer = support::call_with(&handle, method, path, &header, "").await.unwrap();
        assert_eq!((answer.status, answer.reason.as_str()), (403, "Permission check failed (/vms/100, VM.Replicate)"));
    }
}
