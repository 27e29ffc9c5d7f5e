//! The disks of guests. No list of Proxmox has them, so that they cost a request for each guest: once per walk, and only for
//! the guests that the HA manager manages.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use pve_schemas::data::planned::Plans;
use pve_schemas::value::HaState;
use serde_json::Value as Json;

use super::adapter::Reader;
use super::simulated::refused;
use crate::client::{AT_ONCE, ErrorKind, path};
use crate::framework::Failure;
use crate::simulation::live::{SimulatedCluster, Volumes};

/// How long the node of a guest may take to answer: a verdict can do without it.
const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// How long an answer serves the other reads of the walk. This provider changes no configuration of a guest; one that moves
/// meanwhile has another path.
const LIFE: Duration = Duration::from_secs(300);

/// Reads the disks of every guest that is an HA resource once `plans` are applied, except for those in the state `ignored`:
/// the HA manager does not move them.
///
/// # Errors
/// A plan doesn't fit the cluster, or the run is interrupted.
pub(super) async fn read(reader: &Reader<'_>, live: &mut SimulatedCluster, plans: &Plans) -> Result<(), Failure> {
    let ha_config = live.config.clone().with(plans, live.mode).map_err(refused)?;
    let managed = ha_config.resources.iter().filter(|(_, resource)| resource.state != Some(HaState::Ignored));
    let online: BTreeSet<&str> = live.nodes.iter().filter(|node| node.online).map(|node| node.name.as_str()).collect();
    let asked = managed.filter_map(|(sid, _)| live.guests.get(sid)).map(|guest| {
        let (kind, vmid) = (guest.kind(), guest.vmid.to_string());
        let at = path(["nodes", &guest.node, kind, &vmid, "config"]);
        let (sid, node, up) = (guest.sid.clone(), guest.node.clone(), online.contains(guest.node.as_str()));
        async move {
            if !up {
                return (sid, Ok(Volumes::Unknown(format!("node {node} is not online"))));
            }
            // A node that has just failed is taken for online until its silence is noticed.
            let call = reader.call.at_most(READ_TIMEOUT);
            let volumes = match reader.client.get_shared::<Json>(&at, LIFE, &call).await {
                Ok(config) => Ok(Volumes::from_config(&config)),
                Err(error) if error.kind() == ErrorKind::Stopped => Err(reader.failed(&error)),
                Err(error) => Ok(Volumes::Unknown(error.quote())),
            };
            (sid, volumes)
        }
    });
    let read: Vec<_> = stream::iter(asked.collect::<Vec<_>>()).buffer_unordered(AT_ONCE).collect().await;
    for (sid, volumes) in read {
        if let Some(guest) = live.guests.get_mut(&sid) {
            guest.volumes = volumes?;
        }
    }
    Ok(())
}
