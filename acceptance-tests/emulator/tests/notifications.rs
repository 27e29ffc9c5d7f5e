//! Notifications over time: which events a cluster raises, and that it waits for no receiver.

#![allow(clippy::unwrap_used, reason = "helpers of tests may")]

mod support;

use pve_emulator::api::notifications::event::{BackedUp, Backup};
use pve_emulator::api::notifications::outbox::{Outcome, Record};
use pve_emulator::api::notifications::{backup_finished, event::Event};
use pve_emulator::clock::Clock;
use pve_emulator::pipeline::Cluster;
use pve_emulator::route::Method;
use pve_emulator::world::Pve;
use pve_emulator::{Handle, Initial, Seed};
use serde_json::{Value, json};
use support::{call, control, start};
use tokio::net::TcpListener;

/// Half past one on a day in November; guest 100 is on pve1.
const START: f64 = 1_795_397_400.0;

fn cluster() -> Cluster {
    Cluster::new(Seed::default_cluster("p", "s").build(Pve::V9, Initial::Seed, Clock::standing(START)))
}

fn sent(cluster: &Cluster) -> Vec<Record> {
    cluster.world().notifications.log().cloned().collect()
}

fn field<'r>(record: &'r Record, name: &str) -> Option<&'r str> {
    record.fields.get(name).map(String::as_str)
}

#[test]
fn a_replication_that_fails_is_reported_three_times() {
    let cluster = cluster();
    let job = json!({"id": "100-0", "type": "local", "target": "pve2", "schedule": "*/1"});
    let job = job.as_object().unwrap().clone();
    cluster.call_as_root(Method::Post, "/cluster/replication", job).unwrap();
    cluster.world().advance(180.0);
    assert!(sent(&cluster).is_empty(), "what succeeds is not reported");
    cluster.world().nodes.get_mut("pve2").unwrap().disk_full = true;
    cluster.world().advance(4.0 * 3600.0);
    let sent = sent(&cluster);
    assert_eq!(sent.len(), 3);
    for record in sent {
        assert_eq!((record.event, record.severity, record.target.as_str()), ("replication", "error", "mail-to-root"));
        assert_eq!((field(&record, "hostname"), field(&record, "job-id")), (Some("pve1"), Some("100-0")));
        assert_eq!(record.title, "Replication Job: '100-0' failed");
    }
}

#[test]
fn a_backup_names_its_job_only_if_the_schedule_began_it() {
    let cluster = cluster();
    let guest = |error: Option<&str>| BackedUp {
        vmid: 100,
        name: "web".to_owned(),
        seconds: 3,
        size: 1 << 20,
        file: "/var/lib/vz/dump/x.vma.zst".to_owned(),
        error: error.map(str::to_owned),
    };
    let run = |job: Option<&str>, error| Backup {
        node: "pve1".to_owned(),
        job: job.map(str::to_owned),
        guests: vec![guest(error)],
        ..Backup::default()
    };
    backup_finished(&mut cluster.world(), &run(Some("nightly"), None));
    backup_finished(&mut cluster.world(), &run(None, Some("no space")));
    let sent = sent(&cluster);
    let of = |record: &Record| (record.severity, field(record, "job-id").map(str::to_owned));
    assert_eq!(of(&sent[0]), ("info", Some("nightly".to_owned())));
    assert_eq!(of(&sent[1]), ("error", None));
    assert_eq!(sent[1].title, "vzdump backup status (pve1): backup failed");
    assert_eq!(field(&sent[1], "type"), Some("vzdump"));
}

async fn push_to(handle: &Handle, server: &str) {
    let target = format!("name=push&server={server}&token=s3cret");
    assert_eq!(call(handle, "POST", "/cluster/notifications/endpoints/gotify", &target).await.unwrap().status, 200);
    let matcher = call(handle, "PUT", "/cluster/notifications/matchers/default-matcher", "target=push").await.unwrap();
    assert_eq!(matcher.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_calls_nor_the_clock_wait_for_a_receiver() {
    let handle = start().await;
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    push_to(&handle, &format!("http://{}", silent.local_addr().unwrap())).await;
    let updates = json!({"node": "pve2", "updates": {"pve-manager": "9.2.12"}});
    control(&handle, "package-updates", updates).await;
    let (connection, _) = silent.accept().await.unwrap();
    assert_eq!(call(&handle, "GET", "/version", "").await.unwrap().status, 200);
    let advanced = control(&handle, "advance", json!({"seconds": 60})).await;
    assert_eq!(advanced["running"], false);
    assert!(!handle.cluster().world().notifications.is_idle(), "the receiver has not answered");
    drop(connection);
    let deliveries = handle.cluster().deliveries().await;
    assert!(matches!(deliveries[0].outcome, Outcome::Failed(_)), "{deliveries:?}");
    handle.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_control_plane_lists_what_was_sent_and_why_it_failed() {
    let handle = start().await;
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    push_to(&handle, &format!("http://{free}")).await;
    control(&handle, "package-updates", json!({"node": "pve2", "updates": {"pve-manager": "9.2.12"}})).await;
    call(&handle, "POST", "/cluster/notifications/targets/mail-to-root/test", "").await.unwrap();
    let listed = control(&handle, "notifications", json!({})).await;
    let rows = listed["deliveries"].as_array().unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!((&rows[0]["target"], &rows[0]["event"]), (&json!("push"), &json!("package-updates")));
    assert_eq!(rows[0]["fields"], json!({"type": "package-updates", "hostname": "pve2"}));
    let refused = "could not notify via endpoint(s): push: io: Connection refused (os error 111)";
    assert_eq!((&rows[0]["outcome"], &rows[0]["error"]), (&json!("failed"), &json!(refused)));
    assert_eq!((&rows[1]["outcome"], &rows[1]["event"]), (&json!("delivered"), &json!("test")));
    let arguments = json!(["-B", "8BITMIME", "-f", "root", "--", "root@example.com"]);
    assert_eq!(rows[1]["mail"]["arguments"], arguments);
    assert!(!listed.to_string().contains("s3cret"));
    // The text of a failed test is that of the delivery.
    let test = call(&handle, "POST", "/cluster/notifications/targets/push/test", "").await.unwrap();
    assert_eq!((test.status, test.reason), (500, format!("Could not test target: {refused}")));
    handle.stop().await;
}

#[test]
fn a_write_takes_the_locks_of_both_files() {
    let cluster = cluster();
    for lock in ["file-notifications_cfg", "file-priv_notifications_cfg"] {
        cluster.world().make_shared_folder(&format!("/etc/pve/priv/lock/{lock}")).unwrap();
        let matcher = json!({"name": "m1"}).as_object().unwrap().clone();
        let refused = cluster.call_as_root(Method::Post, "/cluster/notifications/matchers", matcher).unwrap_err();
        assert_eq!(refused.message, format!("cfs-lock '{lock}' error: got lock request timeout\n"));
        cluster.world().folders.remove(&format!("/etc/pve/priv/lock/{lock}"));
    }
}

#[test]
fn the_digest_is_that_of_the_bytes_of_the_file() {
    let cluster = cluster();
    let event = Event::package_updates("pve1", &[], 0);
    let matcher = json!({"name": "m1", "comment": "Zürich ☃"}).as_object().unwrap().clone();
    cluster.call_as_root(Method::Post, "/cluster/notifications/matchers", matcher).unwrap();
    let read = cluster.call_as_root(Method::Get, "/cluster/notifications/matchers/m1", Default::default()).unwrap();
    assert_eq!(read.data["comment"], "Zürich ☃");
    let text = cluster.world().read_shared("/etc/pve/notifications.cfg").unwrap();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    let hex: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(read.data["digest"], Value::String(hex));
    cluster.world().notify(&event, "pve1");
    assert_eq!(sent(&cluster).len(), 1, "a matcher without targets sends nothing");
}

#[test]
fn a_change_of_a_webhook_checks_what_its_creation_does_not() {
    let cluster = cluster();
    let webhooks = "/cluster/notifications/endpoints/webhook";
    let send = |method, path: &str, params: Value| {
        let params = params.as_object().unwrap().clone();
        cluster.call_as_root(method, path, params).map(drop).map_err(|refused| (refused.code, refused.message))
    };
    let header = json!(["name=A,value=!"]);
    let hook = json!({"name": "hook", "url": "http://x/", "method": "post", "header": header, "secret": ["name=s"]});
    assert_eq!(send(Method::Post, webhooks, hook), Ok(()));
    let change = |params| send(Method::Put, &format!("{webhooks}/hook"), params);
    let refused = |text: &str| Err((400, format!("{text}\n")));
    assert_eq!(change(json!({"header": header})), refused("header 'A' does not have valid base64 encoded data"));
    assert_eq!(change(json!({"header": ["name=A"]})), refused("header 'A' has empty value"));
    let secret = json!({"secret": ["name=s,value=!"]});
    assert_eq!(change(secret), refused("secret 's' does not have valid base64 encoded data"));
    let twice = json!({"secret": ["name=s", "name=s,value=eA=="]});
    assert_eq!(change(twice), refused("secret 's' defined multiple times"));
    assert_eq!(change(json!({"secret": ["name=s,value=eA=="]})), Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_without_tls_is_an_error_of_the_delivery() {
    let handle = start().await;
    let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = plain.local_addr().unwrap().port();
    // It ends each connection at once.
    let server = tokio::spawn(async move { while plain.accept().await.is_ok() {} });
    push_to(&handle, &format!("https://127.0.0.1:{port}")).await;
    let relay = format!("name=relay&server=127.0.0.1&port={port}&from-address=a@b.c&mailto=d@e.f");
    assert_eq!(call(&handle, "POST", "/cluster/notifications/endpoints/smtp", &relay).await.unwrap().status, 200);
    for target in ["push", "relay"] {
        let test = format!("/cluster/notifications/targets/{target}/test");
        let answer = call(&handle, "POST", &test, "").await.unwrap();
        let text = format!("Could not test target: could not notify via endpoint(s): {target}: ");
        assert!(answer.status == 500 && answer.reason.starts_with(&text), "{answer:?}");
    }
    server.abort();
    handle.stop().await;
}
