//! `pve_ha_node_affinity_rule`

use std::sync::Arc;

use acceptance_tests::life::{Life, Object, Replacement};
use acceptance_tests::{Cluster, Workspace};
use pve_emulator::Release;

#[test]
fn a_life() {
    let Some(cluster) = Cluster::of("ha_node_affinity_rule::a_life", Release::V9).map(Arc::new) else { return };
    let nodes = cluster.nodes();
    let (a, b, c) = (&nodes[0], &nodes[1], &nodes[2]);
    let one = format!("{{ {a} = 1 }}");
    let sids = cluster.guests(8, 0).sids();
    let mut free = (0..sids.len()).collect::<Vec<_>>().into_iter();
    let mut object = |name: &'static str, base: &[(&'static str, &str)]| {
        let id = format!("tfacc-{name}");
        let quoted = format!("{id:?}");
        let resources = format!("[pve_ha_resource.r[{}].sid]", free.next().unwrap());
        let nodes: &[(&'static str, &str)] = if name == "nodes" { &[] } else { &[("nodes", &one)] };
        Object::new(name, &id, &[&[("name", quoted.as_str()), ("resources", resources.as_str())], nodes, base].concat())
    };
    let objects = vec![
        object("resources", &[])
            .becomes("[pve_ha_resource.r[0].sid, pve_ha_resource.r[7].sid]")
            .drifts(&[("resources", &sids[7])]),
        object("nodes", &[("nodes", &format!("{{ {a} = 2, {b} = 1 }}"))])
            .becomes(&format!("{{ {a} = 1, {c} = 3 }}"))
            .drifts(&[("nodes", b)]),
        object("strict", &[]).becomes("true").drifts(&[("strict", "0")]),
        object("disabled", &[("disabled", "true")]).becomes("false").drifts(&[("disable", "1")]),
        object("comment", &[]).becomes("\"1: 100% #2\"").drifts(&[("comment", "by hand")]),
        object("comment__gone", &[("comment", "\"away\"")]).drifts(&[("comment", "by hand")]),
        object("timeouts", &[("timeouts", "block {\n    read = \"1m\"\n  }")])
            .becomes("block {\n    read = \"2m\"\n  }"),
    ];
    let renamed =
        Replacement { object: "comment", attribute: "name", value: "\"tfacc-new\"".into(), id: "tfacc-new".into() };
    let life = Life {
        kind: "pve_ha_node_affinity_rule",
        collection: "/cluster/ha/rules",
        key: "rule",
        needs: format!(
            "resource \"pve_ha_resource\" \"r\" {{\n  count = {}\n  sid   = {sids:?}[count.index]\n  state = \"ignored\"\n}}\n",
            sids.len()
        ),
        objects,
        replacements: vec![renamed],
        always: vec![("type", "node-affinity".to_owned())],
        ..Life::default()
    };
    life.live(&cluster);
}

#[test]
fn a_null_priority_is_zero() {
    let Some(cluster) = Cluster::of("ha_node_affinity_rule::a_null_priority_is_zero", Release::V9).map(Arc::new) else {
        return;
    };
    let nodes = cluster.nodes();
    let vm = &cluster.guests(1, 0).vms[0];
    let w = Workspace::new(&cluster);
    let with = |priority: &str| {
        format!(
            "resource \"pve_ha_resource\" \"a\" {{\n  sid = \"vm:{vm}\"\n  state = \"ignored\"\n}}\n\
             resource \"pve_ha_node_affinity_rule\" \"a\" {{\n  name = \"tfacc-null\"\n  resources = [pve_ha_resource.a.sid]\n  \
             nodes = {{ {} = {priority}, {} = 2 }}\n}}\n",
            nodes[0], nodes[1]
        )
    };
    w.configure(&with("null"));
    w.apply();
    w.plan_is_empty();
    w.configure(&with("0"));
    w.plan_is_empty();
    w.destroy();
}

#[test]
fn other_releases_get_the_replacement_named() {
    let name = "ha_node_affinity_rule::other_releases_get_the_replacement_named";
    for release in [Release::V8, Release::V9Unmigrated] {
        let Some(cluster) = Cluster::of(name, release).map(Arc::new) else { continue };
        let w = Workspace::new(&cluster);
        w.configure(
            "resource \"pve_ha_node_affinity_rule\" \"a\" {\n  name = \"tfacc-a\"\n  resources = [\"vm:900\"]\n  nodes = { pve1 = 1 }\n}\n",
        );
        let run = w.plan_fails();
        assert!(run.only_error().flat().contains("`pve_ha_group`"), "{}", run.text);
    }
}
