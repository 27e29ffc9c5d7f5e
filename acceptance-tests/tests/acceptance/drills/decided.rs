//! Which decision of Proxmox's own HA manager a drill repeats.
//!
//! A placement is repeated with the names of the drill's nodes and guests in the same order as those of the recorded one, and
//! the HA manager decides by that order alone. So both come out alike, or the drill is wrong.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value as Json;

use super::log::{Place, moves, places};

/// What is recorded of a drill's events.
#[derive(Clone, Copy)]
pub(super) enum Decision {
    /// A line of `placement/`: the same rules and the same event. The guests of the drill, in order.
    Placement { case: &'static str, guests: &'static [&'static str] },
    /// A recording of a cluster, with the time it took.
    Recording { file: &'static str, guest: &'static str },
    /// Only the rules of the HA manager, which `placement/` proves for the emulator and the simulation.
    Unrecorded,
}

const fn placement(case: &'static str, guests: &'static [&'static str]) -> Decision {
    Decision::Placement { case, guests }
}

/// Every drill, in order.
const PVE_9: [(&str, Decision); 23] = [
    ("baseline", Decision::Unrecorded),
    ("failback", Decision::Recording { file: "pve9-failover.jsonl", guest: "vm:104" }),
    ("live_migration", Decision::Unrecorded),
    ("maintenance", placement("p-return-after-maintenance-pve9-005", &["vm:101", "vm:104"])),
    ("manager_crash", placement("p-start-failure-pve9-005", &["ct:952", "ct:953", "vm:101", "vm:103"])),
    ("manual_move_refused", Decision::Unrecorded),
    ("manual_move_stays", Decision::Unrecorded),
    ("max_relocate", Decision::Unrecorded),
    ("max_restart", Decision::Unrecorded),
    ("network_cut", placement("p-resource-affinity-failure-pve9-007", &["vm:102", "vm:105", "vm:902"])),
    ("no_failback", Decision::Unrecorded),
    ("no_valid_node", placement("n-neg-return-to-stuck-s-001", &["vm:102", "vm:103", "vm:105", "vm:901"])),
    ("node_crash", placement("p-plain-failure-pve9-002", &["ct:950", "vm:100", "vm:101", "vm:103"])),
    ("qdevice_lost", Decision::Unrecorded),
    ("qdevice_node_crash", Decision::Unrecorded),
    ("quorum_lost", Decision::Unrecorded),
    ("reboot_conditional", Decision::Unrecorded),
    ("requested_states", placement("p-requested-states-pve9-000", &["vm:100", "vm:103", "vm:900", "vm:901", "vm:903"])),
    ("shutdown_conditional", Decision::Unrecorded),
    (
        "shutdown_failover",
        placement("p-return-after-shutdown-pve9-002", &["ct:950", "ct:951", "vm:100", "vm:101", "vm:102"]),
    ),
    ("shutdown_freeze", placement("p-shutdown-pve9-009", &["ct:950", "ct:951", "ct:953", "vm:100"])),
    ("shutdown_migrate", Decision::Unrecorded),
    ("strict", Decision::Unrecorded),
];

const PVE_8: [(&str, Decision); 16] = [
    ("baseline", Decision::Unrecorded),
    ("failback", Decision::Recording { file: "pve8-failover.jsonl", guest: "vm:104" }),
    ("live_migration", Decision::Unrecorded),
    ("maintenance", Decision::Unrecorded),
    ("manual_move_pulled_back", Decision::Unrecorded),
    ("max_relocate", Decision::Unrecorded),
    ("max_restart", Decision::Unrecorded),
    ("no_failback", Decision::Unrecorded),
    ("qdevice_lost", Decision::Unrecorded),
    ("qdevice_node_crash", Decision::Unrecorded),
    ("quorum_lost", Decision::Unrecorded),
    ("reboot_conditional", Decision::Unrecorded),
    ("restricted", placement("p-return-after-failure-pve8-005", &["ct:952", "vm:101", "vm:104", "vm:105"])),
    ("shutdown_conditional", placement("p-shutdown-pve8-009", &["vm:102", "vm:103"])),
    ("shutdown_migrate", Decision::Unrecorded),
    ("shutdown_migrate_groups", placement("p-shutdown-pve8-008", &["ct:950", "ct:952", "ct:953"])),
];

fn table(release: &str) -> &'static [(&'static str, Decision)] {
    if release == "pve8" { &PVE_8 } else { &PVE_9 }
}

pub(super) fn drills(release: &str) -> impl Iterator<Item = &'static str> {
    table(release).iter().map(|(drill, _)| *drill)
}

pub(super) fn decision(release: &str, drill: &str) -> Decision {
    table(release).iter().find(|(name, _)| *name == drill).map_or(Decision::Unrecorded, |(_, decision)| *decision)
}

/// Compares where everything is in the end with the recorded end.
pub(super) fn compare_placement(case: &str, guests: &[&str], log: &[&str]) -> Result<(), String> {
    let case = placement_case(case);
    let recorded = |place: &Json| Place {
        node: place["node"].as_str().unwrap().to_owned(),
        state: place["state"].as_str().unwrap().to_owned(),
    };
    let nodes: BTreeMap<&str, String> =
        (1..).zip(keys(&case["nodes"])).map(|(i, node)| (node, format!("pve{i}"))).collect();
    let sids = keys(&case["services"]);
    assert_eq!(sids.len(), guests.len(), "{}", case["id"]);
    let places = places(log);
    for (sid, guest) in sids.into_iter().zip(guests) {
        let mut expected = recorded(&case["after"][sid]);
        expected.node.clone_from(&nodes[&*expected.node]);
        // The manager does not see them.
        if expected.state == "ignored" {
            assert!(!places.contains_key(*guest), "{guest}");
        } else if places.get(*guest) != Some(&expected) {
            return Err(format!("{}: {guest} like {sid}: {expected:?}, not {:?}", case["id"], places.get(*guest)));
        }
    }
    Ok(())
}

/// Compares the time between the fencing of the guest's node and its recovery with the recorded one, to a round of the HA manager
/// on either side.
pub(super) fn compare_recording(file: &str, guest: &str, log: &[&str]) -> Result<(), String> {
    let text = fs::read_to_string(tests().join("recordings").join(file)).unwrap();
    let waits = text.lines().map(|line| serde_json::from_str::<Json>(line).unwrap());
    let waits: Vec<Json> = waits.filter(|step| step["kind"] == "wait").collect();
    let fence = waits.iter().position(|wait| wait["wait_until"]["equals"] == "fence").unwrap();
    let (recovered, took) = (&waits[fence + 1]["wait_until"]["equals"], waits[fence + 1]["took_s"].as_f64().unwrap());
    let moves = moves(log, guest);
    let fenced = moves.iter().position(|change| change.place.state == "fence").ok_or("it was not fenced")?;
    let then = moves[fenced..].iter().find(|change| *recovered == *change.place.node).ok_or("it was not recovered")?;
    let seconds = then.time - moves[fenced].time;
    if (seconds - took).abs() > 20.0 {
        return Err(format!("{file}: recovered {took} s after the fencing, here {seconds} s"));
    }
    Ok(())
}

fn placement_case(id: &str) -> Json {
    let files = ["placement-cases.jsonl", "placement-cases-5.2.5.jsonl"];
    let texts = files.map(|file| fs::read_to_string(tests().join("placement").join(file)).unwrap());
    let mut cases = texts.iter().flat_map(|text| text.lines()).map(|line| serde_json::from_str::<Json>(line).unwrap());
    cases.find(|case| case["id"] == id).unwrap_or_else(|| panic!("{id} is not recorded"))
}

fn keys(object: &Json) -> Vec<&str> {
    let mut keys: Vec<&str> = object.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

fn tests() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
