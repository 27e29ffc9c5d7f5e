//! Positive resource affinity as sets, and negative affinity as pairs.
//!
//! Proxmox's manager merges overlapping positive rules incompletely: it takes the rules by their smallest resource id and
//! puts each into the *first* set with which it shares a resource. A rule that links two sets which exist already
//! joins only the first. Both the feasibility checks and the compiled affinity rest on these very sets.

use std::collections::{BTreeMap, BTreeSet};

use super::config::{Affinity, Name, Rule, RuleKind};

/// One merged positive set, with the rules (by index) that went into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PositiveSet {
    /// Indices into the rules given.
    pub rules: Vec<usize>,
    /// The union of the resources of the rules.
    pub resources: BTreeSet<Name>,
}

/// Merges the positive rules among the rules at `indices`.
pub fn merge_positive(rules: &[Rule], indices: &[usize]) -> Vec<PositiveSet> {
    let mut order: Vec<usize> =
        indices.iter().copied().filter(|&i| rules[i].kind == RuleKind::ResourceAffinity(Affinity::Positive)).collect();
    order.sort_by(|&a, &b| (rules[a].resources.first(), &rules[a].id).cmp(&(rules[b].resources.first(), &rules[b].id)));
    let mut sets: Vec<PositiveSet> = Vec::new();
    // Any resource's first set: later sets never take precedence over it.
    let mut first: BTreeMap<&Name, usize> = BTreeMap::new();
    for index in order {
        let resources = &rules[index].resources;
        let home = resources.iter().filter_map(|sid| first.get(sid).copied()).min();
        let set = home.unwrap_or_else(|| {
            sets.push(PositiveSet { rules: Vec::new(), resources: BTreeSet::new() });
            sets.len() - 1
        });
        sets[set].rules.push(index);
        for sid in resources {
            sets[set].resources.insert(sid.clone());
            let seen = first.entry(sid).or_insert(set);
            *seen = (*seen).min(set);
        }
    }
    sets
}

/// Which resources are in negative affinity: the negative rules at `indices`, and what follows from them in one step
/// through the positive sets. What follows is not followed further: with A+B, C+D and A in negative affinity to C, B
/// and D may still be on one node.
pub fn negative_partners(rules: &[Rule], indices: &[usize], sets: &[PositiveSet]) -> BTreeMap<Name, BTreeSet<Name>> {
    let mut direct: BTreeMap<Name, BTreeSet<Name>> = BTreeMap::new();
    for &index in indices {
        if rules[index].kind != RuleKind::ResourceAffinity(Affinity::Negative) {
            continue;
        }
        for sid in &rules[index].resources {
            let others = rules[index].resources.iter().filter(|&other| other != sid).cloned();
            direct.entry(sid.clone()).or_default().extend(others);
        }
    }
    let mut all = direct.clone();
    for set in sets {
        for sid in &set.resources {
            for other in direct.get(sid).into_iter().flatten() {
                for companion in set.resources.iter().filter(|&companion| companion != sid && companion != other) {
                    all.entry(companion.clone()).or_default().insert(other.clone());
                    all.entry(other.clone()).or_default().insert(companion.clone());
                }
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(id: &str, affinity: Affinity, sids: &[&str]) -> Rule {
        Rule {
            id: id.into(),
            resources: sids.iter().map(|&s| s.into()).collect(),
            disabled: false,
            kind: RuleKind::ResourceAffinity(affinity),
        }
    }

    fn names(set: &BTreeSet<Name>) -> Vec<&str> {
        set.iter().map(|n| &**n).collect()
    }

    #[test]
    fn a_linking_rule_joins_only_the_first_set() {
        let rules = [
            rule("link", Affinity::Positive, &["vm:5", "vm:6"]),
            rule("b", Affinity::Positive, &["vm:2", "vm:6"]),
            rule("a", Affinity::Positive, &["vm:1", "vm:5"]),
        ];
        let sets = merge_positive(&rules, &[0, 1, 2]);
        assert_eq!(sets.len(), 2);
        assert_eq!(names(&sets[0].resources), ["vm:1", "vm:5", "vm:6"]);
        assert_eq!(names(&sets[1].resources), ["vm:2", "vm:6"]);
    }

    #[test]
    fn implied_apartness_goes_one_step() {
        let rules = [
            rule("ab", Affinity::Positive, &["vm:1", "vm:2"]),
            rule("cd", Affinity::Positive, &["vm:3", "vm:4"]),
            rule("ac", Affinity::Negative, &["vm:1", "vm:3"]),
        ];
        let sets = merge_positive(&rules, &[0, 1, 2]);
        let negative = negative_partners(&rules, &[0, 1, 2], &sets);
        assert_eq!(names(&negative["vm:1"]), ["vm:3", "vm:4"]);
        assert_eq!(names(&negative["vm:2"]), ["vm:3"]);
        assert_eq!(names(&negative["vm:4"]), ["vm:1"]);
    }
}
