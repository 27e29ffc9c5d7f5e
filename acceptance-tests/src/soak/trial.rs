//! One life: a cluster, its configuration, and events between plans, until something is wrong or enough has happened.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Instant;

use super::catalogue::{self, Generation};
use super::dice::Dice;
use super::event::Event;
use super::figures::Figures;
use super::hindrances;
use super::judge::{self, Harm, HarmKind};
use super::observe;
use super::oracle::Oracle;
use super::reason::Reason;
use super::stage::Stage;
use super::topology::{Change, Changes, Topology, kind};
use crate::Workspace;
use crate::cluster::Hurry;
use crate::output::Run;

/// The timeouts of the objects: as long as an apply may need on a busy machine.
const LONG: &str = "30s";
/// Those of what is changed without quorum.
const SHORT: &str = "3s";
/// How many seconds of the cluster an apply waits without quorum before the power returns.
const OUTAGE: f64 = 240.0;

/// One step of a life.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Something happens, and so many seconds go by.
    Event(Event, u32),
    /// Terraform plans, and applies what is to be done.
    Plan,
    /// The same without quorum; the power returns while the apply waits for it.
    PlanAsPowerReturns,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event(event, seconds) => write!(f, "{event}; {seconds} s"),
            Self::Plan => write!(f, "plan and apply"),
            Self::PlanAsPowerReturns => write!(f, "plan and apply, and all nodes get their power back meanwhile"),
        }
    }
}

/// What is different in a life that is not to be a whole one.
#[derive(Clone, Copy)]
pub struct Setting {
    /// The release that it begins with.
    pub generation: Generation,
    /// Whether an object is configured, by its address.
    pub has: fn(&str) -> bool,
    /// What a plan is expected to say while some nodes are down.
    pub expected: fn(&Oracle, &BTreeSet<String>) -> Changes,
}

impl Setting {
    /// Four nodes with a QDevice.
    pub fn of(generation: Generation) -> Self {
        Self {
            generation,
            has: |address| !matches!(kind(address), "pve_cluster" | "pve_cluster_member"),
            expected: Oracle::expected,
        }
    }

    /// Four nodes and the spare, whose membership is managed, without a QDevice.
    pub fn with_spare(generation: Generation) -> Self {
        Self { has: |address| kind(address) != "pve_qdevice", ..Self::of(generation) }
    }
}

/// How a life went.
pub struct Life {
    /// All that was done.
    pub script: Vec<Step>,
    /// How much of it.
    pub figures: Figures,
    /// What went wrong, if anything did.
    pub harm: Option<Harm>,
}

/// Lives a life of so many events by chance. None where no cluster of our own may be started.
pub fn live(name: &str, setting: Setting, seed: u64, events: u64) -> Option<Life> {
    let mut dice = Dice::new(seed);
    let mut trial = Trial::new(name, setting)?;
    let mut script = Vec::new();
    let harm = trial.begin().and_then(|()| {
        while trial.figures.events < events {
            for _ in 0..dice.group() {
                let event = dice.roll(&trial.stage, &trial.oracle);
                let step = Step::Event(event, dice.seconds());
                script.push(step.clone());
                trial.step(&step)?;
            }
            let plan = dice.plan(&trial.stage);
            script.push(plan.clone());
            trial.step(&plan)?;
        }
        Ok(())
    });
    Some(Life { script, figures: trial.figures, harm: harm.err() })
}

/// Repeats the steps of a life. None where no cluster of our own may be started.
pub fn relive(name: &str, setting: Setting, script: &[Step]) -> Option<Life> {
    let mut trial = Trial::new(name, setting)?;
    let harm = trial.begin().and_then(|()| script.iter().try_for_each(|step| trial.step(step))).err();
    Some(Life { script: script.to_vec(), figures: trial.figures, harm })
}

/// The harm that the steps of a life do.
pub fn replay(name: &str, setting: Setting, script: &[Step]) -> Option<Harm> {
    relive(name, setting, script)?.harm
}

struct Trial {
    stage: Stage,
    workspace: Workspace,
    oracle: Oracle,
    setting: Setting,
    figures: Figures,
}

impl Trial {
    fn new(name: &str, setting: Setting) -> Option<Self> {
        let stage = Stage::new(name, setting.generation, (setting.has)(catalogue::SPARE.1))?;
        let mut oracle = Oracle::new(setting.generation);
        for topology in [&mut oracle.configured, &mut oracle.actual] {
            topology.0.retain(|address, _| (setting.has)(address));
        }
        let workspace = Workspace::new(&stage.cluster);
        Some(Self { stage, workspace, oracle, setting, figures: Figures::default() })
    }

    fn begin(&mut self) -> Result<(), Harm> {
        self.configure(&BTreeSet::new());
        let hurry = self.stage.hurry();
        let run = self.cli(&["apply", "-auto-approve", "-json"]);
        drop(hurry);
        if run.code != Some(0) {
            return Err(Harm::new(HarmKind::ApplyFails, format!("the first apply fails:\n{}", run.text)));
        }
        self.stage.advance(120);
        self.compare()
    }

    /// A run of the CLI.
    fn cli(&mut self, arguments: &[&str]) -> Run {
        let started = Instant::now();
        let run = self.workspace.run(arguments);
        self.figures.ran(started.elapsed());
        run
    }

    /// Writes the configuration. What is changed anyway gets the timeouts that suit, the objects in `hasty` short ones; all
    /// others keep those that the state has, so that they are no change.
    fn configure(&self, hasty: &BTreeSet<String>) {
        let state: BTreeMap<_, _> = self.workspace.state().into_iter().collect();
        let limit = |address: &str| {
            let own = state.get(address).and_then(|instance| instance["attributes"]["timeouts"]["create"].as_str());
            if hasty.contains(address) { SHORT } else { own.unwrap_or(LONG) }.to_owned()
        };
        let text = catalogue::text(&self.oracle.configured, self.oracle.is_rewritten, limit);
        self.workspace.write("main.tf.json", &text);
    }

    fn step(&mut self, step: &Step) -> Result<(), Harm> {
        let Step::Event(event, seconds) = step else { return self.plan(*step == Step::PlanAsPowerReturns) };
        let happened = self.stage.play(event, &self.oracle);
        self.take_note(&happened);
        self.stage.advance(*seconds);
        let noticed = self.stage.noticed(&self.oracle);
        self.take_note(noticed.as_slice());
        if happened == [Event::Refreshed] {
            return self.refresh();
        }
        Ok(())
    }

    /// The cluster has to be as the oracle has it: else it is the oracle that is wrong.
    fn compare(&self) -> Result<(), Harm> {
        let found = observe::topology(&self.stage.cluster, &self.oracle.actual);
        let is_behind = self.oracle.is_state_behind;
        let seen = |topology: &Topology| {
            let mut seen = topology.clone();
            if is_behind {
                seen.0.retain(|address, _| kind(address) != "pve_ha_group");
                for attributes in seen.0.values_mut() {
                    attributes.retain(|name, _| name != "group" && name != "failback");
                }
            }
            seen
        };
        let differences = seen(&found).changes_to(&seen(&self.oracle.actual));
        if differences.is_empty() {
            return Ok(());
        }
        let text = format!("the cluster is not as the oracle has it: {differences:#?}\nfound: {found:#?}");
        Err(Harm::new(HarmKind::Model, text))
    }

    fn plan(&mut self, is_power_to_return: bool) -> Result<(), Harm> {
        self.compare()?;
        let reasons = hindrances::reasons(&self.stage, &self.oracle);
        let down = self.stage.down();
        let mut expected = (self.setting.expected)(&self.oracle, &down);
        // The plan of a maintenance that is to wait until its node is empty shows that it isn't, whatever the reason.
        for node in hindrances::occupied(&self.stage, &self.oracle) {
            expected.insert(format!("pve_node_maintenance.{node}"), Change::Update(BTreeSet::new()));
        }
        let out_of_sight = |address: &str| Oracle::is_out_of_sight(address, &down);
        // Without quorum an apply waits until its timeout, unless the quorum returns.
        let times_out = reasons.contains(&Reason::NoQuorum) && !is_power_to_return;
        self.configure(&if times_out { expected.keys().cloned().collect() } else { BTreeSet::new() });
        let before = observe::ends(&self.stage.cluster);
        let run = self.cli(&["plan", "-json", "-detailed-exitcode", "-out=plan"]);
        self.figures.plans += 1;
        match run.code {
            Some(0) => {
                let nothing = crate::plan::Plan(serde_json::Value::Null);
                self.figures.empty_plans += 1;
                judge::plan(&nothing, &expected, out_of_sight)
            }
            Some(2) => {
                let started = Instant::now();
                let shown = self.workspace.show_plan();
                self.figures.ran(started.elapsed());
                judge::plan(&shown, &expected, out_of_sight)?;
                let hurry = match is_power_to_return {
                    true => self.stage.hurry_to_power(OUTAGE),
                    false => self.stage.hurry(),
                };
                self.apply(hurry, &reasons, &expected, &down)?;
                if is_power_to_return && !down.is_empty() {
                    self.stage.play(&Event::PowerBack, &self.oracle);
                    self.take_note(&[Event::PowerBack]);
                }
                self.follows(&before)
            }
            _ => {
                self.figures.refused_plans += 1;
                let stops: Vec<Reason> = reasons.into_iter().filter(Reason::stops_plans).collect();
                judge::failure(HarmKind::PlanFails, &run.errors(), &stops, &self.known(), &run.text)
            }
        }
    }

    /// What is configured or there.
    fn known(&self) -> Topology {
        Topology([&self.oracle.actual, &self.oracle.configured].map(|t| t.0.clone()).into_iter().flatten().collect())
    }

    /// The state has each replication job with its configured target, and with the way that the copies go now.
    fn follows(&self, before: &BTreeMap<String, (String, String)>) -> Result<(), Harm> {
        let after = observe::ends(&self.stage.cluster);
        for (address, instance) in self.workspace.state() {
            let attributes = &instance["attributes"];
            let Some(job) = self.oracle.configured.0.get(&address) else { continue };
            if kind(&address) != "pve_replication_job" {
                continue;
            }
            if attributes["target"] != job["target"] {
                let text = format!(
                    "{address}: the state has the target {}, {} is configured",
                    attributes["target"], job["target"]
                );
                return Err(Harm::new(HarmKind::StateUntrue, text));
            }
            let id = format!("{}-{}", job["guest"], job["job_number"]);
            // What has moved while Terraform was at work may be in the state, or not yet.
            let Some((source, copies_to)) = after.get(&id).filter(|ends| before.get(&id) == Some(ends)) else {
                continue;
            };
            if attributes["source"] != *source || attributes["copies_to"] != *copies_to {
                let text = format!("{address}: it copies from {source} to {copies_to}; the state has {attributes}");
                return Err(Harm::new(HarmKind::StateUntrue, text));
            }
        }
        Ok(())
    }

    fn apply(
        &mut self,
        hurry: Hurry,
        reasons: &[Reason],
        expected: &Changes,
        down: &BTreeSet<String>,
    ) -> Result<(), Harm> {
        self.figures.applies_without_quorum += u64::from(reasons.contains(&Reason::NoQuorum));
        let managed = self.known();
        let mut before = observe::inventory(&self.stage.cluster);
        let run = self.cli(&["apply", "-json", "plan"]);
        drop(hurry);
        self.figures.applies += 1;
        let after = observe::inventory(&self.stage.cluster);
        let noticed = self.stage.noticed(&self.oracle);
        if noticed.is_some() {
            before.retain(|name, _| !name.starts_with("HA group "));
        }
        let with_text = |harm: Harm| Harm::new(harm.kind, format!("{}\n{}", harm.text, run.text));
        judge::inventory(&before, &after, &managed, expected).map_err(with_text)?;
        if run.code == Some(0) {
            self.oracle.applied(down);
            self.take_note(noticed.as_slice());
            return self.compare().map_err(|harm| Harm { kind: HarmKind::ApplyUntrue, ..with_text(harm) });
        }
        self.figures.refused_applies += 1;
        self.take_note(noticed.as_slice());
        // The cluster keeps working while an apply runs.
        let now = hindrances::reasons(&self.stage, &self.oracle);
        judge::failure(HarmKind::ApplyFails, &run.errors(), &[reasons, now.as_slice()].concat(), &managed, &run.text)?;
        self.take_stock();
        Ok(())
    }

    fn take_note(&mut self, happened: &[Event]) {
        self.figures.count(happened);
        for event in happened {
            self.oracle.happened(event);
        }
    }

    /// An apply that failed may have done a part of its work: what is there now is what the next plan starts from.
    fn take_stock(&mut self) {
        let mut covered = self.oracle.configured.clone();
        let gone: Vec<_> =
            self.oracle.actual.0.iter().filter(|(address, _)| !covered.0.contains_key(*address)).collect();
        covered
            .0
            .extend(gone.into_iter().map(|(address, object)| (address.clone(), object.clone())).collect::<Vec<_>>());
        let mut found = observe::topology(&self.stage.cluster, &covered);
        if self.oracle.is_state_behind {
            // What only the state has is still there unless the apply got that far.
            for (address, instance) in self.workspace.state() {
                match kind(&address) {
                    "pve_ha_group" if self.oracle.holds_groups() => {
                        if let Some(group) = self.oracle.configured.0.get(&address) {
                            found.0.insert(address, group.clone());
                        }
                    }
                    "pve_ha_resource" => {
                        for name in ["group", "failback"] {
                            let value = &instance["attributes"][name];
                            if let Some(object) = found.0.get_mut(&address) {
                                object.remove(name);
                                if !value.is_null() {
                                    object.insert(name.to_owned(), value.clone());
                                }
                            }
                        }
                    }
                    _ => {}
                }
            }
        }
        // A join that did not come to its end leaves a node that the cluster lists, and nothing in the state.
        self.oracle.is_spare_in_state = self.workspace.state().iter().any(|(address, _)| address == catalogue::SPARE.1);
        if !self.oracle.is_spare_in_state {
            found.0.remove(catalogue::SPARE.1);
        }
        self.oracle.actual = found;
    }

    fn refresh(&mut self) -> Result<(), Harm> {
        self.configure(&BTreeSet::new());
        let reasons: Vec<Reason> =
            hindrances::reasons(&self.stage, &self.oracle).into_iter().filter(Reason::stops_plans).collect();
        let before = observe::ends(&self.stage.cluster);
        let run = self.cli(&["apply", "-refresh-only", "-auto-approve", "-json"]);
        match run.code {
            Some(0) => {
                self.oracle.refreshed();
                self.follows(&before)
            }
            _ => judge::failure(HarmKind::PlanFails, &run.errors(), &reasons, &self.known(), &run.text),
        }
    }
}
