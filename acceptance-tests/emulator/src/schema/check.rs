//! The check itself: `check_object`, `check_prop` and `check_type` of `PVE::JSONSchema`, in their order.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Map, Value};

use super::{Kind, Params, Prop, Schema};
use crate::error::ApiError;

/// Collected texts per path.
pub(crate) type Errors = BTreeMap<String, String>;

const UNKNOWN: &str = "property is not defined in schema and the schema does not allow additional properties";
const MISSING: &str = "property is missing and it is not optional";

impl Schema {
    /// Checks `raw` and hands back the parameters to read from.
    ///
    /// # Errors
    /// 400 with one text per offending parameter.
    pub fn verify(&self, mut raw: Map<String, Value>) -> Result<Params, ApiError> {
        self.join_lists(&mut raw);
        let mut errors = Errors::new();
        self.check("", &raw, &mut errors);
        if errors.is_empty() { Ok(Params::new(raw)) } else { Err(ApiError::params(errors)) }
    }

    /// An array for a `-list` format is joined by commas; a scalar for an array is wrapped.
    fn join_lists(&self, raw: &mut Map<String, Value>) {
        for (name, value) in raw.iter_mut() {
            let Some(prop) = self.find(name) else {
                continue;
            };
            match (value.is_array(), &prop.kind) {
                (true, Kind::String) if prop.format.as_ref().is_some_and(super::Format::is_list) => {
                    let items = value.as_array().into_iter().flatten();
                    *value = Value::String(items.map(perl_text).collect::<Vec<_>>().join(","));
                }
                // An empty text is false to Perl, and so not wrapped.
                (false, Kind::Array(_)) if !value.is_null() && *value != "" => {
                    *value = Value::Array(vec![value.take()]);
                }
                _ => {}
            }
        }
    }

    pub(crate) fn check(&self, path: &str, value: &Map<String, Value>, errors: &mut Errors) {
        for (name, prop) in &self.props {
            prop.check(value.get(*name), &join(path, name), errors);
        }
        let case = self.case(value);
        for (name, prop) in case.map(|(_, props)| props.as_slice()).unwrap_or_default() {
            let kind = case.map_or("", |(kind, _)| kind);
            prop.check(value.get(*name), &format!("oneOf[{kind}].{name}"), errors);
        }
        for name in value.keys() {
            let typed = case.and_then(|(_, props)| props.iter().find(|(n, _)| n == name));
            match self.props.iter().find(|(n, _)| n == name).or(typed) {
                Some((_, prop)) => {
                    if let Some(required) = prop.requires
                        && value.get(required).is_none_or(Value::is_null)
                    {
                        let text = format!("missing property required by '{}'", join(path, name));
                        add(errors, &join(path, required), text);
                    }
                }
                None => add(errors, &join(path, name), UNKNOWN.into()),
            }
        }
    }

    fn case(&self, value: &Map<String, Value>) -> Option<&(&'static str, Vec<(&'static str, Prop)>)> {
        let variants = self.variants.as_ref()?;
        let chosen = value.get(variants.key)?.as_str()?;
        variants.cases.iter().find(|(name, _)| *name == chosen)
    }
}

impl Prop {
    pub(crate) fn check(&self, value: Option<&Value>, path: &str, errors: &mut Errors) {
        let Some(value) = value.filter(|v| !v.is_null()) else {
            if !self.optional {
                add(errors, path, MISSING.into());
            }
            return;
        };
        if let Err(text) = self.check_type(value) {
            return add(errors, path, text);
        }
        if let (Kind::Array(items), Value::Array(values)) = (&self.kind, value) {
            for (i, value) in values.iter().enumerate() {
                items.check(Some(value), &format!("{path}[{i}]"), errors);
            }
            return;
        }
        if let Err(text) = self.check_scalar(&perl_text(value), path) {
            add(errors, path, text);
        }
    }

    fn check_type(&self, value: &Value) -> Result<(), String> {
        let name = self.kind.name();
        let fail = |got: &str| Err(format!("type check ('{name}') failed - got {got}"));
        match (&self.kind, value) {
            (Kind::Array(_), Value::Array(_)) | (Kind::Boolean, Value::Bool(_)) => Ok(()),
            (Kind::Array(_), _) => Err(format!("type check ('{name}') failed")),
            (_, Value::Array(_)) => fail("ARRAY"),
            (_, Value::Object(_)) => fail("HASH"),
            (_, Value::Bool(_)) => fail("JSON::PP::Boolean"),
            (kind, scalar) => {
                let text = perl_text(scalar);
                let ok = match kind {
                    Kind::Boolean => text == "0" || text == "1",
                    Kind::Integer => is_integer(&text),
                    Kind::Number => is_number(&text),
                    Kind::String | Kind::Array(_) => true,
                };
                if ok { Ok(()) } else { fail(&format!("'{text}'")) }
            }
        }
    }

    fn check_scalar(&self, text: &str, path: &str) -> Result<(), String> {
        if let Some(format) = &self.format {
            format.check(text, path).map_err(|text| format!("invalid format - {text}"))?;
        }
        if self.pattern.as_ref().is_some_and(|pattern| !pattern.is_match(text)) {
            return Err("value does not match the regex pattern".into());
        }
        let length = text.chars().count();
        if let Some(max) = self.max_length.filter(|max| length > *max) {
            return Err(format!("value may only be {max} characters long"));
        }
        if let Some(min) = self.min_length.filter(|min| length < *min) {
            return Err(format!("value must be at least {min} characters long"));
        }
        if is_number(text) {
            let number: f64 = text.trim_end().trim_start_matches('+').parse().unwrap_or(0.0);
            if let Some(max) = self.maximum.filter(|max| number > *max) {
                return Err(format!("value must have a maximum value of {max}"));
            }
            if let Some(min) = self.minimum.filter(|min| number < *min) {
                return Err(format!("value must have a minimum value of {min}"));
            }
        }
        match &self.choices {
            Some(words) if !words.contains(&text) => {
                Err(format!("value '{text}' does not have a value in the enumeration '{}'", words.join(", ")))
            }
            _ => Ok(()),
        }
    }
}

/// `is_integer` of `PVE::JSONSchema`.
#[must_use]
pub fn is_integer(text: &str) -> bool {
    static INTEGER: LazyLock<Regex> = LazyLock::new(|| regex(r"^[+-]?[0-9]+\n?$"));
    INTEGER.is_match(text)
}

/// `is_number` of `PVE::JSONSchema`.
#[must_use]
pub fn is_number(text: &str) -> bool {
    static NUMBER: LazyLock<Regex> =
        LazyLock::new(|| regex(r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([Ee][+-]?[0-9]+)?\n?$"));
    NUMBER.is_match(text)
}

/// A scalar as Perl prints it.
#[must_use]
pub fn perl_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(flag) => (if *flag { "1" } else { "0" }).into(),
        Value::Null => String::new(),
        Value::Number(number) => super::perl::print(number),
        other => other.to_string(),
    }
}

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a literal pattern")
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.into() } else { format!("{path}.{name}") }
}

/// Several texts for one path are joined by a literal backslash and `n`, as `add_error` does.
fn add(errors: &mut Errors, path: &str, text: String) {
    let path = if path.is_empty() { "_root" } else { path };
    errors
        .entry(path.into())
        .and_modify(|old| {
            old.push_str("\\n");
            old.push_str(&text);
        })
        .or_insert(text);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn errors(schema: &Schema, raw: Value) -> Value {
        let Value::Object(raw) = raw else { panic!("an object") };
        schema.verify(raw).err().map_or(Value::Null, |e| json!(e.errors))
    }

    #[test]
    fn types_are_refused_in_proxmox_words() {
        let schema =
            Schema::new().req("n", Prop::integer().min(1.0)).opt("b", Prop::boolean()).opt("s", Prop::string());
        assert_eq!(errors(&schema, json!({})), json!({"n": MISSING}));
        assert_eq!(errors(&schema, json!({"n": "+3", "b": true, "s": 1})), Value::Null);
        assert_eq!(errors(&schema, json!({"n": "1e2"})), json!({"n": "type check ('integer') failed - got '1e2'"}));
        assert_eq!(
            errors(&schema, json!({"n": true})),
            json!({"n": "type check ('integer') failed - got JSON::PP::Boolean"})
        );
        // What is a whole number in JSON is one to Perl, however it is written.
        assert_eq!(errors(&schema, json!({"n": 100.0})), Value::Null);
        assert_eq!(errors(&schema, json!({"n": 1.5})), json!({"n": "type check ('integer') failed - got '1.5'"}));
        assert_eq!(errors(&schema, json!({"n": 0})), json!({"n": "value must have a minimum value of 1"}));
        assert_eq!(
            errors(&schema, json!({"n": 1, "b": "01"})),
            json!({"b": "type check ('boolean') failed - got '01'"})
        );
        assert_eq!(
            errors(&schema, json!({"n": 1, "s": ["a"]})),
            json!({"s": "type check ('string') failed - got ARRAY"})
        );
        assert_eq!(errors(&schema, json!({"n": 1, "x": "a"})), json!({"x": UNKNOWN}));
    }

    #[test]
    fn typed_properties_are_reported_under_their_case() {
        let schema = Schema::new().req("type", Prop::choice(&["a", "b"])).one_of(
            "type",
            vec![("a", Schema::new().req("x", Prop::boolean())), ("b", Schema::new().opt("y", Prop::string()))],
        );
        assert_eq!(errors(&schema, json!({"type": "a"})), json!({"oneOf[a].x": MISSING}));
        assert_eq!(errors(&schema, json!({"type": "b", "x": "1"})), json!({"x": UNKNOWN}));
        assert_eq!(errors(&schema, json!({"x": "1"})), json!({"type": MISSING, "x": UNKNOWN}));
    }

    #[test]
    fn several_texts_for_one_key_are_joined_by_a_backslash_n() {
        let schema = Schema::new().req("a", Prop::string()).opt("b", Prop::string().requires("a"));
        assert_eq!(
            errors(&schema, json!({"b": "1"})),
            json!({"a": format!("{MISSING}\\nmissing property required by 'b'")})
        );
    }
}
