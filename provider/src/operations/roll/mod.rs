//! `do roll`: a whole cluster, node by node.
//!
//!  proof    every step simulated, before the first one        journal  the progress, in a file
//!  order    which node when                                   node     what is done to one node
//!  table    the proof for people and for programs             gate     whether the next node may follow

mod gate;
mod journal;
mod node;
mod order;
mod proof;
mod table;

use std::path::Path as FilePath;
use std::time::Duration;

use pve_schemas::action::ClusterRoll;
use serde_json::Value as Json;

use self::journal::{Journal, Phase};
use self::proof::Proof;
use super::health;
use super::survey::Survey;
use super::{Operation, Outlook, Run};
use crate::framework::{Cause, Failure, Path};

/// What a look has found.
pub struct Roll {
    journal: Journal,
    /// The proof of what is left to do.
    proof: Proof,
    uses_ha: bool,
}

impl Operation for ClusterRoll {
    type Found = Roll;
    const TIMEOUT: Duration = Duration::from_hours(24);

    fn details(found: &Roll) -> Option<Json> {
        Some(table::json(&found.proof))
    }

    async fn look(&self, run: &Run<'_>) -> Result<Outlook<Roll>, Failure> {
        run.ssh()?;
        let file = self.journal.as_deref().unwrap_or("pve-roll.json");
        let earlier = Journal::read(FilePath::new(file))?;
        let survey = Survey::with_disks(run, "roll").await?;
        let mut refusals = self.refusals(&survey, earlier.as_ref());
        let mut journal = match earlier {
            Some(journal) => journal,
            None => Journal::new(file, &self.instructions()),
        };
        if journal.instructions != self.instructions() {
            let text = format!(
                "{file}: it is the journal of a roll with other arguments: {}. Run that command again, or remove the file \
                 to begin anew. Nothing was changed.",
                journal.instructions
            );
            refusals.push(Failure::refused(text).at(Path::attribute("journal")));
        }
        let (proof, more) = proof::prove(self, run, &survey, &journal).await?;
        refusals.extend(more);
        journal.add(proof.steps.iter().map(|step| step.node.as_str()));
        let mut steps = Vec::new();
        if !proof.steps.is_empty() || journal.current().is_some() {
            steps.push(table::text(&proof, &journal));
        }
        let uses_ha = !survey.live.config.resources.is_empty();
        Ok(Outlook { steps, refusals, found: Roll { journal, proof, uses_ha } })
    }

    async fn act(&self, run: &Run<'_>, found: Roll) -> Result<(), Failure> {
        let Roll { mut journal, uses_ha, .. } = found;
        let is_begun = journal.nodes.values().any(|phase| *phase != Phase::Pending);
        journal.write()?;
        let order = journal.order.clone();
        for node in order.iter().filter(|node| journal.phase(node) != Phase::Done).cloned().collect::<Vec<_>>() {
            let rolled = node::roll(self, run, &mut journal, &node, uses_ha).await;
            let file = journal.file.display().to_string();
            rolled.map_err(|failure| continued(failure, &node, &file, is_begun))?;
        }
        journal.remove()?;
        health::warn_of_versions(run).await;
        run.say("All nodes are done.");
        Ok(())
    }
}

/// A failure in the middle of a roll, with what to do next.
fn continued(failure: Failure, node: &str, file: &str, is_begun: bool) -> Failure {
    let first = failure.cause == Cause::Refused && !is_begun;
    let cause = if failure.cause == Cause::Ambiguous { Cause::Ambiguous } else { Cause::Stale };
    let detail =
        format!("{}\nThe roll has stopped at {node}. The same command continues it from {file}.", failure.detail);
    Failure { cause: if first { Cause::Stale } else { cause }, detail, ..failure }
}

trait Instructions {
    fn instructions(&self) -> String;
    fn refusals(&self, survey: &Survey, earlier: Option<&Journal>) -> Vec<Failure>;
}

impl Instructions for ClusterRoll {
    /// What an interrupted roll must not be continued without.
    fn instructions(&self) -> String {
        let reboot = serde_json::to_value(self.reboot).unwrap_or_default();
        let pause = if self.pause == Some(true) { ", with pauses" } else { "" };
        format!("run {:?}, reboot {}{pause}", self.run.as_deref().unwrap_or(""), reboot.as_str().unwrap_or("needed"))
    }

    /// What keeps a roll from being begun or continued.
    fn refusals(&self, survey: &Survey, earlier: Option<&Journal>) -> Vec<Failure> {
        let mut refusals = Vec::new();
        let mut refuse = |text: String| refusals.push(Failure::refused(format!("{text} Nothing was changed.")));
        if !survey.is_quorate() {
            refuse("The cluster has no quorum.".to_owned());
        }
        if survey.is_disarmed() {
            refuse("HA is disarmed, and the HA manager then refuses maintenance. Arm HA first.".to_owned());
        }
        let current = earlier.and_then(Journal::current);
        for fact in &survey.live.nodes {
            let state = survey.live.manager["node_status"][&fact.name].as_str().unwrap_or("online");
            if current == Some(fact.name.as_str()) {
                continue;
            }
            if !fact.online {
                refuse(format!("{}: the node is offline, and only one node may be unavailable.", fact.name));
            } else if state != "online" {
                refuse(format!(
                    "{}: its state in the HA manager is {state}, and only one node may be unavailable. End that first.",
                    fact.name
                ));
            }
        }
        let known = |name: &str| survey.live.nodes.iter().any(|fact| fact.name == name);
        for name in self.nodes.iter().flatten().filter(|name| !known(name.as_str())) {
            let text = format!("{name}: the cluster has no such node. Nothing was changed.");
            refusals.push(Failure::refused(text).at(Path::attribute("nodes")));
        }
        if let Some(problem) = self.run.as_deref().and_then(|line| node::command(line).err()) {
            let text = format!("run: {problem}. Nothing was changed.");
            refusals.push(Failure::refused(text).at(Path::attribute("run")));
        }
        refusals
    }
}
