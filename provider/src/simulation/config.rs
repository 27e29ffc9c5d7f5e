//! The HA configuration, live and planned, in the types of the HA manager.

use std::collections::BTreeMap;

use pve_schemas::data::planned::Plans;
use pve_schemas::rest::Rest;
use pve_schemas::value::HaMode;
use pve_schemas::{HaGroup, HaNodeAffinityRule, HaResource, HaResourceAffinityRule};
use serde_json::Value as Json;

use pve_ha_manager::config::{Config, Group, Name, Policy, Resource, Rule};
use pve_ha_manager::groups;

use super::InvalidArgument;
use super::Unknown;
use super::live::Crs;
use super::nouns;

/// HA objects by natural id.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HaConfig {
    pub resources: BTreeMap<String, HaResource>,
    pub node_rules: BTreeMap<String, HaNodeAffinityRule>,
    pub resource_rules: BTreeMap<String, HaResourceAffinityRule>,
    pub groups: BTreeMap<String, HaGroup>,
    /// What of these can't be followed. An update by this provider leaves an unknown property as it is, so that a planned
    /// object doesn't make it known.
    pub unknown: Unknown,
}

impl HaConfig {
    /// From the entries of `/cluster/ha/resources`, and of `/cluster/ha/rules` or `/cluster/ha/groups`.
    ///
    /// # Errors
    /// Says what of the answers has an unexpected form.
    pub fn from_answers(resources: &Json, rules: &Json, groups: &Json) -> Result<Self, String> {
        Ok(Self {
            resources: parsed(resources)?,
            node_rules: parsed(rules)?,
            resource_rules: parsed(rules)?,
            groups: parsed(groups)?,
            unknown: Unknown::from_answers(resources, rules, groups),
        })
    }

    /// With planned objects in the place of those of the same natural id, and without those to be removed.
    ///
    /// # Errors
    /// An object is of a kind that this cluster does not have.
    pub fn with(mut self, plans: &Plans, mode: HaMode) -> Result<Self, InvalidArgument> {
        let invalid = |argument, problem: &str| Err(InvalidArgument { argument, problem: problem.to_owned() });
        let no_rules = "this cluster has no HA rules yet. Pass `groups` on PVE 8.";
        let has_rules = mode == HaMode::Rules;
        if !has_rules && plans.node_affinity_rules.as_ref().is_some_and(|rules| !rules.is_empty()) {
            return invalid("node_affinity_rules", no_rules);
        }
        if !has_rules && plans.resource_affinity_rules.as_ref().is_some_and(|rules| !rules.is_empty()) {
            return invalid("resource_affinity_rules", no_rules);
        }
        if has_rules && plans.groups.as_ref().is_some_and(|groups| !groups.is_empty()) {
            return invalid("groups", "this cluster has HA rules in place of groups. Pass `node_affinity_rules`.");
        }
        for gone in plans.removed.iter().flatten() {
            self.resources.remove(gone);
            self.node_rules.remove(gone);
            self.resource_rules.remove(gone);
            self.groups.remove(gone);
            self.unknown.remove(gone);
        }
        for planned in plans.resources.iter().flatten() {
            self.resources.insert(planned.object.key(), planned.object.clone());
        }
        for planned in plans.node_affinity_rules.iter().flatten() {
            // Both kinds share their names.
            self.resource_rules.remove(&planned.object.key());
            self.node_rules.insert(planned.object.key(), planned.object.clone());
        }
        for planned in plans.resource_affinity_rules.iter().flatten() {
            self.node_rules.remove(&planned.object.key());
            self.resource_rules.insert(planned.object.key(), planned.object.clone());
        }
        for planned in plans.groups.iter().flatten() {
            self.groups.insert(planned.object.key(), planned.object.clone());
        }
        Ok(self)
    }

    /// The input of placement. All that is read or planned here is wholly known.
    pub fn config(&self, mode: HaMode, crs: &Crs) -> Config {
        let named =
            |(sid, noun): (&String, &HaResource)| Some((sid.as_str().into(), nouns::resource(&noun.clone().into())?));
        let mut resources: BTreeMap<Name, Resource> = self.resources.iter().filter_map(named).collect();
        let named =
            |(name, noun): (&String, &HaGroup)| Some((name.as_str().into(), nouns::group(&noun.clone().into())?));
        let groups: BTreeMap<Name, Group> = self.groups.iter().filter_map(named).collect();
        let policy = match mode {
            HaMode::Groups => Policy::Groups(groups),
            HaMode::GroupsUntilMigrated => {
                for resource in resources.values_mut() {
                    resource.failback = groups::failback(resource, &groups);
                }
                Policy::Rules(groups::as_rules(&groups, &resources))
            }
            HaMode::Rules => {
                resources.values_mut().for_each(|resource| resource.group = None);
                Policy::Rules(self.rules())
            }
        };
        Config {
            resources,
            policy,
            scheduler: crs.scheduler(),
            rebalance_on_start: crs.rebalance_on_start,
            ..Config::default()
        }
    }

    /// The rules in the types of the HA manager, by name.
    pub fn rules(&self) -> Vec<Rule> {
        let node = self.node_rules.values().filter_map(|rule| nouns::node_rule(&rule.clone().into()));
        let resource = self.resource_rules.values().filter_map(|rule| nouns::resource_rule(&rule.clone().into()));
        let mut rules: Vec<Rule> = node.chain(resource).collect();
        rules.sort_by(|a, b| a.id.cmp(&b.id));
        rules
    }
}

fn parsed<T: Rest>(answer: &Json) -> Result<BTreeMap<String, T>, String> {
    let entries = answer.as_array().into_iter().flatten().filter(|entry| T::owns(entry));
    entries.map(|entry| T::parse(entry).map(|parsed| (parsed.noun.key(), parsed.noun))).collect()
}

#[cfg(test)]
mod tests {
    use pve_ha_manager::config::{Requested, RuleKind};
    use serde_json::json;

    use super::*;

    fn live() -> HaConfig {
        let resources =
            json!([{"sid": "vm:100", "state": "started", "max_restart": 3}, {"sid": "vm:101", "state": "stopped"}]);
        let rules = json!([
            {"rule": "aa", "type": "node-affinity", "resources": "vm:100", "nodes": "pve1:2,pve2", "strict": 1},
            {"rule": "bb", "type": "resource-affinity", "resources": "vm:100,vm:101", "affinity": "negative"},
        ]);
        HaConfig::from_answers(&resources, &rules, &json!([])).unwrap()
    }

    fn plans(plans: Json) -> Plans {
        serde_json::from_value(plans).unwrap()
    }

    #[test]
    fn planned_objects_replace_live_ones_by_natural_id() {
        let plans = plans(json!({
            "resources": [{"sid": "vm:100", "max_restart": 1}, {"sid": "ct:102", "state": "enabled"}],
            "node_affinity_rules": [{"name": "bb", "resources": ["vm:101"], "nodes": {"pve3": null}}],
            "removed": ["vm:101", "aa"],
        }));
        let ha_config = live().with(&plans, HaMode::Rules).unwrap();
        assert_eq!(ha_config.resources.keys().collect::<Vec<_>>(), ["ct:102", "vm:100"]);
        let config = ha_config.config(HaMode::Rules, &Crs::default());
        assert_eq!(config.resources["vm:100"].max_restart, 1);
        assert_eq!(config.resources["ct:102"].state, Requested::Started);
        let Policy::Rules(rules) = config.policy else { panic!("rules") };
        assert_eq!(rules.iter().map(|rule| &*rule.id).collect::<Vec<_>>(), ["bb"]);
        assert!(matches!(&rules[0].kind, RuleKind::NodeAffinity(affinity) if affinity.nodes["pve3"] == 0));
    }

    #[test]
    fn what_is_planned_and_removed_is_planned() {
        let plans = plans(json!({"resources": [{"sid": "vm:100"}], "removed": ["vm:100"]}));
        assert!(live().with(&plans, HaMode::Rules).unwrap().resources.contains_key("vm:100"));
    }

    #[test]
    fn objects_of_the_other_release_are_refused() {
        let groups = plans(json!({"groups": [{"name": "gg", "nodes": {"pve1": 1}}]}));
        assert!(live().with(&groups, HaMode::Rules).unwrap_err().problem.contains("node_affinity_rules"));
        assert!(live().with(&groups, HaMode::Groups).is_ok());
        let rules = plans(
            json!({"resource_affinity_rules": [{"name": "rr", "resources": ["vm:100", "vm:101"], "affinity": "positive"}]}),
        );
        assert!(live().with(&rules, HaMode::Groups).unwrap_err().problem.contains("groups"));
    }

    #[test]
    fn groups_decide_the_failback_of_their_resources() {
        let resources = json!([{"sid": "vm:100", "group": "gg", "state": "started"}]);
        let groups = json!([{"group": "gg", "nodes": "pve1:2,pve2", "nofailback": 1, "restricted": 1}]);
        let ha_config = HaConfig::from_answers(&resources, &json!([]), &groups).unwrap();
        let config = ha_config.config(HaMode::GroupsUntilMigrated, &Crs::default());
        assert!(!config.resources["vm:100"].failback);
        assert!(matches!(&config.policy, Policy::Rules(rules) if &*rules[0].id == "ha-group-gg"));
        assert!(
            matches!(ha_config.config(HaMode::Groups, &Crs::default()).policy, Policy::Groups(groups) if groups["gg"].restricted)
        );
    }
}
