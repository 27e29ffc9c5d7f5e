//! The request to join, by either way. Both send the same: an address of the member, the links, the number and the votes.

use std::time::Duration;

use pve_schemas::ClusterMember;
use serde_json::Value as Json;

use super::access;
use crate::call::Call;
use crate::client::{Client, LockDomain, Params};
use crate::explain::explain;
use crate::framework::{Cause, Failure, Path};
use crate::resources::door::Door;
use crate::resources::membership::{Entry, Membership};
use crate::resources::operations::OpContext;
use crate::resources::over_ssh::ssh_failure;
use crate::ssh::{Command, ErrorKind, Line, Ssh};

/// How long `pvecm add` may take: it waits for quorum.
const COMMAND_TIMEOUT: Duration = Duration::from_mins(5);

/// What a `pvecm add` of the provider holds on the joining node while it runs, with or without its client: no other one starts then.
const LOCK: &str = "/run/terraform-provider-pve.join.lock";

/// Runs its arguments unless the node has become a member of a cluster since it was looked at.
const ONCE: &str = r#"[ ! -e /etc/pve/corosync.conf ] || exit 201; exec "$@""#;

/// The exit codes of a join that was not begun: another one holds the lock, or has ended meanwhile. No errno is as large.
const HELD: &str = "200";
const NOT_BEGUN: [u32; 2] = [200, 201];

/// What was sent, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sent {
    /// It has been carried out, or was sent by an apply before this one.
    Before,
    /// This is the task.
    Task(String),
    /// The response was lost.
    Lost(String),
    /// Nothing was sent: the join of another process has begun meanwhile.
    Overtaken,
    /// `pvecm` has failed, and said this.
    Failed(String),
}

/// Whether a `pvecm add` is at work on the joining node, with or without its client; none if the node can't be asked.
pub(super) async fn is_running(door: &Door, call: &Call) -> Option<bool> {
    let Door::Shell { ssh, node } = door else { return Some(false) };
    // The brackets keep the pattern from matching the command line that it is in.
    let command = Command::new("pgrep").args(["-f", "[p]vecm add "]).reading();
    ssh.run(node, &command, call).await.ok().map(|output| output.is_success())
}

/// The member that lets the node in.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Peer {
    address: String,
    fingerprint: String,
}

/// Sends the join; over `claimed`, the entry that an earlier one has left.
pub(super) async fn run(
    op: &OpContext<'_>,
    door: &Door,
    member: &Membership,
    planned: &ClusterMember,
    claimed: Option<&Entry>,
) -> Result<Sent, Failure> {
    let peer = peer(op, &member.local, planned.node.as_str()).await?;
    let arguments = arguments(member, planned, claimed);
    match door {
        Door::Https(joiner) => post(op, joiner, planned, &peer, &arguments).await,
        Door::Shell { ssh, node } => {
            access::demand(op, ssh, node, &member.local, &peer.address).await?;
            pvecm(op, ssh, node, &peer, &arguments).await
        }
    }
}

/// What both ways send beside the member.
fn arguments(member: &Membership, planned: &ClusterMember, claimed: Option<&Entry>) -> Vec<(String, String)> {
    let numbers = member.link_numbers();
    let number = |index: usize| numbers.get(index).copied().unwrap_or(u32::try_from(index).unwrap_or_default());
    let links = planned.link.iter().enumerate();
    let links = links.map(|(index, link)| (format!("link{}", number(index)), link.address.clone()));
    // An entry is overwritten only by one of the same number and votes.
    let id = claimed.map_or(planned.node_id, |entry| entry.id);
    let votes = claimed.map_or(planned.votes, |entry| Some(entry.votes));
    let force = claimed.map(|_| 1);
    let numbers = [("nodeid", id), ("votes", votes), ("force", force)];
    links.chain(numbers.into_iter().filter_map(|(name, number)| Some((name.to_owned(), number?.to_string())))).collect()
}

/// The address and the certificate of the member that answers, as the cluster has them.
async fn peer(op: &OpContext<'_>, local: &str, node: &str) -> Result<Peer, Failure> {
    let answer: Json =
        op.client().get("/cluster/config/join", &op.call()).await.map_err(|error| explain(node, &error))?;
    let rows = answer["nodelist"].as_array().into_iter().flatten();
    let row = rows.into_iter().find(|row| row["name"] == local);
    let text = |name: &str| row.and_then(|row| row[name].as_str()).unwrap_or_default().to_owned();
    Ok(Peer { address: text("pve_addr"), fingerprint: text("pve_fp") })
}

async fn post(
    op: &OpContext<'_>,
    joiner: &Client,
    planned: &ClusterMember,
    peer: &Peer,
    arguments: &[(String, String)],
) -> Result<Sent, Failure> {
    let node = planned.node.as_str();
    let Some(password) = &planned.peer_password_wo else {
        return Err(Failure::refused(format!(
            "{node}: a join by the API needs the password of root@pam on the member. Nothing was sent.\nSet `peer_password_wo` and \
             `peer_password_wo_version`, or join over SSH: add an `ssh` block to the provider block."
        ))
        .at(Path::attribute("peer_password_wo")));
    };
    let mut params = Params::new();
    params.set("hostname", &peer.address).set("fingerprint", &peer.fingerprint).set("password", &password.0);
    for (name, value) in arguments {
        params.set(name.clone(), value);
    }
    let permit = joiner.permit(LockDomain::Other, &op.call()).await.map_err(|error| explain(node, &error))?;
    match joiner.post("/cluster/config/join", &params, &permit, &op.call()).await {
        Ok(answer) => Ok(answer.as_str().map_or(Sent::Before, |upid| Sent::Task(upid.to_owned()))),
        Err(error) if error.is_ambiguous() => Ok(Sent::Lost(error.quote())),
        Err(error) => Err(explain(node, &error)),
    }
}

async fn pvecm(
    op: &OpContext<'_>,
    ssh: &Ssh,
    node: &str,
    peer: &Peer,
    arguments: &[(String, String)],
) -> Result<Sent, Failure> {
    let words = arguments.iter().flat_map(|(name, value)| [format!("--{name}"), value.clone()]);
    let alone = ["-n", "-E", HELD, LOCK, "bash", "-c", ONCE, "bash"];
    let command = Command::new("flock").args(alone).args(["pvecm", "add", &peer.address]).args(words).arg("--use_ssh");
    let mut on_line = |line: Line<'_>| tracing::info!(node, "pvecm: {}", line.text());
    let output = ssh.run_with(node, &command.may_take(COMMAND_TIMEOUT), &op.call(), &mut on_line).await;
    if output.as_ref().is_ok_and(|output| NOT_BEGUN.contains(&output.exit)) {
        return Ok(Sent::Overtaken);
    }
    match output.and_then(crate::ssh::Output::success) {
        Ok(_) => Ok(Sent::Before),
        Err(error) if error.kind() == ErrorKind::Failed => Ok(Sent::Failed(error.quote())),
        Err(error) => match ssh_failure(node)(error) {
            failure if failure.cause == Cause::Ambiguous => Ok(Sent::Lost(failure.detail)),
            failure => Err(failure),
        },
    }
}

#[cfg(test)]
mod tests {
    use pve_schemas::cluster::MemberLink;
    use serde_json::json;

    use super::*;
    use crate::resources::cluster_member::testing;

    #[test]
    fn links_have_the_numbers_of_the_cluster() {
        let entry = json!({"name": "pva", "nodeid": "1", "quorum_votes": "1", "ring0_addr": "a", "ring3_addr": "b"});
        let member = Membership::of(&[], &[entry], &Json::Null);
        let link = |address: &str| MemberLink { address: address.to_owned() };
        let planned = ClusterMember {
            link: vec![link("10.0.0.12"), link("10.3.0.12")],
            votes: Some(0),
            ..testing::member("pvb", "10.0.0.12")
        };
        let words = |claimed: Option<&Entry>| -> Vec<String> {
            arguments(&member, &planned, claimed).into_iter().map(|(name, value)| format!("{name}={value}")).collect()
        };
        assert_eq!(words(None), ["link0=10.0.0.12", "link3=10.3.0.12", "votes=0"]);
        let entry = Entry { id: Some(2), votes: 0, ..Entry::default() };
        assert_eq!(words(Some(&entry)), ["link0=10.0.0.12", "link3=10.3.0.12", "nodeid=2", "votes=0", "force=1"]);
    }
}
