//! `do roll`: a whole cluster, node by node.
//!
//!  proof      every step simulated, before the first one        journal  the progress, in a file
//!  order      which node when                                   node     what is done to one node
//!  table      the proof for people and for programs             update   the command on a node
//!  arguments  what a roll is continued with                     kernel   whether a reboot is needed
//!  before     what was so before                                gate     whether the next node may follow
//!  obstacles  what is in the way of any step                    limits   how long each step may take

mod arguments;
mod before;
mod gate;
mod journal;
mod kernel;
mod limits;
mod node;
mod obstacles;
mod order;
mod proof;
mod table;
mod update;

use std::path::Path as FilePath;
use std::time::Duration;

use pve_schemas::action::ClusterRoll;
use serde_json::Value as Json;

use self::before::Before;
use self::journal::{GIVE_UP, Journal, Phase};
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
        let (cluster, arguments) = (survey.live.quorum.cluster_name.clone(), arguments::of(self));
        if let Some(problem) = earlier.as_ref().and_then(|journal| foreign(journal, cluster.as_deref())) {
            return Err(Failure::refused(problem).at(Path::attribute("journal")));
        }
        let mut refusals = obstacles::of_cluster(&survey, earlier.as_ref().and_then(Journal::current));
        refusals.extend(obstacles::of_arguments(self, &survey));
        let mut journal = match earlier {
            Some(journal) => journal,
            None => Journal::new(file, cluster, arguments.clone(), Before::of(&survey)),
        };
        let differences = arguments::differences(&journal.arguments, &arguments);
        if !differences.is_empty() {
            let text = format!(
                "{file}: it is the journal of a roll that was begun on {} with other arguments: {}. Nothing was changed. Use \
                 the earlier arguments. {GIVE_UP}",
                journal.day(),
                differences.join("; ")
            );
            refusals.push(Failure::refused(text).at(Path::attribute("journal")));
        }
        let (proof, more) = proof::prove(self, run, &survey, &journal).await?;
        refusals.extend(more);
        journal.add(proof.steps.iter().map(|step| step.node.as_str()));
        let mut steps = Vec::new();
        if !proof.steps.is_empty() || journal.current().is_some() {
            let state = journal.current().map(|current| node::state(self, &survey, current));
            steps.push(table::text(&proof, &journal, state));
        }
        let uses_ha = !survey.live.config.resources.is_empty();
        Ok(Outlook { steps, refusals, found: Roll { journal, proof, uses_ha } })
    }

    async fn act(&self, run: &Run<'_>, found: Roll) -> Result<(), Failure> {
        let Roll { mut journal, uses_ha, .. } = found;
        journal.write()?;
        let order = journal.order.clone();
        for node in order.iter().filter(|node| journal.phase(node) != Phase::Done).cloned().collect::<Vec<_>>() {
            let rolled = node::roll(self, run, &mut journal, &node, uses_ha).await;
            let file = journal.file.display().to_string();
            rolled.map_err(|failure| continued(failure, &node, &file))?;
        }
        journal.remove()?;
        health::warn_of_versions(run).await;
        run.say("All nodes are done.");
        Ok(())
    }
}

/// Why a journal is not one of the cluster of that name.
fn foreign(journal: &Journal, cluster: Option<&str>) -> Option<String> {
    let shown =
        |name: Option<&str>| name.map_or("a node without a cluster".to_owned(), |name| format!("the cluster {name}"));
    (journal.cluster.as_deref() != cluster).then(|| {
        format!(
            "{}: it is the journal of a roll of {}, begun on {}, and this is {}. Nothing was changed. Name another file in \
             `journal`.",
            journal.file.display(),
            shown(journal.cluster.as_deref()),
            journal.day(),
            shown(cluster)
        )
    })
}

/// A failure in the middle of a roll, with what to do next.
fn continued(failure: Failure, node: &str, file: &str) -> Failure {
    let cause = if failure.cause == Cause::Ambiguous { Cause::Ambiguous } else { Cause::Stale };
    // True of the step that failed, and not of the roll.
    let detail = failure.detail.replace(" Nothing was changed.", "");
    let detail = format!("{detail}\nThe roll has stopped at {node}. The same command continues it from {file}.");
    Failure { cause, detail, ..failure }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_belongs_to_one_cluster() {
        let journal = |cluster: Option<&str>| {
            Journal::new("roll.json", cluster.map(str::to_owned), arguments::Arguments::new(), Before::default())
        };
        assert_eq!(foreign(&journal(Some("prod")), Some("prod")), None);
        let text = foreign(&journal(None), Some("prod")).unwrap();
        assert!(text.contains("of a roll of a node without a cluster") && text.contains("this is the cluster prod"));
        assert!(foreign(&journal(Some("prod")), Some("test")).is_some());
    }

    #[test]
    fn a_failure_in_the_middle_has_changed_something() {
        let failure = continued(Failure::refused("pve1: interrupted. Nothing was changed."), "pve1", "roll.json");
        assert_eq!(failure.cause, Cause::Stale);
        assert_eq!(
            failure.detail,
            "pve1: interrupted.\nThe roll has stopped at pve1. The same command continues it from roll.json."
        );
    }
}
