//! `pve_cluster`: the cluster itself, made of one node.

mod link;
mod member;

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use link::Link;
pub use member::{ClusterMember, MemberLink, QdeviceHandling};

use crate::noun::Noun;
use crate::tf_block;

/// How many links corosync has at most.
pub const MAX_LINKS: usize = 8;

/// The cluster: Proxmox makes it of the node that the provider block names as `endpoint`, which has to be on its own. Other nodes
/// join it as `pve_cluster_member`.
///
/// **What Proxmox has no call for:** a cluster can't be renamed, and it can't be dissolved. `terraform destroy` of it is refused;
/// a `removed` block takes it from the state. Its links, votes, number and `token_coefficient` are set when it is created. Here, a
/// change of them is an error of the plan, unless the cluster has the new value already. `pve_corosync_options` changes the addresses
/// and priorities of links and `token_coefficient`; votes are changed in `corosync.conf` by hand, and a number stays.
///
/// **Drift:** each plan compares the configured arguments of these with the cluster. If a person has changed one, the plan has an error
/// with both values: write what the cluster has, or remove the argument. What is not set is not compared, so leave out here what
/// `pve_corosync_options` manages.
///
/// **How it is created:** by the API, if the provider logs in as `root@pam` with a password or a ticket. Proxmox refuses this call
/// to every API token. Otherwise over SSH (`pvecm create`), if the provider block has an `ssh` block.
///
/// A cluster of this name that exists already is taken over: the node can be in one cluster only. Another cluster and a link address
/// that the node does not have are errors of the plan. The node keeps its guests, users and storages; the nodes that join must have
/// no guests.
///
/// Apply waits until the cluster has quorum. The node restarts `/etc/pve` meanwhile, so that it refuses logins for some seconds.
#[tf_block(timeouts(create = 10))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cluster {
    /// The name of the cluster: letters, digits and dashes, 15 characters at most.
    #[tf(required, replace, identity)]
    #[schemars(extend("format" = "pve-cluster-name"))]
    pub name: String,
    /// Corosync's network, a block for each link, from number 0 upwards. Without a block, the address of the node is link 0.
    #[serde(default)]
    #[tf(block = "list")]
    pub link: Vec<Link>,
    /// By how many milliseconds the token timeout grows with each node after the second one, when the cluster is created. Proxmox
    /// VE with pve-cluster 9.1.0 or newer sets 125 by default; older versions do not have it.
    #[tf(optional)]
    #[schemars(range(min = 0))]
    pub token_coefficient: Option<i64>,
    /// The votes of the node, when the cluster is created; 1 by default.
    #[tf(optional)]
    #[schemars(range(min = 1))]
    pub votes: Option<i64>,
    /// The number of the node in the cluster, when it is created; 1 by default.
    #[tf(optional)]
    #[schemars(range(min = 1))]
    pub node_id: Option<i64>,
    /// The version of the configuration of corosync. It grows with each change.
    #[tf(computed)]
    pub config_version: Option<i64>,
    /// The node that the cluster was made of: that of the `endpoint` when this was created or imported. `link`, `votes` and
    /// `node_id` are its own.
    #[tf(computed)]
    pub node: Option<String>,
    /// The names of the nodes, as this resource read them last. After its create that is the first node alone: members of the same
    /// apply join later. For all nodes, use `data.pve_nodes` with `depends_on` of the members.
    #[tf(computed)]
    pub nodes: Option<BTreeSet<String>>,
}

impl Noun for Cluster {
    const NAME: &'static str = "pve_cluster";
    const TITLE: &'static str = "cluster";
}

/// Checks a cluster's name, as Proxmox does: the form of a node's name, and not more than corosync takes.
///
/// # Errors
/// Says what form is demanded.
pub fn name(text: &str) -> Result<(), String> {
    let is_word = |c: char| c.is_ascii_alphanumeric();
    let has_form = text.chars().all(|c| is_word(c) || c == '-') && text.starts_with(is_word) && text.ends_with(is_word);
    if has_form && text.len() <= 15 {
        return Ok(());
    }
    Err("must have letters, digits and dashes, a letter or digit at both ends, and at most 15 characters".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_the_form_of_a_node_and_15_characters() {
        for good in ["a", "prod", "cluster-1", "0a", "123456789012345"] {
            assert_eq!(name(good), Ok(()), "{good}");
        }
        for bad in ["", "-a", "a-", "a_b", "a.b", "ä", "1234567890123456", "a b"] {
            assert!(name(bad).is_err(), "{bad}");
        }
    }
}
