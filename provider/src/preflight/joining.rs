//! The nodes that one plan makes a cluster of. The cluster does not list them yet, so that they are compared with each other: Proxmox
//! VE takes an address or a number that another node has.

use std::collections::{BTreeMap, BTreeSet};

use pve_ha_manager::config::Name;
use pve_schemas::corosync::is_same_address;
use pve_schemas::noun::Noun;
use pve_schemas::{Cluster, ClusterMember};

use crate::framework::{Diagnostic, Diagnostics, Path, Severity, Value};

/// The summary of what two nodes have in common.
const IN_COMMON: &str = "Two nodes of this plan have the same address or number";

/// The planned nodes, those that join by their name.
#[derive(Debug, Default)]
pub struct Joining {
    /// The node that the cluster is created on.
    first: Option<Node>,
    members: BTreeMap<Name, Node>,
}

/// What no two nodes have in common, as far as it is known.
#[derive(Debug)]
struct Node {
    /// Where a joining node is reached.
    address: Option<String>,
    /// The attribute of each address, too.
    links: Vec<(Path, String)>,
    id: Option<String>,
}

impl Node {
    fn of(planned: &Value) -> Self {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let blocks = planned.at("link").elements().unwrap_or_default().iter().enumerate();
        let link = |(index, block): (usize, &Value)| {
            Some((Path::attribute("link").index(index).field("address"), text(block.at("address"))?))
        };
        Self {
            address: text(planned.at("address")),
            links: blocks.filter_map(link).collect(),
            id: planned.at("node_id").as_number().map(ToString::to_string),
        }
    }

    /// What it has in common with `other`: the attribute, and the words for it.
    fn in_common(&self, other: &Self) -> Option<(Path, String)> {
        let is_taken = |(_, address): &&(Path, String)| other.links.iter().any(|(_, it)| is_same_address(it, address));
        if let Some(address) = self.address.as_ref().filter(|address| other.address.as_ref() == Some(*address)) {
            return Some((Path::attribute("address"), format!("the address {address}")));
        }
        if let Some((path, address)) = self.links.iter().find(is_taken) {
            return Some((path.clone(), format!("the link address {address}")));
        }
        let id = self.id.as_ref().filter(|id| other.id.as_ref() == Some(*id))?;
        Some((Path::attribute("node_id"), format!("the number {id}")))
    }
}

impl Joining {
    /// Takes note of an object that is to be created. What it has in common with a node before it is an error.
    pub fn record(&mut self, kind: &str, planned: &Value) -> Diagnostics {
        let mut diagnostics = Diagnostics::new();
        match (kind, planned.at("node").as_str()) {
            (Cluster::NAME, _) => {
                let node = Node::of(planned);
                let others = self.members.iter().map(|(name, other)| (&**name, other));
                diagnostics.extend(clash("the node of the cluster", &node, others).into_iter().collect());
                self.first = Some(node);
            }
            (ClusterMember::NAME, Some(name)) => {
                let node = Node::of(planned);
                let others = self.members.iter().map(|(name, other)| (&**name, other));
                let first = self.first.iter().map(|first| ("the node that the cluster is created on", first));
                // Core plans an object again that replaces another one.
                let others = others.filter(|(other, _)| *other != name).chain(first);
                diagnostics.extend(clash(name, &node, others).into_iter().collect());
                self.members.insert(name.into(), node);
            }
            _ => {}
        }
        diagnostics
    }

    /// The names of the nodes that join.
    pub fn names(&self) -> BTreeSet<Name> {
        self.members.keys().cloned().collect()
    }
}

/// The first of `others` that has something in common with `node`.
fn clash<'a>(name: &str, node: &Node, others: impl Iterator<Item = (&'a str, &'a Node)>) -> Option<Diagnostic> {
    let (other, (path, common)) = others.filter_map(|(other, it)| Some((other, node.in_common(it)?))).next()?;
    let detail = format!(
        "{name}: {common} is also that of {other} in this plan. Nothing was changed.\nSet a value that this node alone has, then plan \
         again."
    );
    Some(Diagnostic { severity: Severity::Error, summary: IN_COMMON.to_owned(), detail, path: Some(path) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, address: &str, links: &[&str], id: Option<i64>) -> Value {
        let links = links.iter().map(|link| Value::object([("address", Value::from(*link))])).collect();
        let id = id.map_or(Value::Null, Value::from);
        Value::object([
            ("node", name.into()),
            ("address", address.into()),
            ("link", Value::List(links)),
            ("node_id", id),
        ])
    }

    fn found(joining: &mut Joining, kind: &str, planned: &Value) -> Vec<String> {
        let all = joining.record(kind, planned).into_iter();
        all.map(|it| format!("{}: {}", it.path.unwrap_or_else(Path::root), it.detail)).collect()
    }

    #[test]
    fn nodes_of_one_plan_have_nothing_in_common() {
        let mut joining = Joining::default();
        let cluster = Value::object([
            ("node", Value::Unknown),
            ("link", Value::List(vec![Value::object([("address", Value::from("10.0.0.1"))])])),
            ("node_id", 1.into()),
        ]);
        assert!(found(&mut joining, Cluster::NAME, &cluster).is_empty());
        let mut member = |name, address, links: &[&str], id| {
            found(&mut joining, ClusterMember::NAME, &node(name, address, links, id))
        };
        assert!(member("pve2", "10.0.0.2", &["10.0.0.2", "fd00::2"], Some(2)).is_empty());
        // A replacement is planned twice.
        assert!(member("pve2", "10.0.0.2", &["10.0.0.2", "fd00::2"], Some(2)).is_empty());
        for (address, links, id, expected) in [
            ("10.0.0.2", &["10.0.0.3"][..], None, "address: pve3: the address 10.0.0.2 is also that of pve2"),
            (
                "10.0.0.3",
                &["10.0.0.3", "fd00:0::2"],
                None,
                "link[1].address: pve3: the link address fd00:0::2 is also that of pve2",
            ),
            ("10.0.0.3", &["10.0.0.1"], None, "is also that of the node that the cluster is created on"),
            ("10.0.0.3", &[], Some(2), "node_id: pve3: the number 2 is also that of pve2"),
            ("10.0.0.3", &[], Some(1), "the number 1 is also that of the node that the cluster is created on"),
        ] {
            let found = member("pve3", address, links, id);
            assert!(found.len() == 1 && found[0].contains(expected), "{expected}: {found:?}");
        }
        assert!(member("pve3", "10.0.0.3", &[], None).is_empty());
        assert_eq!(joining.names(), ["pve2".into(), "pve3".into()].into());
    }

    #[test]
    fn a_cluster_that_is_planned_after_its_members_is_compared_with_them() {
        let mut joining = Joining::default();
        assert!(found(&mut joining, ClusterMember::NAME, &node("pve2", "10.0.0.2", &["10.0.0.2"], None)).is_empty());
        let found = found(&mut joining, Cluster::NAME, &node("", "", &["10.0.0.2"], None));
        assert!(
            found.len() == 1 && found[0].contains("the node of the cluster: the link address 10.0.0.2"),
            "{found:?}"
        );
    }
}
