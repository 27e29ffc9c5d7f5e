//! `pve_cluster_member`: a node that joins the cluster.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::notification::pairs::Secret;
use crate::noun::Noun;
use crate::tf_block;
use crate::value::NodeName;

/// A node that joins the cluster, and leaves it when this is destroyed. The `endpoint` of the provider block is an **existing
/// member**, never the joining node: tickets, tokens and the certificate of the joining node change with the join. Apply watches
/// the join at the member, and ends when the node is online there and has its new certificate.
///
/// **What the joining node loses:** its whole `/etc/pve`, with users, API tokens, storages, jobs and firewall rules, is replaced
/// by that of the cluster. Proxmox keeps a copy in `/var/lib/pve-cluster/backup` on the node. It must have no guests.
///
/// **Two ways to join:**
///
/// * Over SSH (`ssh = true`, the default where the provider block has an `ssh` block): `pvecm add --use_ssh` on the joining node.
///   No password is needed. The joining node gets access to the member with its own key, as every node of a cluster has.
/// * By the API of the joining node (`ssh = false`), with `root_password_wo` of that node, `peer_password_wo` of the member, and
///   the `fingerprint` of the certificate of the joining node. Proxmox allows this to `root@pam` only.
///
/// Several members of one apply join one after the other, in any order. An interrupted join is recognised by the next apply, which
/// completes it or names the commands that do. No node joins twice. A node that is a member already is taken over: nothing is sent,
/// and its links, votes and number have to be as configured.
///
/// **Drift:** links, votes and the number are set when the node joins. Each plan compares those that are configured with the cluster,
/// and a difference is an error with both values: write what the cluster has, or remove the argument. What is not set is not compared.
///
/// **Destroy** removes the node from the cluster. It is refused unless the node is off and holds no guests, no HA rule or group
/// names it alone, no replication job copies to it, and the other nodes have quorum without it. **The node must never be started
/// again with its old configuration:** install it anew, or follow "Separate a node without reinstalling" in Proxmox's manual.
#[tf_block(timeouts(create = 15, delete = 10))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ClusterMember {
    /// The name of the joining node, as it calls itself.
    #[tf(required, replace, identity)]
    pub node: NodeName,
    /// The address of the joining node: an IP address or a host name. Its API is asked there at port 8006, or another one:
    /// `10.0.0.12:8443`. Over SSH, a `node` block of the `ssh` block with this name takes precedence.
    #[tf(required)]
    #[schemars(extend("format" = "pve-address"))]
    pub address: String,
    /// The addresses of the joining node in corosync's networks, a block for each link of the cluster, in the order of the
    /// links' numbers. Without a block, the address of the node is link 0, which is enough for a cluster with one link.
    #[serde(default)]
    #[tf(block = "list")]
    pub link: Vec<MemberLink>,
    /// The votes of the node, when it joins; 1 by default.
    #[tf(optional)]
    #[schemars(range(min = 0))]
    pub votes: Option<i64>,
    /// The number of the node in the cluster, when it joins; the next free one by default.
    #[tf(optional)]
    #[schemars(range(min = 1))]
    pub node_id: Option<i64>,
    /// Whether the node joins over SSH; by default, if the provider block has an `ssh` block.
    #[tf(local)]
    pub ssh: Option<bool>,
    /// The password of `root@pam` on the joining node, in neither the plan nor the state. Only a join by the API needs it.
    #[tf(write_only)]
    pub root_password_wo: Option<Secret>,
    /// Needed with `root_password_wo`. After the join, a change of it has no effect.
    #[tf(local)]
    #[schemars(range(min = 1))]
    pub root_password_wo_version: Option<i64>,
    /// The password of `root@pam` on the member, in neither the plan nor the state. Only a join by the API needs it: the joining
    /// node logs in to the member with it.
    #[tf(write_only)]
    #[schemars(length(max = 128))]
    pub peer_password_wo: Option<Secret>,
    /// Needed with `peer_password_wo`. After the join, a change of it has no effect.
    #[tf(local)]
    #[schemars(range(min = 1))]
    pub peer_password_wo_version: Option<i64>,
    /// The SHA-256 fingerprint of the certificate that the joining node has **before** it joins, for the API. If unset, the
    /// certificate is verified as that of the `endpoint`.
    #[tf(local)]
    #[schemars(extend("format" = "fingerprint-sha256"))]
    pub fingerprint: Option<String>,
    /// What happens to a QDevice of the cluster: its votes depend on the number of nodes, so that it can't stay as it is.
    /// `refuse`: neither a join nor a removal is done while there is one. `cycle`: it is removed before a join and set up again
    /// after; after a removal of the node, both. This needs the `ssh` block.
    #[tf(default = "refuse", local)]
    pub qdevice_handling: Option<QdeviceHandling>,
    /// Whether a destroy also removes what Proxmox leaves of the node on the cluster, over SSH: the folder `/etc/pve/nodes/NODE`
    /// and its SSH key.
    #[tf(default = false, local)]
    pub clean_up: Option<bool>,
    /// Whether the node is online.
    #[tf(computed, volatile)]
    pub online: Option<bool>,
}

/// What happens to a QDevice when the number of nodes changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum QdeviceHandling {
    /// The node does not join or leave while there is one.
    Refuse,
    /// It is removed and set up again.
    Cycle,
}

/// A link of the joining node.
#[tf_block]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MemberLink {
    /// The IP address of the node in the network of this link.
    #[tf(required)]
    #[schemars(extend("format" = "ip"))]
    pub address: String,
}

impl Noun for ClusterMember {
    const NAME: &'static str = "pve_cluster_member";
    const TITLE: &'static str = "cluster member";
}
