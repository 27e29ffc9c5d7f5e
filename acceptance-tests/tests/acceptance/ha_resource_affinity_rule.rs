//! `pve_ha_resource_affinity_rule`

use std::sync::Arc;

use acceptance_tests::life::{Life, Object, Replacement};
use acceptance_tests::{Cluster, Workspace};
use pve_emulator::{Initial, Options, Release};

#[test]
fn a_life() {
    let Some(cluster) = Cluster::of("ha_resource_affinity_rule::a_life", Release::V9).map(Arc::new) else { return };
    let sids = cluster.guests(7, 0).sids();
    let resources = |of: &[usize]| {
        let names = of.iter().map(|i| format!("pve_ha_resource.r[{i}].sid")).collect::<Vec<_>>();
        format!("[{}]", names.join(", "))
    };
    let object = |name: &'static str, affinity: &str, of: &[usize], base: &[(&'static str, &str)]| {
        let id = format!("tfacc-{name}");
        let (quoted, affinity, resources) = (format!("{id:?}"), format!("{affinity:?}"), resources(of));
        let identity = [("name", quoted.as_str()), ("affinity", affinity.as_str()), ("resources", resources.as_str())];
        Object::new(name, &id, &[&identity, base].concat())
    };
    let objects = vec![
        object("resources", "negative", &[0, 1], &[])
            .becomes(&resources(&[0, 1, 2]))
            .drifts(&[("resources", &format!("{},{}", sids[0], sids[2]))]),
        object("affinity", "positive", &[3, 4], &[]).becomes("\"negative\"").drifts(&[("affinity", "positive")]),
        object("disabled", "positive", &[5, 6], &[("disabled", "true")]).becomes("false").drifts(&[("disable", "1")]),
        object("disabled__on", "positive", &[5, 6], &[]).becomes("true").drifts(&[("delete", "disable")]),
        object("comment", "positive", &[5, 6], &[]).becomes("\"1: 100% #2\"").drifts(&[("comment", "by hand")]),
        object("comment__gone", "positive", &[5, 6], &[("comment", "\"away\"")]).drifts(&[("comment", "by hand")]),
        object("timeouts", "positive", &[5, 6], &[("timeouts", "block {\n    read = \"1m\"\n  }")])
            .becomes("block {\n    read = \"2m\"\n  }"),
    ];
    let renamed =
        Replacement { object: "comment", attribute: "name", value: "\"tfacc-new\"".into(), id: "tfacc-new".into() };
    let life = Life {
        kind: "pve_ha_resource_affinity_rule",
        collection: "/cluster/ha/rules",
        key: "rule",
        needs: format!(
            "resource \"pve_ha_resource\" \"r\" {{\n  count = {}\n  sid   = {sids:?}[count.index]\n  state = \"ignored\"\n}}\n",
            sids.len()
        ),
        objects,
        replacements: vec![renamed],
        always: vec![("type", "resource-affinity".to_owned())],
        ..Life::default()
    };
    life.live(&cluster);
}

#[test]
fn a_fresh_cluster_takes_resources_and_a_negative_rule_in_one_apply() {
    let name = "ha_resource_affinity_rule::a_fresh_cluster_takes_resources_and_a_negative_rule_in_one_apply";
    let options = Options { initial: Initial::Fresh, ..Options::default() };
    let Some(cluster) = Cluster::own(name, options).map(Arc::new) else { return };
    let sids = cluster.guests(2, 0).sids();
    let w = Workspace::new(&cluster);
    w.configure(&format!(
        "resource \"pve_ha_resource\" \"r\" {{\n  for_each = toset({sids:?})\n  sid = each.value\n}}\n\
         resource \"pve_ha_resource_affinity_rule\" \"apart\" {{\n  name = \"tfacc-apart\"\n  affinity = \"negative\"\n  \
         resources = [for r in pve_ha_resource.r : r.sid]\n}}\n"
    ));
    let hurry = cluster.hurry();
    w.apply();
    drop(hurry);
    w.plan_is_empty();
    w.destroy();
}

#[test]
fn pve_8_has_no_such_rules() {
    let Some(cluster) = Cluster::of("ha_resource_affinity_rule::pve_8_has_no_such_rules", Release::V8).map(Arc::new)
    else {
        return;
    };
    let w = Workspace::new(&cluster);
    w.configure(
        "resource \"pve_ha_resource_affinity_rule\" \"a\" {\n  name = \"tfacc-a\"\n  resources = [\"vm:900\", \"vm:901\"]\n  affinity = \"positive\"\n}\n",
    );
    let run = w.plan_fails();
    assert!(run.only_error().flat().contains("HA rules need PVE 9"), "{}", run.text);
}
