//! The cluster that a report is about, as it is now.

use jiff::Timestamp;
use pve_schemas::data::Quorum;

use super::super::live::SimulatedCluster;
use crate::words::by;

/// What a reader needs to attribute a page, and the state that its predictions start from.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Subject {
    cluster: Option<String>,
    version: String,
    date: Option<String>,
    offline: Vec<String>,
    votes: Option<(i64, i64, i64)>,
}

impl Subject {
    /// The cluster of these answers, with the version of the node that gave them, and the newest timestamp in them in seconds
    /// since 1970.
    ///
    /// Only the day of the timestamp is kept: the HA manager renews it every 10 seconds, so that anything finer would make every
    /// plan change an output of the page.
    pub fn new(live: &SimulatedCluster, version: String, newest: Option<i64>) -> Self {
        let date = newest.and_then(|seconds| Timestamp::from_second(seconds).ok());
        let Quorum { total_votes, expected_votes, needed_votes, .. } = live.quorum;
        let offline = live.nodes.iter().filter(|node| !node.online).map(|node| node.name.clone());
        Self {
            cluster: live.quorum.cluster_name.clone(),
            version,
            date: date.map(|date| date.strftime("%Y-%m-%d").to_string()),
            offline: offline.collect(),
            votes: total_votes.zip(expected_votes).zip(needed_votes).map(|((a, b), c)| (a, b, c)),
        }
    }

    /// What to call it.
    pub(super) fn name(&self) -> String {
        self.cluster.as_ref().map_or("a node without a cluster".to_owned(), |name| format!("cluster {name}"))
    }

    pub(super) fn version(&self) -> &str {
        &self.version
    }

    /// The day of its newest fact.
    pub(super) fn date(&self) -> Option<&str> {
        self.date.as_deref()
    }

    /// That nodes are down now, in a sentence; none where all are online.
    pub(super) fn offline(&self) -> Option<String> {
        let nodes = self.offline.len();
        let [node, is] = [by(&nodes, "Node", "Nodes"), by(&nodes, "is", "are")];
        (nodes > 0).then(|| format!("{node} {} {is} offline now.", self.offline.join(", ")))
    }

    /// The votes that are present now, in a sentence.
    pub(super) fn votes(&self) -> Option<String> {
        self.votes.map(|(total, expected, needed)| {
            let quorum = if total >= needed { "" } else { ": no quorum" };
            format!("{total} of {expected} votes are present, {needed} needed{quorum}.")
        })
    }
}
