//! `pve_ha_balance`: reads sizes, loads and settings, and lets the HA manager's own code look at them.

use pve_schemas::data::HaBalance;
use pve_schemas::data::ha_balance::BalanceArguments;

use super::adapter::{Reader, Source};
use super::live;
use crate::client::{Collection, path};
use crate::framework::Failure;
use crate::simulation::balance::{Options, balance};
use crate::simulation::live::Hidden;

impl Source for HaBalance {
    type Arguments = BalanceArguments;

    async fn read(reader: &Reader<'_>, arguments: BalanceArguments) -> Result<Self, Failure> {
        let answers = live::lists(reader, &Default::default()).await?;
        let version = reader.client.version(&reader.call).await.map_err(|error| reader.failed(&error))?;
        let everything = reader.list(Collection::ClusterResources).await?;
        let rows = everything.as_array().map(Vec::as_slice).unwrap_or_default();
        let live = &answers.live;
        let unmanaged = arguments.pinned.iter().flatten().find(|sid| !live.config.resources.contains_key(sid.as_str()));
        if let Some(sid) = unmanaged {
            reader.cx.warn(
                format!("pinned: {sid} is not an HA resource"),
                format!(
                    "{sid}: the load balancer moves HA resources only, so that this has no effect until it is one."
                ),
            );
        }
        let unseen = unseen(&live.hidden);
        if let Some((privilege, path)) = &unseen {
            reader.cx.warn(
                format!("The load balance is unknown without {privilege} on {path}"),
                format!(
                    "The user or token does not have {privilege} on {path}, and so does not see all loads.\nGrant the \
                     privilege; the documentation of this data source lists what it needs."
                ),
            );
        }
        let why =
            unseen.map(|(privilege, path)| format!("Unknown: the user or token does not have {privilege} on {path}."));
        Ok(balance(live, rows, &Options(&answers.options["crs"]), version.is_at_least(9, 2), why, arguments))
    }
}

/// The privilege without which a part of the loads is missing, and where.
fn unseen(hidden: &Hidden) -> Option<(&'static str, String)> {
    let node = hidden.nodes.first().map(|node| ("Sys.Audit", path(["nodes", node])));
    let guest = || hidden.services.first().map(|sid| ("VM.Audit", live::path_of(sid)));
    node.or_else(guest).or_else(|| hidden.others.then(|| ("VM.Audit", "/vms".to_owned())))
}
