//! `pve_node_reboot`, `pve_node_wake`

use serde_json::json;

use super::{Scene, lost};

const REBOOT: &str = "pve_node_reboot";

#[test]
fn only_an_empty_node_is_rebooted() {
    let Some(scene) = Scene::of_three("operations::reboot::only_an_empty_node_is_rebooted") else { return };
    scene.manage("vm:100");
    let config = json!({"node": "pve1"});
    let text = scene.refused(REBOOT, &config);
    assert!(text.contains("it is not in maintenance") && text.contains("guests run on it: vm:100"), "{text}");
    scene.done("pve_node_evacuate", &config);
    let text = {
        scene.world(|world| world.power("pve3", false));
        scene.until_offline("pve3");
        scene.refused(REBOOT, &config)
    };
    assert!(text.contains("without it the cluster has 1 of the 2 votes"), "{text}");
    scene.world(|world| world.power("pve3", true));
    scene.until("pve3 is back", || scene.is_online("pve3"));
    let told = scene.done(REBOOT, &config);
    assert_eq!(told.messages.last().unwrap(), "pve1: it is in service.");
    // The response is lost: it is not asked for twice.
    scene.fault(lost("/nodes/pve1/status"));
    let before = scene.sent("POST /nodes/{node}/status");
    let told = scene.done(REBOOT, &config);
    assert!(told.messages.iter().any(|line| line.contains("the response was lost")), "{told:#?}");
    assert_eq!(scene.sent("POST /nodes/{node}/status") - before, 1);
    scene.done("pve_node_restore", &config);
}

#[test]
fn a_node_that_is_off_is_woken() {
    let Some(scene) = Scene::of_three("operations::reboot::a_node_that_is_off_is_woken") else { return };
    let wake = json!({"node": "pve3"});
    assert_eq!(scene.done("pve_node_wake", &wake).messages, ["Nothing to do."]);
    scene.cluster.api.put("/nodes/pve3/config", &[("wakeonlan", "BC:24:11:AA:BB:CC")]);
    scene.world(|world| world.power("pve3", false));
    scene.until_offline("pve3");
    let told = scene.done("pve_node_wake", &wake);
    assert_eq!(told.messages.last().unwrap(), "pve3: it is online.");
    let text = scene.refused("pve_node_wake", &json!({"node": "pve9"}));
    assert!(text.contains("the cluster has no such node"), "{text}");
}
