//! What of a planned cluster the node can't become, found before anything is sent. Proxmox checks none of the links.

use pve_schemas::Cluster;

use super::SUBJECT;
use super::way::way;
use crate::framework::{Change, Diagnostic, Diagnostics, Failure, Path, Value};
use crate::resources::door::{self, Door};
use crate::resources::membership::{Entry, Membership, Requested, Unlike, effective, membership, newly};
use crate::resources::operations::OpContext;
use crate::session::SshAccess;

/// The plan-time checks of a create, and of a change, which there is no call for.
pub(super) async fn of_change(op: &OpContext<'_>, change: Change<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    // Without an answer the create itself finds out.
    let Ok(found) = membership(op, SUBJECT).await else { return diagnostics };
    let name = change.planned.at("name").as_str();
    match (change.prior, found.name.as_deref().or(found.configured.as_deref()), name) {
        (Some(prior), _, Some(name)) if prior.at("name").as_str() != Some(name) => {
            diagnostics.push(renamed(prior.at("name").as_str().unwrap_or_default(), name));
        }
        (_, _, None) => {}
        (_, Some(other), Some(name)) if other != name => {
            diagnostics.push(elsewhere(&found.local, other, name).into_error("The node is in another cluster"));
        }
        (prior, Some(_), Some(name)) => {
            let planned = change.planned;
            let coefficient = newly(prior, planned, "token_coefficient");
            let node = prior.and_then(|prior| prior.at("node").as_str());
            for failure in differences(&found, (name, node), &Requested::of(prior, planned), coefficient) {
                diagnostics.push(failure.into_error("A cluster's links and votes are set when it is created"));
            }
            if prior.is_none() && found.name.is_some() && !diagnostics.has_error() {
                diagnostics.warning_at(
                    Path::attribute("name"),
                    "The cluster exists already",
                    format!(
                        "{name}: {} is in this cluster already. Apply takes it over, and sends nothing.",
                        found.local
                    ),
                );
            }
        }
        (_, None, Some(_)) => unmade(op, &found, change.planned, &mut diagnostics).await,
    }
    diagnostics
}

/// The checks of a cluster that is to be created.
async fn unmade(op: &OpContext<'_>, found: &Membership, planned: &Value, diagnostics: &mut Diagnostics) {
    if let Err(failure) = way(op)
        && !matches!(op.configured.ssh, SshAccess::Deferred)
    {
        diagnostics.push(failure.into_error("The cluster can't be created with these credentials"));
    }
    let links = planned.at("link").elements().unwrap_or_default().iter();
    let addresses: Vec<&str> = links.filter_map(|link| link.at("address").as_str()).collect();
    if let Err(failure) = demand_addresses(op, &found.local, &addresses).await {
        diagnostics.push(failure.into_error("A link address is not on the node"));
    }
    if !planned.at("token_coefficient").is_null()
        && let Ok(version) = op.client().version(&op.call()).await
        && !version.is_at_least(9, 1)
    {
        let detail = format!(
            "{}: Proxmox VE {} does not have token_coefficient, which came with pve-cluster 9.1.0. Remove it.",
            found.local, version.version
        );
        diagnostics.error_at(
            Path::attribute("token_coefficient"),
            "token_coefficient needs a newer Proxmox VE",
            detail,
        );
    }
}

/// Refuses a link address that `node` does not have: Proxmox takes it, and corosync does not start.
pub(super) async fn demand_addresses(op: &OpContext<'_>, node: &str, requested: &[&str]) -> Result<(), Failure> {
    if requested.is_empty() {
        return Ok(());
    }
    let Some(addresses) = Door::Https(op.client().clone()).addresses(node, &op.call()).await else { return Ok(()) };
    let missing = door::missing(&addresses, requested.iter().copied());
    if missing.is_empty() {
        return Ok(());
    }
    let known: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    Err(Failure::refused(format!(
        "{node}: it does not have the address {}. Corosync would not start. Nothing was changed.\nIts addresses are {}.",
        missing.join(", "),
        known.join(", ")
    ))
    .at(Path::attribute("link")))
}

/// Refuses a cluster that is not as configured; `prior` is what was found of it in the state.
pub(super) fn demand_equal(found: &Membership, prior: Option<&Cluster>, planned: &Cluster) -> Result<(), Failure> {
    let requested = Requested {
        links: planned.link.iter().map(|link| link.address.clone()).collect(),
        priorities: planned.link.iter().map(|link| link.priority).collect(),
        is_part: prior.is_some_and(|prior| prior.link.len() == planned.link.len()),
        id: planned.node_id,
        votes: planned.votes,
    };
    let node = prior.and_then(|prior| prior.node.as_deref());
    let all = differences(found, (&planned.name, node), &requested, planned.token_coefficient);
    all.into_iter().next().map_or(Ok(()), Err)
}

/// What is configured otherwise than the cluster has it; `node` is that of which it was made, as far as it is known.
fn differences(
    found: &Membership,
    (name, node): (&str, Option<&str>),
    requested: &Requested,
    coefficient: Option<i64>,
) -> Vec<Failure> {
    let mut all = Vec::new();
    let mut note = |path: Path, attribute: &str, what: String| {
        all.push(Failure::refused(format!("{name}: {what}. {}", way_out(attribute))).at(path));
    };
    // Without that node there is nothing to compare with but the one that answers.
    if let Some((node, entry)) = found.founder(node).or_else(|| found.founder(None)) {
        match entry.unlike(requested) {
            Some(Unlike { attribute, words }) => {
                note(Path::attribute(attribute), attribute, format!("of {node}, {words}"));
            }
            None => {
                for (at, (link, now, set)) in priorities(found, entry, requested) {
                    let words =
                        format!("the priority of link {link} is {now} in the cluster and {set} in the configuration");
                    note(Path::attribute("link").index(at).field("priority"), "link", words);
                }
            }
        }
    }
    if coefficient.is_some() && coefficient != found.token_coefficient {
        let is = found.token_coefficient.map_or_else(|| "not set".to_owned(), |number| number.to_string());
        let words = format!("token_coefficient is {is} in the cluster");
        note(Path::attribute("token_coefficient"), "token_coefficient", words);
    }
    all
}

/// The links whose priority is another one: the number of the block, and the link, its priority now, and the configured one.
fn priorities(found: &Membership, entry: &Entry, requested: &Requested) -> Vec<(usize, (u32, i64, i64))> {
    let links = entry.counterparts(&requested.links).into_iter().zip(&requested.priorities).enumerate();
    let other = |(at, ((link, _), set)): (usize, ((u32, &str), &Option<i64>))| {
        let (now, set) = (found.priority(link), (*set)?);
        (effective(Some(set)) != now).then_some((at, (link, now, set)))
    };
    links.filter_map(other).collect()
}

/// Why a difference is an error, and the ways out of that attribute.
pub(crate) fn way_out(attribute: &str) -> &'static str {
    match attribute {
        "node_id" => {
            "A node keeps its number as long as it is a member. Nothing was changed.\nWrite what the cluster has, or remove the argument."
        }
        "votes" => {
            "Proxmox VE sets this once, and has no call to change it. Nothing was changed.\nWrite what the cluster has, or remove the \
             argument. Votes are changed in corosync.conf by hand (\"Edit corosync.conf\" in the documentation of `pvecm`); \
             `pve_corosync_options` changes links and timeouts only."
        }
        _ => {
            "Proxmox VE sets this once, and has no call to change it. Nothing was changed.\nWrite what the cluster has, or remove the \
             argument and set it with `pve_corosync_options`, which changes it in the cluster."
        }
    }
}

fn renamed(old: &str, new: &str) -> Diagnostic {
    Failure::refused(format!(
        "{old}: Proxmox VE can't rename a cluster, and {new} would be another one. Nothing was changed.\nWrite name = {old:?}."
    ))
    .at(Path::attribute("name"))
    .into_error("A cluster can't be renamed")
}

/// The node has a cluster of another name.
pub(super) fn elsewhere(node: &str, other: &str, name: &str) -> Failure {
    Failure::refused(format!(
        "{node}: the node is in the cluster {other:?}, and can't be in {name:?}, too. Nothing was changed.\nWrite name = \
         {other:?}, or set a node on its own as `endpoint`."
    ))
    .at(Path::attribute("name"))
}
