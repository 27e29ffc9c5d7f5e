//! `pve_quorum`: who votes, how many votes it takes, and how many nodes may still fail.
//!
//! Proxmox's API shows votes of nodes and the state of the QDevice daemon, but neither the votes of the QDevice nor the
//! sums. They follow from votequorum's own rules, as `pvecm status` prints them; where that can be asked over SSH, it counts.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::answer::list;
use crate::noun::Noun;
use crate::qdevice::Votes;
use crate::value::Entry;

/// The quorum of the cluster: whether it has it, the votes, and how many nodes may still fail.
///
/// All values come from the API of the node that answers. A value that can't be derived from it is null: all votes on a
/// node that is not in a cluster, or the votes of a QDevice with an algorithm that Proxmox does not set up. An
/// expectation lowered by `pvecm expected` at run time is not visible to the API. Where the provider has an `ssh`
/// block, the votes come from `pvecm status` on that node, which has all of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Quorum {
    /// The name of the cluster; null on a node that is not in a cluster.
    pub cluster_name: Option<String>,
    /// Whether the node that answers is in the part of the cluster that has quorum. Without it, `/etc/pve` is read-only
    /// and HA does nothing.
    pub quorate: Option<bool>,
    /// The votes of all nodes and of the QDevice, as configured.
    pub expected_votes: Option<i64>,
    /// The votes that are present: those of the online nodes, and those of the QDevice while it casts them.
    pub total_votes: Option<i64>,
    /// The votes it takes to have quorum: more than half of the expected ones.
    pub needed_votes: Option<i64>,
    /// How many of the nodes that are online now may fail, whichever they are, before quorum is lost. 0 without quorum;
    /// null where it does not follow from the votes.
    pub tolerated_node_failures: Option<i64>,
    /// The QDevice.
    pub qdevice: Qdevice,
    /// The nodes, sorted by name.
    pub nodes: Vec<QuorumNode>,
}

/// The QDevice of the cluster, as the node that answers sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Qdevice {
    /// Whether a QDevice takes part: `false` too where its daemon does not run on the node that answers.
    pub configured: bool,
    /// `ffsplit` (even number of nodes) or `lms` (odd number of nodes); other algorithms as the daemon names them.
    pub algorithm: Option<String>,
    /// How many votes it has: 1 with `ffsplit`, one less than there are nodes with `lms`.
    pub votes: Option<i64>,
    /// The address of the QNetd host.
    pub address: Option<String>,
    /// The state of the connection to the QNetd host, such as `Connected`.
    pub state: Option<String>,
}

/// A node as a voter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct QuorumNode {
    /// Its name.
    pub name: String,
    /// Its Corosync node id.
    pub id: Option<i64>,
    /// How many votes it has.
    pub votes: Option<i64>,
    /// Whether it is in the same part of the cluster as the node that answers.
    pub online: bool,
    /// Its address.
    pub ip: Option<String>,
}

impl Noun for Quorum {
    const NAME: &'static str = "pve_quorum";
    const TITLE: &'static str = "quorum";
}

impl Quorum {
    /// From the answers of `/cluster/status`, `/cluster/config/nodes` and `/cluster/config/qdevice`.
    ///
    /// # Errors
    /// Says what of the answers has an unexpected form.
    pub fn from_answers(status: &Json, voters: &Json, qdevice: &Json) -> Result<Self, String> {
        let entries = list(status)?;
        let cluster = entries.iter().find(|entry| entry["type"] == "cluster").map(Entry);
        let voters = list(voters)?;
        let nodes = entries.iter().filter(|entry| entry["type"] == "node");
        let mut nodes = nodes.map(|entry| QuorumNode::new(entry, voters)).collect::<Result<Vec<_>, _>>()?;
        nodes.sort_by(|a, b| a.name.cmp(&b.name));

        let (qdevice, cast) = qdevice_of(qdevice, &nodes);
        let (cluster_name, quorate) = cluster.map_or((None, None), |c| (c.text("name"), c.flag("quorate")));
        let of_nodes = sum(nodes.iter());
        let expected = of_nodes.zip(if qdevice.configured { qdevice.votes } else { Some(0) }).map(|(a, b)| a + b);
        let total = sum(nodes.iter().filter(|node| node.online)).zip(cast).map(|(a, b)| a + b);
        // A standalone node has no votes to speak of.
        let expected = expected.filter(|_| cluster.is_some());
        let total = total.filter(|_| expected.is_some());
        let needed = expected.map(|expected| expected / 2 + 1);
        Ok(Self {
            cluster_name,
            quorate,
            expected_votes: expected,
            total_votes: total,
            needed_votes: needed,
            tolerated_node_failures: tolerated(quorate, total, needed, &nodes),
            qdevice,
            nodes,
        })
    }

    /// With the votes as votequorum counts them, where they could be asked for.
    #[must_use]
    pub fn counted(self, votes: &Votes) -> Self {
        let mut nodes = self.nodes;
        for node in &mut nodes {
            let member = votes.members.iter().find(|member| Some(member.id) == node.id);
            node.votes = member.map(|member| member.votes).or(node.votes);
        }
        let device = votes.qdevice();
        let qdevice = Qdevice {
            configured: self.qdevice.configured || votes.has_qdevice(),
            votes: device.map(|device| device.configured_votes).or(self.qdevice.votes),
            ..self.qdevice
        };
        let (total, needed) = (Some(votes.total), Some(votes.needed));
        Self {
            quorate: Some(votes.quorate),
            expected_votes: Some(votes.expected),
            total_votes: total,
            needed_votes: needed,
            tolerated_node_failures: tolerated(Some(votes.quorate), total, needed, &nodes),
            qdevice,
            nodes,
            ..self
        }
    }
}

impl QuorumNode {
    fn new(entry: &Json, voters: &[Json]) -> Result<Self, String> {
        let entry = Entry(entry);
        let name = entry.required("name")?;
        let voter = voters.iter().map(Entry).find(|voter| voter.text("node").as_ref() == Some(&name));
        Ok(Self {
            // 0 is the id of a node that is in no cluster.
            id: entry.integer("nodeid").filter(|id| *id != 0),
            votes: voter.and_then(|voter| voter.integer("quorum_votes")),
            online: entry.flag("online").unwrap_or(false),
            ip: entry.text("ip"),
            name,
        })
    }
}

/// The QDevice, and the votes that it casts right now.
fn qdevice_of(answer: &Json, nodes: &[QuorumNode]) -> (Qdevice, Option<i64>) {
    // PVE::API2::ClusterConfig answers {} where the daemon's socket doesn't exist.
    if answer.as_object().is_none_or(serde_json::Map::is_empty) {
        let none = Qdevice { configured: false, algorithm: None, votes: None, address: None, state: None };
        return (none, Some(0));
    }
    let entry = Entry(answer);
    let named = entry.text("Algorithm");
    let (algorithm, votes) = match named.as_deref() {
        // pvecm gives it one vote: the one that decides between two halves.
        Some("Fifty-Fifty split") => (Some("ffsplit".to_owned()), Some(1)),
        // pvecm writes no votes, and then votequorum demands one vote a node and gives the device one less than nodes.
        Some("LMS") => {
            let equal = nodes.iter().all(|node| node.votes == Some(1));
            (Some("lms".to_owned()), i64::try_from(nodes.len()).ok().filter(|_| equal).map(|count| count - 1))
        }
        _ => (named, None),
    };
    let state = entry.text("State");
    let cast = match (state.as_deref(), entry.text("Last poll call")) {
        // corosync-qdevice appends this to the time of the poll in which it voted.
        (Some("Connected"), Some(poll)) => {
            if poll.ends_with("(cast vote)") {
                votes
            } else {
                Some(0)
            }
        }
        (Some("Connected") | None, _) => None,
        (Some(_), _) => Some(0),
    };
    // `HOST:PORT`; an IPv6 address has colons of its own.
    let address = entry.text("QNetd host");
    let address = address.map(|host| host.rsplit_once(':').map_or(host.clone(), |(address, _)| address.to_owned()));
    (Qdevice { configured: true, algorithm, votes, address, state }, cast)
}

fn sum<'a>(nodes: impl Iterator<Item = &'a QuorumNode>) -> Option<i64> {
    nodes.map(|node| node.votes).sum()
}

/// How many of the online nodes can go, those with the most votes first.
fn tolerated(quorate: Option<bool>, total: Option<i64>, needed: Option<i64>, nodes: &[QuorumNode]) -> Option<i64> {
    let (quorate, total, needed) = (quorate?, total?, needed?);
    if !quorate {
        return Some(0);
    }
    // Quorum with too few votes: somebody lowered the expectation at run time.
    let mut left = (total >= needed).then_some(total)?;
    let mut votes: Vec<i64> = nodes.iter().filter(|node| node.online).filter_map(|node| node.votes).collect();
    votes.sort_unstable_by(|a, b| b.cmp(a));
    votes.pop();
    let mut tolerated = 0;
    for vote in votes {
        left -= vote;
        if left < needed {
            break;
        }
        tolerated += 1;
    }
    Some(tolerated)
}

#[cfg(test)]
mod tests {
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
        assert_eq!(
            (quorum.total_votes, quorum.qdevice.votes, quorum.tolerated_node_failures),
            (Some(3), Some(2), Some(0))
        );
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
        assert_eq!(
            quorum.nodes.iter().filter(|node| !node.online).map(|n| n.name.as_str()).collect::<Vec<_>>(),
            ["pve3"]
        );
    }

    /// `count` online nodes of one vote each.
    fn cluster(count: i64, quorate: bool) -> (Json, Json) {
        let cluster = json!({"type": "cluster", "name": "c", "nodes": count, "quorate": i32::from(quorate)});
        let nodes = (1..=count).map(|n| json!({"type": "node", "name": format!("n{n}"), "nodeid": n, "online": 1}));
        let voters =
            (1..=count).map(|n| json!({"node": format!("n{n}"), "quorum_votes": "1", "nodeid": n.to_string()}));
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
        let quorum =
            Quorum::from_answers(&status, &voters, &qdevice("2-nodes LMS", "Connected", "x (cast vote)")).unwrap();
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
}
