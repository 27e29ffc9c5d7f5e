//! What the HA manager knows of the cluster, as far as it explains an answer.
//!
//! Until a CRM has been master for the first time it knows no node, and refuses every negative
//! resource-affinity rule as if the cluster had none. That passes within some 20 s of the first HA
//! resource.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Client;
use super::membership::Membership;
use crate::call::Call;

const MANAGER_STATUS: &str = "/cluster/ha/status/manager_status";

/// Whether the CRM knows fewer nodes than the cluster has; `None` if that can't be found out now.
pub(super) async fn knows_fewer_nodes(client: &Client, call: &Call) -> Option<bool> {
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
