use super::*;
use crate::api::ha::commands::CRM_COMMANDS;
use crate::api::ha::files::{GROUPS, RESOURCES, RULES};
use crate::clock::Clock;
use crate::world::Pve;
use crate::world::seed::Seed;

/// Three nodes; VM 100 on pve1, 101 on pve2, 102 on pve3, container 200 on pve3.
fn cluster(pve: Pve, initial: Initial) -> World {
    const SEED: &str = r#"{
        "nodes": [
            {"node": "pve1", "nodeid": 1, "ring0_addr": "10.0.0.1"},
            {"node": "pve2", "nodeid": 2, "ring0_addr": "10.0.0.2"},
            {"node": "pve3", "nodeid": 3, "ring0_addr": "10.0.0.3"}
        ],
        "guests": [
            {"vmid": 100, "type": "qemu", "node": "pve1", "name": "vm100", "cores": 1, "memory": 512},
            {"vmid": 101, "type": "qemu", "node": "pve2", "name": "vm101", "cores": 1, "memory": 512},
            {"vmid": 102, "type": "qemu", "node": "pve3", "name": "vm102", "cores": 1, "memory": 512},
            {"vmid": 200, "type": "lxc", "node": "pve3", "name": "ct200", "cores": 1, "memory": 512}
        ]
    }"#;
    let mut world = Seed::parse(SEED).unwrap().build(pve, initial, Clock::standing(1_000_000.0));
    world.advance(7.0);
    world
}

/// State and node of a service, `-` if the manager doesn't know it.
fn service(world: &World, sid: &str) -> String {
    let status: serde_json::Value = serde_json::from_str(world.file(MANAGER_STATUS)).unwrap_or_default();
    let Some(service) = status["service_status"].get(sid) else { return "-".to_owned() };
    let running = if service["running"] == 1 { " running" } else { "" };
    format!("{}@{}{running}", service["state"].as_str().unwrap(), service["node"].as_str().unwrap())
}

fn node_state(world: &World, node: &str) -> String {
    let status: serde_json::Value = serde_json::from_str(world.file(MANAGER_STATUS)).unwrap();
    status["node_status"][node].as_str().unwrap_or_default().to_owned()
}

/// Seconds until a condition holds.
fn until(world: &mut World, limit: i64, holds: impl Fn(&World) -> bool) -> i64 {
    let start = world.now();
    while !holds(world) {
        let passed = world.now() - start;
        assert!(passed < limit, "not within {limit} s\n{}", world.crm.log().collect::<Vec<_>>().join("\n"));
        world.advance(1.0);
    }
    world.now() - start
}

fn until_service(world: &mut World, limit: i64, sid: &str, expected: &str) -> i64 {
    until(world, limit, |world| service(world, sid) == expected)
}

fn runs(world: &World, vmid: u32) -> bool {
    world.guests[&vmid].is_running()
}

fn manage(world: &mut World, sections: &str) {
    world.write_file(RESOURCES, sections);
}

fn command(world: &mut World, line: &str) {
    world.write_file(CRM_COMMANDS, format!("{line}\n"));
}

#[test]
fn a_new_resource_is_started_within_two_rounds() {
    for (pve, initial) in [(Pve::V8, Initial::Seed), (Pve::V9, Initial::Seed), (Pve::V9, Initial::Fresh)] {
        let mut world = cluster(pve, initial);
        manage(&mut world, "vm: 100\n\tstate started\n\n");
        let took = until_service(&mut world, 30, "vm:100", "started@pve1 running");
        assert!((10..=25).contains(&took), "{took}");
        assert!(runs(&world, 100));
        manage(&mut world, "");
        assert!(until_service(&mut world, 20, "vm:100", "-") <= 10);
        assert!(runs(&world, 100), "a resource that is removed leaves its guest alone");
    }
}

#[test]
fn a_guest_that_stops_by_itself_is_started_again() {
    let mut world = cluster(Pve::V9, Initial::Seed);
    manage(&mut world, "vm: 100\n\n");
    until_service(&mut world, 30, "vm:100", "started@pve1 running");
    world.stop_guest(100);
    until(&mut world, 30, |world| runs(world, 100));
}

#[test]
fn requested_states_are_followed_and_a_stop_command_requests_one() {
    let mut world = cluster(Pve::V9, Initial::Seed);
    manage(&mut world, "vm: 100\n\tstate started\n\n");
    until_service(&mut world, 30, "vm:100", "started@pve1 running");
    command(&mut world, "stop vm:100 0");
    let took = until_service(&mut world, 30, "vm:100", "stopped@pve1");
    assert!(took <= 21 && !runs(&world, 100), "{took}");
    assert_eq!(world.file(RESOURCES), "vm: 100\n\tstate stopped\n\n");
    manage(&mut world, "vm: 100\n\tstate ignored\n\n");
    until_service(&mut world, 20, "vm:100", "-");
}

#[test]
fn machines_migrate_running_and_containers_restart() {
    let mut world = cluster(Pve::V9, Initial::Seed);
    manage(&mut world, "vm: 100\n\nct: 200\n\n");
    until_service(&mut world, 30, "vm:100", "started@pve1 running");
    command(&mut world, "migrate vm:100 pve3");
    let took = until(&mut world, 30, |world| service(world, "vm:100").ends_with("@pve3"));
    assert!(took <= 21 && runs(&world, 100), "{took}");
    assert!(until_service(&mut world, 20, "vm:100", "started@pve3 running") <= 11);

    command(&mut world, "migrate ct:200 pve1");
    until(&mut world, 30, |world| world.guests[&200].node == "pve1");
    until_service(&mut world, 30, "ct:200", "started@pve1 running");
    assert!(runs(&world, 200));
    let kinds: Vec<&str> = world.tasks.iter().map(|task| task.kind.as_str()).collect();
    assert!(kinds.contains(&"qmigrate") && kinds.contains(&"vzmigrate"), "{kinds:?}");
}

#[test]
fn what_was_configured_while_disarmed_counts_once_armed() {
    for mode in ["freeze", "ignore"] {
        let mut world = cluster(Pve::V9, Initial::Seed);
        manage(&mut world, "vm: 100\n\nvm: 101\n\n");
        until_service(&mut world, 30, "vm:100", "started@pve1 running");
        command(&mut world, &format!("disarm-ha {mode}"));
        until(&mut world, 40, |world| world.file(MANAGER_STATUS).contains("disarmed"));
        manage(&mut world, "vm: 100\n\nvm: 102\n\n");
        world.advance(30.0);
        assert_eq!(service(&world, "vm:102"), "-");
        assert_ne!(service(&world, "vm:101"), "-");
        command(&mut world, "arm-ha");
        until_service(&mut world, 50, "vm:102", "started@pve3 running");
        assert_eq!((service(&world, "vm:101").as_str(), runs(&world, 101)), ("-", true));
    }
}

#[test]
fn a_dead_node_is_fenced_and_its_services_recovered() {
    let mut world = cluster(Pve::V9, Initial::Seed);
    manage(&mut world, "vm: 102\n\nct: 200\n\tstate disabled\n\n");
    until_service(&mut world, 30, "vm:102", "started@pve3 running");
    let killed = world.now();
    world.power("pve3", false);
    let fence = until_service(&mut world, 90, "vm:102", "fence@pve3");
    assert!((60..=80).contains(&fence), "{fence}");
    assert_eq!(node_state(&world, "pve3"), "fence");
    until(&mut world, 200, |world| service(world, "vm:102") == "started@pve1 running");
    let recovered = world.now() - killed;
    assert!((120..=160).contains(&recovered), "{recovered}");
    assert_eq!(service(&world, "ct:200"), "stopped@pve3");
    assert!(runs(&world, 102) && node_state(&world, "pve3") == "unknown");
    world.power("pve3", true);
    until(&mut world, 20, |world| node_state(world, "pve3") == "online");
}

#[test]
fn a_node_without_network_is_reset_before_its_services_are_recovered() {
    let mut world = cluster(Pve::V9, Initial::Seed);
    manage(&mut world, "vm: 102\n\n");
    until_service(&mut world, 30, "vm:102", "started@pve3 running");
    let cut = world.now();
    world.network("pve3", false);
    until(&mut world, 90, |world| !runs(world, 102));
    let reset = world.now() - cut;
    // 60 s after the last renewal, which is up to a round before the cut.
    assert!((50..=61).contains(&reset), "{reset}");
    assert!(!world.is_member("pve3") && world.nodes["pve3"].up && world.is_quorate());
    until(&mut world, 120, |world| service(world, "vm:102") == "started@pve1 running");
    let recovered = world.now() - cut;
    assert!((120..=160).contains(&recovered), "{recovered}");
    world.network("pve3", true);
    until(&mut world, 20, |world| node_state(world, "pve3") == "online");
}

#[test]
fn clients_of_a_node_without_network_turn_to_another() {
    let mut world = cluster(Pve::V9, Initial::Seed);
    world.network("pve1", false);
    assert_eq!(world.answering_node, "pve2");
    world.network("pve2", false);
    assert_eq!(world.answering_node, "pve3");
    world.advance(10.0);
    assert!(!world.is_quorate());
    world.network("pve1", true);
    assert!(world.is_quorate());
}

#[test]
fn a_dead_master_is_followed_by_another_one_first() {
    let mut world = cluster(Pve::V9, Initial::Seed);
    manage(&mut world, "vm: 100\n\n");
    until_service(&mut world, 30, "vm:100", "started@pve1 running");
    let killed = world.now();
    world.power("pve1", false);
    world.advance(115.0);
    assert_eq!(service(&world, "vm:100"), "started@pve1 running");
    until(&mut world, 200, |world| service(world, "vm:100").starts_with("started@pve2"));
    let took = world.now() - killed;
    assert!((175..=205).contains(&took), "{took}");
}

#[test]
fn the_master_may_be_any_node_from_the_start() {
    let seed = r#"{"master": "pve3", "nodes": [
        {"node": "pve1", "nodeid": 1, "ring0_addr": "10.0.0.1"},
        {"node": "pve2", "nodeid": 2, "ring0_addr": "10.0.0.2"},
        {"node": "pve3", "nodeid": 3, "ring0_addr": "10.0.0.3"}
    ]}"#;
    let mut world = Seed::parse(seed).unwrap().build(Pve::V9, Initial::Seed, Clock::standing(1_000_000.0));
    let master = |world: &World| {
        let status: serde_json::Value = serde_json::from_str(world.file(MANAGER_STATUS)).unwrap();
        (status["master_node"].as_str().unwrap().to_owned(), status["timestamp"].as_i64().unwrap())
    };
    let before = master(&world);
    world.advance(60.0);
    let after = master(&world);
    assert_eq!((before.0.as_str(), after.0.as_str(), after.1 > before.1), ("pve3", "pve3", true));
}

#[test]
fn maintenance_sends_services_away_and_takes_them_back() {
    let mut world = cluster(Pve::V9, Initial::Seed);
    manage(&mut world, "vm: 102\n\n");
    until_service(&mut world, 30, "vm:102", "started@pve3 running");
    command(&mut world, "enable-node-maintenance pve3");
    let took = until(&mut world, 40, |world| node_state(world, "pve3") == "maintenance");
    assert!(took <= 21, "{took}");
    let took = until(&mut world, 40, |world| service(world, "vm:102").ends_with("@pve1"));
    assert!(took <= 12, "{took}");
    let lrm: serde_json::Value = serde_json::from_str(world.file(&lrm_status("pve3"))).unwrap();
    assert_eq!((lrm["state"].as_str(), lrm["mode"].as_str()), (Some("maintenance"), Some("maintenance")));
    let status: serde_json::Value = serde_json::from_str(world.file(MANAGER_STATUS)).unwrap();
    assert_eq!(status["service_status"]["vm:102"]["maintenance_node"], "pve3");
    command(&mut world, "disable-node-maintenance pve3");
    until_service(&mut world, 60, "vm:102", "started@pve3 running");
}

#[test]
fn a_start_that_always_fails_ends_in_error_until_disabled() {
    let mut world = cluster(Pve::V9, Initial::Seed);
    world.guests.get_mut(&101).unwrap().start_fails = true;
    manage(&mut world, "vm: 101\n\tmax_relocate 0\n\tmax_restart 0\n\n");
    let took = until_service(&mut world, 40, "vm:101", "error@pve2");
    assert!(took <= 21, "{took}");
    manage(&mut world, "vm: 101\n\tmax_relocate 0\n\tmax_restart 0\n\tstate disabled\n\n");
    assert!(until_service(&mut world, 20, "vm:101", "stopped@pve2") <= 10);
}

/// A guest that isn't where its service is counts as one that can't be started there.
#[test]
fn a_guest_that_was_moved_by_hand_is_a_failed_start() {
    for (max_relocate, tries) in [(0, 0), (1, 1)] {
        let mut world = cluster(Pve::V9, Initial::Seed);
        manage(&mut world, &format!("vm: 100\n\tmax_relocate {max_relocate}\n\n"));
        until_service(&mut world, 30, "vm:100", "started@pve1 running");
        world.move_guest(100, "pve2");
        until_service(&mut world, 60, "vm:100", "error@pve1");
        let moved = |line: &&str| line.contains("migration failed: service registered on wrong node!");
        assert_eq!(world.crm.log().filter(moved).count(), tries);
    }
}

#[test]
fn without_quorum_nothing_is_decided_and_the_watchdog_strikes() {
    let mut world = cluster(Pve::V9, Initial::Seed);
    manage(&mut world, "vm: 100\n\nvm: 102\n\n");
    until_service(&mut world, 30, "vm:102", "started@pve3 running");
    world.power("pve1", false);
    world.power("pve2", false);
    let before = service(&world, "vm:100");
    until(&mut world, 120, |world| !runs(world, 102));
    world.advance(300.0);
    assert_eq!((service(&world, "vm:100"), runs(&world, 102)), (before, false));
    world.power("pve2", true);
    until_service(&mut world, 400, "vm:100", "started@pve2 running");
    assert!(runs(&world, 102));
}

#[test]
fn groups_in_use_become_rules() {
    let mut world = cluster(Pve::V9, Initial::Seed);
    world.write_file(
        GROUPS,
        "group: grp\n\tnodes pve2:2,pve1,pve3:0\n\tnofailback 1\n\ngroup: unused\n\tnodes pve1\n\n",
    );
    manage(&mut world, "vm: 100\n\tgroup grp\n\tstate started\n\nvm: 101\n\tgroup gone\n\n");
    until(&mut world, 60, |world| world.file_opt(GROUPS).is_none());
    assert_eq!(
        world.file(RULES),
        "node-affinity: ha-group-grp\n\tcomment Generated from HA group 'grp'.\n\tnodes pve1,pve2:2,pve3\n\tresources vm:100\n\n"
    );
    assert_eq!(world.file(RESOURCES), "vm: 100\n\tfailback 0\n\tstate started\n\nvm: 101\n\n");
}

#[test]
fn groups_stay_while_a_node_is_missing() {
    let mut world = cluster(Pve::V9, Initial::Seed);
    world.power("pve3", false);
    world.write_file(GROUPS, "group: grp\n\tnodes pve1\n\n");
    world.advance(300.0);
    assert!(world.file_opt(GROUPS).is_some());
    assert!(world.crm.log().any(|line| line.contains("abort ha groups migration: node 'pve3' is not online")));
}

#[test]
fn groups_stay_until_the_last_node_is_upgraded() {
    let mut world = cluster(Pve::V9, Initial::Seed);
    leave_unmigrated(&mut world);
    world.advance(300.0);
    assert!(world.file_opt(GROUPS).is_some());
    let text = "abort ha groups migration: node 'pve3' needs at least pve-manager version '9.0.0~16'";
    assert!(world.crm.log().filter(|line| line.contains(text)).count() >= 4);
    finish_upgrade(&mut world);
    until(&mut world, 61, |world| world.file_opt(GROUPS).is_none());
}

/// Seen on a genuine cluster: the LRM works off a command that was queued for the removed entry, and the new one inherits the
/// outcome.
#[test]
fn a_resource_that_is_created_again_within_a_round_inherits_the_error_of_the_removed_one() {
    let mut world = cluster(Pve::V9, Initial::Seed);
    manage(&mut world, "vm: 100\n\tstate stopped\n\n");
    until_service(&mut world, 30, "vm:100", "request_stop@pve1");
    manage(&mut world, "");
    let logged = |world: &World, text: &str| world.crm.log().any(|line| line.contains(text));
    until(&mut world, 20, |world| logged(world, "missing resource configuration for 'vm:100'"));
    assert_eq!(service(&world, "vm:100"), "request_stop@pve1", "the CRM has not noticed the removal yet");
    manage(&mut world, "vm: 100\n\tstate stopped\n\n");
    until_service(&mut world, 20, "vm:100", "error@pve1");
    assert!(logged(&world, "service 'vm:100' stop failed (exit code 7)"));
}

#[test]
fn a_resource_that_is_created_again_after_the_record_is_gone_begins_anew() {
    let mut world = cluster(Pve::V9, Initial::Seed);
    manage(&mut world, "vm: 100\n\tstate stopped\n\n");
    until_service(&mut world, 30, "vm:100", "request_stop@pve1");
    manage(&mut world, "");
    until_service(&mut world, 20, "vm:100", "-");
    manage(&mut world, "vm: 100\n\tstate stopped\n\n");
    until_service(&mut world, 40, "vm:100", "stopped@pve1");
    assert!(!world.crm.log().any(|line| line.contains("stop failed")));
}
