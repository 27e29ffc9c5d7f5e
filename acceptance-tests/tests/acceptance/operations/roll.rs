//! `do roll`

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use acceptance_tests::big::Big;
use pve_emulator::{Options, Release};
use serde_json::{Value as Json, json};
use terraform_provider_pve::framework::Ending;

use super::{Scene, Told};

pub(super) const UPDATE: &str = "apt-get -y dist-upgrade";

pub(super) fn journal(folder: &tempfile::TempDir) -> String {
    folder.path().join("roll.json").display().to_string()
}

/// Three nodes, each with an HA resource and a guest without HA.
pub(super) fn scene(test: &str) -> Option<Scene> {
    let scene = Scene::of_three(test)?;
    for vmid in [100, 101, 102, 103, 104, 105] {
        scene.share_disks(vmid);
    }
    for sid in ["vm:100", "vm:101", "vm:102"] {
        scene.manage(sid);
    }
    for vmid in [103, 104, 105] {
        scene.start(vmid);
    }
    Some(scene)
}

pub(super) fn places(scene: &Scene) -> Vec<(u32, String, bool)> {
    scene.world(|world| {
        let running = world.guests.values().filter(|guest| guest.is_running());
        running.map(|guest| (guest.vmid, guest.node.clone(), true)).collect()
    })
}

fn kernels(scene: &Scene) -> BTreeSet<String> {
    let nodes = scene.world(|world| world.nodes.keys().cloned().collect::<Vec<_>>());
    nodes.iter().map(|node| scene.cluster.emulator().execute(node, "uname -r", "").stdout).collect()
}

/// Rolls while every running guest is watched: it has to run on a node that is up, at every instant.
pub(super) fn watched(scene: &Scene, config: &Json) -> Told {
    let guests: Vec<u32> = places(scene).into_iter().map(|(vmid, ..)| vmid).collect();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|threads| {
        let watch = threads.spawn(|| {
            let mut looks = 0_u64;
            while !is_over.load(Ordering::Relaxed) {
                scene.world(|world| {
                    let up = world.nodes.values().filter(|node| node.up).count();
                    assert!(up + 1 >= world.nodes.len(), "one node is unavailable at most");
                    for vmid in &guests {
                        let guest = &world.guests[vmid];
                        assert!(guest.is_running() && world.nodes[&guest.node].up, "{vmid} does not run");
                    }
                });
                looks += 1;
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            looks
        });
        let told = scene.invoke("roll", config);
        is_over.store(true, Ordering::Relaxed);
        assert!(watch.join().unwrap() > 10);
        told
    })
}

#[test]
fn three_nodes_are_updated_one_by_one() {
    let Some(scene) = scene("operations::roll::three_nodes_are_updated_one_by_one") else { return };
    let folder = tempfile::tempdir().unwrap();
    let config = json!({"run": UPDATE, "journal": journal(&folder)});
    let before = places(&scene);
    let old = kernels(&scene);
    let (steps, refusals) = scene.plan("roll", &config);
    assert!(refusals.is_empty(), "{refusals:?}");
    let master = scene.cluster.api.read("/cluster/ha/status/manager_status")["manager_status"]["master_node"].clone();
    let table: Vec<&str> = steps[0].lines().collect();
    assert_eq!(table.len(), 5, "{}", steps[0]);
    assert!(table[4].trim_start().starts_with(master.as_str().unwrap()), "{}", steps[0]);
    assert!(table[2].contains("2, 2 needed") && table[2].contains("1 away, 1 back"), "{}", steps[0]);
    assert!(!Path::new(&journal(&folder)).exists(), "a plan writes nothing");

    let told = watched(&scene, &config);
    assert_eq!(told.ending, Ending::Done, "{told:#?}");
    assert_eq!(told.messages.last().unwrap(), "All nodes are done.");
    assert_eq!(places(&scene), before);
    assert!(kernels(&scene).len() == 1 && kernels(&scene) != old, "{:?}", kernels(&scene));
    assert!(!Path::new(&journal(&folder)).exists());
    let done: Vec<&String> = told.messages.iter().filter(|line| line.ends_with(": it is done.")).collect();
    assert_eq!(done.len(), 3);
    assert!(done[2].starts_with(master.as_str().unwrap()), "the master is the last one");
    // Nothing to be updated is left: no node is rebooted.
    let told = scene.done("roll", &config);
    assert!(!told.messages.iter().any(|line| line.contains("the reboot was requested")), "{told:#?}");
}

#[test]
fn a_roll_that_stops_is_continued_where_it_was() {
    let Some(scene) = scene("operations::roll::a_roll_that_stops_is_continued_where_it_was") else { return };
    let folder = tempfile::tempdir().unwrap();
    let config = json!({"run": UPDATE, "journal": journal(&folder)});
    let before = places(&scene);
    let fault =
        json!({"command": "^apt-get", "kind": "fail", "exit": 100, "stderr": "E: Could not get lock\n", "skip": 1});
    scene.cluster.emulator().commands().fault(serde_json::from_value(fault).unwrap()).unwrap();
    let told = scene.invoke("roll", &config);
    assert_eq!(told.ending, Ending::Failed, "{told:#?}");
    assert!(
        told.errors[0].contains("Could not get lock") && told.errors[0].contains("The roll has stopped at"),
        "{told:#?}"
    );
    let kept: Json = serde_json::from_str(&std::fs::read_to_string(journal(&folder)).unwrap()).unwrap();
    let phases: Vec<&str> = kept["nodes"].as_object().unwrap().values().filter_map(Json::as_str).collect();
    assert!(phases.contains(&"done") && phases.contains(&"empty") && phases.contains(&"pending"), "{kept}");
    let other = json!({"run": "true", "journal": journal(&folder)});
    let text = scene.refused("roll", &other);
    let difference = "with other arguments: --run was \"apt-get -y dist-upgrade\", and is \"true\"";
    assert!(text.contains(difference) && text.contains("To give the roll up instead"), "{text}");
    let reboots = scene.sent("POST /nodes/{node}/status");
    let told = scene.done("roll", &config);
    assert!(told.messages[0].contains("apt-get"), "the evacuation is not repeated: {told:#?}");
    assert_eq!(scene.sent("POST /nodes/{node}/status") - reboots, 2);
    assert_eq!(places(&scene), before);
}

#[test]
fn a_pause_ends_the_command_and_the_same_command_continues() {
    let Some(scene) = scene("operations::roll::a_pause_ends_the_command_and_the_same_command_continues") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let config = json!({"pause": true, "reboot": "never", "journal": journal(&folder), "nodes": ["pve2", "pve3"]});
    let told = scene.invoke("roll", &config);
    assert_eq!(told.ending, Ending::Unfinished, "{told:#?}");
    assert!(told.errors[0].contains("it is empty and in maintenance. Update it now"), "{told:#?}");
    let told = scene.invoke("roll", &config);
    assert_eq!(told.ending, Ending::Unfinished, "{told:#?}");
    let told = scene.done("roll", &config);
    assert_eq!(told.messages.iter().filter(|line| line.ends_with(": it is done.")).count(), 1, "{told:#?}");
    assert!(scene.sent("POST /nodes/{node}/status") == 0);
}

#[test]
fn a_cluster_without_ha_is_rolled() {
    let Some(scene) = Scene::of_three("operations::roll::a_cluster_without_ha_is_rolled") else { return };
    for vmid in [100, 101, 102] {
        scene.share_disks(vmid);
        scene.start(vmid);
    }
    rolled(&scene);
    let commands = scene.cluster.emulator().commands().log();
    assert!(commands.iter().all(|entry| !entry["command"].as_str().unwrap().contains("crm-command")), "{commands:?}");
}

#[test]
fn a_cluster_of_pve_8_is_rolled() {
    let options = Options { ssh: true, release: Release::V8, ..Options::default() };
    let Some(scene) = Scene::new("operations::roll::a_cluster_of_pve_8_is_rolled", options) else { return };
    for vmid in [100, 101, 103] {
        scene.share_disks(vmid);
    }
    scene.manage("vm:100");
    scene.manage("vm:101");
    scene.start(103);
    rolled(&scene);
}

/// Every node is updated and rebooted, and the guests are where they were.
fn rolled(scene: &Scene) {
    let folder = tempfile::tempdir().unwrap();
    let (before, old) = (places(scene), kernels(scene));
    let told = watched(scene, &json!({"run": UPDATE, "journal": journal(&folder)}));
    assert_eq!(told.ending, Ending::Done, "{told:#?}");
    assert_eq!((places(scene), scene.sent("POST /nodes/{node}/status")), (before, 3));
    assert!(kernels(scene).is_disjoint(&old), "{:?}", kernels(scene));
}

#[test]
fn a_roll_that_would_leave_less_than_is_demanded_is_refused() {
    let Some(scene) = scene("operations::roll::a_roll_that_would_leave_less_than_is_demanded_is_refused") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let text = scene.refused("roll", &json!({"journal": journal(&folder), "tolerated_failures": 1}));
    assert!(text.contains("while it is away, a further failure is not survived"), "{text}");
    let text = scene.refused("roll", &json!({"journal": journal(&folder), "nodes": ["pve9"]}));
    assert!(text.contains("pve9: the cluster has no such node"), "{text}");
    let text = scene.refused("roll", &json!({"journal": journal(&folder), "run": "apt-get 'x"}));
    assert!(text.contains("a quote is not closed"), "{text}");
    // A guest that can't leave its node.
    scene.start(900);
    let text = scene.refused("roll", &json!({"journal": journal(&folder)}));
    assert!(text.contains("vm:900: it can't leave pve1"), "{text}");
    let (_, refusals) = scene.plan("roll", &json!({"journal": journal(&folder), "shutdown": ["vm:900"]}));
    assert!(refusals.is_empty(), "{refusals:?}");
    scene.world(|world| world.power("pve3", false));
    scene.until_offline("pve3");
    let text = scene.refused("roll", &json!({"journal": journal(&folder), "shutdown": ["vm:900"]}));
    assert!(text.contains("pve3: the node is offline, and only one node may be unavailable"), "{text}");
}

#[test]
fn sixteen_nodes_are_rolled_and_survive_a_further_failure_at_each_step() {
    let name = "operations::roll::sixteen_nodes_are_rolled_and_survive_a_further_failure_at_each_step";
    let big = Big { nodes: 16, guests: 25, managed: 10 };
    let options = Options { ssh: true, seed: Some(big.seed()), ..Options::default() };
    let Some(scene) = Scene::new(name, options) else { return };
    let folder = tempfile::tempdir().unwrap();
    scene.until("HA is at work", || {
        (0..16).all(|node| scene.service(&format!("vm:{}", 1000 + node * 25))["state"] == "started")
    });
    let before = places(&scene);
    let config = json!({"run": UPDATE, "journal": journal(&folder), "tolerated_failures": 1, "max_workers": 4});
    let sent = |scene: &Scene| scene.cluster.emulator().counters().report()["total"].as_u64().unwrap();
    let (requests, began) = (sent(&scene), scene.world(|world| world.clock.now()));
    let told = watched(&scene, &config);
    assert_eq!(told.ending, Ending::Done, "{told:#?}");
    assert_eq!(places(&scene), before);
    let moves = scene.world(|world| world.tasks.iter().filter(|task| task.kind == "qmigrate").count());
    let seconds = scene.world(|world| world.clock.now()) - began;
    println!("16 nodes: {moves} moves, {seconds:.0} s on the clock, {} requests", sent(&scene) - requests);
}
