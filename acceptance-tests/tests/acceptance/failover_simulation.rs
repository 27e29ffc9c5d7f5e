//! `pve_ha_failover_simulation`: foretold in the plan, and true.

use std::collections::BTreeMap;
use std::sync::Arc;

use acceptance_tests::{Cluster, Workspace};
use pve_emulator::world::World;
use pve_emulator::{Options, Release};
use serde_json::Value as Json;

/// A cluster whose guests have their disks on shared storage.
fn cluster(test: &str, release: Release) -> Option<Arc<Cluster>> {
    let cluster = Cluster::own(test, Options { release, ..Options::default() })?;
    let mut world = cluster.emulator().cluster().world();
    for vmid in [100, 101, 102] {
        put_disk(&mut world, vmid, "shared-nfs");
    }
    drop(world);
    Some(Arc::new(cluster))
}

fn put_disk(world: &mut World, vmid: u32, storage: &str) {
    let guest = world.guests.get_mut(&vmid).unwrap();
    for (_, value) in guest.config.iter_mut().filter(|(key, _)| key == "scsi0") {
        *value = format!("{storage}:vm-{vmid}-disk-0,size=8G");
    }
}

const OUTPUTS: &str = r#"
output "survivable" { value = data.pve_ha_failover_simulation.this.survivable }
output "problems" { value = data.pve_ha_failover_simulation.this.problems }
output "scenarios" { value = data.pve_ha_failover_simulation.this.scenarios }
output "markdown" { value = data.pve_ha_failover_simulation.this.summary_markdown }
output "page" { value = data.pve_ha_failover_simulation.this.report_html }
"#;

const RESOURCES: &str = r#"
resource "pve_ha_resource" "all" {
  for_each = toset(["vm:100", "vm:101", "vm:102"])
  sid      = each.key
  timeouts { create = "1m" }
}
# Core defers a data source that names a changing resource itself.
locals {
  services = values(pve_ha_resource.all)
}
data "pve_ha_failover_simulation" "this" {
  resources = local.services
  report    = true
PLANS
}
"#;

fn what_if(plans: &str) -> String {
    RESOURCES.replace("PLANS", plans) + OUTPUTS
}

/// What a plan says of an output, if it knows it.
fn planned(w: &Workspace, output: &str) -> Json {
    w.plan().0["planned_values"]["outputs"][output]["value"].clone()
}

/// The HA manager takes over what was created; after that nothing changes any more.
fn settle(cluster: &Cluster, w: &Workspace) {
    cluster.emulator().cluster().world().advance(120.0);
    w.apply();
    cluster.emulator().cluster().world().advance(45.0);
    w.plan_is_empty();
}

/// Service to node after the failure of `node`.
fn foretold(w: &Workspace, node: &str) -> BTreeMap<String, String> {
    let outputs: Json = serde_json::from_str(&w.run(&["output", "-json"]).text).unwrap();
    let scenarios = outputs["scenarios"]["value"].as_array().unwrap().clone();
    let scenario = scenarios.iter().find(|scenario| scenario["name"] == node).unwrap();
    let fates = scenario["services"].as_array().unwrap().iter();
    let text = |json: &Json| json.as_str().unwrap().to_owned();
    fates.map(|fate| (text(&fate["sid"]), text(&fate["to"]))).collect()
}

#[test]
fn a_plan_knows_what_will_happen_and_it_happens() {
    let name = "failover_simulation::a_plan_knows_what_will_happen_and_it_happens";
    let Some(cluster) = cluster(name, Release::V9) else { return };
    let w = Workspace::new(&cluster);
    w.configure(&what_if(""));
    // Nothing exists yet.
    assert_eq!(planned(&w, "survivable"), true);
    w.apply();
    settle(&cluster, &w);
    let foretold = foretold(&w, "pve1");
    assert_eq!(foretold.keys().collect::<Vec<_>>(), ["vm:100"]);
    let mut world = cluster.emulator().cluster().world();
    world.power("pve1", false);
    world.advance(400.0);
    for (sid, node) in &foretold {
        assert_eq!(world.guest_of_sid(sid).unwrap().node, *node, "{sid}");
    }
    world.power("pve1", true);
    world.advance(120.0);
    drop(world);
    w.destroy();
}

#[test]
fn rules_that_do_not_exist_yet_are_part_of_it() {
    let name = "failover_simulation::rules_that_do_not_exist_yet_are_part_of_it";
    let Some(cluster) = cluster(name, Release::V9) else { return };
    let w = Workspace::new(&cluster);
    let rules = r#"
resource "pve_ha_node_affinity_rule" "all" {
  for_each  = { pinned = "vm:100" }
  name      = each.key
  resources = [pve_ha_resource.all[each.value].sid]
  nodes     = { pve1 = 1 }
  strict    = true
}
locals {
  rules = values(pve_ha_node_affinity_rule.all)
}
"#;
    w.configure(&(what_if("  node_affinity_rules = local.rules\n") + rules));
    let problems = planned(&w, "problems");
    assert_eq!(
        problems,
        serde_json::json!([
            "pve1 fails: vm:100 can't be placed: rule 'pinned' allows only pve1, and none of them is online"
        ])
    );
    // By hand, with what is left out being null; and without the rule's resource after all.
    w.configure(
        &(String::from(
            r#"
data "pve_ha_failover_simulation" "this" {
  resources                = [{ sid = "vm:100" }, { sid = "vm:101", state = "stopped" }]
  node_affinity_rules      = [{ name = "pinned", resources = ["vm:100"], nodes = { pve1 = 1 }, strict = true }]
  resource_affinity_rules  = [{ name = "apart", resources = ["vm:100", "vm:101"], affinity = "negative" }]
  removed                  = ["vm:999"]
  failed_nodes             = ["pve1"]
}
"#,
        ) + OUTPUTS),
    );
    assert_eq!(planned(&w, "survivable"), false);
}

#[test]
fn named_directly_it_is_read_during_apply() {
    let name = "failover_simulation::named_directly_it_is_read_during_apply";
    let Some(cluster) = cluster(name, Release::V9) else { return };
    let w = Workspace::new(&cluster);
    w.configure(&what_if("").replace("= local.services", "= values(pve_ha_resource.all)"));
    assert_eq!(planned(&w, "survivable"), Json::Null);
    w.apply();
    let outputs: Json = serde_json::from_str(&w.run(&["output", "-json"]).text).unwrap();
    assert_eq!(outputs["survivable"]["value"], true);
    w.destroy();
}

#[test]
fn groups_on_pve_8() {
    let Some(cluster) = cluster("failover_simulation::groups_on_pve_8", Release::V8) else { return };
    let w = Workspace::new(&cluster);
    let group = r#"
resource "pve_ha_group" "all" {
  for_each   = toset(["web"])
  name       = each.key
  nodes      = { pve1 = 2, pve3 = 1 }
  restricted = true
}
resource "pve_ha_resource" "all" {
  for_each = toset(["vm:100"])
  sid      = each.key
  group    = pve_ha_group.all["web"].name
}
locals {
  services = values(pve_ha_resource.all)
  groups   = values(pve_ha_group.all)
}
data "pve_ha_failover_simulation" "this" {
  resources = local.services
  groups    = local.groups
  report    = true
}
"#;
    w.configure(&(group.to_owned() + OUTPUTS));
    let scenarios = planned(&w, "scenarios");
    let fate = &scenarios[0]["services"][0];
    assert_eq!((&fate["to"], &fate["disk"]), (&"pve3".into(), &"shared".into()), "{fate}");
    assert_eq!(fate["reason"], "group 'web': highest priority online is 1 (pve3)");
    w.apply();
    settle(&cluster, &w);
    w.destroy();
}

#[test]
fn a_gate_refuses_what_would_not_be_survived_and_opens_when_it_would() {
    let name = "failover_simulation::a_gate_refuses_what_would_not_be_survived_and_opens_when_it_would";
    let Some(cluster) = cluster(name, Release::V9) else { return };
    put_disk(&mut cluster.emulator().cluster().world(), 100, "local-zfs");
    let w = Workspace::new(&cluster);
    let gate = r#"
data "pve_ha_failover_simulation" "this" {
  resources = [{ sid = "vm:100" }]
  report    = true
}
resource "pve_ha_resource" "web" {
  sid = "vm:100"
  lifecycle {
    precondition {
      condition     = data.pve_ha_failover_simulation.this.survivable
      error_message = join("\n", data.pve_ha_failover_simulation.this.problems)
    }
  }
}
"#;
    w.configure(&(gate.to_owned() + OUTPUTS));
    let refused = w.plan_fails();
    let text = refused.only_error().flat();
    assert!(text.contains("scsi0 is on local-zfs, which is not shared, and pve2 has no replica"), "{text}");

    // A replica on every node that may take it is the remedy.
    {
        let mut world = cluster.emulator().cluster().world();
        world.write_file(
            "/etc/pve/replication.cfg",
            "local: 100-0\n\ttarget pve2\n\tsource pve1\n\nlocal: 100-1\n\ttarget pve3\n\tsource pve1\n",
        );
        world.advance(1800.0);
    }
    let scenarios = planned(&w, "scenarios");
    assert_eq!(scenarios[0]["services"][0]["disk_detail"], "replica at most 30 minutes old");
    w.apply();
    settle(&cluster, &w);
    // The age of a replica grows; the page and the summary stay.
    let copies = cluster.emulator().cluster();
    for _ in 0..3 {
        copies.world().advance(400.0);
        w.plan_is_empty();
    }
    w.destroy();
}

#[test]
fn arguments_that_do_not_fit_the_cluster_say_so() {
    let name = "failover_simulation::arguments_that_do_not_fit_the_cluster_say_so";
    let Some(cluster) = cluster(name, Release::V9) else { return };
    let w = Workspace::new(&cluster);
    for (argument, expected) in [
        ("failed_nodes = [\"pve9\"]", "the cluster has no node pve9. Its nodes are pve1, pve2, pve3"),
        ("groups = [{ name = \"web\", nodes = { pve1 = 1 } }]", "Pass `node_affinity_rules`"),
        ("depth = 3", "must be at most 2"),
        ("resources = [{ sid = \"100\" }]", "must be vm:ID or ct:ID"),
        ("resources = [{ sid = null }]", "is required"),
    ] {
        w.configure(&format!("data \"pve_ha_failover_simulation\" \"this\" {{\n  {argument}\n}}\n"));
        let run = w.plan_fails();
        let error = run.only_error();
        assert!(error.flat().contains(expected), "{argument}: {}", run.text);
        // Core finds no line for what is inside of a value.
        let line =
            if argument.starts_with("resources") { "data \"pve_ha_failover_simulation\" \"this\" {" } else { argument };
        assert_eq!(error.line.trim(), line, "{}", run.text);
    }
}
