//! `pve_ha_arm`, `pve_ha_disarm`

use pve_emulator::{Options, Release};
use serde_json::json;
use terraform_provider_pve::framework::Ending;

use super::{Scene, lost};

fn armed(scene: &Scene) -> String {
    let rows = scene.cluster.api.read("/cluster/ha/status/current");
    let row = rows.as_array().unwrap().iter().find(|row| row["type"] == "fencing").unwrap();
    row["armed-state"].as_str().unwrap().to_owned()
}

#[test]
fn ha_is_disarmed_and_armed_again() {
    let Some(scene) = Scene::of_three("operations::arm::ha_is_disarmed_and_armed_again") else { return };
    scene.manage("vm:100");
    let freeze = json!({"mode": "freeze"});
    let (steps, _) = scene.plan("pve_ha_disarm", &freeze);
    assert_eq!(steps.len(), 1, "{steps:?}");
    assert!(steps[0].contains("HA resources: 1; they stay as they are"), "{steps:?}");
    scene.done("pve_ha_disarm", &freeze);
    assert_eq!(armed(&scene), "disarmed");
    assert_eq!(scene.done("pve_ha_disarm", &freeze).messages, ["Nothing to do."]);
    let text = scene.refused("pve_ha_disarm", &json!({"mode": "ignore"}));
    assert!(text.contains("it is disarmed already, with the mode freeze"), "{text}");
    // A request to move would be lost.
    let text = scene.refused("pve_ha_migrate", &json!({"resource": "vm:100", "node": "pve2"}));
    assert!(text.contains("HA is disarmed"), "{text}");
    scene.fault(lost("/cluster/ha/status/arm-ha"));
    scene.done("pve_ha_arm", &json!({}));
    assert_eq!(armed(&scene), "armed");
    assert_eq!(scene.done("pve_ha_arm", &json!({})).messages, ["Nothing to do."]);
}

#[test]
fn ha_is_armed_after_a_while_and_after_an_interrupt() {
    let Some(scene) = Scene::of_three("operations::arm::ha_is_armed_after_a_while_and_after_an_interrupt") else {
        return;
    };
    scene.manage("vm:100");
    scene.done("pve_ha_disarm", &json!({"mode": "ignore", "for": "200ms"}));
    assert_eq!(armed(&scene), "armed");
    let told = std::thread::scope(|threads| {
        let disarm = threads.spawn(|| scene.invoke("pve_ha_disarm", &json!({"mode": "freeze", "for": "1h"})));
        scene.until("HA is disarmed", || armed(&scene) == "disarmed");
        scene.core.stop();
        disarm.join().unwrap()
    });
    assert_eq!((told.ending, armed(&scene).as_str()), (Ending::Failed, "armed"), "{told:#?}");
}

#[test]
fn an_older_ha_manager_can_not_be_disarmed() {
    let options = Options { release: Release::V8, ..Options::default() };
    let Some(scene) = Scene::new("operations::arm::an_older_ha_manager_can_not_be_disarmed", options) else { return };
    let text = scene.refused("pve_ha_disarm", &json!({"mode": "freeze"}));
    assert!(text.contains("can't disarm HA; pve-ha-manager 5.1.3 can"), "{text}");
}
