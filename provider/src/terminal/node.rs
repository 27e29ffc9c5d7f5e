//! `--ssh-node`: a node that is reached over SSH elsewhere than at its address in the cluster.

use clap::{Arg, ArgAction, ArgMatches};
use serde_json::json;

use crate::framework::{Schema, Value};

/// A node that is reached over SSH elsewhere than at its address in the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    pub name: String,
    pub address: String,
    pub port: Option<u16>,
}

/// The name of the option.
pub const SSH_NODE: &str = "ssh-node";

/// The option, for a command that reads or changes what only nodes have.
pub fn ssh_node() -> Arg {
    let parse = |text: &str| Node::parse(text).ok_or("it has to be NAME=ADDRESS or NAME=ADDRESS:PORT");
    Arg::new(SSH_NODE)
        .long(SSH_NODE)
        .value_name("NAME=ADDRESS[:PORT]")
        .action(ArgAction::Append)
        .value_parser(parse)
        .help("The SSH address of a node that is not reachable at its address in the cluster; repeatable")
}

/// The nodes that the option names.
pub fn nodes(matches: &ArgMatches) -> Vec<Node> {
    matches.get_many(SSH_NODE).into_iter().flatten().cloned().collect()
}

impl Node {
    /// Reads `NAME=ADDRESS` or `NAME=ADDRESS:PORT`; an IPv6 address with a port is in brackets.
    pub fn parse(text: &str) -> Option<Self> {
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
}

/// What the provider is configured with; all else comes from the environment.
pub fn block(schema: &Schema, nodes: &[Node]) -> Value {
    let node = |node: &Node| json!({"name": node.name, "address": node.address, "port": node.port});
    let block = match nodes {
        [] => json!({}),
        nodes => json!({"ssh": {"node": nodes.iter().map(node).collect::<Vec<_>>()}}),
    };
    // Without an `ssh` block the provider needs no nodes.
    Value::from_json(&block, &schema.ty()).unwrap_or_default()
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
    fn the_cluster_is_read_with_the_nodes_of_the_command_line() {
        let provider = crate::registry::provider();
        let nodes = [Node::parse("pve1=10.0.0.1").unwrap()];
        let block = super::block(provider.schema(), &nodes);
        let node = &block.at("ssh").at("node").elements().unwrap()[0];
        assert_eq!((node.at("name").as_str(), node.at("address").as_str()), (Some("pve1"), Some("10.0.0.1")));
        assert!(super::block(provider.schema(), &[]).at("ssh").is_null());
    }
}
