//! Votes and tolerated failures, of recorded and of made answers.

use serde_json::json;

use super::*;
use crate::data::recorded::{answer, reversed, step};

/// The number after `label` in what `pvecm status` printed.
fn printed(case: &str, n: u64, label: &str) -> Option<i64> {
    let text = step(case, n)["stdout"].as_str().unwrap().to_owned();
    text.lines().find_map(|line| line.strip_prefix(label)?.split_whitespace().next()?.parse().ok())
}

fn votes(quorum: &Quorum) -> [Option<i64>; 3] {
    [quorum.expected_votes, quorum.total_votes, quorum.needed_votes]
}

fn pvecm(case: &str, n: u64) -> [Option<i64>; 3] {
    ["Expected votes:", "Total votes:", "Quorum:"].map(|label| printed(case, n, label))
}

#[test]
fn three_nodes_agree_with_pvecm_and_tolerate_one_failure() {
    for case in ["pve8", "pve9"] {
        let [status, voters] = [32, 41].map(|n| answer(&format!("{case}-version-index"), n));
        let qdevice = answer(&format!("{case}-qdevice"), if case == "pve8" { 1 } else { 22 });
        let quorum = Quorum::from_answers(&status, &voters, &qdevice).unwrap();
        assert_eq!(votes(&quorum), pvecm(&format!("{case}-qdevice"), 2));
        assert_eq!(quorum.tolerated_node_failures, Some(1));
        assert!(!quorum.qdevice.configured);
        assert_eq!(quorum.cluster_name.as_deref(), Some(format!("rig{case}").as_str()));
        assert_eq!(Quorum::from_answers(&reversed(status), &reversed(voters), &qdevice).unwrap(), quorum);
    }
}

#[test]
fn a_qdevice_with_lms_agrees_with_pvecm() {
    for case in ["pve8-qdevice", "pve9-qdevice"] {
        let voters = answer("pve9-version-index", 41);
        let quorum = Quorum::from_answers(&answer(case, 14), &voters, &answer(case, 12)).unwrap();
        assert_eq!(votes(&quorum), pvecm(case, 15));
        assert_eq!(quorum.tolerated_node_failures, Some(2));
        assert_eq!(quorum.qdevice.algorithm.as_deref(), Some("lms"));
        assert_eq!((quorum.qdevice.votes, quorum.qdevice.state.as_deref()), (Some(2), Some("Connected")));
    }
}

#[test]
fn what_votequorum_counts_is_what_follows_from_the_api() {
    for case in ["pve8-qdevice", "pve9-qdevice"] {
        let voters = answer("pve9-version-index", 41);
        for (status, device, printed) in [(14, 12, 15), (14, if case == "pve8-qdevice" { 1 } else { 22 }, 2)] {
            let derived = Quorum::from_answers(&answer(case, status), &voters, &answer(case, device)).unwrap();
            let votes = Votes::parse(step(case, printed)["stdout"].as_str().unwrap()).unwrap();
            assert_eq!(derived.clone().counted(&votes), derived, "{case} {printed}");
        }
    }
}

#[test]
fn a_lowered_expectation_and_a_silent_qdevice_are_counted() {
    let voters = answer("pve9-version-index", 41);
    let derived = Quorum::from_answers(&answer("pve9-qdevice", 14), &voters, &answer("pve9-qdevice", 12)).unwrap();
    let text = step("pve9-qdevice", 15)["stdout"].as_str().unwrap().to_owned();
    let silent = text
        .replace("Total votes:      5", "Total votes:      3")
        .replace("2            Qdevice\n", "0            Qdevice (votes 2)\n");
    let quorum = derived.clone().counted(&Votes::parse(&silent).unwrap());
    assert_eq!((quorum.total_votes, quorum.qdevice.votes, quorum.tolerated_node_failures), (Some(3), Some(2), Some(0)));
    let lowered = text
        .replace("Expected votes:   5", "Expected votes:   1")
        .replace("Quorum:           3", "Quorum:           1");
    let quorum = derived.counted(&Votes::parse(&lowered).unwrap());
    assert_eq!(
        (quorum.expected_votes, quorum.needed_votes, quorum.tolerated_node_failures),
        (Some(1), Some(1), Some(2))
    );
}

#[test]
fn a_dead_node_costs_its_vote_and_the_tolerance() {
    let voters = answer("pve9-version-index", 41);
    let quorum = Quorum::from_answers(&answer("pve9-failover", 7), &voters, &json!({})).unwrap();
    assert_eq!(votes(&quorum), pvecm("pve9-failover", 9));
    assert_eq!((quorum.quorate, quorum.tolerated_node_failures), (Some(true), Some(0)));
    assert_eq!(quorum.nodes.iter().filter(|node| !node.online).map(|n| n.name.as_str()).collect::<Vec<_>>(), ["pve3"]);
}

/// `count` online nodes of one vote each.
fn cluster(count: i64, quorate: bool) -> (Json, Json) {
    let cluster = json!({"type": "cluster", "name": "c", "nodes": count, "quorate": i32::from(quorate)});
    let nodes = (1..=count).map(|n| json!({"type": "node", "name": format!("n{n}"), "nodeid": n, "online": 1}));
    let voters = (1..=count).map(|n| json!({"node": format!("n{n}"), "quorum_votes": "1", "nodeid": n.to_string()}));
    (std::iter::once(cluster).chain(nodes).collect(), voters.collect())
}

fn qdevice(algorithm: &str, state: &str, poll: &str) -> Json {
    json!({"Algorithm": algorithm, "State": state, "Last poll call": poll, "Model": "Net"})
}

#[test]
fn the_table_of_tolerated_failures() {
    let (ffsplit, lms) = ("Fifty-Fifty split", "LMS");
    // Expected, needed and tolerated without a QDevice and with one that votes; tolerated with one that is away.
    for (count, without, algorithm, with, away) in [
        (2, [2, 2, 0], ffsplit, [3, 2, 1], 0),
        (3, [3, 2, 1], lms, [5, 3, 2], 0),
        (4, [4, 3, 1], ffsplit, [5, 3, 2], 1),
        (5, [5, 3, 2], lms, [9, 5, 4], 0),
        (6, [6, 4, 2], ffsplit, [7, 4, 3], 2),
    ] {
        let (status, voters) = cluster(count, true);
        let figures = |device: Json| {
            let quorum = Quorum::from_answers(&status, &voters, &device).unwrap();
            [quorum.expected_votes, quorum.needed_votes, quorum.tolerated_node_failures].map(Option::unwrap)
        };
        assert_eq!(figures(json!({})), without, "{count} nodes");
        assert_eq!(figures(qdevice(algorithm, "Connected", "x (cast vote)")), with, "{count} nodes");
        assert_eq!(figures(qdevice(algorithm, "Connect failed", "x"))[2], away, "{count} nodes");
    }
}

#[test]
fn a_qdevice_that_casts_no_vote_counts_as_expected_only() {
    let (status, voters) = cluster(3, true);
    for device in
        [qdevice("LMS", "Connecting", "2026-11-23T01:54:49"), qdevice("LMS", "Connected", "2026-11-23T01:54:49")]
    {
        let quorum = Quorum::from_answers(&status, &voters, &device).unwrap();
        assert_eq!(votes(&quorum), [Some(5), Some(3), Some(3)]);
        assert_eq!(quorum.tolerated_node_failures, Some(0));
    }
}

#[test]
fn what_does_not_follow_is_null() {
    let (status, voters) = cluster(3, true);
    let quorum = Quorum::from_answers(&status, &voters, &qdevice("2-nodes LMS", "Connected", "x (cast vote)")).unwrap();
    assert_eq!(quorum.qdevice.algorithm.as_deref(), Some("2-nodes LMS"));
    assert_eq!((quorum.qdevice.votes, quorum.expected_votes, quorum.tolerated_node_failures), (None, None, None));

    let mut unequal = voters.clone();
    unequal[0]["quorum_votes"] = "2".into();
    let quorum = Quorum::from_answers(&status, &unequal, &qdevice("LMS", "Connected", "x (cast vote)")).unwrap();
    assert_eq!((quorum.qdevice.votes, quorum.expected_votes), (None, None));

    let mut missing = voters;
    missing.as_array_mut().unwrap().pop();
    let quorum = Quorum::from_answers(&status, &missing, &json!({})).unwrap();
    assert_eq!((quorum.nodes[2].votes, quorum.expected_votes, quorum.quorate), (None, None, Some(true)));
}

#[test]
fn without_quorum_nothing_more_is_tolerated() {
    let (mut status, voters) = cluster(3, false);
    status[2]["online"] = 0.into();
    status[3]["online"] = 0.into();
    let quorum = Quorum::from_answers(&status, &voters, &json!({})).unwrap();
    assert_eq!((quorum.total_votes, quorum.tolerated_node_failures), (Some(1), Some(0)));

    status[0]["quorate"] = 1.into();
    let lowered = Quorum::from_answers(&status, &voters, &json!({})).unwrap();
    assert_eq!(lowered.tolerated_node_failures, None);
}

#[test]
fn a_heavy_node_is_the_first_to_fail() {
    let (status, mut voters) = cluster(3, true);
    voters[0]["quorum_votes"] = "3".into();
    let quorum = Quorum::from_answers(&status, &voters, &json!({})).unwrap();
    assert_eq!((quorum.needed_votes, quorum.tolerated_node_failures), (Some(3), Some(0)));
}

#[test]
fn a_standalone_node_has_no_quorum_to_speak_of() {
    let status = json!([{"type": "node", "id": "node/pve1", "name": "pve1", "nodeid": 0, "local": 1, "online": 1}]);
    let quorum = Quorum::from_answers(&status, &json!([]), &json!({})).unwrap();
    assert_eq!((quorum.cluster_name, quorum.quorate, quorum.expected_votes), (None, None, None));
    assert_eq!((quorum.nodes[0].id, quorum.tolerated_node_failures), (None, None));
}
