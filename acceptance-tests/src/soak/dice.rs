//! Which event is next, by chance: the same seed on the same cluster gives the same events.

use fastrand::Rng;
use serde_json::{Value as Json, json};

use super::catalogue::{self, AVOIDS, CREATED, GROUPS, Generation, MAINTAINED, MORTAL, NODES, OFF, SHARED, SPARE};
use super::event::{Cut, Event, Foreign};
use super::oracle::Oracle;
use super::stage::Stage;
use super::topology::{Attributes, kind};
use super::trial::Step;

/// Guests that are moved, stopped and started.
const GUESTS: [u32; 8] = [100, 101, 102, 103, 104, 105, 106, 107];

pub struct Dice(Rng);

impl Dice {
    /// Dice that fall the same way for the same seed.
    pub fn new(seed: u64) -> Self {
        Self(Rng::with_seed(seed))
    }

    /// How many events go by before the next plan.
    pub fn group(&mut self) -> usize {
        self.0.usize(1..=6)
    }

    /// The plan that is made now.
    pub fn plan(&mut self, stage: &Stage) -> Step {
        if !stage.is_quorate() && self.0.bool() { Step::PlanAsPowerReturns } else { Step::Plan }
    }

    /// How long it takes, in seconds of the cluster, until the next event or plan: a moment, a round of the HA manager, or
    /// long enough for everything to converge.
    pub fn seconds(&mut self) -> u32 {
        match self.0.u8(0..3) {
            0 => self.0.u32(1..15),
            1 => self.0.u32(15..120),
            _ => self.0.u32(120..600),
        }
    }

    pub fn roll(&mut self, stage: &Stage, oracle: &Oracle) -> Event {
        // Without these the rest of the life would be about them.
        if !stage.is_quorate() && self.0.bool() {
            return Event::PowerBack;
        }
        if oracle.cut.is_some() && self.0.bool() {
            return Event::PrivilegesRestored;
        }
        if oracle.missing.contains(&MORTAL) && self.0.u8(0..3) == 0 {
            return Event::Restored(MORTAL, self.node());
        }
        if oracle.is_state_behind && oracle.holds_groups() && self.0.bool() {
            return Event::Rewritten;
        }
        let awaits_update = oracle.configured.0.contains_key(OFF) && stage.older_than(AVOIDS).next().is_some();
        if awaits_update && self.0.bool() {
            return Event::Updated(AVOIDS);
        }
        if oracle.configured.0.contains_key(SPARE.1) {
            if stage.is_spare_outdated() && self.0.bool() {
                return Event::MemberReplaced;
            }
            if self.0.u8(0..12) == 0 {
                return if self.0.u8(0..5) < 3 { Event::MemberRemoved } else { Event::MemberReplaced };
            }
        }
        match self.0.u8(0..104) {
            0..8 => self.power(stage),
            8..10 => Event::PowerCut(NODES[0].to_owned(), NODES[self.0.usize(1..4)].to_owned()),
            10..13 => Event::QuorumLost(self.node()),
            13..16 => Event::PowerBack,
            16..21 => self.disk(stage),
            21..26 if oracle.generation == Generation::Nine => Event::Balanced(self.guest(), self.node()),
            21..26 => Event::Migrated(self.guest(), self.node()),
            26..28 => Event::CertificateRenewed,
            28..34 => self.upgrade(stage, oracle),
            34..40 => Event::Maintenance(self.node(), self.0.bool()),
            40..46 => Event::Migrated(self.guest(), self.node()),
            46..51 => Event::Stopped(self.guest()),
            51..55 => Event::Started(self.guest()),
            55..57 => Event::Removed(MORTAL),
            57..73 => self.edit(oracle).unwrap_or(Event::TimePasses),
            73..77 => self.delete(oracle).unwrap_or(Event::TimePasses),
            77..83 => Event::Foreign(self.foreign()),
            83..86 => Event::PrivilegesCut(self.cut()),
            86..92 => self.reconfigure(oracle).unwrap_or(Event::TimePasses),
            92..95 => Event::Withdrawn(self.optional().to_owned()),
            95..99 => Event::Added(self.optional().to_owned()),
            99..101 => Event::Refreshed,
            101..103 if stage.node_of(CREATED).is_some() => Event::Removed(CREATED),
            101..103 => Event::Created(CREATED, self.node()),
            _ => Event::TimePasses,
        }
    }

    fn node(&mut self) -> String {
        NODES[self.0.usize(0..NODES.len())].to_owned()
    }

    /// What is in the configuration at times.
    fn optional(&mut self) -> &'static str {
        if self.0.bool() { OFF } else { MAINTAINED.1 }
    }

    fn guest(&mut self) -> u32 {
        GUESTS[self.0.usize(0..GUESTS.len())]
    }

    fn power(&mut self, stage: &Stage) -> Event {
        match stage.down().into_iter().next() {
            Some(node) if self.0.bool() => Event::NodeReturns(node),
            _ => Event::NodeDies(self.node()),
        }
    }

    fn disk(&mut self, stage: &Stage) -> Event {
        match NODES.into_iter().find(|node| stage.is_full(node)) {
            Some(node) => Event::DiskFreed(node.to_owned()),
            None => Event::DiskFull(self.node()),
        }
    }

    fn upgrade(&mut self, stage: &Stage, oracle: &Oracle) -> Event {
        match oracle.generation {
            Generation::Nine if self.0.bool() => Event::UpdateBegun(self.node(), AVOIDS),
            Generation::Nine => Event::Updated(AVOIDS),
            Generation::Eight if stage.version().starts_with('8') => Event::UpgradeBegun,
            Generation::Eight => Event::UpgradeEnded,
        }
    }

    fn foreign(&mut self) -> Foreign {
        let all = [Foreign::Resource, Foreign::Rule, Foreign::Job, Foreign::Keyboard, Foreign::Guest];
        all[self.0.usize(0..all.len())]
    }

    fn cut(&mut self) -> Cut {
        [Cut::Everything, Cut::Writing, Cut::Guests][self.0.usize(0..3)]
    }

    fn edit(&mut self, oracle: &Oracle) -> Option<Event> {
        // A group that is about to become a rule is left alone.
        let (address, object) = self.any(oracle, |address| {
            !matches!(kind(address), "pve_node_maintenance" | "pve_cluster" | "pve_cluster_member")
        })?;
        let (attribute, value) = self.value(&address, &object, oracle.generation)?;
        Some(Event::Edited(address, attribute, value))
    }

    fn reconfigure(&mut self, oracle: &Oracle) -> Option<Event> {
        let (address, object) = self
            .any(oracle, |address| !matches!(kind(address), "pve_ha_group" | "pve_cluster" | "pve_cluster_member"))?;
        let (attribute, value) = self.value(&address, &object, oracle.generation)?;
        Some(Event::Reconfigured(address, attribute, value))
    }

    fn delete(&mut self, oracle: &Oracle) -> Option<Event> {
        // Without its first member, and before the others join again, the shared rule would be gone.
        let is_removable = |address: &str| {
            let stays = ["pve_ha_group", "pve_datacenter_options", "pve_cluster", "pve_cluster_member"];
            !stays.contains(&kind(address)) && address != SHARED.1
        };
        self.any(oracle, is_removable).map(|(address, _)| Event::Deleted(address))
    }

    fn any(&mut self, oracle: &Oracle, matches: impl Fn(&str) -> bool) -> Option<(String, Attributes)> {
        let all: Vec<_> = oracle.configured.0.iter().filter(|(address, _)| matches(address)).collect();
        let (address, object) = all.get(self.0.usize(0..all.len().max(1)))?;
        Some(((*address).clone(), (*object).clone()))
    }

    /// An attribute of an object of a type, and another value for it.
    fn value(&mut self, address: &str, object: &Attributes, generation: Generation) -> Option<(&'static str, Json)> {
        let is_nine = generation == Generation::Nine;
        let comments = || ("comment", vec![json!("as designed"), json!("changed"), json!("changed again")]);
        let disabled = || ("disabled", vec![json!(true), json!(false)]);
        let nodes = |object: &Attributes| {
            let is_mail = object["name"].as_str().is_some_and(|name| name.ends_with(GROUPS[1]));
            let (one, other) = if is_mail { ("pve3", "pve4") } else { ("pve1", "pve2") };
            ("nodes", vec![json!({one: 2, other: 1}), json!({one: 1, other: 2}), json!({one: 5, other: 1})])
        };
        let attributes = match kind(address) {
            "pve_ha_resource" => {
                let mut all = vec![
                    comments(),
                    ("max_restart", vec![json!(1), json!(2)]),
                    ("max_relocate", vec![json!(1), json!(3)]),
                ];
                if is_nine {
                    all.push(("auto_rebalance", vec![json!(true), json!(false)]));
                }
                all
            }
            "pve_ha_group" => vec![comments(), nodes(object)],
            "pve_ha_node_affinity_rule" if address == OFF => vec![
                comments(),
                disabled(),
                ("affinity", vec![json!("negative"), json!("positive")]),
                ("nodes", vec![json!({"pve4": 0}), json!({"pve3": 0, "pve4": 0})]),
            ],
            "pve_ha_node_affinity_rule" if address == SHARED.0 => vec![comments()],
            "pve_ha_node_affinity_rule" => vec![comments(), nodes(object), disabled()],
            "pve_ha_resource_affinity_rule" => vec![comments(), disabled()],
            "pve_replication_job" => vec![
                comments(),
                disabled(),
                ("schedule", vec![json!("*/5"), json!("*/15"), json!("*/30")]),
                ("rate", vec![json!(10), json!(50)]),
            ],
            "pve_backup_job" => vec![
                comments(),
                ("schedule", vec![json!("02:30"), json!("03:30"), json!("sat 02:00")]),
                ("mode", vec![json!("snapshot"), json!("stop")]),
                ("enabled", vec![json!(true), json!(false)]),
            ],
            "pve_notification_webhook" => vec![comments(), disabled()],
            "pve_notification_matcher" => {
                vec![comments(), disabled(), ("severities", vec![json!(["error"]), json!(["error", "warning"])])]
            }
            "pve_datacenter_options" => vec![
                ("ha", vec![json!({"shutdown_policy": "migrate"}), json!({"shutdown_policy": "conditional"})]),
                (
                    "crs",
                    vec![
                        catalogue::scheduler(is_nine),
                        catalogue::scheduler(false),
                        json!({"ha": "basic", "ha_rebalance_on_start": false}),
                    ],
                ),
                ("migration", vec![json!({"type": "secure"}), json!({"type": "insecure"})]),
            ],
            "pve_node_watchdog" => vec![("module", vec![json!("softdog"), json!("ipmi_watchdog"), json!("iTCO_wdt")])],
            _ => return None,
        };
        let (name, values) = attributes.get(self.0.usize(0..attributes.len()))?;
        Some((name, values[self.0.usize(0..values.len())].clone()))
    }
}
