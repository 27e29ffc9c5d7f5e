//! `pve_ha_balance`: reads sizes, loads and settings, and lets the HA manager's own code look at them.

use pve_schemas::data::HaBalance;
use pve_schemas::data::ha_balance::BalanceArguments;

use super::adapter::{Reader, Source};
use super::live;
use crate::client::Collection;
use crate::framework::Failure;
use crate::simulation::balance::{Options, balance};

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
        Ok(balance(live, rows, &Options(&answers.options["crs"]), version.is_at_least(9, 2), unseen, arguments))
    }
}

/// What of the loads is missing without a privilege.
fn unseen(hidden: &crate::simulation::live::Hidden) -> Option<String> {
    if let Some(node) = hidden.nodes.first() {
        return Some(format!(
            "Unknown: the user or token does not have Sys.Audit on /nodes/{node}, and so not its size."
        ));
    }
    let guests = hidden.others || !hidden.services.is_empty();
    guests.then(|| {
        "Unknown: the user or token does not have VM.Audit on /vms, and so not the sizes of all guests.".to_owned()
    })
}
