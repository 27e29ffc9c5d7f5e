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
    // Those with a group stay where they are: other tests rely on their node.
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
    for (release, attribute, value, reported) in [
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
        assert!(error.flat().contains(reported), "{error:?}");
    }
}

#[test]
fn a_purge_edits_rules_and_is_not_taken_for_an_edit_outside_of_terraform() {
    let name = "ha_resource::a_purge_edits_rules_and_is_not_taken_for_an_edit_outside_of_terraform";
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
    // Without purge_rules a rule made outside of Terraform is left unchanged.
    let parameters =
        [("rule", "by-hand"), ("type", "node-affinity"), ("nodes", "pve2"), ("resources", &format!("vm:{}", vms[2]))];
    cluster.api.post("/cluster/ha/rules", &parameters);
    w.destroy();
    assert_eq!(cluster.api.read("/cluster/ha/rules/by-hand")["resources"], format!("vm:{}", vms[2]));
}

/// The purge comes before the update of the rules, and leaves them neither as they were nor as they are to be.
#[test]
fn what_a_purge_of_this_apply_did_to_a_rule_is_no_conflict() {
    let name = "ha_resource::what_a_purge_of_this_apply_did_to_a_rule_is_no_conflict";
    for fault in [None, Some("reset-after")] {
        let Some(cluster) = Cluster::own(name, Options::default()).map(Arc::new) else { return };
        let vms = cluster.guests(5, 0).vms;
        let w = Workspace::new(&cluster);
        let with = |second: &str, third: &str, comment: &str| {
            let rule = |name: &str, resources: &str| {
                format!(
                    "resource \"pve_ha_node_affinity_rule\" \"{name}\" {{\n  name = \"tfacc-{name}\"\n  resources = \
                     [{resources}]\n  nodes = {{ pve1 = 1 }}\n  comment = {comment:?}\n}}\n"
                )
            };
            let resource = |name: &str, vm: &str| {
                format!("resource \"pve_ha_resource\" \"{name}\" {{\n  sid = \"vm:{vm}\"\n  purge_rules = true\n}}\n")
            };
            [
                resource("a", &vms[0]),
                resource("b", second),
                resource("c", third),
                rule("both", "pve_ha_resource.a.sid, pve_ha_resource.b.sid"),
                rule("one", "pve_ha_resource.c.sid"),
            ]
            .concat()
        };
        w.configure(&with(&vms[1], &vms[2], "first"));
        w.apply();
        if let Some(fault) = fault {
            let fault =
                serde_json::json!({"method": "DELETE", "path": "/cluster/ha/resources/", "kind": fault, "count": 2});
            cluster.emulator().faults().add(serde_json::from_value(fault).unwrap()).unwrap();
        }
        w.configure(&with(&vms[3], &vms[4], "second"));
        w.apply();
        assert_eq!(cluster.emulator().faults().clear(), if fault.is_some() { 2 } else { 0 });
        w.plan_is_empty();
        let rule = cluster.api.read("/cluster/ha/rules/tfacc-both");
        assert_eq!(
            (&rule["resources"], &rule["comment"]),
            (&format!("vm:{},vm:{}", vms[0], vms[3]).into(), &"second".into())
        );
        assert_eq!(cluster.api.read("/cluster/ha/rules/tfacc-one")["resources"], format!("vm:{}", vms[4]));
        w.destroy();
    }
}

/// Proxmox accepts an HA resource whose removal the HA manager has not noticed yet, and puts it into the error state.
#[test]
fn what_was_just_removed_is_created_anew_only_after_the_ha_manager_has_forgotten_it() {
    let name = "ha_resource::what_was_just_removed_is_created_anew_only_after_the_ha_manager_has_forgotten_it";
    let Some(cluster) = Cluster::own(name, Options::default()).map(Arc::new) else { return };
    let world = || cluster.emulator().cluster().world();
    let sid = format!("vm:{}", cluster.guests(1, 0).vms[0]);
    let row = |member: &str| {
        let status = cluster.api.read("/cluster/ha/status/current");
        let row = status.as_array().unwrap().iter().find(|row| row["sid"] == sid.as_str()).cloned();
        row.unwrap_or_default()[member].as_str().unwrap_or("none").to_owned()
    };
    let state = || row("state");
    let until = |wanted: &dyn Fn() -> bool| {
        for _ in 0..120 {
            if wanted() {
                return;
            }
            world().advance(1.0);
        }
        panic!("not within two minutes: {}", state());
    };
    cluster.api.post("/cluster/ha/resources", &[("sid", &sid), ("state", "stopped")]);
    until(&|| row("crm_state") == "request_stop");
    cluster.api.delete(&format!("/cluster/ha/resources/{sid}"), &[]);
    // The local manager finds no guest for it; the clock is stopped in the round that notices this.
    until(&|| world().crm.log().any(|line| line.contains("missing resource configuration")));
    assert_eq!(state(), "deleting");

    let w = Workspace::new(&cluster);
    w.configure(&format!("resource \"pve_ha_resource\" \"a\" {{\n  sid = {sid:?}\n  state = \"stopped\"\n}}\n"));
    let looks = || {
        let asked = cluster.emulator().counters().report();
        asked["requests"]["GET /cluster/ha/status/current"].as_u64().unwrap_or_default()
    };
    let before = looks();
    std::thread::scope(|scope| {
        let apply = scope.spawn(|| w.apply());
        // Time goes on as soon as the apply has seen the record twice, or has ended without looking.
        while looks() < before + 2 && !apply.is_finished() {
            std::thread::yield_now();
        }
        while !apply.is_finished() {
            world().advance(1.0);
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        let run = apply.join().unwrap();
        assert!(run.warnings().is_empty(), "{}", run.text);
    });
    world().advance(60.0);
    assert_eq!(state(), "stopped", "{}", world().crm.log().collect::<Vec<_>>().join("\n"));
    w.plan_is_empty();
    w.destroy();
}

#[test]
fn the_wait_for_the_state_reports_the_state_that_a_service_is_stuck_in() {
    let name = "ha_resource::the_wait_for_the_state_reports_the_state_that_a_service_is_stuck_in";
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
    let reported = run.warnings().iter().map(|warning| warning.flat()).collect::<String>();
    assert!(reported.contains(&format!("The HA manager put vm:{broken} into the error state")), "{}", run.text);
    assert!(reported.contains("state = \"disabled\"") && !reported.contains("not ready yet"), "{}", run.text);
    assert!(!w.is_tainted("pve_ha_resource.a"));
    // Nothing is to be changed then, and each plan says once what has become of it, also where it does change something.
    w.plan_is_empty();
    let warned = |configuration: &str| {
        w.configure(configuration);
        let run = w.expect(0, &["plan", "-json"]);
        let is_about = |summary: &str| summary.starts_with("The HA resource is in the error state: vm:");
        run.warnings().iter().filter(|warning| is_about(&warning.summary)).count()
    };
    let silenced = "provider \"pve\" {\n  ignore_preflight = [\"service-in-error\"]\n}\n";
    assert_eq!(warned(&with(&vms[1], "started")), 1);
    assert_eq!(warned(&with(&vms[1], "stopped")), 1);
    assert_eq!(warned(&(silenced.to_owned() + &with(&vms[1], "started"))), 0);
    // The way out of the error.
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
