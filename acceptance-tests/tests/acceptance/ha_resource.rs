//! `pve_ha_resource`

use std::sync::Arc;

use acceptance_tests::life::{Life, Object, Replacement};
use acceptance_tests::{Cluster, Workspace};
use pve_emulator::{Options, Release};

const TIMEOUTS: &str = "block {\n    create = \"1m\"\n  }";
const OTHER_TIMEOUTS: &str = "block {\n    delete = \"90s\"\n  }";

#[test]
fn a_life_on_pve_9() {
    let Some(cluster) = Cluster::of("ha_resource::a_life_on_pve_9", Release::V9).map(Arc::new) else { return };
    let mut sids = cluster.guests(8, 4).sids().into_iter();
    let mut object = |name, base: &[(&'static str, &str)]| object(name, &sids.next().unwrap(), base);
    let objects = vec![
        object("state", &[]).becomes("\"disabled\"").drifts(&[("state", "started")]),
        object("state__stopped", &[("state", "\"enabled\"")]).becomes("\"stopped\"").drifts(&[("state", "ignored")]),
        object("failback", &[("failback", "true")]).becomes("false").drifts(&[("failback", "1")]),
        object("max_restart", &[("max_restart", "0")]).becomes("3").drifts(&[("delete", "max_restart")]),
        object("max_relocate", &[]).becomes("2").drifts(&[("max_relocate", "4")]),
        object("comment", &[("comment", "\"größer: 1, #2\"")]).becomes("\"other\"").drifts(&[("comment", "by hand")]),
        object("comment__gone", &[("comment", "\"away\"")]).drifts(&[("comment", "by hand")]),
        object("purge_rules", &[]).becomes("true"),
        object("wait_for_state", &[("state", "\"ignored\"")]).becomes("true"),
        object("timeouts", &[("timeouts", TIMEOUTS)]).becomes(OTHER_TIMEOUTS),
    ];
    let other = sids.next().unwrap();
    life(objects, vec![Replacement { object: "comment", attribute: "sid", value: format!("{other:?}"), id: other }])
        .live(&cluster);
}

#[test]
fn a_life_on_pve_8() {
    let Some(cluster) = Cluster::of("ha_resource::a_life_on_pve_8", Release::V8).map(Arc::new) else { return };
    let mut sids = cluster.guests(6, 0).sids().into_iter();
    let mut object = |name, base: &[(&'static str, &str)]| object(name, &sids.next().unwrap(), base);
    // Those with a group stay where they are: other tests want to know where that is.
    let objects = vec![
        object("group", &[("state", "\"ignored\""), ("group", "pve_ha_group.a.name")])
            .becomes("pve_ha_group.b.name")
            .drifts(&[("group", "tfacc-r-a")]),
        object("group__gone", &[("state", "\"ignored\""), ("group", "pve_ha_group.a.name")])
            .drifts(&[("group", "tfacc-r-b")]),
        object("state", &[]).becomes("\"stopped\"").drifts(&[("state", "started")]),
        object("max_restart", &[]).becomes("2").drifts(&[("max_restart", "5")]),
        object("comment", &[]).becomes("\"set\"").drifts(&[("delete", "comment")]),
    ];
    let other = sids.next().unwrap();
    let replacement = Replacement { object: "state", attribute: "sid", value: format!("{other:?}"), id: other };
    let node = &cluster.nodes()[0];
    let group = |name: &str| {
        format!(
            "resource \"pve_ha_group\" \"{name}\" {{\n  name  = \"tfacc-r-{name}\"\n  nodes = {{ {node} = 1 }}\n}}\n"
        )
    };
    Life { needs: group("a") + &group("b"), ..life(objects, vec![replacement]) }.live(&cluster);
}

#[test]
fn what_the_other_release_has_is_refused_at_plan() {
    let name = "ha_resource::what_the_other_release_has_is_refused_at_plan";
    for (release, attribute, value, told) in [
        (Release::V8, "failback", "false", "Write `nofailback` in the `pve_ha_group`"),
        (Release::V9, "group", "\"web\"", "write a `pve_ha_node_affinity_rule`"),
    ] {
        let Some(cluster) = Cluster::of(name, release).map(Arc::new) else { continue };
        let w = Workspace::new(&cluster);
        let vm = &cluster.guests(1, 0).vms[0];
        w.configure(&format!(
            "resource \"pve_ha_resource\" \"a\" {{\n  sid = \"vm:{vm}\"\n  {attribute} = {value}\n}}\n"
        ));
        let run = w.plan_fails();
        let error = run.only_error();
        assert!(error.line.starts_with(attribute), "{error:?}");
        assert!(error.flat().contains(told), "{error:?}");
    }
}

#[test]
fn a_purge_edits_rules_and_nothing_is_taken_for_somebody_elses_edit() {
    let name = "ha_resource::a_purge_edits_rules_and_nothing_is_taken_for_somebody_elses_edit";
    let Some(cluster) = Cluster::own(name, Options::default()).map(Arc::new) else { return };
    let vms = cluster.guests(4, 0).vms;
    let resource = |name: &str, vm: &str, purge: bool| {
        format!("resource \"pve_ha_resource\" \"{name}\" {{\n  sid = \"vm:{vm}\"\n  purge_rules = {purge}\n}}\n")
    };
    let rule = |name: &str, vms: &[&str]| {
        let resources = vms.iter().map(|vm| format!("\"vm:{vm}\"")).collect::<Vec<_>>().join(", ");
        format!(
            "resource \"pve_ha_node_affinity_rule\" \"{name}\" {{\n  name = \"tfacc-{name}\"\n  resources = [{resources}]\n  \
             nodes = {{ pve1 = 1 }}\n  depends_on = [pve_ha_resource.a]\n}}\n"
        )
    };
    let w = Workspace::new(&cluster);
    let keep = resource("a", &vms[0], true) + &resource("b", &vms[1], true) + &resource("c", &vms[2], false);
    let all = format!(
        "{keep}{}",
        rule("both", &[&vms[0], &vms[1]]).replace("[pve_ha_resource.a]", "[pve_ha_resource.a, pve_ha_resource.b]")
    );
    w.configure(&all);
    w.apply();
    // The purge of b shortens the rule, which is to become exactly that in the same apply.
    w.configure(&(resource("a", &vms[0], true) + &resource("c", &vms[2], false) + &rule("both", &[&vms[0]])));
    w.apply();
    w.plan_is_empty();
    assert_eq!(cluster.api.read("/cluster/ha/rules/tfacc-both")["resources"], format!("vm:{}", vms[0]));
    // Without purge_rules a rule of somebody else is left alone.
    let parameters =
        [("rule", "by-hand"), ("type", "node-affinity"), ("nodes", "pve2"), ("resources", &format!("vm:{}", vms[2]))];
    cluster.api.post("/cluster/ha/rules", &parameters);
    w.destroy();
    assert_eq!(cluster.api.read("/cluster/ha/rules/by-hand")["resources"], format!("vm:{}", vms[2]));
}

#[test]
fn the_state_is_waited_for_and_what_it_is_stuck_in_is_told() {
    let name = "ha_resource::the_state_is_waited_for_and_what_it_is_stuck_in_is_told";
    let Some(cluster) = Cluster::own(name, Options::default()).map(Arc::new) else { return };
    let vms = cluster.guests(2, 0).vms;
    let _hurry = cluster.hurry();
    let w = Workspace::new(&cluster);
    let with = |vm: &str, state: &str| {
        format!(
            "resource \"pve_ha_resource\" \"a\" {{\n  sid = \"vm:{vm}\"\n  state = {state:?}\n  max_restart = 0\n  \
             max_relocate = 0\n  wait_for_state = true\n}}\n"
        )
    };
    let state = || {
        let status = cluster.api.read("/cluster/ha/status/current");
        let service = status.as_array().unwrap().iter().find(|row| row["type"] == "service").cloned();
        service.unwrap()["state"].as_str().unwrap().to_owned()
    };
    w.configure(&with(&vms[0], "started"));
    w.apply();
    assert_eq!(state(), "started");
    w.configure(&with(&vms[0], "stopped"));
    w.apply();
    assert_eq!(state(), "stopped");
    w.destroy();
    // A guest that can't be started.
    let broken: u32 = vms[1].parse().unwrap();
    cluster.emulator().cluster().world().guests.get_mut(&broken).unwrap().start_fails = true;
    w.configure(&with(&vms[1], "started"));
    let run = w.apply();
    let told = run.warnings().iter().map(|warning| warning.flat()).collect::<String>();
    assert!(told.contains("error state") && told.contains("state = \"disabled\""), "{}", run.text);
    assert!(!w.is_tainted("pve_ha_resource.a"));
    // The way out that was told.
    w.configure(&with(&vms[1], "disabled"));
    w.apply();
    cluster.emulator().cluster().world().guests.get_mut(&broken).unwrap().start_fails = false;
    w.configure(&with(&vms[1], "started"));
    w.apply();
    assert_eq!(state(), "started");
    w.destroy();
}

fn object(name: &'static str, id: &str, base: &[(&'static str, &str)]) -> Object {
    let sid = format!("{id:?}");
    Object::new(name, id, &[&[("sid", sid.as_str())], base].concat())
}

fn life(objects: Vec<Object>, replacements: Vec<Replacement>) -> Life {
    let (kind, collection) = ("pve_ha_resource", "/cluster/ha/resources");
    Life { kind, collection, key: "sid", objects, replacements, ..Life::default() }
}
