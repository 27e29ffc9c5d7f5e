//! `--plan` with a plan of the real CLI: a change that makes a guest unsurvivable, and values that are unknown or sensitive.

use std::fs;
use std::sync::Arc;

use acceptance_tests::Cluster;
use acceptance_tests::runtime;
use acceptance_tests::workspace::Workspace;
use pve_emulator::{Options, Release};
use serde_json::json;
use terraform_provider_pve::report::{Comparison, Ended, Survival, Variables};

use super::{put_disk, run};

/// A cluster with three HA resources, and a workspace for plans on it.
struct Scene {
    cluster: Arc<Cluster>,
    workspace: Workspace,
}

impl Scene {
    fn set(test: &str) -> Option<Self> {
        let cluster = Arc::new(Cluster::own(test, Options::default())?);
        {
            let mut world = cluster.emulator().cluster().world();
            let mut resources = String::new();
            for vmid in [100, 101, 102] {
                resources.push_str(&format!("vm: {vmid}\n\tstate started\n\n"));
                put_disk(&mut world, vmid, "shared-nfs");
            }
            world.write_file("/etc/pve/ha/resources.cfg", &*resources);
            world.advance(1800.0);
        }
        let workspace = Workspace::new(&cluster);
        Some(Self { cluster, workspace })
    }

    /// The report about the plan of this configuration.
    fn report(&self, configuration: &str, arguments: &[&str]) -> Ended {
        self.workspace.configure(configuration);
        let plan = self.workspace.plan().0;
        let file = self.workspace.path("plan.json");
        fs::write(&file, plan.to_string()).unwrap();
        let variables: Variables = self.cluster.environment.iter().cloned().collect();
        let arguments = [&["--plan", file.to_str().unwrap()], arguments].concat();
        runtime::block_on(run(&arguments, &variables))
    }
}

const PIN: &str = r#"
resource "pve_ha_node_affinity_rule" "pin" {
  name      = "pin"
  resources = ["vm:101"]
  nodes     = NODES
  strict    = true
  comment   = COMMENT
}
"#;

fn pin(nodes: &str, comment: &str) -> String {
    PIN.replace("NODES", nodes).replace("COMMENT", comment)
}

#[test]
fn a_plan_that_pins_a_guest_is_not_survivable_and_says_why() {
    let Some(scene) = Scene::set("report::plan::pins_a_guest") else { return };
    let ended = scene.report(&pin("{ pve2 = 1 }", "null"), &[]);
    assert_eq!(ended.code, 1, "{ended:?}");
    for part in [
        "## What this plan does to failover on emulated",
        "- losing pve2 leaves vm:101 without a node: rule 'pin' allows only pve2",
        "| pve2 | survived | **not survived** | 0 | 1 |",
        "Simulated: create `pve_ha_node_affinity_rule.pin`.",
    ] {
        assert!(ended.output.contains(part), "{part} is missing in\n{}", ended.output);
    }
    let ended = scene.report(&pin("{ pve2 = 2, pve1 = 1 }", "null"), &["--check-only"]);
    assert_eq!((ended.code, ended.output.as_str()), (0, "All 3 simulated failures are survived, before and after it."));
}

#[test]
fn an_unknown_value_could_not_tell_and_a_sensitive_one_is_not_printed() {
    let Some(scene) = Scene::set("report::plan::unknown_and_sensitive") else { return };
    let unknown = format!(
        "resource \"terraform_data\" \"node\" {{ input = \"pve2\" }}\n{}",
        pin("{ (terraform_data.node.output) = 1 }", "null")
    );
    let ended = scene.report(&unknown, &["--format", "json"]);
    let comparison: Comparison = serde_json::from_str(&ended.output).unwrap();
    let after: Vec<_> = comparison.failures.iter().map(|failure| failure.after).collect();
    assert_eq!((ended.code, after), (2, vec![Survival::Survived, Survival::Unknown, Survival::Survived]));
    assert_eq!(comparison.unknown[0].address, "pve_ha_node_affinity_rule.pin");

    let ended = scene.report(&pin("{ pve2 = 1 }", "sensitive(\"geheim\")"), &[]);
    assert!(ended.code == 1 && !ended.output.contains("geheim"), "{ended:?}");
    let ended = scene.report(&pin("sensitive({ pve2 = 1 })", "null"), &[]);
    assert!(ended.code == 2 && ended.output.contains("`nodes` is sensitive"), "{ended:?}");
}

/// The attributes that the provider fills in are known in the plan of a create.
#[test]
fn a_new_ha_resource_with_defaults_is_simulated() {
    let Some(scene) = Scene::set("report::plan::new_ha_resource") else { return };
    put_disk(&mut scene.cluster.emulator().cluster().world(), 103, "shared-nfs");
    let resource = "resource \"pve_ha_resource\" \"db2\" {\n  sid = \"vm:103\"\n}\n";
    let ended = scene.report(resource, &[]);
    assert_eq!(ended.code, 0, "{ended:?}");
    put_disk(&mut scene.cluster.emulator().cluster().world(), 103, "local-zfs");
    let ended = scene.report(resource, &[]);
    assert!(ended.code == 1 && ended.output.contains("losing pve1 leaves vm:103 without its disks on "), "{ended:?}");
}

/// A plan made for PVE 9, reported on a cluster of PVE 8.
#[test]
fn a_plan_for_another_release_does_not_fit() {
    let Some(cluster) =
        Cluster::own("report::plan::another_release", Options { release: Release::V8, ..Options::default() })
    else {
        return;
    };
    let after = json!({"name": "pin", "resources": ["vm:101"], "nodes": {"pve2": 1}, "strict": true});
    let change = json!({"address": "pve_ha_node_affinity_rule.pin", "type": "pve_ha_node_affinity_rule",
        "change": {"actions": ["create"], "before": null, "after": after}});
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plan.json");
    fs::write(&file, json!({"format_version": "1.2", "resource_changes": [change]}).to_string()).unwrap();
    let variables: Variables = cluster.environment.iter().cloned().collect();
    let ended = runtime::block_on(run(&["--plan", file.to_str().unwrap()], &variables));
    assert_eq!(ended.code, 2);
    assert!(ended.messages.starts_with("Error: The plan does not fit the cluster"), "{ended:?}");
    assert!(ended.output.contains("**Undecided.** The plan does not fit the cluster: "), "{ended:?}");
}

#[test]
fn what_is_no_plan_sends_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plan.json");
    fs::write(&file, "{}").unwrap();
    let ended = runtime::block_on(run(&["--plan", file.to_str().unwrap()], &Variables::new()));
    assert!(ended.code == 2 && ended.messages.contains("not the JSON form of a plan"), "{ended:?}");
}
