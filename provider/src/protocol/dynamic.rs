//! `DynamicValue`: a value in one of its two forms.

use super::malformed::Malformed;
use super::msgpack::ObjectWriter;
use super::tfplugin5::{DynamicValue, RawState};
use super::{json, msgpack, shape::Shape};
use crate::framework::{Diagnostic, Diagnostics, Severity, Value};

/// The value that core sent; null where it sent none.
///
/// # Errors
/// One diagnostic that says where in `what` it doesn't fit.
pub(super) fn decode(wire: Option<&DynamicValue>, shape: Shape<'_>, what: &str) -> Result<Value, Diagnostics> {
    let decoded = match wire {
        Some(wire) if !wire.msgpack.is_empty() => msgpack::decode(&wire.msgpack, shape),
        Some(wire) if !wire.json.is_empty() => json::decode(&wire.json, shape),
        _ => Ok(Value::Null),
    };
    decoded.map_err(|malformed| only(malformed.into_error("Cannot understand a value", what)))
}

/// `value` for core. What doesn't fit the schema is null in the answer, and an error says so.
pub(super) fn encode(value: &Value, shape: Shape<'_>, diagnostics: &mut Diagnostics) -> DynamicValue {
    answer(msgpack::encode(value, shape), diagnostics)
}

/// An object that was written while it was made, with the members of `state` beside its long list.
pub(super) fn finish(object: ObjectWriter<'_>, state: &Value, diagnostics: &mut Diagnostics) -> DynamicValue {
    answer(object.finish(state), diagnostics)
}

fn answer((msgpack, malformed): (Vec<u8>, Option<Malformed>), diagnostics: &mut Diagnostics) -> DynamicValue {
    if let Some(malformed) = malformed {
        diagnostics.push(malformed.into_error("The provider made a value of the wrong type", "the answer"));
    }
    DynamicValue { msgpack, json: Vec::new() }
}

/// A stored state as JSON.
///
/// # Errors
/// One diagnostic that says that it is malformed.
pub(super) fn stored(state: Option<&RawState>) -> Result<serde_json::Value, Diagnostics> {
    let json = state.map(|state| state.json.as_slice()).unwrap_or_default();
    serde_json::from_slice(json).map_err(|_| {
        only(Diagnostic {
            severity: Severity::Error,
            summary: "Cannot understand the stored state".to_owned(),
            detail: "It is not JSON. States of Terraform 0.11 and older have to be upgraded by Terraform 0.12 first."
                .to_owned(),
            path: None,
        })
    })
}

fn only(diagnostic: Diagnostic) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    diagnostics.push(diagnostic);
    diagnostics
}
