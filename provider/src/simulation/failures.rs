//! Which failures to play, and whether the rest is quorate after each.

use std::collections::BTreeSet;

use pve_schemas::data::failover_simulation::FailoverSimulationArguments;

use pve_ha_manager::config::Name;

use super::InvalidArgument;
use super::live::SimulatedCluster;

/// The nodes of each failure.
///
/// # Errors
/// A node is named that the cluster does not have.
pub(super) fn selected(
    live: &SimulatedCluster,
    arguments: &FailoverSimulationArguments,
) -> Result<Vec<BTreeSet<Name>>, InvalidArgument> {
    if let Some(named) = &arguments.failed_nodes {
        let known: Vec<&str> = live.nodes.iter().map(|node| node.name.as_str()).collect();
        if let Some(stranger) = named.iter().find(|node| !known.contains(&node.as_str())) {
            let problem = format!("the cluster has no node {stranger}. Its nodes are {}.", known.join(", "));
            return Err(InvalidArgument { argument: "failed_nodes", problem });
        }
        return Ok(vec![named.iter().map(|node| node.as_str().into()).collect()]);
    }
    let online: Vec<&str> = live.nodes.iter().filter(|node| node.online).map(|node| node.name.as_str()).collect();
    if arguments.depth != Some(2) {
        return Ok(online.iter().map(|&node| BTreeSet::from([node.into()])).collect());
    }
    let pairs = online
        .iter()
        .enumerate()
        .flat_map(|(i, &a)| online[i + 1..].iter().map(move |&b| BTreeSet::from([a.into(), b.into()])));
    Ok(pairs.collect())
}

/// The votes of the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Left {
    pub(super) votes: Option<i64>,
    pub(super) needed: Option<i64>,
    pub(super) expected: Option<i64>,
    pub(super) quorate: Option<bool>,
}

/// Counts the votes that are left without `failed`.
pub(super) fn left(live: &SimulatedCluster, failed: &BTreeSet<Name>) -> Left {
    let quorum = &live.quorum;
    let is_lost = |name: &str| failed.iter().any(|node| **node == *name);
    let survivors = live.nodes.iter().filter(|node| node.online && !is_lost(&node.name)).count();
    let lost = quorum.nodes.iter().filter(|node| node.online && is_lost(&node.name)).map(|node| node.votes);
    let votes = quorum.total_votes.zip(lost.sum::<Option<i64>>()).map(|(total, lost)| total - lost);
    let enough = votes.zip(quorum.needed_votes).map(|(votes, needed)| votes >= needed);
    let quorate = match (survivors, quorum.quorate) {
        // A QDevice runs no services.
        (0, _) | (_, Some(false)) => Some(false),
        _ => enough,
    };
    Left { votes, needed: quorum.needed_votes, expected: quorum.expected_votes, quorate }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Cluster;
    use super::*;

    fn failed(nodes: &[&str]) -> BTreeSet<Name> {
        nodes.iter().map(|&node| node.into()).collect()
    }

    #[test]
    fn single_nodes_pairs_or_those_named() {
        let live = Cluster::of(4).live();
        let of = |arguments: &FailoverSimulationArguments| selected(&live, arguments).map(|all| all.len());
        let none = FailoverSimulationArguments::default;
        assert_eq!(of(&none()), Ok(4));
        assert_eq!(of(&FailoverSimulationArguments { depth: Some(2), ..none() }), Ok(6));
        let named =
            |node: &str| FailoverSimulationArguments { failed_nodes: Some([node.parse().unwrap()].into()), ..none() };
        assert_eq!(of(&named("pve2")), Ok(1));
        assert!(of(&named("pve9")).unwrap_err().problem.contains("pve1, pve2, pve3, pve4"));
    }

    #[test]
    fn quorum_with_and_without_qdevice() {
        assert_eq!(left(&Cluster::of(3).live(), &failed(&["pve1"])).quorate, Some(true));
        assert_eq!(left(&Cluster::of(3).live(), &failed(&["pve1", "pve2"])).quorate, Some(false));
        assert_eq!(left(&Cluster::of(2).live(), &failed(&["pve1"])).quorate, Some(false));
        let mut two = Cluster::of(2);
        two.qdevice(true);
        let rest = left(&two.live(), &failed(&["pve1"]));
        assert_eq!((rest.votes, rest.needed, rest.expected, rest.quorate), (Some(2), Some(2), Some(3), Some(true)));
        two.qdevice(false);
        assert_eq!(left(&two.live(), &failed(&["pve1"])).quorate, Some(false));
        // Four nodes with a QDevice survive two failures, without it one.
        let mut four = Cluster::of(4);
        four.qdevice(true);
        assert_eq!(left(&four.live(), &failed(&["pve1", "pve2"])).quorate, Some(true));
    }

    #[test]
    fn unknown_votes_make_quorum_unknown_unless_no_node_is_left() {
        let mut live = Cluster::of(3).live();
        live.quorum.total_votes = None;
        assert_eq!(left(&live, &failed(&["pve1"])).quorate, None);
        assert_eq!(left(&live, &failed(&["pve1", "pve2", "pve3"])).quorate, Some(false));
    }
}
