//! `pve_ha_group`

use std::sync::Arc;

use acceptance_tests::life::{Life, Object, Replacement};
use acceptance_tests::{Cluster, Workspace};
use pve_emulator::{Options, Release};

#[test]
fn a_life_on_pve_8() {
    life_on("ha_group::a_life_on_pve_8", Release::V8);
}

#[test]
fn a_life_before_groups_are_migrated() {
    life_on("ha_group::a_life_before_groups_are_migrated", Release::V9Unmigrated);
}

fn life_on(test: &str, release: Release) {
    let Some(cluster) = Cluster::of(test, release).map(Arc::new) else { return };
    let nodes = cluster.nodes();
    let (a, b, c) = (&nodes[0], &nodes[1], &nodes[2]);
    let one = format!("{{ {a} = 1 }}");
    let object = |name: &'static str, base: &[(&'static str, &str)]| {
        let id = format!("tfacc-{name}");
        let quoted = format!("{id:?}");
        let nodes: &[(&'static str, &str)] = if name == "nodes" { &[] } else { &[("nodes", &one)] };
        Object::new(name, &id, &[&[("name", quoted.as_str())], nodes, base].concat())
    };
    let objects = vec![
        object("nodes", &[("nodes", &format!("{{ {a} = 2, {b} = 1 }}"))])
            .becomes(&format!("{{ {a} = 1, {c} = 3 }}"))
            .drifts(&[("nodes", b)]),
        object("restricted", &[]).becomes("true").drifts(&[("delete", "restricted")]),
        object("nofailback", &[("nofailback", "true")]).becomes("false").drifts(&[("nofailback", "1")]),
        object("comment", &[]).becomes("\"größer: #1\"").drifts(&[("comment", "by hand")]),
        object("comment__gone", &[("comment", "\"away\"")]).drifts(&[("comment", "by hand")]),
        object("timeouts", &[("timeouts", "block {\n    read = \"1m\"\n  }")])
            .becomes("block {\n    read = \"2m\"\n  }"),
    ];
    let renamed =
        Replacement { object: "comment", attribute: "name", value: "\"tfacc-new\"".into(), id: "tfacc-new".into() };
    let (kind, collection) = ("pve_ha_group", "/cluster/ha/groups");
    Life { kind, collection, key: "group", objects, replacements: vec![renamed], ..Life::default() }.live(&cluster);
}

#[test]
fn pve_9_gets_the_replacement_named() {
    let name = "ha_group::pve_9_gets_the_replacement_named";
    let Some(cluster) = Cluster::of(name, Release::V9).map(Arc::new) else { return };
    let w = Workspace::new(&cluster);
    w.configure(
        "resource \"pve_ha_group\" \"web\" {\n  name = \"web\"\n  nodes = { pve1 = 2, pve2 = 1 }\n  restricted = true\n}\n",
    );
    let run = w.plan_fails();
    let error = run.only_error();
    assert_eq!(error.address, "pve_ha_group.web");
    for part in ["pve_ha_node_affinity_rule", "nodes = { pve1 = 2, pve2 = 1 }", "strict = true"] {
        assert!(error.flat().contains(part), "{part} is missing in\n{}", error.detail);
    }
}

#[test]
fn a_group_survives_the_migration_of_its_cluster() {
    let name = "ha_group::a_group_survives_the_migration_of_its_cluster";
    let options = Options { release: Release::V9Unmigrated, ..Options::default() };
    let Some(cluster) = Cluster::own(name, options).map(Arc::new) else { return };
    let vm = &cluster.guests(1, 0).vms[0];
    let w = Workspace::new(&cluster);
    let resource = |group: &str| format!("resource \"pve_ha_resource\" \"web\" {{\n  sid = \"vm:{vm}\"\n{group}}}\n");
    let group = "resource \"pve_ha_group\" \"web\" {\n  name = \"tfacc-web\"\n  nodes = { pve1 = 2, pve2 = 1 }\n}\n";
    w.configure(&format!("{group}{}", resource("  group = pve_ha_group.web.name\n")));
    w.apply();
    // What the CRM does once all nodes run PVE 9.
    {
        let mut world = cluster.emulator().cluster().world();
        world.remove_file("/etc/pve/ha/groups.cfg");
        world.write_file("/etc/pve/ha/resources.cfg", format!("vm: {vm}\n\tstate started\n\n"));
        let rule = format!(
            "node-affinity: ha-group-tfacc-web\n\tcomment Generated from HA group 'tfacc-web'.\n\tnodes pve1:2,pve2:1\n\tresources vm:{vm}\n\n"
        );
        world.write_file("/etc/pve/ha/rules.cfg", rule);
    }
    // Its removal from the configuration sends no write: the group is gone already.
    let kept = std::fs::read_to_string(w.path("terraform.tfstate")).unwrap();
    cluster.emulator().counters().reset();
    w.configure(&resource("").replace("}\n", "  lifecycle {\n    ignore_changes = all\n  }\n}\n"));
    w.apply();
    let asked = cluster.emulator().counters().report();
    assert!(asked["requests"].as_object().unwrap().keys().all(|call| call.starts_with("GET ")), "{asked}");
    assert_eq!(w.state().len(), 1);
    w.write("terraform.tfstate", &kept);
    w.configure(&format!("{group}{}", resource("  group = pve_ha_group.web.name\n")));
    // No change, and a warning with the block to write.
    let run = w.expect(0, &["plan", "-json", "-detailed-exitcode"]);
    let reported: Vec<String> = run.warnings().iter().map(|warning| warning.flat()).collect();
    assert!(
        reported.iter().any(|text| text.contains("moved {") && text.contains("ha-group-tfacc-web")),
        "{reported:?}"
    );
    // Exactly that is written: one moved block, and the rule.
    let rule = "moved {\n  from = pve_ha_group.web\n  to   = pve_ha_node_affinity_rule.web\n}\n\
         resource \"pve_ha_node_affinity_rule\" \"web\" {\n  name = \"ha-group-tfacc-web\"\n  resources = [pve_ha_resource.web.sid]\n  \
         nodes = { pve1 = 2, pve2 = 1 }\n  comment = \"Generated from HA group 'tfacc-web'.\"\n}\n";
    w.configure(&format!("{rule}{}", resource("")));
    let plan = w.plan();
    let wrong: Vec<String> =
        plan.changes().into_iter().filter(|change| !change.starts_with("pve_ha_resource.web")).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    w.apply_plan();
    w.plan_is_empty();
    w.destroy();
    assert!(cluster.api.list("/cluster/ha/rules", "rule").is_empty());
}
