//! The control plane's events of a long life: updates, certificates, full disks, restored guests.

#![allow(clippy::unwrap_used, reason = "a helper of a test may fail as the test does")]

mod support;

use pve_emulator::{Emulator, Options, Release};
use serde_json::json;
use support::{call, control};

#[tokio::test]
async fn an_update_brings_the_calls_of_its_release() {
    let handle = Emulator::start(Options { release: Release::V8, ..Options::default() }).await.unwrap();
    assert_eq!(call(&handle, "GET", "/cluster/ha/rules", "").await.unwrap().status, 501);
    control(&handle, "upgrade", json!({"version": "9.2.0"})).await;
    assert_eq!(call(&handle, "GET", "/cluster/ha/rules", "").await.unwrap().status, 200);
    assert_eq!(call(&handle, "GET", "/version", "").await.unwrap().data()["version"], "9.2.0");
}

#[tokio::test]
async fn a_renewed_certificate_is_served_and_announced() {
    let handle = support::start().await;
    let reported = control(&handle, "certificate", json!({})).await["tls_fingerprint"].clone();
    assert_ne!(reported, handle.fingerprint());
    // A new connection is checked against the same authority.
    let nodes = call(&handle, "GET", "/nodes", "").await.unwrap().data();
    let first = nodes.as_array().unwrap().iter().find(|node| node["node"] == "pve1").unwrap();
    assert_eq!(first["ssl_fingerprint"], reported);
    let connection = support::connect(&handle).await;
    let served = connection.get_ref().1.peer_certificates().unwrap()[0].clone();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &served);
    let digest: Vec<String> = digest.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
    assert_eq!(reported, digest.join(":"));
}

#[tokio::test]
async fn a_full_disk_fails_replication_until_there_is_space() {
    let handle = support::start().await;
    control(&handle, "clock", json!({"mode": "virtual"})).await;
    call(&handle, "POST", "/cluster/replication", "id=100-0&type=local&target=pve2&schedule=*/1").await.unwrap();
    let job = async || call(&handle, "GET", "/nodes/pve1/replication/100-0/status", "").await.unwrap().data();
    control(&handle, "disk", json!({"node": "pve2", "full": true})).await;
    control(&handle, "advance", json!({"seconds": 130})).await;
    let failed = job().await;
    assert!(failed["fail_count"].as_u64() > Some(0) && failed["error"].as_str().unwrap().contains("out of space"));
    control(&handle, "disk", json!({"node": "pve2", "full": false})).await;
    control(&handle, "advance", json!({"seconds": 1000})).await;
    assert_eq!(job().await["fail_count"], 0);
}

#[tokio::test]
async fn a_guest_is_restored_where_there_was_none() {
    let handle = support::start().await;
    let guest = json!({"vmid": 555, "type": "qemu", "node": "pve2", "name": "restored", "status": "running"});
    control(&handle, "restore-guest", guest).await;
    let status = call(&handle, "GET", "/nodes/pve2/qemu/555/status/current", "").await.unwrap().data();
    assert_eq!((status["name"].as_str(), status["status"].as_str()), (Some("restored"), Some("running")));
}
