//! A member for tests.

use pve_schemas::ClusterMember;

/// A member of which nothing is configured but name and address.
pub(super) fn member(node: &str, address: &str) -> ClusterMember {
    ClusterMember {
        node: node.parse().unwrap(),
        address: address.to_owned(),
        link: Vec::new(),
        votes: None,
        node_id: None,
        ssh: None,
        root_password_wo: None,
        root_password_wo_version: None,
        peer_password_wo: None,
        peer_password_wo_version: None,
        fingerprint: None,
        qdevice_handling: None,
        clean_up: None,
        online: None,
    }
}
