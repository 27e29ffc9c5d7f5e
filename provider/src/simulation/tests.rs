use pve_schemas::data::failover_simulation::{DiskState, FailoverSimulationArguments, Fate};
use serde_json::json;

use super::live::Volumes;
use super::testing::{Cluster, simulate};
use super::*;

fn arguments(json: serde_json::Value) -> FailoverSimulationArguments {
    serde_json::from_value(json).unwrap()
}

fn run(cluster: &Cluster) -> Simulated {
    simulate(&cluster.live(), &FailoverSimulationArguments::default()).unwrap()
}

fn fates(simulated: &Simulated, scenario: &str) -> Vec<Fate> {
    simulated.scenarios.iter().find(|s| s.name == scenario).unwrap().services.clone()
}

#[test]
fn a_cluster_with_shared_storage_survives_every_node() {
    let mut cluster = Cluster::of(3);
    cluster.service(100, 1).service(101, 2).service(102, 3);
    let simulated = run(&cluster);
    assert_eq!(problems(&simulated.scenarios), [""; 0]);
    let fate = &fates(&simulated, "pve1")[0];
    assert_eq!((fate.sid.as_str(), fate.to.as_deref()), ("vm:100", Some("pve2")));
    assert_eq!(fate.reason, "pve2, pve3 have 1 service each; pve2 is first by name");
    assert_eq!(fate.disk, Some(DiskState::Shared));
    assert_eq!(simulated.scenarios[0].votes, Some(2));
}

#[test]
fn a_missing_replica_is_not_survived_and_the_worst_is_found() {
    let mut cluster = Cluster::of(3);
    cluster.service(100, 1).service(101, 2).disk(101, "scsi0", "zfs");
    let simulated = run(&cluster);
    let problems = problems(&simulated.scenarios);
    assert_eq!(
        problems,
        ["pve2 fails: vm:101 can't start on pve3: scsi0 is on zfs, which is not shared, and pve3 has no replica"]
    );
    let worst = worst(&simulated.scenarios).unwrap();
    assert_eq!((worst.scenario.as_str(), worst.survived, worst.lost, worst.moved), ("pve2", false, 1, 1));
}

#[test]
fn a_strict_rule_to_one_node_leaves_nowhere_to_go() {
    let mut cluster = Cluster::of(3);
    cluster.service(100, 1);
    cluster
        .rules
        .push(json!({"rule": "pin", "type": "node-affinity", "resources": "vm:100", "nodes": "pve1", "strict": 1}));
    let simulated = run(&cluster);
    let fate = &fates(&simulated, "pve1")[0];
    assert_eq!((fate.to.as_deref(), fate.state.as_str()), (None, "recovery"));
    assert_eq!(fate.reason, "rule 'pin' allows only pve1, and none of them is online");
    assert!(fate.problem.is_some());
    assert!(simulated.scenarios[1].survived);
}

#[test]
fn groups_of_pve_8_are_understood() {
    let mut cluster = Cluster::of(3);
    cluster.service(100, 1);
    cluster.resources[0]["group"] = "gg".into();
    cluster.groups.push(json!({"group": "gg", "nodes": "pve1:2,pve3:1", "restricted": 1}));
    let fate = &fates(&run(&cluster), "pve1")[0];
    assert_eq!(fate.to.as_deref(), Some("pve3"));
    assert_eq!(fate.reason, "group 'gg': highest priority online is 1 (pve3)");
}

#[test]
fn without_quorum_everything_stops() {
    let mut cluster = Cluster::of(2);
    cluster.service(100, 1).service(101, 2);
    let simulated = run(&cluster);
    let scenario = &simulated.scenarios[0];
    assert_eq!((scenario.quorate, scenario.survived, scenario.lost().count()), (Some(false), false, 2));
    assert_eq!(scenario.problems.len(), 1);
    assert!(scenario.problems[0].starts_with("no quorum (1 of 2 votes left, 2 needed)"), "{}", scenario.problems[0]);
    cluster.qdevice(true);
    assert!(run(&cluster).scenarios.iter().all(|scenario| scenario.survived));
}

#[test]
fn memory_is_promised_only_once() {
    let mut cluster = Cluster::of(2);
    cluster.qdevice(true);
    for vmid in 100..105 {
        cluster.service(vmid, 1);
    }
    cluster.service(110, 2).vm(200, 2);
    let simulated = run(&cluster);
    let load = &simulated.scenarios[0].nodes[1];
    assert_eq!((load.services_before, load.services_after), (1, 6));
    assert_eq!((load.percent_before(), load.percent_after(), load.overcommitted), (Some(25), Some(88), false));
    let strict = simulate(&cluster.live(), &arguments(json!({"max_memory_percent": 80}))).unwrap();
    assert_eq!(
        strict.scenarios[0].problems,
        ["pve2 has 88 % of its memory promised to running guests (14 GiB of 16 GiB); the limit is 80 %"]
    );
}

#[test]
fn plans_are_simulated_as_if_applied() {
    let mut cluster = Cluster::of(3);
    cluster.service(100, 1).vm(101, 1);
    let plans = arguments(json!({
        "resources": [{"sid": "vm:101"}],
        "resource_affinity_rules": [{"name": "together", "resources": ["vm:100", "vm:101"], "affinity": "positive"}],
    }));
    let simulated = simulate(&cluster.live(), &plans).unwrap();
    let placed: Vec<_> = simulated.placement.iter().map(|p| (p.sid.as_str(), p.state.as_str())).collect();
    assert_eq!(placed, [("vm:100", "started"), ("vm:101", "started")]);
    let fates = fates(&simulated, "pve1");
    assert_eq!(fates[1].reason, "belongs with vm:100 on pve2");
    let removed = simulate(&cluster.live(), &arguments(json!({"removed": ["vm:100"]}))).unwrap();
    assert!(removed.placement.is_empty());
    assert_eq!(removed.scenarios[0].nodes[0].services_before, 0);
}

#[test]
fn a_guest_that_does_not_exist_yet_is_reported() {
    let plans = arguments(json!({"resources": [{"sid": "vm:999"}]}));
    let simulated = simulate(&Cluster::of(3).live(), &plans).unwrap();
    assert_eq!(simulated.notes, ["vm:999 is left out: there is no such guest yet"]);
}

#[test]
fn ha_that_was_never_used_can_be_simulated_too() {
    let mut cluster = Cluster::of(3);
    cluster.vm(100, 1);
    cluster.manager = json!({"node_status": {}});
    let plans = arguments(json!({"resources": [{"sid": "vm:100"}]}));
    let simulated = simulate(&cluster.live(), &plans).unwrap();
    assert_eq!(fates(&simulated, "pve1")[0].to.as_deref(), Some("pve2"));
}

#[test]
fn a_service_lost_already_is_reported_and_not_blamed_on_the_failure() {
    let mut cluster = Cluster::of(3);
    cluster.service(100, 1);
    cluster.manager["service_status"]["vm:100"]["state"] = "error".into();
    let simulated = run(&cluster);
    assert!(simulated.scenarios.iter().all(|scenario| scenario.survived));
    assert_eq!(simulated.notes, ["vm:100 is in the error state on pve1: no failure changes that"]);
}

#[test]
fn disarmed_ha_recovers_nothing() {
    let mut cluster = Cluster::of(3);
    cluster.service(100, 1);
    cluster.manager["disarm"] = json!({"mode": "freeze", "state": "disarmed"});
    let fate = &fates(&run(&cluster), "pve1")[0];
    assert_eq!((fate.to.as_deref(), fate.reason.as_str()), (None, "HA is disarmed"));
    assert_eq!(fate.problem.as_deref(), Some("not recovered"));
    cluster.manager["disarm"] = json!({"mode": "freeze", "state": "disarming"});
    let simulated = run(&cluster);
    assert_eq!(fates(&simulated, "pve1")[0].reason, "HA is being disarmed");
    assert_eq!(simulated.notes, ["HA is being disarmed: no node is fenced, nothing is recovered"]);
}

#[test]
fn nodes_to_avoid_are_kept_free() {
    let mut cluster = Cluster::of(3);
    cluster.service(100, 1);
    let avoid = |strict: u8| {
        json!({"rule": "off", "type": "node-affinity", "resources": "vm:100", "nodes": "pve2,pve3", "strict": strict,
            "affinity": "negative"})
    };
    cluster.rules.push(avoid(1));
    let fate = &fates(&run(&cluster), "pve1")[0];
    assert_eq!(fate.to, None);
    assert_eq!(fate.reason, "rule 'off' forbids pve2, pve3, and no other node is online");
    cluster.rules[0] = avoid(0);
    let fate = &fates(&run(&cluster), "pve1")[0];
    assert_eq!(fate.to.as_deref(), Some("pve2"));
    assert!(fate.reason.starts_with("rule 'off' avoids pve2, pve3, but no other node is online"), "{}", fate.reason);
}

#[test]
fn the_markdown_says_it_all_without_markup_of_its_own_in_texts() {
    let mut cluster = Cluster::of(3);
    cluster.service(100, 1).service(101, 2).disk(101, "scsi0", "zfs");
    let markdown = run(&cluster).markdown;
    assert!(markdown.contains("**1 of 3 simulated failures are not survived:** pve2."), "{markdown}");
    assert!(markdown.contains("| pve2 | **no** | 2 (needs 2) | 1 | 1 |"), "{markdown}");
    assert!(markdown.contains("```mermaid\nflowchart LR\n"), "{markdown}");
    assert!(markdown.contains("n1 -->|\"vm:101\"| lost"), "{markdown}");
    cluster.guest(101).volumes = Volumes::Unknown("a|b <script>".into());
    let markdown = run(&cluster).markdown;
    assert!(markdown.contains("a\\|b &lt;script>"), "{markdown}");
}
