//! Whether a node is empty: what runs there, and what is about to, as the node itself says.

use std::collections::BTreeSet;

use pve_schemas::rest::Collection;
use serde_json::Value as Json;

use super::{Run, at_home, tasks};
use crate::explain::explain;
use crate::framework::{Cause, Failure};
use crate::resources::node_maintenance;
use crate::simulation::live::Guest;

/// Waits until nothing runs on `node` but guests of `left`, and nothing is started there or on its way. Returns early with
/// the guests without HA that run there: they were started meanwhile.
///
/// # Errors
/// The node does not stay online, or the operation ends before.
pub(super) async fn await_empty(run: &Run<'_>, node: &str, left: &BTreeSet<String>) -> Result<Vec<String>, Failure> {
    let call = run.call();
    let mut looks = call.looks(format!("no guest to run on {node}"));
    loop {
        let seen = look(run, node, left).await?;
        match &seen {
            Seen::Newcomers(newcomers) => return Ok(newcomers.clone()),
            Seen::Empty => return Ok(Vec::new()),
            Seen::Busy(_) => {}
        }
        if !looks.pause(run.pace()).await {
            let Seen::Busy(what) = seen else { return Ok(Vec::new()) };
            let text = format!("{node}: {what}. Run the evacuation again.");
            return Err(Failure::new(Cause::Ambiguous, text).summarised("The node is not empty"));
        }
    }
}

/// The failure of an evacuation during which guests were started that can't leave.
pub(super) fn stuck(node: &str, newcomers: &[String], refusals: &[Failure], next: &str) -> Failure {
    let why: Vec<String> =
        refusals.iter().map(|refusal| format!("- {}", refusal.detail.replace('\n', "\n  "))).collect();
    let text = format!(
        "{node}: guests were started on it during the evacuation: {}. What is in the way now:\n{}\n{next}",
        newcomers.join(", "),
        why.join("\n")
    );
    Failure::new(Cause::Stale, text).summarised("The node is not empty")
}

/// What a look at the node shows.
enum Seen {
    Empty,
    /// Guests without HA run.
    Newcomers(Vec<String>),
    /// Something is to be waited for.
    Busy(String),
}

async fn look(run: &Run<'_>, node: &str, left: &BTreeSet<String>) -> Result<Seen, Failure> {
    let guests = match at_home::guests_of(run, node).await {
        Ok(guests) => guests,
        // Only a node that is online says what runs there: one that is off is not empty.
        Err(error) if !run.call().is_over() && at_home::is_silence(&error) => {
            at_home::demand_online(run, node).await?;
            return Ok(Seen::Busy("it does not respond".to_owned()));
        }
        Err(error) => return Err(Failure { cause: Cause::Ambiguous, ..explain(node, &error) }),
    };
    let failed = |error| Failure { cause: Cause::Ambiguous, ..explain(node, &error) };
    let answer: Json = run.client().get(Collection::HaManagerStatus.path(), &run.call()).await.map_err(failed)?;
    let manager = &answer["manager_status"];
    let state = |guest: &Guest| manager["service_status"][&guest.sid]["state"].as_str();
    let runs = guests.into_values().filter(|guest| guest.running && !left.contains(&guest.sid));
    let (managed, newcomers): (Vec<Guest>, Vec<Guest>) =
        runs.partition(|guest| state(guest).is_some_and(|state| state != "ignored"));
    if !newcomers.is_empty() {
        return Ok(Seen::Newcomers(newcomers.into_iter().map(|guest| guest.sid).collect()));
    }
    if let Some(broken) = managed.iter().find(|guest| state(guest) == Some("error")) {
        let text = format!(
            "{node}: the HA resource {} is in the error state, in which the HA manager does not move it, and the guest runs. \
             Set its state to `disabled`, repair the guest, and set the state back. Then run the evacuation again.",
            broken.sid
        );
        return Err(Failure::new(Cause::Stale, text).summarised("The node is not empty"));
    }
    let mut holders = node_maintenance::holders(manager, node);
    if holders.is_empty() {
        holders.extend(managed.into_iter().map(|guest| format!("{} runs", guest.sid)));
    }
    if !holders.is_empty() {
        return Ok(Seen::Busy(format!("HA resources have not left it: {}", holders.join(", "))));
    }
    let starts: Vec<String> = tasks::running(run, node)
        .await?
        .iter()
        .filter(|running| running.task.is_start())
        .map(|running| running.task.upid().to_owned())
        .collect();
    if starts.is_empty() {
        Ok(Seen::Empty)
    } else {
        Ok(Seen::Busy(format!("guests are started: {}", starts.join(", "))))
    }
}
