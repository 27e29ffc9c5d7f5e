//! The conditions of a matcher as attributes: `match-field` is two of them.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::conditions::Conditions;
use super::event::Severity;
use super::routing::Mode;
use crate::rest::{Params, Wire};
use crate::value::Properties;

type Fields = BTreeMap<String, BTreeSet<String>>;

/// The values that a field may have, by field. Null is the same as none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FieldValues(pub Option<Fields>);

/// The patterns that a field has to match, by field. Null is the same as none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FieldPatterns(pub Option<Fields>);

/// The conditions of an entry.
pub(super) fn conditions(entry: &Properties<'_>) -> Result<Conditions, String> {
    let texts = |name: &'static str| Vec::<String>::read(name, entry).map(Option::unwrap_or_default);
    let mode = Mode::of(entry.text("mode").as_deref());
    Conditions::parse(mode, &texts("match-field")?, &texts("match-severity")?, &texts("match-calendar")?)
}

/// `fields` of an entry.
pub(super) fn values(entry: &Properties<'_>) -> Result<FieldValues, String> {
    Ok(FieldValues(some(conditions(entry)?.fields)))
}

/// `field_patterns` of an entry.
pub(super) fn patterns(entry: &Properties<'_>) -> Result<FieldPatterns, String> {
    Ok(FieldPatterns(some(conditions(entry)?.patterns)))
}

/// `severities` of an entry.
pub(super) fn severities(entry: &Properties<'_>) -> Result<Option<BTreeSet<Severity>>, String> {
    Ok(conditions(entry)?.severities)
}

fn some(fields: Fields) -> Option<Fields> {
    (!fields.is_empty()).then_some(fields)
}

impl Wire for FieldValues {
    fn write(&self, name: &'static str, params: &mut Params) {
        let fields = self.0.clone().unwrap_or_default();
        params.add_all(name, Conditions { fields, ..Conditions::default() }.field_statements());
    }

    fn read(_: &'static str, entry: &Properties<'_>) -> Result<Option<Self>, String> {
        values(entry).map(Some)
    }
}

impl Wire for FieldPatterns {
    fn write(&self, name: &'static str, params: &mut Params) {
        let patterns = self.0.clone().unwrap_or_default();
        params.add_all(name, Conditions { patterns, ..Conditions::default() }.field_statements());
    }

    fn read(_: &'static str, entry: &Properties<'_>) -> Result<Option<Self>, String> {
        patterns(entry).map(Some)
    }
}

/// One statement.
impl Wire for BTreeSet<Severity> {
    fn write(&self, name: &'static str, params: &mut Params) {
        let conditions = Conditions { severities: Some(self.clone()), ..Conditions::default() };
        params.set_all(name, conditions.severity_statement());
    }

    fn read(_: &'static str, entry: &Properties<'_>) -> Result<Option<Self>, String> {
        severities(entry)
    }
}

fn fields(element: &str) -> Schema {
    json_schema!({
        "type": ["object", "null"],
        "minProperties": 1,
        "propertyNames": {"format": "pve-notification-field"},
        "additionalProperties": {
            "type": "array", "uniqueItems": true, "minItems": 1, "items": {"type": "string", "format": element},
        },
    })
}

impl JsonSchema for FieldValues {
    fn schema_name() -> Cow<'static, str> {
        "FieldValues".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        fields("pve-notification-field-value")
    }
}

impl JsonSchema for FieldPatterns {
    fn schema_name() -> Cow<'static, str> {
        "FieldPatterns".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        fields("pve-notification-pattern")
    }
}
