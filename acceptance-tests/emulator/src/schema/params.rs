//! Parameters that have passed their schema.

use serde_json::{Map, Value};

use super::check::perl_text;

/// Checked parameters, path parameters among them.
#[derive(Clone, Debug, Default)]
pub struct Params(Map<String, Value>);

impl Params {
    pub(crate) fn new(raw: Map<String, Value>) -> Self {
        Self(raw)
    }

    /// Whether the parameter was sent, be it as a JSON null.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The parameter as text; absent and null are `None`.
    #[must_use]
    pub fn str(&self, name: &str) -> Option<String> {
        self.0.get(name).filter(|v| !v.is_null()).map(perl_text)
    }

    /// A parameter the schema requires, as text.
    #[must_use]
    pub fn text(&self, name: &str) -> String {
        self.str(name).unwrap_or_default()
    }

    #[must_use]
    pub fn bool(&self, name: &str) -> Option<bool> {
        self.str(name).map(|text| text == "1")
    }

    /// An integer parameter; one that is too large for 64 bits saturates.
    #[must_use]
    pub fn int(&self, name: &str) -> Option<i64> {
        let text = self.str(name)?;
        let text = text.trim();
        Some(text.trim_start_matches('+').parse().unwrap_or(if text.starts_with('-') { i64::MIN } else { i64::MAX }))
    }

    /// A `-list` or array parameter, split as `split_list` does: at comma, semicolon, blanks and NUL.
    #[must_use]
    pub fn list(&self, name: &str) -> Vec<String> {
        match self.0.get(name) {
            Some(Value::Array(items)) => items.iter().map(perl_text).collect(),
            Some(Value::Null) | None => Vec::new(),
            Some(other) => split_list(&perl_text(other)),
        }
    }

    /// All parameters in the order sent.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(k, v)| (k.as_str(), v))
    }

    /// Sets a parameter, as a handler does with a default.
    pub fn put(&mut self, name: &str, value: Value) {
        self.0.insert(name.to_owned(), value);
    }

    /// Takes a parameter out, as `extract_param` does.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        self.0.shift_remove(name)
    }
}

/// `split_list` of `PVE::Tools`. A vertical tab is a blank to Perl, though not to `is_ascii_whitespace`.
#[must_use]
pub fn split_list(text: &str) -> Vec<String> {
    text.split(|c: char| matches!(c, ',' | ';' | '\0' | ' ' | '\t'..='\r'))
        .filter(|item| !item.is_empty())
        .map(str::to_owned)
        .collect()
}
