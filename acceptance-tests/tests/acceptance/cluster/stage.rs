//! Nodes that are on their own, and the configuration that makes a cluster of them.

use std::sync::Arc;

use acceptance_tests::Cluster;
use pve_emulator::{Options, Release, Seed};

/// How the nodes join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Ssh,
    Api,
}

/// Nodes on their own; the provider names the first one.
pub fn alone(test: &str, release: Release, nodes: &[&str], way: Way) -> Option<Arc<Cluster>> {
    let names: Vec<String> = nodes.iter().map(|node| (*node).to_owned()).collect();
    let ssh = way == Way::Ssh;
    let mut cluster =
        Cluster::own(test, Options { release, ssh, seed: Some(Seed::alone(&names)), ..Options::default() })?;
    if way == Way::Api {
        let access = &cluster.emulator().standalone()[nodes[0]];
        let login = [
            ("PROXMOX_VE_USERNAME", "root@pam"),
            ("PROXMOX_VE_PASSWORD", access.password.as_deref().unwrap_or_default()),
        ];
        let login: Vec<_> = login.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        cluster.environment.retain(|(name, _)| name != "PROXMOX_VE_API_TOKEN");
        cluster.environment.extend(login);
    }
    // A wait looks at the cluster often, since its time runs fast.
    cluster.environment.push(("PROXMOX_VE_POLL_INTERVAL".to_owned(), "100ms".to_owned()));
    Some(Arc::new(cluster))
}

/// The configuration of a cluster with these members beside its first node.
pub fn configuration(cluster: &Cluster, way: Way, members: &[&str]) -> String {
    let members: String = members.iter().map(|node| member(cluster, way, node, "")).collect();
    format!("{VARIABLES}resource \"pve_cluster\" \"this\" {{\n  name = \"newclu\"\n}}\n{members}")
}

const VARIABLES: &str = "variable \"root\" {\n  type      = string\n  ephemeral = true\n  default   = null\n}\n\
                         variable \"peer\" {\n  type      = string\n  ephemeral = true\n  default   = null\n}\n";

/// A member, with more arguments.
pub fn member(cluster: &Cluster, way: Way, node: &str, more: &str) -> String {
    let access = &cluster.emulator().standalone()[node];
    let (address, secrets) = match way {
        Way::Ssh => (access.address.clone(), String::new()),
        Way::Api => (
            access.endpoint.replace("https://", ""),
            format!(
                "  fingerprint = {:?}\n  root_password_wo = var.root\n  root_password_wo_version = 1\n  peer_password_wo = var.peer\n  \
                 peer_password_wo_version = 1\n",
                access.tls_fingerprint
            ),
        ),
    };
    format!(
        "resource \"pve_cluster_member\" \"{node}\" {{\n  depends_on = [pve_cluster.this]\n  node = \"{node}\"\n  address = \
         \"{address}\"\n{secrets}{more}}}\n"
    )
}

/// The passwords of the first node and of a joining one, as variables of the environment.
pub fn passwords(cluster: &Cluster, first: &str, joining: &str) -> Vec<(String, String)> {
    let of = |node: &str| cluster.emulator().standalone()[node].password.clone().unwrap_or_default();
    vec![("TF_VAR_peer".to_owned(), of(first)), ("TF_VAR_root".to_owned(), of(joining))]
}

/// The members of the cluster that the first node is in, and whether each is online.
pub fn members(cluster: &Cluster) -> Vec<(String, bool)> {
    let status = cluster.api.send("GET", "/cluster/status", &[]).unwrap_or_default();
    let rows = status.as_array().cloned().unwrap_or_default();
    let nodes = rows.iter().filter(|row| row["type"] == "node");
    let mut nodes: Vec<_> =
        nodes.map(|row| (row["name"].as_str().unwrap_or_default().to_owned(), row["online"] == 1)).collect();
    nodes.sort();
    nodes
}
