//! The provider block: the one the cluster is read with, and the one that is written, which has no secret.

use serde_json::json;

use super::hcl::{self, Expr, Item};
use crate::config;
use crate::framework::{Schema, Value};

/// A node that is reached over SSH elsewhere than at its address in the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    name: String,
    address: String,
    port: Option<u16>,
}

impl Node {
    /// Reads `NAME=ADDRESS` or `NAME=ADDRESS:PORT`; an IPv6 address with a port is in brackets.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (name, place) = text.split_once('=')?;
        let (address, port) = match place.strip_prefix('[') {
            Some(rest) => {
                let (address, port) = rest.split_once(']')?;
                (address, if port.is_empty() { None } else { Some(port.strip_prefix(':')?) })
            }
            None if place.matches(':').count() > 1 => (place, None),
            None => place.split_once(':').map_or((place, None), |(address, port)| (address, Some(port))),
        };
        let port = port.map(|port| port.parse().ok().filter(|port| *port > 0)).map_or(Some(None), |p| p.map(Some))?;
        let is_whole = !name.is_empty() && !address.is_empty();
        is_whole.then(|| Self { name: name.to_owned(), address: address.to_owned(), port })
    }

    fn item(&self) -> Item {
        let mut body = vec![Item::text("name", &self.name), Item::text("address", &self.address)];
        body.extend(self.port.map(|port| Item::raw("port", port.to_string())));
        Item::block("node", &[], body)
    }
}

/// What the provider is configured with; all else comes from the environment.
pub(super) fn value(schema: &Schema, nodes: &[Node]) -> Value {
    let node = |node: &Node| json!({"name": node.name, "address": node.address, "port": node.port});
    let block = match nodes {
        [] => json!({}),
        nodes => json!({"ssh": {"node": nodes.iter().map(node).collect::<Vec<_>>()}}),
    };
    // Without an `ssh` block the provider needs no nodes.
    Value::from_json(&block, &schema.ty()).unwrap_or_default()
}

/// The file `provider.tf`.
pub(super) fn file(nodes: &[Node]) -> String {
    let source = Expr::Map(vec![("source".to_owned(), Expr::Scalar(Value::from("pve-ha/pve")))]);
    let required = vec![Item::Attribute("pve".to_owned(), source)];
    // Import blocks came with 1.5.
    let terraform = vec![Item::text("required_version", ">= 1.5"), Item::block("required_providers", &[], required)];
    let comment = "Credentials and trusted certificates come from the environment, such as PROXMOX_VE_API_TOKEN, as \
                   they did for the export.";
    let mut provider: Vec<Item> =
        config::environment_endpoint().map(|endpoint| Item::text("endpoint", &endpoint)).into_iter().collect();
    if !nodes.is_empty() {
        provider.push(Item::block("ssh", &[], nodes.iter().map(Node::item).collect()));
    }
    hcl::file(&[
        Item::block("terraform", &[], terraform),
        Item::Gap,
        Item::Comment(comment.to_owned()),
        Item::block("provider", &["pve"], provider),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_have_addresses_of_every_kind() {
        let parse = |text: &str| Node::parse(text).map(|node| (node.name, node.address, node.port));
        let node = |name: &str, address: &str, port| Some((name.to_owned(), address.to_owned(), port));
        assert_eq!(parse("pve1=10.0.0.1"), node("pve1", "10.0.0.1", None));
        assert_eq!(parse("pve1=host:2222"), node("pve1", "host", Some(2222)));
        assert_eq!(parse("pve1=fd00::1"), node("pve1", "fd00::1", None));
        assert_eq!(parse("pve1=[fd00::1]:22"), node("pve1", "fd00::1", Some(22)));
        assert_eq!(parse("pve1=[fd00::1]"), node("pve1", "fd00::1", None));
        for wrong in ["pve1", "=a", "a=", "a=b:", "a=b:0", "a=b:x", "a=[::1", "a=[::1]22", "a=b:65536"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_written_block_names_no_secret_and_says_where_nodes_are() {
        let nodes = [Node::parse("pve1=10.0.0.1:2222"), Node::parse("pve2=fd00::2")].map(Option::unwrap);
        let text = file(&nodes);
        let expected = "  ssh {\n    node {\n      name    = \"pve1\"\n      address = \"10.0.0.1\"\n      port    = 2222\n    }\n\n    \
                        node {\n      name    = \"pve2\"\n      address = \"fd00::2\"\n    }\n  }\n}\n";
        assert!(text.ends_with(expected), "{text}");
        assert!(!text.contains("api_token") && !text.contains("password"), "{text}");
    }

    #[test]
    fn the_cluster_is_read_with_the_nodes_of_the_command_line() {
        let provider = crate::registry::provider();
        let nodes = [Node::parse("pve1=10.0.0.1").unwrap()];
        let block = value(provider.schema(), &nodes);
        let node = &block.at("ssh").at("node").elements().unwrap()[0];
        assert_eq!((node.at("name").as_str(), node.at("address").as_str()), (Some("pve1"), Some("10.0.0.1")));
        assert!(value(provider.schema(), &[]).at("ssh").is_null());
    }
}
