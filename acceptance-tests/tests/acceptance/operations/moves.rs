//! `pve_ha_migrate`, `pve_ha_relocate`, `pve_guest_migrate`

use serde_json::json;
use terraform_provider_pve::framework::Ending;

use super::{Scene, lost};

const HA: &str = "pve_ha_migrate";
const GUEST: &str = "pve_guest_migrate";

#[test]
fn an_ha_resource_moves_and_is_waited_for() {
    let Some(scene) = Scene::of_three("operations::moves::an_ha_resource_moves_and_is_waited_for") else { return };
    scene.manage("vm:100");
    let config = json!({"resource": "vm:100", "node": "pve2"});
    let (steps, refusals) = scene.plan(HA, &config);
    assert_eq!(
        (steps.as_slice(), refusals.len()),
        (["Migrate HA resource vm:100 from pve1 to pve2.".to_owned()].as_slice(), 0)
    );
    assert_eq!(scene.place(100).0, "pve1", "a plan moves nothing");
    let told = scene.done(HA, &config);
    assert_eq!(told.messages.last().unwrap(), "vm:100: it is on pve2.");
    assert_eq!(scene.place(100), ("pve2".to_owned(), true));
    let again = scene.done(HA, &config);
    assert_eq!(again.messages, ["Nothing to do."]);
    scene.done("pve_ha_relocate", &json!({"resource": "vm:100", "node": "pve3"}));
    assert_eq!(scene.place(100), ("pve3".to_owned(), true));
    // The same door for both kinds of guests.
    scene.done(GUEST, &json!({"guest": "vm:100", "node": "pve1"}));
    assert_eq!(scene.place(100).0, "pve1");
}

#[test]
fn a_move_that_the_ha_manager_would_drop_or_undo_is_refused() {
    let Some(scene) = Scene::of_three("operations::moves::a_move_that_the_ha_manager_would_drop_or_undo_is_refused")
    else {
        return;
    };
    scene.manage("vm:100");
    scene.manage("vm:101");
    let rule = |name: &str, more: &[(&str, &str)]| {
        let mut params = vec![("rule", name)];
        params.extend(more);
        scene.cluster.api.post("/cluster/ha/rules", &params);
    };
    rule("home", &[("type", "node-affinity"), ("resources", "vm:100"), ("nodes", "pve1:2,pve3:1")]);
    let text = scene.refused(HA, &json!({"resource": "vm:100", "node": "pve2"}));
    assert!(text.contains("a rule or group of the resource forbids pve2"), "{text}");
    let text = scene.refused(HA, &json!({"resource": "vm:102", "node": "pve2"}));
    assert!(text.contains("vm:102: it is not an HA resource"), "{text}");
    scene.manage("vm:102");
    rule("apart", &[("type", "resource-affinity"), ("resources", "vm:101,vm:102"), ("affinity", "negative")]);
    let node = scene.place(101).0;
    let text = scene.refused(HA, &json!({"resource": "vm:102", "node": node}));
    assert!(text.contains(&format!("vm:101 is on {node}, and a rule keeps the two apart")), "{text}");
    let text = scene.refused(HA, &json!({"resource": "vm:100", "node": "pve9"}));
    assert!(text.contains("the cluster has no such node"), "{text}");
    let text = scene.refused(HA, &json!({"resource": "vm:4711", "node": "pve1"}));
    assert!(text.contains("there is no such guest"), "{text}");
    scene.world(|world| world.power("pve3", false));
    scene.until_offline("pve3");
    let text = scene.refused(HA, &json!({"resource": "vm:100", "node": "pve3"}));
    assert!(text.contains("pve3: it is not online"), "{text}");
}

#[test]
fn resources_in_positive_affinity_move_along() {
    let Some(scene) = Scene::of_three("operations::moves::resources_in_positive_affinity_move_along") else { return };
    for sid in ["vm:100", "vm:103"] {
        scene.manage(sid);
    }
    let rule =
        [("rule", "together"), ("type", "resource-affinity"), ("resources", "vm:100,vm:103"), ("affinity", "positive")];
    scene.cluster.api.post("/cluster/ha/rules", &rule);
    scene.until("they come together", || scene.place(100).0 == scene.place(103).0);
    let to = if scene.place(100).0 == "pve2" { "pve3" } else { "pve2" };
    let told = scene.done(HA, &json!({"resource": "vm:100", "node": to}));
    assert!(told.messages.contains(&format!("vm:103: it is on {to}.")), "{told:#?}");
    assert_eq!((scene.place(100).0.as_str(), scene.place(103).0.as_str()), (to, to));
}

#[test]
fn a_move_that_fails_is_reported_with_the_task() {
    let Some(scene) = Scene::of_three("operations::moves::a_move_that_fails_is_reported_with_the_task") else { return };
    scene.manage("vm:100");
    scene.world(|world| world.failing_moves.add(100, pve_emulator::world::Failing::Always));
    let told = scene.invoke(HA, &json!({"resource": "vm:100", "node": "pve2"}));
    assert_eq!(told.ending, Ending::Failed, "{told:#?}");
    assert!(told.errors[0].contains("vm:100: the task UPID:pve1:"), "{told:#?}");
    assert_eq!(scene.place(100).0, "pve1");
    // A guest without HA.
    scene.start(101);
    scene.share_disks(101);
    scene.world(|world| world.failing_moves.add(101, pve_emulator::world::Failing::Once));
    let move_101 = json!({"guest": "vm:101", "node": "pve3"});
    let told = scene.invoke(GUEST, &move_101);
    assert_eq!(told.ending, Ending::Failed, "{told:#?}");
    assert!(
        told.errors[0].contains("A task of Proxmox failed") && told.errors[0].contains("The end of its log:"),
        "{told:#?}"
    );
    scene.done(GUEST, &move_101);
    assert_eq!(scene.place(101), ("pve3".to_owned(), true));
}

#[test]
fn a_lost_response_moves_nothing_twice() {
    let Some(scene) = Scene::of_three("operations::moves::a_lost_response_moves_nothing_twice") else { return };
    scene.manage("vm:100");
    scene.fault(lost("/cluster/ha/resources/vm:100/migrate"));
    scene.done(HA, &json!({"resource": "vm:100", "node": "pve2"}));
    assert_eq!(scene.place(100).0, "pve2");
    scene.start(101);
    scene.share_disks(101);
    scene.fault(lost("/nodes/.*/qemu/101/migrate"));
    let told = scene.done(GUEST, &json!({"guest": "vm:101", "node": "pve3"}));
    assert!(told.messages.iter().any(|line| line.contains("the response was lost")), "{told:#?}");
    assert_eq!(scene.place(101).0, "pve3");
    let tasks =
        scene.world(|world| world.tasks.iter().filter(|task| task.kind == "qmigrate" && task.id == "101").count());
    assert_eq!(tasks, 1);
}

#[test]
fn a_guest_moves_if_nothing_of_it_stays_behind() {
    let Some(scene) = Scene::of_three("operations::moves::a_guest_moves_if_nothing_of_it_stays_behind") else { return };
    scene.start(100);
    let to_pve2 = json!({"guest": "vm:100", "node": "pve2"});
    let text = scene.refused(GUEST, &to_pve2);
    assert!(text.contains("scsi0 (local-zfs:vm-100-disk-0) is on storage that only pve1 has"), "{text}");
    scene.done(GUEST, &json!({"guest": "vm:100", "node": "pve2", "with_local_disks": true}));
    assert_eq!(scene.place(100), ("pve2".to_owned(), true));
    let text = scene.refused(GUEST, &json!({"guest": "vm:100", "node": "pve3", "online": false}));
    assert!(text.contains("it runs, and `online` is false"), "{text}");
    // A device of the node.
    scene.world(|world| world.guests.get_mut(&101).unwrap().config.push(("hostpci0".into(), "0000:01:00.0".into())));
    scene.share_disks(101);
    let text = scene.refused(GUEST, &json!({"guest": "vm:101", "node": "pve3"}));
    assert!(text.contains("it uses devices of pve2: hostpci0"), "{text}");
    // A container is restarted there; a stopped guest stays stopped.
    scene.start(950);
    scene.share_disks(950);
    scene.done(GUEST, &json!({"guest": "ct:950", "node": "pve3"}));
    assert_eq!(scene.place(950), ("pve3".to_owned(), true));
    scene.share_disks(102);
    scene.done(GUEST, &json!({"guest": "vm:102", "node": "pve1"}));
    assert_eq!(scene.place(102), ("pve1".to_owned(), false));
    assert_eq!(scene.done(GUEST, &json!({"guest": "vm:102", "node": "pve1"})).messages, ["Nothing to do."]);
}

#[test]
fn while_ha_ignores_its_resources_they_move_as_guests_without_it() {
    let name = "operations::moves::while_ha_ignores_its_resources_they_move_as_guests_without_it";
    let Some(scene) = Scene::of_three(name) else { return };
    scene.share_disks(100);
    scene.manage("vm:100");
    scene.done("pve_ha_disarm", &json!({"mode": "ignore"}));
    scene.done(GUEST, &json!({"guest": "vm:100", "node": "pve2"}));
    assert_eq!(scene.place(100), ("pve2".to_owned(), true));
    assert_eq!(scene.sent("POST /nodes/{node}/qemu/{vmid}/migrate"), 1);
}
