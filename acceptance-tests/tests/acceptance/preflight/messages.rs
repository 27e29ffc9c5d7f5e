//! The checks as a user of the CLI meets them.

use std::sync::Arc;

use acceptance_tests::{Cluster, Workspace};
use pve_emulator::{Options, Release};

#[test]
fn a_plan_reports_the_line_and_the_next_step() {
    let name = "preflight::messages::a_plan_reports_the_line_and_the_next_step";
    let Some(cluster) = Cluster::own(name, Options::default()).map(Arc::new) else { return };
    let w = Workspace::new(&cluster);
    w.configure(
        r#"resource "pve_ha_resource" "web" {
  sid          = "vm:100"
  max_relocate = 0
}
resource "pve_ha_node_affinity_rule" "web" {
  name      = "web"
  resources = [pve_ha_resource.web.sid]
  nodes     = { pve1 = 1 }
  strict    = true
}
"#,
    );
    let run = w.expect(0, &["plan", "-json"]);
    // Core prints the warnings of two objects in any order.
    let mut reported: Vec<_> =
        run.warnings().iter().map(|m| (m.address.clone(), m.summary.clone(), m.line.clone())).collect();
    reported.sort();
    let expected = [
        ("pve_ha_node_affinity_rule.web", "No failover: web", "nodes     = { pve1 = 1 }"),
        ("pve_ha_resource.web", "Relocation is disabled: vm:100", "max_relocate = 0"),
    ];
    assert_eq!(reported, expected.map(|(a, s, l)| (a.to_owned(), s.to_owned(), l.to_owned())));
    // The apply repeats the findings of the plan.
    w.apply();
    w.plan_is_empty();
    // Silenced in the provider block.
    w.write(
        "provider.tf",
        "provider \"pve\" {\n  ignore_preflight = [\"backup-misses-ha-guest\", \"no-relocation\", \"single-node-placement\"]\n}\n",
    );
    w.expect(0, &["destroy", "-auto-approve", "-json"]);
    let run = w.expect(0, &["plan", "-json"]);
    assert!(run.warnings().is_empty(), "{}", run.text);
}

#[test]
fn two_rules_of_one_configuration_that_contradict_each_other_are_an_error() {
    let name = "preflight::messages::two_rules_of_one_configuration_that_contradict_each_other_are_an_error";
    let Some(cluster) = Cluster::own(name, Options::default()).map(Arc::new) else { return };
    let w = Workspace::new(&cluster);
    w.configure(
        r#"resource "pve_ha_resource" "r" {
  for_each = toset(["vm:100", "vm:101"])
  sid      = each.key
}
resource "pve_ha_resource_affinity_rule" "near" {
  name      = "near"
  resources = [for r in pve_ha_resource.r : r.sid]
  affinity  = "positive"
}
resource "pve_ha_resource_affinity_rule" "far" {
  name       = "far"
  resources  = [for r in pve_ha_resource.r : r.sid]
  affinity   = "negative"
  depends_on = [pve_ha_resource_affinity_rule.near]
}
resource "pve_ha_node_affinity_rule" "typo" {
  name      = "typo"
  resources = [pve_ha_resource.r["vm:100"].sid]
  nodes     = { pve1 = 1, pv2 = 1 }
}
"#,
    );
    cluster.emulator().counters().reset();
    let run = w.plan_fails();
    let mut reported: Vec<_> = run.errors().iter().map(|m| (m.address.clone(), m.summary.clone())).collect();
    reported.sort();
    let expected = [
        ("pve_ha_node_affinity_rule.typo", "Unknown node pv2 in rule typo"),
        ("pve_ha_resource_affinity_rule.far", "Resources are kept together and apart: far"),
    ];
    assert_eq!(reported, expected.map(|(a, s)| (a.to_owned(), s.to_owned())), "{}", run.text);
    let asked = cluster.emulator().counters().report();
    assert!(asked["requests"].as_object().unwrap().keys().all(|call| call.starts_with("GET ")), "{asked}");
}

#[test]
fn destroying_everything_warns_of_nothing() {
    let name = "preflight::messages::destroying_everything_warns_of_nothing";
    let Some(cluster) = Cluster::own(name, Options::default()).map(Arc::new) else { return };
    let w = Workspace::new(&cluster);
    let resources = "resource \"pve_ha_resource\" \"r\" {\n  for_each = toset([\"vm:100\", \"vm:101\"])\n  sid      = each.key\n}\n";
    let rule = "resource \"pve_ha_resource_affinity_rule\" \"far\" {\n  name      = \"far\"\n  resources = [for r in pve_ha_resource.r : r.sid]\n  affinity  = \"negative\"\n}\n";
    w.configure(&format!("{resources}{rule}"));
    w.apply();
    let run = w.expect(0, &["plan", "-destroy", "-json"]);
    assert!(run.warnings().is_empty(), "{}", run.text);
    // Only the resources: the rule remains, and is reported.
    let run = w.expect(0, &["state", "rm", "pve_ha_resource_affinity_rule.far"]);
    assert!(run.warnings().is_empty());
    w.configure("");
    let run = w.expect(0, &["plan", "-json"]);
    let reported: Vec<String> = run.warnings().iter().map(|m| m.flat()).collect();
    assert!(reported.len() == 2 && reported.iter().all(|text| text.contains("far still names it")), "{reported:?}");
}

#[test]
fn on_pve_8_groups_are_checked() {
    let name = "preflight::messages::on_pve_8_groups_are_checked";
    let options = Options { release: Release::V8, ..Options::default() };
    let Some(cluster) = Cluster::own(name, options).map(Arc::new) else { return };
    let w = Workspace::new(&cluster);
    w.configure(
        "resource \"pve_ha_group\" \"web\" {\n  name       = \"web\"\n  nodes      = { pve1 = 1 }\n  restricted = true\n}\n",
    );
    let run = w.expect(0, &["plan", "-json"]);
    let reported: Vec<_> = run.warnings().iter().map(|m| m.summary.clone()).collect();
    assert_eq!(reported, ["No failover: web"], "{}", run.text);
}

#[test]
fn a_tainted_object_is_not_reported_as_made_outside_of_terraform() {
    let name = "preflight::messages::a_tainted_object_is_not_reported_as_made_outside_of_terraform";
    let Some(cluster) = Cluster::own(name, Options::default()).map(Arc::new) else { return };
    let w = Workspace::new(&cluster);
    w.configure("resource \"pve_ha_resource\" \"r\" {\n  sid = \"vm:100\"\n}\n");
    w.apply();
    w.expect(0, &["taint", "pve_ha_resource.r"]);
    let run = w.expect(0, &["plan", "-json"]);
    assert!(run.warnings().is_empty(), "{}", run.text);
    // Out of the state, it is.
    w.expect(0, &["state", "rm", "pve_ha_resource.r"]);
    let run = w.expect(0, &["plan", "-json"]);
    let reported: Vec<_> = run.warnings().iter().map(|warning| warning.summary.clone()).collect();
    assert_eq!(reported, ["The object exists already: vm:100"], "{}", run.text);
    // With an import in its place it is not.
    let import = "import {\n  to = pve_ha_resource.r\n  id = \"vm:100\"\n}\n";
    w.configure(&format!("{import}resource \"pve_ha_resource\" \"r\" {{\n  sid = \"vm:100\"\n}}\n"));
    let run = w.expect(0, &["plan", "-json"]);
    assert!(run.warnings().is_empty(), "{}", run.text);
}
