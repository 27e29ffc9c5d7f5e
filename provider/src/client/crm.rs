//! What the HA manager knows of the cluster, as far as it explains an answer.
//!
//! Until a CRM has been master for the first time it knows no node, and refuses every negative
//! resource-affinity rule as if the cluster had none. That passes within some 20 s of the first HA
//! resource.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::call::Call;
use super::{Client, quorum};

const MANAGER_STATUS: &str = "/cluster/ha/status/manager_status";

/// Whether the CRM knows fewer nodes than the cluster has. If that can't be found out: no.
pub(super) async fn knows_fewer_nodes(client: &Client, call: &Call) -> bool {
    let Some(status) = quorum::Membership::read(client, call).await else {
        return false;
    };
    let Ok(answer) = client.once(MANAGER_STATUS, call).await else {
        return false;
    };
    let Ok(manager) = answer.typed::<ManagerAnswer>() else {
        return false;
    };
    manager.manager_status.node_status.len() < status.nodes.len()
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
