//! Calls that a client makes to find out what there is.

#![allow(clippy::unwrap_used, reason = "helpers of tests may")]

mod support;

use pve_emulator::{Emulator, Options, Release};
use serde_json::json;
use support::{call, start};

#[tokio::test]
async fn ceph_is_not_installed_and_only_pve_9_acts_in_bulk() {
    let nine = start().await;
    let eight = Emulator::start(Options { release: Release::V8, ..Options::default() }).await.unwrap();
    assert_eq!(call(&nine, "GET", "/cluster/bulk-action", "").await.unwrap().data(), json!([{"name": "guest"}]));
    assert_eq!(call(&eight, "GET", "/cluster/bulk-action", "").await.unwrap().status, 501);
    for handle in [&nine, &eight] {
        let answer = call(handle, "GET", "/cluster/ceph/status", "").await.unwrap();
        assert_eq!((answer.status, answer.reason.as_str()), (500, "binary not installed: /usr/bin/ceph-mon"));
    }
}

#[tokio::test]
async fn a_service_that_has_been_stopped_is_listed_as_dead() {
    let handle = start().await;
    let state = async || {
        let rows = call(&handle, "GET", "/nodes/pve2/services", "").await.unwrap().data();
        let found = rows.as_array().unwrap().iter().find(|row| row["service"] == "pve-ha-lrm").unwrap().clone();
        let alone = call(&handle, "GET", "/nodes/pve2/services/pve-ha-lrm/state", "").await.unwrap().data();
        assert_eq!(found, alone);
        (found["state"].clone(), found["active-state"].clone(), found["unit-state"].clone())
    };
    assert_eq!(state().await, (json!("running"), json!("active"), json!("enabled")));
    assert_eq!(handle.execute("pve2", "systemctl stop pve-ha-lrm", "").exit(), Some(0));
    assert_eq!(state().await, (json!("dead"), json!("inactive"), json!("enabled")));
}
