//! The removal of a node that is off and has nothing left. Proxmox checks none of this: it stops corosync on a node that is online,
//! after which the rest may have no quorum for the change itself.

use pve_schemas::ClusterMember;
use pve_schemas::cluster::QdeviceHandling;
use serde_json::Value as Json;

use super::join::has_qdevice;
use super::{SUBJECT, cycle};
use crate::client::{Collection, Params, path};
use crate::explain::explain;
use crate::framework::{Cause, Diagnostics, Failure, Value};
use crate::resources::cluster::way::{Way, way};
use crate::resources::door::Door;
use crate::resources::membership::{Membership, membership};
use crate::resources::operations::OpContext;
use crate::resources::over_ssh::ssh_failure;
use crate::ssh::{Command, ErrorKind, node_file};
use crate::words::{after_changes, counted};

/// The summary of everything that keeps a node in the cluster.
const CANNOT_LEAVE: &str = "The node can't leave the cluster";

/// The keys that root of every member lets in.
const AUTHORIZED: &str = "/etc/pve/priv/authorized_keys";

pub(super) async fn run(op: &OpContext<'_>, state: &ClusterMember) -> Result<(), Failure> {
    let node = state.node.as_str();
    let member = membership(op, SUBJECT).await?;
    if !member.lists(node) {
        forget_key(op, state, &member.local).await?;
        forget_folder(op, state, &member.local).await?;
        return Err(Failure::new(Cause::Absent, format!("{node} is not a member of the cluster.")));
    }
    let cycles = state.qdevice_handling == Some(QdeviceHandling::Cycle);
    if let Some(failure) = obstacles(op, node, cycles).await?.into_iter().next() {
        return Err(failure.summarised(CANNOT_LEAVE));
    }
    // First, so that a removal which is interrupted in between is found again, and completed.
    forget_key(op, state, &member.local).await?;
    send(op, node, &member.local).await?;
    // pmxcfs keeps the folders of the nodes that are listed, and `pvecm` changes a QDevice only while all nodes are online.
    until_gone(op, node).await?;
    forget_folder(op, state, &member.local).await?;
    if cycles {
        let device = cycle::take_out(op, state).await.map_err(|failure| qdevice_as_it_was(node, failure))?;
        if let Some(device) = device {
            cycle::set_up(op, state, &device).await?;
        }
    }
    Ok(())
}

/// Waits until the members do not list the node any more.
pub(super) async fn until_gone(op: &OpContext<'_>, node: &str) -> Result<(), Failure> {
    let call = op.call();
    let mut looks = call.looks(format!("{node} to leave the list of members"));
    while membership(op, SUBJECT).await?.nodes.contains_key(node) {
        if !looks.pause(op.configured.pace).await {
            return Err(Failure::refused(format!(
                "{node}: it was removed, and the members still list it. Apply again when `pvecm nodes` does not."
            )));
        }
    }
    Ok(())
}

/// The failure of what follows the removal.
fn qdevice_as_it_was(node: &str, failure: Failure) -> Failure {
    let detail = format!(
        "{node}: it was removed from the cluster, and the QDevice still has the votes for it. Run `pvecm qdevice remove` and `pvecm qdevice \
         setup ADDRESS`.\n{}",
        after_changes(&failure.detail)
    );
    Failure { detail, ..failure }
}

async fn send(op: &OpContext<'_>, node: &str, local: &str) -> Result<(), Failure> {
    match way(op)? {
        Way::Api => {
            let target = path(["cluster", "config", "nodes", node]);
            let done = op.client().delete(target.as_str(), &Params::new(), op.permit()?, &op.call()).await;
            done.map(|_| ()).map_err(|error| explain(node, &error))
        }
        Way::Ssh => {
            let command = Command::new("pvecm").args(["delnode", node]);
            let done = op.ssh()?.run(local, &command, &op.call()).await.and_then(crate::ssh::Output::success);
            done.map(|_| ()).map_err(ssh_failure(node))
        }
    }
}

/// Everything that is in the way of a removal.
async fn obstacles(op: &OpContext<'_>, node: &str, cycles: bool) -> Result<Vec<Failure>, Failure> {
    let member = membership(op, SUBJECT).await?;
    if !member.lists(node) {
        return Ok(Vec::new());
    }
    let mut all = of_members(&member, node);
    let guests = Door::Https(op.client().clone()).guests(node, &op.call()).await?;
    if !guests.is_empty() {
        let ids: Vec<String> = guests.iter().map(ToString::to_string).collect();
        all.push(refused(
            node,
            &format!("it has guests ({})", ids.join(", ")),
            "Move them to other nodes, or remove them",
        ));
    }
    let Referrers { jobs, placed } = referrers(op, node).await?;
    if !jobs.is_empty() {
        let (what, remedy) = (jobs.join(", "), "Remove that first, with `force_destroy = true` since the node is off");
        all.push(refused(node, &format!("{what} copies to it"), remedy));
    }
    if !placed.is_empty() {
        let what = placed.join(", ");
        all.push(refused(node, &format!("{what} would be left without a node"), "Change or remove that first"));
    }
    if !cycles && has_qdevice(op).await {
        all.push(qdevice_stays(node));
    }
    Ok(all)
}

/// A QDevice, where the configuration did not say what becomes of it: that of the member is gone with its block.
fn qdevice_stays(node: &str) -> Failure {
    Failure::refused(format!(
        "{node}: the cluster has a QDevice, whose votes depend on the number of nodes. Nothing was changed.\nRestore the resource block of \
         {node} with `qdevice_handling = \"cycle\"`, apply it, and remove it again. Or destroy the `pve_qdevice` first."
    ))
}

/// What a plan says of a removal.
pub(super) async fn of_destroy(op: &OpContext<'_>, prior: &Value) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    let node = prior.at("node").as_str().unwrap_or_default();
    let cycles = prior.at("qdevice_handling").as_str() == Some("cycle");
    match obstacles(op, node, cycles).await {
        Ok(failures) => {
            for failure in failures {
                diagnostics.push(failure.into_error(CANNOT_LEAVE));
            }
        }
        // The delete itself finds out.
        Err(reason) => tracing::info!(node, reason = reason.detail, "the removal can't be checked yet"),
    }
    if !diagnostics.has_error() {
        diagnostics.warning(NEVER_AGAIN, never_again(node));
    }
    diagnostics
}

/// What the list of members says against it.
fn of_members(member: &Membership, node: &str) -> Vec<Failure> {
    let mut all = Vec::new();
    if member.local == node {
        let remedy = "Set another member as `endpoint` in the provider block";
        all.push(refused(node, "it is the node that the provider block names, and a node can't remove itself", remedy));
    } else if member.has_online(node) {
        let remedy = "Shut it down for good";
        all.push(refused(
            node,
            "it is online: Proxmox would stop its corosync, and it would go on as if it were a member",
            remedy,
        ));
    }
    let votes = member.votes_without(node);
    if !member.quorate {
        all.push(refused(node, "the cluster has no quorum now", "Bring more nodes, or the QNetd host, back"));
    } else if !votes.suffice() {
        let what = format!(
            "the other nodes that are online have {} of {}, which is no quorum",
            votes.present,
            counted(votes.expected, "vote")
        );
        all.push(refused(node, &what, "Bring more of the other nodes back"));
    }
    all
}

/// What on the cluster names this node alone.
struct Referrers {
    /// Replication jobs to it.
    jobs: Vec<String>,
    /// HA rules or groups.
    placed: Vec<String>,
}

async fn referrers(op: &OpContext<'_>, node: &str) -> Result<Referrers, Failure> {
    let call = op.call();
    let list = async |collection: Collection| -> Result<Vec<Json>, Failure> {
        let rows = op.client().get_with::<Vec<Json>>(collection.path(), &collection.query(), &call).await;
        rows.map_err(|error| explain(node, &error))
    };
    let jobs = list(Collection::ReplicationJobs).await?;
    let ends = jobs.iter().filter(|job| job["target"] == node);
    let mut jobs_to: Vec<String> =
        ends.filter_map(|job| Some(format!("the replication job {}", job["id"].as_str()?))).collect();
    let is_pve_8 = op.client().version(&call).await.is_ok_and(|version| version.major < 9);
    let (placed, what, key) = if is_pve_8 {
        (list(Collection::HaGroups).await?, "the HA group", "group")
    } else {
        (list(Collection::HaRules).await?, "the HA rule", "rule")
    };
    let alone = placed.iter().filter(|entry| names_alone(entry["nodes"].as_str().unwrap_or_default(), node));
    let mut names: Vec<String> = alone.filter_map(|entry| Some(format!("{what} {}", entry[key].as_str()?))).collect();
    jobs_to.sort_unstable();
    names.sort_unstable();
    Ok(Referrers { jobs: jobs_to, placed: names })
}

/// Whether a list of nodes with priorities, `pve1:2,pve2`, is this node alone.
fn names_alone(nodes: &str, node: &str) -> bool {
    let mut names = nodes.split([',', ';', ' ']).filter(|name| !name.is_empty()).peekable();
    names.peek().is_some() && names.all(|name| name.split(':').next() == Some(node))
}

fn refused(node: &str, why: &str, remedy: &str) -> Failure {
    Failure::refused(format!("{node}: {why}. Nothing was changed.\n{remedy}, then apply again."))
}

/// The summary of what a person has to see to.
const NEVER_AGAIN: &str = "A removed node must not come back as it was";

/// What a person has to see to.
fn never_again(node: &str) -> String {
    format!(
        "{node}: never start it again in this network with its old configuration. It would take itself for a member, and could harm the \
         cluster. Install it anew."
    )
}

/// Removes the SSH key of a node, where that is configured: with it, root of that node could log in to every member.
async fn forget_key(op: &OpContext<'_>, state: &ClusterMember, local: &str) -> Result<(), Failure> {
    if state.clean_up != Some(true) {
        return Ok(());
    }
    let (ssh, call) = (op.ssh()?, op.call());
    let text = node_file::read(&ssh, local, AUTHORIZED, &call).await.map_err(ssh_failure(AUTHORIZED))?;
    match text.as_deref().and_then(|text| without_key(text, state.node.as_str())) {
        Some(text) => node_file::replace(&ssh, local, AUTHORIZED, &text, &call).await.map_err(ssh_failure(AUTHORIZED)),
        None => Ok(()),
    }
}

/// How often the removal of a folder is tried: pmxcfs forgets a node a moment after the members.
const TRIES: u32 = 10;

/// Removes the folder of a node that is not listed any more, where that is configured.
async fn forget_folder(op: &OpContext<'_>, state: &ClusterMember, local: &str) -> Result<(), Failure> {
    if state.clean_up != Some(true) {
        return Ok(());
    }
    let (ssh, call) = (op.ssh()?, op.call());
    let folder = format!("/etc/pve/nodes/{}", state.node);
    let command = Command::new("rm").args(["-rf", "--", &folder]);
    let mut looks = call.looks(format!("pmxcfs to let go of {folder}"));
    let mut tried = 0;
    loop {
        let done = ssh.run(local, &command, &call).await.and_then(crate::ssh::Output::success);
        let Err(error) = done else { return Ok(()) };
        tried += 1;
        if error.kind() != ErrorKind::Failed || tried >= TRIES || !looks.pause(op.configured.pace).await {
            // The node itself is gone: an error would keep what the next refresh does not find.
            op.cx.warn(
                "The folder of the node is left behind",
                left_behind(state.node.as_str(), &folder, local, &error.quote()),
            );
            return Ok(());
        }
    }
}

/// The node is gone, and its folder is not.
fn left_behind(node: &str, folder: &str, local: &str, refusal: &str) -> String {
    format!(
        "{node}: it is out of the cluster already, and its folder {folder} can't be removed.\nRun `rm -r {folder}` on {local}.\n{refusal}"
    )
}

/// The file without the key of root of `node`; none if it has none.
fn without_key(text: &str, node: &str) -> Option<String> {
    let owner = format!("root@{node}");
    let is_its = |line: &&str| line.split_whitespace().last() == Some(owner.as_str());
    text.lines().any(|line| is_its(&line)).then(|| {
        let kept = text.lines().filter(|line| !is_its(line));
        kept.flat_map(|line| [line, "\n"]).collect()
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn members(online: [bool; 3]) -> Membership {
        let mut status = vec![json!({"type": "cluster", "name": "c", "quorate": 1})];
        let mut entries = Vec::new();
        for (index, online) in online.into_iter().enumerate() {
            let name = format!("pve{}", index + 1);
            status.push(
                json!({"type": "node", "name": name, "local": i32::from(index == 0), "online": i32::from(online)}),
            );
            entries.push(json!({"name": name, "nodeid": (index + 1).to_string(), "quorum_votes": "1"}));
        }
        Membership::of(&status, &entries, &Json::Null)
    }

    #[test]
    fn only_a_node_that_is_off_leaves_and_the_rest_needs_quorum() {
        let found = |online, node| {
            let failures = of_members(&members(online), node);
            failures.into_iter().map(|failure| failure.detail).collect::<Vec<_>>().join("\n")
        };
        assert_eq!(found([true, true, false], "pve3"), "");
        assert!(found([true, true, true], "pve3").contains("it is online"));
        assert!(found([true, false, true], "pve1").contains("can't remove itself"));
        let text = found([true, false, false], "pve3");
        assert!(text.contains("1 of 2 votes, which is no quorum"), "{text}");
        // All others are there, and the votes of a QDevice are not.
        let lost = of_members(&Membership { quorate: false, ..members([true, true, false]) }, "pve3");
        assert!(lost.len() == 1 && lost[0].detail.contains("the cluster has no quorum now"), "{lost:?}");
    }

    #[test]
    fn a_list_of_one_node_names_it_alone() {
        assert!(names_alone("pve3", "pve3") && names_alone("pve3:2", "pve3"));
        assert!(!names_alone("pve3,pve1:2", "pve3") && !names_alone("pve1", "pve3") && !names_alone("", "pve3"));
    }

    #[test]
    fn the_key_of_the_node_and_no_other_is_removed() {
        let text = "ssh-rsa AAA root@pve1\nssh-rsa BBB root@pve3\n# x\n";
        assert_eq!(without_key(text, "pve3").as_deref(), Some("ssh-rsa AAA root@pve1\n# x\n"));
        assert_eq!(without_key(text, "pve2"), None);
    }
}
