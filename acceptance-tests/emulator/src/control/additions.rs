//! Additions that a later Proxmox would return: properties, types and words that no client supports yet.

use std::sync::{Mutex, PoisonError};

use serde::Deserialize;
use serde_json::Value;

/// Something that answers of GET have in addition.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Addition {
    /// The path of the collection or object, below `/api2/json`.
    pub path: String,
    /// Members that an entry of the collection must have to be the one; every entry without.
    #[serde(default)]
    pub entry: serde_json::Map<String, Value>,
    /// What the entry, or the answer that is one object, has in addition. Objects are merged.
    #[serde(default)]
    pub properties: Option<Value>,
    /// A whole entry that the collection has in addition.
    #[serde(default)]
    pub more: Option<Value>,
}

#[derive(Debug, Default)]
pub struct Additions(Mutex<Vec<Addition>>);

impl Additions {
    pub fn add(&self, addition: Addition) {
        self.list().push(addition);
    }

    /// Takes all of them away.
    pub fn clear(&self) {
        self.list().clear();
    }

    /// Completes the answer to `GET path`.
    pub fn complete(&self, path: &str, data: &mut Value) {
        for addition in self.list().iter() {
            addition.complete(path, data);
        }
    }

    fn list(&self) -> std::sync::MutexGuard<'_, Vec<Addition>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Addition {
    fn complete(&self, path: &str, data: &mut Value) {
        let is_member = path.strip_prefix(&self.path).is_some_and(|rest| rest.starts_with('/'));
        if path != self.path && !is_member {
            return;
        }
        match data {
            Value::Array(entries) if path == self.path => {
                entries.iter_mut().filter(|entry| self.is_meant(entry)).for_each(|entry| self.extend(entry));
                entries.extend(self.more.clone());
            }
            object if self.is_meant(object) => self.extend(object),
            _ => {}
        }
    }

    fn is_meant(&self, entry: &Value) -> bool {
        entry.is_object() && self.entry.iter().all(|(name, value)| entry[name] == *value)
    }

    fn extend(&self, entry: &mut Value) {
        if let Some(properties) = &self.properties {
            merge(entry, properties);
        }
    }
}

fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (name, value) in from {
                merge(into.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_entry_has_more_in_the_list_and_alone() {
        let additions = Additions::default();
        let addition = json!({"path": "/c", "entry": {"id": "a"}, "properties": {"zone": 1}, "more": {"id": "n"}});
        additions.add(serde_json::from_value(addition).unwrap());
        let completed = |path: &str, mut data: Value| {
            additions.complete(path, &mut data);
            data
        };
        let list = json!([{"id": "a", "zone": 1}, {"id": "b"}, {"id": "n"}]);
        assert_eq!(completed("/c", json!([{"id": "a"}, {"id": "b"}])), list);
        assert_eq!(completed("/c/a", json!({"id": "a"})), json!({"id": "a", "zone": 1}));
        assert_eq!(completed("/cc", json!([{"id": "a"}])), json!([{"id": "a"}]));
    }

    #[test]
    fn objects_inside_are_merged() {
        let additions = Additions::default();
        let addition = json!({"path": "/o", "properties": {"crs": {"zone": 1}, "site": "x"}});
        additions.add(serde_json::from_value(addition).unwrap());
        let mut data = json!({"crs": {"ha": "static"}});
        additions.complete("/o", &mut data);
        assert_eq!(data, json!({"crs": {"ha": "static", "zone": 1}, "site": "x"}));
    }
}
