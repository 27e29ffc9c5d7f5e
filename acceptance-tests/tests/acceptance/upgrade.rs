//! A cluster is upgraded from PVE 8 to PVE 9 under a configuration: nothing is lost, nothing is touched by hand.

use std::sync::Arc;

use acceptance_tests::{Cluster, Workspace};
use pve_emulator::{Options, Release};

/// What the group `name` keeps its resources to, and more of its attributes.
fn group(name: &str, more: &str) -> String {
    format!(
        "resource \"pve_ha_group\" \"{name}\" {{\n  name  = \"tfacc-{name}\"\n  nodes = {{ pve1 = 2, pve2 = 1 }}\n{more}}}\n"
    )
}

fn resource(name: &str, sid: &str, more: &str) -> String {
    format!("resource \"pve_ha_resource\" \"{name}\" {{\n  sid   = {sid:?}\n  state = \"stopped\"\n{more}}}\n")
}

#[test]
fn from_8_to_9_without_surgery() {
    let name = "upgrade::from_8_to_9_without_surgery";
    let folder = tempfile::tempdir().unwrap();
    let state = Some(folder.path().join("cluster.json"));
    let start = |release| Cluster::own(name, Options { release, state: state.clone(), ..Options::default() });
    let Some(eight) = start(Release::V8) else { return };
    let eight = Arc::new(eight);
    let sids = eight.guests(2, 1).sids();
    let before = Workspace::new(&eight);
    let on_eight = [
        group("sticky", "  restricted = true\n  nofailback = true\n  timeouts {\n    update = \"7m\"\n  }\n"),
        group("free", "  comment = \"tier 2\"\n"),
        group("unused", ""),
        resource("a", &sids[0], "  group = pve_ha_group.sticky.name\n"),
        resource("b", &sids[1], "  group = pve_ha_group.free.name\n"),
        resource("c", &sids[2], ""),
    ]
    .concat();
    before.configure(&on_eight);
    before.apply();
    before.plan_is_empty();
    let terraform = std::fs::read_to_string(before.path("terraform.tfstate")).unwrap();
    drop(before);
    Arc::into_inner(eight).unwrap().end();

    // The nodes are upgraded, the groups are still there.
    let nine = Arc::new(start(Release::V9Unmigrated).unwrap());
    nine.emulator().cluster().world().clock.stop();
    let w = Workspace::new(&nine);
    w.write("terraform.tfstate", &terraform);
    w.configure(&on_eight);
    let run = w.expect(0, &["plan", "-json", "-detailed-exitcode"]);
    assert!(run.warnings().is_empty(), "{}", run.text);

    // The HA manager migrates them.
    nine.emulator().cluster().world().advance(120.0);
    assert_eq!(nine.api.list("/cluster/ha/rules", "rule").len(), 2);
    assert_eq!(nine.api.read(&format!("/cluster/ha/resources/{}", sids[0]))["failback"], 0);
    let run = w.expect(0, &["plan", "-json", "-detailed-exitcode"]);
    let reported = |address: &str| {
        let all =
            run.warnings().into_iter().filter(|warning| warning.address == address || warning.flat().contains(address));
        all.map(|warning| warning.flat()).collect::<Vec<_>>().concat()
    };
    for (about, words) in [
        (
            "migrated the HA group tfacc-sticky to the HA rule",
            &["moved {", "ha-group-tfacc-sticky", "strict = true", "failback = false"][..],
        ),
        (
            "migrated the HA group tfacc-free to the HA rule",
            &["moved {", "ha-group-tfacc-free", "tier 2", "nodes = { pve1 = 2, pve2 = 1 }"],
        ),
        ("HA group tfacc-unused no longer exists", &["removed {"]),
        (&format!("{}: the cluster has migrated", sids[0]), &["ha-group-tfacc-sticky", "write `failback = false`"]),
        (&format!("{}: the cluster has migrated", sids[1]), &["ha-group-tfacc-free", "Remove `group`"]),
    ] {
        let reported = reported(about);
        assert!(words.iter().all(|word| reported.contains(word)), "{about}: {reported}\n{}", run.text);
    }
    assert_eq!(run.warnings().len(), 5, "{}", run.text);

    // The suggested blocks are written.
    let rule = |name: &str, resource: &str, more: &str| {
        format!(
            "moved {{\n  from = pve_ha_group.{name}\n  to   = pve_ha_node_affinity_rule.{name}\n}}\n\
             resource \"pve_ha_node_affinity_rule\" \"{name}\" {{\n  name      = \"ha-group-tfacc-{name}\"\n  \
             resources = [pve_ha_resource.{resource}.sid]\n  nodes     = {{ pve1 = 2, pve2 = 1 }}\n{more}}}\n"
        )
    };
    w.configure(
        &[
            rule("sticky", "a", "  strict    = true\n  comment   = \"Generated from HA group 'tfacc-sticky'.\"\n  timeouts {\n    update = \"7m\"\n  }\n"),
            rule("free", "b", "  comment   = \"tier 2\"\n"),
            "removed {\n  from = pve_ha_group.unused\n  lifecycle {\n    destroy = false\n  }\n}\n".to_owned(),
            resource("a", &sids[0], "  failback = false\n"),
            resource("b", &sids[1], ""),
            resource("c", &sids[2], ""),
        ]
        .concat(),
    );
    let plan = w.plan();
    let rules: Vec<_> = plan.changes().into_iter().filter(|change| !change.starts_with("pve_ha_resource")).collect();
    assert!(rules.iter().all(|change| change.starts_with("pve_ha_group.unused forget")), "{rules:?}");
    // The state records that the resources have no group; the cluster is unchanged.
    let files = || {
        ["resources", "rules"]
            .map(|name| nine.emulator().cluster().world().file(&format!("/etc/pve/ha/{name}.cfg")).to_owned())
    };
    let migrated = files();
    w.apply_plan();
    assert_eq!(files(), migrated);
    w.plan_is_empty();
    let attributes = w.attributes("pve_ha_resource.a");
    assert_eq!((&attributes["failback"], &attributes["group"]), (&false.into(), &serde_json::Value::Null));
    w.destroy();
    assert!(nine.api.list("/cluster/ha/rules", "rule").is_empty());
    // Its last save goes into the folder.
    drop(w);
    Arc::into_inner(nine).unwrap().end();
}

#[test]
fn a_group_that_is_just_removed_takes_its_nofailback_along() {
    let name = "upgrade::a_group_that_is_just_removed_takes_its_nofailback_along";
    let options = Options { release: Release::V9Unmigrated, ..Options::default() };
    let Some(nine) = Cluster::own(name, options).map(Arc::new) else { return };
    let sid = &nine.guests(1, 0).sids()[0];
    let failback = || nine.api.read(&format!("/cluster/ha/resources/{sid}"))["failback"].clone();
    let sticky = group("sticky", "  nofailback = true\n");
    let w = Workspace::new(&nine);
    w.configure(&(sticky.clone() + &resource("a", sid, "  group = pve_ha_group.sticky.name\n")));
    w.apply();
    // What the CRM does once all nodes run PVE 9.
    {
        let mut world = nine.emulator().cluster().world();
        world.remove_file("/etc/pve/ha/groups.cfg");
        let resources = world.file("/etc/pve/ha/resources.cfg").replace("group tfacc-sticky", "failback 0");
        world.write_file("/etc/pve/ha/resources.cfg", resources);
    }
    assert_eq!(failback(), 0);
    w.plan_is_empty();
    // Another change leaves it alone.
    w.configure(&(sticky.clone() + &resource("a", sid, "  group = pve_ha_group.sticky.name\n  comment = \"new\"\n")));
    w.apply();
    assert_eq!(failback(), 0);
    w.configure(&(sticky + &resource("a", sid, "  comment = \"new\"\n")));
    let run = w.expect(2, &["plan", "-json", "-detailed-exitcode", "-out=plan"]);
    let warnings = run.warnings();
    assert!(warnings.iter().any(|warning| warning.summary == "Failback is switched on"), "{}", run.text);
    w.expect(0, &["apply", "-json", "plan"]);
    // Unset, which means on.
    assert!(failback().is_null());
    w.plan_is_empty();
}
