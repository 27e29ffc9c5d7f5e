//! Every placement scenario comes out as Proxmox's own managers decided it.

use terraform_provider_pve::placement::scenario::{Case, foretell, play};

const SCENARIOS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../acceptance-tests/placement/placement-cases.jsonl");

#[test]
fn every_scenario_agrees() {
    let text = std::fs::read_to_string(SCENARIOS).unwrap();
    let mut played = 0;
    let mut differences = Vec::new();
    for line in text.lines() {
        let case = Case::parse(line).unwrap();
        let (found, _) = play(&case).unwrap();
        differences.extend(found.iter().map(|difference| format!("{}: {difference}", case.id)));
        played += 1;
    }
    assert!(played > 400, "only {played} scenarios were found");
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
}

#[test]
fn every_node_failure_is_foretold_from_the_placement_before_it() {
    let text = std::fs::read_to_string(SCENARIOS).unwrap();
    let mut foretold = 0;
    let mut differences = Vec::new();
    for line in text.lines() {
        let case = Case::parse(line).unwrap();
        if let Some(found) = foretell(&case).unwrap() {
            foretold += 1;
            differences.extend(found.iter().map(|difference| format!("{}: {difference}", case.id)));
        }
    }
    assert!(foretold > 200, "only {foretold} scenarios are node failures");
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
}
