//! `qdevice_handling = "cycle"`: the QDevice is taken out before a node joins, and set up again after. Where a node is removed, both
//! follow the removal.

use pve_schemas::cluster::QdeviceHandling;
use pve_schemas::{ClusterMember, Qdevice};

use crate::framework::{Cause, Failure};
use crate::resources::membership::membership;
use crate::resources::operations::OpContext;
use crate::resources::ssh_resource::SshResource;

/// Takes the QDevice out, if there is one and the configuration says so.
pub(super) async fn take_out(op: &OpContext<'_>, planned: &ClusterMember) -> Result<Option<Qdevice>, Failure> {
    if planned.qdevice_handling != Some(QdeviceHandling::Cycle) {
        return Ok(None);
    }
    let Some(device) = Qdevice::list(op).await?.into_iter().next() else { return Ok(None) };
    tracing::info!(address = device.address, "the QDevice is removed for a while");
    match Qdevice::delete(op, &device).await {
        Err(failure) if failure.cause != Cause::Absent => return Err(failure),
        _ => {}
    }
    Qdevice::wait_deleted(op, &device).await.map_err(|failure| missing(&device, failure))?;
    Ok(Some(device))
}

/// Sets it up again, however the change of the nodes has ended.
pub(super) async fn put_back(
    op: &OpContext<'_>,
    planned: &ClusterMember,
    device: Option<Qdevice>,
    done: Result<(), Failure>,
) -> Result<(), Failure> {
    let Some(device) = device else { return done };
    // With a node half-way in the cluster `pvecm` would refuse.
    done.map_err(|failure| missing(&device, failure))?;
    let nodes = membership(op, planned.node.as_str()).await.map_err(|failure| missing(&device, failure))?;
    let is_odd = nodes.entries().count() % 2 == 1;
    let again = Qdevice { force: Some(is_odd), ..device.clone() };
    tracing::info!(address = again.address, "the QDevice is set up again");
    Qdevice::create(op, &again).await.map_err(|failure| missing(&device, failure))?;
    Qdevice::wait_ready(op, &again).await.map_err(|failure| missing(&device, failure))
}

/// The failure, with what is missing since.
fn missing(device: &Qdevice, failure: Failure) -> Failure {
    let address = &device.address;
    let detail = format!(
        "{}\nBefore that, the QDevice at {address} was removed, and it is not set up again. The next apply does that, if a `pve_qdevice` is \
         configured; otherwise run `pvecm qdevice setup {address}`.",
        failure.detail
    );
    Failure { detail, cause: Cause::Refused, ..failure }
}
