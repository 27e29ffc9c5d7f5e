//! The conditions of a matcher: as Proxmox keeps them, statements in lists; as a configuration has them, maps and sets.
//!
//! Statements of one kind about one field are combined, so that a matcher has one form however it was written: Proxmox's
//! `mode` says whether an event has to meet all of them or one.

use std::collections::{BTreeMap, BTreeSet};

use super::event::Severity;
use super::filter::FieldFilter;
use super::routing::Mode;

/// The conditions of a matcher.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conditions {
    /// The values that a field may have.
    pub fields: BTreeMap<String, BTreeSet<String>>,
    /// The patterns of a field: each is a condition.
    pub patterns: BTreeMap<String, BTreeSet<String>>,
    /// The severities, if there is a condition on them.
    pub severities: Option<BTreeSet<Severity>>,
    /// The hours: each is a condition.
    pub calendar: BTreeSet<String>,
}

impl Conditions {
    /// The conditions of an entry's `match-field`, `match-severity` and `match-calendar`.
    ///
    /// # Errors
    /// Says which statement has an unexpected form.
    pub fn parse(mode: Mode, fields: &[String], severities: &[String], calendar: &[String]) -> Result<Self, String> {
        let mut conditions = Self { calendar: calendar.iter().cloned().collect(), ..Self::default() };
        for statement in fields {
            match FieldFilter::parse(statement).map_err(|problem| problem.0)? {
                FieldFilter::Exact(field, values) => {
                    let combined = match conditions.fields.remove(&field) {
                        Some(known) => combine(mode, known, values),
                        None => values,
                    };
                    conditions.fields.insert(field, combined);
                }
                FieldFilter::Pattern(field, pattern) => {
                    conditions.patterns.entry(field).or_default().insert(pattern.as_str().to_owned());
                }
            }
        }
        for list in severities {
            let list = list.split(',').map(|one| severity(one.trim())).collect::<Result<BTreeSet<_>, _>>()?;
            conditions.severities = Some(match conditions.severities.take() {
                Some(known) => combine(mode, known, list),
                None => list,
            });
        }
        Ok(conditions)
    }

    /// The statements of `match-field`.
    #[must_use]
    pub fn field_statements(&self) -> Vec<String> {
        let exact = self.fields.iter().map(|(field, values)| {
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            format!("exact:{field}={}", values.join(","))
        });
        let patterns = self.patterns.iter();
        let patterns = patterns.flat_map(|(field, all)| all.iter().map(move |one| format!("regex:{field}={one}")));
        exact.chain(patterns).collect()
    }

    /// The statement of `match-severity`.
    #[must_use]
    pub fn severity_statement(&self) -> Option<String> {
        let list = self.severities.as_ref()?;
        Some(list.iter().map(|severity| severity.as_str()).collect::<Vec<_>>().join(","))
    }
}

fn combine<T: Ord + Clone>(mode: Mode, a: BTreeSet<T>, b: BTreeSet<T>) -> BTreeSet<T> {
    match mode {
        Mode::All => a.intersection(&b).cloned().collect(),
        Mode::Any => a.union(&b).cloned().collect(),
    }
}

fn severity(text: &str) -> Result<Severity, String> {
    let found = Severity::ALL.into_iter().find(|severity| severity.as_str() == text);
    found.ok_or_else(|| format!("match-severity: unknown severity {text:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    fn parse(mode: Mode, fields: &[&str], severities: &[&str]) -> Conditions {
        Conditions::parse(mode, &texts(fields), &texts(severities), &[]).unwrap()
    }

    #[test]
    fn statements_come_back_as_they_were() {
        let statements = ["exact:hostname=pve1,pve2", "exact:type=fencing", "regex:job-id=^a=b", "regex:job-id=x"];
        let conditions = parse(Mode::All, &statements, &["error,warning"]);
        assert_eq!(conditions.field_statements(), statements);
        assert_eq!(conditions.severity_statement().as_deref(), Some("warning,error"));
        assert_eq!(parse(Mode::All, &statements, &["warning,error"]), conditions);
    }

    #[test]
    fn several_statements_about_a_field_are_combined_by_the_mode() {
        let statements = ["exact:type=fencing,vzdump", "exact:type=fencing,replication"];
        let values = |mode| parse(mode, &statements, &["error,info", "error"]);
        assert_eq!(values(Mode::All).field_statements(), ["exact:type=fencing"]);
        assert_eq!(values(Mode::All).severity_statement().as_deref(), Some("error"));
        assert_eq!(values(Mode::Any).field_statements(), ["exact:type=fencing,replication,vzdump"]);
        assert_eq!(values(Mode::Any).severity_statement().as_deref(), Some("info,error"));
    }

    #[test]
    fn a_severity_of_a_later_release_is_an_error() {
        assert!(Conditions::parse(Mode::All, &[], &texts(&["error,critical"]), &[]).is_err());
    }
}
