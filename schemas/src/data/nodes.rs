//! `pve_nodes`: the nodes of the cluster.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::answer::list;
use crate::noun::Noun;
use crate::tf_block;
use crate::value::Entry;

/// The nodes of the cluster, sorted by name.
///
/// Load and free memory are omitted, because they would differ at every read. Needs no privilege; sizes are null
/// without `Sys.Audit` on `/nodes/NODE`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Nodes {
    /// What to look for.
    #[serde(flatten)]
    pub arguments: NodesArguments,
    /// The names of the nodes found.
    pub names: Vec<String>,
    /// The nodes that match the arguments, sorted by name.
    pub nodes: Vec<Node>,
}

/// Which nodes to list.
#[tf_block]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NodesArguments {
    /// Only nodes that are online (`true`) or not (`false`).
    #[tf(optional)]
    pub online: Option<bool>,
}

/// A node of the cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Node {
    /// The name of the node, its host name without a domain.
    pub name: String,
    /// Whether it is a member of the cluster right now.
    pub online: bool,
    /// `online`, `offline`, or `unknown` while it has not yet reported anything.
    pub status: String,
    /// How many logical processors it has.
    pub cpus: Option<i64>,
    /// Its memory in bytes.
    pub memory: Option<i64>,
    /// The size of its root file system in bytes.
    pub disk: Option<i64>,
    /// The SHA-256 fingerprint of the certificate its API is served with.
    pub tls_fingerprint: Option<String>,
}

impl Noun for Nodes {
    const NAME: &'static str = "pve_nodes";
    const TITLE: &'static str = "nodes";
}

impl Nodes {
    /// From the answer of `/nodes`.
    ///
    /// # Errors
    /// Says what of the answer has an unexpected form.
    pub fn from_answer(arguments: NodesArguments, answer: &Json) -> Result<Self, String> {
        let mut nodes = list(answer)?.iter().map(Node::from_entry).collect::<Result<Vec<_>, _>>()?;
        nodes.retain(|node| arguments.online.is_none_or(|online| online == node.online));
        nodes.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self { names: nodes.iter().map(|node| node.name.clone()).collect(), nodes, arguments })
    }
}

impl Node {
    fn from_entry(entry: &Json) -> Result<Self, String> {
        let entry = Entry(entry);
        // A node that was just added has no status yet.
        let status = entry.text("status").unwrap_or_else(|| "unknown".to_owned());
        Ok(Self {
            name: entry.required("node")?,
            online: status == "online",
            status,
            cpus: entry.integer("maxcpu"),
            memory: entry.integer("maxmem"),
            disk: entry.integer("maxdisk"),
            tls_fingerprint: entry.text("ssl_fingerprint"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::recorded::{answer, reversed};

    #[test]
    fn nodes_are_sorted_whatever_the_answers_order() {
        let recorded = answer("pve9-version-index", 15);
        let nodes = Nodes::from_answer(NodesArguments::default(), &recorded).unwrap();
        assert_eq!(nodes.names, ["pve1", "pve2", "pve3"]);
        assert_eq!(nodes.nodes[0].cpus, Some(2));
        assert!(nodes.nodes.iter().all(|node| node.online && node.tls_fingerprint.is_some()));
        assert_eq!(Nodes::from_answer(NodesArguments::default(), &reversed(recorded)).unwrap(), nodes);
    }

    #[test]
    fn sizes_that_the_caller_may_not_see_are_null() {
        let nodes = Nodes::from_answer(NodesArguments::default(), &answer("pve9-privileges", 58)).unwrap();
        assert_eq!((nodes.nodes.len(), nodes.nodes[0].memory), (3, None));
    }

    #[test]
    fn the_filter_distinguishes_online_from_offline() {
        let mut recorded = answer("pve8-version-index", 15);
        recorded[0]["status"] = "offline".into();
        recorded[1]["status"] = "unknown".into();
        let names = |online| Nodes::from_answer(NodesArguments { online }, &recorded).unwrap().names;
        assert_eq!(names(Some(true)), ["pve3"]);
        assert_eq!(names(Some(false)), ["pve1", "pve2"]);
        assert_eq!(names(None).len(), 3);
    }
}
