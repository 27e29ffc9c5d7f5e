//! The parts of the HA configuration that this provider does not support.
//!
//! Whatever depends on such an object is unknown: a rule with an unknown property may mean the opposite of what it seems to.

use std::collections::{BTreeMap, BTreeSet};

use pve_schemas::rest::{Rest, unknown_reason};
use pve_schemas::value::{Entry, SidSet};
use pve_schemas::{HaGroup, HaNodeAffinityRule, HaResource, HaResourceAffinityRule};
use serde_json::Value as Json;

use super::status;

/// Objects that can't be followed, by what messages call them, such as `HA rule 'apart'`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Unknown(BTreeMap<String, Cause>);

#[derive(Clone, Debug, PartialEq)]
struct Cause {
    id: String,
    why: String,
    affects: Affects,
    /// It is a rule or group, which says where resources may run.
    places: bool,
}

/// The HA resources that depend on it.
#[derive(Clone, Debug, PartialEq)]
pub enum Affects {
    These(BTreeSet<String>),
    GroupOf(String),
    All,
}

impl Unknown {
    /// From the entries of `/cluster/ha/resources`, and of `/cluster/ha/rules` or `/cluster/ha/groups`.
    pub(super) fn from_answers(resources: &Json, rules: &Json, groups: &Json) -> Self {
        let mut unknown = Self::default();
        for (id, names, _) in with_unknown::<HaResource>(resources) {
            unknown.resource(&id, unknown_reason(&names));
        }
        for (id, names, entry) in
            with_unknown::<HaNodeAffinityRule>(rules).chain(with_unknown::<HaResourceAffinityRule>(rules))
        {
            unknown.rule(id, unknown_reason(&names), named_by(entry));
        }
        for entry in rules.as_array().into_iter().flatten() {
            if let Some(kind) = HaNodeAffinityRule::unknown_type(entry) {
                let id = Entry(entry).text("rule").unwrap_or_default();
                let why = format!("it is of the type `{kind}`, which this provider does not support");
                unknown.rule(id, why, named_by(entry));
            }
        }
        for (id, names, _) in with_unknown::<HaGroup>(groups) {
            let (why, affects) = (unknown_reason(&names), Affects::GroupOf(id.clone()));
            unknown.0.insert(format!("HA group '{id}'"), Cause { id, why, affects, places: true });
        }
        unknown
    }

    /// Services that the HA manager has in a state which this provider does not support.
    pub(super) fn add_services(&mut self, manager: &Json) {
        for (sid, state) in status::unknown_states(manager) {
            let why = format!("the HA manager has it in the state `{state}`, which this provider does not support");
            self.resource(sid, why);
        }
    }

    /// That something of a planned object, called `name`, is unknown. `places` says whether it is a rule or group.
    pub fn add(&mut self, name: &str, why: String, affects: Affects, places: bool) {
        self.0.insert(name.to_owned(), Cause { id: name.to_owned(), why, affects, places });
    }

    /// Forgets the object with this natural id, which is going to be removed.
    pub(super) fn remove(&mut self, id: &str) {
        self.0.retain(|_, cause| cause.id != id);
    }

    /// Why nothing can be said of an HA resource that is in `group`.
    pub fn why(&self, sid: &str, group: Option<&str>) -> Option<String> {
        let affected = |cause: &Cause| match &cause.affects {
            Affects::These(sids) => sids.contains(sid),
            Affects::GroupOf(name) => group == Some(name),
            Affects::All => true,
        };
        self.0.iter().find(|(_, cause)| affected(cause)).map(|(name, cause)| format!("{name}: {}", cause.why))
    }

    /// One line for each object.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|(name, cause)| format!("{name}: {}", cause.why))
    }

    /// One line for each rule and group.
    pub fn placement(&self) -> impl Iterator<Item = String> {
        self.0.iter().filter(|(_, cause)| cause.places).map(|(name, cause)| format!("{name}: {}", cause.why))
    }

    fn resource(&mut self, sid: &str, why: String) {
        let affects = Affects::These([sid.to_owned()].into());
        self.0.insert(format!("HA resource {sid}"), Cause { id: sid.to_owned(), why, affects, places: false });
    }

    fn rule(&mut self, id: String, why: String, affects: Affects) {
        self.0.insert(format!("HA rule '{id}'"), Cause { id, why, affects, places: true });
    }
}

/// The entries of the noun `N` that have unsupported properties: natural id, properties, entry.
fn with_unknown<N: Rest>(answer: &Json) -> impl Iterator<Item = (String, Vec<String>, &Json)> {
    let entries = answer.as_array().into_iter().flatten().filter(|entry| N::owns(entry));
    entries.filter_map(|entry| {
        let parsed = N::parse(entry).ok()?;
        (!parsed.unknown.is_empty()).then(|| (parsed.noun.key(), parsed.unknown, entry))
    })
}

/// The HA resources in `resources` of a rule; all where it names them in another way.
fn named_by(rule: &Json) -> Affects {
    let list = Entry(rule).text("resources").filter(|list| !list.is_empty());
    match list.and_then(|list| SidSet::from_list(&list).ok()) {
        Some(sids) => Affects::These(sids.0.iter().map(ToString::to_string).collect()),
        None => Affects::All,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn unknown(rules: &Json) -> Unknown {
        let resources =
            json!([{"sid": "vm:100", "state": "started", "zone": "a"}, {"sid": "vm:101", "state": "started"}]);
        let groups = json!([{"group": "gg", "nodes": "pve1", "zone": "a", "digest": "x", "type": "group"}]);
        Unknown::from_answers(&resources, rules, &groups)
    }

    #[test]
    fn an_object_with_an_unknown_property_makes_its_resources_unknown() {
        let none = unknown(&json!([]));
        assert_eq!(
            none.why("vm:100", None).unwrap(),
            "HA resource vm:100: it has `zone`, which this provider does not support"
        );
        assert_eq!(none.why("vm:101", None), None);
        assert!(none.why("vm:101", Some("gg")).unwrap().starts_with("HA group 'gg': "));
        let rule = json!([{"rule": "rr", "type": "node-affinity", "nodes": "pve1", "resources": "vm:101", "order": 1,
            "weight": 3}]);
        assert!(unknown(&rule).why("vm:101", None).unwrap().contains("`weight`"));
        assert_eq!(unknown(&rule).why("vm:102", None), None);
    }

    #[test]
    fn a_rule_of_an_unknown_type_affects_what_it_names_or_everything() {
        let named = unknown(&json!([{"rule": "rr", "type": "zone-affinity", "resources": "vm:101"}]));
        assert!(named.why("vm:101", None).unwrap().contains("`zone-affinity`"));
        assert_eq!(named.why("vm:102", None), None);
        let pools = unknown(&json!([{"rule": "rr", "type": "zone-affinity", "pool": "web"}]));
        assert!(pools.why("vm:102", None).is_some());
    }

    #[test]
    fn a_service_in_an_unknown_state_is_unknown_and_what_is_removed_is_not() {
        let mut all = unknown(&json!([]));
        all.add_services(&json!({"service_status": {"vm:105": {"state": "hibernate", "node": "pve1"},
            "vm:106": {"state": "started", "node": "pve1"}}}));
        assert!(all.why("vm:105", None).unwrap().contains("`hibernate`"));
        assert_eq!(all.why("vm:106", None), None);
        all.remove("vm:100");
        assert_eq!(all.why("vm:100", None), None);
    }
}
