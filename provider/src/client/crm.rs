//! The nodes in the status of the HA manager, as far as they explain a response.
//!
//! Until a CRM has been master for the first time its status has no node, and it refuses every negative
//! resource-affinity rule as if the cluster had none. That passes within some 20 s of the first HA
//! resource.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Client;
use super::membership::Membership;
use crate::call::Call;

const MANAGER_STATUS: &str = "/cluster/ha/status/manager_status";

/// Whether the CRM's status has fewer nodes than the cluster; `None` if a request for either fails.
pub(super) async fn lists_fewer_nodes(client: &Client, call: &Call) -> Option<bool> {
    let members = Membership::read(client, call).await?;
    let answer = client.once(MANAGER_STATUS, call).await.ok()?;
    let manager: ManagerAnswer = answer.typed().ok()?;
    Some(manager.manager_status.node_status.len() < members.nodes())
}

#[derive(Deserialize)]
struct ManagerAnswer {
    #[serde(default)]
    manager_status: ManagerStatus,
}

#[derive(Default, Deserialize)]
struct ManagerStatus {
    #[serde(default)]
    node_status: BTreeMap<String, serde::de::IgnoredAny>,
}
