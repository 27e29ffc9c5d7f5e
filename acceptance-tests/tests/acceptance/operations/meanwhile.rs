//! What the cluster and other people do while an operation is at work: it ends in order, with a true message.

use std::sync::Arc;

use acceptance_tests::Cluster;
use acceptance_tests::big::Big;
use acceptance_tests::core::Core;
use acceptance_tests::runtime;
use pve_emulator::Options;
use serde_json::{Value as Json, json};
use terraform_provider_pve::framework::Ending;

use super::{Heard, Scene, Told};

const EVACUATE: &str = "pve_node_evacuate";

/// Invokes an action; `then` happens once the first task of one of `kinds` runs.
fn during(scene: &Scene, action: &str, config: &Json, kinds: &[&str], then: impl FnOnce(&Scene)) -> Told {
    std::thread::scope(|threads| {
        let run = threads.spawn(|| scene.invoke(action, config));
        scene.until("the task runs", || {
            run.is_finished()
                || scene.world(|world| {
                    world.tasks.iter().any(|task| kinds.contains(&task.kind.as_str()) && task.status.is_none())
                })
        });
        then(scene);
        run.join().unwrap()
    })
}

fn shared(scene: &Scene, vmid: u32) {
    scene.start(vmid);
    scene.share_disks(vmid);
}

/// The same with so much memory that its move takes a while.
fn large(scene: &Scene, vmid: u32) {
    shared(scene, vmid);
    scene.world(|world| world.guests.get_mut(&vmid).unwrap().memory = 4_000_000);
}

/// The same with so large a disk of its own that its move takes a while.
fn with_a_large_disk(scene: &Scene, vmid: u32) -> Json {
    shared(scene, vmid);
    let disk = format!("local-zfs:vm-{vmid}-disk-9,size=4000G");
    scene.world(|world| world.guests.get_mut(&vmid).unwrap().config.push(("scsi9".to_owned(), disk)));
    json!({"node": "pve1", "with_local_disks": true})
}

#[test]
fn a_target_that_goes_down_fails_the_migration() {
    let Some(scene) = Scene::of_three("operations::meanwhile::a_target_that_goes_down_fails_the_migration") else {
        return;
    };
    large(&scene, 101);
    let config = json!({"guest": "vm:101", "node": "pve3"});
    let told = during(&scene, "pve_guest_migrate", &config, &["qmigrate"], |scene| {
        scene.world(|world| world.power("pve3", false));
    });
    assert_eq!(told.ending, Ending::Failed, "{told:#?}");
    let text = &told.errors[0];
    assert!(text.starts_with("A task of Proxmox failed: vm:101: the task UPID:pve2:"), "{text}");
    assert!(text.lines().last().unwrap().starts_with("PVE: "), "Proxmox's own words: {text}");
    assert_eq!(scene.place(101), ("pve2".to_owned(), true));
    scene.until_offline("pve3");
    assert!(scene.refused("pve_guest_migrate", &config).contains("pve3: it is not online"));
}

#[test]
fn a_guest_that_is_removed_or_moved_elsewhere_is_reported() {
    let Some(scene) = Scene::of_three("operations::meanwhile::a_guest_that_is_removed_or_moved_elsewhere_is_reported")
    else {
        return;
    };
    large(&scene, 101);
    large(&scene, 103);
    let config = json!({"guest": "vm:101", "node": "pve3"});
    let told = during(&scene, "pve_guest_migrate", &config, &["qmigrate"], |scene| {
        scene.world(|world| world.remove_guest(101));
    });
    assert_eq!(told.ending, Ending::Failed, "{told:#?}");
    assert!(told.errors[0].ends_with("guest 101 is gone"), "{told:#?}");
    assert_eq!(
        scene.invoke("pve_guest_migrate", &config).errors,
        [
            "The guest migration is refused: vm:101: there is no such guest. The list has only guests on which the user has \
          VM.Audit. Nothing was changed."
        ]
    );

    // A person has begun to move it to another node.
    scene.cluster.api.post("/nodes/pve1/qemu/103/migrate", &[("target", "pve2"), ("online", "1")]);
    let told = scene.invoke("pve_guest_migrate", &json!({"guest": "vm:103", "node": "pve3"}));
    assert_eq!(told.ending, Ending::Failed, "{told:#?}");
    assert!(told.errors[0].contains("vm:103: its migration has ended, and the guest is running on pve2."), "{told:#?}");
}

#[test]
fn another_node_fails_during_an_evacuation() {
    let Some(scene) = Scene::of_three("operations::meanwhile::another_node_fails_during_an_evacuation") else { return };
    scene.manage("vm:100");
    for vmid in [103, 950] {
        shared(&scene, vmid);
    }
    let config = json!({"node": "pve1", "max_workers": 1});
    let kinds = ["qmigrate", "vzmigrate"];
    let told = during(&scene, EVACUATE, &config, &kinds, |scene| scene.world(|world| world.power("pve3", false)));
    let text = told.errors.join("\n");
    if told.ending != Ending::Done {
        assert_eq!(told.ending, Ending::Failed, "{told:#?}");
        assert!(text.contains("Run the evacuation again, or undo it with `pve_node_restore`."), "{text}");
        scene.until_offline("pve3");
        // Two of three nodes: the next run says what is in the way, and who accepts that goes on.
        let text = scene.refused(EVACUATE, &config);
        assert!(text.contains("pve3: it is offline, and pve1 would be out of service as well"), "{text}");
        scene.done(EVACUATE, &json!({"node": "pve1", "out_of_service": ["pve3"]}));
    }
    assert!([100, 103, 950].iter().all(|vmid| scene.place(*vmid) == ("pve2".to_owned(), true)));
}

#[test]
fn of_two_evacuations_at_once_at_most_one_continues() {
    let Some(mut scene) = Scene::of_three("operations::meanwhile::of_two_evacuations_at_once_at_most_one_continues")
    else {
        return;
    };
    scene.manage("vm:100");
    scene.manage("vm:101");
    let other = runtime::block_on(Core::new(&scene.cluster, &[("poll_interval", "50ms")]));
    let (first, second) = std::thread::scope(|threads| {
        let second = threads.spawn(|| runtime::block_on(other.invoke(EVACUATE, &json!({"node": "pve2"}))));
        let first = scene.invoke(EVACUATE, &json!({"node": "pve1"}));
        (first, second.join().unwrap())
    });
    let done = [first.ending, second.ending].iter().filter(|ending| **ending == Ending::Done).count();
    assert!(done <= 1, "{first:#?}\n{second:#?}");
    let answer = scene.cluster.api.read("/cluster/ha/status/manager_status");
    let requested = answer["manager_status"]["node_request"].as_object().cloned().unwrap_or_default();
    let out = requested.values().filter(|request| request["maintenance"] == 1).count();
    assert_eq!(out, done, "no maintenance is left of one that has given way: {requested:?}");
    // One after the other.
    scene.again();
    if done == 0 {
        scene.done(EVACUATE, &json!({"node": "pve1"}));
    }
    let is_first = done == 0 || first.ending == Ending::Done;
    let (emptied, next) = if is_first { ("pve1", "pve2") } else { ("pve2", "pve1") };
    let text = scene.refused(EVACUATE, &json!({"node": next}));
    assert!(text.contains(&format!("{emptied}: it is in maintenance, and {next} would be out of service")), "{text}");
    scene.done("pve_node_restore", &json!({"node": emptied}));
    scene.done(EVACUATE, &json!({"node": next}));
}

#[test]
fn a_guest_that_is_started_meanwhile_leaves_as_well() {
    let Some(scene) = Scene::of_three("operations::meanwhile::a_guest_that_is_started_meanwhile_leaves_as_well") else {
        return;
    };
    shared(&scene, 950);
    scene.share_disks(103);
    let told = during(&scene, EVACUATE, &json!({"node": "pve1"}), &["vzmigrate"], |scene| scene.start(103));
    assert_eq!(told.ending, Ending::Done, "{told:#?}");
    assert!(told.messages.contains(&"pve1: started meanwhile: vm:103.".to_owned()), "{told:#?}");
    for vmid in [103, 950] {
        assert!(scene.place(vmid).0 != "pve1" && scene.place(vmid).1, "{vmid}: {told:#?}");
    }
    scene.done("pve_node_restore", &json!({"node": "pve1"}));
    assert_eq!(scene.place(103), ("pve1".to_owned(), true), "it was recorded, too");

    // One that can't move is named.
    let told = during(&scene, EVACUATE, &json!({"node": "pve1"}), &["vzmigrate"], |scene| scene.start(900));
    assert_eq!(told.ending, Ending::Failed, "{told:#?}");
    let text = &told.errors[0];
    assert!(
        text.starts_with(
            "The node is not empty: pve1: guests were started on it during the evacuation: vm:900. What is in the way \
             now:\n- vm:900: it can't leave pve1."
        ),
        "{text}"
    );
    assert!(!text.contains("Nothing was changed."), "others have moved: {text}");
}

#[test]
fn a_node_that_goes_down_while_it_is_emptied_is_no_empty_node() {
    let Some(scene) = Scene::of_three("operations::meanwhile::a_node_that_goes_down_while_it_is_emptied") else {
        return;
    };
    let config = with_a_large_disk(&scene, 103);
    let told = during(&scene, EVACUATE, &config, &["qmigrate"], |scene| {
        scene.world(|world| world.power("pve1", false));
    });
    assert_eq!(told.ending, Ending::Unfinished, "{told:#?}");
    let text = &told.errors[0];
    assert!(text.contains("pve1: the node is not online any more, and what its tasks have done is unknown."), "{text}");
    assert!(!text.contains("continues") && !text.contains("Nothing was changed."), "{text}");
}

#[test]
fn a_node_that_is_fenced_while_it_is_emptied_is_no_empty_node() {
    let Some(scene) = Scene::of_three("operations::meanwhile::a_node_that_is_fenced_while_it_is_emptied") else {
        return;
    };
    scene.manage("vm:100");
    scene.world(|world| world.guests.get_mut(&100).unwrap().memory = 4_000_000);
    let told = during(&scene, EVACUATE, &json!({"node": "pve1"}), &["qmigrate"], |scene| {
        scene.world(|world| world.power("pve1", false));
    });
    assert_eq!(told.ending, Ending::Unfinished, "{told:#?}");
    assert!(told.errors[0].starts_with("The node is not online any more: pve1: the node is not online"), "{told:#?}");
}

#[test]
fn an_ha_resource_on_its_way_to_the_node_is_waited_for() {
    let Some(scene) = Scene::of_three("operations::meanwhile::an_ha_resource_on_its_way_to_the_node") else { return };
    scene.manage("vm:101");
    scene.world(|world| world.guests.get_mut(&101).unwrap().memory = 4_000_000);
    scene.cluster.api.post("/cluster/ha/resources/vm:101/migrate", &[("node", "pve1")]);
    scene.until("it moves", || scene.service("vm:101")["state"] == "migrate");
    let told = scene.done(EVACUATE, &json!({"node": "pve1"}));
    assert_ne!(scene.place(101).0, "pve1", "{told:#?}");
    assert_eq!(scene.service("vm:101")["state"], "started", "{told:#?}");
}

#[test]
fn a_migration_that_succeeds_without_its_effect_is_no_success() {
    let Some(scene) = Scene::of_three("operations::meanwhile::a_migration_that_succeeds_without_its_effect") else {
        return;
    };
    let config = with_a_large_disk(&scene, 103);
    // It ends well, and the guest has stopped on the way.
    let told = during(&scene, EVACUATE, &config, &["qmigrate"], |scene| {
        scene.world(|world| world.stop_guest(103));
    });
    assert_eq!(told.ending, Ending::Failed, "{told:#?}");
    let text = &told.errors[0];
    assert!(text.contains("has ended, and the guest does not run on pve"), "{text}");
}

#[test]
fn of_two_evacuations_without_ha_at_most_one_continues() {
    let Some(mut scene) = Scene::of_three("operations::meanwhile::of_two_evacuations_without_ha_at_most_one_continues")
    else {
        return;
    };
    shared(&scene, 103);
    shared(&scene, 101);
    let other = runtime::block_on(Core::new(&scene.cluster, &[("poll_interval", "50ms")]));
    let (first, second) = std::thread::scope(|threads| {
        let second = threads.spawn(|| runtime::block_on(other.invoke(EVACUATE, &json!({"node": "pve2"}))));
        let first = scene.invoke(EVACUATE, &json!({"node": "pve1"}));
        (first, second.join().unwrap())
    });
    let done = [first.ending, second.ending].iter().filter(|ending| **ending == Ending::Done).count();
    assert!(done <= 1, "{first:#?}\n{second:#?}");
    scene.again();
    if done == 0 {
        scene.done(EVACUATE, &json!({"node": "pve1"}));
    }
    let is_first = done == 0 || first.ending == Ending::Done;
    let (emptied, next) = if is_first { ("pve1", "pve2") } else { ("pve2", "pve1") };
    assert_eq!(
        scene.refused(EVACUATE, &json!({"node": next})),
        format!(
            "The evacuation is refused: {emptied}: an evacuation has emptied it, and {next} would be out of service as well. \
             Run `pve_node_restore` for it, or name it in `out_of_service`. Nothing was changed."
        )
    );
    scene.done("pve_node_restore", &json!({"node": emptied}));
    scene.done(EVACUATE, &json!({"node": next}));
}

#[test]
fn a_guest_that_moves_takes_its_replication_along() {
    let Some(scene) = Scene::of_three("operations::meanwhile::a_guest_that_moves_takes_its_replication_along") else {
        return;
    };
    let job = [("id", "100-0"), ("type", "local"), ("target", "pve2"), ("schedule", "sat 03:00")];
    scene.cluster.api.post("/cluster/replication", &job);
    scene.done("pve_replication_run", &json!({"job": "100-0"}));
    let heard = Heard::default();
    let told = std::thread::scope(|threads| {
        let run = threads.spawn(|| scene.invoke_heard("pve_replication_run", &json!({"job": "100-0"}), &heard));
        let is_scheduled = || heard.messages.lock().unwrap().iter().any(|message| message.contains("it is scheduled"));
        scene.until("it is scheduled", || is_scheduled() || run.is_finished());
        scene.world(|world| world.move_guest(100, "pve3"));
        run.join().unwrap()
    });
    assert!(matches!(told.ending, Ending::Done | Ending::Failed), "{told:#?}");
    assert!(told.ending == Ending::Done || told.errors[0].contains("The replication failed"), "{told:#?}");
}

#[test]
fn an_ha_resource_that_is_removed_or_moved_during_its_move() {
    let Some(scene) = Scene::of_three("operations::meanwhile::an_ha_resource_that_is_removed_or_moved_during_its_move")
    else {
        return;
    };
    scene.manage("vm:100");
    let config = json!({"resource": "vm:100", "node": "pve2"});
    let kinds = ["qmigrate"];
    // The load balancer, or a person, asks for another node in the middle.
    let told = during(&scene, "pve_ha_migrate", &config, &kinds, |scene| {
        scene.cluster.api.post("/cluster/ha/resources/vm:100/migrate", &[("node", "pve3")]);
    });
    let place = scene.place(100).0;
    assert!(
        told.ending == Ending::Done || told.errors[0].contains(&format!("vm:100: it is still on {place}")),
        "{place}: {told:#?}"
    );
    scene.until("it is at rest", || scene.service("vm:100")["state"] == "started" && scene.place(100).1);
    let to = if scene.place(100).0 == "pve1" { "pve2" } else { "pve1" };
    let told = during(&scene, "pve_ha_migrate", &json!({"resource": "vm:100", "node": to}), &kinds, |scene| {
        scene.cluster.api.delete("/cluster/ha/resources/vm:100", &[]);
    });
    assert!(
        told.ending == Ending::Done || told.errors[0].contains("it was removed from HA during the move"),
        "{told:#?}"
    );
}

#[test]
fn a_big_node_is_emptied_with_few_requests() {
    let name = "operations::meanwhile::a_big_node_is_emptied_with_few_requests";
    let big = Big { nodes: 16, guests: 25, managed: 0 };
    let options = Options { ssh: true, seed: Some(big.seed()), ..Options::default() };
    let Some(cluster) = Cluster::own(name, options).map(Arc::new) else { return };
    let core = runtime::block_on(Core::new(&cluster, &[("poll_interval", "100ms")]));
    let hurry = Some(cluster.hurry());
    let scene = Scene { cluster, core, _hurry: hurry };
    scene.cluster.emulator().counters().reset();
    let config = json!({"node": "pve1", "max_workers": 4});
    let start = std::time::Instant::now();
    scene.done(EVACUATE, &config);
    let took = start.elapsed();
    let report = scene.cluster.emulator().counters().report();
    let count = |name: &str| report["requests"][name].as_u64().unwrap_or(0);
    let polls = count("GET /nodes/{node}/tasks") + count("GET /cluster/resources");
    let total = report["total"].as_u64().unwrap();
    let moves = count("POST /nodes/{node}/qemu/{vmid}/migrate");
    let others = total - polls;
    eprintln!("{moves} moves: {others} requests, {polls} polls in {took:?}");
    assert_eq!(moves, 25);
    assert!(others <= 4 * moves, "{report:#}");
    let rounds = took.as_millis() as u64 / 100 + 10;
    assert!(polls <= rounds, "{polls} polls in {rounds} rounds: {report:#}");
    assert!(big.guests_of(1).all(|vmid| scene.place(vmid).0 != "pve1" && scene.place(vmid).1));
}
