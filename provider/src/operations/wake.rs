//! `pve_node_wake`.

use std::time::Duration;

use pve_schemas::action::NodeWake;

use super::tasks::under_way;
use super::{Operation, Outlook, Run};
use crate::client::{ErrorKind, LockDomain, Params, path};
use crate::explain::explain;
use crate::framework::{Failure, Path};
use crate::resources::over_ssh::members_now;

impl Operation for NodeWake {
    type Found = ();
    const TIMEOUT: Duration = Duration::from_mins(15);

    async fn look(&self, run: &Run<'_>) -> Result<Outlook<()>, Failure> {
        let node = self.node.as_str();
        let steps = match is_online(run, node).await? {
            Some(true) => Vec::new(),
            Some(false) => vec![format!("Wake {node}, and wait until it is online.")],
            None => {
                let text = format!("{node}: the cluster has no such node. Nothing was sent.");
                return Err(Failure::refused(text).at(Path::attribute("node")));
            }
        };
        Ok(Outlook { steps, refusals: Vec::new(), found: () })
    }

    async fn act(&self, run: &Run<'_>, (): ()) -> Result<(), Failure> {
        let (node, call) = (self.node.as_str(), run.call());
        let permit = run.client().permit(LockDomain::Other, &call).await.map_err(|error| explain(node, &error))?;
        let sent = run.client().post(&path(["nodes", node, "wakeonlan"]), &Params::new(), &permit, &call).await;
        drop(permit);
        match sent {
            Ok(_) => {
                run.begun();
                run.say(format!("{node}: the packet was sent."));
            }
            // A second packet would do no harm, and none is needed if the first one was sent.
            Err(error) if error.kind() == ErrorKind::Ambiguous => {
                run.begun();
                run.say(format!("{node}: the response was lost; the packet may have been sent."));
            }
            Err(error) => {
                let failure = explain(node, &error);
                let hint = "\nSet the option `wakeonlan` of the node while it is online: `pvenode config set --wakeonlan MAC`.";
                return Err(Failure { detail: format!("{}{hint}", failure.detail), ..failure });
            }
        }
        let mut looks = call.looks(format!("{node} to be online"));
        while is_online(run, node).await? != Some(true) {
            if !looks.pause(run.pace()).await {
                return Err(under_way(node, "the start"));
            }
        }
        run.say(format!("{node}: it is online."));
        Ok(())
    }
}

/// Whether a node is online; none where the cluster has no such node.
async fn is_online(run: &Run<'_>, node: &str) -> Result<Option<bool>, Failure> {
    let members = members_now(run.client(), &run.call()).await?;
    Ok(members.into_iter().find(|member| member.name == node).map(|member| member.online))
}
