//! Where services are started, recovered and moved back to.

use pve_ha_manager::config::{Requested, Scheduler, ShutdownPolicy};
use pve_ha_manager::testbed::StartFailure;
use pve_ha_manager::usage::{Capacity, Size};

use crate::example::{Example, node};

#[test]
fn a_failed_node_is_recovered_on_the_emptiest() {
    let example = Example::nodes(3).on("vm:101@1 vm:102@2 vm:103@3").with("vm:102", |r| r.state = Requested::Stopped);
    example.run().fail(3).expect("vm:103@2 vm:102@2:stopped");
}

#[test]
fn a_failed_master_is_recovered_and_its_service_returns() {
    let example = Example::nodes(3).on("vm:101@1 vm:102@2 vm:103@3").prefer("vm:101", "1", false);
    example.run().fail(1).expect("vm:101@2").back(1).expect("vm:101@1");
}

#[test]
fn loose_rules_choose_by_load_outside_and_by_class_inside() {
    let outside = Example::nodes(3).on("vm:101@3 vm:102@2 vm:103@2").prefer("vm:101", "3", false);
    outside.run().fail(3).expect("vm:101@1");
    let inside = Example::nodes(3).on("vm:101@3 vm:102@2 vm:103@2").prefer("vm:101", "2,3", false);
    inside.run().fail(3).expect("vm:101@2");
}

#[test]
fn the_higher_priority_is_preferred_loose_or_strict() {
    for strict in [false, true] {
        let priorities = || Example::nodes(3).on("vm:101@3").prefer("vm:101", "2:2,3:1", strict);
        priorities().run().expect("vm:101@2").fail(2).expect("vm:101@3").back(2).expect("vm:101@2");
        let staying = Example::nodes(3).on("vm:101@2").prefer("vm:101", "2:2,3:1", strict);
        let staying = staying.with("vm:101", |r| r.failback = false);
        staying.run().fail(2).expect("vm:101@3").back(2).expect("vm:101@3");
    }
}

#[test]
fn a_strict_rule_without_a_node_left_waits_in_recovery() {
    let strict = || Example::nodes(3).on("vm:101@2").prefer("vm:101", "2", true);
    let back = strict().run().fail(2).expect("vm:101@2:recovery").back(2).expect("vm:101@2");
    assert_eq!(back.logged("recover service 'vm:101' to previous failed and fenced node 'node2' again"), 1);
    let stuck = strict().run().fail(2).command("migrate vm:101 node3").command("stop vm:101 0");
    stuck.expect("vm:101@2:recovery").request("vm:101", Requested::Disabled).expect("vm:101@2:stopped");
    let pair = Example::nodes(3).on("vm:101@3 vm:102@2 vm:103@2").prefer("vm:101", "2,3", true);
    pair.run().fail(3).expect("vm:101@2");
}

#[test]
fn negative_affinity_places_where_no_partner_is() {
    let pair = Example::nodes(3).on("vm:101@2 vm:102@3 vm:103@1 vm:104@1").separate("vm:101 vm:102");
    pair.run().fail(3).expect("vm:102@1");
    let three = || {
        let five = Example::nodes(5).on("vm:101@3 vm:102@4 vm:103@5 vm:104@1 vm:105@1 vm:106@1 vm:107@2 vm:108@2");
        five.separate("vm:101 vm:102 vm:103")
    };
    three().run().fail(5).expect("vm:103@2");
    let mut both = three().run();
    both.0.cut_network("node4");
    both.fail(5).expect("vm:102@2 vm:103@1");
    let shared = Example::nodes(3).on("vm:101@1 vm:102@2 vm:103@3").separate("vm:101 vm:102").separate("vm:101 vm:103");
    shared.run().fail(3).expect("vm:103@2");
}

#[test]
fn a_start_that_fails_on_the_only_allowed_node_is_tried_again_there() {
    let example = Example::nodes(3).on("vm:101@2 vm:102@3 vm:103@1 vm:104@1").separate("vm:101 vm:102");
    let run = example.fails("vm:102", 1, StartFailure::Times(2)).run().fail(3).expect("vm:102@1");
    assert_eq!(run.logged("Tried all available nodes for service 'vm:102'"), 1);
}

#[test]
fn those_that_belong_together_move_together() {
    let two = Example::nodes(3).on("vm:101@3 vm:102@3 vm:103@1 vm:104@2").together("vm:101 vm:102");
    two.run().fail(3).expect("vm:101@1 vm:102@1");
    let three = || {
        let services = Example::nodes(3).on("vm:101@3 vm:102@3 vm:103@3 vm:104@1 vm:105@1 vm:106@2");
        services.together("vm:101 vm:102 vm:103")
    };
    three().run().fail(3).expect("vm:101@2 vm:102@2 vm:103@2");
    let failing = three().with("vm:103", |r| r.max_restart = 0).fails("vm:103", 2, StartFailure::Always);
    failing.run().fail(3).expect("vm:101@1 vm:102@1 vm:103@1");
    three().run().command("migrate vm:101 node1").expect("vm:101@1 vm:102@1 vm:103@1");
}

#[test]
fn mixed_affinity_converges_at_the_start() {
    let mixed = Example::nodes(3).on("vm:201@1 vm:202@3 vm:203@1 vm:101@3");
    mixed.together("vm:201 vm:202 vm:203").separate("vm:201 vm:101").run().expect("vm:101@2 vm:202@1");
    let sets = Example::nodes(3).on("vm:101@1 vm:102@2 vm:103@1 vm:201@1 vm:202@2 vm:203@2");
    let sets = sets.together("vm:101 vm:102 vm:103").together("vm:201 vm:202 vm:203").separate("vm:101 vm:201").run();
    let node_of = |sid: &str| sets.0.status().services[sid].node.clone();
    for set in ["1", "2"] {
        let nodes: Vec<_> = ["01", "02", "03"].iter().map(|n| node_of(&format!("vm:{set}{n}"))).collect();
        assert!(nodes.iter().all(|node| *node == nodes[0]), "{nodes:?}");
    }
    assert_ne!(node_of("vm:101"), node_of("vm:201"));
}

#[test]
fn resource_affinity_obeys_node_affinity() {
    let five = Example::nodes(5).on("vm:101@1 vm:102@1 vm:103@1").prefer("vm:101 vm:102 vm:103", "2,3,4", false);
    five.separate("vm:101 vm:102 vm:103").run().expect("vm:101@2 vm:102@3 vm:103@4");
    let all = |nodes| {
        let three = Example::nodes(3).on("vm:101@3 vm:102@3 vm:103@3").prefer("vm:102", nodes, false);
        three.together("vm:101 vm:102 vm:103").run()
    };
    all("2").expect("vm:101@2 vm:102@2 vm:103@2");
    all("1,2").expect("vm:101@1 vm:102@1 vm:103@1");
}

#[test]
fn failed_starts_are_restarted_then_relocated() {
    let relocating = Example::nodes(3).on("vm:101@1 vm:102@1 vm:103@1 vm:104@2 vm:105@2 vm:106@3 vm:107@3");
    let relocating = relocating.with("vm:107", |r| (r.max_restart, r.max_relocate) = (0, 3));
    let relocating = relocating.fails("vm:107", 3, StartFailure::Always).fails("vm:107", 2, StartFailure::Always);
    relocating.fails("vm:107", 1, StartFailure::Times(1)).run().converge().expect("vm:107@1");

    let restarting = Example::nodes(3).on("vm:101@2 vm:102@3").with("vm:101", |r| r.max_restart = 2);
    let restarting = restarting.fails("vm:101", 2, StartFailure::Always).run().expect("vm:101@1");
    assert_eq!(restarting.logged("restart policy: retry number"), 2);

    let failing = Example::nodes(3).on("vm:101@2").with("vm:101", |r| r.max_relocate = 0);
    let failing = failing.fails("vm:101", 2, StartFailure::Always).run().expect("vm:101@2:error");
    failing.request("vm:101", Requested::Disabled).expect("vm:101@2:stopped");

    let everywhere = Example::nodes(3).on("vm:101@2").with("vm:101", |r| (r.max_restart, r.max_relocate) = (0, 2));
    let everywhere = (1..=3).fold(everywhere, |example, n| example.fails("vm:101", n, StartFailure::Always));
    let run = everywhere.run().expect("vm:101@3:error");
    assert_eq!(run.logged("Failed nodes: node2, node1, node3"), 1);
}

#[test]
fn static_scoring_weighs_memory() {
    let mut example = Example::nodes(3).on("vm:102@1");
    example.config.scheduler = Scheduler::Static;
    let gigabytes = |n: usize| Size { cpu: 32.0, mem: n as u64 * 100_000_000_000 };
    example.setup.capacity = Some(Capacity {
        nodes: (1..=3).map(|n| (node(n), gigabytes(n))).collect(),
        services: [("vm:102".into(), Size { cpu: 2.0, mem: 4_000_000_000 })].into(),
    });
    example.run().fail(1).expect("vm:102@3");
}

#[test]
fn static_scoring_fills_a_double_sized_node_twice_as_fast() {
    let sids: Vec<String> = (101..=109).map(|n| format!("vm:{n}")).collect();
    let places: Vec<String> = sids.iter().map(|sid| format!("{sid}@1")).collect();
    let mut example = Example::nodes(3).on(&places.join(" ")).shutdown_policy(ShutdownPolicy::Migrate);
    example.config.scheduler = Scheduler::Static;
    let size = |cpu: f64| Size { cpu, mem: cpu as u64 * 10_000_000_000 };
    example.setup.capacity = Some(Capacity {
        nodes: [(node(1), size(40.0)), (node(2), size(40.0)), (node(3), size(20.0))].into(),
        services: sids.iter().map(|sid| (sid.as_str().into(), size(2.0))).collect(),
    });
    let run = example.run().shut_down(1, false);
    let counts: Vec<usize> =
        (1..=3).map(|n| run.0.status().services.values().filter(|service| service.node == node(n)).count()).collect();
    assert_eq!(counts, [0, 6, 3]);
}

#[test]
fn nodes_to_avoid_are_used_when_no_other_is_left_and_left_again() {
    let run = Example::nodes(3).newer().on("vm:101@1").avoid("vm:101", "2,3", false).run().expect("vm:101@1");
    let run = run.fail(1);
    let away = run.0.status().services["vm:101"].node.to_string();
    assert_ne!(away, "node1");
    run.back(1).expect("vm:101@1");
    // A strict rule leaves it in recovery instead.
    let strict = Example::nodes(3).newer().on("vm:101@1").avoid("vm:101", "2,3", true).run();
    strict.fail(1).expect("vm:101@1:recovery").back(1).expect("vm:101@1");
}
