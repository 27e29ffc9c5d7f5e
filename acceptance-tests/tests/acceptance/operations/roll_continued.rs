//! `do roll` after an interrupt: the journal is compared with the cluster.

use serde_json::{Value as Json, json};
use terraform_provider_pve::framework::Ending;

use super::Scene;
use super::roll::{UPDATE, journal, places, scene, watched};

fn kept(file: &str) -> Json {
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

fn keep(file: &str, journal: &Json) {
    std::fs::write(file, journal.to_string()).unwrap();
}

fn fail_update(scene: &Scene) {
    let fault = json!({"command": "^apt-get", "kind": "fail", "exit": 100, "stderr": "E: Could not get lock\n"});
    scene.cluster.emulator().commands().fault(serde_json::from_value(fault).unwrap()).unwrap();
}

/// A roll of `node` alone that has stopped while the node is empty.
fn stopped(scene: &Scene, config: &Json) {
    fail_update(scene);
    let told = scene.invoke("roll", config);
    assert_eq!(told.ending, Ending::Failed, "{told:#?}");
}

fn reboots(scene: &Scene) -> u64 {
    scene.sent("POST /nodes/{node}/status")
}

fn in_maintenance(scene: &Scene, node: &str) -> bool {
    let status = scene.cluster.api.read("/cluster/ha/status/manager_status");
    status["manager_status"]["node_status"][node] == "maintenance"
}

#[test]
fn a_node_that_has_not_stayed_empty_is_emptied_again() {
    let Some(scene) = scene("operations::roll_continued::a_node_that_has_not_stayed_empty_is_emptied_again") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let config = json!({"run": UPDATE, "journal": journal(&folder), "nodes": ["pve2"]});
    let before = places(&scene);
    stopped(&scene, &config);
    // A person has ended the maintenance, and the HA resource of the node is back.
    let ended = scene.cluster.emulator().execute("pve1", "ha-manager crm-command node-maintenance disable pve2", "");
    assert_eq!(ended.exit(), Some(0), "{ended:?}");
    scene.until("its HA resource is back", || {
        !in_maintenance(&scene, "pve2") && scene.place(101) == ("pve2".to_owned(), true)
    });
    let (steps, refusals) = scene.plan("roll", &config);
    assert!(refusals.is_empty(), "{refusals:?}");
    assert!(steps[0].contains("it is not empty any more, and is emptied again"), "{steps:?}");
    let told = watched(&scene, &config);
    assert_eq!(told.ending, Ending::Done, "{told:#?}");
    let at = |text: &str| told.messages.iter().position(|line| line.contains(text)).unwrap();
    assert!(at("no guest runs on it") < at("`apt-get -y dist-upgrade` runs"), "{told:#?}");
    assert_eq!((places(&scene), reboots(&scene)), (before, 1));
}

#[test]
fn the_journal_of_another_cluster_is_refused() {
    let Some(scene) = scene("operations::roll_continued::the_journal_of_another_cluster_is_refused") else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = journal(&folder);
    let config = json!({"run": UPDATE, "journal": file, "nodes": ["pve2"]});
    stopped(&scene, &config);
    let mut other = kept(&file);
    other["cluster"] = "elsewhere".into();
    keep(&file, &other);
    let text = scene.refused("roll", &config);
    assert!(text.contains("it is the journal of a roll of the cluster elsewhere, begun on "), "{text}");
}

#[test]
fn the_next_node_may_depend_on_the_one_that_is_in_maintenance() {
    let name = "operations::roll_continued::the_next_node_may_depend_on_the_one_that_is_in_maintenance";
    let Some(scene) = scene(name) else { return };
    // Two nodes have no other one than each other.
    for (rule, sid) in [("home1", "vm:101"), ("home2", "vm:102")] {
        let rule =
            [("rule", rule), ("type", "node-affinity"), ("resources", sid), ("nodes", "pve2,pve3"), ("strict", "1")];
        scene.cluster.api.post("/cluster/ha/rules", &rule);
    }
    let folder = tempfile::tempdir().unwrap();
    let config = json!({"pause": true, "reboot": "never", "journal": journal(&folder), "nodes": ["pve2", "pve3"]});
    for _ in 0..2 {
        let told = scene.invoke("roll", &config);
        assert_eq!(told.ending, Ending::Unfinished, "{told:#?}");
    }
    scene.done("roll", &config);
}

#[test]
fn a_reboot_is_requested_once() {
    let Some(scene) = scene("operations::roll_continued::a_reboot_is_requested_once") else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = journal(&folder);
    let config = json!({"run": UPDATE, "journal": file, "nodes": ["pve2"], "reboot": "always"});
    stopped(&scene, &config);
    let mut rebooting = kept(&file);
    rebooting["nodes"]["pve2"] = "rebooting".into();
    let boot = |scene: &Scene| {
        let number = |path: &str, name: &str| scene.cluster.api.read(path)[name].as_i64().unwrap();
        json!({"now": number("/nodes/pve2/time", "time"), "uptime": number("/nodes/pve2/status", "uptime")})
    };
    rebooting["boot"] = boot(&scene);
    keep(&file, &rebooting);
    // The earlier run ended after its request.
    scene.cluster.api.post("/nodes/pve2/status", &[("command", "reboot")]);
    scene.until_offline("pve2");
    let told = scene.done("roll", &config);
    assert!(!told.messages.iter().any(|line| line.contains("the reboot was requested")), "{told:#?}");
    assert_eq!(reboots(&scene), 1);

    // It ended before its request.
    stopped(&scene, &config);
    rebooting["boot"] = boot(&scene);
    keep(&file, &rebooting);
    let told = scene.done("roll", &config);
    assert!(told.messages.iter().any(|line| line.contains("the reboot was requested")), "{told:#?}");
    assert_eq!(reboots(&scene), 2);
}
