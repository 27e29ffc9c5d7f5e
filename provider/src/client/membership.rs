//! The members of the cluster, which of them are online, and their votes.

use pve_schemas::data::Quorum;
use serde_json::{Value, json};

use super::{Client, Collection};
use crate::call::Call;
use crate::words::counted;

/// The members and votes as the node that answers sees them.
pub(super) struct Membership(Quorum);

impl Membership {
    /// Asks once; `None` without an answer, or if the answer leaves it open.
    pub(super) async fn read(client: &Client, call: &Call) -> Option<Self> {
        let status = ask(client, Collection::ClusterStatus, call).await?;
        let members = Self(Quorum::from_answers(&status, &json!([]), &Value::Null).ok()?);
        if members.is_quorate() {
            return Some(members);
        }
        // The votes only matter where there are too few of them.
        let voters = ask(client, Collection::ClusterVotes, call).await.unwrap_or_else(|| json!([]));
        let qdevice = ask(client, Collection::Qdevice, call).await.unwrap_or_default();
        Quorum::from_answers(&status, &voters, &qdevice).ok().map(Self).or(Some(members))
    }

    /// A node on its own needs no quorum.
    pub(super) fn is_quorate(&self) -> bool {
        self.0.quorate != Some(false)
    }

    /// How many nodes the cluster has.
    pub(super) fn nodes(&self) -> usize {
        self.0.nodes.len()
    }

    /// `It has 1 of 5 votes (online: pve1; offline: pve2, pve3; QDevice on 10.0.0.9 with 2 votes: Connect failed). `
    pub(super) fn describe(&self) -> String {
        let quorum = &self.0;
        let names = |online: bool| -> String {
            let names: Vec<_> =
                quorum.nodes.iter().filter(|node| node.online == online).map(|node| node.name.as_str()).collect();
            if names.is_empty() { "none".to_owned() } else { names.join(", ") }
        };
        let count = match (quorum.total_votes, quorum.expected_votes) {
            (Some(present), Some(expected)) => format!("{present} of {}", counted(expected, "vote")),
            _ => {
                let online = quorum.nodes.iter().filter(|node| node.online).count();
                format!("{online} of {}", counted(quorum.nodes.len(), "node"))
            }
        };
        format!("It has {count} (online: {}; offline: {}{}). ", names(true), names(false), self.describe_qdevice())
    }

    fn describe_qdevice(&self) -> String {
        let device = &self.0.qdevice;
        if !device.configured {
            return String::new();
        }
        let host = device.address.as_ref().map(|address| format!(" on {address}")).unwrap_or_default();
        let votes = device.votes.map(|votes| format!(" with {}", counted(votes, "vote"))).unwrap_or_default();
        let state = device.state.as_deref().unwrap_or("state unknown");
        format!("; QDevice{host}{votes}: {state}")
    }
}

async fn ask(client: &Client, collection: Collection, call: &Call) -> Option<Value> {
    client.once(collection.path(), call).await.ok()?.typed().ok()
}
