//! The look at the cluster before a drill: what is in the way, and what is expected.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use pve_schemas::action::{Drill, DrillCase};
use pve_schemas::data::failover_simulation::{FailoverSimulationArguments, ServiceState};
use pve_schemas::value::{NodeName, Sid};

use super::super::ha_motion::{self, Manner};
use super::super::reboot::quorum_without;
use super::super::survey::Survey;
use super::super::{Outlook, Run};
use super::evidence::Folder;
use super::expected::{Fact, Phase, Places, Prediction, runs};
use super::policy::ShutdownPolicy;
use super::steps::steps;
use crate::framework::{Failure, Path};
use crate::simulation::{Course, Foreseen, Outage, Simulation, course};

/// What a drill does.
pub struct Plan {
    pub(super) prediction: Prediction,
    /// It is the node of the HA manager's master.
    pub(super) is_master: bool,
    pub(super) moves: Vec<Move>,
    pub(super) evidence: PathBuf,
    pub(super) steps: Vec<String>,
}

/// A guest that is moved and brought back.
#[derive(Debug, Clone)]
pub(super) struct Move {
    pub(super) sid: Sid,
    pub(super) home: NodeName,
}

/// One look.
struct Look<'a> {
    drill: &'a Drill,
    survey: &'a Survey,
    node: &'a str,
    refusals: Vec<Failure>,
}

/// How guests move in a case that moves them.
pub(super) fn manner(case: DrillCase) -> Manner {
    if case == DrillCase::LiveMigration { Manner::Migrate } else { Manner::Relocate }
}

pub(super) async fn look(drill: &Drill, run: &Run<'_>) -> Result<Outlook<Plan>, Failure> {
    let survey = Survey::with_disks(run, "drill").await?;
    let node = drill.node.as_ref().map_or("", |node| node.as_str());
    let mut look = Look { drill, survey: &survey, node, refusals: Vec::new() };
    if drill.case.needs_node() && drill.case != DrillCase::Failback {
        survey.online_node(node, "node")?;
    }
    look.cluster();
    look.names();
    let (prediction, moves) = if drill.case.needs_target() { look.moves()? } else { (look.prediction()?, Vec::new()) };
    look.unnamed(&prediction);
    if drill.case.needs_node() && drill.case != DrillCase::Maintenance {
        look.endpoint(run).await?;
    }
    let evidence = look.evidence();
    if drill.case == DrillCase::Maintenance {
        run.ssh()?;
    }
    let is_master = survey.live.manager["master_node"] == node;
    let steps = steps(drill, &prediction, is_master, &moves);
    let Look { refusals, .. } = look;
    Ok(Outlook { steps: steps.clone(), refusals, found: Plan { prediction, is_master, moves, evidence, steps } })
}

impl Look<'_> {
    fn refuse(&mut self, text: impl AsRef<str>) {
        self.refusals.push(Failure::refused(format!("{} Nothing was changed.", text.as_ref())));
    }

    fn refuse_at(&mut self, attribute: &'static str, text: impl AsRef<str>) {
        let text = format!("{} Nothing was changed.", text.as_ref());
        self.refusals.push(Failure::refused(text).at(Path::attribute(attribute)));
    }

    /// What makes a cluster unfit for a drill.
    fn cluster(&mut self) {
        let (survey, node) = (self.survey, self.node.to_owned());
        let live = &survey.live;
        let is_failback = self.drill.case == DrillCase::Failback;
        if live.quorum.quorate != Some(true) {
            self.refuse("The cluster has no quorum. Bring the other nodes back first.");
        }
        if survey.is_disarmed() {
            self.refuse("HA is disarmed, so that the HA manager recovers nothing. Arm HA first.");
        }
        if live.manager["master_node"].as_str().is_none_or(|master| !live.is_online(master) && !is_failback) {
            self.refuse("The HA manager has no active master. See `pve_ha_status`.");
        }
        for fact in &live.nodes {
            let state = live.manager["node_status"][&fact.name].as_str().unwrap_or("unknown");
            let is_concerned = fact.name == node;
            match (fact.online, is_failback && is_concerned) {
                (true, true) => {
                    self.refuse_at("node", format!("{node}: it is online; `failback` begins with the node off."));
                }
                (false, false) => self.refuse(format!("{}: the node is not online. Start it first.", fact.name)),
                (true, false) if state != "online" => {
                    self.refuse(format!("{}: its state in the HA manager is {state}, not online.", fact.name));
                }
                _ => {}
            }
        }
        let lrm = survey.lrm[&node]["state"].as_str().unwrap_or("unknown");
        let services = live.manager["service_status"].as_object().into_iter().flatten();
        let mut here =
            services.filter(|(_, service)| service["node"] == node.as_str() && service["state"] == "started");
        // It is fenced only if it holds its lock.
        if matches!(self.drill.case, DrillCase::NodeCrash | DrillCase::NetworkCut)
            && lrm != "active"
            && here.next().is_some()
        {
            self.refuse(format!(
                "{node}: its local resource manager is in the state {lrm}, not active. Wait a minute."
            ));
        }
        if is_failback && !live.nodes.iter().any(|fact| fact.name == node) {
            self.refuse_at("node", format!("{node}: the cluster has no such node."));
        }
        for (sid, service) in live.manager["service_status"].as_object().into_iter().flatten() {
            let state = service["state"].as_str().unwrap_or("unknown");
            if !matches!(state, "started" | "stopped" | "freeze") {
                self.refuse(format!("{sid}: the HA resource is in the state {state}. Repair it, or wait, first."));
            }
        }
        if live.hidden.others || !live.hidden.services.is_empty() {
            self.refuse("The user may not see all guests, some of which the drill might stop. Grant VM.Audit on /vms.");
        }
    }

    /// The named guests are HA resources.
    fn names(&mut self) {
        for sid in self.drill.guest.iter().flatten() {
            let problem = if !self.survey.live.guests.contains_key(sid.as_str()) {
                "there is no such guest"
            } else if !self.survey.is_managed(sid.as_str()) {
                "it is not an HA resource, or HA ignores it: the HA manager neither moves nor recovers it"
            } else {
                continue;
            };
            self.refuse_at("guest", format!("{sid}: {problem}."));
        }
    }

    /// Where everything is, by the simulation, in the cases that are about a node, or about nothing.
    fn prediction(&mut self) -> Result<Prediction, Failure> {
        use DrillCase::{Baseline, CleanShutdown, Failback, Maintenance};
        let (live, node, case) = (&self.survey.live, self.node.to_owned(), self.drill.case);
        let policy = ShutdownPolicy::of(&self.survey.options);
        let outage = match case {
            Failback => Outage::Present,
            Maintenance => Outage::Maintenance,
            CleanShutdown if policy == ShutdownPolicy::Migrate => Outage::Maintenance,
            _ => Outage::Failure,
        };
        let is_down = case.takes_node_down();
        let mut course = course(live, &node, outage);
        if case == CleanShutdown && policy == ShutdownPolicy::Freeze {
            course = frozen(course, &node);
        } else if is_down && outage == Outage::Failure {
            self.survival(&node)?;
        } else if is_down {
            let lost = quorum_without(self.survey, &node);
            lost.into_iter().for_each(|problem| self.refuse(format!("{node}: {problem}")));
        }
        let Course { before, during, after } = course;
        for (sid, to) in
            during.iter().filter(|(sid, to)| outage == Outage::Maintenance && is_left(&before, sid, to, &node))
        {
            self.refuse(format!("{sid}: no other node may have it, so that it stays on {}.", to.node));
        }
        let leaves_down = self.drill.leave_down == Some(true) && is_down;
        let mut affected: BTreeSet<String> =
            before.iter().filter(|(_, at)| at.node == node && case != Baseline).map(|(sid, _)| sid.clone()).collect();
        for places in [&during, &after] {
            let moved =
                places.iter().filter(|(sid, to)| case != Baseline && before.get(*sid).is_none_or(|at| differs(at, to)));
            affected.extend(moved.map(|(sid, _)| sid.clone()));
        }
        let mut places = BTreeMap::new();
        match case {
            Baseline => drop(places.insert(Phase::Outage, before)),
            Failback => drop(places.insert(Phase::Return, after)),
            _ => {
                places.insert(Phase::Outage, during);
                if !leaves_down {
                    places.insert(Phase::Return, after);
                }
            }
        }
        let mut facts = Vec::new();
        if is_down {
            facts.push(Fact::Leaves);
            // A node that is left without services by its own shutdown has released its lock, and is fenced all the same.
            if matches!(case, DrillCase::NodeCrash | DrillCase::NetworkCut) {
                facts.push(Fact::Fenced);
            }
        }
        if places.contains_key(&Phase::Return) {
            facts.push(Fact::Back);
        }
        facts.extend([Fact::Quorum, Fact::Others]);
        facts.extend(self.downtime());
        Ok(Prediction { node: self.drill.node.as_ref().map(ToString::to_string), places, affected, facts })
    }

    fn downtime(&self) -> Option<Fact> {
        let most = self.drill.max_downtime.as_deref().and_then(pve_schemas::value::timeout)?;
        Some(Fact::Downtime(most.as_secs().try_into().unwrap_or(i64::MAX)))
    }

    /// A failure that the simulation predicts to lose something is no drill.
    fn survival(&mut self, node: &str) -> Result<(), Failure> {
        let failed = node.parse::<NodeName>().map_err(|problem| Failure::refused(format!("{node:?}: {problem}.")))?;
        let arguments = FailoverSimulationArguments { failed_nodes: Some([failed].into()), ..Default::default() };
        let mut simulation = Simulation::new(&self.survey.live, &arguments)
            .map_err(|invalid| Failure::refused(format!("{node}: {}", invalid.problem)))?;
        while let Some(scenario) = simulation.play_next() {
            for problem in scenario.problems {
                self.refuse(format!("{node}: the cluster would not survive its failure. {problem}."));
            }
        }
        Ok(())
    }

    /// The guests that move to the target, and back.
    fn moves(&mut self) -> Result<(Prediction, Vec<Move>), Failure> {
        let (case, survey) = (self.drill.case, self.survey);
        let Some(target) = &self.drill.target else { return Err(Failure::refused("A target is needed.")) };
        survey.online_node(target.as_str(), "target")?;
        let (mut there, mut back, mut moves) = (Places::new(), Places::new(), Vec::new());
        let mut affected = BTreeSet::new();
        for sid in self.drill.guest.iter().flatten().filter(|sid| survey.is_managed(sid.as_str())) {
            let guest = survey.guest(sid, "guest")?;
            if case == DrillCase::LiveMigration && guest.kind() != "qemu" {
                self.refuse_at("guest", format!("{sid}: a container can't move while it runs."));
            }
            if !guest.running {
                self.refuse_at("guest", format!("{sid}: the guest does not run."));
            }
            if guest.node == target.as_str() {
                self.refuse_at("target", format!("{sid}: it is on {target} already."));
                continue;
            }
            let outlook = ha_motion::look(survey, (sid, "guest"), target, manner(case))?;
            self.refusals.extend(outlook.refusals);
            let home: NodeName =
                guest.node.parse().map_err(|problem| Failure::refused(format!("{sid}: {problem}.")))?;
            let companions = survey.motion(sid.as_str(), target.as_str()).companions;
            for moved in std::iter::once(sid.to_string()).chain(companions.iter().map(ToString::to_string)) {
                let from =
                    survey.live.guests.get(&moved).map_or_else(|| guest.node.clone(), |found| found.node.clone());
                let place = |node: String| Foreseen { node, state: ServiceState::Started, why: None };
                there.insert(moved.clone(), place(target.to_string()));
                back.insert(moved.clone(), place(from));
                affected.insert(moved);
            }
            moves.push(Move { sid: sid.clone(), home });
        }
        let mut facts = vec![Fact::Quorum, Fact::Others];
        if case == DrillCase::LiveMigration {
            facts.push(Fact::NeverStops);
        }
        facts.extend(self.downtime());
        let places = [(Phase::Outage, there), (Phase::Return, back)].into();
        Ok((Prediction { node: None, places, affected, facts }, moves))
    }

    /// Refuses guests that the drill would affect and that are not named.
    fn unnamed(&mut self, prediction: &Prediction) {
        let named: BTreeSet<&str> = self.drill.guest.iter().flatten().map(|sid| sid.as_str()).collect();
        let mut unnamed: BTreeSet<&str> =
            prediction.affected.iter().map(String::as_str).filter(|sid| !named.contains(sid)).collect();
        if self.drill.case.takes_node_down() {
            let here = self.survey.live.guests.values().filter(|guest| guest.node == self.node && guest.running);
            unnamed.extend(here.map(|guest| guest.sid.as_str()).filter(|sid| !named.contains(sid)));
        }
        if unnamed.is_empty() {
            return;
        }
        let (alone, managed): (Vec<&str>, Vec<&str>) =
            unnamed.into_iter().partition(|sid| !self.survey.is_managed(sid));
        if !managed.is_empty() {
            self.refuse_at(
                "guest",
                format!("The drill would affect guests that are not named: {}.", managed.join(", ")),
            );
        }
        if !alone.is_empty() {
            let (node, list) = (self.node.to_owned(), alone.join(", "));
            self.refuse(format!("{node}: guests without HA run on it: {list}. Move or stop them first."));
        }
    }

    /// The drill is watched through an endpoint that it does not take down.
    async fn endpoint(&mut self, run: &Run<'_>) -> Result<(), Failure> {
        let members = crate::resources::over_ssh::members(&run.op).await?;
        let is_answering = members.iter().any(|member| member.local && member.name == self.node);
        if is_answering && !run.client().has_fallback() {
            let node = self.node.to_owned();
            self.refuse(format!(
                "{node}: it is the node that answers the requests of this command. Set another `PROXMOX_VE_ENDPOINT`, or \
                 add fallback endpoints."
            ));
        }
        Ok(())
    }

    fn evidence(&mut self) -> PathBuf {
        let case = self.drill.case.as_str();
        let now = || jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
        let at = PathBuf::from(self.drill.evidence.clone().unwrap_or_else(|| format!("drill-{case}-{}", now())));
        if let Some(problem) = Folder::problem(&at) {
            self.refuse_at("evidence", format!("{}: evidence can't be written there: {problem}.", at.display()));
        }
        at
    }
}

/// Whether a service changes its node or state.
fn differs(at: &Foreseen, to: &Foreseen) -> bool {
    (&at.node, at.state) != (&to.node, to.state)
}

/// Whether a running service of the node stays there.
fn is_left(before: &Places, sid: &str, to: &Foreseen, node: &str) -> bool {
    to.node == node && before.get(sid).is_some_and(|at| runs(at.state)) && runs(to.state)
}

/// The services of a node that is shut down with the policy `freeze`: they wait for it.
fn frozen(course: Course, node: &str) -> Course {
    let mut during = course.before.clone();
    for to in during.values_mut().filter(|to| to.node == node && to.state == ServiceState::Started) {
        to.state = ServiceState::Freeze;
        to.why = Some("the shutdown policy is `freeze`".to_owned());
    }
    Course { after: course.before.clone(), during, before: course.before }
}
