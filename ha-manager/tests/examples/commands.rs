//! Commands of an operator: moves, maintenance, shutdowns, disarming.

use pve_ha_manager::command::{Command, DisarmMode};
use pve_ha_manager::config::{Requested, ShutdownPolicy};
use pve_ha_manager::testbed::StartFailure;

use crate::example::Example;

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
fn a_partner_on_the_target_blocks_a_manual_move() {
    let example = || Example::nodes(3).on("vm:101@1 vm:102@2 vm:103@3").separate("vm:101 vm:102");
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
fn shutdown_policies() {
    let three = || Example::nodes(3).on("vm:101@1 vm:102@2 vm:103@3").with("vm:102", |r| r.state = Requested::Stopped);
    three().run().shut_down(3, false).expect("vm:103@2");

    let returning = Example::nodes(3).on("vm:101@1 vm:102@2 vm:103@3 ct:104@3").prefer("vm:103 ct:104", "3", false);
    let returned = returning.run().shut_down(3, false).back(3).expect("vm:103@3 ct:104@3");
    assert_eq!((returned.logged("migrate service 'vm:103'"), returned.logged("relocate service 'ct:104'")), (1, 1));

    let failover = three().shutdown_policy(ShutdownPolicy::Failover).run().shut_down(3, true).expect("vm:103@3");
    assert_eq!(failover.logged("FENCE"), 0);

    three().shutdown_policy(ShutdownPolicy::Freeze).run().shut_down(3, false).converge().expect("vm:103@3:freeze");

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
    assert_eq!(failing.converge().logged("crm command error - no such service: stop vm:999 0"), 1);
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
fn the_newer_manager_reports_all_that_blocks_a_move() {
    let example = || Example::nodes(3).on("vm:101@1 vm:102@3").separate("vm:101 vm:102").avoid("vm:101", "3", true);
    let blockers = |example: Example| {
        let run = example.run().command("migrate vm:101 node3");
        let partner = "error - service 'vm:102' on node 'node3' in negative affinity with service 'vm:101'";
        (run.logged("service 'vm:101' is not allowed on node 'node3'"), run.logged(partner))
    };
    assert_eq!(blockers(example().newer()), (1, 1));
    assert_eq!(blockers(example()), (0, 1));
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
fn disarming_twice_and_maintenance_meanwhile_are_logged() {
    let run = Example::nodes(3).on("vm:101@1").run().command("arm-ha").command("disarm-ha freeze");
    assert_eq!(run.logged("ignoring arm-ha command - HA stack is not disarmed"), 1);
    assert_eq!(run.logged("disarm: freezing service 'vm:101' (was 'started')"), 1);
    let run = run.command("disarm-ha ignore").command("enable-node-maintenance node2");
    assert_eq!(run.logged("ignoring disarm-ha command - already in disarm state (disarmed)"), 1);
    assert_eq!(run.logged("ignoring maintenance command for node node2 - HA stack is disarmed"), 1);
}
