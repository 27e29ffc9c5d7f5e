//! Whether the next node may follow: the cluster is as healthy as before the roll.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use pve_schemas::value::Sid;
use serde_json::Value as Json;

use super::super::Run;
use super::super::health;
use super::before::{self, Before};
use super::journal::Journal;
use crate::client::Collection;
use crate::explain::explain;
use crate::framework::{Cause, Failure};
use crate::simulation::live::Guest;

/// What is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Check {
    Node,
    Manager,
    Errors,
    Guests,
}

impl Check {
    /// What to do about it.
    fn next(self) -> &'static str {
        match self {
            Self::Node => "Look at `pvecm status` and `chronyc tracking` on the node.",
            Self::Manager => "See `pve_ha_status` and the log of pve-ha-crm on its master.",
            Self::Errors => {
                "Set the state of the HA resource to `disabled`, repair the guest, and set the state back to `started`."
            }
            Self::Guests => "Start them. Remove a guest that is stopped on purpose from `running` in the journal.",
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Node => "the node is in service",
            Self::Manager => "the HA manager has nothing left to do",
            Self::Errors => "no further HA resource is in the error state",
            Self::Guests => "the guests that ran before the roll run",
        })
    }
}

/// What is not met, a sentence part each.
type Problems = BTreeMap<Check, Vec<String>>;

/// Waits until the node is in service, the HA manager has nothing left to do, and the guests run that ran before.
///
/// # Errors
/// That takes too long, or an HA resource has got into the error state, which does not end by itself.
pub(super) async fn wait(
    run: &Run<'_>,
    node: &str,
    journal: &Journal,
    left: Option<&BTreeSet<Sid>>,
    uses_ha: bool,
) -> Result<(), Failure> {
    let call = run.call();
    let mut looks = call.looks("the cluster to be healthy");
    loop {
        let problems = look(run, node, &journal.before, left, uses_ha).await?;
        if problems.is_empty() {
            return Ok(());
        }
        if problems.contains_key(&Check::Errors) {
            return Err(Failure::new(Cause::Stale, text(node, &problems)).summarised(SUMMARY));
        }
        if !looks.pause(run.pace()).await {
            return Err(Failure::new(Cause::Ambiguous, text(node, &problems)).summarised(SUMMARY));
        }
    }
}

const SUMMARY: &str = "The cluster is not healthy";

fn text(node: &str, problems: &Problems) -> String {
    let checks =
        problems.iter().map(|(check, what)| format!("\n- Not met: {check}: {}. {}", what.join(", "), check.next()));
    format!("{node}: the cluster is not healthy after its return.{}", checks.collect::<String>())
}

async fn look(
    run: &Run<'_>,
    node: &str,
    before: &Before,
    left: Option<&BTreeSet<Sid>>,
    uses_ha: bool,
) -> Result<Problems, Failure> {
    let mut problems = Problems::new();
    let mut found = |check: Check, what: Vec<String>| {
        if !what.is_empty() {
            problems.insert(check, what);
        }
    };
    let failed = |error| explain(node, &error);
    found(Check::Node, health::problems(run, node, uses_ha).await.map_err(failed)?);
    let mut config = Vec::new();
    if uses_ha {
        let answer: Json = run.client().get(Collection::HaManagerStatus.path(), &run.call()).await.map_err(failed)?;
        let manager = &answer["manager_status"];
        found(Check::Manager, unfinished(manager));
        let new = &before::broken(manager) - &before.broken;
        found(Check::Errors, new.iter().map(|sid| format!("{sid} is in it")).collect());
        config = run.client().get(Collection::HaResources.path(), &run.call()).await.map_err(failed)?;
    }
    let guests = run.guests().await.map_err(failed)?;
    let absent = absent(before, &guests, &config, left);
    found(Check::Guests, absent.iter().map(|sid| format!("{sid} does not run")).collect());
    Ok(problems)
}

/// What the HA manager has not finished, a sentence part each.
fn unfinished(manager: &Json) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, state) in manager["node_status"].as_object().into_iter().flatten() {
        if state != "online" && state != "gone" {
            problems.push(format!("{name} is {}", state.as_str().unwrap_or("unknown")));
        }
    }
    for (sid, service) in manager["service_status"].as_object().into_iter().flatten() {
        let state = service["state"].as_str().unwrap_or("unknown");
        let is_at_rest = matches!(state, "started" | "stopped") && service["cmd"].is_null();
        // One in the error state has a check of its own.
        if !is_at_rest && state != "error" {
            problems.push(format!("{sid} is {state}"));
        }
    }
    problems
}

/// The guests that ran before and do not run now. One that is gone, or an HA resource that is not to run, was stopped on
/// purpose, and one that was left on its node was stopped by the reboot.
fn absent<'b>(
    before: &'b Before,
    guests: &BTreeMap<String, Guest>,
    config: &[Json],
    left: Option<&BTreeSet<Sid>>,
) -> Vec<&'b str> {
    let is_left = |sid: &str| left.into_iter().flatten().any(|one| one.as_str() == sid);
    let is_stopped = |sid: &str| {
        config.iter().any(|resource| {
            resource["sid"] == sid && matches!(resource["state"].as_str(), Some("stopped" | "disabled"))
        })
    };
    let expected = before.running.iter().map(String::as_str).filter(|sid| !is_left(sid) && !is_stopped(sid));
    expected.filter(|sid| guests.get(*sid).is_some_and(|guest| !guest.running)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::super::simulation::testing::Cluster;
    use super::*;

    #[test]
    fn a_guest_that_ran_has_to_run_unless_that_is_meant() {
        let mut cluster = Cluster::of(2);
        for vmid in 100..105 {
            cluster.service(vmid, 1);
        }
        let mut guests = cluster.live().guests;
        let before =
            Before { running: guests.keys().cloned().chain(["vm:999".to_owned()]).collect(), ..Before::default() };
        assert!(absent(&before, &guests, &[], None).is_empty());
        for sid in ["vm:101", "vm:102", "vm:103"] {
            guests.get_mut(sid).unwrap().running = false;
        }
        let left = [Sid::try_from("vm:102".to_owned()).unwrap()].into();
        let config = [json!({"sid": "vm:103", "state": "stopped"}), json!({"sid": "vm:101", "state": "started"})];
        assert_eq!(absent(&before, &guests, &config, Some(&left)), ["vm:101"]);
    }

    #[test]
    fn what_the_manager_has_not_finished_is_named() {
        let manager = json!({"node_status": {"pve1": "online", "pve2": "fence", "pve3": "gone"}, "service_status": {
            "vm:100": {"state": "started"}, "vm:101": {"state": "migrate"}, "vm:102": {"state": "error"},
            "vm:103": {"state": "started", "cmd": ["migrate", "pve2"]}}});
        assert_eq!(unfinished(&manager), ["pve2 is fence", "vm:101 is migrate", "vm:103 is started"]);
        assert_eq!(before::broken(&manager), ["vm:102".to_owned()].into());
    }

    #[test]
    fn the_failure_names_the_check_and_what_to_do() {
        let problems = Problems::from([(Check::Guests, vec!["vm:101 does not run".to_owned()])]);
        assert_eq!(
            text("pve1", &problems),
            "pve1: the cluster is not healthy after its return.\n- Not met: the guests that ran before the roll run: vm:101 \
             does not run. Start them. Remove a guest that is stopped on purpose from `running` in the journal."
        );
    }
}
