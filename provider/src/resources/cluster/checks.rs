//! What of a planned cluster the node can't become, found before anything is sent. Proxmox checks none of the links.

use pve_schemas::Cluster;

use super::SUBJECT;
use super::way::way;
use crate::framework::{Change, Diagnostic, Diagnostics, Failure, Path, Value};
use crate::resources::door::{self, Door};
use crate::resources::membership::{Membership, Requested, membership, newly};
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
            for failure in differences(&found, name, &Requested::of(prior, planned), coefficient) {
                diagnostics.push(failure.into_error("A cluster's links and votes are set when it is created"));
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

/// Refuses a cluster that is not as configured.
pub(super) fn demand_equal(found: &Membership, planned: &Cluster) -> Result<(), Failure> {
    let requested = Requested {
        links: planned.link.iter().map(|link| link.address.clone()).collect(),
        id: planned.node_id,
        votes: planned.votes,
    };
    differences(found, &planned.name, &requested, planned.token_coefficient).into_iter().next().map_or(Ok(()), Err)
}

/// What is configured otherwise than the cluster has it: no node has these links, votes and this number.
fn differences(found: &Membership, name: &str, requested: &Requested, coefficient: Option<i64>) -> Vec<Failure> {
    let has = |what: String| format!("{name}: {what}. {SET_ONCE}");
    let mut all = Vec::new();
    if !found.entries().any(|(_, entry)| entry.unlike(requested).is_none())
        && let Some(unlike) = found.entry(&found.local).and_then(|entry| entry.unlike(requested))
    {
        all.push(
            Failure::refused(has(format!("{} of {}", unlike.words, found.local))).at(Path::attribute(unlike.attribute)),
        );
    }
    if coefficient.is_some() && coefficient != found.token_coefficient {
        let is = found.token_coefficient.map_or_else(|| "not set".to_owned(), |number| number.to_string());
        let detail = has(format!("token_coefficient is {is} in the cluster"));
        all.push(Failure::refused(detail).at(Path::attribute("token_coefficient")));
    }
    all
}

/// Why a difference is an error, and the ways out.
pub(crate) const SET_ONCE: &str = "Proxmox VE sets this once, and has no call to change it. Nothing was changed.\nWrite what the \
                                   cluster has, or change it with `pve_corosync_options`.";

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
