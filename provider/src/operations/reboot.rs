//! `pve_node_reboot`.

use std::collections::BTreeSet;

use pve_schemas::action::NodeReboot;

use super::health::{self, Boot};
use super::survey::Survey;
use super::{Operation, Outlook, Run};
use crate::client::{ErrorKind, LockDomain, Params, path};
use crate::explain::explain;
use crate::framework::{Cause, Failure};

/// What is rebooted.
pub struct Reboot {
    pub(super) before: Boot,
    uses_ha: bool,
}

impl Operation for NodeReboot {
    type Found = Reboot;

    async fn look(&self, run: &Run<'_>) -> Result<Outlook<Reboot>, Failure> {
        let node = self.node.as_str();
        let mut survey = Survey::read(run, "reboot").await?;
        survey.online_node(node, "node")?;
        survey.look_at_home(run, node).await?;
        let live = &survey.live;
        let mut refusals = Vec::new();
        let mut refuse = |text: String| refusals.push(Failure::refused(format!("{node}: {text} Nothing was changed.")));
        let uses_ha = !live.config.resources.is_empty();
        let state = live.manager["node_status"][node].as_str().unwrap_or_default();
        if uses_ha && state != "maintenance" && !survey.is_disarmed() {
            refuse("it is not in maintenance. Empty it first with `pve_node_evacuate`, or `do evacuate`.".to_owned());
        }
        let left: BTreeSet<&str> = self.leave.iter().flatten().map(|sid| sid.as_str()).collect();
        let running: Vec<&str> = live
            .guests
            .values()
            .filter(|guest| guest.node == node && guest.running && !left.contains(guest.sid.as_str()))
            .map(|guest| guest.sid.as_str())
            .collect();
        if !running.is_empty() {
            refuse(format!(
                "guests run on it: {}. Move them first with `pve_node_evacuate`, or `do evacuate`.",
                running.join(", ")
            ));
        }
        if !survey.sees_all_guests {
            refuse(
                "guests may run on it that the user may not see. Give the user or token VM.Audit on /vms.".to_owned(),
            );
        }
        if let Some(problem) = quorum_without(&survey, node) {
            refuse(problem);
        }
        let before = Boot::read(run, node).await.map_err(|error| explain(node, &error))?;
        let steps = vec![format!("Reboot {node}, and wait until it is in service.")];
        Ok(Outlook { steps, refusals, found: Reboot { before, uses_ha } })
    }

    async fn act(&self, run: &Run<'_>, Reboot { before, uses_ha }: Reboot) -> Result<(), Failure> {
        let node = self.node.as_str();
        request(run, node).await?;
        let next = format!(
            "A second run would reboot {node} again: first look whether it is back, by `pve_ha_status` or `pvecm status`."
        );
        health::await_boot(run, node, before, uses_ha, &next)
            .await
            .map_err(|failure| Failure { cause: Cause::Ambiguous, ..failure })?;
        health::warn_of_versions(run).await;
        health::warn_of_replication(run, node).await;
        Ok(())
    }
}

/// Requests the reboot; a request whose response is lost is not repeated.
///
/// # Errors
/// Proxmox refuses it.
pub(super) async fn request(run: &Run<'_>, node: &str) -> Result<(), Failure> {
    let call = run.call();
    let permit = run.client().permit(LockDomain::Other, &call).await.map_err(|error| explain(node, &error))?;
    let mut params = Params::new();
    params.set("command", "reboot");
    let sent = run.client().post(&path(["nodes", node, "status"]), &params, &permit, &call).await;
    drop(permit);
    match sent {
        Ok(_) => {
            run.begun();
            run.say(format!("{node}: the reboot was requested."));
        }
        // A second request could reboot it twice: a shutdown of the node shows whether the first one arrived.
        Err(error) if error.kind() == ErrorKind::Ambiguous => {
            run.begun();
            run.say(format!("{node}: the response was lost; waiting for the node to shut down."));
        }
        Err(error) => return Err(explain(node, &error)),
    }
    Ok(())
}

/// Why the cluster would have no quorum without `node`; unknown votes are no reason.
pub(super) fn quorum_without(survey: &Survey, node: &str) -> Option<String> {
    let quorum = &survey.live.quorum;
    let own = quorum.nodes.iter().find(|member| member.name == node)?.votes?;
    let (total, needed) = (quorum.total_votes?, quorum.needed_votes?);
    (total - own < needed).then(|| {
        format!(
            "without it the cluster has {} of the {needed} votes that it needs. Bring the other nodes back first.",
            total - own
        )
    })
}
