//! The statements of `match-field`: `exact:FIELD=VALUE,VALUE` and `regex:FIELD=PATTERN`.

use std::collections::BTreeSet;

use regex::Regex;

use super::event::Event;
use crate::value::Malformed;

/// A condition on a field of an event. An event without the field does not meet it.
#[derive(Debug, Clone)]
pub enum FieldFilter {
    /// The field has one of these values.
    Exact(String, BTreeSet<String>),
    /// The pattern is found in the field.
    Pattern(String, Regex),
}

impl FieldFilter {
    /// The filter of a statement as Proxmox returns it.
    ///
    /// # Errors
    /// Says what Proxmox would refuse.
    pub fn parse(statement: &str) -> Result<Self, Malformed> {
        let demand = || Malformed(format!("{statement:?} must be exact:FIELD=VALUES or regex:FIELD=PATTERN"));
        let (kind, rest) = statement.split_once(':').ok_or_else(demand)?;
        let (field, value) = rest.split_once('=').filter(|(field, _)| !field.is_empty()).ok_or_else(demand)?;
        match kind {
            "exact" => Ok(Self::Exact(field.to_owned(), value.split(',').map(|one| one.trim().to_owned()).collect())),
            "regex" => Ok(Self::Pattern(field.to_owned(), pattern(value)?)),
            _ => Err(demand()),
        }
    }

    /// The name of the field.
    #[must_use]
    pub fn field(&self) -> &str {
        match self {
            Self::Exact(field, _) | Self::Pattern(field, _) => field,
        }
    }

    /// Whether `event` meets it.
    #[must_use]
    pub fn matches(&self, event: &Event) -> bool {
        let Some(value) = event.field(self.field()) else { return false };
        match self {
            Self::Exact(_, values) => values.contains(value),
            Self::Pattern(_, pattern) => pattern.is_match(value),
        }
    }
}

/// A pattern of the Rust regex crate, which Proxmox uses, too.
///
/// # Errors
/// Says where the pattern is wrong.
pub fn pattern(text: &str) -> Result<Regex, Malformed> {
    Regex::new(text).map_err(|error| {
        let all = error.to_string();
        let last = all.lines().last().unwrap_or_default().trim_start_matches("error: ");
        Malformed(format!("is not a regular expression: {last}"))
    })
}

#[cfg(test)]
mod tests {
    use super::super::event::{EventType, Severity};
    use super::*;

    #[test]
    fn statements_are_read_as_proxmox_reads_them() {
        let event = Event::new(EventType::Fencing, Severity::Error, "pve2");
        let matches = |statement: &str| FieldFilter::parse(statement).unwrap().matches(&event);
        assert!(matches("exact:type=fencing,replication") && matches("exact:hostname= pve1 , pve2 "));
        assert!(!matches("exact:type=") && !matches("exact:job-id=100-0") && !matches("exact:type=fenc"));
        assert!(matches("regex:hostname=ve[0-9]$") && matches("regex:hostname=") && !matches("regex:hostname=^ve"));
        assert!(!matches("regex:job-id=.*") && !matches("exact:a=b=c"));
        for bad in ["", "exact:=x", "type=fencing", "glob:type=f*", "exact:type", "regex:hostname=["] {
            assert!(FieldFilter::parse(bad).is_err(), "{bad}");
        }
    }
}
