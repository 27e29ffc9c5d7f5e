//! Calls of functions in tests: as core makes them, by values.

use serde_json::Value as Json;

use super::{Compute, function};
use crate::framework::{Refusal, Value};

/// What `F` returns for the arguments, written as JSON. Members of objects may be left out.
pub(super) fn call<F: Compute>(arguments: &[Json]) -> Result<Json, Refusal> {
    let function = function::<F>();
    let types = function.argument_types(arguments.len())?;
    let values = arguments.iter().zip(types).map(|(argument, ty)| Value::from_json(argument, ty).unwrap());
    function.answer(values.collect()).map(|value| value.to_json())
}

/// The refusal of the arguments: the argument, counted from 0, and the text.
pub(super) fn refused<F: Compute>(arguments: &[Json]) -> (Option<usize>, String) {
    let refusal = call::<F>(arguments).unwrap_err();
    (refusal.argument, refusal.text)
}
