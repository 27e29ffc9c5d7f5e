//! A join, from wherever it is to its end: looked at, the next step done, and watched at the member. It is sent only where the
//! node has nothing of a cluster, so that no node joins twice.

use pve_schemas::ClusterMember;
use pve_schemas::cluster::QdeviceHandling;

use super::checks::{self, Host};
use super::joiner::{Joiner, Route, TASK, Unasked, time};
use super::send::{self, Sent};
use super::stage::{SEPARATE, Stage, stage, unclaimed, without_quorum};
use super::{certificate, cycle, ports, requested};
use crate::client::{Collection, DomainPermit};
use crate::framework::{Failure, Path};
use crate::resources::door::{Door, Progress};
use crate::resources::membership::{Membership, membership, membership_meanwhile};
use crate::resources::operations::OpContext;
use crate::resources::over_ssh::{demand_quorum, ssh_failure};
use crate::ssh::Command;

/// How often the member is looked at after a lost response before the join counts as not begun.
const LOOKS_FOR_LOST: u32 = 10;

/// How the task ends if the member refuses the password.
const LOGIN_FAILED: &str = "401 authentication failure";

/// The services of a member.
const SERVICES: [&str; 2] = ["corosync", "pve-cluster"];

pub(super) async fn run(op: &OpContext<'_>, planned: &ClusterMember) -> Result<(), Failure> {
    let (node, route) = (planned.node.as_str(), Route::of(planned));
    let mut member = membership(op, node).await?;
    if member.name.is_none() {
        return Err(alone(node, &member.local));
    }
    if !member.has_online(node) {
        let door = route.door(op)?;
        if send::is_running(&door, &op.call()).await == Some(true) {
            member = until_idle(op, &door, planned).await?;
        }
    }
    if member.has_online(node) {
        // By an apply before this one, or by hand.
        if let Some(unlike) = member.entry(node).and_then(|entry| entry.unlike(&requested(planned))) {
            return Err(super::set_once(node, &unlike));
        }
        tracing::info!(node, "the node is a member already");
        return certificate::demand(op, planned).await;
    }
    let door = route.door(op)?;
    let joiner = Joiner::read(&door, node, &op.call()).await;
    if let Err(failure) = &joiner {
        tracing::info!(node, reason = failure.detail, "the joining node can't be asked");
    }
    let found = stage(&member, node, joiner.as_ref().ok());
    tracing::info!(node, ?found, "the join is looked at");
    match (found, joiner) {
        (Stage::Stuck(stuck), joiner) => {
            let failure = stuck.failure(node, &planned.address, &member);
            Err(match joiner.map_err(|failure| route.unasked(failure)) {
                Err(Unasked::Wrong(wrong)) => wrong,
                Err(Unasked::Silent(reason)) => {
                    Failure { detail: format!("{}\n{}", failure.detail, reason.detail), ..failure }
                }
                Ok(_) => failure,
            })
        }
        (Stage::NotBegun, Ok(joiner)) => {
            demand_quorum(op, node).await?;
            check(op, &door, &member, &joiner, planned).await?;
            let device = cycle::take_out(op, planned).await?;
            let joined = join(op, &door, &member, planned, None).await;
            cycle::put_back_after_join(op, planned, device, joined).await
        }
        (Stage::Unclaimed, Ok(joiner)) => {
            claim(op, &door, &member, &joiner, planned).await?;
            join(op, &door, &member, planned, member.entry(node).cloned()).await
        }
        (Stage::Running(task), _) => {
            watch(op, &door, planned, Sent::Task(task)).await?;
            certificate::demand(op, planned).await
        }
        _ => {
            start(op, &door, node).await?;
            watch(op, &door, planned, Sent::Before).await?;
            certificate::demand(op, planned).await
        }
    }
}

/// Sends the join, and follows it to its end.
async fn join(
    op: &OpContext<'_>,
    door: &Door,
    member: &Membership,
    planned: &ClusterMember,
    claimed: Option<crate::resources::membership::Entry>,
) -> Result<(), Failure> {
    let sent = send::run(op, door, member, planned, claimed.as_ref()).await?;
    if sent == Sent::Overtaken {
        let node = planned.node.as_str();
        let member = until_idle(op, door, planned).await?;
        if !member.has_online(node) {
            return Err(overtaken(node, &member.local));
        }
    } else {
        watch(op, door, planned, sent).await?;
    }
    certificate::demand(op, planned).await
}

/// Waits for the end of a `pvecm add` that another apply has begun, or that has lost its client. Returns the members as they are then.
async fn until_idle(op: &OpContext<'_>, door: &Door, planned: &ClusterMember) -> Result<Membership, Failure> {
    let (node, call) = (planned.node.as_str(), op.call());
    tracing::info!(node, "`pvecm add` is at work on the node: it is waited for");
    let mut looks = call.looks(format!("the `pvecm add` on {node}"));
    loop {
        let runs = send::is_running(door, &call).await;
        let member = membership_meanwhile(op).await.map_err(|error| unfinished(op, planned, None, &error.quote()))?;
        match member {
            Some(member) if runs == Some(false) => return Ok(member),
            member if !looks.pause(op.configured.pace).await => {
                return Err(unfinished(op, planned, member.as_ref(), ""));
            }
            _ => {}
        }
    }
}

/// Refuses a join that Proxmox would refuse in its middle, or accept to the harm of the cluster.
async fn check(
    op: &OpContext<'_>,
    door: &Door,
    member: &Membership,
    joiner: &Joiner,
    planned: &ClusterMember,
) -> Result<(), Failure> {
    let call = op.call();
    let release = op.client().version(&call).await.ok().map(|version| version.release);
    // Only clocks that were read at the same time can be compared.
    let here = Door::Https(op.client().clone());
    let (here, there) = tokio::join!(time(&here, &member.local, &call), time(door, &joiner.name, &call));
    let joiner = Joiner { time: there, ..joiner.clone() };
    let host = Host { release, time: here };
    if let Some(failure) =
        checks::obstacles(member, &host, &joiner, planned.node.as_str(), &requested(planned)).into_iter().next()
    {
        return Err(failure);
    }
    if has_qdevice(op).await {
        if planned.qdevice_handling != Some(QdeviceHandling::Cycle) {
            return Err(qdevice_in_the_way(planned.node.as_str()));
        }
        cycle::demand(op, planned.node.as_str(), &planned.address).await?;
    }
    ports::reach(door, member, &joiner, &op.call()).await
}

/// Whether the cluster has a QDevice, as far as the node that answers says.
pub(super) async fn has_qdevice(op: &OpContext<'_>) -> bool {
    let answer: Result<serde_json::Value, _> = op.client().get(Collection::Qdevice.path(), &op.call()).await;
    answer.is_ok_and(|answer| answer.as_object().is_some_and(|members| !members.is_empty()))
}

pub(super) fn qdevice_in_the_way(node: &str) -> Failure {
    Failure::refused(format!(
        "{node}: the cluster has a QDevice, whose votes depend on the number of nodes. Nothing was changed.\nSet `qdevice_handling = \
         \"cycle\"`, which removes it before and sets it up again after, or destroy the `pve_qdevice` first."
    ))
    .at(Path::attribute("qdevice_handling"))
}

/// The cluster that is to be joined is not there.
fn alone(node: &str, local: &str) -> Failure {
    Failure::refused(format!(
        "{node}: {local}, the node that the provider block names, is not in a cluster that {node} could join. Nothing was changed.\n\
         Create the cluster first: refer to it with `depends_on = [pve_cluster.NAME]`."
    ))
}

/// Makes sure that a join may overwrite the entry of a node which has nothing of the cluster.
async fn claim(
    op: &OpContext<'_>,
    door: &Door,
    member: &Membership,
    joiner: &Joiner,
    planned: &ClusterMember,
) -> Result<(), Failure> {
    let node = planned.node.as_str();
    let refuse = |why: &str| Err(unclaimed(node, &planned.address, member, why));
    let unlike = member.entry(node).and_then(|entry| entry.unlike(&requested(planned)));
    if let Some(unlike) = unlike {
        return refuse(&format!("It is of another one, since {}.", unlike.words));
    }
    let guests = Door::Https(op.client().clone()).guests(node, &op.call()).await?;
    if !guests.is_empty() {
        return refuse("The cluster has guests on it.");
    }
    check(op, door, member, joiner, planned).await?;
    if member.quorate {
        return Ok(());
    }
    // The node that is missing is known to have no vote: it has nothing of the cluster.
    let votes = member.votes_without(node);
    match op.ssh() {
        Ok(ssh) if votes.present == votes.expected => {
            let local = &member.local;
            tracing::info!(
                node,
                votes = votes.present,
                "the other nodes are all there: they are to have quorum without it"
            );
            let command = Command::new("pvecm").args(["expected", &votes.present.to_string()]);
            let done = ssh.run(local, &command, &op.call()).await.and_then(crate::ssh::Output::success);
            done.map_err(ssh_failure(local))?;
            demand_quorum(op, node).await
        }
        _ => Err(without_quorum(node, member)),
    }
}

/// Starts the services of a node that has the cluster's configuration, where they don't run: a join stopped before it did.
async fn start(op: &OpContext<'_>, door: &Door, node: &str) -> Result<(), Failure> {
    let Door::Shell { ssh, .. } = door else { return Ok(()) };
    let call = op.call();
    // pvecm starts them itself while it runs.
    if send::is_running(door, &call).await == Some(true) {
        return Ok(());
    }
    for service in SERVICES {
        let is_active = Command::new("systemctl").args(["is-active", service]).reading();
        if ssh.run(node, &is_active, &call).await.is_ok_and(|output| !output.is_success()) {
            tracing::info!(node, service, "the join is completed: the service is started");
            let start = Command::new("systemctl").args(["start", service]);
            ssh.run(node, &start, &call).await.and_then(crate::ssh::Output::success).map_err(ssh_failure(node))?;
        }
    }
    Ok(())
}

/// Watches the member until the node is online there and the cluster has quorum. Nothing that the joining node says is final: its
/// tickets, its certificate and its `/etc/pve` change.
async fn watch(op: &OpContext<'_>, door: &Door, planned: &ClusterMember, mut sent: Sent) -> Result<(), Failure> {
    // Every join takes some seconds.
    let (node, call) = (planned.node.as_str(), op.call().quietly());
    let mut looks = call.looks(format!("{node} to be a member"));
    let mut looked = 0;
    loop {
        let member = membership_meanwhile(op).await.map_err(|error| unfinished(op, planned, None, &error.quote()))?;
        if member.as_ref().is_some_and(|member| member.quorate && member.has_online(node)) {
            // What was listed before has one node less.
            op.permit.iter().for_each(DomainPermit::changed);
            return Ok(());
        }
        let is_listed = member.as_ref().is_some_and(|member| member.lists(node));
        match &sent {
            Sent::Task(task) => match door.progress(node, task, &call).await {
                Progress::Failed(text) if text.contains(LOGIN_FAILED) => return Err(login_failed(planned, &text)),
                Progress::Failed(text) => {
                    let failure = failed(planned, is_listed, "the task in which the node joins has failed", &text);
                    return Err(failure.summarised("A task of Proxmox failed"));
                }
                Progress::Done => sent = Sent::Before,
                Progress::Running | Progress::Unknown => {}
            },
            Sent::Lost(reason) if member.is_some() && !is_listed => match door.running(node, TASK, &call).await {
                Some(task) => sent = Sent::Task(task),
                None if looked >= LOOKS_FOR_LOST => return Err(lost(node, reason)),
                None => looked += 1,
            },
            Sent::Failed(text) if member.is_some() => {
                return Err(failed(planned, is_listed, "`pvecm add` has failed on the node", text));
            }
            Sent::Before | Sent::Lost(_) | Sent::Overtaken | Sent::Failed(_) => {}
        }
        if !looks.pause(op.configured.pace).await {
            return Err(unfinished(op, planned, member.as_ref(), ""));
        }
    }
}

/// The time is over, or the user has interrupted: the node continues by itself.
fn unfinished(op: &OpContext<'_>, planned: &ClusterMember, member: Option<&Membership>, last: &str) -> Failure {
    let node = &planned.node;
    let why = if op.cx.stop.is_cancelled() { "interrupted" } else { "it timed out" };
    let last = match member {
        Some(member) if member.lists(node.as_str()) => {
            let quorum = if member.quorate { "has" } else { "has no" };
            format!(
                "{} lists the node, which is not online there yet; the cluster {quorum} quorum. If that stays so, start `corosync` and \
                 `pve-cluster` on {node}, or restart it.",
                member.local
            )
        }
        Some(member) => format!("{} does not list the node yet.", member.local),
        None => last.to_owned(),
    };
    Failure::refused(format!(
        "{node}: {why} while the node joins, which it continues without this apply. Apply again: it waits for the rest.\n{last}"
    ))
}

/// Another process has begun a join after this one had looked, and the node is not online.
fn overtaken(node: &str, local: &str) -> Failure {
    Failure::refused(format!(
        "{node}: the `pvecm add` of another apply has run on the node, and {local} does not show the node as online. This apply has sent no \
         join.\nApply again: it continues from there."
    ))
}

fn failed(planned: &ClusterMember, is_listed: bool, what: &str, text: &str) -> Failure {
    let node = &planned.node;
    let next = if is_listed {
        "The cluster lists the node. Apply again: the join is completed.".to_owned()
    } else {
        format!(
            "Correct what is said below, then apply again. If it names a key or a configuration that exists already, the node has the rest of \
             an older cluster: install it anew, or run on {node}:\n{SEPARATE}"
        )
    };
    Failure::refused(format!("{node}: {what}.\n{next}\n{text}"))
}

/// The joining node could not log in to the member.
fn login_failed(planned: &ClusterMember, text: &str) -> Failure {
    let node = &planned.node;
    Failure::refused(format!(
        "{node}: it could not log in to the member as root@pam, and has nothing of the cluster.\nSet `peer_password_wo` to the password of \
         root@pam on the member, then apply again.\n{text}"
    ))
    .at(Path::attribute("peer_password_wo"))
}

fn lost(node: &str, reason: &str) -> Failure {
    Failure::refused(format!(
        "{node}: the response to the join was lost, and neither the node nor the cluster shows one. Apply again.\n{reason}"
    ))
}
