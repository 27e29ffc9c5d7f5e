//! What a client does over SSH to create, join and leave a cluster, and to change corosync.conf.

#![allow(clippy::unwrap_used, reason = "helpers of tests may")]

mod support;

use pve_emulator::{Emulator, Handle, Options, Seed};
use serde_json::{Value, json};
use support::{control, exchange};

const CONF: &str = "/etc/pve/corosync.conf";

async fn start(seed: Seed) -> Handle {
    let options = Options { seed: Some(seed), clock: Some(1_795_858_000.0), ..Options::default() };
    Emulator::start(options).await.unwrap()
}

/// Two nodes, of which `pva` is a cluster.
async fn two() -> Handle {
    let seed = json!({"standalone": [
        {"node": "pva", "address": "10.0.0.11", "addresses": ["10.1.0.11"]},
        {"node": "pvb", "address": "10.0.0.12", "addresses": ["10.1.0.12"]},
    ]});
    let handle = start(Seed::parse(&seed.to_string()).unwrap()).await;
    let create = json!({
        "method": "POST", "path": "/cluster/config", "on": "pva",
        "params": {"clustername": "c", "link0": "10.0.0.11", "link1": "10.1.0.11,priority=9"},
    });
    control(&handle, "edit", create).await;
    advance(&handle, 10.0);
    handle
}

fn advance(handle: &Handle, seconds: f64) {
    handle.cluster().world().advance(seconds);
}

/// A command on a node: exit code, stdout, stderr.
async fn run(handle: &Handle, node: &str, command: &str, stdin: &str) -> (i64, String, String) {
    let answer = control(handle, "run", json!({"node": node, "command": command, "stdin": stdin})).await;
    let text = |key: &str| answer[key].as_str().unwrap_or_default().to_owned();
    (answer["exit"].as_i64().unwrap_or(-1), text("stdout"), text("stderr"))
}

/// The same for one that succeeds.
async fn out(handle: &Handle, node: &str, command: &str) -> String {
    let (exit, stdout, stderr) = run(handle, node, command, "").await;
    assert_eq!(exit, 0, "{command}: {stderr}");
    stdout
}

/// Runs a command that waits for the clock, which moves meanwhile.
async fn run_while_time_passes(handle: &Handle, node: &str, command: &str) -> (i64, String, String) {
    let body = json!({"node": node, "command": command}).to_string();
    let mut connection = support::connect(handle).await;
    let answer = exchange(&mut connection, "POST /emulator/run HTTP/1.1", &body);
    let passing = async {
        loop {
            advance(handle, 1.0);
            tokio::task::yield_now().await;
        }
    };
    let answer: Value = tokio::select! {
        answer = answer => answer.unwrap().json(),
        () = passing => Value::Null,
    };
    let text = |key: &str| answer[key].as_str().unwrap_or_default().to_owned();
    (answer["exit"].as_i64().unwrap_or(-1), text("stdout"), text("stderr"))
}

/// `pva` lets root of `pvb` in.
async fn trust(handle: &Handle) {
    let key = out(handle, "pvb", "cat /root/.ssh/id_rsa.pub").await;
    let keys = out(handle, "pva", "cat /etc/pve/priv/authorized_keys").await + &key;
    let (exit, _, stderr) = run(handle, "pva", "dd of=/etc/pve/priv/authorized_keys status=none", &keys).await;
    assert_eq!(exit, 0, "{stderr}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_joins_by_the_key_of_root() {
    let handle = two().await;
    let missing = "Error: Corosync config '/etc/pve/corosync.conf' does not exist - is this node part of a cluster?\n";
    for command in ["pvecm status", "pvecm nodes"] {
        let (exit, _, stderr) = run(&handle, "pvb", command, "").await;
        assert_eq!((exit != 0, stderr.as_str()), (true, missing), "{command}");
    }
    assert_ne!(run(&handle, "pvb", "test -e /etc/corosync/authkey", "").await.0, 0);
    assert_eq!(run(&handle, "pva", "test -e /etc/corosync/authkey", "").await.0, 0);
    let add = "pvecm add 10.0.0.11 --link0 10.0.0.12 --link1 10.1.0.12 --votes 2 --nodeid 7 --use_ssh";
    let (exit, _, stderr) = run_while_time_passes(&handle, "pvb", add).await;
    assert_eq!((exit, stderr.as_str()), (255, "unable to copy ssh ID: exit code 1\n"));
    trust(&handle).await;
    let wrong = add.replace("10.1.0.12", "10.9.0.12");
    let (exit, _, stderr) = run_while_time_passes(&handle, "pvb", &wrong).await;
    assert_eq!(exit, 255);
    assert!(stderr.starts_with("detected the following error(s):\n* link1: cannot use IP '10.9.0.12'"), "{stderr}");
    assert!(stderr.ends_with("Check if node may join a cluster failed!\n"), "{stderr}");
    let lacks_link = add.replace(" --link1 10.1.0.12", "");
    let (exit, stdout, stderr) = run_while_time_passes(&handle, "pvb", &lacks_link).await;
    assert_eq!(exit, 255);
    assert_eq!(stdout, "corosync: link 1 exists in cluster config but wasn't specified for new node\n");
    assert!(stderr.starts_with("unable to add node: command failed (ssh 10.0.0.11 "), "{stderr}");
    let (exit, stdout, stderr) = run_while_time_passes(&handle, "pvb", add).await;
    assert_eq!((exit, stderr.as_str()), (0, ""), "{stdout}");
    assert!(
        stdout.starts_with("copy corosync auth key\nstopping pve-cluster service\nbackup old database to"),
        "{stdout}"
    );
    assert!(stdout.ends_with("successfully added node 'pvb' to cluster.\n"), "{stdout}");
    let keys = out(&handle, "pva", "cat /etc/pve/priv/authorized_keys").await;
    assert_eq!(keys.lines().filter(|line| line.ends_with(" root@pvb")).count(), 1, "{keys}");
    let status = out(&handle, "pvb", "pvecm status").await;
    assert!(status.contains("Total votes:      3\n") && status.contains("0x00000007"), "{status}");
    let conf = out(&handle, "pvb", "cat /etc/pve/corosync.conf").await;
    assert!(conf.contains("    ring1_addr: 10.1.0.12\n") && conf.contains("    knet_link_priority: 9\n"), "{conf}");
    let key = out(&handle, "pvb", "cat /etc/corosync/authkey").await;
    assert_eq!(key, out(&handle, "pva", "cat /etc/corosync/authkey").await);
    let links = out(&handle, "pva", "corosync-cfgtool -s").await;
    assert!(links.contains("LINK ID 1 udp\n\taddr\t= 10.1.0.11\n"), "{links}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_is_created_on_a_node() {
    let handle = start(Seed::alone(&["pva".to_owned()])).await;
    let create = "pvecm create c --link0 address=10.0.0.11,priority=3 --votes 2 --token-coefficient 200";
    let (exit, stdout, stderr) = run_while_time_passes(&handle, "pva", create).await;
    assert_eq!((exit, stderr.as_str()), (0, ""));
    assert!(stdout.starts_with("Corosync Cluster Engine Authentication key generator.\n"), "{stdout}");
    assert!(stdout.ends_with("Restart corosync and cluster filesystem\n"), "{stdout}");
    let conf = out(&handle, "pva", "cat /etc/pve/corosync.conf").await;
    assert!(conf.contains("quorum_votes: 2\n") && conf.contains("token_coefficient: 200\n"), "{conf}");
    let (exit, _, stderr) = run(&handle, "pva", "pvecm create d", "").await;
    assert_eq!((exit != 0, stderr.as_str()), (true, "cluster config '/etc/pve/corosync.conf' already exists\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_killed_half_way_is_made_up_for() {
    let handle = two().await;
    trust(&handle).await;
    control(&handle, "interrupt-join", json!({"before": "answer", "node": "pvb"})).await;
    let add = "pvecm add 10.0.0.11 --link0 10.0.0.12 --link1 10.1.0.12 --use_ssh";
    let (exit, _, stderr) = run_while_time_passes(&handle, "pvb", add).await;
    assert_eq!((exit, stderr.as_str()), (137, ""));
    // It is listed, which another try overwrites, but only with quorum.
    let (_, stdout, _) = run_while_time_passes(&handle, "pvb", add).await;
    assert_eq!(stdout, "cluster not ready - no quorum?\n");
    out(&handle, "pva", "pvecm expected 1").await;
    control(&handle, "interrupt-join", json!({"before": "certificate"})).await;
    let (exit, ..) = run_while_time_passes(&handle, "pvb", add).await;
    assert_eq!(exit, 137);
    let fingerprint = || handle.cluster().world().nodes["pvb"].fingerprint.clone();
    let old = fingerprint();
    out(&handle, "pvb", "pvecm updatecerts").await;
    advance(&handle, 5.0);
    assert_ne!(fingerprint(), old);
    assert!(handle.cluster().world().is_quorate());
}

#[tokio::test(flavor = "multi_thread")]
async fn services_complete_a_join_when_they_start() {
    let handle = two().await;
    trust(&handle).await;
    control(&handle, "interrupt-join", json!({"before": "start"})).await;
    let add = "pvecm add 10.0.0.11 --link0 10.0.0.12 --link1 10.1.0.12 --use_ssh";
    assert_eq!(run_while_time_passes(&handle, "pvb", add).await.0, 137);
    let total = || handle.cluster().world().votes();
    assert_eq!((total(), run(&handle, "pvb", "systemctl is-active pve-cluster", "").await.0), ((1, 2), 3));
    out(&handle, "pvb", "systemctl start corosync pve-cluster").await;
    advance(&handle, 10.0);
    assert_eq!(total(), (2, 2));
    // A member whose corosync is stopped is up, and none of the others sees it.
    out(&handle, "pvb", "systemctl stop corosync").await;
    assert_eq!((total(), handle.cluster().world().is_up("pvb")), ((1, 2), true));
    out(&handle, "pvb", "systemctl start corosync").await;
    assert_eq!(total(), (2, 2));
}

#[tokio::test]
async fn a_removed_node_leaves_its_folder() {
    let handle = start(Seed::usual()).await;
    control(&handle, "fail", json!({"node": "pve3"})).await;
    advance(&handle, 20.0);
    let removed = out(&handle, "pve1", "pvecm delnode pve3").await;
    assert_eq!(removed, "Killing node 3\n");
    advance(&handle, 2.0);
    assert_eq!(out(&handle, "pve1", "ls /etc/pve/nodes").await, "pve1\npve2\npve3\n");
    out(&handle, "pve1", "rm -r /etc/pve/nodes/pve3").await;
    assert_eq!(out(&handle, "pve2", "ls /etc/pve/nodes").await, "pve1\npve2\n");
    let (exit, _, stderr) = run(&handle, "pve1", "pvecm delnode pve3", "").await;
    assert_eq!((exit != 0, stderr.as_str()), (true, "Node/IP: pve3 is not a known host of the cluster.\n"));
}

#[tokio::test]
async fn an_edit_of_corosync_conf_is_taken_over() {
    let handle = start(Seed::usual()).await;
    let key = |key: &'static str| {
        let handle = &handle;
        async move { out(handle, "pve2", &format!("corosync-cmapctl -g {key}")).await }
    };
    assert_eq!(key("runtime.config.totem.token").await, "runtime.config.totem.token (u32) = 3650\n");
    let text = out(&handle, "pve1", &format!("cat {CONF}")).await;
    let edit = |version: u64, token: u64| {
        text.replace("config_version: 3", &format!("config_version: {version}"))
            .replace("  version: 2\n", &format!("  token: {token}\n  token_coefficient: 125\n  version: 2\n"))
    };
    let put = |text: String| {
        let handle = &handle;
        async move {
            let (exit, _, stderr) = run(handle, "pve1", &format!("dd of={CONF}.new status=none"), &text).await;
            assert_eq!(exit, 0, "{stderr}");
            out(handle, "pve1", &format!("mv {CONF}.new {CONF}")).await;
        }
    };
    put(edit(4, 5000)).await;
    // The file is there at once, and in use a moment later.
    assert_eq!(out(&handle, "pve3", &format!("cat {CONF}")).await, edit(4, 5000));
    assert_eq!(key("totem.config_version").await, "totem.config_version (u64) = 3\n");
    advance(&handle, 1.0);
    assert_eq!(key("totem.config_version").await, "totem.config_version (u64) = 4\n");
    assert_eq!(key("totem.token").await, "totem.token (u32) = 5000\n");
    assert_eq!(key("runtime.config.totem.token").await, "runtime.config.totem.token (u32) = 5125\n");
    assert_eq!(out(&handle, "pve2", "cat /etc/corosync/corosync.conf").await, edit(4, 5000));
    let totem = support::call(&handle, "GET", "/cluster/config/totem", "").await.unwrap().data();
    assert_eq!((&totem["token"], &totem["config_version"]), (&json!("5000"), &json!("4")));
    // One that is not newer is in the file, and nowhere else.
    put(edit(4, 9000)).await;
    advance(&handle, 60.0);
    assert_eq!(key("totem.token").await, "totem.token (u32) = 5000\n");
    put(edit(5, 9000)).await;
    advance(&handle, 1.0);
    assert_eq!(key("totem.token").await, "totem.token (u32) = 9000\n");
}
