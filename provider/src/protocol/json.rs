//! The JSON form of values, in which core may send what it has stored. Numbers are taken by their text, so that those
//! beyond an f64 survive.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::malformed::{MAX_DEPTH, Malformed};
use super::shape::{Shape, ShapeKind};
use crate::framework::{Step, Value};

/// The value that `bytes` hold, read as `shape`. Members that the schema doesn't have are dropped, missing ones are null.
///
/// # Errors
/// The place where `bytes` are no JSON or don't fit `shape`.
pub(super) fn decode(bytes: &[u8], shape: Shape<'_>) -> Result<Value, Malformed> {
    value(parse::<&RawValue>(bytes)?, shape, 0)
}

fn value(raw: &RawValue, shape: Shape<'_>, depth: usize) -> Result<Value, Malformed> {
    if depth > MAX_DEPTH {
        return Err(Malformed::new("is nested too deeply"));
    }
    let text = raw.get();
    if text == "null" {
        return Ok(Value::Null);
    }
    let bytes = text.as_bytes();
    match shape.kind() {
        ShapeKind::Bool => parse(bytes).map(Value::Bool).map_err(|_| Malformed::new("is not a bool")),
        // Quoted too: core stores numbers that way where a type was once a string.
        ShapeKind::Number => {
            text.trim_matches('"').parse().map(Value::Number).map_err(|_| Malformed::new("is not a number"))
        }
        ShapeKind::String => parse(bytes).map(Value::String).map_err(|_| Malformed::new("is not a string")),
        ShapeKind::List(element) => elements(bytes, element, depth).map(Value::List),
        ShapeKind::Set(element) => elements(bytes, element, depth).map(Value::set).map_err(Malformed::within_set),
        ShapeKind::Map(element) => {
            let members = members(bytes)?.into_iter().map(|(key, raw)| {
                let value = value(raw, element, depth + 1).map_err(|e| e.within(Step::Key(key.clone())))?;
                Ok((key, value))
            });
            Ok(Value::Map(members.collect::<Result<_, _>>()?))
        }
        ShapeKind::Object(attributes) => {
            let members = members(bytes)?;
            let attributes = attributes.iter().map(|(name, shape)| {
                let value = match members.get(name) {
                    Some(raw) => {
                        value(raw, shape, depth + 1).map_err(|e| e.within(Step::Attribute(name.to_owned())))?
                    }
                    None => Value::Null,
                };
                Ok((name.to_owned(), value))
            });
            Ok(Value::Map(attributes.collect::<Result<_, _>>()?))
        }
    }
}

fn elements(bytes: &[u8], shape: Shape<'_>, depth: usize) -> Result<Vec<Value>, Malformed> {
    let elements: Vec<&RawValue> = parse(bytes).map_err(|_| Malformed::new("is not a list"))?;
    let step = |index| Step::Index(i64::try_from(index).unwrap_or(i64::MAX));
    let decode = |(index, raw)| value(raw, shape, depth + 1).map_err(|e| e.within(step(index)));
    elements.into_iter().enumerate().map(decode).collect()
}

fn members(bytes: &[u8]) -> Result<BTreeMap<String, &RawValue>, Malformed> {
    parse(bytes).map_err(|_| Malformed::new("is not an object"))
}

/// The parser's own text is not passed on: it quotes what it found.
fn parse<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Malformed> {
    serde_json::from_slice(bytes).map_err(|_| Malformed::new("is not JSON"))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::framework::Type;

    /// `value` as core stores it.
    pub(in crate::protocol) fn text(value: &Value) -> String {
        let list = |elements: &[Value]| elements.iter().map(text).collect::<Vec<_>>().join(",");
        let quoted = |text: &str| serde_json::to_string(text).unwrap();
        match value {
            Value::Null | Value::Unknown => "null".to_owned(),
            Value::Bool(value) => value.to_string(),
            Value::Number(number) => number.to_string(),
            Value::String(text) => quoted(text),
            Value::List(elements) | Value::Set(elements) => format!("[{}]", list(elements)),
            Value::Map(members) => {
                let members = members.iter().map(|(key, value)| format!("{}:{}", quoted(key), text(value)));
                format!("{{{}}}", members.collect::<Vec<_>>().join(","))
            }
        }
    }

    /// `value` with null for what is unknown: JSON can't say more.
    pub(in crate::protocol) fn known(value: Value) -> Value {
        match value {
            Value::Unknown => Value::Null,
            Value::List(elements) => Value::List(elements.into_iter().map(known).collect()),
            Value::Set(elements) => Value::set(elements.into_iter().map(known)),
            Value::Map(members) => Value::Map(members.into_iter().map(|(k, v)| (k, known(v))).collect()),
            value => value,
        }
    }

    fn read(json: &str, ty: &Type) -> Result<Value, Malformed> {
        decode(json.as_bytes(), Shape::Type(ty))
    }

    #[test]
    fn numbers_beyond_f64_survive() {
        let value = read("18446744073709551616123", &Type::Number).unwrap();
        assert_eq!(value.as_number().unwrap().to_string(), "18446744073709551616123");
        assert_eq!(read("0.1", &Type::Number).unwrap().as_number().unwrap().to_string(), "0.1");
        assert!(read("\"x\"", &Type::Number).is_err());
    }

    #[test]
    fn objects_are_complete_and_hold_nothing_else() {
        let ty = Type::Object(vec![("a".to_owned(), Type::String), ("b".to_owned(), Type::Bool)]);
        let value = read(r#"{"a":"x","gone":[1]}"#, &ty).unwrap();
        assert_eq!(value, Value::object([("a", Value::from("x")), ("b", Value::Null)]));
    }

    #[test]
    fn errors_name_the_place_and_not_the_content() {
        let ty = Type::Object(vec![("token".to_owned(), Type::List(Box::new(Type::Bool)))]);
        let error = read(r#"{"token":[true,"geheim"]}"#, &ty).unwrap_err();
        assert_eq!(error.to_string(), "token[1]: is not a bool");
    }

    #[test]
    fn depth_is_refused_without_recursion() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(read(&deep, &Type::List(Box::new(Type::String))).is_err());
        assert!(read(&deep, &Type::String).is_err());
        let ty = Type::Object(vec![("a".to_owned(), Type::String)]);
        assert!(read(&format!(r#"{{"a":"x","gone":{deep}}}"#), &ty).is_ok());
        let nested = (0..200).fold(Type::String, |ty, _| Type::List(Box::new(ty)));
        assert!(read(&format!("{}{}", "[".repeat(190), "]".repeat(190)), &nested).is_err());
    }
}
