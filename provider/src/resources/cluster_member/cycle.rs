//! `qdevice_handling = "cycle"`: the QDevice is taken out before a node joins, and set up again after. Where a node is removed, both
//! follow the removal.

use pve_schemas::cluster::QdeviceHandling;
use pve_schemas::{ClusterMember, Qdevice};

use super::joiner::host;
use crate::framework::{Cause, Failure, Path};
use crate::resources::membership::membership;
use crate::resources::operations::OpContext;
use crate::resources::over_ssh::ssh_failure;
use crate::resources::qdevice::is_installed;
use crate::resources::ssh_resource::SshResource;
use crate::ssh::Command;
use crate::words::after_changes;

/// What a node needs for a QDevice.
const PACKAGE: &str = "corosync-qdevice";

/// Refuses a join after which the QDevice could not be set up again: its package is missing on the joining node.
pub(super) async fn demand(op: &OpContext<'_>, node: &str, address: &str) -> Result<(), Failure> {
    let at = |failure: Failure| failure.at(Path::attribute("qdevice_handling"));
    let ssh = op.ssh().map_err(at)?;
    ssh.place(node, host(address));
    let ask = Command::new("dpkg").args(["-s", PACKAGE]).reading();
    let said = ssh.run(node, &ask, &op.call()).await.map_err(ssh_failure(node)).map_err(at)?;
    if is_installed(&said) {
        return Ok(());
    }
    Err(at(Failure::refused(format!(
        "{node}: the package {PACKAGE} is missing on it. The QDevice of the cluster would be removed, and could not be set up again with \
         this node. Nothing was changed.\nRun `apt install {PACKAGE}` on {node}, then apply again."
    ))))
}

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

/// Sets it up again after a join, which has succeeded whatever becomes of the QDevice: a failure is a warning.
pub(super) async fn put_back_after_join(
    op: &OpContext<'_>,
    planned: &ClusterMember,
    device: Option<Qdevice>,
    done: Result<(), Failure>,
) -> Result<(), Failure> {
    let Some(device) = device else { return done };
    // With a node half-way in the cluster `pvecm` would refuse.
    done.map_err(|failure| missing(&device, failure))?;
    if let Err(failure) = set_up(op, planned, &device).await {
        let node = &planned.node;
        op.cx.warn_at(
            Path::attribute("qdevice_handling"),
            "The QDevice is not set up again",
            format!("{node}: it has joined the cluster, and is in the state.\n{}", failure.detail),
        );
    }
    Ok(())
}

/// Sets it up again for the nodes that there are now.
pub(super) async fn set_up(op: &OpContext<'_>, planned: &ClusterMember, device: &Qdevice) -> Result<(), Failure> {
    let missing = |failure| missing(device, failure);
    let nodes = membership(op, planned.node.as_str()).await.map_err(missing)?;
    let is_odd = nodes.entries().count() % 2 == 1;
    let again = Qdevice { force: Some(is_odd), ..device.clone() };
    tracing::info!(address = again.address, "the QDevice is set up again");
    Qdevice::create(op, &again).await.map_err(missing)?;
    Qdevice::wait_ready(op, &again).await.map_err(missing)
}

/// The failure, with what is missing since.
fn missing(device: &Qdevice, failure: Failure) -> Failure {
    let address = &device.address;
    let detail = format!(
        "{}\nThe QDevice at {address} was removed before, and it is not set up again. The next apply does that, if a `pve_qdevice` is \
         configured; otherwise run `pvecm qdevice setup {address}`.",
        after_changes(&failure.detail)
    );
    Failure { detail, cause: Cause::Refused, ..failure }
}
