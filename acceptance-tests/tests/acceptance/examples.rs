//! Every example of a resource is written as the CLI writes it, can be applied, and can be imported as it says.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use acceptance_tests::{Cluster, Workspace};
use pve_emulator::{Options, Release};

use crate::corosync_options::with_second_network;

/// What only PVE 8 has.
const ONLY_ON_PVE_8: [&str; 1] = ["pve_ha_group"];

/// What the examples leave to the user.
pub(crate) const SECRETS: &str =
    "ipmi_password = \"secret\"\nsmtp_password = \"secret\"\ngotify_token = \"secret\"\nchat_token = \"secret\"\n";

/// What is done over SSH, on either release.
pub(crate) const OVER_SSH: [&str; 5] =
    ["pve_corosync_options", "pve_fence_device", "pve_node_maintenance", "pve_node_watchdog", "pve_qdevice"];

#[test]
fn on_pve_9() {
    each_on("examples::on_pve_9", Release::V9);
}

#[test]
fn on_pve_8() {
    each_on("examples::on_pve_8", Release::V8);
}

/// What needs nodes that are on their own, and is tried in `cluster::lives`.
const OF_NODES_ALONE: [&str; 2] = ["pve_cluster", "pve_cluster_member"];

/// Whether the example called `name` is tried on `release`.
pub(crate) fn fits(name: &str, release: Release) -> bool {
    match release {
        _ if OF_NODES_ALONE.contains(&name) => false,
        Release::V8 => ONLY_ON_PVE_8.contains(&name) || OVER_SSH.contains(&name),
        _ => !ONLY_ON_PVE_8.contains(&name),
    }
}

fn each_on(test: &str, release: Release) {
    let examples: Vec<PathBuf> = resources().into_iter().filter(|example| fits(name(example), release)).collect();
    assert!(!examples.is_empty());
    for example in examples {
        // Each begins with the same cluster: guests stay where HA has moved them.
        let cluster = match name(&example) {
            "pve_qdevice" => Cluster::of_nodes(test, release, 2),
            kind if OVER_SSH.contains(&kind) => Cluster::with_ssh(test, release),
            _ => Cluster::own(test, Options { release, ..Options::default() }),
        };
        let Some(cluster) = cluster.map(Arc::new) else { return };
        if name(&example) == "pve_corosync_options" {
            with_second_network(&cluster);
        }
        let before = cluster.inventory();
        let _hurry = cluster.hurry();
        let file = |name: &str| fs::read_to_string(example.join(name)).unwrap();
        let [w, fresh] = [(); 2].map(|()| {
            let w = Workspace::new(&cluster);
            w.write("terraform.tfvars", SECRETS);
            w
        });
        w.configure(&file("resource.tf"));
        w.apply();
        w.plan_is_empty();
        fresh.configure(&file("resource.tf"));
        fresh.write("import.tf", &file("import.tf"));
        let plan = fresh.plan();
        assert_eq!(plan.imports(), 1, "{}", name(&example));
        // The shell says the same as the block.
        let (block, shell) = (file("import.tf"), file("import.sh"));
        let address = block.lines().find_map(|line| line.trim().strip_prefix("to = ")).unwrap();
        let id = block.split('"').nth(1).unwrap();
        let said = |line: &str| line.replace('"', "") == format!("terraform import {address} {id}");
        assert!(shell.lines().any(said), "{shell}");
        // What Proxmox doesn't store can't be imported.
        let changed = plan.changed(address);
        let is_moved = changed.contains("secret_options_wo_version");
        let expected = |name: &String| match name.as_str() {
            "timeouts" | "verify" => true,
            // An import can't say what is write-only, and the write may change the order.
            "after" | "secret_options" | "secret_options_wo_names" => is_moved,
            name => name.ends_with("_wo_version"),
        };
        assert!(changed.iter().all(expected), "{address}: {changed:?}");
        w.destroy();
        assert_eq!(cluster.inventory(), before, "{}", name(&example));
    }
}

#[test]
fn they_are_formatted() {
    let Some(cluster) = Cluster::own("examples::they_are_formatted", Options::default()).map(Arc::new) else { return };
    let w = Workspace::new(&cluster);
    let folder = root().join("examples");
    w.expect(0, &["fmt", "-check", "-diff", "-recursive", folder.to_str().unwrap()]);
}

/// The folders of the examples of resources.
pub(crate) fn resources() -> Vec<PathBuf> {
    let folders = fs::read_dir(root().join("examples/resources")).unwrap();
    let mut folders: Vec<PathBuf> = folders.map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    folders
}

fn name(example: &Path) -> &str {
    example.file_name().unwrap().to_str().unwrap()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}
