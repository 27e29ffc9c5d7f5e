//! A later Proxmox has properties and types that the provider does not know: they are named, kept, and nothing is judged by
//! what has them.

use std::sync::Arc;

use acceptance_tests::output::Run;
use acceptance_tests::{Cluster, Workspace};
use pve_emulator::{Options, Release};
use serde_json::{Value as Json, json};

use crate::import_config::import_config;

const OPTIONS: &str =
    "resource \"pve_datacenter_options\" \"x\" {\n  max_workers = 3\n  crs {\n    ha = \"static\"\n  }\n}\n";

/// An object of each type that is read from a collection, and where its entry is.
struct Object {
    configuration: String,
    path: &'static str,
    entry: Json,
    /// A change of it that is sent by PUT.
    change: (&'static str, &'static str),
}

fn objects(release: Release, sids: &[String]) -> Vec<Object> {
    let guest = sids[0].trim_start_matches("vm:");
    let resources: Vec<String> = sids
        .iter()
        .enumerate()
        .map(|(n, sid)| format!("resource \"pve_ha_resource\" \"r{n}\" {{\n  sid = {sid:?}\n  state = \"stopped\"\n  comment = \"before\"\n}}\n"))
        .collect();
    let names = "[pve_ha_resource.r0.sid, pve_ha_resource.r1.sid]";
    let rule = |kind: &str, name: &str, more: &str| {
        format!("resource \"pve_ha_{kind}\" \"x\" {{\n  name = {name:?}\n  comment = \"before\"\n{more}}}\n")
    };
    let comment = ("\"before\"", "\"after\"");
    let mut all = vec![
        Object {
            configuration: resources.concat(),
            path: "/cluster/ha/resources",
            entry: json!({"sid": sids[0]}),
            change: comment,
        },
        Object {
            configuration: format!(
                "resource \"pve_replication_job\" \"x\" {{\n  guest = {guest}\n  target = \"pve2\"\n  comment = \"before\"\n}}\n"
            ),
            path: "/cluster/replication",
            entry: json!({"id": format!("{guest}-0")}),
            change: comment,
        },
        Object {
            configuration: OPTIONS.to_owned(),
            path: "/cluster/options",
            entry: json!({}),
            change: ("max_workers = 3", "max_workers = 4"),
        },
    ];
    if release == Release::V8 {
        all.push(Object {
            configuration: rule("group", "tfacc-x", "  nodes = { pve1 = 1 }\n"),
            path: "/cluster/ha/groups",
            entry: json!({"group": "tfacc-x"}),
            change: comment,
        });
        return all;
    }
    all.push(Object {
        configuration: rule(
            "node_affinity_rule",
            "tfacc-n",
            &format!("  nodes = {{ pve1 = 1 }}\n  resources = {names}\n"),
        ),
        path: "/cluster/ha/rules",
        entry: json!({"rule": "tfacc-n"}),
        change: comment,
    });
    all.push(Object {
        configuration: rule(
            "resource_affinity_rule",
            "tfacc-a",
            &format!("  affinity = \"positive\"\n  resources = {names}\n"),
        ),
        path: "/cluster/ha/rules",
        entry: json!({"rule": "tfacc-a"}),
        change: comment,
    });
    all
}

/// The names of the unknown properties that warnings are about.
fn named(run: &Run) -> Vec<String> {
    let summaries = run.warnings().into_iter().filter(|warning| warning.summary.starts_with("Unknown property of "));
    let mut names: Vec<String> =
        summaries.filter_map(|warning| warning.summary.rsplit_once(": ").map(|(_, name)| name.to_owned())).collect();
    names.sort();
    names
}

fn kept_and_named(test: &str, release: Release) {
    let Some(cluster) = Cluster::own(test, Options { release, ..Options::default() }).map(Arc::new) else { return };
    let sids = cluster.guests(2, 0).sids();
    let objects = objects(release, &sids);
    let w = Workspace::new(&cluster);
    let all: String = objects.iter().map(|object| object.configuration.clone()).collect();
    w.configure(&all);
    w.apply();
    for (n, object) in objects.iter().enumerate() {
        let name = format!("made-up-{n}");
        // For the options a property of a managed block, the more dangerous place: a write replaces the whole block.
        let properties =
            if object.path == "/cluster/options" { json!({"crs": {(&name): "7"}}) } else { json!({(&name): "7"}) };
        cluster
            .api
            .control("answer-more", &json!({"path": object.path, "entry": object.entry, "properties": properties}));
    }
    let run = w.expect(0, &["plan", "-json", "-detailed-exitcode"]);
    let expected: Vec<String> = objects
        .iter()
        .enumerate()
        .map(
            |(n, object)| {
                if object.path == "/cluster/options" { format!("crs.made-up-{n}") } else { format!("made-up-{n}") }
            },
        )
        .collect();
    let mut sorted = expected.clone();
    sorted.sort();
    assert_eq!(named(&run), sorted, "{}", run.text);

    // A change of the object leaves the property alone: nothing deletes it.
    let changed: String =
        objects.iter().map(|object| object.configuration.replace(object.change.0, object.change.1)).collect();
    w.configure(&changed);
    w.apply();
    w.plan_is_empty();
    cluster.api.control("answer-more", &json!({}));
    w.destroy();
}

#[test]
fn unknown_properties_are_named_and_kept_on_pve_9() {
    kept_and_named("unknown_properties::unknown_properties_are_named_and_kept_on_pve_9", Release::V9);
}

#[test]
fn unknown_properties_are_named_and_kept_on_pve_8() {
    kept_and_named("unknown_properties::unknown_properties_are_named_and_kept_on_pve_8", Release::V8);
}

#[test]
fn a_write_of_an_option_sends_what_it_does_not_know() {
    let test = "unknown_properties::a_write_of_an_option_sends_what_it_does_not_know";
    let Some(cluster) = Cluster::own(test, Options::default()).map(Arc::new) else { return };
    let w = Workspace::new(&cluster);
    w.configure(OPTIONS);
    w.apply();
    cluster
        .api
        .control("answer-more", &json!({"path": "/cluster/options", "properties": {"crs": {"zone-aware": "1"}}}));
    w.configure(&OPTIONS.replace("static", "basic"));
    // This Proxmox does not support the property: its refusal proves that the property was sent.
    let error = w.apply_fails();
    assert!(error.only_error().flat().contains("zone-aware"), "{}", error.text);
    cluster.api.control("answer-more", &json!({}));
    w.apply();
    w.destroy();
}

#[test]
fn an_export_leaves_out_what_it_does_not_know() {
    let test = "unknown_properties::an_export_leaves_out_what_it_does_not_know";
    let Some(cluster) = Cluster::own(test, Options::default()).map(Arc::new) else { return };
    let sids = cluster.guests(2, 0).sids();
    for sid in &sids {
        cluster.api.post("/cluster/ha/resources", &[("sid", sid), ("state", "stopped")]);
    }
    let more = json!({"rule": "tfacc-z", "type": "zone-affinity", "resources": sids[0], "zones": "a"});
    cluster.api.control("answer-more", &json!({"path": "/cluster/ha/rules", "more": more}));
    let zone = json!({"path": "/cluster/ha/resources", "entry": {"sid": sids[0]}, "properties": {"zone": "a"}});
    cluster.api.control("answer-more", &zone);
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("written");
    let run = import_config(&["import-config", "--out", out.to_str().unwrap()], &cluster.environment);
    assert_eq!(run.code, Some(0), "{}", run.text);
    let written = std::fs::read_to_string(out.join("ha_resource.tf")).unwrap();
    assert!(!written.contains(&sids[0]) && written.contains(&sids[1]), "{written}");
    for said in [&format!("Left out: HA resource {}", sids[0]), "`zone`", "`zone-affinity`", "tfacc-z"] {
        assert!(run.text.contains(said), "{said}: {}", run.text);
    }
    assert_eq!(run.text.matches("tfacc-z is of the type").count(), 1, "{}", run.text);
}

#[test]
fn the_simulation_calls_unknown_what_depends_on_it() {
    let test = "unknown_properties::the_simulation_calls_unknown_what_depends_on_it";
    let Some(cluster) = Cluster::own(test, Options::default()).map(Arc::new) else { return };
    let sids = cluster.guests(2, 0).sids();
    let w = Workspace::new(&cluster);
    let resources: String = sids
        .iter()
        .enumerate()
        .map(|(n, sid)| format!("resource \"pve_ha_resource\" \"r{n}\" {{\n  sid = {sid:?}\n}}\n"))
        .collect();
    w.configure(&resources);
    w.apply();
    cluster.emulator().cluster().world().advance(60.0);
    let node = cluster.node_of(sids[0].trim_start_matches("vm:"));
    let read = format!(
        "{resources}data \"pve_ha_failover_simulation\" \"x\" {{\n  failed_nodes = [{node:?}]\n}}\n\
         data \"pve_ha_readiness\" \"x\" {{}}\n\
         output \"scenarios\" {{\n  value = data.pve_ha_failover_simulation.x.scenarios\n}}\n\
         output \"checks\" {{\n  value = data.pve_ha_readiness.x.checks\n}}\n"
    );
    w.configure(&read);
    let outputs = || w.plan().0["planned_values"]["outputs"].clone();
    let fate = |outputs: &Json| {
        let services = outputs["scenarios"]["value"][0]["services"].as_array().unwrap().clone();
        services.into_iter().find(|fate| fate["sid"] == sids[0].as_str()).unwrap()
    };
    let check = |outputs: &Json, id: &str| {
        let checks = outputs["checks"]["value"].as_array().unwrap().clone();
        checks.into_iter().find(|check| check["id"] == id).unwrap()["status"].clone()
    };
    let known = outputs();
    assert_eq!((&fate(&known)["state"], &check(&known, "rules_valid")), (&"started".into(), &"pass".into()));
    let more = json!({"rule": "tfacc-z", "type": "zone-affinity", "resources": sids[0], "zones": "a"});
    cluster.api.control("answer-more", &json!({"path": "/cluster/ha/rules", "more": more}));
    let unknown = outputs();
    let fate = fate(&unknown);
    assert_eq!((&fate["state"], &fate["to"]), (&"unknown".into(), &Json::Null), "{fate}");
    assert!(fate["reason"].as_str().unwrap().contains("`zone-affinity`"), "{fate}");
    assert_eq!(unknown["scenarios"]["value"][0]["survived"], false);
    assert_eq!(check(&unknown, "rules_valid"), "unknown");
    w.destroy();
}
