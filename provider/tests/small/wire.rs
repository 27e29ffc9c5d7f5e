//! Values of the wire as JSON, written and read by a msgpack library that is not the one under test.

use rmpv::Value as Pack;
use serde_json::{Value as Json, json};
use terraform_provider_pve::protocol::tfplugin5::{Diagnostic, DynamicValue, RawState};

/// The text that means an unknown value in a test's JSON.
pub const UNKNOWN: &str = "(unknown)";

fn pack(json: &Json) -> Pack {
    match json {
        Json::Null => Pack::Nil,
        Json::Bool(value) => Pack::from(*value),
        Json::Number(number) => number.as_i64().map_or_else(|| Pack::from(number.as_f64().unwrap()), Pack::from),
        Json::String(text) if text == UNKNOWN => Pack::Ext(0, vec![0]),
        Json::String(text) => Pack::from(text.as_str()),
        Json::Array(elements) => Pack::Array(elements.iter().map(pack).collect()),
        Json::Object(members) => Pack::Map(members.iter().map(|(k, v)| (Pack::from(k.as_str()), pack(v))).collect()),
    }
}

fn unpack(pack: &Pack) -> Json {
    match pack {
        Pack::Nil => Json::Null,
        Pack::Boolean(value) => json!(value),
        Pack::Integer(value) => json!(value.as_i64().unwrap()),
        Pack::String(text) => json!(text.as_str().unwrap()),
        Pack::Array(elements) => elements.iter().map(unpack).collect(),
        Pack::Map(members) => {
            Json::Object(members.iter().map(|(k, v)| (k.as_str().unwrap().to_owned(), unpack(v))).collect())
        }
        Pack::Ext(..) => json!(UNKNOWN),
        other => panic!("core doesn't send {other}"),
    }
}

/// What core sends for `json`.
pub fn dynamic(json: &Json) -> Option<DynamicValue> {
    let mut msgpack = Vec::new();
    rmpv::encode::write_value(&mut msgpack, &pack(json)).unwrap();
    Some(DynamicValue { msgpack, json: Vec::new() })
}

/// What an answer means.
#[track_caller]
pub fn value(wire: Option<&DynamicValue>) -> Json {
    let mut bytes = wire.unwrap().msgpack.as_slice();
    let value = rmpv::decode::read_value(&mut bytes).unwrap();
    assert!(bytes.is_empty());
    unpack(&value)
}

/// A state as core stores it.
pub fn state(json: &Json) -> Option<RawState> {
    Some(RawState { json: json.to_string().into_bytes(), ..RawState::default() })
}

/// A thing with `name` and whatever `more` says; all else null.
pub fn thing(name: &str, more: Json) -> Json {
    let mut object = json!({
        "id": null, "name": name, "size": null, "tags": null, "labels": null, "secret": null, "serial": null,
        "rule": [], "timeouts": null
    });
    for (name, value) in more.as_object().unwrap() {
        object[name] = value.clone();
    }
    object
}

/// The one message there is.
#[track_caller]
pub fn only(diagnostics: &[Diagnostic]) -> &Diagnostic {
    assert_eq!(diagnostics.len(), 1, "{diagnostics:?}");
    &diagnostics[0]
}
