//! How much a soak has done.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::event::{Actor, Event};

/// Figures of one life or many.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    /// Clusters that were set up.
    pub lives: u64,
    /// Events that took place.
    pub events: u64,
    /// The same by who did them.
    pub by_actor: BTreeMap<Actor, u64>,
    /// How often a member was taken out of the cluster, and how often it was replaced.
    pub members: (u64, u64),
    pub plans: u64,
    /// Plans that had nothing to do.
    pub empty_plans: u64,
    /// Plans that were refused, and said why.
    pub refused_plans: u64,
    pub applies: u64,
    /// Applies that failed, and said why.
    pub refused_applies: u64,
    /// Applies that were begun without quorum.
    pub applies_without_quorum: u64,
    /// How often the CLI ran.
    pub runs: u64,
    /// How long it ran.
    pub in_runs: Duration,
}

impl Figures {
    /// Counts events that took place.
    pub fn count(&mut self, events: &[Event]) {
        for event in events {
            self.events += 1;
            match event {
                Event::MemberRemoved => self.members.0 += 1,
                Event::MemberReplaced => self.members.1 += 1,
                _ => {}
            }
            *self.by_actor.entry(event.actor()).or_default() += 1;
        }
    }

    /// Counts a run of the CLI.
    pub fn ran(&mut self, took: Duration) {
        self.runs += 1;
        self.in_runs += took;
    }

    /// Adds those of a whole life.
    pub fn add(&mut self, life: &Self) {
        self.lives += 1;
        self.events += life.events;
        for (actor, count) in &life.by_actor {
            *self.by_actor.entry(*actor).or_default() += count;
        }
        self.members.0 += life.members.0;
        self.members.1 += life.members.1;
        self.plans += life.plans;
        self.empty_plans += life.empty_plans;
        self.refused_plans += life.refused_plans;
        self.applies += life.applies;
        self.refused_applies += life.refused_applies;
        self.applies_without_quorum += life.applies_without_quorum;
        self.runs += life.runs;
        self.in_runs += life.in_runs;
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = |actor| self.by_actor.get(&actor).copied().unwrap_or_default();
        write!(
            f,
            "{} clusters, {} events ({} by the cluster, {} by people outside of Terraform, {} in the configuration; a member was taken out {} and replaced {} times), {} plans \
             ({} empty, {} refused with the reason), {} applies ({} ended with a diagnostic that says why, {} were begun without quorum), {} runs of the CLI in {:.0} s",
            self.lives,
            self.events,
            by(Actor::Cluster),
            by(Actor::Person),
            by(Actor::Operator),
            self.members.0,
            self.members.1,
            self.plans,
            self.empty_plans,
            self.refused_plans,
            self.applies,
            self.refused_applies,
            self.applies_without_quorum,
            self.runs,
            self.in_runs.as_secs_f64()
        )
    }
}
