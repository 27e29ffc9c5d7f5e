//! Members of HA rules that resources of their own add: the rules with these members, and the resources that manage the same
//! members in two ways.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::finding::{Finding, error, warning};
use super::live::Placed;
use super::object_index::ObjectIndex;
use super::objects::{CheckedMember, CheckedRule, CheckedRuleKind, Object};
use super::planned_objects::PlannedObjects;
use super::{CHECKS, CheckedPlan, Preflight};
use crate::framework::{Diagnostics, Path, Value};
use pve_ha_manager::config::Name;
use pve_schemas::noun::Noun;
use pve_schemas::{HaNodeAffinityRule, HaResourceAffinityRule, HaRuleMember};

/// The check that tells of members that are managed in two ways.
pub const TWICE: &str = "member-managed-twice";

/// What this plan makes of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Membership {
    Created,
    Kept,
    Removed,
}

/// The planned members, by rule and HA resource, and the rules with them.
#[derive(Debug, Default)]
pub struct Members {
    planned: HashMap<Name, BTreeMap<Name, Membership>>,
    /// The rules that have other members by this plan.
    joined: ObjectIndex,
    /// Those of them that are to be made anew.
    stale: HashSet<Name>,
    /// The `resources` of rules in the state; none while they are not known, or where the rule is to be created.
    before: HashMap<Name, Option<BTreeSet<Name>>>,
    /// The `resources` of rules as the configuration has them, whatever `ignore_changes` makes of it.
    written: HashMap<Name, BTreeSet<Name>>,
}

impl Members {
    /// Takes note of a member: what it was, and what it will be.
    pub fn record(&mut self, prior: Option<&CheckedMember>, planned: Option<&CheckedMember>) {
        let (old, new) = (prior.and_then(CheckedMember::known), planned.and_then(CheckedMember::known));
        if let Some((rule, sid)) = old.filter(|old| new.as_ref() != Some(old)) {
            // At another address it may stay.
            self.of(rule).entry(sid.clone()).or_insert(Membership::Removed);
        }
        if let Some((rule, sid)) = new {
            let membership = if old == new { Membership::Kept } else { Membership::Created };
            self.of(rule).insert(sid.clone(), membership);
        }
    }

    fn of(&mut self, rule: &Name) -> &mut BTreeMap<Name, Membership> {
        self.stale.insert(rule.clone());
        self.planned.entry(rule.clone()).or_default()
    }

    /// Takes note of a rule that is planned, and of its `resources` in the state.
    pub fn record_rule(&mut self, name: &Name, prior: Option<&CheckedRule>) {
        self.before.insert(name.clone(), prior.and_then(|prior| prior.resources.clone()));
        if self.planned.contains_key(name) {
            self.stale.insert(name.clone());
        }
    }

    /// Takes note of the `resources` of a rule in the configuration.
    pub fn record_written(&mut self, name: Name, resources: BTreeSet<Name>) {
        self.written.insert(name, resources);
    }

    /// Whether this plan has any.
    pub fn is_empty(&self) -> bool {
        self.planned.is_empty()
    }

    /// What this plan makes of a member, if it has it.
    pub fn get(&self, rule: &Name, sid: &Name) -> Option<Membership> {
        self.planned.get(rule)?.get(sid).copied()
    }

    /// The rules that have other members by this plan.
    pub fn joined(&self) -> &ObjectIndex {
        &self.joined
    }

    /// Makes the rules anew whose members have changed. `planned` has the rules of this plan; `live` those of the cluster, without
    /// the ones that this plan removes.
    pub fn join(&mut self, planned: &ObjectIndex, live: Option<&Placed>, is_removed: impl Fn(&Name) -> bool) {
        if live.is_none() {
            return;
        }
        for name in std::mem::take(&mut self.stale) {
            let live = || live?.index.rules.get(&name).filter(|_| !is_removed(&name));
            match planned.rules.get(&name).or_else(live) {
                Some(rule) => {
                    let rule = with(rule, self.planned.get(&name).into_iter().flatten());
                    self.joined.put(&name, Object::Rule(rule));
                }
                None => self.joined.remove_rule(&name),
            }
        }
    }
}

impl Preflight {
    /// Members of rules that this object and others of the plan manage in two ways.
    pub(super) fn members_twice(&self, plan: &CheckedPlan, recorded: &PlannedObjects) -> Diagnostics {
        let mut diagnostics = Diagnostics::new();
        let check = CHECKS.iter().find(|check| check.name == TWICE);
        let Some(check) = check.filter(|check| !self.ignored.contains(check.name)) else { return diagnostics };
        let object = plan.planned.as_ref().and_then(|planned| planned.object.as_ref());
        let found = object.map(|object| managed_twice(object, recorded)).unwrap_or_default();
        for (subject, finding) in found {
            if self.is_news(format!("{} {}", check.name, finding.detail)) {
                diagnostics.push(finding.into_diagnostic(check, Some(&subject)));
            }
        }
        diagnostics
    }

    /// Takes note of a rule as it is configured: what a plan has of it may be what `ignore_changes` has left.
    pub fn written(&self, kind: &str, config: &Value) {
        if is_rule(kind)
            && let Some(Object::Rule(rule)) = Object::of(kind, config)
            && let (Some(name), Some(resources)) = (rule.name, rule.resources)
        {
            self.planned().members.record_written(name, resources);
        }
    }
}

/// The members that two resources of this plan manage, and of which `object` is the one that is planned last.
fn managed_twice(object: &Object, recorded: &PlannedObjects) -> Vec<(String, Finding)> {
    let members = &recorded.members;
    let (name, only, at) = match object {
        Object::Member(member) => match member.known() {
            Some((rule, sid)) => (rule, Some(sid), "rule"),
            None => return Vec::new(),
        },
        Object::Rule(CheckedRule { name: Some(name), .. }) => (name, None, "resources"),
        _ => return Vec::new(),
    };
    let Some(rule) = recorded.index.rules.get(name) else { return Vec::new() };
    let all = members.planned.get(name).into_iter().flatten();
    let concerned = all.filter(|(sid, _)| only.is_none_or(|only| only == *sid));
    let found = concerned.filter_map(|(sid, membership)| {
        let finding = members.twice(name, rule, sid, *membership, at)?;
        Some((HaRuleMember::id(name, sid), finding))
    });
    found.collect()
}

impl Members {
    /// What the planned rule itself does to one of its members.
    fn twice(&self, name: &Name, rule: &CheckedRule, sid: &Name, membership: Membership, at: &str) -> Option<Finding> {
        let after = rule.resources.as_ref()?;
        let was = self.before.get(name)?.as_ref().is_some_and(|before| before.contains(sid));
        let is_ignored = self.written.get(name).is_some_and(|written| written != after);
        let both = format!(
            "{}: this member is a {}, and the rule is a {} of the same configuration",
            HaRuleMember::id(name, sid),
            HaRuleMember::NAME,
            kind(rule)
        );
        let path = Some(Path::attribute(at));
        match (membership, was, after.contains(sid)) {
            (Membership::Removed, ..) | (_, true, true) => None,
            (_, false, true) => Some(error(path, format!("{both}, which adds {sid} as well.\n{REMEDY}"))),
            (_, true, false) => {
                Some(error(path, format!("{both}, which removes {sid}: its `resources` do not list it.\n{REMEDY}")))
            }
            (Membership::Created, false, false) if !is_ignored => Some(warning(
                path,
                format!(
                    "{both}. Unless the rule has `lifecycle {{ ignore_changes = [resources] }}`, its next plan removes {sid}, and \
                     is refused for that.\n{REMEDY}"
                ),
            )),
            (Membership::Created | Membership::Kept, false, false) => None,
        }
    }
}

const REMEDY: &str = "Either list the HA resource in `resources` of the rule and remove the member from the configuration, or \
                      write `lifecycle { ignore_changes = [resources] }` in the rule, and do not list it there.";

/// The rule with the members that this plan adds, and without those that it removes.
fn with<'a>(rule: &CheckedRule, members: impl Iterator<Item = (&'a Name, &'a Membership)> + Clone) -> CheckedRule {
    let mut rule = rule.clone();
    let placed = rule.placement.as_mut().map(|placement| &mut placement.resources);
    for resources in rule.resources.as_mut().into_iter().chain(placed) {
        for (sid, membership) in members.clone() {
            match membership {
                Membership::Removed => drop(resources.remove(sid)),
                Membership::Created | Membership::Kept => drop(resources.insert(sid.clone())),
            }
        }
    }
    rule
}

/// Whether this is a type of rules.
fn is_rule(kind: &str) -> bool {
    [HaNodeAffinityRule::NAME, HaResourceAffinityRule::NAME].contains(&kind)
}

fn kind(rule: &CheckedRule) -> &'static str {
    match rule.kind {
        CheckedRuleKind::Nodes(_) => HaNodeAffinityRule::NAME,
        CheckedRuleKind::Affinity(_) => HaResourceAffinityRule::NAME,
    }
}
