//! What Proxmox's feasibility checks say of a planned rule: alone, beside the rules that this plan has come to, and beside
//! all that will be there as far as is known now.
//!
//! Rules have to do with each other only through common resources, so that only the rules are looked at that are linked
//! with this one.

use std::collections::{BTreeMap, BTreeSet};

use super::objects::CheckedRule;
use super::view::View;
use pve_ha_manager::config::{Affinity, Name, Rule as PlacementRule, RuleKind};
use pve_ha_manager::feasibility::{Infeasible, RuleErrors, infeasible};

/// The feasibility of one rule.
pub struct Conflicts {
    rule: PlacementRule,
    /// The nodes of the cluster, where they are known.
    nodes: Option<BTreeSet<Name>>,
    others: Vec<Other>,
    /// The errors of this rule without any other.
    alone: RuleErrors,
    /// The errors of every rule when there are only those of this plan.
    planned: BTreeMap<Name, RuleErrors>,
    /// The errors of every rule.
    all: BTreeMap<Name, RuleErrors>,
}

struct Other {
    rule: PlacementRule,
    is_planned: bool,
}

/// One reason of Proxmox to refuse a rule.
#[derive(Debug)]
pub struct Complaint {
    /// Whether Proxmox refuses the rule whatever else is changed.
    pub is_certain: bool,
    /// The rules that it conflicts with.
    pub partners: Vec<Name>,
    pub error: Infeasible,
}

impl Conflicts {
    /// The feasibility of `rule`; none while a part of it isn't known, or where it is switched off.
    pub fn of(rule: &CheckedRule, view: &View<'_>) -> Option<Self> {
        let rule = rule.placement.clone().filter(|rule| !rule.disabled)?;
        // The HA manager learns of nodes only once it is active; a rule that comes too early for that is sent again.
        let nodes = view.cluster.map(|cluster| cluster.nodes.clone());
        let others = linked(&rule, view);
        let of = |planned_only: bool| {
            let beside =
                others.iter().filter(|other| other.is_planned || !planned_only).map(|other| other.rule.clone());
            let rules: Vec<_> = std::iter::once(rule.clone()).chain(beside).collect();
            infeasible(&rules, nodes.as_ref())
        };
        let alone = infeasible(std::slice::from_ref(&rule), nodes.as_ref()).remove(&rule.id).unwrap_or_default();
        let (planned, all) = (of(true), of(false));
        Some(Self { rule, nodes, others, alone, planned, all })
    }

    /// Whether this rule or one that is linked with it names nodes to avoid.
    pub fn has_nodes_to_avoid(&self) -> bool {
        let rules = std::iter::once(&self.rule).chain(self.others.iter().map(|other| &other.rule));
        let avoids = |rule: &PlacementRule| matches!(&rule.kind, RuleKind::NodeAffinity(affinity) if affinity.affinity == Affinity::Negative);
        rules.into_iter().any(avoids)
    }

    /// The first error that `is_it` is true of.
    pub fn complaint(&self, is_it: impl Fn(&Infeasible) -> bool) -> Option<Complaint> {
        let own = |errors: &BTreeMap<Name, RuleErrors>| {
            errors.get(&self.rule.id).into_iter().flat_map(RuleErrors::iter).find(|error| is_it(error)).cloned()
        };
        if let Some(error) = self.alone.iter().find(|error| is_it(error)) {
            return Some(Complaint { is_certain: true, partners: Vec::new(), error: error.clone() });
        }
        let (is_certain, error, errors) = match own(&self.planned) {
            Some(error) => (true, error, &self.planned),
            None => (false, own(&self.all)?, &self.all),
        };
        let candidates: Vec<&Other> = self.others.iter().filter(|other| other.is_planned || !is_certain).collect();
        let mut partners: Vec<Name> = candidates
            .iter()
            .filter(|other| {
                let pair = [self.rule.clone(), other.rule.clone()];
                infeasible(&pair, self.nodes.as_ref())
                    .get(&self.rule.id)
                    .is_some_and(|errors| errors.iter().any(&is_it))
            })
            .map(|other| other.rule.id.clone())
            .collect();
        if partners.is_empty() {
            // It takes more than two: all that have a complaint of their own are in it.
            partners =
                candidates.iter().map(|other| &other.rule.id).filter(|id| errors.contains_key(*id)).cloned().collect();
        }
        partners.sort();
        Some(Complaint { is_certain, partners, error })
    }
}

/// The enabled and wholly known rules that are linked with `rule` by common resources, directly or through others.
fn linked(rule: &PlacementRule, view: &View<'_>) -> Vec<Other> {
    let mut found: BTreeMap<Name, Other> = BTreeMap::new();
    let mut seen: BTreeSet<Name> = rule.resources.clone();
    let mut open: Vec<Name> = seen.iter().cloned().collect();
    while let Some(sid) = open.pop() {
        for other in view.rules_naming(&sid) {
            let Some(known) = other.object.placement.as_ref().filter(|known| !known.disabled && known.id != rule.id)
            else {
                continue;
            };
            if found.contains_key(&known.id) {
                continue;
            }
            open.extend(known.resources.iter().filter(|sid| seen.insert((*sid).clone())).cloned());
            found.insert(known.id.clone(), Other { rule: known.clone(), is_planned: other.is_planned });
        }
    }
    found.into_values().collect()
}
