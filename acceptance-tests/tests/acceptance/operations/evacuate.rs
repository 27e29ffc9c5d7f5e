//! `pve_node_evacuate`, `pve_node_restore`

use serde_json::json;
use terraform_provider_pve::framework::Ending;

use super::{Scene, lost};

const EVACUATE: &str = "pve_node_evacuate";
const RESTORE: &str = "pve_node_restore";
const RECORD: &str = "/etc/pve/ha/evacuated-pve1.json";

/// pve1 with an HA resource, a VM and a container on shared storage, and one on local storage.
fn scene(test: &str) -> Option<Scene> {
    let scene = Scene::of_three(test)?;
    scene.manage("vm:100");
    for vmid in [103, 900, 950] {
        scene.start(vmid);
    }
    for vmid in [103, 950] {
        scene.share_disks(vmid);
    }
    Some(scene)
}

fn running_on(scene: &Scene, node: &str) -> Vec<u32> {
    scene.world(|world| {
        world.guests.values().filter(|guest| guest.node == node && guest.is_running()).map(|guest| guest.vmid).collect()
    })
}

fn record(scene: &Scene) -> Option<String> {
    let read = scene.cluster.emulator().execute("pve2", &format!("cat -- {RECORD}"), "");
    (read.exit() == Some(0)).then_some(read.stdout)
}

#[test]
fn every_guest_leaves_and_comes_back() {
    let Some(scene) = scene("operations::evacuate::every_guest_leaves_and_comes_back") else { return };
    let stuck = scene.refused(EVACUATE, &json!({"node": "pve1"}));
    assert!(
        stuck.contains("vm:900: it can't leave pve1") && stuck.contains("Name it in `leave` or `shutdown`"),
        "{stuck}"
    );
    let config = json!({"node": "pve1", "shutdown": ["vm:900"]});
    let (steps, refusals) = scene.plan(EVACUATE, &config);
    assert!(refusals.is_empty(), "{refusals:?}");
    assert!(
        steps[0].starts_with("Put pve1 into maintenance: the HA manager moves 1 HA resource: vm:100 to pve"),
        "{steps:?}"
    );
    assert!(steps.contains(&"Shut down vm:900 on pve1.".to_owned()), "{steps:?}");
    let told = scene.done(EVACUATE, &config);
    assert!(running_on(&scene, "pve1").is_empty(), "{told:#?}");
    assert_eq!(told.messages.last().unwrap(), "pve1: no guest runs on it.");
    assert!(scene.place(103).1 && scene.place(950).1 && scene.place(100).1, "all that ran still run");
    assert!(record(&scene).unwrap().contains("\"vm:900\": \"shut_down\""));
    assert_eq!(scene.done(EVACUATE, &json!({"node": "pve1"})).messages, ["Nothing to do."]);

    scene.done(RESTORE, &json!({"node": "pve1"}));
    for vmid in [103, 900, 950] {
        assert_eq!(scene.place(vmid), ("pve1".to_owned(), true), "{vmid}");
    }
    scene.until("failback", || scene.place(100).0 == "pve1");
    assert_eq!(record(&scene), None);
    assert_eq!(scene.done(RESTORE, &json!({"node": "pve1"})).messages, ["Nothing to do."]);
}

#[test]
fn what_the_cluster_did_meanwhile_is_not_undone() {
    let Some(scene) = scene("operations::evacuate::what_the_cluster_did_meanwhile_is_not_undone") else { return };
    scene.done(EVACUATE, &json!({"node": "pve1", "leave": ["vm:900"]}));
    assert_eq!(running_on(&scene, "pve1"), [900]);
    let elsewhere = if scene.place(103).0 == "pve2" { "pve3" } else { "pve2" };
    scene.world(|world| world.move_guest(103, elsewhere));
    let told = scene.done(RESTORE, &json!({"node": "pve1"}));
    assert!(
        told.warnings.iter().any(|text| text.contains(&format!("vm:103: it was moved to {elsewhere} since"))),
        "{told:#?}"
    );
    assert_eq!(scene.place(103).0, elsewhere);
    assert_eq!(scene.place(950).0, "pve1");
    assert_eq!(record(&scene), None);
}

#[test]
fn a_guest_that_fails_to_move_is_named_and_can_be_moved_again() {
    let Some(scene) = scene("operations::evacuate::a_guest_that_fails_to_move_is_named_and_can_be_moved_again") else {
        return;
    };
    scene.world(|world| world.failing_moves.add(103, pve_emulator::world::Failing::Once));
    scene.fault(lost("/nodes/pve1/lxc/950/migrate"));
    let config = json!({"node": "pve1", "shutdown": ["vm:900"]});
    let told = scene.invoke(EVACUATE, &config);
    assert_eq!(told.ending, Ending::Failed, "{told:#?}");
    assert!(told.errors[0].contains("- vm:103: the task") && told.errors[0].contains("guests done: 2"), "{told:#?}");
    let moved =
        scene.world(|world| world.tasks.iter().filter(|task| task.kind == "vzmigrate" && task.id == "950").count());
    assert_eq!(moved, 1, "a lost response moves nothing twice");
    scene.done(EVACUATE, &config);
    assert!(running_on(&scene, "pve1").is_empty());
}

#[test]
fn an_interrupted_evacuation_is_completed_by_the_next_one() {
    let Some(mut scene) = scene("operations::evacuate::an_interrupted_evacuation_is_completed_by_the_next_one") else {
        return;
    };
    let config = json!({"node": "pve1", "shutdown": ["vm:900"], "max_workers": 1});
    let told = std::thread::scope(|threads| {
        let evacuate = threads.spawn(|| scene.invoke(EVACUATE, &config));
        scene.until("the first guest moves", || {
            scene.sent("POST /nodes/{node}/qemu/{vmid}/migrate") + scene.sent("POST /nodes/{node}/lxc/{vmid}/migrate")
                > 0
        });
        scene.core.stop();
        evacuate.join().unwrap()
    });
    assert!(matches!(told.ending, Ending::Unfinished | Ending::Failed), "{told:#?}");
    scene.again();
    scene.done(EVACUATE, &config);
    assert!(running_on(&scene, "pve1").is_empty());
    scene.done(RESTORE, &json!({"node": "pve1"}));
    for vmid in [103, 900, 950] {
        assert_eq!(scene.place(vmid), ("pve1".to_owned(), true), "{vmid}");
    }
}

#[test]
fn memory_and_rules_are_reasons_to_refuse() {
    let Some(scene) = scene("operations::evacuate::memory_and_rules_are_reasons_to_refuse") else { return };
    let text = scene.refused(EVACUATE, &json!({"node": "pve1", "leave": ["vm:900"], "max_memory_percent": 1}));
    assert!(text.contains("no node that may have it has the memory left, at 1 % of each"), "{text}");
    let text = scene.refused(EVACUATE, &json!({"node": "pve1", "leave": ["vm:100", "vm:4711"]}));
    assert!(
        text.contains("vm:100: it is an HA resource") && text.contains("vm:4711: there is no such guest"),
        "{text}"
    );
    let rule =
        [("rule", "bound"), ("type", "node-affinity"), ("resources", "vm:100"), ("nodes", "pve1"), ("strict", "1")];
    scene.cluster.api.post("/cluster/ha/rules", &rule);
    let text = scene.refused(EVACUATE, &json!({"node": "pve1", "leave": ["vm:900"]}));
    assert!(text.contains("vm:100: its rules or group leave the HA manager no other node"), "{text}");
}
