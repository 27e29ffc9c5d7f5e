//! Types in cty's JSON form.

use serde_json::{Map, Value as Json, json};

use crate::framework::Type;

/// Whether the members of an object may be left out where it is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Members {
    /// All must be there.
    Required,
    /// A missing one is null. Protocol 5 can only say so in the type, and for users it is the difference between an
    /// argument with sensible defaults and one where every null has to be spelled out.
    Optional,
}

/// `ty` as core reads it in a schema.
pub(super) fn encode(ty: &Type, members: Members) -> Vec<u8> {
    json_of(ty, members).to_string().into_bytes()
}

fn json_of(ty: &Type, members: Members) -> Json {
    match ty {
        Type::Bool => json!("bool"),
        Type::Number => json!("number"),
        Type::String => json!("string"),
        Type::List(element) => json!(["list", json_of(element, members)]),
        Type::Set(element) => json!(["set", json_of(element, members)]),
        Type::Map(element) => json!(["map", json_of(element, members)]),
        Type::Object(attributes) => {
            let types: Map<_, _> = attributes.iter().map(|(name, ty)| (name.clone(), json_of(ty, members))).collect();
            let names: Vec<_> = attributes.iter().map(|(name, _)| name.as_str()).collect();
            match members {
                Members::Optional if !names.is_empty() => json!(["object", types, names]),
                _ => json!(["object", types]),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_what_cty_writes() {
        let node = Type::Object(vec![("ip".to_owned(), Type::String), ("id".to_owned(), Type::Number)]);
        let ty = Type::List(Box::new(node));
        assert_eq!(encode(&ty, Members::Required), br#"["list",["object",{"ip":"string","id":"number"}]]"#);
        let optional = br#"["list",["object",{"ip":"string","id":"number"},["ip","id"]]]"#;
        assert_eq!(encode(&ty, Members::Optional), optional);
        assert_eq!(encode(&Type::Map(Box::new(Type::Bool)), Members::Required), br#"["map","bool"]"#);
    }
}
