//! The certificate that a node gets when it joins. The member forwards requests to the node only if that shows the certificate that
//! the cluster has of it.

use pve_schemas::ClusterMember;
use serde_json::Value as Json;

use super::joiner::Route;
use crate::client::path;
use crate::framework::Failure;
use crate::resources::door::Door;
use crate::resources::operations::OpContext;
use crate::resources::over_ssh::ssh_failure;
use crate::ssh::Command;

/// How often the node is asked through the member until its certificate counts as the old one: pveproxy changes its workers one
/// after the other.
const LOOKS: u32 = 8;

/// Waits until the node answers through the member. Over SSH, a certificate that is not there after a while is made.
pub(super) async fn demand(op: &OpContext<'_>, planned: &ClusterMember) -> Result<(), Failure> {
    let node = planned.node.as_str();
    let Err(refusal) = answers(op, node).await else { return Ok(()) };
    if op.call().is_over() {
        return Err(remedy(node, &refusal));
    }
    let route = Route::of(planned);
    let Some(Door::Shell { ssh, .. }) = route.is_ssh(op).then(|| route.door(op).ok()).flatten() else {
        return Err(remedy(node, &refusal));
    };
    tracing::info!(node, "the certificate is made anew");
    for command in [
        Command::new("pvecm").args(["updatecerts", "--force"]),
        Command::new("systemctl").args(["restart", "pvedaemon", "pveproxy"]),
    ] {
        ssh.run(node, &command, &op.call()).await.and_then(crate::ssh::Output::success).map_err(ssh_failure(node))?;
    }
    answers(op, node).await.map_err(|refusal| remedy(node, &refusal))
}

/// Asks the node through the member; the last refusal, if it does not answer.
async fn answers(op: &OpContext<'_>, node: &str) -> Result<(), String> {
    let call = op.call();
    let mut looks = call.looks(format!("{node} to have its certificate"));
    let mut looked = 0;
    loop {
        let answer =
            op.client().get::<Json>(&path(["nodes", node, "version"]), &call.at_most(2 * op.configured.pace)).await;
        let Err(error) = answer else { return Ok(()) };
        looked += 1;
        if looked >= LOOKS || !looks.pause(op.configured.pace).await {
            return Err(error.quote());
        }
    }
}

fn remedy(node: &str, refusal: &str) -> Failure {
    Failure::refused(format!(
        "{node}: the node is a member of the cluster, and does not answer requests that the other members forward to it: it may still show \
         its old certificate.\nRun `pvecm updatecerts --force` and `systemctl restart pvedaemon pveproxy` on {node}, then apply again.\n\
         {refusal}"
    ))
}
