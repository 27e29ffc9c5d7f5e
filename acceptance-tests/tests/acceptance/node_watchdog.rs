//! `pve_node_watchdog`

use std::collections::BTreeSet;
use std::sync::Arc;

use acceptance_tests::life::{Life, Object, Replacement};
use acceptance_tests::{Cluster, Workspace};
use pve_emulator::Release;
use serde_json::json;

const FILE: &str = "/etc/default/pve-ha-manager";

/// The lines around ours, written by an operator.
const FOREIGN: &str = "# ours\nOTHER=\"x y\"\n#WATCHDOG_MODULE=ipmi_watchdog\n\nLAST=1\n";

fn remove(cluster: &Cluster, node: &str) {
    let text = cluster.node_file(node, FILE).unwrap();
    let left = text.lines().filter(|line| !line.starts_with("WATCHDOG_MODULE="));
    cluster.write_node_file(node, FILE, &left.map(|line| format!("{line}\n")).collect::<String>());
}

fn list(cluster: &Cluster) -> BTreeSet<String> {
    let set =
        |node: &String| cluster.node_file(node, FILE).unwrap().lines().any(|line| line.starts_with("WATCHDOG_MODULE="));
    cluster.nodes().into_iter().filter(set).collect()
}

fn life(release: Release, test: &str) {
    let Some(cluster) = Cluster::of_nodes(test, release, 4).map(Arc::new) else { return };
    for node in cluster.nodes() {
        cluster.write_node_file(&node, FILE, FOREIGN);
    }
    let object =
        |name, node: &str| Object::new(name, node, &[("node", &format!("{node:?}")), ("module", "\"ipmi_watchdog\"")]);
    let objects = vec![
        object("module", "pve1").becomes("\"iTCO_wdt\"").edited(|cluster| {
            cluster.write_node_file("pve1", FILE, &FOREIGN.replace("\n\nLAST", "\nWATCHDOG_MODULE=\"hpwdt\"\n\nLAST"));
        }),
        object("module__gone", "pve2").becomes("\"hpwdt\"").edited(|_| {}),
    ];
    let replacements =
        vec![Replacement { object: "module", attribute: "node", value: "\"pve3\"".to_owned(), id: "pve3".to_owned() }];
    Life {
        kind: "pve_node_watchdog",
        objects,
        replacements,
        removes: Some(remove),
        lists: Some(list),
        warns: true,
        follows: &["active_module", "reboot_required"],
        ..Life::default()
    }
    .live(&cluster);
    for node in cluster.nodes() {
        assert_eq!(cluster.node_file(&node, FILE).as_deref(), Some(FOREIGN), "{node}");
    }
}

#[test]
fn a_life_on_pve_9() {
    life(Release::V9, "node_watchdog::a_life_on_pve_9");
}

#[test]
fn a_life_on_pve_8() {
    life(Release::V8, "node_watchdog::a_life_on_pve_8");
}

fn watchdog(node: &str, module: &str) -> String {
    format!("resource \"pve_node_watchdog\" \"{node}\" {{\n  node = \"{node}\"\n  module = \"{module}\"\n}}\n")
}

#[test]
fn a_reboot_is_demanded_until_it_is_done() {
    let Some(cluster) =
        Cluster::with_ssh("node_watchdog::a_reboot_is_demanded_until_it_is_done", Release::V9).map(Arc::new)
    else {
        return;
    };
    let w = Workspace::new(&cluster);
    w.configure(&watchdog("pve2", "iTCO_wdt"));
    let run = w.apply();
    let reported = run.warnings().iter().map(|warning| warning.flat()).collect::<String>();
    assert!(reported.contains("has to be rebooted") && reported.contains("the watchdog softdog"), "{reported}");
    let state = w.attributes("pve_node_watchdog.pve2");
    assert_eq!((&state["active_module"], &state["reboot_required"]), (&"softdog".into(), &true.into()));
    cluster.emulator().cluster().world().reboot("pve2");
    w.expect(0, &["apply", "-refresh-only", "-auto-approve", "-no-color"]);
    let state = w.attributes("pve_node_watchdog.pve2");
    assert_eq!((&state["active_module"], &state["reboot_required"]), (&"iTCO_wdt".into(), &false.into()));
    // An update makes a reboot due again, which the state says at once.
    w.configure(&watchdog("pve2", "hpwdt"));
    w.apply();
    let state = w.attributes("pve_node_watchdog.pve2");
    assert_eq!((&state["active_module"], &state["reboot_required"]), (&"iTCO_wdt".into(), &true.into()));
    w.configure(&watchdog("pve2", "iTCO_wdt"));
    w.apply();
    assert_eq!(w.attributes("pve_node_watchdog.pve2")["reboot_required"], false);
    // What is in use already needs no reboot, and no warning.
    w.configure(&(watchdog("pve2", "iTCO_wdt") + &watchdog("pve1", "softdog")));
    assert!(w.apply().warnings().is_empty());
    let reported = w.destroy().warnings().iter().map(|warning| warning.flat()).collect::<String>();
    assert!(reported.contains("pve2: softdog is set") && !reported.contains("pve1"), "{reported}");
}

#[test]
fn a_module_that_is_not_there_is_refused() {
    let Some(cluster) =
        Cluster::with_ssh("node_watchdog::a_module_that_is_not_there_is_refused", Release::V9).map(Arc::new)
    else {
        return;
    };
    let before = cluster.node_file("pve1", FILE);
    let w = Workspace::new(&cluster);
    w.configure(&watchdog("pve1", "nosuch_wdt"));
    let run = w.apply_fails();
    let error = run.only_error();
    assert!(
        error.flat().contains("its kernel has no module nosuch_wdt") && error.line.starts_with("module"),
        "{error:?}"
    );
    assert_eq!(cluster.node_file("pve1", FILE), before);
    // Without the program that knows there is nothing to be said of the module.
    let absent = json!({"command": "^modinfo", "kind": "fail", "exit": 127, "stderr": "bash: line 1: modinfo: command not found\n"});
    cluster.command_fault(absent);
    let run = w.apply_fails();
    let error = run.only_error().flat();
    assert!(error.contains("`modinfo` is missing") && !error.contains("has no module"), "{error}");
    assert_eq!(cluster.node_file("pve1", FILE), before);
}

#[test]
fn a_node_that_is_down_keeps_what_the_state_says() {
    let Some(cluster) =
        Cluster::with_ssh("node_watchdog::a_node_that_is_down_keeps_what_the_state_says", Release::V9).map(Arc::new)
    else {
        return;
    };
    let w = Workspace::new(&cluster);
    w.configure(&watchdog("pve3", "hpwdt"));
    w.apply();
    {
        let mut world = cluster.emulator().cluster().world();
        world.power("pve3", false);
        world.advance(30.0);
    }
    w.plan_is_empty();
    cluster.emulator().cluster().world().power("pve3", true);
    w.destroy();
}
