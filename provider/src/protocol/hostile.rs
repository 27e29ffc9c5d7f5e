//! What the fuzz targets put to the decoders of this layer.

use prost::Message;

use super::msgpack;
use super::shape::Shape;
use super::tfplugin5::AttributePath;
use crate::framework::{Path, Step, Type};

/// Every kind of type in one.
fn everything() -> Type {
    let object = |attributes: &[(&str, Type)]| {
        Type::Object(attributes.iter().map(|(name, ty)| ((*name).to_owned(), ty.clone())).collect())
    };
    let node = object(&[("name", Type::String), ("votes", Type::Number), ("online", Type::Bool)]);
    object(&[
        ("id", Type::String),
        ("size", Type::Number),
        ("nodes", Type::List(Box::new(node.clone()))),
        ("tags", Type::Set(Box::new(Type::String))),
        ("by_name", Type::Map(Box::new(node))),
    ])
}

/// A `DynamicValue` in msgpack: what is understood is written as what means the same.
pub fn dynamic_value(data: &[u8]) {
    let ty = everything();
    let Ok(value) = msgpack::decode(data, Shape::Type(&ty)) else { return };
    let (bytes, malformed) = msgpack::encode(&value, Shape::Type(&ty));
    assert!(malformed.is_none(), "what was read does not fit");
    assert!(msgpack::decode(&bytes, Shape::Type(&ty)).is_ok_and(|again| again == value), "another value is read back");
}

/// A state as core stores it.
pub fn json_state(data: &[u8]) {
    let ty = everything();
    let Ok(value) = super::json::decode(data, Shape::Type(&ty)) else { return };
    let (bytes, malformed) = msgpack::encode(&value, Shape::Type(&ty));
    assert!(malformed.is_none(), "what was read does not fit");
    assert!(msgpack::decode(&bytes, Shape::Type(&ty)).is_ok_and(|again| again == value), "another value is read back");
}

/// A path of any steps: on the wire it has as many, and shows as text.
pub fn attribute_path(data: &[u8]) {
    let mut path = Path::root();
    for step in data.split(|byte| *byte == b'\n') {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        path = path.then(match step.split_first() {
            Some((b'#', rest)) => Step::Index(text(rest).parse().unwrap_or(i64::MIN)),
            Some((b'"', rest)) => Step::Key(text(rest)),
            _ => Step::Attribute(text(step)),
        });
    }
    let _ = path.to_string();
    let steps = path.steps().len();
    let bytes = AttributePath::from(path).encode_to_vec();
    assert!(AttributePath::decode(bytes.as_slice()).is_ok_and(|again| again.steps.len() == steps), "steps are lost");
    // What else could be sent in its place.
    let _ = AttributePath::decode(data);
}
