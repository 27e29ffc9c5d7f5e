//! A plan as `terraform show -json` or `tofu show -json` prints it: the part that the report reads.
//!
//! Values that the plan marks as sensitive are dropped here, and never get further.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Map, Value as Json};

#[derive(Debug, Deserialize)]
pub(super) struct Document {
    /// Every plan has it, and nothing else of the CLI's does.
    #[expect(dead_code, reason = "it only has to be there")]
    format_version: String,
    #[serde(default)]
    pub(super) resource_changes: Vec<ResourceChange>,
    #[serde(default)]
    pub(super) deferred_changes: Vec<Deferred>,
    #[serde(default)]
    configuration: Configuration,
    #[serde(default)]
    pub(super) errored: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct Deferred {
    pub(super) resource_change: ResourceChange,
}

#[derive(Debug, Default, Deserialize)]
struct Configuration {
    #[serde(default)]
    provider_config: BTreeMap<String, ProviderConfig>,
}

#[derive(Debug, Deserialize)]
struct ProviderConfig {
    full_name: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ResourceChange {
    pub(super) address: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    provider_name: String,
    pub(super) change: Change,
}

#[derive(Debug, Deserialize)]
pub(super) struct Change {
    pub(super) actions: Vec<String>,
    #[serde(default)]
    before: Json,
    #[serde(default)]
    after: Json,
    #[serde(default)]
    after_unknown: Json,
    #[serde(default)]
    before_sensitive: Json,
    #[serde(default)]
    after_sensitive: Json,
}

/// The attributes of an object that may be used, and why others may not.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Object {
    pub(super) known: Map<String, Json>,
    /// Attribute and reason.
    pub(super) open: BTreeMap<String, &'static str>,
}

impl Document {
    /// # Errors
    /// It is no plan.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        // The error of a parser quotes values, which may be secrets.
        serde_json::from_str(text).map_err(|error| {
            format!(
                "it is not the JSON form of a plan, as `terraform show -json PLAN` prints it (line {}, column {})",
                error.line(),
                error.column()
            )
        })
    }

    /// How many configurations of the provider of these changes there are: each may be another cluster.
    pub(super) fn provider_configurations(&self, is_ours: impl Fn(&str) -> bool) -> usize {
        let changes = self.resource_changes.iter().filter(|change| is_ours(&change.kind));
        let names: BTreeSet<&str> = changes.map(|change| change.provider_name.as_str()).collect();
        let configurations = self.configuration.provider_config.values();
        configurations.filter(|one| one.full_name.as_deref().is_some_and(|name| names.contains(name))).count()
    }
}

impl Change {
    /// Whether the object is in the cluster before the apply and no more after it.
    pub(super) fn deletes(&self) -> bool {
        self.actions.iter().any(|action| action == "delete")
    }

    /// Whether the object is written.
    pub(super) fn writes(&self) -> bool {
        self.actions.iter().any(|action| action == "create" || action == "update")
    }

    pub(super) fn before(&self) -> Object {
        Object::of(&self.before, &Json::Null, &self.before_sensitive)
    }

    pub(super) fn after(&self) -> Object {
        Object::of(&self.after, &self.after_unknown, &self.after_sensitive)
    }
}

impl Object {
    fn of(values: &Json, unknown: &Json, sensitive: &Json) -> Self {
        let mut object = Self { known: values.as_object().cloned().unwrap_or_default(), ..Self::default() };
        if *sensitive == Json::Bool(true) {
            let names: Vec<String> = object.known.keys().cloned().collect();
            object.open.extend(names.into_iter().map(|name| (name, SENSITIVE)));
        }
        for (marks, why) in [(unknown, UNKNOWN), (sensitive, SENSITIVE)] {
            let marked = marks.as_object().into_iter().flatten().filter(|(_, mark)| has_mark(mark));
            object.open.extend(marked.map(|(name, _)| (name.clone(), why)));
        }
        object.known.retain(|name, _| !object.open.contains_key(name));
        object
    }

    /// The text of an attribute, or why it can't be used.
    pub(super) fn text(&self, name: &str) -> Result<&str, &'static str> {
        self.known.get(name).and_then(Json::as_str).ok_or_else(|| self.why(name))
    }

    /// The integer of an attribute, or why it can't be used.
    pub(super) fn integer(&self, name: &str) -> Result<i64, &'static str> {
        self.known.get(name).and_then(Json::as_i64).ok_or_else(|| self.why(name))
    }

    fn why(&self, name: &str) -> &'static str {
        self.open.get(name).copied().unwrap_or("is not set")
    }
}

const UNKNOWN: &str = "is unknown until apply";
const SENSITIVE: &str = "is sensitive, and the report uses no sensitive values";

/// Whether a mark is set anywhere in the value that it is about.
fn has_mark(mark: &Json) -> bool {
    match mark {
        Json::Bool(set) => *set,
        Json::Array(elements) => elements.iter().any(has_mark),
        Json::Object(members) => members.values().any(has_mark),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_unknown_or_sensitive_at_any_depth_is_not_used() {
        let object = Object::of(
            &json!({"sid": "vm:100", "comment": "geheim", "nodes": {"pve1": 2}, "resources": ["vm:100"]}),
            &json!({"state": true, "resources": [false, true]}),
            &json!({"comment": true, "nodes": {}}),
        );
        assert_eq!(object.known.keys().collect::<Vec<_>>(), ["sid", "nodes"]);
        assert_eq!(object.open["state"], UNKNOWN);
        assert_eq!(object.open["resources"], UNKNOWN);
        assert_eq!(object.open["comment"], SENSITIVE);
        let whole = Object::of(&json!({"sid": "vm:100"}), &json!({}), &json!(true));
        assert_eq!((whole.known.len(), whole.text("sid")), (0, Err(SENSITIVE)));
    }

    #[test]
    fn no_plan_is_refused_without_a_word_of_what_is_in_it() {
        let problem = Document::parse(r#"{"format_version": "1.2", "resource_changes": "geheim"}"#).unwrap_err();
        assert!(problem.contains("not the JSON form of a plan") && !problem.contains("geheim"), "{problem}");
        assert!(Document::parse("{}").is_err());
    }
}
