//! One life: a cluster, its configuration, and events between plans, until something is wrong or enough has happened.

use std::collections::BTreeSet;
use std::fmt;

use super::catalogue::{self, Generation};
use super::dice::Dice;
use super::event::Event;
use super::figures::Figures;
use super::judge::{self, Harm, Kind};
use super::observe;
use super::oracle::{Oracle, Reason, sid};
use super::stage::Stage;
use super::topology::{Change, Changes, Topology, kind};
use crate::Workspace;

/// One step of a life.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Something happens, and so many seconds go by.
    Event(Event, u32),
    /// Terraform plans, and applies what is to be done.
    Plan,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event(event, seconds) => write!(f, "{event}; {seconds} s"),
            Self::Plan => write!(f, "plan and apply"),
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
    /// A whole life.
    pub fn of(generation: Generation) -> Self {
        Self { generation, has: |_| true, expected: Oracle::expected }
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
            script.push(Step::Plan);
            trial.step(&Step::Plan)?;
        }
        Ok(())
    });
    Some(Life { script, figures: trial.figures, harm: harm.err() })
}

/// Goes through the steps of a life again.
pub fn replay(name: &str, setting: Setting, script: &[Step]) -> Option<Harm> {
    let mut trial = Trial::new(name, setting)?;
    trial.begin().and_then(|()| script.iter().try_for_each(|step| trial.step(step))).err()
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
        let stage = Stage::new(name, setting.generation)?;
        let mut oracle = Oracle::new(setting.generation);
        for topology in [&mut oracle.configured, &mut oracle.actual] {
            topology.0.retain(|address, _| (setting.has)(address));
        }
        let workspace = Workspace::new(&stage.cluster);
        Some(Self { stage, workspace, oracle, setting, figures: Figures::default() })
    }

    /// Everything is created.
    fn begin(&mut self) -> Result<(), Harm> {
        self.configure();
        let hurry = self.stage.hurry();
        let run = self.workspace.run(&["apply", "-auto-approve", "-json"]);
        drop(hurry);
        if run.code != Some(0) {
            return Err(Harm::new(Kind::ApplyFails, format!("the first apply fails:\n{}", run.text)));
        }
        self.stage.advance(120);
        self.compare()
    }

    fn configure(&self) {
        self.workspace.write("main.tf.json", &catalogue::text(&self.oracle.configured, self.oracle.is_rewritten));
    }

    fn step(&mut self, step: &Step) -> Result<(), Harm> {
        let Step::Event(event, seconds) = step else { return self.plan() };
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
        Err(Harm::new(Kind::Model, text))
    }

    /// What may keep Terraform from its work now.
    fn reasons(&self) -> Vec<Reason> {
        let mut reasons = Vec::new();
        let configured = |guest: &u32| self.oracle.configured.resource(&sid(*guest)).is_some();
        reasons
            .extend(self.oracle.missing.iter().filter(|guest| configured(guest)).map(|guest| Reason::Missing(*guest)));
        if self.oracle.cut.is_some() {
            reasons.push(Reason::Privileges);
        }
        reasons.extend(self.stage.down().into_iter().map(Reason::Down));
        reasons.extend(self.stage.dying().into_iter().map(Reason::Dying));
        if !self.stage.is_quorate() {
            reasons.push(Reason::NoQuorum);
        }
        reasons.extend(observe::broken(&self.stage.cluster).into_iter().map(Reason::Broken));
        if self.oracle.is_state_behind {
            reasons.push(Reason::Groups);
        }
        let copies = observe::copies(&self.stage.cluster);
        for (address, job) in self.oracle.configured.of_kind("pve_replication_job") {
            let guest = job["guest"].as_u64().and_then(|guest| u32::try_from(guest).ok()).unwrap_or_default();
            let target = job["target"].as_str().unwrap_or_default();
            let is_taken = self.stage.node_of(guest).as_deref() == Some(target)
                || copies.contains(&(guest.to_string(), target.to_owned()));
            if is_taken && !self.oracle.actual.0.contains_key(address) {
                reasons.push(Reason::Taken(guest));
            }
        }
        reasons.extend(self.occupied().into_iter().map(Reason::Occupied));
        reasons
    }

    /// The nodes whose maintenance is managed, and there, and on which services still are.
    fn occupied(&self) -> BTreeSet<String> {
        let occupied = observe::occupied(&self.stage.cluster);
        let is_managed = |node: &String| {
            let address = format!("pve_node_maintenance.{node}");
            [&self.oracle.configured, &self.oracle.actual].iter().all(|topology| topology.0.contains_key(&address))
        };
        occupied.into_iter().filter(is_managed).collect()
    }

    fn plan(&mut self) -> Result<(), Harm> {
        self.compare()?;
        self.configure();
        let reasons = self.reasons();
        let down = self.stage.down();
        let mut expected = (self.setting.expected)(&self.oracle, &down);
        // The plan of a maintenance that is to wait until its node is empty shows that it isn't, whoever has brought it there.
        for node in self.occupied() {
            expected.insert(format!("pve_node_maintenance.{node}"), Change::Update(BTreeSet::new()));
        }
        let out_of_sight = |address: &str| Oracle::is_out_of_sight(address, &down);
        let run = self.workspace.run(&["plan", "-json", "-detailed-exitcode", "-out=plan"]);
        self.figures.plans += 1;
        match run.code {
            Some(0) => {
                let nothing = crate::plan::Plan(serde_json::Value::Null);
                self.figures.empty_plans += 1;
                judge::plan(&nothing, &expected, out_of_sight)
            }
            Some(2) => {
                judge::plan(&self.workspace.show_plan(), &expected, out_of_sight)?;
                self.apply(&reasons, &expected)
            }
            _ => {
                self.figures.refused_plans += 1;
                let stops: Vec<Reason> = reasons.into_iter().filter(Reason::stops_plans).collect();
                judge::failure(Kind::PlanFails, &run.errors(), &stops, &run.text)
            }
        }
    }

    fn apply(&mut self, reasons: &[Reason], expected: &Changes) -> Result<(), Harm> {
        if reasons.contains(&Reason::NoQuorum) {
            // It would wait for the quorum until its timeout.
            return Ok(());
        }
        let managed = Topology(
            [&self.oracle.actual, &self.oracle.configured].map(|t| t.0.clone()).into_iter().flatten().collect(),
        );
        let mut before = observe::inventory(&self.stage.cluster);
        let hurry = self.stage.hurry();
        let run = self.workspace.run(&["apply", "-json", "plan"]);
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
            self.oracle.applied(&self.stage.down());
            self.take_note(noticed.as_slice());
            return self.compare().map_err(|harm| Harm { kind: Kind::ApplyUntrue, ..with_text(harm) });
        }
        self.figures.refused_applies += 1;
        self.take_note(noticed.as_slice());
        // The cluster goes on while an apply is at work.
        let now = self.reasons();
        judge::failure(Kind::ApplyFails, &run.errors(), &[reasons, now.as_slice()].concat(), &run.text)?;
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
        let mut wanted = self.oracle.configured.clone();
        let gone: Vec<_> =
            self.oracle.actual.0.iter().filter(|(address, _)| !wanted.0.contains_key(*address)).collect();
        wanted
            .0
            .extend(gone.into_iter().map(|(address, object)| (address.clone(), object.clone())).collect::<Vec<_>>());
        let mut found = observe::topology(&self.stage.cluster, &wanted);
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
        self.oracle.actual = found;
    }

    fn refresh(&mut self) -> Result<(), Harm> {
        self.configure();
        let reasons: Vec<Reason> = self.reasons().into_iter().filter(Reason::stops_plans).collect();
        let run = self.workspace.run(&["apply", "-refresh-only", "-auto-approve", "-json"]);
        match run.code {
            Some(0) => Ok(()),
            _ => judge::failure(Kind::PlanFails, &run.errors(), &reasons, &run.text),
        }
    }
}
