//! The create of a cluster: looked at, sent once, and watched until the cluster has quorum. Each step is found again by the next
//! apply, so that one that was interrupted is completed.

use std::time::Duration;

use pve_schemas::Cluster;

use super::way::{Way, way};
use super::{SUBJECT, checks};
use crate::client::Params;
use crate::explain::explain;
use crate::framework::{Cause, Failure};
use crate::resources::door::{Door, Progress};
use crate::resources::membership::{Membership, membership, membership_meanwhile};
use crate::resources::operations::OpContext;
use crate::resources::over_ssh::ssh_failure;
use crate::ssh::Command;

/// How long `pvecm create` may take: it waits for corosync and pmxcfs.
const COMMAND_TIMEOUT: Duration = Duration::from_mins(3);

/// How often the node is looked at after a lost response before the create counts as not begun.
const LOOKS_FOR_LOST: u32 = 5;

/// The type of its task.
const TASK: &str = "clustercreate";

/// What was sent, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Sent {
    /// By an apply before this one, or by hand.
    Before,
    /// This is the task.
    Task(String),
    /// `pvecm` has ended.
    Done,
    /// The response was lost.
    Lost(String),
}

pub(super) async fn run(op: &OpContext<'_>, planned: &Cluster) -> Result<(), Failure> {
    let found = membership(op, SUBJECT).await?;
    let sent = match (found.name.as_deref(), found.configured.as_deref()) {
        (Some(other), _) | (None, Some(other)) if other != planned.name => {
            return Err(checks::elsewhere(&found.local, other, &planned.name));
        }
        (Some(_), _) => {
            checks::demand_equal(&found, None, planned)?;
            tracing::info!(cluster = planned.name, "the cluster exists already");
            Sent::Before
        }
        (None, Some(_)) => resume(op, &found, planned).await?,
        (None, None) => send(op, &found, planned).await?,
    };
    wait(op, &found.local, planned, sent).await
}

/// A create that has stopped after `corosync.conf` was written: the services that read it are started.
async fn resume(op: &OpContext<'_>, found: &Membership, planned: &Cluster) -> Result<Sent, Failure> {
    let node = &found.local;
    let door = Door::Https(op.client().clone());
    if let Some(task) = door.running(node, TASK, &op.call()).await {
        return Ok(Sent::Task(task));
    }
    let Ok(ssh) = op.ssh() else {
        return Err(Failure::refused(format!(
            "{}: an earlier create has stopped half-way on {node}: it has the configuration of the cluster, and corosync does not run \
             with it. Nothing was changed.\nRun `systemctl restart corosync pve-cluster` on {node}, then apply again.",
            planned.name
        )));
    };
    tracing::info!(node, "the create is completed: corosync and pmxcfs are restarted");
    let command = Command::new("systemctl").args(["restart", "corosync", "pve-cluster"]);
    let done = ssh.run(node, &command, &op.call()).await.and_then(crate::ssh::Output::success);
    done.map_err(ssh_failure(node))?;
    Ok(Sent::Before)
}

async fn send(op: &OpContext<'_>, found: &Membership, planned: &Cluster) -> Result<Sent, Failure> {
    let addresses: Vec<&str> = planned.link.iter().map(|link| link.address.as_str()).collect();
    checks::demand_addresses(op, &found.local, &addresses).await?;
    match way(op)? {
        Way::Api => post(op, planned).await,
        Way::Ssh => pvecm(op, &found.local, planned).await,
    }
}

/// The arguments beside the name, as both ways have them.
fn arguments(planned: &Cluster) -> Vec<(String, String)> {
    let links = planned.link.iter().enumerate();
    let links = links.map(|(number, link)| (format!("link{number}"), link.property_string()));
    let numbers =
        [("nodeid", planned.node_id), ("votes", planned.votes), ("token-coefficient", planned.token_coefficient)];
    let numbers = numbers.into_iter().filter_map(|(name, number)| Some((name.to_owned(), number?.to_string())));
    links.chain(numbers).collect()
}

async fn post(op: &OpContext<'_>, planned: &Cluster) -> Result<Sent, Failure> {
    let mut params = Params::new();
    params.set("clustername", &planned.name);
    for (name, value) in arguments(planned) {
        params.set(name, value);
    }
    match op.client().post("/cluster/config", &params, op.permit()?, &op.call()).await {
        Ok(answer) => Ok(answer.as_str().map_or(Sent::Before, |upid| Sent::Task(upid.to_owned()))),
        Err(error) if error.is_ambiguous() => Ok(Sent::Lost(error.quote())),
        Err(error) => Err(explain(&planned.name, &error)),
    }
}

async fn pvecm(op: &OpContext<'_>, node: &str, planned: &Cluster) -> Result<Sent, Failure> {
    let words = arguments(planned).into_iter().flat_map(|(name, value)| [format!("--{name}"), value]);
    let command = Command::new("pvecm").args(["create", &planned.name]).args(words).may_take(COMMAND_TIMEOUT);
    let output = op.ssh()?.run(node, &command, &op.call()).await;
    match output.and_then(crate::ssh::Output::success) {
        Ok(_) => Ok(Sent::Done),
        Err(error) => match ssh_failure(&planned.name)(error) {
            failure if failure.cause == Cause::Ambiguous => Ok(Sent::Lost(failure.detail)),
            failure => Err(failure),
        },
    }
}

/// Watches the node until the cluster has quorum. What it refuses meanwhile is not final: it restarts `/etc/pve`.
async fn wait(op: &OpContext<'_>, node: &str, planned: &Cluster, mut sent: Sent) -> Result<(), Failure> {
    let (call, door) = (op.call(), Door::Https(op.client().clone()));
    let mut looks = call.looks(format!("the cluster {} to have quorum", planned.name));
    let mut looked = 0;
    loop {
        let found = membership_meanwhile(op).await.map_err(|error| unfinished(op, &planned.name, &error.quote()))?;
        let is_made = found.as_ref().is_some_and(|found| found.name.as_deref() == Some(planned.name.as_str()));
        if is_made && found.as_ref().is_some_and(|found| found.quorate) {
            return Ok(());
        }
        match (&sent, &found) {
            (Sent::Task(task), _) => match door.progress(node, task, &call).await {
                Progress::Failed(text) => return Err(failed(&planned.name, node, &text)),
                Progress::Done => sent = Sent::Done,
                Progress::Running | Progress::Unknown => {}
            },
            (Sent::Lost(reason), Some(found)) if !is_made && found.configured.is_none() => {
                if let Some(task) = door.running(node, TASK, &call).await {
                    sent = Sent::Task(task);
                } else if looked >= LOOKS_FOR_LOST {
                    return Err(lost(&planned.name, reason));
                } else {
                    looked += 1;
                }
            }
            _ => {}
        }
        if !looks.pause(op.configured.pace).await {
            return Err(unfinished(op, &planned.name, &last_words(found.as_ref(), node)));
        }
    }
}

/// What the node said last.
fn last_words(found: Option<&Membership>, node: &str) -> String {
    match found {
        Some(Membership { name: Some(name), .. }) => format!("{node} is in the cluster {name}, which has no quorum."),
        Some(_) => format!("{node} does not show a cluster."),
        None => format!("{node} gave no answer."),
    }
}

/// The time is over, or the user has interrupted: the node continues by itself.
fn unfinished(op: &OpContext<'_>, name: &str, last: &str) -> Failure {
    let why = if op.cx.stop.is_cancelled() { "interrupted" } else { "it timed out" };
    Failure::refused(format!(
        "{name}: {why} while the node creates the cluster, which continues without this apply. Apply again: it waits for the rest.\n\
         {last}"
    ))
}

fn failed(name: &str, node: &str, text: &str) -> Failure {
    Failure::refused(format!("{name}: the task that creates the cluster on {node} failed.\n{text}"))
        .summarised("A task of Proxmox failed")
}

fn lost(name: &str, reason: &str) -> Failure {
    Failure::refused(format!(
        "{name}: the response to the create was lost, and the node shows no cluster. Apply again.\n{reason}"
    ))
}

#[cfg(test)]
mod tests {
    use pve_schemas::cluster::Link;

    use super::*;

    #[test]
    fn both_ways_have_the_same_arguments() {
        let link = |address: &str, priority| Link { address: address.to_owned(), priority };
        let cluster = Cluster {
            name: "prod".to_owned(),
            link: vec![link("10.0.0.1", Some(10)), link("10.1.0.1", None)],
            token_coefficient: Some(125),
            votes: Some(2),
            node_id: None,
            config_version: None,
            node: None,
            nodes: None,
        };
        let words: Vec<String> =
            arguments(&cluster).into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(words, ["link0=10.0.0.1,priority=10", "link1=10.1.0.1", "votes=2", "token-coefficient=125"]);
    }
}
