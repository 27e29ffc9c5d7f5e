//! Links the two halves of a replacement.
//!
//! Core plans a replacement in two calls, as a change of the old object and as a create of the new one, and carries it out in two
//! more, a destroy and a create. No call says what it belongs to. But core hands the private data of the first plan to the
//! second one, and those of the second one to the destroy: they say what comes before and after. They are of no use once the
//! apply is over, and don't get into the state.

use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{Applied, GivenUp, Resource, Value, shown};

/// The private data of a plan.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Link {
    /// The natural id of the object that a change was planned of. A create that is planned after that replaces it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<String>,
    /// The known values of the object to be created, without secrets. A destroy with these makes room for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creates: Option<Json>,
    /// What gives up its reference to the object to be destroyed: a delete that is refused for that may send it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub given_up: Vec<GivenUp>,
}

impl Link {
    /// From private data; those of others say nothing.
    pub fn decode(private: &[u8]) -> Self {
        serde_json::from_slice(private).unwrap_or_default()
    }

    pub fn encode(&self) -> Vec<u8> {
        if *self == Self::default() { Vec::new() } else { serde_json::to_vec(self).unwrap_or_default() }
    }

    /// What the plan of `planned` in place of `prior` leaves; `self` is what was left to that plan.
    #[must_use]
    pub fn next(&self, resource: &dyn Resource, prior: Option<&Value>, planned: &Value) -> Self {
        match prior {
            Some(prior) => Self { replaces: resource.id(prior), ..Self::default() },
            None => {
                let creates = Some(essence(resource, planned).to_json());
                Self { replaces: self.replaces.clone(), creates, ..Self::default() }
            }
        }
    }

    /// The object that is created after a destroy; null where nothing is known.
    pub fn successor(&self, resource: &dyn Resource) -> Option<Value> {
        Value::from_json(self.creates.as_ref()?, &resource.schema().ty()).ok()
    }
}

/// The objects that this process has destroyed to make room for others.
#[derive(Debug, Default)]
pub struct Replaced(Mutex<Vec<Destroyed>>);

#[derive(Debug)]
struct Destroyed {
    kind: &'static str,
    prior: Value,
    /// What comes after it, as far as was known.
    successor: Json,
}

impl Replaced {
    /// Forgets everything: another run begins.
    pub fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Takes note that `prior` was destroyed to make room for the successor that `link` names.
    pub fn destroyed(&self, resource: &dyn Resource, prior: Value, link: Link) {
        if let Some(successor) = link.creates {
            let destroyed = Destroyed { kind: resource.name(), prior, successor };
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(destroyed);
        }
    }

    /// Says what is gone, if the create of `planned` has failed after the object that it replaces was destroyed.
    pub fn created(&self, resource: &dyn Resource, planned: &Value, applied: &mut Applied) {
        let mut destroyed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_predecessor = |old: &Destroyed| old.kind == resource.name() && is_like(&old.successor, planned);
        let Some(at) = destroyed.iter().position(is_predecessor) else { return };
        let old = destroyed.swap_remove(at);
        if applied.state.is_null() {
            let (title, id) = (resource.title(), name(resource, &old.prior));
            for error in applied.diagnostics.errors_mut() {
                error.summary = format!("The {title} {id} was deleted but could not be recreated");
                error.detail = lost(resource, &id, &old.prior, &error.detail);
            }
        }
    }
}

fn lost(resource: &dyn Resource, id: &str, prior: &Value, why: &str) -> String {
    let had = resource.schema().block.attributes.iter().filter(|attribute| attribute.required && !attribute.sensitive);
    let had = had.map(|attribute| format!("`{} = {}`", attribute.name, shown(prior.at(&attribute.name))));
    let loss = resource.loss(prior).map(|loss| format!(" {loss}")).unwrap_or_default();
    format!(
        "{id}: this apply deleted it, as planned, and its replacement was refused, so that now neither exists.{loss} \
         It had {}.\nResolve the reason for the refusal, and apply again to create the {}.\n{}",
        had.collect::<Vec<_>>().join(" and "),
        resource.title(),
        changed(why)
    )
}

/// What was said of a request alone is not true of the whole replacement.
fn changed(detail: &str) -> String {
    ["Nothing was changed.", "Nothing was sent."]
        .iter()
        .fold(detail.to_owned(), |detail, phrase| detail.replace(&format!(" {phrase}"), "").replace(phrase, ""))
}

fn name(resource: &dyn Resource, object: &Value) -> String {
    resource.id(object).unwrap_or_else(|| resource.name().to_owned())
}

/// The attributes that are known and no secret.
fn essence(resource: &dyn Resource, object: &Value) -> Value {
    let attributes = resource.schema().block.attributes.iter().filter(|attribute| !attribute.sensitive);
    let known = attributes.map(|attribute| (attribute.name.as_str(), object.at(&attribute.name).clone()));
    Value::object(known.filter(|(_, value)| !value.is_null() && value.is_wholly_known()))
}

/// Whether `planned` is what was known of it before.
fn is_like(known: &Json, planned: &Value) -> bool {
    let planned = planned.to_json();
    known.as_object().is_some_and(|known| known.iter().all(|(name, value)| planned[name] == *value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_data_of_others_say_nothing() {
        for private in [&b""[..], b"\xff", b"{}", b"[1]", br#"{"schema_version": 1}"#] {
            assert_eq!(Link::decode(private), Link::default());
        }
        assert!(Link::default().encode().is_empty());
        let given_up = vec![GivenUp { id: "vm:100".into(), from: "web".into(), to: None, is_to_new: false }];
        let link = Link { replaces: Some("a".into()), creates: None, given_up };
        assert_eq!(Link::decode(&link.encode()), link);
    }
}
