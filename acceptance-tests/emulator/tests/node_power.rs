//! Nodes that go down, boot and are woken, and their kernels: what no recording shows.

#![allow(clippy::unwrap_used, reason = "helpers of tests may")]

mod support;

use pve_emulator::Handle;
use serde_json::{Value, json};
use support::{Answer, control, start};

async fn call(handle: &Handle, method: &str, path: &str, form: &str) -> Answer {
    support::call(handle, method, path, form).await.unwrap()
}

fn advance(handle: &Handle, seconds: f64) {
    handle.cluster().world().advance(seconds);
}

fn is_up(handle: &Handle, node: &str) -> bool {
    handle.cluster().world().is_up(node)
}

fn set(handle: &Handle, vmid: u32, key: &str, value: &str) {
    handle.cluster().world().guests.get_mut(&vmid).unwrap().config.push((key.to_owned(), value.to_owned()));
}

fn runs(handle: &Handle, vmid: u32) -> bool {
    handle.cluster().world().guests[&vmid].is_running()
}

async fn run(handle: &Handle, command: &str) -> Value {
    control(handle, "run", json!({"node": "pve2", "command": command})).await
}

#[tokio::test]
async fn a_reboot_stops_what_is_no_ha_resource_and_starts_what_is_to_start_at_boot() {
    let handle = start().await;
    advance(&handle, 60.0);
    set(&handle, 101, "onboot", "1");
    for vmid in [101, 104] {
        handle.cluster().world().start_guest(vmid);
    }
    assert_eq!(call(&handle, "PUT", "/nodes/pve2/config", "startall-onboot-delay=30").await.status, 200);
    let answer = call(&handle, "POST", "/nodes/pve2/status", "command=reboot").await;
    assert_eq!((answer.status, answer.data()), (200, Value::Null));
    advance(&handle, 1.0);
    assert!(handle.cluster().world().nodes["pve2"].shutdown.is_none(), "the answer goes out first");
    advance(&handle, 20.0);
    assert!(!is_up(&handle, "pve2") && !runs(&handle, 101) && !runs(&handle, 104));
    advance(&handle, 10.0);
    let members = call(&handle, "GET", "/cluster/status", "").await.data();
    let node = members.as_array().unwrap().iter().find(|entry| entry["name"] == "pve2").unwrap();
    assert_eq!(node["online"], 0);
    advance(&handle, 50.0);
    assert!(is_up(&handle, "pve2") && !runs(&handle, 101), "its guests wait");
    advance(&handle, 40.0);
    assert!(runs(&handle, 101) && !runs(&handle, 104));
    let uptime = call(&handle, "GET", "/nodes/pve2/status", "").await.data()["uptime"].as_i64().unwrap();
    assert!((10..120).contains(&uptime), "{uptime}");
}

#[tokio::test]
async fn a_node_that_is_off_is_woken_by_another_one() {
    let handle = start().await;
    advance(&handle, 60.0);
    let wake = async |node: &str| call(&handle, "POST", &format!("/nodes/{node}/wakeonlan"), "").await;
    assert_eq!(wake("pve2").await.reason, "No wake on LAN MAC address defined for 'pve2'!");
    assert_eq!(wake("pve9").await.reason, "no such cluster node 'pve9'");
    call(&handle, "PUT", "/nodes/pve2/config", "wakeonlan=AA:BB:CC:DD:EE:00").await;
    call(&handle, "POST", "/nodes/pve2/status", "command=shutdown").await;
    advance(&handle, 300.0);
    assert!(!is_up(&handle, "pve2"), "it does not come back by itself");
    assert_eq!(call(&handle, "GET", "/nodes/pve2/config", "").await.status, 595);
    let answer = wake("pve2").await;
    assert_eq!((answer.status, answer.data()), (200, json!("AA:BB:CC:DD:EE:00")));
    advance(&handle, 30.0);
    assert!(!is_up(&handle, "pve2"));
    advance(&handle, 20.0);
    assert!(is_up(&handle, "pve2"));
}

#[tokio::test]
async fn a_new_kernel_runs_after_a_reboot() {
    let handle = start().await;
    advance(&handle, 60.0);
    let release =
        async || call(&handle, "GET", "/nodes/pve2/status", "").await.data()["current-kernel"]["release"].clone();
    let old = release().await;
    assert_eq!(run(&handle, "test -e /run/reboot-required").await["exit"], 1);
    let upgraded = run(&handle, "apt-get -y dist-upgrade").await;
    assert_eq!(upgraded["exit"], 0);
    assert!(upgraded["stdout"].as_str().unwrap().contains("1 newly installed"), "{upgraded}");
    assert_eq!(run(&handle, "test -e /run/reboot-required").await["exit"], 0);
    assert_eq!(format!("{}\n", old.as_str().unwrap()), run(&handle, "uname -r").await["stdout"].as_str().unwrap());
    assert!(run(&handle, "apt-get -y dist-upgrade").await["stdout"].as_str().unwrap().contains("0 newly installed"));
    call(&handle, "POST", "/nodes/pve2/status", "command=reboot").await;
    advance(&handle, 120.0);
    assert_ne!(release().await, old);
    assert_eq!(run(&handle, "test -e /run/reboot-required").await["exit"], 1);
    control(&handle, "kernel", json!({"node": "pve2", "install": true})).await;
    assert_eq!(run(&handle, "test -e /run/reboot-required").await["exit"], 0);
    control(
        &handle,
        "command-fault",
        json!({"kind": "fail", "command": "dist-upgrade", "exit": 100, "stderr": "E: no\n"}),
    )
    .await;
    let failed = run(&handle, "apt-get -y dist-upgrade").await;
    assert_eq!((&failed["exit"], &failed["stderr"]), (&json!(100), &json!("E: no\n")));
}

/// The header of a user who may do nothing.
async fn stranger(handle: &Handle) -> String {
    call(handle, "POST", "/access/users", "userid=op@pve").await;
    let token = call(handle, "POST", "/access/users/op@pve/token/day", "privsep=0").await.data()["value"].clone();
    format!("Authorization: PVEAPIToken=op@pve!day={}", token.as_str().unwrap())
}

#[tokio::test]
async fn power_takes_a_privilege_on_the_node() {
    let handle = start().await;
    let header = stranger(&handle).await;
    let post = async |path: &str, form: &str| support::call_with(&handle, "POST", path, &header, form).await.unwrap();
    let why = "Permission check failed (/nodes/pve2, Sys.PowerMgmt)";
    for (path, form) in [("/nodes/pve2/status", "command=reboot"), ("/nodes/pve2/wakeonlan", "")] {
        let refused = post(path, form).await;
        assert_eq!((refused.status, refused.reason.as_str()), (403, why));
    }
    call(&handle, "POST", "/access/roles", "roleid=Power&privs=Sys.PowerMgmt").await;
    call(&handle, "PUT", "/access/acl", "path=/nodes/pve2&users=op@pve&roles=Power").await;
    assert_eq!(post("/nodes/pve2/status", "command=reboot").await.status, 200);
    assert_eq!(post("/nodes/pve2/status", "command=halt").await.status, 400);
}

#[tokio::test]
async fn moves_take_a_privilege_on_the_guest_and_some_options_root() {
    let handle = start().await;
    let header = stranger(&handle).await;
    let post = async |path: &str, form: &str| support::call_with(&handle, "POST", path, &header, form).await.unwrap();
    let all = "/nodes/pve1/migrateall";
    for (path, form, at) in [
        ("/nodes/pve1/qemu/100/migrate", "target=pve2", "/vms/100"),
        (all, "target=pve2&maxworkers=1&vms=100", "/vms/100"),
        (all, "target=pve2&maxworkers=1", "/"),
    ] {
        let refused = post(path, form).await;
        assert_eq!((refused.status, refused.reason), (403, format!("Permission check failed ({at}, VM.Migrate)")));
    }
    call(&handle, "POST", "/access/roles", "roleid=Move&privs=VM.Migrate").await;
    call(&handle, "PUT", "/access/acl", "path=/vms/100&users=op@pve&roles=Move").await;
    assert_eq!(post(all, "target=pve2&maxworkers=1&vms=100").await.status, 200);
    // Not even a token of root is root itself.
    for option in ["force=1", "migration_type=insecure", "migration_network=10.0.0.0/8"] {
        let form = format!("target=pve2&{option}");
        let refused = call(&handle, "POST", "/nodes/pve1/qemu/103/migrate", &form).await;
        let name = option.split('=').next().unwrap();
        assert_eq!(refused.json()["errors"], json!({name: "Only root may use this option."}));
    }
}

#[tokio::test]
async fn without_quorum_the_configuration_of_a_node_is_read_only() {
    let handle = start().await;
    for node in ["pve2", "pve3"] {
        handle.cluster().world().power(node, false);
    }
    advance(&handle, 30.0);
    let refused = call(&handle, "PUT", "/nodes/pve1/config", "description=x").await;
    assert!(refused.status == 500 && refused.reason.ends_with("Permission denied"), "{}", refused.reason);
    assert_eq!(call(&handle, "GET", "/nodes/pve1/config", "").await.data(), json!({}));
}

#[tokio::test]
async fn ha_resources_follow_the_shutdown_policy_of_a_reboot() {
    let handle = start().await;
    call(&handle, "PUT", "/cluster/options", "ha=shutdown_policy%3Dmigrate").await;
    call(&handle, "POST", "/cluster/ha/resources", "sid=vm:101").await;
    handle.cluster().world().start_guest(104);
    advance(&handle, 60.0);
    assert!(runs(&handle, 101));
    call(&handle, "POST", "/nodes/pve2/status", "command=reboot").await;
    advance(&handle, 60.0);
    let node = handle.cluster().world().guests[&101].node.clone();
    assert!(node != "pve2" && runs(&handle, 101) && !runs(&handle, 104), "{node}");
    advance(&handle, 180.0);
    assert!(is_up(&handle, "pve2") && handle.cluster().world().guests[&101].node == "pve2", "it returns");
}

#[tokio::test]
async fn migrations_fail_by_the_control_plane() {
    let handle = start().await;
    control(&handle, "guest", json!({"action": "fail-migration", "vmid": 100, "once": true})).await;
    let migrate = async || {
        let upid = call(&handle, "POST", "/nodes/pve1/qemu/100/migrate", "target=pve2").await.data();
        advance(&handle, 20.0);
        let path = format!("/nodes/pve1/tasks/{}/status", upid.as_str().unwrap());
        call(&handle, "GET", &path, "").await.data()["exitstatus"].clone()
    };
    assert_eq!(migrate().await, "migration aborted");
    assert_eq!(migrate().await, "OK");
}
