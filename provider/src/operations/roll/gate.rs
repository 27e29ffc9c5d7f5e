//! Whether the next node may follow: the cluster is as healthy as a roll leaves it.

use serde_json::Value as Json;

use super::super::Run;
use super::super::health;
use crate::client::Collection;
use crate::explain::explain;
use crate::framework::{Cause, Failure};

/// Waits until the node is in service, and the HA manager has nothing left to do.
pub(super) async fn wait(run: &Run<'_>, node: &str, uses_ha: bool) -> Result<(), Failure> {
    let call = run.call();
    let mut looks = call.looks("the cluster to be healthy");
    loop {
        let mut problems = health::problems(run, node, uses_ha).await.map_err(|error| explain(node, &error))?;
        if problems.is_empty() && uses_ha {
            problems = ha(run, node).await?;
        }
        if problems.is_empty() {
            return Ok(());
        }
        if !looks.pause(run.pace()).await {
            let text = format!("{node}: the cluster is not healthy after its return: {}.", problems.join(", "));
            return Err(Failure::new(Cause::Ambiguous, text).summarised("The cluster is not healthy"));
        }
    }
}

/// What the HA manager has not finished, a sentence part each.
async fn ha(run: &Run<'_>, node: &str) -> Result<Vec<String>, Failure> {
    let failed = |error| explain(node, &error);
    let answer: Json = run.client().get(Collection::HaManagerStatus.path(), &run.call()).await.map_err(failed)?;
    let status = &answer["manager_status"];
    let mut problems = Vec::new();
    for (name, state) in status["node_status"].as_object().into_iter().flatten() {
        if state != "online" && state != "gone" {
            problems.push(format!("{name} is {}", state.as_str().unwrap_or("unknown")));
        }
    }
    for (sid, service) in status["service_status"].as_object().into_iter().flatten() {
        let state = service["state"].as_str().unwrap_or("unknown");
        let is_at_rest = matches!(state, "started" | "stopped") && service["cmd"].is_null();
        // One in the error state stays there until a person acts; the plan of the next evacuation has it.
        if !is_at_rest && state != "error" {
            problems.push(format!("{sid} is {state}"));
        }
    }
    Ok(problems)
}
