//! What has no HTTP API, through real OpenSSH servers. All other tests of it go through them, too, with `PVE_ACC_SSHD=1`.

use std::sync::Arc;

use acceptance_tests::{Cluster, Workspace};
use pve_emulator::Release;

const ALL: &str = r#"
resource "pve_fence_device" "a" {
  name           = "tfacc"
  agent          = "fence_ipmilan"
  options        = { username = "a b;#$HOME", lanplus = "" }
  secret_options = { password = "canary" }
  connect {
    node    = "pve1"
    options = { ip = "10.0.9.1" }
  }
  connect {
    node    = "pve2"
    options = { ip = "10.0.9.2" }
  }
  verify = true
}

resource "pve_corosync_options" "a" {
  token = 4000
}

resource "pve_qdevice" "a" {
  address = "10.0.0.100"
}

resource "pve_node_maintenance" "a" {
  node = "pve2"
}

resource "pve_node_watchdog" "a" {
  node   = "pve1"
  module = "ipmi_watchdog"
}
"#;

#[test]
#[cfg_attr(no_openssh, ignore = "OpenSSH is not installed: `cargo xtask test` installs it")]
fn all_that_has_no_http_api() {
    let name = "through_sshd::all_that_has_no_http_api";
    let Some(cluster) = Cluster::of_nodes(name, Release::V9, 2).map(Arc::new) else { return };
    let _hurry = cluster.hurry();
    let servers = cluster.sshd();
    let w = Workspace::new(&cluster);
    w.configure(ALL);
    w.apply();
    let once: usize = servers.all().map(|(_, server)| server.accepted()).sum();
    assert!(servers.of("pve1").accepted() > 0, "{}", servers.of("pve1").log());
    // A plan and an apply in one run are two processes at most, each with one connection per node.
    assert!(once <= 4, "{once} logins");
    w.plan_is_empty();
    let text = cluster.shared_file("/etc/pve/ha/fence.cfg").unwrap();
    assert!(text.contains("canary") && text.contains("device tfacc:1 fence_ipmilan"), "{text}");
    for (node, server) in servers.all() {
        assert!(!server.log().contains("canary"), "{node}");
    }

    // Cut between two runs and behind the state's back: nothing is lost.
    for (_, server) in servers.all() {
        server.cut();
    }
    let changed = ALL.replace("ipmi_watchdog", "iTCO_wdt").replace("10.0.9.2", "10.0.9.3");
    w.configure(&changed.replace("token = 4000", "token = 5000"));
    let mut changes = w.plan().changes();
    changes.sort();
    assert_eq!(changes, ["pve_corosync_options.a update", "pve_fence_device.a update", "pve_node_watchdog.a update"]);
    w.apply();
    w.plan_is_empty();
    w.destroy();
    assert!(!cluster.shared_file("/etc/pve/ha/fence.cfg").unwrap_or_default().contains("tfacc"));
}
