use pve_schemas::data::quorum::tolerated_failures;
use pve_schemas::function::{Quorum, QuorumFigures};

use super::Compute;
use crate::framework::Refusal;

impl Compute for Quorum {
    fn compute(&self) -> Result<QuorumFigures, Refusal> {
        let votes: Vec<i64> = self.cluster.votes.values().map(|votes| votes.unwrap_or(1)).collect();
        let of_nodes: i64 = votes.iter().sum();
        if of_nodes == 0 {
            return Err(Refusal::of(0, "cluster.votes: at least one node must have a vote"));
        }
        let qdevice_votes = if self.cluster.qdevice.unwrap_or(false) { qdevice_votes(&votes)? } else { 0 };
        let expected_votes = of_nodes + qdevice_votes;
        let needed_votes = expected_votes / 2 + 1;
        Ok(QuorumFigures {
            expected_votes,
            needed_votes,
            qdevice_votes,
            tolerated_node_failures: tolerated_failures(expected_votes, needed_votes, votes.clone()),
            tolerated_without_qdevice: tolerated_failures(of_nodes, needed_votes, votes),
        })
    }
}

/// The votes that `pvecm qdevice setup` gives a QDevice.
fn qdevice_votes(votes: &[i64]) -> Result<i64, Refusal> {
    if votes.len().is_multiple_of(2) {
        return Ok(1);
    }
    // The algorithm `lms`, for which votequorum demands this.
    if votes.iter().any(|votes| *votes != 1) {
        let text = "cluster.votes: beside a QDevice, each of an odd number of nodes must have 1 vote";
        return Err(Refusal::of(0, text));
    }
    Ok(i64::try_from(votes.len()).unwrap_or(i64::MAX) - 1)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::super::testing::{call, refused};
    use super::*;

    fn votes(nodes: usize) -> Json {
        Json::Object((1..=nodes).map(|n| (format!("pve{n}"), json!(1))).collect())
    }

    fn figures(cluster: &Json) -> [i64; 5] {
        let figures = call::<Quorum>(std::slice::from_ref(cluster)).unwrap();
        let names = ["expected_votes", "needed_votes", "qdevice_votes", "tolerated_node_failures"];
        let [a, b, c, d] = names.map(|name| figures[name].as_i64().unwrap());
        [a, b, c, d, figures["tolerated_without_qdevice"].as_i64().unwrap()]
    }

    #[test]
    fn more_than_half_of_the_votes_are_needed() {
        for (nodes, expected) in [
            (1, [1, 1, 0, 0, 0]),
            (2, [2, 2, 0, 0, 0]),
            (3, [3, 2, 0, 1, 1]),
            (4, [4, 3, 0, 1, 1]),
            (5, [5, 3, 0, 2, 2]),
        ] {
            assert_eq!(figures(&json!({"votes": votes(nodes)})), expected, "{nodes}");
        }
    }

    #[test]
    fn a_qdevice_has_one_vote_beside_an_even_number_and_one_less_than_an_odd_one() {
        for (nodes, expected) in
            [(2, [3, 2, 1, 1, 0]), (4, [5, 3, 1, 2, 1]), (3, [5, 3, 2, 2, 0]), (5, [9, 5, 4, 4, 0])]
        {
            assert_eq!(figures(&json!({"votes": votes(nodes), "qdevice": true})), expected, "{nodes}");
        }
    }

    #[test]
    fn the_nodes_with_most_votes_fail_first() {
        assert_eq!(figures(&json!({"votes": {"a": 3, "b": 1, "c": 1}})), [5, 3, 0, 0, 0]);
        assert_eq!(figures(&json!({"votes": {"a": null, "b": null, "c": null}})), [3, 2, 0, 1, 1]);
    }

    #[test]
    fn votes_that_make_no_cluster_are_errors() {
        for (cluster, problem) in [
            (json!({"votes": {}}), "needs at least 1 entry"),
            (json!({"votes": {"a": 0}}), "at least one node must have a vote"),
            (json!({"votes": {"a": -1}}), "must be at least 0"),
            (json!({"votes": {"a_b": 1}}), "must be a node name"),
            (json!({"votes": {"a": 2, "b": 1, "c": 1}, "qdevice": true}), "must have 1 vote"),
            (json!({"votes": null}), "cluster[\"votes\"]: is required"),
        ] {
            let (argument, text) = refused::<Quorum>(&[cluster]);
            assert_eq!(argument, Some(0), "{text}");
            assert!(text.contains(problem), "{text}");
        }
    }
}
