//! Every placement scenario comes out as Proxmox's own managers decided it.

use pve_ha_manager::scenario::{ScenarioCase, forecast_case, play};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../acceptance-tests/placement");

/// Files of scenarios, how many each has, and how many of them are node failures that can be predicted.
/// Those of the first were decided by pve-ha-manager 4.0.7 and 5.2.0, those of the second by 5.2.5.
const FILES: [(&str, usize, usize); 2] =
    [("placement-cases.jsonl", 467, 200), ("placement-cases-5.2.5.jsonl", 125, 40)];

fn scenarios(file: &str) -> Vec<ScenarioCase> {
    let text = std::fs::read_to_string(format!("{FOLDER}/{file}")).expect("the file is carried along");
    text.lines().map(|line| ScenarioCase::parse(line).expect("a scenario")).collect()
}

#[test]
fn every_scenario_agrees() {
    for (file, count, _) in FILES {
        let cases = scenarios(file);
        let mut differences = Vec::new();
        for case in &cases {
            let (found, _) = play(case).unwrap();
            differences.extend(found.iter().map(|difference| format!("{}: {difference}", case.id)));
        }
        assert_eq!(cases.len(), count, "{file}");
        assert!(differences.is_empty(), "{file}: {} differences:\n{}", differences.len(), differences.join("\n"));
    }
}

/// 36 scenarios of the load balancer of pve-ha-manager 5.2.5: each of its moves, and what they lead to.
#[test]
fn every_move_of_the_balancer_agrees() {
    let cases = scenarios("rebalance-cases-5.2.5.jsonl");
    let mut differences = Vec::new();
    for case in &cases {
        let (found, _) = play(case).unwrap();
        differences.extend(found.iter().map(|difference| format!("{}: {difference}", case.id)));
    }
    assert_eq!(cases.len(), 36);
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
}

#[test]
fn every_node_failure_is_foretold_from_the_placement_before_it() {
    for (file, _, failures) in FILES {
        let mut foretold = 0;
        let mut differences = Vec::new();
        for case in scenarios(file) {
            if let Some(found) = forecast_case(&case).unwrap() {
                foretold += 1;
                differences.extend(found.iter().map(|difference| format!("{}: {difference}", case.id)));
            }
        }
        assert!(foretold > failures, "{file}: only {foretold} scenarios are node failures");
        assert!(differences.is_empty(), "{file}: {} differences:\n{}", differences.len(), differences.join("\n"));
    }
}
