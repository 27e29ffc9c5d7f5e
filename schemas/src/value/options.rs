//! Options of a fence agent, open and secret.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// Options by name; an empty value is a bare word. Null is the same as none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Options(pub Option<BTreeMap<String, String>>);

/// Options whose values are secret.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretOptions(pub Option<BTreeMap<String, String>>);

impl Options {
    /// Names and values, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        pairs(&self.0)
    }
}

impl SecretOptions {
    /// Names and values, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        pairs(&self.0)
    }
}

impl fmt::Debug for SecretOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|(name, _)| (name, "…"))).finish()
    }
}

impl JsonSchema for Options {
    fn schema_name() -> Cow<'static, str> {
        "Options".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["object", "null"],
            "propertyNames": {"format": "pve-fence-option"},
            "additionalProperties": {"type": "string", "format": "pve-fence-value"},
        })
    }
}

impl JsonSchema for SecretOptions {
    fn schema_name() -> Cow<'static, str> {
        "SecretOptions".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Options::json_schema(generator)
    }
}

fn pairs(map: &Option<BTreeMap<String, String>>) -> impl Iterator<Item = (&str, &str)> {
    map.iter().flatten().map(|(name, value)| (name.as_str(), value.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_shown() {
        let secret = SecretOptions(Some(BTreeMap::from([("password".to_owned(), "hunter2".to_owned())])));
        assert_eq!(format!("{secret:?}"), "{\"password\": \"…\"}");
    }
}
