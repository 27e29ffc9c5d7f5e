//! Between typed models and values.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Type, Value};

/// The typed model of a wholly known value.
///
/// # Errors
/// Says which member doesn't fit; it names no content.
pub fn to_model<M: DeserializeOwned>(value: &Value) -> Result<M, String> {
    serde_json::from_value(value.to_json()).map_err(|e| e.to_string())
}

/// The value of a typed model, read as `ty`.
///
/// # Errors
/// Says which member is not of the type.
pub fn from_model<M: Serialize>(model: &M, ty: &Type) -> Result<Value, String> {
    let json = serde_json::to_value(model).map_err(|e| e.to_string())?;
    Value::from_json(&json, ty)
}
