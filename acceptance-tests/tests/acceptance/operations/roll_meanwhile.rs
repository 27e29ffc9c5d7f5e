//! What happens to the cluster while `do roll` is at work: it stops, and says why.

use serde_json::{Value as Json, json};
use terraform_provider_pve::framework::Ending;

use super::roll::{UPDATE, journal, scene};
use super::{Heard, Scene, Told};

/// Rolls; `then` happens once the first node is being emptied, whose name it gets.
fn during(scene: &Scene, config: &Json, then: impl FnOnce(&Scene, &str)) -> Told {
    let heard = Heard::default();
    std::thread::scope(|threads| {
        let run = threads.spawn(|| scene.invoke_heard("roll", config, &heard));
        scene.until("the first node is emptied", || run.is_finished() || heard.has(": it is emptied."));
        let first = heard.messages.lock().unwrap()[0].split(':').next().unwrap().to_owned();
        then(scene, &first);
        run.join().unwrap()
    })
}

/// A guest on another node than `first`, of those.
fn elsewhere(scene: &Scene, first: &str, guests: &[u32]) -> u32 {
    *guests.iter().find(|vmid| scene.place(**vmid).0 != first).unwrap()
}

#[test]
fn each_node_is_proven_again_before_it_is_emptied() {
    let Some(scene) = scene("operations::roll_meanwhile::each_node_is_proven_again_before_it_is_emptied") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let config = json!({"run": UPDATE, "journal": journal(&folder)});
    let mut bound = 0;
    let told = during(&scene, &config, |scene, first| {
        bound = elsewhere(scene, first, &[103, 104, 105]);
        // Its disks are on local storage now.
        scene.world(|world| {
            for (_, value) in &mut world.guests.get_mut(&bound).unwrap().config {
                *value = value.replace("shared-nfs:", "local-zfs:");
            }
        });
    });
    assert_eq!(told.ending, Ending::Failed, "{told:#?}");
    let text = &told.errors[0];
    assert!(text.contains("the cluster is not as it was when the roll was proven"), "{text}");
    assert!(text.contains(&format!("vm:{bound}: it can't leave")) && !text.contains("Nothing was changed"), "{text}");
}

#[test]
fn a_guest_that_does_not_run_any_more_stops_the_roll() {
    let Some(scene) = scene("operations::roll_meanwhile::a_guest_that_does_not_run_any_more_stops_the_roll") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let config = json!({"run": UPDATE, "journal": journal(&folder), "gate_timeout": "2s"});
    let mut stopped = 0;
    let told = during(&scene, &config, |scene, first| {
        stopped = elsewhere(scene, first, &[103, 104, 105]);
        scene.world(|world| world.stop_guest(stopped));
    });
    assert_eq!(told.ending, Ending::Unfinished, "{told:#?}");
    let text = &told.errors[0];
    assert!(
        text.contains(&format!("Not met: the guests that ran before the roll run: vm:{stopped} does not run.")),
        "{text}"
    );
    assert!(text.contains("This step may take 2 s (`--gate-timeout`)"), "{text}");
    assert_eq!(scene.sent("POST /nodes/{node}/status"), 1, "no further node is touched");
    scene.start(stopped);
    scene.done("roll", &json!({"run": UPDATE, "journal": journal(&folder)}));
}

#[test]
fn an_ha_resource_that_gets_into_the_error_state_stops_the_roll() {
    let name = "operations::roll_meanwhile::an_ha_resource_that_gets_into_the_error_state_stops_the_roll";
    let Some(scene) = scene(name) else { return };
    let folder = tempfile::tempdir().unwrap();
    let config = json!({"run": UPDATE, "journal": journal(&folder)});
    let mut broken = 0;
    let told = during(&scene, &config, |scene, first| {
        broken = elsewhere(scene, first, &[100, 101, 102]);
        scene.world(|world| {
            world.guests.get_mut(&broken).unwrap().start_fails = true;
            world.stop_guest(broken);
        });
    });
    assert_eq!(told.ending, Ending::Failed, "{told:#?}");
    let text = &told.errors[0];
    let check = format!("Not met: no further HA resource is in the error state: vm:{broken} is in it.");
    assert!(text.contains(&check) && text.contains("Set the state of the HA resource to `disabled`"), "{text}");
    assert_eq!(scene.sent("POST /nodes/{node}/status"), 1, "no further node is touched");
}

#[test]
fn a_node_that_does_not_say_its_kernels_stops_the_roll() {
    let Some(scene) = scene("operations::roll_meanwhile::a_node_that_does_not_say_its_kernels_stops_the_roll") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    // A command that asks for no reboot by itself: then the kernels decide.
    let config = json!({"run": "apt-get update", "journal": journal(&folder), "nodes": ["pve2"]});
    for command in ["^uname", "^ls -1 /boot"] {
        let fault = json!({"command": command, "kind": "fail", "exit": 2, "stderr": "no answer\n"});
        scene.cluster.emulator().commands().fault(serde_json::from_value(fault).unwrap()).unwrap();
        let told = scene.invoke("roll", &config);
        assert_eq!(told.ending, Ending::Failed, "{command}: {told:#?}");
        assert!(told.errors[0].contains("no answer"), "{command}: {told:#?}");
    }
    scene.done("roll", &config);
    assert_eq!(scene.sent("POST /nodes/{node}/status"), 0);
}
