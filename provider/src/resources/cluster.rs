//! The cluster itself: made of the node that answers, adopted where it exists, and never taken apart.

mod checks;
mod create;
pub(super) mod way;

use pve_schemas::Cluster;
use pve_schemas::cluster::Link;

pub(super) use self::checks::way_out;
use super::membership::{Entry, Membership, addresses, effective, membership, number};
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
    async fn update(op: &OpContext<'_>, from: &Self, _: Option<&str>, to: &Self) -> Result<(), Failure> {
        checks::demand_equal(&membership(op, SUBJECT).await?, Some(from), to)
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

/// The cluster as it is. Of what is set at its creation, a state shows what it has configured; an import has the links of the node
/// that answers.
fn noun(found: &Membership, name: &str, object: &Value) -> Cluster {
    let known = object.at("node").as_str();
    let node = found.founder(known);
    let entry = node.map(|(_, entry)| entry);
    // What has not been read yet has no version.
    let is_known = !object.at("config_version").is_null() && object.at("link").elements().is_some();
    let links = match entry {
        Some(entry) if is_known => shown_links(found, entry, object),
        Some(entry) => {
            let priority = |number: &u32| found.priorities.get(number).copied();
            let link =
                |(number, address): (&u32, &String)| Link { address: address.clone(), priority: priority(number) };
            entry.links.iter().map(link).collect()
        }
        // The node has left the cluster, and nothing is left to compare.
        None => written_links(object),
    };
    let set = |name: &str, found: Option<i64>| {
        number(object, name).and_then(|set| if entry.is_some() { found } else { Some(set) })
    };
    Cluster {
        name: name.to_owned(),
        link: links,
        token_coefficient: number(object, "token_coefficient").and(found.token_coefficient),
        votes: set("votes", entry.map(|entry| entry.votes)),
        node_id: set("node_id", entry.and_then(|entry| entry.id)),
        config_version: found.config_version,
        node: Some(known.unwrap_or(&found.local).to_owned()),
        nodes: Some(found.entries().map(|(name, _)| name.to_owned()).collect()),
    }
}

fn written_links(object: &Value) -> Vec<Link> {
    let links = object.at("link").elements().unwrap_or_default().iter();
    let link = |link: &Value| {
        Some(Link { address: link.at("address").as_str()?.to_owned(), priority: number(link, "priority") })
    };
    links.filter_map(link).collect()
}

/// What the cluster has of the links of `object`: of their priorities, those that are set.
fn shown_links(found: &Membership, entry: &Entry, object: &Value) -> Vec<Link> {
    let links = entry.links_like(&addresses(object)).into_iter().zip(written_links(object));
    let link = |((number, address), written): ((u32, String), Link)| {
        let now = found.priority(number);
        let priority = written.priority.map(|set| if effective(Some(set)) == now { set } else { now });
        Link { address, priority }
    };
    links.map(link).collect()
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Two nodes and their two links, as pvb sees them.
    fn found() -> Membership {
        let status = [
            json!({"type": "cluster", "name": "newclu", "quorate": 1}),
            json!({"type": "node", "name": "pva", "local": 0, "online": 0}),
            json!({"type": "node", "name": "pvb", "local": 1, "online": 1}),
        ];
        let entries = [
            json!({"name": "pva", "nodeid": "2", "quorum_votes": "1", "ring0_addr": "10.0.0.11", "ring1_addr": "10.1.0.11"}),
            json!({"name": "pvb", "nodeid": "1", "quorum_votes": "3", "ring0_addr": "10.0.0.12", "ring1_addr": "10.1.0.12"}),
        ];
        let interfaces = json!({"0": {"linknumber": "0", "knet_link_priority": "20"}});
        Membership::of(&status, &entries, &json!({"cluster_name": "newclu", "interface": interfaces}))
    }

    fn state(node: Value, address: &str, priority: Value) -> Value {
        let link = Value::object([("address", address.into()), ("priority", priority)]);
        Value::object([
            ("node", node),
            ("config_version", 1.into()),
            ("link", Value::List(vec![link])),
            ("votes", 1.into()),
        ])
    }

    /// The node, its only address and that one's priority, and its votes.
    fn shown(node: Value, address: &str, priority: Value) -> (String, String, Option<i64>, Option<i64>) {
        let cluster = noun(&found(), "newclu", &state(node, address, priority));
        let [link] = &cluster.link[..] else { panic!("{:?}", cluster.link) };
        (cluster.node.unwrap(), link.address.clone(), link.priority, cluster.votes)
    }

    #[test]
    fn what_is_configured_is_that_of_the_node_that_the_cluster_was_made_of() {
        let is = |node: &str, address: &str, priority, votes| (node.to_owned(), address.to_owned(), priority, votes);
        // Another node may answer.
        assert_eq!(shown("pva".into(), "10.0.0.11", Value::Null), is("pva", "10.0.0.11", None, Some(1)));
        assert_eq!(shown("pva".into(), "10.0.0.19", 30.into()), is("pva", "10.0.0.11", Some(20), Some(1)));
        // Corosync's default, which is not in the file.
        assert_eq!(shown("pva".into(), "10.1.0.11", 1.into()), is("pva", "10.1.0.11", Some(1), Some(1)));
        assert_eq!(shown("pva".into(), "10.1.0.11", 9.into()), is("pva", "10.1.0.11", Some(1), Some(1)));
        // It has left the cluster: nothing to compare.
        assert_eq!(shown("pvz".into(), "10.0.0.9", 9.into()), is("pvz", "10.0.0.9", Some(9), Some(1)));
        // Not known yet.
        assert_eq!(shown(Value::Unknown, "10.0.0.12", Value::Null), is("pvb", "10.0.0.12", None, Some(3)));
    }

    #[test]
    fn an_import_has_the_links_of_the_node_that_answers() {
        let cluster = noun(&found(), "newclu", &Value::object([("name", "newclu".into())]));
        let links: Vec<_> = cluster.link.iter().map(|link| (link.address.as_str(), link.priority)).collect();
        assert_eq!(links, [("10.0.0.12", Some(20)), ("10.1.0.12", None)]);
        assert_eq!((cluster.node.as_deref(), cluster.votes, cluster.node_id), (Some("pvb"), None, None));
    }
}
