//! The topology of three nodes is ready for production by its own resources.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use acceptance_tests::{Cluster, Workspace};
use pve_emulator::{Options, Release};
use serde_json::{Value as Json, json};

const TIERS: [&str; 3] = ["low", "medium", "critical"];

#[test]
fn three_nodes_are_ready_on_pve_9() {
    story("topologies::three_nodes_are_ready_on_pve_9", Release::V9);
}

#[test]
fn three_nodes_are_ready_on_pve_8() {
    story("topologies::three_nodes_are_ready_on_pve_8", Release::V8);
}

fn story(test: &str, release: Release) {
    let Some(cluster) = Cluster::own(test, Options { release, ..Options::default() }).map(Arc::new) else { return };
    share_disks(&cluster);
    // Without the topology's own alerts no event reaches a target.
    cluster.api.put("/cluster/notifications/matchers/default-matcher", &[("disable", "1")]);
    let before = cluster.inventory();
    let w = Workspace::new(&cluster);
    copy(&w);
    w.configure("");
    roll_out(&w);
    for tier in TIERS {
        w.expect(0, &["workspace", "new", tier]);
        roll_out(&w);
        cluster.emulator().cluster().world().advance(120.0);
    }
    // The alerts and the backup job are live now: the same is ready without being planned, once the job has run.
    let unplanned =
        "data \"pve_ha_readiness\" \"live\" {}\noutput \"live\" { value = data.pve_ha_readiness.live.blockers }\n";
    w.configure(unplanned);
    w.apply();
    let open = output(&w, "live");
    let open: Vec<&str> = open.as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    assert!(open.len() == 1 && open[0].starts_with("backup (fail): no run has ended on"), "{open:?}");
    night(&cluster);
    w.apply();
    assert_eq!((output(&w, "live"), output(&w, "ready")), (json!([]), json!(true)));
    w.configure("");
    for workspace in TIERS.into_iter().rev().chain(["default"]) {
        w.expect(0, &["workspace", "select", workspace]);
        w.expect(0, &["destroy", "-auto-approve", "-json"]);
    }
    assert_eq!(cluster.inventory(), before);
}

#[test]
fn the_gate_is_opened_in_an_incident() {
    let test = "topologies::the_gate_is_opened_in_an_incident";
    let Some(cluster) = Cluster::own(test, Options::default()).map(Arc::new) else { return };
    let w = Workspace::new(&cluster);
    copy(&w);
    w.configure("");
    w.expect(0, &["workspace", "new", "low"]);
    cluster.emulator().cluster().world().power("pve2", false);
    cluster.emulator().cluster().world().advance(240.0);
    assert!(w.plan_fails().text.contains("The cluster would not survive the failure of one more node: 2 of 3"));
    w.expect(0, &["plan", "-json", "-var", "gate=false"]);
}

/// Three nodes that are each on their own are a cluster after one apply.
#[test]
fn a_cluster_is_made_from_scratch() {
    let node = |name: &str, address: &str| json!({"node": name, "address": address});
    let seed = json!({"standalone": [node("pve1", "10.0.0.1"), node("pve2", "10.0.0.2"), node("pve3", "10.0.0.3")]});
    let options =
        Options { ssh: true, seed: Some(pve_emulator::Seed::parse(&seed.to_string()).unwrap()), ..Options::default() };
    let Some(cluster) = Cluster::own("topologies::a_cluster_is_made_from_scratch", options).map(Arc::new) else {
        return;
    };
    let _hurry = cluster.hurry();
    let w = Workspace::new(&cluster);
    std::fs::remove_file(w.path("provider.tf")).unwrap();
    std::fs::remove_file(w.path("terraform.tf")).unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/topologies/from-scratch");
    for name in ["main.tf", "variables.tf", "outputs.tf"] {
        w.write(name, &fs::read_to_string(folder.join(name)).unwrap());
    }
    let mut ssh = cluster.ssh().unwrap();
    let nodes = ssh["node"].as_array().unwrap().iter();
    let nodes: serde_json::Map<String, Json> =
        nodes.map(|node| (node["name"].as_str().unwrap().to_owned(), node.clone())).collect();
    ssh["nodes"] = json!(nodes);
    w.write("terraform.tfvars.json", &json!({"ssh": ssh}).to_string());
    w.apply();
    w.plan_is_empty();
    assert_eq!(output(&w, "quorum"), json!({"votes": "3 of 3", "tolerates": 1}));
}

/// Each phase is ready in the plan that makes it, and after it.
fn roll_out(w: &Workspace) {
    let plan = w.plan();
    let planned = &plan.0["planned_values"]["outputs"];
    assert_eq!(planned["ready"]["value"], true, "{planned}");
    w.apply();
    assert_eq!((output(w, "ready"), output(w, "blockers")), (json!(true), json!([])));
}

fn output(w: &Workspace, name: &str) -> Json {
    let outputs: Json = serde_json::from_str(&w.run(&["output", "-json"]).text).unwrap();
    outputs[name]["value"].clone()
}

/// A day passes, in which the backup job runs.
fn night(cluster: &Cluster) {
    for _ in 0..(24 * 60) {
        cluster.emulator().cluster().world().advance(60.0);
    }
}

fn share_disks(cluster: &Cluster) {
    let mut world = cluster.emulator().cluster().world();
    for vmid in 100..=105 {
        for (_, value) in world.guests.get_mut(&vmid).unwrap().config.iter_mut().filter(|(key, _)| key == "scsi0") {
            *value = format!("shared-nfs:vm-{vmid}-disk-0,size=8G");
        }
    }
}

fn copy(w: &Workspace) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("examples/topologies/three-node");
    // The topology has its own.
    w.write("terraform.tf", "");
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if name.ends_with(".tf") {
            w.write(&format!("topology_{name}"), &fs::read_to_string(&path).unwrap());
        }
    }
}
