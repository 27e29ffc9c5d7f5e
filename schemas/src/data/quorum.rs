//! `pve_quorum`: the votes, how many of them quorum needs, and how many nodes may still fail.
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
    /// The QDevice, the external voter.
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
    /// The name of the node.
    pub name: String,
    /// Its Corosync node id.
    pub id: Option<i64>,
    /// How many votes it has.
    pub votes: Option<i64>,
    /// Whether the node is in the same cluster partition as the node that answers the request.
    pub online: bool,
    /// Its address in the cluster; null if Proxmox reports none.
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

    /// Replaces the configured votes with the votes that votequorum reports, where available.
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
    // Quorum with too few votes: an operator lowered the expectation at run time.
    let total = (total >= needed).then_some(total)?;
    let online = nodes.iter().filter(|node| node.online);
    Some(tolerated_failures(total, needed, online.filter_map(|node| node.votes).collect()))
}

/// How many nodes may fail, whichever they are, while `needed` of the `total` votes are left. One node always remains.
pub fn tolerated_failures(total: i64, needed: i64, mut votes: Vec<i64>) -> i64 {
    votes.sort_unstable_by(|a, b| b.cmp(a));
    votes.pop();
    let left = votes.into_iter().scan(total, |left, vote| {
        *left -= vote;
        Some(*left)
    });
    left.take_while(|left| *left >= needed).map(|_| 1).sum()
}

#[cfg(test)]
mod tests;
