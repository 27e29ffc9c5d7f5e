//! The worked examples that Proxmox ships as tests of its HA manager: three nodes unless said, basic scoring.

#![allow(clippy::unwrap_used, reason = "a test's own description of its cluster is well-formed")]

mod example;

use example::{Example, node};
use pve_ha_manager::command::{Command, DisarmMode};
use pve_ha_manager::config::{Requested, Scheduler, ShutdownPolicy};
use pve_ha_manager::testbed::StartFailure;
use pve_ha_manager::usage::{Capacity, Size};

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
fn a_manual_move_off_the_rule_lasts_only_without_failback() {
    let rule = |strict| Example::nodes(3).on("vm:101@3").prefer("vm:101", "3", strict);
    rule(false).run().command("migrate vm:101 node2").expect("vm:101@3");
    let stays = rule(false).with("vm:101", |r| r.failback = false);
    stays.run().command("migrate vm:101 node2").expect("vm:101@2");
    let forbidden = rule(true).with("vm:101", |r| r.failback = false);
    forbidden.run().command("migrate vm:101 node2").expect("vm:101@3");
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
fn those_that_must_be_apart_go_where_no_partner_is() {
    let pair = Example::nodes(3).on("vm:101@2 vm:102@3 vm:103@1 vm:104@1").apart("vm:101 vm:102");
    pair.run().fail(3).expect("vm:102@1");
    let three = || {
        let five = Example::nodes(5).on("vm:101@3 vm:102@4 vm:103@5 vm:104@1 vm:105@1 vm:106@1 vm:107@2 vm:108@2");
        five.apart("vm:101 vm:102 vm:103")
    };
    three().run().fail(5).expect("vm:103@2");
    let mut both = three().run();
    both.0.cut_network("node4");
    both.fail(5).expect("vm:102@2 vm:103@1");
    let shared = Example::nodes(3).on("vm:101@1 vm:102@2 vm:103@3").apart("vm:101 vm:102").apart("vm:101 vm:103");
    shared.run().fail(3).expect("vm:103@2");
}

#[test]
fn a_start_that_fails_on_the_only_allowed_node_is_tried_again_there() {
    let example = Example::nodes(3).on("vm:101@2 vm:102@3 vm:103@1 vm:104@1").apart("vm:101 vm:102");
    let run = example.fails("vm:102", 1, StartFailure::Times(2)).run().fail(3).expect("vm:102@1");
    assert_eq!(run.logged("Tried all available nodes for service 'vm:102'"), 1);
}

#[test]
fn a_partner_on_the_target_blocks_a_manual_move() {
    let example = || Example::nodes(3).on("vm:101@1 vm:102@2 vm:103@3").apart("vm:101 vm:102");
    let blocked = example().run().command("migrate vm:101 node2").expect("vm:101@1");
    let text = "service 'vm:102' on node 'node2' in negative affinity with service 'vm:101'";
    assert_eq!(blocked.logged(text), 1);
    // Both are judged before either has moved.
    let mut together = example().run();
    together.0.command("migrate vm:101 node3".parse().unwrap());
    together
        .command("migrate vm:102 node1")
        .expect("vm:101@3 vm:102@2")
        .command("migrate vm:102 node1")
        .expect("vm:102@1");
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
fn mixed_affinity_settles_at_the_start() {
    let mixed = Example::nodes(3).on("vm:201@1 vm:202@3 vm:203@1 vm:101@3");
    mixed.together("vm:201 vm:202 vm:203").apart("vm:201 vm:101").run().expect("vm:101@2 vm:202@1");
    let sets = Example::nodes(3).on("vm:101@1 vm:102@2 vm:103@1 vm:201@1 vm:202@2 vm:203@2");
    let sets = sets.together("vm:101 vm:102 vm:103").together("vm:201 vm:202 vm:203").apart("vm:101 vm:201").run();
    let node_of = |sid: &str| sets.0.status().services[sid].node.clone();
    for set in ["1", "2"] {
        let nodes: Vec<_> = ["01", "02", "03"].iter().map(|n| node_of(&format!("vm:{set}{n}"))).collect();
        assert!(nodes.iter().all(|node| *node == nodes[0]), "{nodes:?}");
    }
    assert_ne!(node_of("vm:101"), node_of("vm:201"));
}

#[test]
fn resource_affinity_obeys_node_affinity() {
    let apart = Example::nodes(5).on("vm:101@1 vm:102@1 vm:103@1").prefer("vm:101 vm:102 vm:103", "2,3,4", false);
    apart.apart("vm:101 vm:102 vm:103").run().expect("vm:101@2 vm:102@3 vm:103@4");
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
    relocating.fails("vm:107", 1, StartFailure::Times(1)).run().settle().expect("vm:107@1");

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
fn shutdown_policies() {
    let three = || Example::nodes(3).on("vm:101@1 vm:102@2 vm:103@3").with("vm:102", |r| r.state = Requested::Stopped);
    three().run().shut_down(3, false).expect("vm:103@2");

    let returning = Example::nodes(3).on("vm:101@1 vm:102@2 vm:103@3 ct:104@3").prefer("vm:103 ct:104", "3", false);
    let returned = returning.run().shut_down(3, false).back(3).expect("vm:103@3 ct:104@3");
    assert_eq!((returned.logged("migrate service 'vm:103'"), returned.logged("relocate service 'ct:104'")), (1, 1));

    let failover = three().shutdown_policy(ShutdownPolicy::Failover).run().shut_down(3, true).expect("vm:103@3");
    assert_eq!(failover.logged("FENCE"), 0);

    three().shutdown_policy(ShutdownPolicy::Freeze).run().shut_down(3, false).settle().expect("vm:103@3:freeze");

    let migrate = || Example::nodes(3).shutdown_policy(ShutdownPolicy::Migrate);
    let moved = migrate().on("vm:101@1 ct:102@3 vm:103@3").with("vm:101", |r| r.state = Requested::Stopped).run();
    let rebooted = moved.shut_down(3, true).expect("ct:102@3 vm:103@3");
    assert_eq!((rebooted.logged("relocate service 'ct:102'"), rebooted.logged("migrate service 'vm:103'")), (2, 2));
    let four = migrate().on("vm:103@3 vm:104@3 vm:105@3 vm:106@3").run().shut_down(3, false);
    four.expect("vm:103@1 vm:104@2 vm:105@1 vm:106@2");
}

#[test]
fn maintenance_moves_away_and_back() {
    let example = Example::nodes(3).on("vm:101@1 vm:102@2 vm:103@3").with("vm:102", |r| r.state = Requested::Stopped);
    let run = example.run().command("enable-node-maintenance node3").expect("vm:103@2");
    let run = run.shut_down(3, true).expect("vm:103@2");
    run.command("disable-node-maintenance node3").expect("vm:103@3");
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
fn disarmed_nothing_is_fenced_and_armed_again_all_goes_on() {
    let run = Example::nodes(3).on("vm:101@1 vm:102@2 vm:103@3").run().command("disarm-ha freeze");
    let run = run.expect("vm:101@1:freeze vm:103@3:freeze");
    let disarm = run.0.status().disarm.unwrap();
    assert!(disarm.done && disarm.mode == DisarmMode::Freeze);
    let run = run.fail(3).expect("vm:103@3:freeze").back(3).command("arm-ha");
    run.expect("vm:101@1 vm:102@2 vm:103@3");
}

#[test]
fn a_command_for_a_failed_service_is_dropped() {
    let failing = Example::nodes(3).on("vm:101@2").with("vm:101", |r| r.max_relocate = 0);
    let failing = failing.fails("vm:101", 2, StartFailure::Always).run();
    let mut failing = failing.command("migrate vm:101 node1").expect("vm:101@2:error");
    failing.0.command(Command::Stop("vm:999".into(), 0));
    assert_eq!(failing.settle().logged("crm command error - no such service: stop vm:999 0"), 1);
}

/// Where a command leaves vm:101 for good, and how often it was refused because of the node.
fn moved_by_hand(example: Example, line: &str) -> (String, usize) {
    let run = example.run().command(line);
    let place = run.0.status().services["vm:101"].node.to_string();
    (place, run.logged("crm command 'migrate vm:101 node3' error - service 'vm:101' is not allowed on node 'node3'"))
}

#[test]
fn the_newer_manager_refuses_moves_against_node_affinity() {
    const MOVE: &str = "migrate vm:101 node3";
    let one = || Example::nodes(3).on("vm:101@1");
    let sticky = |example: Example| example.with("vm:101", |resource| resource.failback = false);
    let refused = |place: &str| (place.to_owned(), 1);
    let accepted = |place: &str| (place.to_owned(), 0);
    // The nodes that are allowed, with their priorities; none is forbidden where it isn't strict.
    for (strict, failback) in [(true, true), (true, false), (false, true), (false, false)] {
        let with = |example: Example| if failback { example } else { sticky(example) };
        let is_refused = strict || failback;
        let outcome = if is_refused { refused("node1") } else { accepted("node3") };
        assert_eq!(
            moved_by_hand(with(one().newer().prefer("vm:101", "1", strict)), MOVE),
            outcome,
            "{strict} {failback}"
        );
        assert_eq!(
            moved_by_hand(with(one().newer().avoid("vm:101", "3", strict)), MOVE),
            outcome,
            "{strict} {failback}"
        );
    }
    let lower = || one().newer().prefer("vm:101", "1:2,3:1", true);
    assert_eq!(moved_by_hand(lower(), MOVE), refused("node1"));
    assert_eq!(moved_by_hand(sticky(lower()), MOVE), accepted("node3"));
    // The older one takes the command, and moves the service back.
    assert_eq!(moved_by_hand(one().prefer("vm:101", "1", true), MOVE), accepted("node1"));
}

#[test]
fn the_newer_manager_tells_all_that_is_against_a_move() {
    let example = || Example::nodes(3).on("vm:101@1 vm:102@3").apart("vm:101 vm:102").avoid("vm:101", "3", true);
    let told = |example: Example| {
        let run = example.run().command("migrate vm:101 node3");
        let partner = "error - service 'vm:102' on node 'node3' in negative affinity with service 'vm:101'";
        (run.logged("service 'vm:101' is not allowed on node 'node3'"), run.logged(partner))
    };
    assert_eq!(told(example().newer()), (1, 1));
    assert_eq!(told(example()), (0, 1));
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

#[test]
fn a_move_while_disarmed_is_lost() {
    for mode in ["freeze", "ignore"] {
        let run = Example::nodes(3).on("vm:101@1").run().command(&format!("disarm-ha {mode}"));
        let run = run.command("migrate vm:101 node2");
        assert_eq!(run.logged("got crm command: migrate vm:101 node2"), 1, "{mode}");
        run.command("arm-ha").expect("vm:101@1");
    }
}

#[test]
fn disarming_twice_and_maintenance_meanwhile_are_told() {
    let run = Example::nodes(3).on("vm:101@1").run().command("arm-ha").command("disarm-ha freeze");
    assert_eq!(run.logged("ignoring arm-ha command - HA stack is not disarmed"), 1);
    assert_eq!(run.logged("disarm: freezing service 'vm:101' (was 'started')"), 1);
    let run = run.command("disarm-ha ignore").command("enable-node-maintenance node2");
    assert_eq!(run.logged("ignoring disarm-ha command - already in disarm state (disarmed)"), 1);
    assert_eq!(run.logged("ignoring maintenance command for node node2 - HA stack is disarmed"), 1);
}
