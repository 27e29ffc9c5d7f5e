//! The imbalance of a cluster is what Proxmox's own manager wrote down.

use std::collections::BTreeMap;

use pve_ha_manager::imbalance::imbalance;
use pve_ha_manager::topsis::Load;
use serde_json::Value;

const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../acceptance-tests/placement/rebalance-cases-5.2.5.jsonl");

/// The loads of the online nodes by what their started services have: as configured, or as measured.
fn loads(case: &Value) -> Vec<Load> {
    let number = |value: &Value, key: &str| value[key].as_f64().unwrap_or_default();
    let [cpu, mem] = if case["crs"] == "dynamic" { ["cpu", "mem"] } else { ["maxcpu", "maxmem"] };
    let nodes = case["nodes"].as_object().into_iter().flatten();
    let online = nodes.filter(|(node, _)| case["nodes_steady"][node.as_str()] == "online");
    let mut loads: BTreeMap<&str, Load> = online
        .map(|(node, has)| {
            let load = Load { max_cpu: number(has, "maxcpu"), max_mem: number(has, "maxmem"), ..Load::default() };
            (node.as_str(), load)
        })
        .collect();
    let steady = case["steady"].as_object().into_iter().flatten();
    for (sid, place) in steady.filter(|(_, place)| place["state"] == "started") {
        let Some(load) = loads.get_mut(place["node"].as_str().unwrap_or_default()) else { continue };
        let used = number(&case["services"][sid], cpu);
        // A container without a limit has all of its node.
        load.cpu += if used == 0.0 { load.max_cpu } else { used };
        load.mem += number(&case["services"][sid], mem);
    }
    loads.into_values().collect()
}

#[test]
fn every_figure_agrees() {
    let text = std::fs::read_to_string(CASES).expect("the file is carried along");
    let cases: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("a case")).collect();
    assert_eq!(cases.len(), 36);
    for case in &cases {
        let (found, expected) = (imbalance(&loads(case)), case["imbalance_steady"].as_f64().expect("a figure"));
        assert!((found - expected).abs() < 1e-8, "{}: {found} is not {expected}", case["id"]);
    }
}
