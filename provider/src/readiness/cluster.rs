//! Membership, versions, votes.

use super::verdict::{Verdict, fail, named, pass, skipped, unknown};
use super::{Demands, Facts};
use crate::words::{by, counted};

pub(super) fn formed(facts: &Facts, _: &Demands) -> Verdict {
    let nodes = facts.live.nodes.len();
    match &facts.live.quorum.cluster_name {
        Some(name) if nodes >= 2 => pass(format!("cluster {name} of {nodes} nodes")),
        Some(name) => fail(
            format!("cluster {name} has one node"),
            "Join more nodes as `pve_cluster_member`, or with `pvecm add`.",
        ),
        None => fail(
            "the node is not in a cluster",
            "Create it as `pve_cluster`, and join nodes as `pve_cluster_member`; or use `pvecm create` and `pvecm add`.",
        ),
    }
}

pub(super) fn expected(facts: &Facts, demands: &Demands) -> Verdict {
    let Some(expect) = &demands.arguments.expect else { return skipped("`expect` is not set") };
    let mut missing = Vec::new();
    if let Some(expected) = expect.nodes {
        let (all, online) = (facts.live.nodes.len() as i64, facts.online().count() as i64);
        if all != expected || online != expected {
            missing.push(format!("{online} of {} online, {expected} expected", counted(all, "node")));
        }
    }
    if let Some(expected) = expect.qdevice
        && facts.live.quorum.qdevice.configured != expected
    {
        missing.push(if expected { "there is no QDevice" } else { "there is a QDevice" }.to_owned());
    }
    for sid in expect.services.iter().flatten() {
        let service = facts.status.services.iter().find(|service| service.sid == sid.as_str());
        match service {
            None => missing.push(format!("{sid} is not an HA resource")),
            Some(service) => missing.extend(super::services::off(service)),
        }
    }
    if missing.is_empty() {
        return pass("everything in `expect` exists");
    }
    fail(named(missing), "Complete the previous phase, then plan again.")
}

pub(super) fn versions_equal(facts: &Facts, _: &Demands) -> Verdict {
    let silent: Vec<&str> = facts.versions.iter().filter(|(_, v)| v.is_none()).map(|(node, _)| node.as_str()).collect();
    let known: Vec<(&str, &str)> =
        facts.versions.iter().filter_map(|(node, version)| Some((node.as_str(), version.as_deref()?))).collect();
    let Some((_, first)) = known.first() else {
        return unknown("no node reported its version", facts.remedy(silent, "Sys.Audit"));
    };
    if known.iter().any(|(_, version)| version != first) {
        let each = known.iter().map(|(node, version)| format!("{node} {version}"));
        return fail(named(each), "Upgrade all nodes to the same version of pve-manager.");
    }
    let offline = facts.live.nodes.iter().filter(|node| !node.online).map(|node| node.name.as_str());
    let unheard: Vec<&str> = silent.into_iter().chain(offline).collect();
    if unheard.is_empty() {
        pass(format!("pve-manager {first} on {}", counted(known.len(), "node")))
    } else {
        unknown(
            format!("pve-manager {first} on {}; unknown on {}", counted(known.len(), "node"), unheard.join(", ")),
            facts.remedy(unheard, "Sys.Audit"),
        )
    }
}

pub(super) fn quorum(facts: &Facts, _: &Demands) -> Verdict {
    let quorum = &facts.live.quorum;
    let votes = match (quorum.total_votes, quorum.expected_votes, quorum.needed_votes) {
        (Some(total), Some(expected), Some(needed)) => {
            format!("{total} of {}, {needed} needed", counted(expected, "vote"))
        }
        _ => "the votes are unknown".to_owned(),
    };
    match quorum.quorate {
        Some(true) => pass(votes),
        Some(false) => fail(votes, "Bring nodes back, or run `pvecm expected` if they are gone for good."),
        None => unknown("the node is not in a cluster", "Form a cluster first."),
    }
}

pub(super) fn quorum_margin(facts: &Facts, _: &Demands) -> Verdict {
    match facts.live.quorum.tolerated_node_failures {
        Some(0) => fail(
            "no further node may fail",
            "Bring offline nodes back; with an even number of nodes add a QDevice, or add a node.",
        ),
        Some(count) => pass(format!("{count} more of the nodes online may fail")),
        None => unknown(
            "it cannot be derived from the votes that the API reports",
            "See `pvecm status`; give each node one vote, and let `pvecm qdevice setup` choose the algorithm.",
        ),
    }
}

pub(super) fn qdevice(facts: &Facts, _: &Demands) -> Verdict {
    let quorum = &facts.live.quorum;
    let nodes = facts.live.nodes.len();
    let device = &quorum.qdevice;
    if !device.configured {
        return if nodes.is_multiple_of(2) {
            fail(
                format!("{nodes} nodes without a QDevice: half of them are no majority"),
                "Set one up with `pve_qdevice` or `pvecm qdevice setup`, on a host outside the cluster.",
            )
        } else {
            skipped(format!("{} need{} no QDevice", counted(nodes, "node"), by(&nodes, "s", "")))
        };
    }
    // Only `pvecm qdevice setup` chooses it: it stays when nodes join or leave.
    let chosen = if nodes.is_multiple_of(2) { "ffsplit" } else { "lms" };
    if let Some(algorithm @ ("ffsplit" | "lms")) = device.algorithm.as_deref()
        && algorithm != chosen
    {
        return fail(
            format!("it was set up with {algorithm}, but `pvecm` chooses {chosen} for {}", counted(nodes, "node")),
            "Destroy and create the `pve_qdevice` again, or run `pvecm qdevice remove` and `pvecm qdevice setup`.",
        );
    }
    let online: Option<i64> = quorum.nodes.iter().filter(|node| node.online).map(|node| node.votes).sum();
    let state = device.state.as_deref().unwrap_or("unknown");
    match quorum.total_votes.zip(online).map(|(total, online)| total - online) {
        Some(cast) if cast > 0 => {
            pass(format!("{} ({}), {state}", counted(cast, "vote"), device.algorithm.as_deref().unwrap_or("?")))
        }
        Some(_) => fail(
            format!("it casts no vote: {state}"),
            "Check that the QNetd host is running, and that its TCP port 5403 is reachable.",
        ),
        None => unknown(format!("its vote is unknown: {state}"), "See `pvecm status`."),
    }
}

#[cfg(test)]
mod tests {
    use pve_schemas::data::readiness::{Expectation, ReadinessArguments};

    use super::super::testing::{Good, status};
    use super::*;

    #[test]
    fn a_cluster_has_a_name_and_more_than_one_node() {
        assert_eq!(status(formed, |_| ()), "pass");
        assert_eq!(status(formed, |facts| facts.live.quorum.cluster_name = None), "fail");
        assert_eq!(status(formed, |facts| facts.live.nodes.truncate(1)), "fail");
    }

    #[test]
    fn what_is_expected_is_there_or_not() {
        let verdict = |expect: Expectation, edit: fn(&mut Facts)| {
            let mut facts = Good::facts();
            edit(&mut facts);
            expected(&facts, &Demands::new(ReadinessArguments { expect: Some(expect), ..Default::default() }))
        };
        let nodes = |nodes| Expectation { nodes: Some(nodes), ..Expectation::default() };
        assert_eq!(verdict(nodes(3), |_| ()).status.as_str(), "pass");
        assert_eq!(verdict(nodes(4), |_| ()).detail, "3 of 3 nodes online, 4 expected");
        let services =
            |sid: &str| Expectation { services: Some([sid.parse().unwrap()].into()), ..Expectation::default() };
        assert_eq!(verdict(services("vm:100"), |_| ()).status.as_str(), "pass");
        assert_eq!(verdict(services("vm:999"), |_| ()).detail, "vm:999 is not an HA resource");
        let queued = verdict(services("vm:100"), |facts| facts.status.services[0].state = "queued".into());
        assert_eq!(queued.status.as_str(), "fail");
        assert_eq!(
            verdict(Expectation { qdevice: Some(false), ..Expectation::default() }, |_| ()).status.as_str(),
            "fail"
        );
        assert_eq!(expected(&Good::facts(), &Demands::new(ReadinessArguments::default())).status.as_str(), "skipped");
    }

    #[test]
    fn versions_differ_or_are_not_told() {
        assert_eq!(status(versions_equal, |_| ()), "pass");
        let other = |facts: &mut Facts| drop(facts.versions.insert("pve2".into(), Some("9.1.0".into())));
        assert_eq!(status(versions_equal, other), "fail");
        assert_eq!(status(versions_equal, |facts| drop(facts.versions.insert("pve2".into(), None))), "unknown");
    }

    #[test]
    fn quorum_and_its_margin() {
        assert_eq!(status(quorum, |_| ()), "pass");
        assert_eq!(status(quorum, |facts| facts.live.quorum.quorate = Some(false)), "fail");
        assert_eq!(status(quorum_margin, |_| ()), "pass");
        assert_eq!(status(quorum_margin, |facts| facts.live.quorum.tolerated_node_failures = Some(0)), "fail");
        assert_eq!(status(quorum_margin, |facts| facts.live.quorum.tolerated_node_failures = None), "unknown");
    }

    #[test]
    fn an_even_number_of_nodes_needs_a_qdevice_that_votes() {
        let two = |up: Option<bool>| {
            let mut cluster = crate::simulation::testing::Cluster::of(2);
            if let Some(up) = up {
                cluster.qdevice(up);
            }
            let facts = Good::with(cluster.live());
            qdevice(&facts, &Good::demands()).status.as_str()
        };
        assert_eq!((two(None), two(Some(true)), two(Some(false))), ("fail", "pass", "fail"));
        let (mut three, mut four) =
            (crate::simulation::testing::Cluster::of(3), crate::simulation::testing::Cluster::of(4));
        three.qdevice(true);
        four.lms();
        for (cluster, chosen) in [(three, "lms"), (four, "ffsplit")] {
            let verdict = qdevice(&Good::with(cluster.live()), &Good::demands());
            assert_eq!(verdict.status.as_str(), "fail");
            assert!(verdict.detail.contains(&format!("chooses {chosen}")), "{}", verdict.detail);
        }
        let plain = |facts: &mut Facts| *facts = Good::with(crate::simulation::testing::Cluster::of(3).live());
        assert_eq!(status(qdevice, plain), "skipped");
    }
}
