//! `pve_node_restore`.

use std::collections::BTreeMap;
use std::time::Duration;

use pve_schemas::action::NodeRestore;

use super::alone::is_in_maintenance;
use super::evacuate::WORKERS;
use super::guest_motion::GuestMove;
use super::movers::{self, Job};
use super::preconditions::Preconditions;
use super::record::{Left, Record};
use super::survey::Survey;
use super::{Operation, Outlook, Run, tasks};
use crate::framework::{Cause, Failure};
use crate::resources::node_maintenance::{self, Asker};
use crate::simulation::live::Guest;

/// How long the update of the record may take, also after an interrupt.
const RECORD_GRACE: Duration = Duration::from_secs(20);

/// What brings a node back.
pub struct Restoration {
    is_in_maintenance: bool,
    jobs: Vec<Job>,
    /// Guests in the record with which nothing is to be done.
    finished: Vec<String>,
    /// Guests that can't return now, and why, a sentence each. They stay in the record.
    absent: Vec<String>,
}

impl Operation for NodeRestore {
    type Found = Restoration;
    const TIMEOUT: Duration = Duration::from_hours(2);

    async fn look(&self, run: &Run<'_>) -> Result<Outlook<Restoration>, Failure> {
        let node = self.node.as_str();
        let mut survey = Survey::read(run, "restoration").await?;
        survey.online_node(node, "node")?;
        survey.look_at_home(run, node).await?;
        let is_in_maintenance = is_in_maintenance(&survey.live.manager, node);
        let mut steps = Vec::new();
        if is_in_maintenance {
            steps.push(format!("End the maintenance of {node}: HA resources return according to failback and rules."));
        }
        let mut refusals = Vec::new();
        if !survey.is_quorate() {
            refusals.push(Failure::refused(format!("{node}: the cluster has no quorum. Nothing was changed.")));
        }
        let record = Record::read(run, node).await?;
        let mut returning = Vec::new();
        let mut found = Restoration { is_in_maintenance, jobs: Vec::new(), finished: Vec::new(), absent: Vec::new() };
        let mut under_way = BTreeMap::new();
        for (sid, left) in &record.guests {
            if let Some(guest) = survey.live.guests.get(sid).filter(|_| !survey.is_managed(sid)) {
                if !survey.live.is_online(&guest.node) {
                    found.absent.push(format!("{sid}: it is on {}, which is not online.", guest.node));
                    continue;
                }
                if !under_way.contains_key(&guest.node) {
                    under_way.insert(guest.node.clone(), tasks::running(run, &guest.node).await);
                }
                match under_way[&guest.node].as_ref().map(|running| Job::under_way(guest, running)) {
                    // What is left of an evacuation.
                    Ok(Some(Job::Await { task, .. })) if guest.node == node && !task.is_start() => {
                        refusals.push(Failure::refused(format!(
                            "{sid}: {} is under way, by which it leaves {node}. Run the restoration again when that has \
                             ended. Nothing was changed.",
                            task.upid()
                        )));
                        continue;
                    }
                    Ok(Some(Job::Await { guest, task, .. })) => {
                        found.jobs.push(Job::Await { guest, task, to: Some(node.to_owned()) });
                        continue;
                    }
                    Ok(_) => {}
                    Err(failure) => {
                        found.absent.push(format!("{sid}: its node can't be asked. {}", failure.detail));
                        continue;
                    }
                }
            }
            match plan(&survey, node, sid, left) {
                Back::Move(guest) => returning.push(guest),
                Back::Start(guest) => found.jobs.push(Job::Start(guest)),
                Back::Stays(why) => {
                    if let Some(why) = why {
                        run.cx.warn("A guest does not return", format!("{sid}: {why}. It stays where it is."));
                    }
                    found.finished.push(sid.clone());
                }
            }
        }
        for (guest, preconditions) in Preconditions::of_all(run, returning).await {
            // It came from there, with its disks.
            let passage = preconditions.map(|read| (read.running, read.passage(&guest, node, &survey.live, true)));
            match passage {
                Ok((running, Ok(passage))) => {
                    found.jobs.push(Job::Move(GuestMove { guest, to: node.to_owned(), running, passage }));
                }
                Ok((_, Err(problems))) => {
                    found.absent.push(format!("{}: it can't return to {node}: {}.", guest.sid, problems.join("; ")));
                }
                Err(failure) => found.absent.push(failure.detail),
            }
        }
        steps.extend(found.jobs.iter().map(Job::step));
        steps.extend(found.absent.iter().map(|why| format!("Leave a guest where it is. {why}")));
        if steps.is_empty() && !found.finished.is_empty() {
            steps.push(format!("Remove the record of the guests of {node}: all are where they belong."));
        }
        Ok(Outlook { steps, refusals, found })
    }

    async fn act(&self, run: &Run<'_>, found: Restoration) -> Result<(), Failure> {
        let node = self.node.as_str();
        let Restoration { is_in_maintenance, jobs, mut finished, absent } = found;
        if is_in_maintenance {
            run.begun_by(node_maintenance::end(&run.op, node).await)?;
            node_maintenance::wait_until_ended(&run.op, node, Asker::Restoration)
                .await
                .map_err(|failure| Failure { cause: Cause::Ambiguous, ..failure })?;
            run.say(format!("{node}: its maintenance has ended."));
        }
        let workers = usize::try_from(self.max_workers.unwrap_or(WORKERS)).unwrap_or(1);
        let outcome = movers::carry_out(run, jobs, workers).await;
        finished.extend(outcome.done.iter().cloned());
        // Also after an interrupt, so that the next run does not ask again for what is done.
        let grace = run.call().grace(RECORD_GRACE);
        let recorded =
            Record::edit(run, &grace, node, |record| record.guests.retain(|sid, _| !finished.contains(sid))).await;
        let next = "Run the restoration again for the others.";
        if let Some(failure) = outcome.failure(run, node, next) {
            let detail = absent.iter().fold(failure.detail, |all, why| format!("{all}\n{why}"));
            return Err(Failure { detail, ..failure });
        }
        recorded?;
        if absent.is_empty() {
            return Ok(());
        }
        let text = format!(
            "{node}: guests of it have not returned:\n{}\nTheir record is kept. Run the restoration again when the reasons \
             are gone.",
            absent.join("\n")
        );
        Err(Failure::new(Cause::Stale, text).summarised("Not every guest has returned"))
    }
}

/// What becomes of a guest in the record.
enum Back {
    Move(Guest),
    Start(Guest),
    /// Nothing, and why, where that is not what the record expects.
    Stays(Option<String>),
}

fn plan(survey: &Survey, node: &str, sid: &str, left: &Left) -> Back {
    let Some(guest) = survey.live.guests.get(sid) else { return Back::Stays(Some("the guest is gone".to_owned())) };
    if survey.is_managed(sid) {
        return Back::Stays(Some("it has become an HA resource".to_owned()));
    }
    match left {
        Left::MovedTo(to) if guest.node == *to && *to != node => Back::Move(guest.clone()),
        Left::MovedTo(_) if guest.node == node => Back::Stays(None),
        Left::MovedTo(_) => Back::Stays(Some(format!("it was moved to {} since", guest.node))),
        Left::ShutDown if guest.running => Back::Stays(None),
        Left::ShutDown if guest.node == node => Back::Start(guest.clone()),
        Left::ShutDown => Back::Stays(Some(format!("it was moved to {} since", guest.node))),
    }
}
