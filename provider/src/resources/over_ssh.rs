//! The common part of the nouns on the nodes, beside their operations: the nodes, the cluster's files, quorum, and the
//! meaning of failed commands.

use std::sync::Arc;

use pve_schemas::noun::Noun;
use serde_json::Value as Json;

use super::explain;
use super::operations::OpContext;
use crate::client::{Call, Client, Collection};
use crate::explain;
use crate::framework::{Cause, Diagnostic, Failure, Freshness};
use crate::session::SshAccess;
use crate::ssh::ClusterFile;

/// The nodes of the cluster, as the node that answers sees them.
pub async fn members(op: &OpContext<'_>) -> Result<Vec<Member>, Failure> {
    let listing = op.client().list(Collection::ClusterStatus, &op.call()).await;
    let rows: Vec<Json> =
        listing.and_then(|listing| listing.all()).map_err(|error| explain("the list of nodes", &error))?;
    Ok(in_order(&rows))
}

/// As [`members`], by a request of its own within `call`: what this process has seen before may be hours old.
pub async fn members_now(client: &Client, call: &Call) -> Result<Vec<Member>, Failure> {
    let rows: Vec<Json> = client
        .get(Collection::ClusterStatus.path(), call)
        .await
        .map_err(|error| explain("the list of nodes", &error))?;
    Ok(in_order(&rows))
}

/// The nodes in the answer of `/cluster/status`, by name.
pub fn in_order(rows: &[Json]) -> Vec<Member> {
    let nodes = rows.iter().filter(|row| row["type"] == "node");
    let mut members: Vec<Member> = nodes
        .filter_map(|row| {
            let is = |name: &str| row[name].as_i64() == Some(1);
            Some(Member { name: row["name"].as_str()?.to_owned(), online: is("online"), local: is("local") })
        })
        .collect();
    members.sort_by(|a, b| a.name.cmp(&b.name));
    members
}

/// Whether `node` is one of `members`, and online.
pub fn is_online(members: &[Member], node: &str) -> bool {
    members.iter().any(|member| member.name == node && member.online)
}

/// A node of the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Whether the node is in the same cluster partition as the node that answers the request.
    pub online: bool,
    /// Whether it is the node that answers.
    pub local: bool,
}

/// The node on which to do what concerns the whole cluster: the one that answers the API, since it is up.
///
/// # Errors
/// None is online.
pub fn any_node<'a>(members: &'a [Member], but: Option<&str>) -> Result<&'a str, Failure> {
    let online = || members.iter().filter(|member| member.online);
    let candidates = || online().filter(|member| Some(member.name.as_str()) != but);
    let node = candidates().find(|member| member.local).or_else(|| candidates().next()).or_else(|| online().next());
    node.map(|member| member.name.as_str())
        .ok_or_else(|| Failure::refused("No node of the cluster is online. Nothing was changed."))
}

/// A file of the cluster, as any of its nodes has it; none if there is no such file.
pub async fn cluster_file(
    op: &OpContext<'_>,
    object: &str,
    file: &ClusterFile,
    freshness: Freshness,
) -> Result<Option<Arc<str>>, Failure> {
    let node = any_node(&members(op).await?, None)?.to_owned();
    let (ssh, call) = (op.ssh()?, op.call());
    let text = match freshness {
        Freshness::Shared => file.read_shared(&ssh, &node, &call).await,
        Freshness::Fresh | Freshness::Written => file.read(&ssh, &node, &call).await.map(|text| text.map(Arc::from)),
    };
    text.map_err(ssh_failure(object))
}

/// Why an edit of a file failed.
pub enum EditFailed {
    Ssh(crate::ssh::Error),
    Reported(Failure),
}

impl From<crate::ssh::Error> for EditFailed {
    fn from(error: crate::ssh::Error) -> Self {
        Self::Ssh(error)
    }
}

/// The error of a plan for a noun that needs SSH where the provider block has none.
pub fn missing_ssh<N: Noun>(op: &OpContext<'_>) -> Option<Diagnostic> {
    match (&op.configured.ssh, op.ssh()) {
        (SshAccess::Absent, Err(failure)) => Some(failure.into_error(format!("{} needs SSH", N::NAME))),
        _ => None,
    }
}

/// What a failed command means for the object called `object`.
pub fn ssh_failure(object: &str) -> impl Fn(crate::ssh::Error) -> Failure + '_ {
    move |error| explain::ssh::explain(object, &error)
}

/// What a failed write means: an exit code does not say whether the program changed anything before.
pub fn ambiguous_failure(object: &str) -> impl Fn(crate::ssh::Error) -> Failure + '_ {
    move |error| {
        let failure = explain::ssh::explain(object, &error);
        if error.kind() == crate::ssh::ErrorKind::Failed {
            Failure { cause: Cause::Ambiguous, ..failure }
        } else {
            failure
        }
    }
}

/// Waits until a write over SSH may be tried again that was refused without quorum, with all other writers.
///
/// # Errors
/// The operation ends before there is quorum.
pub async fn await_quorum(op: &OpContext<'_>, object: &str, refusal: crate::ssh::Error) -> Result<(), Failure> {
    let refusal = refusal.quote();
    let waited = op.client().await_quorum(&refusal, &op.call()).await;
    waited.map_err(|vain| explain::ssh::no_quorum(object, &vain, &refusal))
}

/// Waits until there is quorum, for a program that would otherwise stop in the middle.
///
/// # Errors
/// The operation ends before there is quorum.
pub async fn demand_quorum(op: &OpContext<'_>, object: &str) -> Result<(), Failure> {
    let rows = get(op, object, Collection::ClusterStatus).await?;
    let cluster = rows.as_array().into_iter().flatten().find(|row| row["type"] == "cluster");
    // A node on its own needs none.
    if cluster.is_none_or(|row| row["quorate"] == 1) {
        return Ok(());
    }
    let refusal = "PVE: quorate 0 (GET /cluster/status)";
    let waited = op.client().await_quorum(refusal, &op.call()).await;
    waited.map_err(|vain| explain::ssh::no_quorum(object, &vain, refusal))
}

/// A read of the API, typed as JSON.
pub async fn get(op: &OpContext<'_>, object: &str, collection: Collection) -> Result<Json, Failure> {
    op.client().get(collection.path(), &op.call()).await.map_err(|error| explain(object, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_for_the_whole_cluster_runs_on_the_node_that_answers_the_api() {
        let member = |name: &str, online, local| Member { name: name.to_owned(), online, local };
        let members = [member("pve1", false, false), member("pve2", true, false), member("pve3", true, true)];
        assert_eq!(any_node(&members, None).unwrap(), "pve3");
        assert_eq!(any_node(&members, Some("pve3")).unwrap(), "pve2");
        assert_eq!(any_node(&members[2..], Some("pve3")).unwrap(), "pve3");
        assert!(any_node(&members[..1], None).is_err());
    }
}
