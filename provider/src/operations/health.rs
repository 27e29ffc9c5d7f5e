//! Whether a node that was started is one of the cluster again: booted, quorate, with the clock and the versions of the others.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::Run;
use super::tasks::continues;
use crate::client::{Collection, Error, NodeVersion, path};
use crate::framework::Failure;
use crate::resources::over_ssh::in_order;

/// How long a node that boots may take for one answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// How far the clocks of two nodes may be apart, in seconds: each is read by a request of its own.
const CLOCK_TOLERANCE: i64 = 5;

/// A boot of a node, by the node's own clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Boot {
    /// When the node was asked, in seconds since the epoch.
    pub(super) now: i64,
    /// For how long it has been up, in seconds.
    pub(super) uptime: i64,
}

impl Boot {
    /// When `node` booted; it has ten seconds to answer.
    pub(super) async fn read(run: &Run<'_>, node: &str) -> Result<Self, Error> {
        let call = run.call().at_most(ANSWER_TIMEOUT);
        let time: Json = run.client().get(&path(["nodes", node, "time"]), &call).await?;
        let status: Json = run.client().get(&path(["nodes", node, "status"]), &call).await?;
        let number = |answer: &Json, name: &str| answer[name].as_i64().unwrap_or(0);
        // One that does not say for how long it has been up has not been up for less than before.
        Ok(Self { now: number(&time, "time"), uptime: status["uptime"].as_i64().unwrap_or(i64::MAX) })
    }

    /// Whether this is another boot than `before`. The clock of a node may be wrong right after its boot, and a node that is
    /// rebooted again soon may be up for longer than before.
    pub(super) fn is_after(self, before: Self) -> bool {
        self.uptime < before.uptime || self.now.saturating_sub(self.uptime) > before.now
    }
}

/// What keeps a node that is back from being in service, a sentence part each. Nothing where it is.
pub(super) async fn problems(run: &Run<'_>, node: &str, uses_ha: bool) -> Result<Vec<String>, Error> {
    let call = run.call();
    let rows: Vec<Json> = run.client().get(Collection::ClusterStatus.path(), &call).await?;
    let online: Vec<String> =
        in_order(&rows).into_iter().filter(|member| member.online).map(|member| member.name).collect();
    let mut problems = Vec::new();
    if !online.iter().any(|name| name == node) {
        return Ok(vec!["it is not online".to_owned()]);
    }
    if rows.iter().any(|row| row["type"] == "cluster" && row["quorate"] != 1) {
        problems.push("the cluster has no quorum".to_owned());
    }
    if let Some(other) = online.iter().find(|name| *name != node) {
        let read = async |node: &str| -> Result<i64, Error> {
            let answer: Json = run.client().get(&path(["nodes", node, "time"]), &call.at_most(ANSWER_TIMEOUT)).await?;
            Ok(answer["time"].as_i64().unwrap_or(0))
        };
        let apart = read(node).await? - read(other).await?;
        if apart.abs() > CLOCK_TOLERANCE {
            problems.push(format!("its clock is {apart} s apart from that of {other}"));
        }
    }
    if uses_ha {
        let answer: Json = run.client().get(Collection::HaManagerStatus.path(), &call).await?;
        let status = &answer["manager_status"];
        let state = status["node_status"][node].as_str().unwrap_or("not known");
        if !matches!(state, "online" | "maintenance") {
            problems.push(format!("its state in the HA manager is {state}"));
        }
    }
    Ok(problems)
}

/// Warns where the nodes have several versions of pve-manager: while a cluster is updated node by node, they do.
pub(super) async fn warn_of_versions(run: &Run<'_>) {
    let Ok(versions) = run.client().node_versions(&run.call()).await else { return };
    let known: BTreeSet<String> = versions
        .values()
        .filter_map(|version| match version {
            NodeVersion::Known(version) => Some(version.to_string()),
            NodeVersion::Unanswered => None,
        })
        .collect();
    if known.len() > 1 {
        let list: Vec<String> = known.into_iter().collect();
        run.cx.warn(
            "The nodes have different versions",
            format!("Proxmox VE: the nodes have the versions {}. Update all of them soon.", list.join(" and ")),
        );
    }
}

/// Warns of replication jobs of a node whose last run has failed: they may need a node that was away.
pub(super) async fn warn_of_replication(run: &Run<'_>, node: &str) {
    let at = path(["nodes", node, "replication"]);
    let Ok(jobs) = run.client().get::<Vec<Json>>(&at, &run.call()).await else { return };
    for job in jobs.iter().filter(|job| job["fail_count"].as_i64().unwrap_or(0) > 0) {
        let (id, error) = (job["id"].as_str().unwrap_or_default(), job["error"].as_str().unwrap_or("unknown"));
        run.cx.warn(
            "A replication job fails",
            format!("{id}: its last run on {node} has failed. Proxmox repeats it by itself.\nPVE: {error}"),
        );
    }
}

/// The same for a node that has just booted: its local resource manager has to be at work, too.
async fn back(run: &Run<'_>, node: &str, uses_ha: bool, boot: Boot) -> Result<Vec<String>, Error> {
    let mut problems = problems(run, node, uses_ha).await?;
    if uses_ha {
        let answer: Json = run.client().get(Collection::HaManagerStatus.path(), &run.call()).await?;
        let seen = answer["lrm_status"][node]["timestamp"].as_i64().unwrap_or(0);
        if seen <= boot.now.saturating_sub(boot.uptime) {
            problems.push("its local resource manager has not reported yet".to_owned());
        }
    }
    Ok(problems)
}

/// Waits until `node` has booted after `before`, and nothing keeps it from being in service; `next` is what to do if that takes too
/// long.
///
/// # Errors
/// The node does not go down, or the operation ends before it is in service.
pub(super) async fn await_boot(
    run: &Run<'_>,
    node: &str,
    before: Boot,
    uses_ha: bool,
    next: &str,
) -> Result<(), Failure> {
    let call = run.call();
    let mut looks = call.looks(format!("{node} to be back"));
    let mut booted: Option<Boot> = None;
    let mut last = format!("{node} has not gone down yet");
    loop {
        if booted.is_none() {
            match Boot::read(run, node).await {
                Ok(boot) if boot.is_after(before) => {
                    booted = Some(boot);
                    run.say(format!("{node}: it has booted."));
                }
                Ok(_) => {}
                Err(error) => last = error.to_string(),
            }
        }
        if let Some(boot) = booted {
            match back(run, node, uses_ha, boot).await {
                Ok(problems) if problems.is_empty() => {
                    run.say(format!("{node}: it is in service."));
                    return Ok(());
                }
                Ok(problems) => last = problems.join(", "),
                Err(error) => last = error.to_string(),
            }
        }
        if !looks.pause(run.pace()).await {
            return Err(continues(node, "the reboot", &format!("Last seen: {last}. {next}")));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boot_is_known_by_the_uptime_or_by_the_clock() {
        let before = Boot { now: 1_000, uptime: 500 };
        assert!(!Boot { now: 1_010, uptime: 510 }.is_after(before));
        assert!(!Boot { now: 1_010, uptime: i64::MAX }.is_after(before), "an answer without it");
        assert!(Boot { now: 400, uptime: 10 }.is_after(before), "the clock is behind");
        assert!(Boot { now: 2_000, uptime: 600 }.is_after(before), "it has been up for longer than before");
    }
}
