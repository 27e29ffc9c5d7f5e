//! `pve_node_evacuate`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use pve_schemas::action::NodeEvacuate;
use pve_schemas::value::Sid;
use serde_json::Value as Json;

use super::alone::{self, is_in_maintenance};
use super::guest_motion::GuestMove;
use super::movers::{self, Job};
use super::preconditions::Preconditions;
use super::record::{Left, Record};
use super::spread::{Wanting, is_known, spread};
use super::survey::Survey;
use super::{Operation, Outlook, Run, at_home, emptiness, tasks};
use crate::framework::{Cause, Failure, Path};
use crate::resources::node_maintenance::{self, Asker};
use crate::simulation::live::Guest;
use crate::simulation::{self, Departures};
use crate::words::counted;

/// Why a node is no target whose memory can't be counted.
const UNKNOWN_SIZE: &str = "its memory is unknown, which needs Sys.Audit on the node";

/// Moves at the same time, unless the configuration says otherwise.
pub(super) const WORKERS: i64 = 2;

/// What leaves the node, and how.
#[derive(Debug, Default)]
pub struct Evacuation {
    /// Whether the HA manager has anything to do with it.
    uses_ha: bool,
    is_in_maintenance: bool,
    jobs: Vec<Job>,
    /// The guests that may still run there.
    left: BTreeSet<String>,
}

impl Evacuation {
    /// Where each guest that is no HA resource moves.
    pub(super) fn moves(&self) -> impl Iterator<Item = (&str, &str)> {
        self.jobs.iter().filter_map(|job| match job {
            Job::Move(step) => Some((step.guest.sid.as_str(), step.to.as_str())),
            Job::ShutDown(_) | Job::Start(_) | Job::Await { .. } => None,
        })
    }

    /// The guests that do not run while the node is rebooted.
    pub(super) fn stopped(&self) -> impl Iterator<Item = &str> {
        let shut_down = self.jobs.iter().filter_map(|job| match job {
            Job::ShutDown(guest) => Some(guest.sid.as_str()),
            Job::Move(_) | Job::Start(_) | Job::Await { .. } => None,
        });
        shut_down.chain(self.left.iter().map(String::as_str))
    }
}

impl Operation for NodeEvacuate {
    type Found = Evacuation;
    const TIMEOUT: Duration = Duration::from_hours(2);

    async fn look(&self, run: &Run<'_>) -> Result<Outlook<Evacuation>, Failure> {
        let node = self.node.as_str();
        let mut survey = Survey::read(run, "evacuation").await?;
        survey.online_node(node, "node")?;
        run.ssh()?;
        survey.look_at_home(run, node).await?;
        let mut outlook = look_at(self, run, &survey).await?;
        if !outlook.found.uses_ha {
            // Where HA is in use, maintenance shows it.
            let others = Record::others(run, node).await?;
            outlook.refusals.extend(others.iter().filter(|other| !alone::accepts(self, other)).map(|other| {
                Failure::refused(format!(
                    "{other}: an evacuation has emptied it, and {node} would be out of service as well. Run \
                     `pve_node_restore` for it, or name it in `out_of_service`. Nothing was changed."
                ))
            }));
        }
        Ok(outlook)
    }

    async fn act(&self, run: &Run<'_>, found: Evacuation) -> Result<(), Failure> {
        let node = self.node.as_str();
        if found.uses_ha && !found.is_in_maintenance {
            let begun = run.begun_by(node_maintenance::begin(&run.op, node, Asker::Evacuation).await);
            begun.map_err(|failure| alone::requested(node, failure))?;
            alone::yield_to_another(self, run).await.map_err(|failure| alone::requested(node, failure))?;
            run.say(format!("{node}: it is in maintenance; HA resources leave it."));
        }
        empty(self, run, found).await
    }
}

/// What it would do to the cluster of that survey.
pub(super) async fn look_at(
    evacuate: &NodeEvacuate,
    run: &Run<'_>,
    survey: &Survey,
) -> Result<Outlook<Evacuation>, Failure> {
    let node = evacuate.node.as_str();
    survey.online_node(node, "node")?;
    // Maintenance, and the record of what was moved, need it.
    run.ssh()?;
    let mut look = Look { evacuate, survey, refusals: Vec::new(), steps: Vec::new() };
    let mut found = Evacuation { uses_ha: !survey.live.config.resources.is_empty(), ..Evacuation::default() };
    look.cluster();
    look.unseen(run).await?;
    let departures = look.services(&mut found);
    look.guests(run, &mut found, &departures).await?;
    Ok(Outlook { steps: look.steps, refusals: look.refusals, found })
}

/// Moves what is to leave, and then what has been started on the node meanwhile, until nothing runs there.
async fn empty(evacuate: &NodeEvacuate, run: &Run<'_>, found: Evacuation) -> Result<(), Failure> {
    let node = evacuate.node.as_str();
    let Evacuation { uses_ha, mut jobs, mut left, .. } = found;
    let next = {
        let continues = if uses_ha { format!("The maintenance of {node} continues. ") } else { String::new() };
        format!("{continues}Run the evacuation again, or undo it with `pve_node_restore`.")
    };
    let mut is_first = true;
    loop {
        record(evacuate, run, &jobs, is_first && !uses_ha).await?;
        is_first = false;
        let workers = usize::try_from(evacuate.max_workers.unwrap_or(WORKERS)).unwrap_or(1);
        let services = async {
            if uses_ha { node_maintenance::wait_until_empty(&run.op, node, Asker::Evacuation).await } else { Ok(()) }
        };
        let (services, outcome) = tokio::join!(services, movers::carry_out(run, jobs, workers));
        if let Some(failure) = outcome.failure(run, node, &next) {
            return Err(failure);
        }
        services.map_err(|failure| match failure.cause {
            Cause::Refused if run.call().is_over() => Failure { cause: Cause::Ambiguous, ..failure },
            _ => failure,
        })?;
        let newcomers = emptiness::await_empty(run, node, &left).await?;
        if newcomers.is_empty() {
            let but = if left.is_empty() { "" } else { " but those left there" };
            run.say(format!("{node}: no guest runs on it{but}."));
            return Ok(());
        }
        run.say(format!("{node}: started meanwhile: {}.", newcomers.join(", ")));
        let again = evacuate.look(run).await?;
        if !again.refusals.is_empty() {
            return Err(emptiness::stuck(node, &newcomers, &again.refusals, &next));
        }
        (jobs, left) = (again.found.jobs, again.found.left);
    }
}

/// Before the first move: an interrupted evacuation can be undone, too.
async fn record(evacuate: &NodeEvacuate, run: &Run<'_>, jobs: &[Job], is_claim: bool) -> Result<(), Failure> {
    let node = evacuate.node.as_str();
    let departing: Vec<(String, Left)> = jobs.iter().filter_map(departure).collect();
    if departing.is_empty() {
        return Ok(());
    }
    let recorded: BTreeSet<String> = departing.iter().map(|(sid, _)| sid.clone()).collect();
    let mut is_new = false;
    Record::edit(run, &run.call(), node, |record| {
        is_new = record.guests.is_empty();
        record.guests.extend(departing);
    })
    .await?;
    // One that continues an evacuation was there first.
    if is_claim && is_new { alone::yield_to_a_record(evacuate, run, &recorded).await } else { Ok(()) }
}

/// What a job leaves in the record.
fn departure(job: &Job) -> Option<(String, Left)> {
    let left = match job {
        Job::Move(step) => Left::MovedTo(step.to.clone()),
        Job::ShutDown(_) => Left::ShutDown,
        // The run that began it has recorded it.
        Job::Start(_) | Job::Await { .. } => return None,
    };
    Some((job.guest().sid.clone(), left))
}

/// One look at a node that is to be emptied.
struct Look<'a> {
    evacuate: &'a NodeEvacuate,
    survey: &'a Survey,
    refusals: Vec<Failure>,
    steps: Vec<String>,
}

impl Look<'_> {
    fn refuse(&mut self, text: impl AsRef<str>) {
        self.refusals.push(Failure::refused(format!("{} Nothing was changed.", text.as_ref())));
    }

    fn node(&self) -> &str {
        self.evacuate.node.as_str()
    }

    /// What makes an evacuation pointless or dangerous.
    fn cluster(&mut self) {
        let node = self.node().to_owned();
        if !self.survey.is_quorate() {
            self.refuse(format!("{node}: the cluster has no quorum, and nothing can be moved."));
        }
        for (other, problem) in alone::others_out(&self.survey.live, &node) {
            if !alone::accepts(self.evacuate, &other) {
                self.refuse(format!(
                    "{other}: it is {problem}, and {node} would be out of service as well. Wait until {other} is back, \
                     run `pve_node_restore` for it, or name it in `out_of_service`."
                ));
            }
        }
        if self.survey.is_disarmed() {
            self.refuse(format!("{node}: HA is disarmed, and the HA manager then refuses maintenance. Arm HA first."));
        }
    }

    /// Guests that the user may not see might run there, and could not be moved.
    async fn unseen(&mut self, run: &Run<'_>) -> Result<(), Failure> {
        let (node, live) = (self.node().to_owned(), &self.survey.live);
        let unseen = at_home::all_of(run, &node).await?;
        let unseen: Vec<String> = unseen.into_iter().filter(|sid| !live.guests.contains_key(sid)).collect();
        if !unseen.is_empty() {
            self.refuse(format!(
                "{node}: it has guests that the user may not see: {}. Give the user or token VM.Audit on /vms.",
                unseen.join(", ")
            ));
        }
        Ok(())
    }

    /// The HA resources: the HA manager moves them.
    fn services(&mut self, found: &mut Evacuation) -> Departures {
        let (node, live) = (self.node().to_owned(), &self.survey.live);
        if !found.uses_ha {
            return Departures::default();
        }
        found.is_in_maintenance = is_in_maintenance(&live.manager, &node);
        let departures = simulation::departures(live, &node);
        let leaving: Vec<String> = departures.leaving.iter().map(|(sid, to)| format!("{sid} to {to}")).collect();
        if !found.is_in_maintenance || !leaving.is_empty() {
            let moves = if leaving.is_empty() {
                "no HA resource is active on it".to_owned()
            } else {
                format!("the HA manager moves {}: {}", counted(leaving.len(), "HA resource"), leaving.join(", "))
            };
            self.steps.push(format!("Put {node} into maintenance: {moves}."));
        } else {
            // What is on its way, also to the node: a move that has begun ends there.
            let holders = node_maintenance::holders(&live.manager, &node);
            if !holders.is_empty() {
                self.steps.push(format!("Wait until HA resources have left {node}: {}.", holders.join(", ")));
            }
        }
        for sid in &departures.staying {
            self.refuse(format!(
                "{sid}: its rules or group leave the HA manager no other node that is online, so it stays on {node}. \
                 Change the rules, bring the other nodes back, or stop the HA resource."
            ));
        }
        let services = live.manager["service_status"].as_object().into_iter().flatten();
        let broken = services.filter(|(_, service)| service["node"] == node.as_str() && service["state"] == "error");
        for (sid, _) in broken {
            if live.guests.get(sid).is_some_and(|guest| guest.running) {
                self.refuse(format!(
                    "{sid}: the HA resource is in the error state, in which the HA manager does not move it, and the \
                     guest runs. Set its state to `disabled`, repair the guest, and set the state back."
                ));
            }
        }
        departures
    }

    /// All other guests.
    async fn guests(&mut self, run: &Run<'_>, found: &mut Evacuation, departures: &Departures) -> Result<(), Failure> {
        let (node, survey, evacuate) = (self.node().to_owned(), self.survey, self.evacuate);
        let live = &survey.live;
        let named = |set: &Option<BTreeSet<Sid>>, sid: &str| set.iter().flatten().any(|one| one.as_str() == sid);
        self.check_names();
        let under_way = tasks::running(run, &node).await?;
        let here = live.guests.values().filter(|guest| guest.node == node && !survey.is_managed(&guest.sid));
        let (mut leaving, mut steps) = (Vec::new(), Vec::new());
        for guest in here {
            // Also a container that its migration has stopped.
            if let Some(job) = Job::under_way(guest, &under_way) {
                found.jobs.push(job);
            } else if !guest.running {
                continue;
            } else if named(&evacuate.leave, &guest.sid) {
                steps.push(format!("Leave {} on {node}.", guest.sid));
                found.left.insert(guest.sid.clone());
            } else if named(&evacuate.shutdown, &guest.sid) {
                found.jobs.push(Job::ShutDown(guest.clone()));
            } else {
                leaving.push(guest.clone());
            }
        }
        let targets: Vec<&str> = live
            .nodes
            .iter()
            .filter(|fact| fact.online && fact.name != node && takes_guests(&live.manager, &fact.name))
            .map(|fact| fact.name.as_str())
            .collect();
        let read = Preconditions::of_all(run, leaving).await;
        let mut passages = BTreeMap::new();
        let mut wanting = Vec::new();
        for (guest, preconditions) in &read {
            let preconditions = match preconditions {
                Ok(preconditions) => preconditions,
                // It has left the node since the list was read.
                Err(failure) if failure.cause == Cause::Absent => continue,
                Err(failure) => return Err(failure.clone()),
            };
            let copies = evacuate.with_local_disks == Some(true);
            let (mut candidates, mut problems) = (Vec::new(), BTreeMap::new());
            for target in &targets {
                if !live.nodes.iter().any(|fact| fact.name == *target && is_known(fact)) {
                    problems.insert(*target, vec![UNKNOWN_SIZE.to_owned()]);
                    continue;
                }
                match preconditions.passage(guest, target, live, copies) {
                    Ok(passage) => {
                        passages.insert((guest.sid.clone(), (*target).to_owned()), (passage, preconditions.running));
                        candidates.push((*target).to_owned());
                    }
                    Err(reasons) => {
                        problems.insert(*target, reasons);
                    }
                }
            }
            if candidates.is_empty() {
                self.stuck(guest, &problems);
            } else {
                wanting.push(Wanting { guest, candidates });
            }
        }
        let percent = evacuate.max_memory_percent.unwrap_or(100);
        let spread = spread(live, &targets, &departures.leaving, wanting, percent);
        for sid in &spread.without_room {
            self.refuse(format!(
                "{sid}: no node that may have it has the memory left, at {percent} % of each. Name it in `shutdown` or \
                 `leave`, or raise `max_memory_percent`."
            ));
        }
        for (sid, to) in spread.nodes {
            let Some((passage, running)) = passages.remove(&(sid.clone(), to.clone())) else { continue };
            found.jobs.push(Job::Move(GuestMove { guest: live.guests[&sid].clone(), to, running, passage }));
        }
        self.steps.extend(found.jobs.iter().map(Job::step));
        self.steps.extend(if self.steps.is_empty() { Vec::new() } else { steps });
        Ok(())
    }

    /// The guests in `leave` and `shutdown` have to be there, and have to be none of the HA manager's.
    fn check_names(&mut self) {
        let (evacuate, survey) = (self.evacuate, self.survey);
        for (attribute, set) in [("leave", &evacuate.leave), ("shutdown", &evacuate.shutdown)] {
            for sid in set.iter().flatten() {
                let problem = match survey.live.guests.get(sid.as_str()) {
                    None => "there is no such guest",
                    Some(_) if survey.is_managed(sid.as_str()) => "it is an HA resource, which leaves by maintenance",
                    Some(_) => continue,
                };
                let text = format!("{sid}: {problem}. Nothing was changed.");
                self.refusals.push(Failure::refused(text).at(Path::attribute(attribute)));
            }
        }
    }

    /// No node may have the guest.
    fn stuck(&mut self, guest: &Guest, problems: &BTreeMap<&str, Vec<String>>) {
        let mut reasons: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for (target, why) in problems {
            reasons.entry(why.join("; ")).or_default().push(target);
        }
        let why: Vec<String> =
            reasons.into_iter().map(|(why, targets)| format!("{}: {why}", targets.join(", "))).collect();
        let why = if why.is_empty() { "no other node takes guests".to_owned() } else { why.join(". ") };
        let copy = if self.evacuate.with_local_disks == Some(true) {
            ""
        } else {
            ", or copy local disks with `with_local_disks`"
        };
        self.refuse(format!(
            "{}: it can't leave {}. {why}. Name it in `leave` or `shutdown`{copy}.",
            guest.sid,
            self.node()
        ));
    }
}

/// Whether a node is in service for the HA manager; one that it does not have is.
fn takes_guests(manager: &Json, node: &str) -> bool {
    matches!(manager["node_status"][node].as_str(), None | Some("online"))
}
