//! The rules of matchers: their grammar, and which events they match.

use std::fmt;

use regex::Regex;

use super::calendar::DailyDuration;
use super::event::{Event, Severity};
use super::file::Section;

/// `match-field`
#[derive(Clone, Debug)]
pub(super) enum FieldRule {
    /// The field has one of these values.
    Exact(String, Vec<String>),
    /// The pattern is found in the field's value.
    Pattern(String, Regex),
}

impl FieldRule {
    /// # Errors
    /// The complaint of `proxmox-notify`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let filter = |why: String| format!("could not apply filter: {why}");
        let invalid = || filter(format!("invalid match-field statement: {text}"));
        let (kind, rest) = text.split_once(':').ok_or_else(invalid)?;
        let (field, value) = rest.split_once('=').filter(|(field, _)| !field.is_empty()).ok_or_else(invalid)?;
        match kind {
            "exact" => {
                let values = value.split(',').map(|value| value.trim().to_owned());
                Ok(Self::Exact(field.to_owned(), values.collect()))
            }
            "regex" => {
                let pattern = Regex::new(value).map_err(|why| filter(format!("invalid regex: {why}")))?;
                Ok(Self::Pattern(field.to_owned(), pattern))
            }
            _ => Err(invalid()),
        }
    }

    /// A field that the event lacks never matches.
    fn matches(&self, event: &Event) -> bool {
        match self {
            Self::Exact(field, values) => event.fields.get(field).is_some_and(|value| values.contains(value)),
            Self::Pattern(field, pattern) => event.fields.get(field).is_some_and(|value| pattern.is_match(value)),
        }
    }
}

impl fmt::Display for FieldRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(field, values) => write!(f, "exact:{field}={}", values.join(",")),
            Self::Pattern(field, pattern) => write!(f, "regex:{field}={pattern}"),
        }
    }
}

/// `match-severity`
#[derive(Clone, Debug)]
pub(super) struct Severities(Vec<Severity>);

impl Severities {
    /// # Errors
    /// The complaint of `proxmox-notify`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let one = |word: &str| Severity::parse(word.trim()).ok_or_else(|| format!("invalid severity {}", word.trim()));
        text.split(',').map(one).collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for Severities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<&str> = self.0.iter().map(|severity| severity.as_str()).collect();
        f.write_str(&words.join(","))
    }
}

/// # Errors
/// The complaint of `proxmox-notify`.
pub(super) fn calendar(text: &str) -> Result<DailyDuration, String> {
    DailyDuration::parse(text).map_err(|why| format!("could not parse schedule: {why}"))
}

/// Whether a matcher matches an event. Its mode holds among the rules of one kind and between the kinds.
///
/// # Errors
/// A rule in the file that can't be read.
pub(super) fn matches(matcher: &Section, event: &Event) -> Result<bool, String> {
    let severities = rules(matcher, "match-severity", Severities::parse)?;
    let fields = rules(matcher, "match-field", FieldRule::parse)?;
    let calendars = rules(matcher, "match-calendar", calendar)?;
    let kinds: [Vec<bool>; 3] = [
        severities.iter().map(|rule| rule.0.contains(&event.severity)).collect(),
        fields.iter().map(|rule| rule.matches(event)).collect(),
        calendars.iter().map(|rule| rule.contains(event.time)).collect(),
    ];
    let used: Vec<&Vec<bool>> = kinds.iter().filter(|rules| !rules.is_empty()).collect();
    // Without rules a matcher matches everything, inverted or not.
    if used.is_empty() {
        return Ok(true);
    }
    let any = matcher.text("mode") == Some("any");
    let holds = |rules: &Vec<bool>| if any { rules.contains(&true) } else { !rules.contains(&false) };
    let matched = if any { used.iter().any(|rules| holds(rules)) } else { used.iter().all(|rules| holds(rules)) };
    Ok(matched != matcher.flag("invert-match"))
}

fn rules<T>(matcher: &Section, name: &str, parse: fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    matcher.list(name).iter().map(|text| parse(text)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::notifications::file::File;

    fn is(lines: &str) -> bool {
        let fields =
            [("type", "fencing"), ("hostname", "pve3")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        // Half past nine on a Saturday.
        let time = "2026-11-28T09:30:00Z".parse::<jiff::Timestamp>().unwrap().as_second();
        let event = Event { severity: Severity::Error, fields: fields.into(), time, ..Event::test("x", time) };
        let text = format!("matcher: m\n{}", lines.split(';').map(|line| format!("\t{line}\n")).collect::<String>());
        matches(&File::Public.parse(&text)[0], &event).unwrap()
    }

    #[test]
    fn fields_severities_and_calendars_are_compared() {
        assert!(is("comment without rules") && is("match-severity warning,error") && !is("match-severity info"));
        assert!(is("match-field exact:type=fencing,vzdump") && !is("match-field exact:type=fenc"));
        assert!(is("match-field regex:type=^fenc") && !is("match-field regex:hostname=^pve[12]$"));
        assert!(!is("match-field exact:job-id=") && !is("match-field regex:job-id=.*"), "the event has no such field");
        assert!(is("match-calendar sat 9-10") && !is("match-calendar mon..fri 9-10"));
    }

    #[test]
    fn the_mode_holds_within_and_between_kinds() {
        let two = "match-severity error;match-field exact:type=vzdump";
        assert!(!is(two) && is(&format!("mode any;{two}")));
        let within = "match-field exact:type=fencing;match-field exact:hostname=pve1";
        assert!(!is(within) && is(&format!("mode any;{within}")));
        assert!(!is("mode any;match-severity info;match-calendar mon 9-10"));
    }

    #[test]
    fn an_inverted_matcher_without_rules_matches_all_the_same() {
        assert!(!is("invert-match true;match-severity error") && is("invert-match true;match-severity info"));
        assert!(is("invert-match true"));
    }

    #[test]
    fn rules_have_a_normal_form() {
        let field = |text: &str| FieldRule::parse(text).map(|rule| rule.to_string());
        assert_eq!(field("exact:hostname= pve1 , pve2 ").as_deref(), Ok("exact:hostname=pve1,pve2"));
        assert_eq!(field("exact:a=b=c").as_deref(), Ok("exact:a=b=c"));
        for bad in ["exact:=x", "type=fencing", "glob:type=f*", "exact:type"] {
            let text = format!("could not apply filter: invalid match-field statement: {bad}");
            assert_eq!(field(bad), Err(text));
        }
        let severity = |text: &str| Severities::parse(text).map(|rule| rule.to_string());
        assert_eq!(severity("warning, error").as_deref(), Ok("warning,error"));
        assert_eq!(severity("error,"), Err("invalid severity ".to_owned()));
        assert_eq!(severity("error;info"), Err("invalid severity error;info".to_owned()));
    }
}
