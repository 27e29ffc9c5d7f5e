//! What a roll does to one node, phase by phase.

use std::time::Duration;

use pve_schemas::action::{ClusterRoll, NodeReboot, NodeRestore, RebootPolicy};

use super::super::evacuate::{self, Evacuation};
use super::super::health;
use super::super::survey::Survey;
use super::super::{Operation, Outlook, Run};
use super::gate;
use super::journal::{Journal, Phase};
use super::proof::evacuation;
use crate::explain;
use crate::framework::{Cause, Failure};
use crate::ssh::{Command, Line};

/// How long the command that updates a node may take.
const UPDATE: Duration = Duration::from_hours(2);

/// The program and arguments of a command line; no shell is involved.
///
/// # Errors
/// A quote is not closed.
pub(super) fn command(line: &str) -> Result<Command, String> {
    let words = shlex::split(line).filter(|words| !words.is_empty());
    let mut words =
        words.ok_or_else(|| format!("{line:?} is no command: a quote is not closed, or it is empty"))?.into_iter();
    let program = words.next().unwrap_or_default();
    Ok(Command::new(program).args(words).may_take(UPDATE))
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
        journal.reach(node, Phase::Begun)?;
        empty(roll, run, node).await?;
        journal.reach(node, Phase::Empty)?;
    }
    if journal.phase(node) == Phase::Empty && roll.pause == Some(true) {
        journal.reach(node, Phase::Paused)?;
        let text = format!("{node}: it is empty and in maintenance. Update it now, then run the same command again.");
        return Err(Failure::new(Cause::Ambiguous, text).summarised("The roll is paused"));
    }
    if journal.phase(node) < Phase::Updated {
        if let Some(line) = &roll.run {
            update(run, node, line).await?;
        }
        journal.reach(node, Phase::Updated)?;
    }
    if journal.phase(node) < Phase::Booted {
        if needs_reboot(roll, run, node).await? {
            reboot(roll, run, node).await?;
        }
        journal.reach(node, Phase::Booted)?;
    }
    restore(roll, run, node).await?;
    gate::wait(run, node, uses_ha).await?;
    run.say(format!("{node}: it is done."));
    journal.reach(node, Phase::Done)
}

/// Looks again: the cluster is not what it was when the roll was proven.
async fn empty(roll: &ClusterRoll, run: &Run<'_>, node: &str) -> Result<(), Failure> {
    let evacuate = evacuation(roll, node)?;
    let survey = Survey::read(run, "roll").await?;
    let Outlook { refusals, found, .. } = evacuate::look_at(&evacuate, run, &survey).await?;
    refused(refusals)?;
    carry_out(&evacuate, run, found).await
}

async fn carry_out(
    evacuate: &pve_schemas::action::NodeEvacuate,
    run: &Run<'_>,
    found: Evacuation,
) -> Result<(), Failure> {
    evacuate.act(run, found).await
}

/// Runs the command, line by line.
async fn update(run: &Run<'_>, node: &str, line: &str) -> Result<(), Failure> {
    let failed = |error: &crate::ssh::Error| explain::ssh::explain(node, error);
    let command = command(line).map_err(|problem| Failure::refused(format!("{node}: {problem}.")))?;
    run.say(format!("{node}: `{line}` runs."));
    let (ssh, call) = (run.ssh()?, run.call());
    let mut on_line = |line: Line<'_>| run.progress.report(&format!("{node}: {}", line.text()));
    let output = ssh.run_with(node, &command, &call, &mut on_line).await.map_err(|error| failed(&error))?;
    output.success().map(|_| ()).map_err(|error| {
        let failure = failed(&error);
        let next = "Repair the node, then continue the roll: the command runs again.";
        Failure { cause: Cause::Stale, detail: format!("{}\n{next}", failure.detail), ..failure }
            .summarised("The update of a node failed")
    })
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
    let running = ssh.run(node, &Command::new("uname").arg("-r").reading(), &call).await.map_err(failed)?;
    let installed = ssh.run(node, &Command::new("ls").args(["-1", "/boot"]).reading(), &call).await.map_err(failed)?;
    let newest = newest_kernel(&installed.text());
    let is_newer = newest.as_deref().is_some_and(|newest| newest != running.text().trim());
    if is_newer {
        run.say(format!("{node}: a newer kernel is installed."));
    }
    Ok(is_newer)
}

/// The newest kernel among the names of `/boot`.
fn newest_kernel(names: &str) -> Option<String> {
    let releases = names.lines().filter_map(|name| name.trim().strip_prefix("vmlinuz-"));
    releases.max_by_key(|release| numbers(release)).map(str::to_owned)
}

/// The numbers of a version, in order.
fn numbers(version: &str) -> Vec<u64> {
    version.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse().ok()).collect()
}

async fn reboot(roll: &ClusterRoll, run: &Run<'_>, node: &str) -> Result<(), Failure> {
    let node = node.parse().map_err(|error| Failure::refused(format!("{node}: {error}.")))?;
    let reboot = NodeReboot { node, leave: roll.leave.clone(), timeout: None };
    let Outlook { refusals, found, .. } = reboot.look(run).await?;
    refused(refusals)?;
    reboot.act(run, found).await
}

async fn restore(roll: &ClusterRoll, run: &Run<'_>, node: &str) -> Result<(), Failure> {
    let name = node.parse().map_err(|error| Failure::refused(format!("{node}: {error}.")))?;
    let restore = NodeRestore { node: name, max_workers: roll.max_workers, timeout: None };
    let Outlook { refusals, found, steps } = restore.look(run).await?;
    refused(refusals)?;
    if !steps.is_empty() {
        restore.act(run, found).await?;
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
    use super::*;

    #[test]
    fn a_command_line_is_words() {
        assert_eq!(command("sh -c 'apt-get update'").unwrap().to_string(), "sh -c 'apt-get update'");
        assert!(command("apt-get 'x").is_err() && command("  ").is_err());
    }

    #[test]
    fn the_newest_kernel_is_the_one_with_the_highest_numbers() {
        let names = "config-6.17.2-1-pve\nvmlinuz-6.17.9-1-pve\nvmlinuz-6.17.13-2-pve\ninitrd.img-6.18.0-1-pve\n";
        assert_eq!(newest_kernel(names).unwrap(), "6.17.13-2-pve");
        assert_eq!(newest_kernel(""), None);
    }
}
