//! An object in an answer of Proxmox, whose numbers, texts and truth values come in several forms.

use serde_json::Value as Json;

/// An entry of a list, or the object itself.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a>(pub &'a Json);

impl<'a> Entry<'a> {
    /// The member as text; numbers are written out.
    pub fn text(&self, name: &str) -> Option<String> {
        match &self.0[name] {
            Json::String(text) => Some(text.clone()),
            Json::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    /// The member as text that must be there.
    ///
    /// # Errors
    /// Names the missing member.
    pub fn required(&self, name: &str) -> Result<String, String> {
        self.text(name).ok_or_else(|| format!("{name} is missing"))
    }

    /// The member parsed as `T`.
    ///
    /// # Errors
    /// Names the member that can't be parsed.
    pub fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(&self, name: &str) -> Result<Option<T>, String> {
        self.text(name).map(|text| text.parse().map_err(|e| format!("{name} = {text:?}: {e}"))).transpose()
    }

    /// The member as whole number; Proxmox writes numbers as text here and there.
    pub fn integer(&self, name: &str) -> Option<i64> {
        match &self.0[name] {
            Json::Number(number) => number.as_i64(),
            Json::String(text) => text.parse().ok(),
            Json::Bool(value) => Some(i64::from(*value)),
            _ => None,
        }
    }

    /// The member as number.
    pub fn number(&self, name: &str) -> Option<f64> {
        match &self.0[name] {
            Json::Number(number) => number.as_f64(),
            Json::String(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// The member as truth value: 1 and 0 as number or text, or JSON's own.
    pub fn flag(&self, name: &str) -> Option<bool> {
        match &self.0[name] {
            Json::Bool(value) => Some(*value),
            Json::Number(number) => Some(number.as_i64() != Some(0)),
            Json::String(text) => Some(!matches!(text.as_str(), "" | "0")),
            _ => None,
        }
    }

    /// The member as it is.
    pub fn json(&self, name: &str) -> &'a Json {
        &self.0[name]
    }
}
