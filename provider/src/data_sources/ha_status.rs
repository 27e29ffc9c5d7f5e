//! `pve_ha_status`: the status rows, and what the HA manager has stored.

use pve_schemas::data::{HaStatus, NoArguments};
use pve_schemas::value::Entry;
use serde_json::Value as Json;

use super::adapter::{Reader, Source};
use crate::client::Collection;
use crate::framework::Failure;

impl Source for HaStatus {
    type Arguments = NoArguments;

    async fn read(reader: &Reader<'_>, _: NoArguments) -> Result<Self, Failure> {
        let (current, manager, members) = tokio::try_join!(
            reader.list(Collection::HaStatus),
            reader.object(Collection::HaManagerStatus),
            reader.list(Collection::ClusterStatus),
        )?;
        let status = Self::from_answers(&current, &manager).map_err(|problem| reader.unexpected(problem))?;
        Ok(status.with_offline(&offline(&members)))
    }
}

/// The nodes that Corosync misses.
fn offline(members: &Json) -> Vec<String> {
    let rows = members.as_array().into_iter().flatten().map(Entry);
    let nodes = rows.filter(|row| row.text("type").as_deref() == Some("node") && row.flag("online") == Some(false));
    nodes.filter_map(|node| node.text("name")).collect()
}
