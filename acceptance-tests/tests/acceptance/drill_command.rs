//! `do drill`, as a process: what it writes, and how it ends.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;

use acceptance_tests::process::signal;
use acceptance_tests::{Cluster, cli};
use pve_emulator::Options;
use serde_json::Value as Json;

/// A cluster with vm:101 as HA resource on pve2.
fn cluster(test: &str) -> Option<Arc<Cluster>> {
    let cluster = Arc::new(Cluster::own(test, Options::default())?);
    {
        let mut world = cluster.emulator().cluster().world();
        for (_, value) in &mut world.guests.get_mut(&101).unwrap().config {
            *value = value.replace("local-zfs:", "shared-nfs:");
        }
    }
    cluster.api.post("/cluster/ha/resources", &[("sid", "vm:101")]);
    cluster.emulator().cluster().world().advance(120.0);
    Some(cluster)
}

/// Runs a drill with JSON Lines, and gives each message to the person.
fn run(cluster: &Cluster, arguments: &[&str], person: impl Fn(&str, u32)) -> (Option<i32>, Vec<Json>) {
    let mut process = Command::new(cli::program("terraform-provider-pve"))
        .args(["do", "drill", "--json"])
        .args(arguments)
        .env_clear()
        .envs(cluster.environment.iter().cloned())
        .env("PROXMOX_VE_POLL_INTERVAL", "50ms")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut documents = Vec::new();
    for line in BufReader::new(process.stdout.take().unwrap()).lines() {
        let document: Json = serde_json::from_str(&line.unwrap()).unwrap();
        person(document["message"].as_str().unwrap_or_default(), process.id());
        documents.push(document);
    }
    (process.wait().unwrap().code(), documents)
}

#[test]
fn a_crash_is_drilled_with_a_person() {
    let Some(cluster) = cluster("drill_command::a_crash_is_drilled_with_a_person") else { return };
    let folder = tempfile::tempdir().unwrap();
    let evidence = folder.path().join("evidence");
    let arguments = ["node-crash", "--node", "pve2", "--guest", "vm:101", "--evidence", evidence.to_str().unwrap()];
    let _hurry = cluster.hurry();
    let (code, documents) = run(&cluster, &arguments, |message, _| {
        let mut world = cluster.emulator().cluster().world();
        match message {
            "Cut the power of pve2 now." => world.power("pve2", false),
            "Give pve2 its power back now." => world.power("pve2", true),
            _ => {}
        }
    });
    assert_eq!(code, Some(0), "{documents:#?}");
    assert_eq!((&documents[0]["command"], &documents[0]["operation"]), (&"drill".into(), &"drill".into()));
    assert_eq!(documents.last().unwrap()["result"], "done");
    for name in ["drill.md", "drill.json", "junit.xml"] {
        assert!(evidence.join(name).metadata().unwrap().len() > 0, "{name}");
    }
    // The folder is taken now.
    let (code, documents) = run(&cluster, &arguments, |_, _| {});
    assert_eq!((code, &documents.last().unwrap()["result"]), (Some(3), &"refused".into()), "{documents:#?}");
    let (code, _) = run(&cluster, &["node-crash", "--guest", "vm:101"], |_, _| {});
    assert_eq!(code, Some(2), "a case about a node needs one");
}

#[test]
fn a_drill_that_is_interrupted_or_killed_leaves_its_evidence() {
    let Some(cluster) = cluster("drill_command::a_drill_that_is_interrupted_or_killed_leaves_its_evidence") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    for (how, ends, outcome) in [("-INT", Some(130), "interrupted"), ("-KILL", None, "running")] {
        let evidence = folder.path().join(outcome);
        let arguments =
            ["network-cut", "--node", "pve2", "--guest", "vm:101", "--evidence", evidence.to_str().unwrap()];
        let (code, documents) = run(&cluster, &arguments, |message, process| {
            // The first message is in the evidence before the second one is written.
            if message.starts_with("Disconnect all networks") {
                cluster.emulator().cluster().world().network("pve2", false);
                cluster.emulator().cluster().world().advance(10.0);
            } else if message == "pve2 has left the cluster." {
                assert!(signal(how, &process.to_string()));
            }
        });
        assert_eq!(code, ends, "{documents:#?}");
        let text = std::fs::read_to_string(evidence.join("drill.json")).unwrap();
        let json: Json = serde_json::from_str(&text).unwrap();
        assert_eq!((&json["outcome"], &json["complete"]), (&outcome.into(), &false.into()));
        assert!(!json["timeline"].as_array().unwrap().is_empty(), "{text}");
        let junit = std::fs::read_to_string(evidence.join("junit.xml")).unwrap();
        assert!(junit.contains(" errors=\"1\""), "{junit}");
        cluster.emulator().cluster().world().network("pve2", true);
        cluster.emulator().cluster().world().advance(60.0);
    }
}
