//! `pve_node_restore`.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
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
use crate::resources::node_maintenance;
use crate::simulation::live::Guest;

/// How many guests are asked for their preconditions at once.
const AT_ONCE: usize = 8;

/// How long the update of the record may take, also after an interrupt.
const RECORD_GRACE: Duration = Duration::from_secs(20);

/// What brings a node back.
pub struct Restoration {
    is_in_maintenance: bool,
    jobs: Vec<Job>,
    /// Guests in the record with which nothing is to be done.
    finished: Vec<String>,
}

impl Operation for NodeRestore {
    type Found = Restoration;
    const TIMEOUT: Duration = Duration::from_hours(2);

    async fn look(&self, run: &Run<'_>) -> Result<Outlook<Restoration>, Failure> {
        let node = self.node.as_str();
        let survey = Survey::read(run, "restoration").await?;
        survey.online_node(node, "node")?;
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
        let (mut returning, mut found) =
            (Vec::new(), Restoration { is_in_maintenance, jobs: Vec::new(), finished: Vec::new() });
        let mut under_way = BTreeMap::new();
        for (sid, left) in &record.guests {
            let guest = survey.live.guests.get(sid).filter(|_| !survey.is_managed(sid));
            if let Some(guest) =
                guest.filter(|guest| survey.live.nodes.iter().any(|n| n.online && n.name == guest.node))
            {
                if !under_way.contains_key(&guest.node) {
                    under_way.insert(guest.node.clone(), tasks::running(run, &guest.node).await?);
                }
                match Job::under_way(guest, &under_way[&guest.node]) {
                    // What is left of an evacuation.
                    Some(Job::Await(_, task)) if guest.node == node && !task.is_start() => {
                        refusals.push(Failure::refused(format!(
                            "{sid}: {} is under way, by which it leaves {node}. Run the restoration again when that has \
                             ended. Nothing was changed.",
                            task.upid()
                        )));
                        continue;
                    }
                    Some(job) => {
                        found.jobs.push(job);
                        continue;
                    }
                    None => {}
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
        let read = returning.into_iter().map(|guest| async move {
            let preconditions = Preconditions::read(run, &guest).await;
            (guest, preconditions)
        });
        let read: Vec<_> = stream::iter(read.collect::<Vec<_>>()).buffered(AT_ONCE).collect().await;
        for (guest, preconditions) in read {
            let preconditions = preconditions?;
            // It came from there, with its disks.
            match preconditions.passage(&guest, node, &survey.live, true) {
                Ok(passage) => {
                    let (running, to) = (preconditions.running, node.to_owned());
                    found.jobs.push(Job::Move(GuestMove { guest, to, running, passage }));
                }
                Err(problems) => {
                    let text = format!("{}: it can't return to {node}: {}.", guest.sid, problems.join("; "));
                    run.cx.warn("A guest does not return", text);
                }
            }
        }
        steps.extend(found.jobs.iter().map(Job::step));
        if steps.is_empty() && !found.finished.is_empty() {
            steps.push(format!("Remove the record of the guests of {node}: all are where they belong."));
        }
        Ok(Outlook { steps, refusals, found })
    }

    async fn act(&self, run: &Run<'_>, found: Restoration) -> Result<(), Failure> {
        let node = self.node.as_str();
        let Restoration { is_in_maintenance, jobs, mut finished } = found;
        if is_in_maintenance {
            run.begun_by(node_maintenance::end(&run.op, node).await)?;
            node_maintenance::wait_until_ended(&run.op, node)
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
        outcome.failure(run, node, next).map_or(recorded, Err)
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
