//! `pve_replication_job`

use std::sync::Arc;

use acceptance_tests::cluster::skipped;
use acceptance_tests::life::{Life, Object, Replacement};
use acceptance_tests::{Cluster, Workspace};
use pve_emulator::{Options, Release};

const KIND: &str = "pve_replication_job";

#[test]
fn a_life_on_pve_9() {
    life_on("replication_job::a_life_on_pve_9", Release::V9);
}

#[test]
fn a_life_on_pve_8() {
    life_on("replication_job::a_life_on_pve_8", Release::V8);
}

fn life_on(test: &str, release: Release) {
    let Some(cluster) = Cluster::of(test, release).map(Arc::new) else { return };
    let storages = cluster.api.list("/storage", "storage");
    if !storages.values().any(|storage| storage["type"] == "zfspool") {
        return skipped(test, "needs guests on ZFS");
    }
    let vms = cluster.guests(8, 0).vms;
    let nodes = cluster.nodes();
    let others = |vm: &str| {
        let home = cluster.node_of(vm);
        nodes.iter().filter(|node| **node != home).cloned().collect::<Vec<_>>()
    };
    let mut free = vms.iter();
    let mut object = |name: &'static str, base: &[(&'static str, &str)]| {
        let vm = free.next().unwrap();
        let target = format!("{:?}", others(vm)[0]);
        Object::new(name, &format!("{vm}-0"), &[&[("guest", vm.as_str()), ("target", target.as_str())], base].concat())
    };
    let objects = vec![
        object("schedule", &[("schedule", "\"*/30\"")]).becomes("\"mon..fri 22:00\"").drifts(&[("delete", "schedule")]),
        object("rate", &[]).becomes("10.5").drifts(&[("rate", "3")]),
        object("comment", &[("comment", "\"größer: #1\"")]).becomes("\"other\"").drifts(&[("comment", "by hand")]),
        object("disabled", &[]).becomes("true").drifts(&[("delete", "disable")]),
        object("keep_replica", &[]).becomes("true"),
        object("force_destroy", &[("force_destroy", "true")]).becomes("false"),
        object("timeouts", &[("timeouts", "block {\n    read = \"1m\"\n  }")])
            .becomes("block {\n    read = \"2m\"\n  }"),
    ];
    let spare = &vms[7];
    let target = format!("{:?}", others(&vms[0])[1]);
    let replacements = vec![
        Replacement { object: "schedule", attribute: "target", value: target, id: format!("{}-0", vms[0]) },
        Replacement { object: "rate", attribute: "job_number", value: "7".into(), id: format!("{}-7", vms[1]) },
        Replacement { object: "disabled", attribute: "guest", value: spare.clone(), id: format!("{spare}-0") },
    ];
    // The replacement's target is another node than the one that the guest is on.
    let mut objects = objects;
    let fitting = others(&vms[3]).into_iter().find(|node| others(spare).contains(node)).expect("three nodes");
    for attribute in &mut objects[3].base {
        if attribute.0 == "target" {
            attribute.1 = format!("{fitting:?}");
        }
    }
    let life = Life {
        kind: KIND,
        collection: "/cluster/replication",
        key: "id",
        objects,
        replacements,
        deleting: vec![("force", "1".to_owned())],
        ..Life::default()
    };
    let _hurry = cluster.hurry();
    life.live(&cluster);
}

#[test]
fn the_smallest_free_number_is_taken() {
    let name = "replication_job::the_smallest_free_number_is_taken";
    let Some(cluster) = Cluster::own(name, Options::default()).map(Arc::new) else { return };
    let vm = &cluster.guests(1, 0).vms[0];
    let home = cluster.node_of(vm);
    let targets: Vec<String> = cluster.nodes().into_iter().filter(|node| *node != home).collect();
    cluster.api.post("/cluster/replication", &[("id", &format!("{vm}-0")), ("type", "local"), ("target", &targets[0])]);
    let w = Workspace::new(&cluster);
    w.configure(&format!("resource \"{KIND}\" \"a\" {{\n  guest = {vm}\n  target = {:?}\n}}\n", targets[1]));
    w.apply();
    w.plan_is_empty();
    let attributes = w.attributes(&format!("{KIND}.a"));
    assert_eq!((&attributes["id"], &attributes["source"]), (&format!("{vm}-1").into(), &home.clone().into()));
    // HA or an operator moves the guest: the source changes, the plan is empty.
    let _hurry = cluster.hurry();
    w.destroy();
}

/// The plan's own grammar of schedules, written apart from Proxmox's, lets pass exactly what Proxmox takes.
#[test]
fn the_plan_judges_schedules_as_the_scheduler_does() {
    let name = "replication_job::the_plan_judges_schedules_as_the_scheduler_does";
    let Some(cluster) = Cluster::own(name, Options::default()) else { return };
    const DAYS: [&str; 8] = ["", "mon", "Sunday", "mon..fri", "sat,sun..tue", "tues", "mon-fri", "mon.."];
    const DATES: [&str; 8] = ["", "*-*-1", "2030-10-21", "1..6-*/5", "0-1", "13-1", "1-32", "1-2-3-4"];
    const TIMES: [&str; 28] = [
        "",
        "22:00",
        "*/15",
        "30/10",
        "8:00/15",
        "12/2:5",
        "8..17,22:0/15",
        "1:00:00",
        "*:*",
        "*",
        "0,15",
        "7",
        "*/0",
        "0/0",
        "*/59",
        "*/60",
        "0/24:00",
        "25:00",
        "8:61",
        "*,5",
        "0,*/15",
        "8..5:0",
        "5..",
        "1,",
        "1:2:3:4",
        "first",
        "@daily",
        "daily",
    ];
    let mut taken = 0;
    for text in
        DAYS.iter().flat_map(|day| DATES.iter().flat_map(move |date| TIMES.iter().map(move |time| [day, date, time])))
    {
        let text = text.into_iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join(" ");
        let proxmox =
            cluster.api.send("GET", "/cluster/jobs/schedule-analyze", &[("schedule", &text), ("iterations", "1")]);
        let plan = text.parse::<pve_schemas::value::Schedule>();
        assert_eq!(plan.is_ok(), proxmox.is_ok(), "{text:?}: {plan:?}, {proxmox:?}");
        taken += usize::from(proxmox.is_ok());
    }
    assert!(taken > 100, "{taken} of all are taken");
}

#[test]
fn a_source_that_is_down_is_reported_with_the_way_out() {
    let name = "replication_job::a_source_that_is_down_is_reported_with_the_way_out";
    let Some(cluster) = Cluster::own(name, Options::default()).map(Arc::new) else { return };
    let nodes = cluster.nodes();
    let answering = cluster.emulator().cluster().world().answering_node.clone();
    let vms = cluster.guests(8, 0).vms;
    let vm = vms.iter().find(|vm| cluster.node_of(vm) != answering).unwrap();
    let home = cluster.node_of(vm);
    let target = nodes.iter().find(|node| **node != home).unwrap();
    let w = Workspace::new(&cluster);
    let with = |more: &str| format!("resource \"{KIND}\" \"a\" {{\n  guest = {vm}\n  target = {target:?}\n{more}}}\n");
    w.configure(&with(""));
    w.apply();
    cluster.emulator().cluster().world().power(&home, false);
    let run = w.expect(1, &["destroy", "-auto-approve", "-json"]);
    assert!(run.only_error().flat().contains("force_destroy = true"), "{}", run.text);
    w.configure(&with("  force_destroy = true\n"));
    w.apply();
    w.destroy();
    assert!(cluster.api.list("/cluster/replication", "id").is_empty());
}
