//! The cluster itself: made of the node that answers, adopted where it exists, and never taken apart.

mod checks;
mod create;
pub(super) mod way;

use pve_schemas::Cluster;
use pve_schemas::cluster::Link;

pub(super) use self::checks::SET_ONCE;
use super::membership::{Membership, membership};
use super::operations::OpContext;
use super::ssh_resource::SshResource;
use crate::client::{DomainPermit, LockDomain};
use crate::framework::{Cause, Change, Diagnostics, Failure, Freshness, Path, Value};

/// What it is called in messages.
const SUBJECT: &str = "the cluster";

impl SshResource for Cluster {
    const NEEDS_SSH: bool = false;

    fn id(object: &Value) -> Option<String> {
        object.at("name").as_str().map(str::to_owned)
    }

    fn parse_id(id: &str) -> Result<Value, String> {
        pve_schemas::cluster::name(id)?;
        Ok(Value::object([("name", Value::from(id))]))
    }

    fn validate(config: &Value, diagnostics: &mut Diagnostics) {
        validate_links(config, diagnostics);
    }

    async fn preflight(op: &OpContext<'_>, change: Change<'_>) -> Diagnostics {
        checks::of_change(op, change).await
    }

    async fn preflight_destroy(op: &OpContext<'_>, prior: &Value) -> Diagnostics {
        let mut diagnostics = Diagnostics::new();
        // What is gone already can leave the state.
        let name = prior.at("name").as_str().unwrap_or_default();
        if !matches!(membership(op, SUBJECT).await, Ok(found) if found.name.as_deref() != Some(name)) {
            diagnostics.push(undissolvable(name).into_error("A cluster can't be destroyed"));
        }
        diagnostics
    }

    /// One change of the membership at a time: each needs the quorum that another one takes away for a while.
    async fn permit(op: &OpContext<'_>) -> Result<Option<DomainPermit>, Failure> {
        permit(op, SUBJECT).await
    }

    async fn find(op: &OpContext<'_>, object: &Value, _: Freshness) -> Result<Option<(Self, Option<String>)>, Failure> {
        let found = membership(op, SUBJECT).await?;
        let name = object.at("name").as_str();
        Ok(found.name.as_deref().filter(|found| Some(*found) == name).map(|name| (noun(&found, name, object), None)))
    }

    /// A cluster of this name is this one: the create takes it over, and completes one that does not run yet.
    async fn find_existing(_: &OpContext<'_>, _: &Value) -> Result<Option<(Self, Option<String>)>, Failure> {
        Ok(None)
    }

    async fn create(op: &OpContext<'_>, planned: &Self) -> Result<(), Failure> {
        create::run(op, planned).await
    }

    /// Proxmox has no such call: what is configured has to be what the cluster has.
    async fn update(op: &OpContext<'_>, _: &Self, _: Option<&str>, to: &Self) -> Result<(), Failure> {
        checks::demand_equal(&membership(op, SUBJECT).await?, to)
    }

    async fn delete(op: &OpContext<'_>, state: &Self) -> Result<(), Failure> {
        let found = membership(op, SUBJECT).await?;
        if found.name.as_deref() == Some(state.name.as_str()) {
            return Err(undissolvable(&state.name).summarised("A cluster can't be destroyed"));
        }
        Err(Failure::new(Cause::Absent, format!("{} is not in the cluster {}.", found.local, state.name)))
    }

    async fn list(op: &OpContext<'_>) -> Result<Vec<Self>, Failure> {
        let found = membership(op, SUBJECT).await?;
        Ok(found.name.as_deref().map(|name| noun(&found, name, &Value::Null)).into_iter().collect())
    }
}

/// The turn to change who is in the cluster.
pub(super) async fn permit(op: &OpContext<'_>, object: &str) -> Result<Option<DomainPermit>, Failure> {
    let permit = op.client().permit(LockDomain::Other, &op.call()).await;
    permit.map(Some).map_err(|error| super::explain(object, &error))
}

/// The cluster as it is; what is set at its creation is as `object` has it, and for an import as the oldest node has it.
fn noun(found: &Membership, name: &str, object: &Value) -> Cluster {
    // What has not been read yet has no version.
    let written = object.at("link").elements().filter(|_| !object.at("config_version").is_null()).map(|links| {
        let priority = |link: &Value| match link.at("priority") {
            Value::Number(number) => number.as_i64(),
            _ => None,
        };
        let link =
            |link: &Value| Some(Link { address: link.at("address").as_str()?.to_owned(), priority: priority(link) });
        links.iter().filter_map(link).collect()
    });
    let of_the_oldest = || {
        let links = found.oldest().into_iter().flat_map(|(_, entry)| &entry.links);
        let priority = |number: &u32| found.priorities.get(number).copied();
        links.map(|(number, address)| Link { address: address.clone(), priority: priority(number) }).collect()
    };
    Cluster {
        name: name.to_owned(),
        link: written.unwrap_or_else(of_the_oldest),
        token_coefficient: None,
        votes: None,
        node_id: None,
        config_version: found.config_version,
        nodes: Some(found.entries().map(|(name, _)| name.to_owned()).collect()),
    }
}

/// Links that corosync could not distinguish.
pub(super) fn validate_links(config: &Value, diagnostics: &mut Diagnostics) {
    let links = config.at("link").elements().unwrap_or_default();
    let most = pve_schemas::cluster::MAX_LINKS;
    if links.len() > most {
        diagnostics.error_at(
            Path::attribute("link").index(most),
            "Too many links",
            format!("Corosync has at most {most} links, and there are {} blocks. Remove some.", links.len()),
        );
    }
    for (index, link) in links.iter().enumerate() {
        let Some(address) = link.at("address").as_str() else { continue };
        let is_same = |other: &Value| {
            other.at("address").as_str().is_some_and(|other| pve_schemas::corosync::is_same_address(other, address))
        };
        if links.iter().take(index).any(is_same) {
            diagnostics.error_at(
                Path::attribute("link").index(index).field("address"),
                "The same address for two links",
                format!("{address} is the address of another link of this node. Each link has an address of its own."),
            );
        }
    }
}

fn undissolvable(name: &str) -> Failure {
    Failure::refused(format!(
        "{name}: Proxmox VE can't dissolve a cluster, and its nodes need it. Nothing was changed.\nTo stop managing it, replace \
         its resource block by this one and apply:\n\nremoved {{\n  from = pve_cluster.<name>\n  lifecycle {{\n    destroy = \
         false\n  }}\n}}\n\nOr run `terraform state rm pve_cluster.<name>`."
    ))
}
