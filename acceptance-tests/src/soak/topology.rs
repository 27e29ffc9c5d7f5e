//! Objects as a configuration has them: what is configured, what a cluster has of it, and what makes one of the other.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

/// The attributes of an object by name.
pub type Attributes = BTreeMap<String, Json>;

/// Objects by their address in the configuration, such as `pve_ha_resource.web1`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Topology(pub BTreeMap<String, Attributes>);

/// What a plan does with one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It is not there.
    Create,
    /// These attributes are different.
    Update(BTreeSet<String>),
    /// It is not configured any more.
    Delete,
}

/// What a plan does, by address.
pub type Changes = BTreeMap<String, Change>;

impl Topology {
    /// What makes this topology the `target` one.
    pub fn changes_to(&self, target: &Self) -> Changes {
        let mut changes = Changes::new();
        for (address, attributes) in &target.0 {
            match self.0.get(address) {
                None => drop(changes.insert(address.clone(), Change::Create)),
                Some(found) => {
                    let names: BTreeSet<&String> = found.keys().chain(attributes.keys()).collect();
                    let value = |of: &Attributes, name: &str| of.get(name).cloned().unwrap_or_default();
                    let differs = |name: &&String| value(found, name) != value(attributes, name);
                    let changed: BTreeSet<String> = names.into_iter().filter(differs).cloned().collect();
                    if !changed.is_empty() {
                        changes.insert(address.clone(), Change::Update(changed));
                    }
                }
            }
        }
        let gone = self.0.keys().filter(|address| !target.0.contains_key(*address));
        changes.extend(gone.map(|address| (address.clone(), Change::Delete)));
        changes
    }

    /// Sets an attribute of an object, if the object is there.
    pub fn set(&mut self, address: &str, attribute: &str, value: &Json) {
        if let Some(attributes) = self.0.get_mut(address) {
            attributes.insert(attribute.to_owned(), value.clone());
        }
    }

    /// The addresses of the objects of a type.
    pub fn of_kind(&self, target: &str) -> impl Iterator<Item = (&String, &Attributes)> {
        self.0.iter().filter(move |(address, _)| kind(address) == target)
    }

    /// The address of the HA resource `sid`.
    pub fn resource(&self, sid: &str) -> Option<&String> {
        self.of_kind("pve_ha_resource").find(|(_, attributes)| attributes["sid"] == sid).map(|(address, _)| address)
    }
}

/// The type of the object at `address`.
pub fn kind(address: &str) -> &str {
    address.split('.').next().unwrap_or_default()
}

/// The name of the object at `address`.
pub fn name(address: &str) -> &str {
    address.split_once('.').map_or("", |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn topology(objects: &[(&str, Json)]) -> Topology {
        let object = |(address, attributes): &(&str, Json)| {
            let attributes = attributes.as_object().expect("an object").clone();
            ((*address).to_owned(), attributes.into_iter().collect())
        };
        Topology(objects.iter().map(object).collect())
    }

    #[test]
    fn what_is_missing_different_and_left_over_is_a_change() {
        let target =
            topology(&[("a.same", json!({"x": 1})), ("a.other", json!({"x": 1, "y": 2})), ("a.new", json!({}))]);
        let found =
            topology(&[("a.same", json!({"x": 1})), ("a.other", json!({"x": 3, "z": 2})), ("a.old", json!({"x": 1}))]);
        let names = ["x", "y", "z"].map(str::to_owned).into();
        let expected = [
            ("a.new".to_owned(), Change::Create),
            ("a.old".to_owned(), Change::Delete),
            ("a.other".to_owned(), Change::Update(names)),
        ];
        assert_eq!(found.changes_to(&target), expected.into());
        assert!(target.changes_to(&target).is_empty());
    }
}
