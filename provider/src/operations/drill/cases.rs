//! What is done in each case, by the command or by the person, and how long it is watched.

use std::collections::BTreeSet;
use std::time::Duration;

use pve_schemas::action::{Drill, DrillCase};
use pve_schemas::value::{NodeName, Sid, timeout};

use super::super::survey::Survey;
use super::super::{Run, ha_motion};
use super::expected::{Phase, Prediction};
use super::look::{Plan, manner};
use super::observation::Observation;
use super::watch::{Stopped, Watch};
use crate::client::{ErrorKind, LockDomain, Params, path};
use crate::explain::explain;
use crate::framework::{Cause, Failure};
use crate::resources::node_maintenance::{self, Asker};

/// After how many rounds of the HA manager without a change a cluster that is at rest stays so: one to notice what has
/// happened, and some in which services wait for others.
const REST_ROUNDS: usize = 6;

/// A limit that a schema has a default for.
const LIMIT: Duration = Duration::from_mins(15);

/// A drill under way.
pub(super) struct Course<'d, 'w> {
    pub(super) drill: &'d Drill,
    pub(super) plan: &'d Plan,
    pub(super) watch: Watch<'w>,
}

impl Course<'_, '_> {
    /// Does the whole drill.
    pub(super) async fn play(&mut self) -> Result<(), Stopped> {
        match self.drill.case {
            DrillCase::Baseline => self.rest(Phase::Outage, |_| true).await?,
            DrillCase::NodeCrash => {
                self.ask_for_outage("Cut the power of {node} now.").await?;
                self.recovery().await?;
                self.ask_for_return("Give {node} its power back now.").await?;
            }
            DrillCase::NetworkCut => {
                self.ask_for_outage("Disconnect all networks of {node} now.").await?;
                self.recovery().await?;
                self.ask_for_return("Connect {node} to its networks again now, and start it if it is off.").await?;
            }
            DrillCase::CleanShutdown => {
                self.shut_down().await?;
                self.recovery().await?;
                self.ask_for_return("Start {node} now.").await?;
            }
            DrillCase::Failback => self.ask_for_return("Start {node} now.").await?,
            DrillCase::Maintenance => self.maintenance().await?,
            DrillCase::ManualMove | DrillCase::LiveMigration => self.moves().await?,
        }
        self.judge(Phase::Whole);
        Ok(())
    }

    fn node(&self) -> String {
        self.plan.prediction.node.clone().unwrap_or_default()
    }

    /// Enters what was found.
    fn judge(&mut self, phase: Phase) {
        let record = &mut self.watch.record;
        self.plan.prediction.judge(phase, &self.watch.now, &record.timeline, &mut record.expectations);
        self.watch.write();
    }

    /// Asks the person to take the node down, and waits until it has left the cluster.
    async fn ask_for_outage(&mut self, request: &str) -> Result<(), Stopped> {
        let node = self.node();
        self.watch.say(&request.replace("{node}", &node));
        let limit = self.drill.wait_for_person.as_deref().and_then(timeout).unwrap_or(LIMIT);
        let is_any_gone = |now: &Observation| now.members.values().any(|is_member| !is_member);
        self.watch.until(&format!("{node} to leave the cluster"), limit, is_any_gone).await?;
        let gone = self.watch.now.members.iter().find(|(name, is_member)| !**is_member && **name != node);
        if let Some((other, _)) = gone.filter(|_| self.watch.now.is_member(&node)) {
            let text =
                format!("{other}: it has left the cluster instead of {node}. Restore its power and network at once.");
            return Err(Stopped::Failed(Failure::new(Cause::Stale, text)));
        }
        Ok(())
    }

    /// Asks the person to bring the node back, and waits for that and for what follows.
    async fn ask_for_return(&mut self, request: &str) -> Result<(), Stopped> {
        if !self.plan.prediction.places.contains_key(&Phase::Return) {
            return Ok(());
        }
        let node = self.node();
        self.watch.say(&request.replace("{node}", &node));
        let limit = self.drill.wait_for_person.as_deref().and_then(timeout).unwrap_or(LIMIT);
        self.watch.until(&format!("{node} to be a member again"), limit, |now| now.is_member(&node)).await?;
        self.rest(Phase::Return, |now| now.is_in_service(&node)).await
    }

    async fn recovery(&mut self) -> Result<(), Stopped> {
        let node = self.node();
        self.rest(Phase::Outage, |now| !now.is_member(&node)).await
    }

    /// Waits until everything is as predicted or, if it is not, until nothing changes any more. `begun` says whether what
    /// the phase is about has happened. A limit that passes is a finding of the phase.
    async fn rest(&mut self, phase: Phase, begun: impl Fn(&Observation) -> bool) -> Result<(), Stopped> {
        let prediction = &self.plan.prediction;
        let limit = self.drill.recovery_limit.as_deref().and_then(timeout).unwrap_or(LIMIT);
        // Where nothing is predicted to change, only time shows that nothing does.
        let mut rest = Rest { stays: prediction.is_reached(phase, &self.watch.now), ..Rest::default() };
        let done = |now: &Observation| begun(now) && rest.is_over(prediction, phase, now);
        let ended = self.watch.until("every HA resource to be in its place", limit, done).await;
        if let Err(Stopped::OutOfTime(_)) = &ended {
            self.watch.record.problems.push(format!(
                "After {} s not every HA resource was in its place {}.",
                limit.as_secs(),
                phase.words()
            ));
        }
        if matches!(ended, Ok(()) | Err(Stopped::OutOfTime(_))) {
            self.judge(phase);
            return Ok(());
        }
        ended
    }

    async fn shut_down(&mut self) -> Result<(), Stopped> {
        let node = self.node();
        let (run, at) = (self.watch.run, path(["nodes", &node, "status"]));
        let call = run.call();
        let mut params = Params::new();
        params.set("command", "shutdown");
        let failed = |error| Stopped::Failed(explain(&node, &error));
        let permit = run.client().permit(LockDomain::Other, &call).await.map_err(failed)?;
        let sent = run.client().post(&at, &params, &permit, &call).await;
        drop(permit);
        match sent {
            Ok(_) => self.watch.say(&format!("{node}: the shutdown was requested.")),
            // The membership shows whether the request arrived.
            Err(error) if error.kind() == ErrorKind::Ambiguous => {
                self.watch.say(&format!("{node}: the response was lost; waiting for the node to shut down."));
            }
            Err(error) => return Err(failed(error)),
        }
        let limit = self.drill.recovery_limit.as_deref().and_then(timeout).unwrap_or(LIMIT);
        self.watch.until(&format!("{node} to leave the cluster"), limit, |now| !now.is_member(&node)).await
    }

    async fn maintenance(&mut self) -> Result<(), Stopped> {
        let (node, run) = (self.node(), self.watch.run);
        self.watch.during(Box::pin(node_maintenance::begin(&run.op, &node, Asker::Drill))).await?;
        self.watch.say(&format!("{node}: its maintenance was requested."));
        self.rest(Phase::Outage, |now| now.nodes.get(&node).is_some_and(|state| state == "maintenance")).await?;
        if self.plan.prediction.places.contains_key(&Phase::Return) {
            self.watch.during(Box::pin(node_maintenance::end(&run.op, &node))).await?;
            self.watch.say(&format!("{node}: the end of its maintenance was requested."));
            self.rest(Phase::Return, |now| now.is_in_service(&node)).await?;
        }
        Ok(())
    }

    /// Moves the guests to the target, watches that they stay, and moves them back.
    async fn moves(&mut self) -> Result<(), Stopped> {
        let Some(target) = &self.drill.target else { return Ok(()) };
        for one in &self.plan.moves {
            self.move_one(&one.sid, target).await?;
        }
        self.rest(Phase::Outage, |_| true).await?;
        for one in &self.plan.moves {
            self.move_one(&one.sid, &one.home).await?;
        }
        self.rest(Phase::Return, |_| true).await
    }

    async fn move_one(&mut self, sid: &Sid, to: &NodeName) -> Result<(), Stopped> {
        let (run, manner) = (self.watch.run, manner(self.drill.case));
        self.watch.during(Box::pin(move_guest(run, sid, to, manner))).await
    }
}

async fn move_guest(run: &Run<'_>, sid: &Sid, to: &NodeName, manner: ha_motion::Manner) -> Result<(), Failure> {
    let survey = Survey::read(run, "drill").await?;
    let outlook = ha_motion::look(&survey, (sid, "guest"), to, manner)?;
    if let Some(refusal) = outlook.refusals.into_iter().next() {
        return Err(refusal);
    }
    if outlook.steps.is_empty() {
        return Ok(());
    }
    outlook.found.act(run).await
}

/// For how many rounds of the HA manager nothing has changed.
#[derive(Default)]
struct Rest {
    /// It was as predicted from the beginning, and has to stay so for some rounds.
    stays: bool,
    places: Vec<String>,
    rounds: BTreeSet<i64>,
}

impl Rest {
    fn is_over(&mut self, prediction: &Prediction, phase: Phase, now: &Observation) -> bool {
        if !self.stays && prediction.is_reached(phase, now) {
            return true;
        }
        let places: Vec<String> = now.services.keys().map(|sid| now.place(sid)).collect();
        if places != self.places || !now.is_at_rest() {
            self.places = places;
            self.rounds.clear();
        }
        self.rounds.extend(now.round);
        self.rounds.len() > REST_ROUNDS
    }
}
