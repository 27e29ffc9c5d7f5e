//! Nodes that are in no cluster: they create one and join it, as a client sees that over HTTPS.

#![allow(clippy::unwrap_used, reason = "helpers of tests may")]

#[path = "support/node.rs"]
mod node;
mod support;

use node::Node;
use pve_emulator::{Emulator, Handle, Options, Release, Seed};
use serde_json::{Value, json};
use support::control;

async fn start(nodes: &[&str], release: Release) -> Handle {
    let nodes: Vec<String> = nodes.iter().map(|node| (*node).to_owned()).collect();
    let options =
        Options { seed: Some(Seed::alone(&nodes)), clock: Some(1_795_858_000.0), release, ..Options::default() };
    Emulator::start(options).await.unwrap()
}

fn advance(handle: &Handle, seconds: f64) {
    handle.cluster().world().advance(seconds);
}

async fn create(handle: &Handle, node: &Node) {
    node.post("/cluster/config", "clustername=newclu").await.unwrap();
    advance(handle, 8.0);
}

fn join_form(peer: &Node, address: &str, fingerprint: &str) -> String {
    format!("hostname={address}&fingerprint={fingerprint}&password={}", peer.password)
}

async fn join(node: &Node, peer: &Node) -> String {
    let form = join_form(peer, "10.0.0.11", &peer.certificate().await);
    let upid = node.post("/cluster/config/join", &form).await.unwrap();
    upid.as_str().unwrap().to_owned()
}

#[tokio::test]
async fn nodes_alone_have_nothing_in_common() {
    let handle = start(&["pva", "pvb"], Release::V9).await;
    let (a, b) = (Node::of(&handle, "pva"), Node::of(&handle, "pvb"));
    assert_eq!(format!("https://{}", a.endpoint), handle.endpoint());
    assert_eq!((a.status_with(&a.token).await, a.status_with(&b.token).await), (200, 401));
    assert_eq!((b.status_with(&b.token).await, b.status_with(&a.ticket().await).await), (200, 401));
    assert_ne!(a.certificate().await, b.certificate().await);
    assert_eq!(b.certificate().await, handle.standalone()["pvb"].tls_fingerprint);
    assert_eq!((a.cluster().await, a.listed().await), (None, vec![]));
    assert_eq!(b.get("/nodes").await[0]["node"], "pvb");
}

#[tokio::test]
async fn a_node_creates_a_cluster() {
    for (release, coefficient) in [(Release::V9, json!("125")), (Release::V8, Value::Null)] {
        let handle = start(&["pva"], release).await;
        let a = Node::of(&handle, "pva");
        let before = a.certificate().await;
        let upid = a.post("/cluster/config", "clustername=newclu&link0=10.0.0.11,priority%3D5").await.unwrap();
        assert_eq!(
            a.post("/cluster/config", "clustername=x").await.unwrap_err(),
            "cluster config '/etc/pve/corosync.conf' already exists"
        );
        assert_eq!((a.cluster().await, a.listed().await), (None, vec!["pva".to_owned()]));
        advance(&handle, 1.2);
        assert_eq!((a.status_with(&a.token).await, a.status_with(&a.ticket().await).await), (401, 401));
        advance(&handle, 0.5);
        assert_eq!((a.status_with(&a.token).await, a.status_with(&a.ticket().await).await), (200, 200));
        assert_eq!(a.cluster().await, None);
        advance(&handle, 6.0);
        assert_eq!(a.cluster().await, Some((true, vec!["pva".to_owned()])));
        let totem = a.get("/cluster/config/totem").await;
        assert_eq!(totem["interface"]["0"]["knet_link_priority"], "5");
        assert_eq!((&totem["token_coefficient"], &totem["cluster_name"]), (&coefficient, &json!("newclu")));
        assert_eq!(a.log(upid.as_str().unwrap(), &a).await.last().unwrap(), "TASK OK");
        assert_eq!(a.certificate().await, before);
    }
    let handle = start(&["pva"], Release::V8).await;
    let refused = Node::of(&handle, "pva").post("/cluster/config", "clustername=c&token-coefficient=125").await;
    assert_eq!(refused.unwrap_err(), "Parameter verification failed.");
}

#[tokio::test]
async fn corosync_cannot_start_with_an_address_of_another_machine() {
    let handle = start(&["pva"], Release::V9).await;
    let a = Node::of(&handle, "pva");
    let upid = a.post("/cluster/config", "clustername=newclu&link0=10.99.0.99").await.unwrap();
    advance(&handle, 10.0);
    assert_eq!(a.cluster().await, Some((false, vec![])));
    let last = a.log(upid.as_str().unwrap(), &a).await.pop().unwrap();
    assert_eq!(last, "TASK ERROR: command 'systemctl restart corosync pve-cluster' failed: exit code 1");
}

#[tokio::test]
async fn a_create_that_loses_its_power_is_completed_at_boot() {
    for seconds in [0.5, 1.2, 3.0] {
        let handle = start(&["pva"], Release::V9).await;
        let a = Node::of(&handle, "pva");
        let upid = a.post("/cluster/config", "clustername=newclu").await.unwrap();
        advance(&handle, seconds);
        control(&handle, "reboot", json!({"node": "pva"})).await;
        advance(&handle, 20.0);
        assert_eq!(a.cluster().await, Some((true, vec!["pva".to_owned()])), "{seconds}");
        let status = a.get(&format!("/nodes/pva/tasks/{}/status", upid.as_str().unwrap())).await;
        assert_eq!(status["exitstatus"], "unexpected status", "{seconds}");
    }
}

#[tokio::test]
async fn a_join_second_by_second() {
    let handle = start(&["pva", "pvb"], Release::V9).await;
    let (a, b) = (Node::of(&handle, "pva"), Node::of(&handle, "pvb"));
    create(&handle, &a).await;
    let (old, old_ticket) = (b.certificate().await, b.ticket().await);
    let upid = join(&b, &a).await;
    assert_eq!(a.listed().await, ["pva"]);
    advance(&handle, 0.7);
    assert_eq!(a.listed().await, ["pva", "pvb"]);
    assert_eq!(a.cluster().await, Some((true, vec!["pva".to_owned()])));
    advance(&handle, 0.9);
    assert_eq!(a.cluster().await, Some((false, vec!["pva".to_owned()])));
    assert_eq!((b.status_with(&b.token).await, b.cluster().await), (200, None));
    advance(&handle, 3.5);
    for header in [&b.token, &old_ticket, &a.token] {
        assert_eq!(b.status_with(header).await, 401, "{header}");
    }
    assert_eq!(a.status_with(&a.token).await, 200);
    advance(&handle, 3.7);
    assert_eq!(a.cluster().await, Some((true, vec!["pva".to_owned(), "pvb".to_owned()])));
    assert_eq!((b.status_with(&a.token).await, b.certificate().await == old), (401, true));
    advance(&handle, 2.4);
    // What was the node's own is gone, what is the cluster's opens it.
    assert_eq!((b.status_with(&b.token).await, b.status_with(&old_ticket).await), (401, 401));
    assert_eq!((b.status_with(&a.token).await, b.certificate().await == old), (200, true));
    let log = a.log(&upid, &b).await;
    assert_eq!(log.len(), 14, "{log:#?}");
    assert_eq!(log[3], "No cluster network links passed explicitly, fallback to local node IP '10.0.0.12'");
    assert_eq!((log[12].as_str(), log[13].as_str()), ("successfully added node 'pvb' to cluster.", "TASK OK"));
    advance(&handle, 0.5);
    // Some workers have the new certificate.
    let shown = [b.certificate().await, b.certificate().await];
    assert!(shown[0] != shown[1] && shown.contains(&old), "{shown:?}");
    advance(&handle, 1.0);
    let new = b.certificate().await;
    assert!(new != old && b.certificate().await == new);
    let info = a.get("/cluster/config/join").await;
    let rows = info["nodelist"].as_array().unwrap();
    assert_eq!(rows.iter().find(|row| row["name"] == "pvb").unwrap()["pve_fp"], json!(new));
    // It is a node as any other: it answers for itself, and takes part in HA.
    let rows = control(&handle, "nodes", json!({})).await;
    assert!(rows.as_array().unwrap().iter().all(|row| row["cluster"] == "newclu" && row["online"] == true), "{rows}");
    assert_eq!(handle.cluster().world().nodes.len(), 2);
    advance(&handle, 60.0);
    assert!(handle.cluster().world().file("/etc/pve/nodes/pvb/lrm_status").contains("\"mode\":\"active\""));
}

#[tokio::test]
async fn a_node_that_is_not_empty_does_not_join() {
    let handle = start(&["pva", "pvb"], Release::V9).await;
    let (a, b) = (Node::of(&handle, "pva"), Node::of(&handle, "pvb"));
    create(&handle, &a).await;
    let key = json!({"file": "/etc/corosync/authkey", "text": "x", "node": "pvb"});
    control(&handle, "edit", key).await;
    control(&handle, "restore-guest", json!({"vmid": 100, "type": "qemu", "node": "pvb", "status": "stopped"})).await;
    let upid = join(&b, &a).await;
    advance(&handle, 2.0);
    let log = b.log(&upid, &b).await;
    assert_eq!(
        log,
        [
            "detected the following error(s):",
            "* authentication key '/etc/corosync/authkey' already exists",
            "* this host already contains virtual guests",
            "TASK ERROR: Check if node may join a cluster failed!",
        ]
    );
    assert_eq!(a.listed().await, ["pva"]);
    // Nothing but a member can be joined, and only while it is there.
    control(&handle, "edit", json!({"file": "/etc/corosync/authkey", "text": null, "node": "pvb"})).await;
    handle.cluster().world_of("pvb").guests.clear();
    control(&handle, "fail", json!({"node": "pva"})).await;
    let form = join_form(&a, "10.0.0.11", &["AB"; 32].join(":"));
    let upid = b.post("/cluster/config/join", &form).await.unwrap();
    advance(&handle, 4.0);
    assert!(a.send("GET", "/version", &a.token, "").await.is_none());
    let last = b.log(upid.as_str().unwrap(), &b).await.pop().unwrap();
    assert_eq!(last, "TASK ERROR: 500 Can't connect to 10.0.0.11:8006 (No route to host)");
}

#[tokio::test]
async fn a_join_breaks_off_before_every_step() {
    let steps = ["connect", "request", "answer", "database", "start", "certificate"];
    for (at, step) in steps.into_iter().enumerate() {
        let handle = start(&["pva", "pvb"], Release::V9).await;
        let (a, b) = (Node::of(&handle, "pva"), Node::of(&handle, "pvb"));
        create(&handle, &a).await;
        let old = b.certificate().await;
        control(&handle, "interrupt-join", json!({"before": step})).await;
        join(&b, &a).await;
        advance(&handle, 20.0);
        let key = control(&handle, "file", json!({"file": "/etc/corosync/authkey", "node": "pvb"})).await;
        assert_eq!(a.listed().await.len(), if at < 2 { 1 } else { 2 }, "{step}");
        assert_eq!(key["text"].is_string(), at >= 3, "{step}");
        let online = a.cluster().await.unwrap().1;
        assert_eq!(online.len(), if at < 5 { 1 } else { 2 }, "{step}");
        let own = b.status_with(&b.token).await;
        assert_eq!(own, if at < 4 { 200 } else { 401 }, "{step}");
        assert_eq!(b.certificate().await, old, "{step}");
        // A node that has the key becomes a member when it boots.
        control(&handle, "reboot", json!({"node": "pvb"})).await;
        advance(&handle, 30.0);
        let online = a.cluster().await.unwrap().1;
        assert_eq!(online.len(), if at < 3 { 1 } else { 2 }, "{step}");
        assert_eq!(b.certificate().await == old, at < 3, "{step}");
        assert_eq!(b.status_with(&a.token).await, if at < 3 { 401 } else { 200 }, "{step}");
    }
}

#[tokio::test]
async fn a_node_that_has_the_key_comes_when_it_boots() {
    for (seconds, listed, online) in [(0.1, 1, 1), (1.0, 2, 1), (2.0, 2, 2), (6.0, 2, 2), (9.5, 2, 2)] {
        let handle = start(&["pva", "pvb"], Release::V9).await;
        let (a, b) = (Node::of(&handle, "pva"), Node::of(&handle, "pvb"));
        create(&handle, &a).await;
        let old = b.certificate().await;
        join(&b, &a).await;
        advance(&handle, seconds);
        control(&handle, "reboot", json!({"node": "pvb"})).await;
        advance(&handle, 40.0);
        assert_eq!((a.listed().await.len(), a.cluster().await.unwrap().1.len()), (listed, online), "{seconds}");
        assert_eq!((b.status_with(&a.token).await == 200, b.certificate().await != old), (online == 2, online == 2));
    }
}

#[tokio::test]
async fn a_node_that_is_listed_and_never_came_can_be_removed() {
    let handle = start(&["pva", "pvb"], Release::V9).await;
    let (a, b) = (Node::of(&handle, "pva"), Node::of(&handle, "pvb"));
    create(&handle, &a).await;
    control(&handle, "interrupt-join", json!({"before": "start"})).await;
    join(&b, &a).await;
    advance(&handle, 20.0);
    // Without the vote of the other one there is no quorum.
    let refused = a.delete("/cluster/config/nodes/pvb").await.unwrap_err();
    assert!(refused.ends_with("' - Permission denied"), "{refused}");
    control(&handle, "run", json!({"node": "pva", "command": "pvecm expected 1"})).await;
    assert_eq!(a.delete("/cluster/config/nodes/pvb").await, Ok(Value::Null));
    advance(&handle, 2.0);
    assert_eq!((a.listed().await, a.cluster().await.unwrap().0), (vec!["pva".to_owned()], true));
    // When it boots it finds a cluster that does not know it.
    control(&handle, "reboot", json!({"node": "pvb"})).await;
    advance(&handle, 30.0);
    assert_eq!((a.listed().await, b.status_with(&a.token).await), (vec!["pva".to_owned()], 401));
    control(&handle, "reinstall", json!({"node": "pvb"})).await;
    let b = Node::of(&handle, "pvb");
    join(&b, &a).await;
    advance(&handle, 20.0);
    assert_eq!(a.cluster().await, Some((true, vec!["pva".to_owned(), "pvb".to_owned()])));
}

#[tokio::test]
async fn an_online_node_takes_the_quorum_with_it() {
    let handle = start(&["pva", "pvb"], Release::V9).await;
    let (a, b) = (Node::of(&handle, "pva"), Node::of(&handle, "pvb"));
    create(&handle, &a).await;
    join(&b, &a).await;
    advance(&handle, 20.0);
    let refused = a.delete("/cluster/config/nodes/pvb").await.unwrap_err();
    assert!(refused.starts_with("unable to open file '/etc/pve/corosync.conf.new.tmp."), "{refused}");
    assert!(refused.ends_with("' - Permission denied"), "{refused}");
    assert_eq!((a.listed().await.len(), a.cluster().await), (2, Some((false, vec!["pva".to_owned()]))));
}

#[tokio::test]
async fn a_removed_node_is_installed_anew_and_joins_again() {
    let handle = start(&["pva", "pvb", "pvc"], Release::V9).await;
    let [a, b, c] = ["pva", "pvb", "pvc"].map(|node| Node::of(&handle, node));
    create(&handle, &a).await;
    for node in [&b, &c] {
        join(node, &a).await;
        advance(&handle, 20.0);
    }
    control(&handle, "fail", json!({"node": "pvb"})).await;
    advance(&handle, 10.0);
    assert!(a.answers().await && !b.answers().await);
    assert_eq!(a.delete("/cluster/config/nodes/pvb").await, Ok(Value::Null));
    advance(&handle, 2.0);
    assert_eq!((a.listed().await, a.cluster().await.unwrap().0), (vec!["pva".to_owned(), "pvc".to_owned()], true));
    // With its old configuration it is alone, and has no quorum.
    control(&handle, "restore", json!({"node": "pvb"})).await;
    advance(&handle, 30.0);
    let mut alone = Node::of(&handle, "pvb");
    alone.token.clone_from(&a.token);
    assert_eq!(alone.cluster().await, Some((false, vec!["pvb".to_owned()])));
    assert_eq!((alone.listed().await.len(), a.listed().await.len()), (3, 2));
    // Installed anew, it is as it was.
    let access = control(&handle, "reinstall", json!({"node": "pvb"})).await;
    assert_eq!(access["endpoint"], format!("https://{}", b.endpoint));
    let b = Node::of(&handle, "pvb");
    assert_eq!((b.status_with(&b.token).await, b.cluster().await), (200, None));
    assert_eq!(b.certificate().await, access["tls_fingerprint"]);
    join(&b, &a).await;
    advance(&handle, 20.0);
    assert_eq!(a.cluster().await.unwrap().1, ["pva", "pvb", "pvc"]);
}

#[tokio::test]
async fn a_node_joins_the_usual_cluster() {
    let seed = Seed::usual().beside(&["new".to_owned()]);
    let options = Options { seed: Some(seed), clock: Some(1_795_858_000.0), ..Options::default() };
    let handle = Emulator::start(options).await.unwrap();
    let new = Node::of(&handle, "new");
    assert!(handle.cluster().world_of("new").standalone);
    let mine = format!("Authorization: PVEAPIToken={}", handle.api_token().unwrap());
    assert_eq!(new.status_with(&mine).await, 401);
    let form =
        format!("hostname=10.0.0.1&fingerprint={}&password={}", handle.fingerprint(), handle.password().unwrap());
    new.post("/cluster/config/join", &form).await.unwrap();
    let mut held = handle.cluster().world_of("new");
    held.advance(20.0);
    assert_eq!((held.standalone, held.nodes.len()), (false, 4));
    drop(held);
    assert_eq!(new.status_with(&mine).await, 200);
    let nodes = support::call(&handle, "GET", "/nodes", "").await.unwrap().data();
    assert_eq!(nodes.as_array().unwrap().iter().filter(|node| node["status"] == "online").count(), 4);
    assert_eq!(handle.cluster().world().votes(), (4, 3));
    // A member of the cluster that was never alone gets a listener when it is installed anew.
    control(&handle, "fail", json!({"node": "pve3"})).await;
    advance(&handle, 10.0);
    let access: Value = control(&handle, "reinstall", json!({"node": "pve3"})).await;
    assert!(access["endpoint"].as_str().unwrap().starts_with("https://127.0.0.1:"), "{access}");
    assert_eq!(handle.cluster().world().nodes.len(), 4);
}
