//! A node that joins the cluster, and leaves it. The provider speaks to a member throughout; the joining node is only looked at
//! before the join, and asked to begin it.

mod access;
mod certificate;
mod checks;
mod cycle;
mod join;
mod joiner;
mod plan;
mod ports;
mod removal;
mod send;
mod stage;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use pve_schemas::ClusterMember;
use pve_schemas::cluster::MemberLink;
use pve_schemas::value::NodeName;

use super::cluster::{permit, validate_links};
use super::membership::{Membership, Requested, Unlike, addresses, membership, number};
use super::operations::OpContext;
use super::ssh_resource::SshResource;
use crate::client::DomainPermit;
use crate::framework::{Change, Diagnostics, Failure, Freshness, Path, Value};

/// What the list of members is called in messages.
const SUBJECT: &str = "the members of the cluster";

impl SshResource for ClusterMember {
    const NEEDS_SSH: bool = false;

    fn id(object: &Value) -> Option<String> {
        object.at("node").as_str().map(str::to_owned)
    }

    fn parse_id(id: &str) -> Result<Value, String> {
        id.parse::<NodeName>().map_err(|malformed| malformed.0)?;
        Ok(Value::object([("node", Value::from(id))]))
    }

    fn validate(config: &Value, diagnostics: &mut Diagnostics) {
        validate_links(config, diagnostics);
    }

    async fn preflight(op: &OpContext<'_>, change: Change<'_>) -> Diagnostics {
        plan::of_change(op, change).await
    }

    async fn preflight_destroy(op: &OpContext<'_>, prior: &Value) -> Diagnostics {
        removal::of_destroy(op, prior).await
    }

    /// One change of the membership at a time: the next one waits until the one before is complete.
    async fn permit(op: &OpContext<'_>) -> Result<Option<DomainPermit>, Failure> {
        permit(op, SUBJECT).await
    }

    async fn find(op: &OpContext<'_>, object: &Value, _: Freshness) -> Result<Option<(Self, Option<String>)>, Failure> {
        let found = membership(op, SUBJECT).await?;
        let node = object.at("node").as_str().unwrap_or_default();
        Ok(noun(&found, node, object).map(|noun| (noun, None)))
    }

    /// A member of this name is this one: the create completes a join that has begun.
    async fn find_existing(_: &OpContext<'_>, _: &Value) -> Result<Option<(Self, Option<String>)>, Failure> {
        Ok(None)
    }

    async fn create(op: &OpContext<'_>, planned: &Self) -> Result<(), Failure> {
        join::run(op, planned).await
    }

    /// Proxmox has no such call: what is configured has to be what the cluster has.
    async fn update(op: &OpContext<'_>, from: &Self, _: Option<&str>, to: &Self) -> Result<(), Failure> {
        let (found, node) = (membership(op, SUBJECT).await?, to.node.as_str());
        let requested = Requested { is_part: from.link.len() == to.link.len(), ..requested(to) };
        let unlike = found.entry(node).and_then(|entry| entry.unlike(&requested));
        unlike.map_or(Ok(()), |unlike| Err(set_once(node, &unlike)))
    }

    async fn delete(op: &OpContext<'_>, state: &Self) -> Result<(), Failure> {
        removal::run(op, state).await
    }

    /// The nodes take over the list without it a moment after it was written.
    async fn wait_deleted(op: &OpContext<'_>, state: &Self) -> Result<(), Failure> {
        removal::until_gone(op, state.node.as_str()).await
    }

    /// All but the node that answers, as which the cluster itself is listed.
    async fn list(op: &OpContext<'_>) -> Result<Vec<Self>, Failure> {
        let found = membership(op, SUBJECT).await?;
        let others = found.entries().filter(|(name, _)| *name != found.local);
        Ok(others.filter_map(|(name, _)| noun(&found, name, &Value::Null)).collect())
    }
}

/// The member as it is. Of what is set when it joins, a state shows what it has configured; an import has the links.
fn noun(found: &Membership, name: &str, object: &Value) -> Option<ClusterMember> {
    let node = found.nodes.get(name)?;
    let entry = node.entry.as_ref()?;
    let link = |address: &str| MemberLink { address: address.to_owned() };
    // What has not been read yet is neither online nor offline.
    let is_known = !object.at("online").is_null() && object.at("link").elements().is_some();
    let known = is_known.then(|| entry.links_like(&addresses(object)));
    let written = known.map(|known| known.iter().map(|(_, address)| link(address)).collect());
    Some(ClusterMember {
        node: name.parse().ok()?,
        address: object
            .at("address")
            .as_str()
            .map(str::to_owned)
            .or(node.ip.clone())
            .unwrap_or_else(|| name.to_owned()),
        link: written.unwrap_or_else(|| entry.links.values().map(|address| link(address)).collect()),
        votes: number(object, "votes").map(|_| entry.votes),
        node_id: number(object, "node_id").and(entry.id),
        ssh: None,
        root_password_wo: None,
        root_password_wo_version: None,
        peer_password_wo: None,
        peer_password_wo_version: None,
        fingerprint: None,
        qdevice_handling: None,
        clean_up: None,
        online: Some(node.online),
    })
}

/// What is configured of its entry.
fn requested(planned: &ClusterMember) -> Requested {
    let links = planned.link.iter().map(|link| link.address.clone()).collect();
    Requested { links, id: planned.node_id, votes: planned.votes, ..Requested::default() }
}

/// What is set when a node joins is configured otherwise.
fn set_once(node: &str, unlike: &Unlike) -> Failure {
    Failure::refused(format!("{node}: {}. {}", unlike.words, super::cluster::way_out(unlike.attribute)))
        .at(Path::attribute(unlike.attribute))
}
