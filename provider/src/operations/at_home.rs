//! What a node itself says: the list of the cluster is up to 10 s older, and has what a node last said before it went down.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value as Json;

use super::Run;
use crate::client::{Error, ErrorKind, path};
use crate::framework::{Cause, Failure};
use crate::resources::over_ssh::{any_node, is_online, members, members_now};
use crate::simulation::live::Guest;
use crate::ssh::ClusterFile;
use crate::{client, explain};

/// How long a node may take for one answer before it is looked at whether it is online.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);

/// The guests of all nodes, also those that the user may not see.
const ALL_GUESTS: &str = "/etc/pve/.vmlist";

/// The guests of `node` as it lists them now, by HA resource id.
///
/// # Errors
/// What the requests meet; an answer has fifteen seconds.
pub(super) async fn guests_of(run: &Run<'_>, node: &str) -> Result<BTreeMap<String, Guest>, Error> {
    let (mut guests, containers) = tokio::try_join!(of_kind(run, node, "qemu"), of_kind(run, node, "lxc"))?;
    guests.extend(containers);
    Ok(guests)
}

/// The same for VMs (`qemu`) or containers (`lxc`) alone.
///
/// # Errors
/// As [`guests_of`].
pub(super) async fn of_kind(run: &Run<'_>, node: &str, kind: &str) -> Result<BTreeMap<String, Guest>, Error> {
    let call = run.call().at_most(ANSWER_TIMEOUT);
    let rows: Vec<Json> = run.client().get(&path(["nodes", node, kind]), &call).await?;
    Ok(Guest::of_node(node, kind, &rows).into_iter().map(|guest| (guest.sid.clone(), guest)).collect())
}

/// Whether an error may be one of a node that does not respond, now or any more.
pub(super) fn is_silence(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Unreachable(_) | ErrorKind::Unanswered | ErrorKind::Expired)
}

/// Whether `node` is still online.
///
/// # Errors
/// It is not: what was under way on it has an unknown end.
pub(super) async fn demand_online(run: &Run<'_>, node: &str) -> Result<(), Failure> {
    let members = members_now(run.client(), &run.call()).await?;
    if is_online(&members, node) {
        return Ok(());
    }
    let text = format!(
        "{node}: the node is not online any more, and what its tasks have done is unknown. Look where its guests are, then \
         run the operation again."
    );
    Err(Failure::new(Cause::Ambiguous, text).summarised("The node is not online any more"))
}

/// The guests that the cluster has on `node`, by HA resource id: also those that the user may not see, which no list of the API
/// has.
///
/// # Errors
/// The file can't be read.
pub(super) async fn all_of(run: &Run<'_>, node: &str) -> Result<Vec<String>, Failure> {
    let host = any_node(&members(&run.op).await?, Some(node))?.to_owned();
    let (ssh, call) = (run.ssh()?, run.call());
    let file = ClusterFile::new(ALL_GUESTS, client::LockDomain::Ha.lock_name());
    let text = file.read(&ssh, &host, &call).await.map_err(|error| explain::ssh::explain(node, &error))?;
    parse(node, &text.unwrap_or_default()).ok_or_else(|| {
        Failure::refused(format!("{node}: {ALL_GUESTS} on {host} is not the list of guests. Nothing was changed."))
    })
}

fn parse(node: &str, text: &str) -> Option<Vec<String>> {
    let list: Json = serde_json::from_str(text).ok()?;
    let all = list["ids"].as_object()?.iter().filter(|(_, guest)| guest["node"] == node);
    let sids = all.map(|(vmid, guest)| format!("{}:{vmid}", if guest["type"] == "lxc" { "ct" } else { "vm" }));
    Some(sids.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_all_guests_has_those_of_every_node() {
        let text = r#"{"version": 3, "ids": {"100": {"node": "pve1", "type": "qemu", "version": 1},
            "101": {"node": "pve1", "type": "lxc", "version": 2}, "102": {"node": "pve2", "type": "qemu", "version": 3}}}"#;
        assert_eq!(parse("pve1", text).unwrap(), ["vm:100", "ct:101"]);
        assert!(parse("pve1", "").is_none() && parse("pve1", "{}").is_none());
    }
}
