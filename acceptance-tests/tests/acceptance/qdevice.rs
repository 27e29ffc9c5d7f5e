//! `pve_qdevice`

use std::sync::Arc;

use acceptance_tests::{Cluster, Workspace};
use pve_emulator::Release;
use serde_json::{Value as Json, json};

const HOST: &str = "10.0.0.100";
const OTHER: &str = "10.0.0.101";
const STORE: &str = "/etc/corosync/qdevice/net/nssdb";

fn qdevice(address: &str, more: &str) -> String {
    format!("resource \"pve_qdevice\" \"a\" {{\n  address = \"{address}\"\n{more}}}\n")
}

fn host(cluster: &Cluster) -> Option<String> {
    cluster.emulator().cluster().world().qdevice.as_ref().map(|device| device.host.clone())
}

fn attributes(w: &Workspace) -> Json {
    w.attributes("pve_qdevice.a")
}

fn cluster(test: &str, release: Release, nodes: u32) -> Option<Arc<Cluster>> {
    let cluster = Cluster::of_nodes(test, release, nodes).map(Arc::new)?;
    cluster.machine(json!({"machine": OTHER}));
    Some(cluster)
}

fn life(release: Release, test: &str) {
    let Some(cluster) = cluster(test, release, 2) else { return };
    let _hurry = cluster.hurry();
    let w = Workspace::new(&cluster);
    w.configure(&qdevice(HOST, ""));
    assert_eq!(w.plan().changes(), ["pve_qdevice.a create"]);
    assert!(w.apply_plan().warnings().is_empty());
    w.plan_is_empty();
    let created = attributes(&w);
    assert_eq!(
        (&created["algorithm"], &created["votes"], &created["state"]),
        (&json!("ffsplit"), &json!(1), &json!("Connected"))
    );
    let status = cluster.run("pve1", "pvecm status");
    assert!(status.contains("Expected votes:   3") && status.contains("Quorate Qdevice"), "{status}");
    // What Proxmox doesn't store.
    w.configure(&qdevice(HOST, "  force = true\n  timeouts {\n    create = \"3m\"\n  }\n"));
    w.apply();
    w.plan_is_empty();
    w.configure(&qdevice(HOST, ""));
    w.apply();
    // Import, by block and by id.
    let fresh = Workspace::new(&cluster);
    fresh.configure(&format!("import {{\n  to = pve_qdevice.a\n  id = \"{HOST}\"\n}}\n"));
    let plan = fresh.plan_with(&["-generate-config-out=generated.tf"]);
    assert!(plan.changes().is_empty() && plan.imports() == 1, "{:?}", plan.changes());
    w.expect(0, &["state", "rm", "pve_qdevice.a"]);
    w.expect(0, &["import", "-no-color", "pve_qdevice.a", HOST]);
    assert_eq!(attributes(&w), created);
    w.plan_is_empty();
    // Another host: a new one in its place.
    w.configure(&qdevice(OTHER, ""));
    let plan = w.plan();
    assert_eq!(plan.changes(), ["pve_qdevice.a delete+create"]);
    assert_eq!(plan.replaced_by("pve_qdevice.a"), ["address"]);
    w.apply_plan();
    w.plan_is_empty();
    assert_eq!(host(&cluster).as_deref(), Some(OTHER));
    w.destroy();
    assert_eq!(host(&cluster), None);
    assert!(!cluster.emulator().cluster().world().machines["pve2"].disk.is_dir(STORE));
}

#[test]
fn a_life_on_pve_9() {
    life(Release::V9, "qdevice::a_life_on_pve_9");
}

#[test]
fn a_life_on_pve_8() {
    life(Release::V8, "qdevice::a_life_on_pve_8");
}

#[test]
fn drift_is_seen_and_mended() {
    let Some(cluster) = cluster("qdevice::drift_is_seen_and_mended", Release::V9, 2) else { return };
    let _hurry = cluster.hurry();
    let w = Workspace::new(&cluster);
    w.configure(&qdevice(HOST, ""));
    w.apply();
    // Its daemon was stopped on one node, then on all of them.
    for nodes in [&["pve1"][..], &["pve1", "pve2"]] {
        for node in nodes {
            cluster.run(node, "systemctl stop corosync-qdevice");
        }
        let plan = w.plan();
        assert_eq!(plan.changes(), ["pve_qdevice.a update"], "{nodes:?}");
        assert_eq!(plan.changed("pve_qdevice.a").into_iter().collect::<Vec<_>>(), ["state"]);
        w.apply_plan();
        w.plan_is_empty();
    }
    // The host is down: the provider cannot repair that, and reports it.
    cluster.machine(json!({"machine": HOST, "reachable": false}));
    w.configure(&qdevice(HOST, "  timeouts {\n    update = \"8s\"\n  }\n"));
    let run = w.apply_fails();
    assert!(run.only_error().flat().contains("not connected to 10.0.0.100"), "{}", run.text);
    assert_ne!(attributes(&w)["state"], "Connected");
    cluster.machine(json!({"machine": HOST, "reachable": true}));
    w.apply();
    w.plan_is_empty();
    // Removed by hand.
    cluster.run("pve2", "pvecm qdevice remove");
    assert_eq!(w.plan().changes(), ["pve_qdevice.a create"]);
    w.apply_plan();
    // Another one by hand.
    cluster.run("pve2", "pvecm qdevice remove");
    cluster.run("pve2", &format!("pvecm qdevice setup {OTHER}"));
    assert_eq!(w.plan().replaced_by("pve_qdevice.a"), ["address"]);
    w.apply_plan();
    assert_eq!(host(&cluster).as_deref(), Some(HOST));
    w.destroy();
}

#[test]
fn an_odd_number_of_nodes_needs_force() {
    for (nodes, votes) in [(3, 2), (5, 4)] {
        let Some(cluster) = cluster("qdevice::an_odd_number_of_nodes_needs_force", Release::V9, nodes) else { return };
        let _hurry = cluster.hurry();
        let w = Workspace::new(&cluster);
        w.configure(&qdevice(HOST, ""));
        let run = w.plan_fails();
        assert!(run.only_error().flat().contains(&format!("The cluster has {nodes} nodes")), "{}", run.text);
        w.configure(&qdevice(HOST, "  force = true\n"));
        w.apply();
        w.plan_is_empty();
        assert_eq!((&attributes(&w)["algorithm"], &attributes(&w)["votes"]), (&json!("lms"), &json!(votes)));
        w.destroy();
    }
}

#[test]
fn missing_programs_are_reported_before_any_change() {
    let Some(cluster) = cluster("qdevice::missing_programs_are_reported_before_any_change", Release::V9, 2) else {
        return;
    };
    let w = Workspace::new(&cluster);
    w.configure(&qdevice(HOST, ""));
    let none: Json = Json::Null;
    for (broken, mended, reported) in [
        (
            json!({"machine": "pve2", "packages": {"corosync-qdevice": none}}),
            json!({"machine": "pve2", "packages": {"corosync-qdevice": "3.0.3-2"}}),
            "pve2: the package corosync-qdevice is missing. Run `apt install corosync-qdevice`",
        ),
        (
            json!({"machine": HOST, "packages": {"corosync-qnetd": none}, "units": {"corosync-qnetd": false}}),
            json!({"machine": HOST, "packages": {"corosync-qnetd": "3.0.3-2"}, "units": {"corosync-qnetd": true}}),
            "10.0.0.100: the package corosync-qnetd is missing. Run `apt install corosync-qnetd`",
        ),
        (
            json!({"machine": HOST, "trusts": []}),
            json!({"machine": HOST, "trusts": ["pve1", "pve2"]}),
            "Run `ssh-copy-id root@10.0.0.100` on pve1 once",
        ),
        (
            json!({"machine": HOST, "reachable": false}),
            json!({"machine": HOST, "reachable": true}),
            "10.0.0.100: can't be reached over SSH from pve1. Bring the QNetd host up",
        ),
        (
            json!({"machine": HOST, "units": {"corosync-qnetd": false}}),
            json!({"machine": HOST, "units": {"corosync-qnetd": true}}),
            "its TCP port 5403 can't be reached from pve1. Start `corosync-qnetd`",
        ),
    ] {
        cluster.machine(broken.clone());
        let run = w.apply_fails();
        let error = run.only_error().flat();
        assert!(error.contains(reported) && error.contains("Nothing was changed"), "{broken}: {error}");
        assert!(host(&cluster).is_none() && w.state().is_empty());
        assert!(!cluster.emulator().cluster().world().machines["pve1"].disk.is_dir(STORE));
        cluster.machine(mended);
    }
    // Several errors are reported at once.
    cluster.machine(json!({"machine": "pve1", "packages": {"corosync-qdevice": none}}));
    cluster.machine(json!({"machine": HOST, "trusts": []}));
    let error = w.apply_fails().only_error().flat();
    assert!(error.contains("- pve1: the package") && error.contains("ssh-copy-id"), "{error}");
    cluster.machine(json!({"machine": "pve1", "packages": {"corosync-qdevice": "3.0.3-2"}}));
    cluster.machine(json!({"machine": HOST, "trusts": ["pve1", "pve2"]}));
    {
        let mut world = cluster.emulator().cluster().world();
        world.power("pve2", false);
        world.advance(30.0);
    }
    let error = w.apply_fails().only_error().flat();
    assert!(error.contains("All nodes have to be online") && error.contains("pve2"), "{error}");
}

#[test]
fn another_qdevice_is_not_touched() {
    let Some(cluster) = cluster("qdevice::another_qdevice_is_not_touched", Release::V9, 2) else { return };
    cluster.run("pve1", &format!("pvecm qdevice setup {OTHER}"));
    let w = Workspace::new(&cluster);
    w.configure(&qdevice(HOST, ""));
    let run = w.apply_fails();
    assert!(run.only_error().flat().contains("already has a QDevice at 10.0.0.101"), "{}", run.text);
    assert_eq!(host(&cluster).as_deref(), Some(OTHER));
}

#[test]
fn the_votes_are_counted_where_the_nodes_can_be_asked() {
    let Some(cluster) = cluster("qdevice::the_votes_are_counted_where_the_nodes_can_be_asked", Release::V9, 2) else {
        return;
    };
    let _hurry = cluster.hurry();
    let w = Workspace::new(&cluster);
    let output = "data \"pve_quorum\" \"this\" {}\noutput \"quorum\" {\n  value = data.pve_quorum.this\n}\n";
    let quorum = |w: &Workspace| {
        w.apply();
        let shown = w.command(&["output", "-json", "quorum"]).output().unwrap();
        serde_json::from_slice::<Json>(&shown.stdout).unwrap()
    };
    w.configure(output);
    let before = quorum(&w);
    assert_eq!((&before["expected_votes"], &before["tolerated_node_failures"]), (&json!(2), &json!(0)));
    w.configure(&format!("{}{output}", qdevice(HOST, "")));
    quorum(&w);
    let after = quorum(&w);
    assert_eq!((&after["expected_votes"], &after["tolerated_node_failures"]), (&json!(3), &json!(1)));
    assert_eq!(after["qdevice"]["votes"], 1);
    // Only votequorum itself knows what was expected of it at run time, which is never less than the votes that are there.
    cluster.api.control("fail", &json!({"node": "pve2"}));
    cluster.run("pve1", "pvecm expected 2");
    assert_eq!(quorum(&w)["expected_votes"], 2);
}

#[test]
fn without_quorum_it_is_read_and_its_removal_waits() {
    let Some(cluster) = cluster("qdevice::without_quorum_it_is_read_and_its_removal_waits", Release::V9, 3) else {
        return;
    };
    let _hurry = cluster.hurry();
    let w = Workspace::new(&cluster);
    let resource = qdevice(HOST, "  force = true\n  timeouts {\n    delete = \"3s\"\n  }\n");
    w.configure(&format!("{resource}data \"pve_quorum\" \"this\" {{}}\n"));
    w.apply();
    let power = |up: bool| {
        let mut world = cluster.emulator().cluster().world();
        for node in ["pve2", "pve3"] {
            world.power(node, up);
        }
        world.machines.get_mut(HOST).unwrap().reachable = up;
        world.advance(30.0);
    };
    power(false);
    // Everything is there, but its state.
    let plan = w.plan();
    assert_eq!(plan.changes(), ["pve_qdevice.a update"], "{:?}", plan.changes());
    assert_eq!(plan.changed("pve_qdevice.a").into_iter().collect::<Vec<_>>(), ["state"]);
    let run = w.expect(0, &["plan", "-json"]);
    assert!(!run.warnings().iter().any(|warning| warning.summary.contains("derived")), "{}", run.text);
    let run = w.expect(1, &["destroy", "-auto-approve", "-json"]);
    let error = run.only_error().flat();
    for part in ["no quorum", "1 of 5 votes", "QDevice on 10.0.0.100 with 2 votes", "Waited "] {
        assert!(error.contains(part), "{part:?} is missing in {error}");
    }
    assert_eq!(host(&cluster).as_deref(), Some(HOST));
    power(true);
    w.destroy();
}
