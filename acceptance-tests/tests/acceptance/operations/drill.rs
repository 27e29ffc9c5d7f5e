//! `drill`: the person is a thread that reads the messages, and cuts power and network.

use std::fs;
use std::path::Path;
use std::thread;

use pve_emulator::world::World;
use pve_emulator::{Options, Release};
use serde_json::{Value as Json, json};
use terraform_provider_pve::framework::Ending;

use super::{Heard, Scene, Told};

const DRILL: &str = "drill";

/// vm:101 on pve2, on shared storage.
fn scene(test: &str) -> Option<Scene> {
    let scene = Scene::of_three(test)?;
    scene.share_disks(101);
    scene.manage("vm:101");
    until_active(&scene);
    Some(scene)
}

/// Waits until pve2 holds its lock, and would be fenced.
fn until_active(scene: &Scene) {
    let status = || scene.cluster.api.read("/cluster/ha/status/manager_status");
    scene.until("the local resource manager is active", || status()["lrm_status"]["pve2"]["state"] == "active");
}

/// What the person does at which message.
type Part<'a> = (&'a str, &'a dyn Fn(&Scene));

/// A drill and its evidence.
fn played(scene: &Scene, config: &Json, person: &[Part<'_>]) -> (Told, Evidence) {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("evidence");
    let mut config = config.clone();
    config["evidence"] = at.to_str().into();
    let heard = Heard::default();
    let told = thread::scope(|threads| {
        let drill = threads.spawn(|| scene.invoke_heard(DRILL, &config, &heard));
        for (message, act) in person {
            scene.until(message, || heard.has(message) || drill.is_finished());
            act(scene);
        }
        drill.join().unwrap()
    });
    (told, Evidence::read(&at))
}

fn world(act: impl Fn(&mut World)) -> impl Fn(&Scene) {
    move |scene| scene.world(&act)
}

/// The evidence of a drill.
struct Evidence {
    json: Json,
    junit: String,
    markdown: String,
}

impl Evidence {
    fn read(at: &Path) -> Self {
        let text = |name: &str| fs::read_to_string(at.join(name)).unwrap_or_default();
        let json = serde_json::from_str(&text("drill.json")).unwrap_or_default();
        Self { json, junit: text("junit.xml"), markdown: text("drill.md") }
    }

    /// What was expected of a subject in a phase, and what was found.
    fn found(&self, phase: &str, subject: &str) -> (&str, &str) {
        let all = self.json["expectations"].as_array().unwrap();
        let one = all.iter().find(|one| one["phase"] == phase && one["subject"] == subject).unwrap();
        (one["predicted"].as_str().unwrap(), one["found"].as_str().unwrap_or("-"))
    }

    /// The seconds that something took.
    fn took(&self, timing: usize) -> i64 {
        self.json["timings"][timing]["found"].as_i64().unwrap()
    }
}

#[test]
fn a_crash_that_comes_out_as_predicted_is_proven() {
    let Some(scene) = scene("operations::drill::a_crash_that_comes_out_as_predicted_is_proven") else { return };
    let config = json!({"case": "node-crash", "node": "pve2", "guest": ["vm:101"]});
    let (steps, refusals) = scene.plan(DRILL, &config);
    assert!(refusals.is_empty(), "{refusals:?}");
    assert!(steps[1].starts_with("Predicted during the outage: vm:101: started on pve"), "{steps:?}");
    let cut = world(|world| world.power("pve2", false));
    let restore = world(|world| world.power("pve2", true));
    let (told, evidence) =
        played(&scene, &config, &[("Cut the power of pve2 now.", &cut), ("Give pve2 its power back now.", &restore)]);
    assert_eq!(told.ending, Ending::Done, "{told:#?}\n{}", evidence.markdown);
    assert!(told.messages.last().unwrap().contains("last_failover_drill = \"20"), "{told:#?}");
    assert_eq!((&evidence.json["outcome"], &evidence.json["complete"]), (&json!("as-predicted"), &json!(true)));
    for phase in ["outage", "return"] {
        let (predicted, found) = evidence.found(phase, "vm:101");
        assert_eq!(predicted, found, "{phase}");
    }
    assert_ne!(evidence.found("outage", "vm:101").1, "started on pve2");
    // A poll of a test that waits for the processor may be late by many seconds of the cluster.
    assert!(evidence.took(0) >= 40 && evidence.took(1) >= 90, "{}", evidence.markdown);
    let kinds: Vec<&str> =
        evidence.json["timeline"].as_array().unwrap().iter().filter_map(|event| event["kind"].as_str()).collect();
    for kind in ["drill", "left", "node-state", "service", "guest", "back"] {
        assert!(kinds.contains(&kind), "{kinds:?}");
    }
    assert!(evidence.junit.contains(" failures=\"0\" errors=\"0\" skipped=\"0\""), "{}", evidence.junit);
    assert!(evidence.markdown.contains("**Outcome: as predicted.**"), "{}", evidence.markdown);
}

#[test]
fn the_node_of_the_master_takes_longer() {
    let options = Options { release: Release::V8, ssh: true, ..Options::default() };
    let Some(scene) = Scene::new("operations::drill::the_node_of_the_master_takes_longer", options) else { return };
    scene.share_disks(101);
    scene.manage("vm:101");
    until_active(&scene);
    // The master becomes pve2.
    scene.world(|world| world.power("pve1", false));
    let status = || scene.cluster.api.read("/cluster/ha/status/manager_status");
    scene.until("another master", || status()["manager_status"]["master_node"] == "pve2");
    scene.world(|world| {
        world.power("pve1", true);
        world.answering_node = "pve3".to_owned();
    });
    scene.until("pve1 is back", || status()["manager_status"]["node_status"]["pve1"] == "online");
    let config = json!({"case": "node-crash", "node": "pve2", "guest": ["vm:101"], "leave_down": true});
    let cut = world(|world| world.power("pve2", false));
    let (told, evidence) = played(&scene, &config, &[("Cut the power of pve2 now.", &cut)]);
    assert_eq!(told.ending, Ending::Done, "{told:#?}\n{}", evidence.markdown);
    assert_eq!(evidence.json["timings"][1]["expected"], "about 180 to 200 s");
    assert!(evidence.took(1) >= 140, "{}", evidence.markdown);
}

#[test]
fn a_drill_that_affects_more_than_is_named_or_a_cluster_that_is_not_healthy_is_refused() {
    let Some(scene) =
        scene("operations::drill::a_drill_that_affects_more_than_is_named_or_a_cluster_that_is_not_healthy_is_refused")
    else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let config = json!({"case": "node-crash", "node": "pve2", "guest": ["vm:101"],
        "evidence": folder.path().join("evidence").to_str().unwrap()});
    let changed = |name: &str, value: Json| {
        let mut config = config.clone();
        config[name] = value;
        config
    };
    let text = scene.refused(DRILL, &changed("guest", json!([])));
    assert!(text.contains("The drill would affect guests that are not named: vm:101."), "{text}");
    scene.start(104);
    let text = scene.refused(DRILL, &config);
    assert!(text.contains("pve2: guests without HA run on it: vm:104."), "{text}");
    let text = scene.refused(DRILL, &changed("guest", json!(["vm:101", "vm:104", "vm:4711"])));
    assert!(text.contains("vm:104: it is not an HA resource"), "{text}");
    assert!(text.contains("vm:4711: there is no such guest"), "{text}");
    scene.world(|world| world.stop_guest(104));
    // The node that answers.
    let text = scene.refused(DRILL, &json!({"case": "node-crash", "node": "pve1"}));
    assert!(text.contains("pve1: it is the node that answers the requests of this command."), "{text}");
    // Evidence is never overwritten.
    fs::write(folder.path().join("drill.md"), "kept").unwrap();
    let text = scene.refused(DRILL, &changed("evidence", folder.path().to_str().into()));
    assert!(text.contains("the folder is not empty"), "{text}");
    assert!(!folder.path().join("evidence").exists());
    // No other node has the disks.
    scene.world(|world| {
        for (_, value) in &mut world.guests.get_mut(&101).unwrap().config {
            *value = value.replace("shared-nfs:", "local-zfs:");
        }
    });
    let again = acceptance_tests::core::Core::new(&scene.cluster, &[("poll_interval", "50ms")]);
    let scene = Scene { core: acceptance_tests::runtime::block_on(again), ..scene };
    let text = scene.refused(DRILL, &config);
    assert!(text.contains("pve2: the cluster would not survive its failure. vm:101 can't start on"), "{text}");
    scene.world(|world| world.power("pve3", false));
    scene.until_offline("pve3");
    let text = scene.refused(DRILL, &config);
    assert!(text.contains("pve3: the node is not online."), "{text}");
}

#[test]
fn a_person_who_does_nothing_ends_the_drill_in_order() {
    let Some(scene) = scene("operations::drill::a_person_who_does_nothing_ends_the_drill_in_order") else { return };
    let config = json!({"case": "network-cut", "node": "pve2", "guest": ["vm:101"], "wait_for_person": "300ms"});
    let (told, evidence) = played(&scene, &config, &[]);
    assert_eq!(told.ending, Ending::Unfinished, "{told:#?}");
    assert!(told.errors[0].starts_with("The drill has not ended: network-cut:"), "{told:#?}");
    assert!(told.errors[0].contains("The time for pve2 to leave the cluster has passed."), "{told:#?}");
    assert_eq!((&evidence.json["outcome"], &evidence.json["complete"]), (&json!("out-of-time"), &json!(false)));
    assert_eq!(evidence.found("outage", "vm:101").1, "-");
    assert!(evidence.junit.contains("<error message=\"out of time\">"), "{}", evidence.junit);
    assert!(evidence.markdown.contains("The drill did not come to its end"), "{}", evidence.markdown);
}

#[test]
fn the_wrong_node_ends_the_drill_at_once() {
    let Some(scene) = scene("operations::drill::the_wrong_node_ends_the_drill_at_once") else { return };
    let config = json!({"case": "node-crash", "node": "pve2", "guest": ["vm:101"]});
    let cut = world(|world| world.power("pve3", false));
    let (told, evidence) = played(&scene, &config, &[("Cut the power of pve2 now.", &cut)]);
    assert_eq!(told.ending, Ending::Failed, "{told:#?}");
    assert!(told.errors[0].contains("pve3: it has left the cluster instead of pve2."), "{told:#?}");
    assert_eq!(evidence.json["outcome"], "failed");
    assert!(evidence.json["remains"][0].as_str().unwrap().starts_with("pve3 is not a member"), "{}", evidence.markdown);
}

#[test]
fn an_interrupted_drill_says_how_the_cluster_is_brought_back() {
    let Some(scene) = scene("operations::drill::an_interrupted_drill_says_how_the_cluster_is_brought_back") else {
        return;
    };
    let config = json!({"case": "node-crash", "node": "pve2", "guest": ["vm:101"]});
    let cut = world(|world| world.power("pve2", false));
    let stop = |scene: &Scene| scene.core.stop();
    let (told, evidence) = played(
        &scene,
        &config,
        &[("Cut the power of pve2 now.", &cut), ("The HA manager has pve2 in the state fence.", &stop)],
    );
    assert_eq!(told.ending, Ending::Unfinished, "{told:#?}");
    assert_eq!(evidence.json["outcome"], "interrupted", "{}", evidence.markdown);
    let remains = evidence.json["remains"].as_array().unwrap();
    assert!(remains[0].as_str().unwrap().starts_with("pve2 is not a member of the cluster"), "{remains:?}");
    assert!(told.errors[0].contains("`do drill failback --node pve2` watches its return"), "{told:#?}");
    assert_eq!(evidence.found("outage", "vm:101").1, "-");
    assert!(evidence.json["timeline"].as_array().unwrap().len() > 3, "{}", evidence.markdown);
}

#[test]
fn a_prediction_that_does_not_come_true_is_a_failure() {
    let Some(scene) = scene("operations::drill::a_prediction_that_does_not_come_true_is_a_failure") else { return };
    let config = json!({"case": "node-crash", "node": "pve2", "guest": ["vm:101"], "leave_down": true});
    let predicted = if scene.plan(DRILL, &config).0[1].contains("on pve1") { "pve1" } else { "pve3" };
    let cut = |scene: &Scene| {
        scene.world(|world| {
            world.guests.get_mut(&101).unwrap().start_fails = true;
            world.power("pve2", false);
        });
    };
    let (told, evidence) = played(&scene, &config, &[("Cut the power of pve2 now.", &cut)]);
    assert_eq!(told.ending, Ending::Failed, "{told:#?}\n{}", evidence.markdown);
    assert!(told.errors[0].starts_with("The drill was not as predicted: node-crash:"), "{told:#?}");
    let (expected, found) = evidence.found("outage", "vm:101");
    assert_eq!(expected, format!("started on {predicted}"));
    assert_ne!(found, expected);
    assert_eq!((&evidence.json["outcome"], &evidence.json["complete"]), (&json!("not-as-predicted"), &json!(true)));
    assert!(
        evidence.junit.contains(&format!("<failure message=\"predicted: {expected}; found: {found}\">")),
        "{}",
        evidence.junit
    );
    assert!(!told.messages.iter().any(|line| line.contains("last_failover_drill")), "{told:#?}");
}

#[test]
fn cases_without_a_person_leave_the_cluster_as_it_was() {
    let Some(scene) = scene("operations::drill::cases_without_a_person_leave_the_cluster_as_it_was") else { return };
    for config in [
        json!({"case": "baseline"}),
        json!({"case": "live-migration", "guest": ["vm:101"], "target": "pve3"}),
        json!({"case": "manual-move", "guest": ["vm:101"], "target": "pve1"}),
        json!({"case": "maintenance", "node": "pve2", "guest": ["vm:101"]}),
    ] {
        let (told, evidence) = played(&scene, &config, &[]);
        assert_eq!(told.ending, Ending::Done, "{told:#?}\n{}", evidence.markdown);
        assert_eq!(evidence.json["complete"], true);
        assert_eq!(evidence.json["remains"], json!([]));
        assert_eq!(scene.place(101), ("pve2".to_owned(), true), "{config}");
        if config["case"] != "baseline" {
            let (predicted, found) = evidence.found("outage", "vm:101");
            assert!(predicted == found && found != "started on pve2", "{}", evidence.markdown);
            assert_eq!(evidence.found("return", "vm:101").1, "started on pve2");
        }
    }
    let text = scene.refused(DRILL, &json!({"case": "live-migration", "guest": ["vm:101"], "target": "pve2"}));
    assert!(text.contains("vm:101: it is on pve2 already."), "{text}");
}

#[test]
fn a_node_that_is_shut_down_stays_down_until_its_return_is_exercised() {
    let Some(scene) = scene("operations::drill::a_node_that_is_shut_down_stays_down_until_its_return_is_exercised")
    else {
        return;
    };
    let home = [("rule", "home"), ("type", "node-affinity"), ("resources", "vm:101"), ("nodes", "pve2:2,pve3:1")];
    scene.cluster.api.post("/cluster/ha/rules", &home);
    let before = scene.sent("POST /nodes/{node}/status");
    let shutdown = json!({"case": "clean-shutdown", "node": "pve2", "guest": ["vm:101"], "leave_down": true});
    let (told, evidence) = played(&scene, &shutdown, &[]);
    assert_eq!(told.ending, Ending::Done, "{told:#?}\n{}", evidence.markdown);
    assert_eq!(scene.sent("POST /nodes/{node}/status") - before, 1);
    assert_eq!(evidence.found("outage", "vm:101").1, "started on pve3");
    assert!(evidence.json["remains"][0].as_str().unwrap().contains("`do drill failback --node pve2`"));
    // What preferred node it has is enough to name it.
    let failback = json!({"case": "failback", "node": "pve2"});
    let text = scene.refused(DRILL, &failback);
    assert!(text.contains("guests that are not named: vm:101"), "{text}");
    let mut failback = failback;
    failback["guest"] = json!(["vm:101"]);
    let start = world(|world| world.power("pve2", true));
    let (told, evidence) = played(&scene, &failback, &[("Start pve2 now.", &start)]);
    assert_eq!(told.ending, Ending::Done, "{told:#?}\n{}", evidence.markdown);
    assert_eq!(evidence.found("return", "vm:101").1, "started on pve2");
    until_active(&scene);
    // The same node loses its network, and its guest is down for longer than it may be.
    let cut = world(|world| world.network("pve2", false));
    let connect = world(|world| {
        world.network("pve2", true);
        world.power("pve2", true);
    });
    let config = json!({"case": "network-cut", "node": "pve2", "guest": ["vm:101"], "max_downtime": "30s"});
    let (told, evidence) = played(
        &scene,
        &config,
        &[("Disconnect all networks of pve2 now.", &cut), ("Connect pve2 to its networks again", &connect)],
    );
    assert_eq!(told.ending, Ending::Failed, "{told:#?}\n{}", evidence.markdown);
    assert_eq!(evidence.found("return", "vm:101").1, "started on pve2");
    let problems = evidence.json["problems"].as_array().unwrap();
    assert_eq!(problems.len(), 1, "{}", evidence.markdown);
    assert!(problems[0].as_str().unwrap().contains("found: vm:101 was down for"), "{problems:?}");
}
