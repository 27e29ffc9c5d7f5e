//! The provider block that is written, which has no secret.

use super::hcl::{self, Expr, Item};
use crate::config;
use crate::framework::Value;
use crate::terminal::Node;

fn item(node: &Node) -> Item {
    let mut body = vec![Item::text("name", &node.name), Item::text("address", &node.address)];
    body.extend(node.port.map(|port| Item::raw("port", port.to_string())));
    Item::block("node", &[], body)
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
        provider.push(Item::block("ssh", &[], nodes.iter().map(item).collect()));
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
    fn the_written_block_names_no_secret_and_says_where_nodes_are() {
        let nodes = [Node::parse("pve1=10.0.0.1:2222"), Node::parse("pve2=fd00::2")].map(Option::unwrap);
        let text = file(&nodes);
        let expected = "  ssh {\n    node {\n      name    = \"pve1\"\n      address = \"10.0.0.1\"\n      port    = 2222\n    }\n\n    \
                        node {\n      name    = \"pve2\"\n      address = \"fd00::2\"\n    }\n  }\n}\n";
        assert!(text.ends_with(expected), "{text}");
        assert!(!text.contains("api_token") && !text.contains("password"), "{text}");
    }
}
