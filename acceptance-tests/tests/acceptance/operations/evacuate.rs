//! `pve_node_evacuate`, `pve_node_restore`

use acceptance_tests::core::Core;
use acceptance_tests::runtime;
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

/// The VM of the user who runs the operations is hidden from the others.
fn without_sight_of(scene: &mut Scene, hidden: u32) {
    let api = &scene.cluster.api;
    api.post("/access/users", &[("userid", "op@pve"), ("password", "12345678")]);
    api.put("/access/acl", &[("path", "/"), ("users", "op@pve"), ("roles", "Administrator"), ("propagate", "1")]);
    let of_guest = format!("/vms/{hidden}");
    api.put("/access/acl", &[("path", &of_guest), ("users", "op@pve"), ("roles", "NoAccess"), ("propagate", "1")]);
    let token = api.post("/access/users/op@pve/token/tf", &[("privsep", "0")]);
    let token = format!("op@pve!tf={}", token["value"].as_str().unwrap());
    let arguments = [("poll_interval", "50ms"), ("api_token", token.as_str())];
    scene.core = runtime::block_on(Core::new(&scene.cluster, &arguments));
}

#[test]
fn guests_that_the_user_may_not_see_are_a_reason_to_refuse() {
    let Some(mut scene) = Scene::of_three("operations::evacuate::guests_that_the_user_may_not_see") else { return };
    scene.start(103);
    scene.share_disks(103);
    without_sight_of(&mut scene, 103);
    let text = scene.refused(EVACUATE, &json!({"node": "pve1"}));
    let unseen = "The evacuation is refused: pve1: it has guests that the user may not see: vm:103. Give the user or token \
                  VM.Audit on /vms. Nothing was changed.";
    assert_eq!(text, unseen);
    assert!(scene.place(103).1);
}

#[test]
fn what_the_list_of_the_cluster_does_not_show_yet_is_asked_of_the_node() {
    let Some(scene) = Scene::of_three("operations::evacuate::what_the_list_of_the_cluster_does_not_show_yet") else {
        return;
    };
    scene.start(103);
    scene.share_disks(103);
    // As if the node had not told the others yet that it runs.
    scene.world(|world| world.silent_guests = true);
    let (steps, refusals) = scene.plan(EVACUATE, &json!({"node": "pve1"}));
    assert!(refusals.is_empty(), "{refusals:?}");
    assert!(steps.iter().any(|step| step.starts_with("Migrate the running VM vm:103 from pve1")), "{steps:?}");
    scene.done(EVACUATE, &json!({"node": "pve1"}));
    assert!(running_on(&scene, "pve1").is_empty());
    // A reboot asks it, too.
    scene.start(900);
    let text = scene.refused("pve_node_reboot", &json!({"node": "pve1"}));
    assert!(text.contains("pve1: guests run on it: vm:900. Move them first"), "{text}");
}

#[test]
fn a_container_that_is_bound_to_its_node_is_refused_whatever_may_be_copied() {
    let Some(scene) = Scene::of_three("operations::evacuate::a_container_that_is_bound_to_its_node") else { return };
    scene.start(950);
    scene.share_disks(950);
    scene.world(|world| {
        world.guests.get_mut(&950).unwrap().config.push(("mp7".to_owned(), "/srv/data,mp=/data".to_owned()));
    });
    let config = json!({"node": "pve1", "with_local_disks": true});
    assert_eq!(
        scene.refused(EVACUATE, &config),
        "The evacuation is refused: ct:950: it can't leave pve1. pve2, pve3: mp7 is a path of pve1: /srv/data. Name it in \
         `leave` or `shutdown`. Nothing was changed."
    );
    scene.done(EVACUATE, &json!({"node": "pve1", "with_local_disks": true, "shutdown": ["ct:950"]}));
}

#[test]
fn what_can_not_return_is_named_and_stays_in_the_record() {
    let Some(scene) = scene("operations::evacuate::what_can_not_return_is_named") else { return };
    scene.done(EVACUATE, &json!({"node": "pve1", "shutdown": ["vm:900"]}));
    let (holder, started) = (scene.place(103).0, scene.place(950).0);
    // A device was given to the VM on its new node.
    scene.world(|world| {
        world.guests.get_mut(&103).unwrap().config.push(("hostpci0".to_owned(), "0000:01:00.0".to_owned()));
    });
    let told = scene.invoke(RESTORE, &json!({"node": "pve1"}));
    assert_eq!(told.ending, Ending::Failed, "{told:#?}");
    assert_eq!(
        told.errors,
        [format!(
            "Not every guest has returned: pve1: guests of it have not returned:\nvm:103: it can't return to pve1: it uses \
             devices of {holder}: hostpci0.\nTheir record is kept. Run the restoration again when the reasons are gone."
        )]
    );
    assert_eq!(scene.place(950), ("pve1".to_owned(), true), "from {started}");
    let kept = record(&scene).unwrap();
    assert!(kept.contains("vm:103") && !kept.contains("950") && !kept.contains("900"), "{kept}");
    scene.world(|world| world.guests.get_mut(&103).unwrap().config.retain(|(key, _)| key != "hostpci0"));
    scene.done(RESTORE, &json!({"node": "pve1"}));
    assert_eq!((scene.place(103), record(&scene)), (("pve1".to_owned(), true), None));
}

#[test]
fn guests_on_a_node_that_is_offline_are_named_and_the_others_return() {
    let Some(scene) = scene("operations::evacuate::guests_on_a_node_that_is_offline_are_named") else { return };
    scene.done(EVACUATE, &json!({"node": "pve1", "shutdown": ["vm:900"]}));
    let holder = scene.place(103).0;
    scene.world(|world| world.power(&holder, false));
    scene.until_offline(&holder);
    let told = scene.invoke(RESTORE, &json!({"node": "pve1"}));
    assert_eq!(told.ending, Ending::Failed, "{told:#?}");
    assert!(told.errors[0].contains(&format!("\nvm:103: it is on {holder}, which is not online.\n")), "{told:#?}");
    assert_eq!(scene.place(900), ("pve1".to_owned(), true));
}

#[test]
fn a_guest_that_starts_with_its_node_needs_no_second_start() {
    let Some(scene) = scene("operations::evacuate::a_guest_that_starts_with_its_node_needs_no_second_start") else {
        return;
    };
    scene.done(EVACUATE, &json!({"node": "pve1", "shutdown": ["vm:900"]}));
    // It starts between the look and the request.
    let heard = super::Heard::default();
    scene.world(|world| world.guests.get_mut(&900).unwrap().config.push(("onboot".to_owned(), "1".to_owned())));
    scene.fault(json!({"method": "POST", "path": "/qemu/900/status/start", "kind": "latency", "ms": 3000}));
    let told = std::thread::scope(|threads| {
        let restore = threads.spawn(|| scene.invoke_heard(RESTORE, &json!({"node": "pve1"}), &heard));
        scene.until("the start is asked for", || scene.cluster.emulator().faults().met() > 0);
        scene.start(900);
        restore.join().unwrap()
    });
    assert_eq!(told.ending, Ending::Done, "{told:#?}");
    let failed =
        scene.world(|world| world.tasks.iter().any(|task| task.status.as_deref() == Some("VM 900 already running")));
    assert!(failed, "its task has failed, and the guest runs");
    assert_eq!(record(&scene), None);
}
