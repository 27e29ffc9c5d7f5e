//! The control plane: faults, time, power, edits, counters.

#![allow(clippy::unwrap_used, reason = "a helper of a test may fail as the test does")]

mod support;

use serde_json::json;
use support::{call, control, start};

const SET: (&str, &str) = ("PUT", "/cluster/options");

#[tokio::test]
async fn every_fault_does_what_it_says() {
    let handle = start().await;
    // Kind, status (0 = the connection is cut), the reason's end, whether the write was done.
    let cases = [
        ("595", 595, "Connection refused", false),
        ("596-before", 596, "Broken pipe", false),
        ("596-after", 596, "Connection timed out", true),
        ("597", 597, "Connection reset by peer", true),
        ("599", 599, "Too many redirections", true),
        ("reset-before", 0, "", false),
        ("reset-after", 0, "", true),
        ("lock-timeout", 500, "cfs-lock 'file-datacenter_cfg' error: got lock request timeout", false),
        ("locked-command-timeout", 500, "'file-datacenter_cfg'-locked command timed out - aborting", true),
        ("no-quorum", 500, "cfs-lock 'file-datacenter_cfg' error: no quorum!", false),
        ("401", 401, "Authentication failed!", false),
        ("latency", 200, "OK", true),
    ];
    for (kind, status, reason, done) in cases {
        call(&handle, SET.0, SET.1, "delete=max_workers").await.unwrap();
        control(&handle, "fault", json!({"kind": kind, "method": "PUT", "path": "^/cluster/options$"})).await;
        let answer = call(&handle, SET.0, SET.1, "max_workers=7").await;
        let seen = answer.as_ref().map_or((0, ""), |a| (a.status, a.reason.as_str()));
        assert_eq!(seen, (status, reason), "{kind}");
        let options = call(&handle, "GET", SET.1, "").await.unwrap().data();
        assert_eq!(options.get("max_workers").is_some(), done, "{kind}");
    }
    assert_eq!(control(&handle, "faults/clear", json!({})).await["met"], cases.len());
}

#[tokio::test]
async fn a_hanging_call_was_done() {
    let handle = start().await;
    control(&handle, "fault", json!({"kind": "hang", "method": SET.0, "path": "options"})).await;
    let mut hanging = std::pin::pin!(call(&handle, SET.0, SET.1, "max_workers=7"));
    let done = async { while call(&handle, "GET", SET.1, "").await.unwrap().data()["max_workers"] != "7" {} };
    tokio::select! {
        answer = &mut hanging => panic!("{answer:?}"),
        () = done => {}
    }
    let patience = std::time::Duration::from_millis(300);
    assert!(tokio::time::timeout(patience, hanging).await.is_err());
}

#[tokio::test]
async fn nodes_fail_and_come_back() {
    let handle = start().await;
    control(&handle, "fail", json!({"node": "pve3"})).await;
    control(&handle, "advance", json!({"seconds": 10})).await;
    let dead = call(&handle, "GET", "/nodes/pve3/status", "").await.unwrap();
    assert_eq!((dead.status, dead.body.len()), (595, 0));
    let write = call(&handle, SET.0, SET.1, "max_workers=2").await.unwrap();
    assert_eq!(write.status, 200, "two of three are enough");

    control(&handle, "fail", json!({"node": "pve1"})).await;
    control(&handle, "advance", json!({"seconds": 10})).await;
    let status = call(&handle, "GET", "/cluster/status", "").await.unwrap().data();
    let local: Vec<_> = status.as_array().unwrap().iter().filter(|row| row["local"] == 1).collect();
    assert_eq!((&status[0]["quorate"], local[0]["name"].as_str()), (&json!(0), Some("pve2")));
    let write = call(&handle, SET.0, SET.1, "max_workers=3").await.unwrap();
    assert_eq!(write.reason, "cfs-lock 'file-datacenter_cfg' error: no quorum!");

    control(&handle, "restore", json!({"node": "pve1"})).await;
    assert_eq!(call(&handle, SET.0, SET.1, "max_workers=3").await.unwrap().status, 200);
}

#[tokio::test]
async fn edits_happen_behind_the_api() {
    let handle = start().await;
    control(&handle, "edit", json!({"method": "PUT", "path": "/cluster/options", "params": {"console": "vv"}})).await;
    assert_eq!(call(&handle, "GET", SET.1, "").await.unwrap().data()["console"], "vv");
    control(&handle, "edit", json!({"file": "/etc/pve/datacenter.cfg", "text": "console: html5\n"})).await;
    assert_eq!(call(&handle, "GET", SET.1, "").await.unwrap().data()["console"], "html5");
    control(&handle, "seed", json!({})).await;
    let options = call(&handle, "GET", SET.1, "").await.unwrap().data();
    assert_eq!((options.get("console"), &options["keyboard"]), (None, &json!("en-us")));
}

#[tokio::test]
async fn requests_are_counted_by_what_they_ask_for() {
    let handle = start().await;
    for vmid in ["100", "101"] {
        call(&handle, "GET", &format!("/cluster/nextid?vmid={vmid}"), "").await.unwrap();
    }
    call(&handle, SET.0, SET.1, "max_workers=3").await.unwrap();
    call(&handle, "GET", "/nodes/pve1/qemu/100/config", "").await.unwrap();
    let counters = control(&handle, "counters", json!({})).await;
    assert_eq!(counters["total"], 4);
    assert_eq!(counters["connections"], 4);
    assert_eq!(counters["requests"]["GET /cluster/nextid"], 2);
    assert_eq!(counters["requests"]["GET /nodes/{node}/qemu/{vmid}/config"], 1);
    assert_eq!(counters["most_writes_in_flight"], json!({"file-datacenter_cfg": 1}));
}
