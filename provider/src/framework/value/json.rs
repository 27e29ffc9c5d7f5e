//! Values to and from `serde_json` trees: states of other schema versions, private data, defaults. Typed models need none.

use serde_json::Value as Json;

use super::{Number, Value};
use crate::framework::Type;

impl Value {
    /// The value that `json` means when read as `ty`. Members that the type doesn't have are dropped, missing ones are
    /// null.
    ///
    /// # Errors
    /// What is not of the type is named.
    pub fn from_json(json: &Json, ty: &Type) -> Result<Self, String> {
        match (ty, json) {
            (_, Json::Null) => Ok(Self::Null),
            (Type::Bool, Json::Bool(value)) => Ok(Self::Bool(*value)),
            (Type::Number, Json::Number(number)) => {
                number.to_string().parse().map(Self::Number).map_err(|_| "a number is out of range".to_owned())
            }
            (Type::String, Json::String(text)) => Ok(Self::String(text.clone())),
            (Type::List(element), Json::Array(elements)) => Ok(Self::List(all(elements, element)?)),
            (Type::Set(element), Json::Array(elements)) => Ok(Self::set(all(elements, element)?)),
            (Type::Map(element), Json::Object(members)) => {
                let members = members.iter().map(|(key, json)| {
                    Self::from_json(json, element).map(|v| (key.clone(), v)).map_err(|e| format!("{key}: {e}"))
                });
                Ok(Self::Map(members.collect::<Result<_, _>>()?))
            }
            (Type::Object(attributes), Json::Object(members)) => {
                let attributes = attributes.iter().map(|(name, ty)| {
                    let json = members.get(name).unwrap_or(&Json::Null);
                    Self::from_json(json, ty).map(|v| (name.clone(), v)).map_err(|e| format!("{name}: {e}"))
                });
                Ok(Self::Map(attributes.collect::<Result<_, _>>()?))
            }
            _ => Err(format!("is not {ty}")),
        }
    }

    /// This value as JSON. Unknown values become null: typed code only sees them where they may be left out.
    pub fn to_json(&self) -> Json {
        match self {
            Self::Null | Self::Unknown => Json::Null,
            Self::Bool(value) => Json::Bool(*value),
            Self::Number(number) => number_to_json(number),
            Self::String(text) => Json::String(text.clone()),
            Self::List(elements) | Self::Set(elements) => elements.iter().map(Self::to_json).collect(),
            Self::Map(members) => Json::Object(members.iter().map(|(k, v)| (k.clone(), v.to_json())).collect()),
        }
    }
}

fn all(elements: &[Json], ty: &Type) -> Result<Vec<Value>, String> {
    elements.iter().map(|json| Value::from_json(json, ty)).collect()
}

fn number_to_json(number: &Number) -> Json {
    match number {
        Number::Int(value) => Json::from(*value),
        _ => number.as_f64().and_then(serde_json::Number::from_f64).map_or(Json::Null, Json::Number),
    }
}
