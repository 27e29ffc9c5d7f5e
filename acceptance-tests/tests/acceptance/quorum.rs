//! A cluster without quorum.

use std::sync::Arc;

use acceptance_tests::{Cluster, Workspace};
use pve_emulator::Options;

#[test]
fn a_plan_works_and_an_apply_reports_it() {
    let name = "quorum::a_plan_works_and_an_apply_reports_it";
    let Some(cluster) = Cluster::own(name, Options::default()).map(Arc::new) else { return };
    let w = Workspace::new(&cluster);
    let with = |restarts: u32| {
        let timeouts = "  timeouts {\n    create = \"4s\"\n    update = \"4s\"\n  }\n";
        format!(
            "resource \"pve_ha_resource\" \"a\" {{\n  count = 5\n  sid = \"vm:90${{count.index}}\"\n  max_restart = {restarts}\n{timeouts}}}\n"
        )
    };
    w.configure(&with(1));
    w.apply();
    let before = cluster.api.list("/cluster/ha/resources", "sid");
    {
        let mut world = cluster.emulator().cluster().world();
        let answering = world.answering_node.clone();
        let others: Vec<String> = world.nodes.keys().filter(|node| **node != answering).cloned().collect();
        for node in others {
            world.power(&node, false);
        }
        world.advance(30.0);
        assert!(!world.is_quorate());
    }
    w.configure(&with(3));
    assert_eq!(w.plan().changes().len(), 5);
    // One object says for all that an apply would wait.
    let run = w.expect(0, &["plan", "-json"]);
    let warnings = run.warnings();
    let reported: Vec<_> = warnings.iter().filter(|warning| warning.summary == "The cluster has no quorum").collect();
    assert!(reported.len() == 1 && reported[0].detail.contains("1 of 3 votes"), "{warnings:?}");
    let run = w.expect(1, &["apply", "-json", "plan"]);
    // One reports it in full; the others report that they waited with it.
    let in_full: Vec<_> = run.errors().into_iter().filter(|error| error.detail.contains("1 of 3")).collect();
    assert_eq!(in_full.len(), 1, "{}", run.text);
    let text = in_full[0].flat();
    for part in ["no quorum", "Waited", "Nothing was changed"] {
        assert!(text.contains(part), "{part:?} is missing in\n{text}");
    }
    let lines = |detail: &str| detail.lines().count();
    for error in run.errors().into_iter().filter(|error| !error.detail.contains("1 of 3")) {
        assert!(lines(&error.detail) < lines(&in_full[0].detail), "{}", run.text);
    }
    // What is remembered of the cluster is unchanged, and so is the cluster.
    {
        let mut world = cluster.emulator().cluster().world();
        for node in ["pve1", "pve2", "pve3"] {
            world.power(node, true);
        }
        world.advance(120.0);
    }
    assert_eq!(cluster.api.list("/cluster/ha/resources", "sid"), before);
    w.apply();
    w.plan_is_empty();
    w.destroy();
}
