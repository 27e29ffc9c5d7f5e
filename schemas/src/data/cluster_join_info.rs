//! `pve_cluster_join_info`: what a node needs in order to join a cluster.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::answer::list;
use crate::corosync::MAX_LINK;
use crate::noun::Noun;
use crate::tf_block;
use crate::value::{Entry, NodeName};

/// The cluster as a node sees it that is to join: the nodes with their addresses and the fingerprints of their
/// certificates, and the settings of Corosync.
///
/// It has no secret: a join needs the password of root or SSH as well. On a node that is in no cluster the read fails.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ClusterJoinInfo {
    /// What to ask for.
    #[serde(flatten)]
    pub arguments: ClusterJoinInfoArguments,
    /// The node to join with: `node`, or the node that answers.
    pub preferred_node: String,
    /// The name of the cluster.
    pub cluster_name: Option<String>,
    /// The version of `corosync.conf`. It grows with every change, such as a node that joins.
    pub config_version: Option<i64>,
    /// The SHA-1 digest of `corosync.conf`.
    pub config_digest: String,
    /// `token` in milliseconds; null where it is not set, which means 3000.
    pub token: Option<i64>,
    /// `token_coefficient` in milliseconds; null where it is not set, which means 650.
    pub token_coefficient: Option<i64>,
    /// How several links are used: `passive`, `active` or `rr`.
    pub link_mode: Option<String>,
    /// The links, sorted by number. A node that joins needs an address on each.
    pub links: Vec<JoinLink>,
    /// The nodes, sorted by name.
    pub nodes: Vec<JoinNode>,
}

/// Which node to ask for.
#[tf_block]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ClusterJoinInfoArguments {
    /// The node to join with; the node that answers if unset.
    #[tf(optional)]
    pub node: Option<NodeName>,
}

/// A link of the cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct JoinLink {
    /// Its number.
    pub number: i64,
    /// Its priority; null where it is not set, which means 1. Proxmox documents that a **lower** value is preferred, and
    /// corosync.conf(5) documents the reverse: compare with `corosync-cfgtool -n` which link is used.
    pub priority: Option<i64>,
}

/// A node of the cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct JoinNode {
    /// The name of the node.
    pub name: String,
    /// Its Corosync node id.
    pub id: Option<i64>,
    /// How many votes it has.
    pub votes: Option<i64>,
    /// Its address on each link, sorted by the number of the link.
    pub addresses: Vec<JoinAddress>,
    /// The address of its API; null if Proxmox can't resolve its name.
    pub api_address: Option<String>,
    /// The SHA-256 fingerprint of the certificate that its API has; null if Proxmox can't read it.
    pub tls_fingerprint: Option<String>,
}

/// An address of a node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct JoinAddress {
    /// The number of the link.
    pub link: i64,
    /// An IP address, or a host name in old clusters.
    pub address: String,
}

impl Noun for ClusterJoinInfo {
    const NAME: &'static str = "pve_cluster_join_info";
    const TITLE: &'static str = "cluster join information";
}

impl ClusterJoinInfo {
    /// From the answer of `/cluster/config/join`.
    ///
    /// # Errors
    /// Says what of the answer has an unexpected form.
    pub fn from_answer(arguments: ClusterJoinInfoArguments, answer: &Json) -> Result<Self, String> {
        let (entry, totem) = (Entry(answer), Entry(&answer["totem"]));
        let mut nodes = list(&answer["nodelist"])?.iter().map(JoinNode::from_entry).collect::<Result<Vec<_>, _>>()?;
        nodes.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self {
            arguments,
            preferred_node: entry.required("preferred_node")?,
            cluster_name: totem.text("cluster_name"),
            config_version: totem.integer("config_version"),
            config_digest: entry.required("config_digest")?,
            token: totem.integer("token"),
            token_coefficient: totem.integer("token_coefficient"),
            link_mode: totem.text("link_mode"),
            links: links(totem.json("interface"), &nodes),
            nodes,
        })
    }
}

impl JoinNode {
    fn from_entry(entry: &Json) -> Result<Self, String> {
        let node = Entry(entry);
        let addresses = (0..=MAX_LINK).filter_map(|link| {
            let address = node.text(&format!("ring{link}_addr"))?;
            Some(JoinAddress { link: i64::from(link), address })
        });
        Ok(Self {
            name: node.required("name")?,
            id: node.integer("nodeid"),
            votes: node.integer("quorum_votes"),
            addresses: addresses.collect(),
            api_address: node.text("pve_addr"),
            tls_fingerprint: node.text("pve_fp"),
        })
    }
}

/// The links that have a section, or an address of a node: old clusters have no sections.
fn links(sections: &Json, nodes: &[JoinNode]) -> Vec<JoinLink> {
    let of_nodes = nodes.iter().flat_map(|node| node.addresses.iter().map(|address| address.link));
    let of_sections =
        sections.as_object().into_iter().flat_map(|links| links.keys()).filter_map(|key| key.parse().ok());
    let mut numbers: Vec<i64> = of_nodes.chain(of_sections).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let priority = |number: i64| Entry(&sections[number.to_string()]).integer("knet_link_priority");
    numbers.into_iter().map(|number| JoinLink { number, priority: priority(number) }).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// As a genuine cluster of two nodes answers, with a second link.
    fn recorded() -> Json {
        json!({"totem": {"interface": {"0": {"linknumber": "0"}, "1": {"linknumber": "1", "knet_link_priority": "5"}},
                "config_version": "2", "version": "2", "secauth": "on", "cluster_name": "newclu", "ip_version": "ipv4-6",
                "link_mode": "passive", "token_coefficient": "125"},
            "config_digest": "d2718d4dd9c47bc09a14a90cc69dd2f7b9a22cf6", "preferred_node": "pva", "nodelist": [
                {"name": "pvb", "quorum_votes": "1", "pve_fp": "47:A3", "ring0_addr": "10.99.0.12", "ring1_addr": "10.98.0.12",
                    "pve_addr": "10.99.0.12", "nodeid": "2"},
                {"pve_addr": "10.99.0.11", "nodeid": "1", "pve_fp": "10:1C", "quorum_votes": "1", "name": "pva",
                    "ring0_addr": "10.99.0.11", "ring1_addr": "10.98.0.11"}]})
    }

    #[test]
    fn links_and_nodes_are_sorted_and_typed() {
        let info = ClusterJoinInfo::from_answer(ClusterJoinInfoArguments::default(), &recorded()).unwrap();
        assert_eq!((info.preferred_node.as_str(), info.config_version, info.token), ("pva", Some(2), None));
        assert_eq!((info.token_coefficient, info.link_mode.as_deref()), (Some(125), Some("passive")));
        assert_eq!(info.links, [JoinLink { number: 0, priority: None }, JoinLink { number: 1, priority: Some(5) }]);
        let names: Vec<_> = info.nodes.iter().map(|node| (node.name.as_str(), node.id, node.votes)).collect();
        assert_eq!(names, [("pva", Some(1), Some(1)), ("pvb", Some(2), Some(1))]);
        let addresses: Vec<_> = info.nodes[1].addresses.iter().map(|a| (a.link, a.address.as_str())).collect();
        assert_eq!(addresses, [(0, "10.99.0.12"), (1, "10.98.0.12")]);
        assert_eq!(info.nodes[0].tls_fingerprint.as_deref(), Some("10:1C"));
        let mut other = recorded();
        other["nodelist"].as_array_mut().unwrap().reverse();
        assert_eq!(ClusterJoinInfo::from_answer(ClusterJoinInfoArguments::default(), &other).unwrap(), info);
    }

    #[test]
    fn links_without_sections_are_those_of_the_addresses() {
        let mut answer = recorded();
        answer["totem"]["interface"] = json!({});
        answer["nodelist"][0].as_object_mut().unwrap().remove("pve_addr");
        let info = ClusterJoinInfo::from_answer(ClusterJoinInfoArguments::default(), &answer).unwrap();
        assert_eq!(info.links.iter().map(|link| link.number).collect::<Vec<_>>(), [0, 1]);
        assert_eq!(info.nodes[1].api_address, None);
        assert!(ClusterJoinInfo::from_answer(ClusterJoinInfoArguments::default(), &json!({})).is_err());
    }
}
