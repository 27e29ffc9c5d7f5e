//! `pve_ha_readiness`: each failed check passes once its cause is repaired.

use std::collections::BTreeMap;
use std::sync::Arc;

use acceptance_tests::{Cluster, Workspace};
use pve_emulator::{Options, Release};
use serde_json::Value as Json;

const OUTPUTS: &str = r#"
output "ready" { value = data.pve_ha_readiness.this.ready }
output "blockers" { value = data.pve_ha_readiness.this.blockers }
output "checks" { value = data.pve_ha_readiness.this.checks }
"#;

pub fn cluster(test: &str, release: Release) -> Option<Arc<Cluster>> {
    let cluster = Cluster::own(test, Options { release, ..Options::default() })?;
    let mut world = cluster.emulator().cluster().world();
    world.write_file("/etc/pve/ha/resources.cfg", "vm: 100\n\tstate started\n\nvm: 101\n\tstate started\n");
    world.advance(120.0);
    drop(world);
    Some(Arc::new(cluster))
}

/// Puts the disks of the HA guests on shared storage.
pub fn share_disks(cluster: &Cluster) {
    let mut world = cluster.emulator().cluster().world();
    for vmid in [100, 101] {
        for (_, value) in world.guests.get_mut(&vmid).unwrap().config.iter_mut().filter(|(key, _)| key == "scsi0") {
            *value = format!("shared-nfs:vm-{vmid}-disk-0,size=8G");
        }
    }
}

/// A backup job of all guests that runs within minutes, and its first run.
pub fn back_up(cluster: &Cluster) {
    let job = [("schedule", "*:0/5"), ("all", "1"), ("storage", "shared-nfs"), ("enabled", "1")];
    cluster.api.send("POST", "/cluster/backup", &job).unwrap_or_else(|refused| panic!("{refused}"));
    for _ in 0..60 {
        cluster.emulator().cluster().world().advance(30.0);
    }
}

/// Each check's status and detail.
fn checks(w: &Workspace) -> BTreeMap<String, (String, String)> {
    let outputs: Json = serde_json::from_str(&w.run(&["output", "-json"]).text).unwrap();
    let text = |json: &Json| json.as_str().unwrap().to_owned();
    let checks = outputs["checks"]["value"].as_array().unwrap().iter();
    checks.map(|check| (text(&check["id"]), (text(&check["status"]), text(&check["detail"])))).collect()
}

fn status<'a>(checks: &'a BTreeMap<String, (String, String)>, id: &str) -> &'a str {
    &checks[id].0
}

#[test]
fn on_pve_9() {
    story("readiness::on_pve_9", Release::V9);
}

#[test]
fn on_pve_8() {
    story("readiness::on_pve_8", Release::V8);
}

fn story(test: &str, release: Release) {
    let Some(cluster) = cluster(test, release) else { return };
    let w = Workspace::new(&cluster);
    w.configure(
        &(String::from("data \"pve_ha_readiness\" \"this\" {\n  expect = { nodes = 3, services = [\"vm:100\"] }\n}\n")
            + OUTPUTS),
    );
    w.apply();
    let before = checks(&w);
    for (id, expected) in [
        ("cluster_formed", "pass"),
        ("expected", "pass"),
        ("versions_equal", "pass"),
        ("quorum", "pass"),
        ("quorum_margin", "pass"),
        ("qdevice", "skipped"),
        ("storage", "fail"),
        ("fence_devices", "unknown"),
        ("fencing_mode", "pass"),
        ("watchdog", "unknown"),
        ("master_active", "pass"),
        ("lrm_active", "pass"),
        ("clocks", "pass"),
        ("maintenance", "pass"),
        ("services", "pass"),
        ("rules_valid", "pass"),
        ("failover", "fail"),
        ("unmanaged_guests", "skipped"),
        ("backup", "fail"),
        ("restore_test", "unknown"),
        ("failover_drill", "unknown"),
        ("notification_target", "pass"),
        ("notification_matcher", "pass"),
        ("restart_loops", "pass"),
    ] {
        assert_eq!(status(&before, id), expected, "{id}: {}", before[id].1);
    }
    // Nothing in it differs from read to read.
    cluster.emulator().cluster().world().advance(45.0);
    w.plan_is_empty();

    share_disks(&cluster);
    back_up(&cluster);
    w.apply();
    let after = checks(&w);
    for id in ["storage", "failover", "backup"] {
        assert_eq!(status(&after, id), "pass", "{id}: {}", after[id].1);
    }
    let outputs: Json = serde_json::from_str(&w.run(&["output", "-json"]).text).unwrap();
    assert_eq!(outputs["blockers"]["value"], serde_json::json!([]));
    assert_eq!(outputs["ready"]["value"], true);
    cluster.emulator().cluster().world().advance(45.0);
    w.plan_is_empty();
    w.destroy();
}

#[test]
fn a_gate_holds_a_phase_until_the_one_before_it_runs() {
    let name = "readiness::a_gate_holds_a_phase_until_the_one_before_it_runs";
    let Some(cluster) = cluster(name, Release::V9) else { return };
    let w = Workspace::new(&cluster);
    w.configure(
        r#"
data "pve_ha_readiness" "this" {
  profile = "lab"
  expect  = { services = ["vm:102"] }
}
resource "pve_ha_resource" "next" {
  sid = "vm:103"
  lifecycle {
    precondition {
      condition     = data.pve_ha_readiness.this.ready
      error_message = join("\n", data.pve_ha_readiness.this.blockers)
    }
  }
}
"#,
    );
    let refused = w.plan_fails();
    let text = refused.only_error().flat();
    assert!(text.contains("expected (fail): vm:102 is not an HA resource"), "{text}");
    let resource = [("sid", "vm:102")];
    cluster.api.send("POST", "/cluster/ha/resources", &resource).unwrap_or_else(|refused| panic!("{refused}"));
    cluster.emulator().cluster().world().advance(120.0);
    w.apply();
    w.destroy();
}

#[test]
fn the_nodes_themselves_are_asked_where_ssh_is_configured() {
    let name = "readiness::the_nodes_themselves_are_asked_where_ssh_is_configured";
    let Some(cluster) = Cluster::own(name, Options { ssh: true, ..Options::default() }).map(Arc::new) else { return };
    {
        let mut world = cluster.emulator().cluster().world();
        world.write_file("/etc/pve/datacenter.cfg", "migration: secure,network=10.0.0.0/24\n");
        world.write_file(
            "/etc/pve/ha/fence.cfg",
            "device ipmi fence_ipmilan login=admin\nconnect ipmi node=pve1 ip=10.9.0.1\n",
        );
    }
    let w = Workspace::new(&cluster);
    w.configure(&format!("data \"pve_ha_readiness\" \"this\" {{}}\n{OUTPUTS}"));
    w.apply();
    let reported = checks(&w);
    for (id, expected) in [("watchdog", "pass"), ("fence_devices", "pass"), ("migration_network", "pass")] {
        assert_eq!(status(&reported, id), expected, "{id}: {}", reported[id].1);
    }
    // The emulated nodes have one link each.
    assert_eq!(status(&reported, "corosync_links"), "fail", "{}", reported["corosync_links"].1);
    w.plan_is_empty();

    cluster
        .emulator()
        .cluster()
        .world()
        .write_file("/etc/pve/datacenter.cfg", "migration: secure,network=10.99.0.0/24\n");
    cluster
        .emulator()
        .cluster()
        .world()
        .write_file("/etc/pve/ha/fence.cfg", "device ipmi fence_ipmilan login=admin\nconnect ipmi node=pve1 port=3\n");
    w.apply();
    let reported = checks(&w);
    for id in ["fence_devices", "migration_network"] {
        assert_eq!(status(&reported, id), "fail", "{id}: {}", reported[id].1);
    }
    w.destroy();
}

/// HA resources with what protects them, all of which exists only in the plan; `COUNT` of each safeguard.
const PLANNED: &str = r#"
provider "pve" {
  ignore_preflight = ["backup-misses-ha-guest", "fencing-unheard"]
}
resource "pve_ha_resource" "web" {
  for_each = toset(["vm:100", "vm:101"])
  sid      = each.key
}
resource "pve_backup_job" "nightly" {
  count    = COUNT
  name     = "nightly"
  schedule = "21:00"
  guests   = [100, 101]
  storage  = "shared-nfs"
  prune {
    keep_last = 3
  }
}
resource "pve_notification_sendmail" "oncall" {
  count  = COUNT
  name   = "oncall"
  mailto = ["oncall@example.com"]
}
resource "pve_notification_matcher" "alerts" {
  count   = COUNT
  name    = "alerts"
  targets = pve_notification_sendmail.oncall[*].name
  fields  = { type = ["fencing", "replication"] }
}
# Core defers a data source that names a changing resource itself.
locals {
  services = values(pve_ha_resource.web)
  jobs     = [for job in pve_backup_job.nightly : job]
  targets  = [for target in pve_notification_sendmail.oncall : target]
  matchers = [for matcher in pve_notification_matcher.alerts : matcher]
}
data "pve_ha_readiness" "this" {
  resources             = local.services
  backup_jobs           = local.jobs
  notification_targets  = local.targets
  notification_matchers = local.matchers
}
"#;

/// What a plan says of the checks, by id.
fn planned_checks(w: &Workspace) -> (bool, BTreeMap<String, String>) {
    let plan = w.plan();
    let outputs = &plan.0["planned_values"]["outputs"];
    let checks = outputs["checks"]["value"].as_array().unwrap_or_else(|| panic!("deferred: {outputs}"));
    let text = |json: &Json| json.as_str().unwrap().to_owned();
    let checks = checks.iter().map(|check| (text(&check["id"]), text(&check["status"]))).collect();
    (outputs["ready"]["value"] == true, checks)
}

#[test]
fn a_gate_that_is_read_in_the_plan_of_the_first_phase_judges_it_on_pve_9() {
    planned("readiness::a_gate_that_is_read_in_the_plan_of_the_first_phase_judges_it_on_pve_9", Release::V9);
}

#[test]
fn a_gate_that_is_read_in_the_plan_of_the_first_phase_judges_it_on_pve_8() {
    planned("readiness::a_gate_that_is_read_in_the_plan_of_the_first_phase_judges_it_on_pve_8", Release::V8);
}

fn planned(test: &str, release: Release) {
    let Some(cluster) = Cluster::own(test, Options { release, ..Options::default() }).map(Arc::new) else { return };
    share_disks(&cluster);
    cluster.api.put("/cluster/notifications/matchers/default-matcher", &[("disable", "1")]);
    let w = Workspace::new(&cluster);
    // Nothing is under HA yet, and still the plan is not ready.
    w.configure(&(PLANNED.replace("COUNT", "0") + OUTPUTS));
    let (ready, checks) = planned_checks(&w);
    let of = |id: &str| checks[id].as_str();
    assert_eq!((of("backup"), of("notification_matcher"), of("services")), ("fail", "fail", "skipped"));
    assert!(!ready);
    // With all of it in one plan it is, and after it.
    w.configure(&(PLANNED.replace("COUNT", "1") + OUTPUTS));
    let (ready, checks) = planned_checks(&w);
    assert!(ready, "{checks:?}");
    assert_eq!((checks["storage"].as_str(), checks["failover"].as_str()), ("pass", "pass"));
    w.apply();
    cluster.emulator().cluster().world().advance(120.0);
    assert!(planned_checks(&w).0);
    // To remove the job is a plan that is not ready.
    let removed =
        PLANNED.replace("COUNT", "1").replace("backup_jobs           = local.jobs", "removed = [\"nightly\"]");
    w.configure(&(removed + OUTPUTS));
    let (ready, checks) = planned_checks(&w);
    assert_eq!((ready, checks["backup"].as_str()), (false, "fail"));
    w.destroy();
}
