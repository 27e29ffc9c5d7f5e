//! What a roll does to one node, phase by phase.

use futures_util::future::BoxFuture;
use pve_schemas::action::{ClusterRoll, NodeReboot, NodeRestore, RebootPolicy};

use super::super::alone::is_in_maintenance;
use super::super::health::{self, Boot};
use super::super::survey::Survey;
use super::super::{Operation, Outlook, Run, reboot};
use super::journal::{Journal, Phase};
use super::limits::Step;
use super::proof::{self, evacuation};
use super::{gate, kernel, obstacles, update};
use crate::explain;
use crate::framework::{Cause, Failure};
use crate::ssh::Command;

/// How often a node is looked at before its reboot counts as never requested.
const LOOKS: usize = 30;

/// What a look finds of the node that an earlier run was working on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Current {
    /// It is in maintenance, and no guest runs on it but those that are left there.
    Empty,
    NotEmpty,
}

/// Whether a node is as an evacuation leaves it.
pub(super) fn state(roll: &ClusterRoll, survey: &Survey, node: &str) -> Current {
    let live = &survey.live;
    let is_served = !live.config.resources.is_empty() && !is_in_maintenance(&live.manager, node);
    let is_left = |sid: &str| roll.leave.iter().flatten().any(|one| one.as_str() == sid);
    let runs = live.guests.values().any(|guest| guest.node == node && guest.running && !is_left(&guest.sid));
    if is_served || runs { Current::NotEmpty } else { Current::Empty }
}

/// Takes a node through all phases that are left.
pub(super) async fn roll(
    roll: &ClusterRoll,
    run: &Run<'_>,
    journal: &mut Journal,
    node: &str,
    uses_ha: bool,
) -> Result<(), Failure> {
    if journal.phase(node) < Phase::Empty {
        run.say(format!("{node}: it is emptied."));
        empty(roll, run, journal, node).await?;
        journal.reach(node, Phase::Empty)?;
    }
    if journal.phase(node) == Phase::Empty && roll.pause == Some(true) {
        journal.reach(node, Phase::Paused)?;
        let text = format!("{node}: it is empty and in maintenance. Update it now, then run the same command again.");
        return Err(Failure::new(Cause::Ambiguous, text).summarised("The roll is paused"));
    }
    if journal.phase(node) < Phase::Updated {
        if let Some(line) = &roll.run {
            keep_empty(roll, run, journal, node).await?;
            let bounds = Step::Run.begin(roll, run);
            let updated = update::update(&bounds.part(run), node, line, journal.started, Step::Run.limit(roll)).await;
            updated.map_err(|failure| bounds.explained(run, failure))?;
        }
        journal.reach(node, Phase::Updated)?;
    }
    if journal.phase(node) < Phase::Booted {
        let requested = journal.boot.filter(|_| journal.phase(node) == Phase::Rebooting);
        let has_booted = match requested {
            Some(before) => await_requested(roll, run, node, before, uses_ha).await?,
            None => false,
        };
        if !has_booted && (requested.is_some() || needs_reboot(roll, run, node).await?) {
            keep_empty(roll, run, journal, node).await?;
            boot(roll, run, journal, node, uses_ha).await?;
        }
        journal.reach(node, Phase::Booted)?;
    }
    restore(roll, run, node).await?;
    let bounds = Step::Gate.begin(roll, run);
    let healthy = gate::wait(&bounds.part(run), node, journal, roll.leave.as_ref(), uses_ha).await;
    healthy.map_err(|failure| bounds.explained(run, failure))?;
    run.say(format!("{node}: it is done."));
    journal.reach(node, Phase::Done)
}

/// Proves the step again and does it: the cluster is not what it was when the roll was proven.
fn empty<'a>(
    roll: &'a ClusterRoll,
    run: &'a Run<'_>,
    journal: &'a mut Journal,
    node: &'a str,
) -> BoxFuture<'a, Result<(), Failure>> {
    // On the heap: an evacuation within a roll would need more stack than a thread has.
    Box::pin(emptied(roll, run, journal, node))
}

async fn emptied(roll: &ClusterRoll, run: &Run<'_>, journal: &mut Journal, node: &str) -> Result<(), Failure> {
    let bounds = Step::Evacuate.begin(roll, run);
    let run_of_step = bounds.part(run);
    let survey = Survey::with_disks(&run_of_step, "roll").await?;
    let mut refusals = obstacles::of_cluster(&survey, Some(node));
    let (found, more) = proof::prove_next(roll, &run_of_step, &survey, node).await?;
    refusals.extend(more);
    refused(refusals).map_err(|failure| {
        let changed =
            format!("{node}: the cluster is not as it was when the roll was proven, so the node is not emptied.");
        Failure { detail: format!("{changed}\n{}", failure.detail), ..failure }
    })?;
    if journal.phase(node) == Phase::Pending {
        journal.reach(node, Phase::Begun)?;
    }
    evacuation(roll, node)?.act(&run_of_step, found).await.map_err(|failure| bounds.explained(run, failure))
}

/// Empties a node again that has not stayed empty: since the journal was written, or during the command.
async fn keep_empty(roll: &ClusterRoll, run: &Run<'_>, journal: &mut Journal, node: &str) -> Result<(), Failure> {
    let survey = Survey::read(run, "roll").await?;
    match state(roll, &survey, node) {
        Current::Empty => Ok(()),
        Current::NotEmpty => {
            run.say(format!("{node}: it is not empty any more, and is emptied again."));
            empty(roll, run, journal, node).await
        }
    }
}

/// Whether what was installed asks for a reboot.
async fn needs_reboot(roll: &ClusterRoll, run: &Run<'_>, node: &str) -> Result<bool, Failure> {
    match roll.reboot {
        Some(RebootPolicy::Always) => return Ok(true),
        Some(RebootPolicy::Never) => return Ok(false),
        Some(RebootPolicy::Needed) | None => {}
    }
    let (ssh, call) = (run.ssh()?, run.call());
    let failed = |error: crate::ssh::Error| explain::ssh::explain(node, &error);
    let flag = Command::new("test").args(["-e", "/run/reboot-required"]).reading();
    if ssh.run(node, &flag, &call).await.map_err(failed)?.is_success() {
        run.say(format!("{node}: it asks for a reboot."));
        return Ok(true);
    }
    let read = async |command: Command| -> Result<String, Failure> {
        let output = ssh.run(node, &command.reading(), &call).await.and_then(crate::ssh::Output::success);
        output.map(|output| output.text()).map_err(failed)
    };
    let running = read(Command::new("uname").arg("-r")).await?;
    let installed = read(Command::new("ls").args(["-1", "/boot"])).await?;
    let newer = kernel::newer(&installed, running.trim());
    if let Some(newer) = newer {
        run.say(format!("{node}: the kernel {newer} is installed, and {} runs.", running.trim()));
    }
    Ok(newer.is_some())
}

/// Reboots a node that is empty.
async fn boot(
    roll: &ClusterRoll,
    run: &Run<'_>,
    journal: &mut Journal,
    node: &str,
    uses_ha: bool,
) -> Result<(), Failure> {
    let name = node.parse().map_err(|error| Failure::refused(format!("{node}: {error}.")))?;
    let reboot = NodeReboot { node: name, leave: roll.leave.clone(), timeout: None };
    let Outlook { refusals, found, .. } = reboot.look(run).await?;
    refused(refusals)?;
    // Before the request, so that a continued roll looks for the reboot instead of requesting it again.
    journal.rebooting(node, found.before)?;
    reboot::request(run, node).await?;
    await_boot(roll, run, node, found.before, uses_ha).await
}

/// Waits for the reboot that an earlier run has requested. Whether there is one: that run may have ended just before the request.
async fn await_requested(
    roll: &ClusterRoll,
    run: &Run<'_>,
    node: &str,
    before: Boot,
    uses_ha: bool,
) -> Result<bool, Failure> {
    run.say(format!("{node}: its reboot was requested; looking for it."));
    let call = run.call();
    let mut looks = call.looks(format!("{node} to go down"));
    for _ in 0..LOOKS {
        // A node that does not answer is down, or on its way.
        if Boot::read(run, node).await.map_or(true, |boot| boot.is_after(before)) {
            return await_boot(roll, run, node, before, uses_ha).await.map(|()| true);
        }
        if !looks.pause(run.pace()).await {
            break;
        }
    }
    Ok(false)
}

async fn await_boot(roll: &ClusterRoll, run: &Run<'_>, node: &str, before: Boot, uses_ha: bool) -> Result<(), Failure> {
    let bounds = Step::Reboot.begin(roll, run);
    let next = format!("Look at the console of {node}. A continued roll does not reboot it twice.");
    let booted = health::await_boot(&bounds.part(run), node, before, uses_ha, &next).await;
    booted.map_err(|failure| bounds.explained(run, failure))
}

async fn restore(roll: &ClusterRoll, run: &Run<'_>, node: &str) -> Result<(), Failure> {
    let name = node.parse().map_err(|error| Failure::refused(format!("{node}: {error}.")))?;
    let restore = NodeRestore { node: name, max_workers: roll.max_workers, timeout: None };
    let bounds = Step::Evacuate.begin(roll, run);
    let run_of_step = bounds.part(run);
    let Outlook { refusals, found, steps } = restore.look(&run_of_step).await?;
    refused(refusals)?;
    if !steps.is_empty() {
        restore.act(&run_of_step, found).await.map_err(|failure| bounds.explained(run, failure))?;
    }
    health::warn_of_replication(run, node).await;
    Ok(())
}

/// The first of the refusals, with the texts of all.
fn refused(refusals: Vec<Failure>) -> Result<(), Failure> {
    let mut refusals = refusals.into_iter();
    let Some(first) = refusals.next() else { return Ok(()) };
    let detail = refusals.fold(first.detail.clone(), |all, refusal| format!("{all}\n{}", refusal.detail));
    Err(Failure { detail, ..first })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::super::super::super::simulation::testing::Cluster;
    use super::*;

    #[test]
    fn a_node_is_empty_in_maintenance_and_without_running_guests() {
        let mut cluster = Cluster::of(2);
        cluster.service(100, 2);
        cluster.service(101, 1);
        let mut survey = Survey { live: cluster.live(), options: Json::Null, lrm: Json::Null, sees_all_guests: true };
        let roll = |arguments| -> ClusterRoll { serde_json::from_value(arguments).unwrap() };
        let all = roll(json!({}));
        survey.live.manager["node_status"]["pve1"] = "maintenance".into();
        assert_eq!(state(&all, &survey, "pve1"), Current::NotEmpty, "a guest runs");
        assert_eq!(state(&roll(json!({"leave": ["vm:101"]})), &survey, "pve1"), Current::Empty, "it is left there");
        survey.live.guests.get_mut("vm:101").unwrap().running = false;
        assert_eq!(state(&all, &survey, "pve1"), Current::Empty);
        survey.live.manager["node_status"]["pve1"] = "online".into();
        assert_eq!(state(&all, &survey, "pve1"), Current::NotEmpty, "HA may start guests on it");
        survey.live.config.resources.clear();
        assert_eq!(state(&all, &survey, "pve1"), Current::Empty, "without HA");
    }
}
