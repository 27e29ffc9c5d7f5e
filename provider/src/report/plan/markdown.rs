//! The comparison as Markdown, for a pull request.

use std::fmt::Write as _;

use super::super::model::Verdict;
use super::comparison::{Comparison, Failure, Survival};
use crate::simulation::plain;
use crate::words::by;

/// So many lines of a list are written out; the rest is counted.
const MAX_LINES: usize = 50;

pub(in super::super) fn render(comparison: &Comparison) -> String {
    let mut text = format!("## What this plan does to failover on {}\n\n", plain(&comparison.cluster));
    if let Some(error) = &comparison.error {
        let _ = writeln!(text, "**Undecided.** {}: {}", plain(&error.summary), plain(&error.detail));
        return text;
    }
    let _ = write!(text, "**{}**\n\n", headline(comparison));
    let failures = || comparison.failures.iter();
    list(&mut text, "After it", failures().flat_map(|failure| &failure.worse).map(|line| plain(line)));
    let unmanaged = comparison.unmanaged.iter().map(|sid| format!("{sid} is no HA resource: no failure recovers it"));
    list(&mut text, "No longer recovered", unmanaged);
    list(&mut text, "Better than before", failures().flat_map(|failure| &failure.better).map(|line| plain(line)));
    let unknown = comparison.unknown.iter().map(|one| format!("`{}`: {}", one.address, one.reason));
    list(&mut text, "Undecided", unknown);
    text.push_str("| Failure | Before | After | Lost before | Lost after |\n|---|---|---|---|---|\n");
    for failure in failures() {
        row(&mut text, failure);
    }
    text.push('\n');
    if comparison.changes.is_empty() {
        text.push_str("The plan changes nothing that failover depends on.\n");
    } else {
        let shown: Vec<&str> = comparison.changes.iter().take(MAX_LINES).map(String::as_str).collect();
        let rest = comparison.changes.len() - shown.len();
        let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
        let _ = writeln!(text, "Simulated: {}{more}.", shown.join(", "));
    }
    let warnings = comparison.warnings.iter().map(|one| format!("{}: {}", plain(&one.summary), plain(&one.detail)));
    list(&mut text, "Incomplete", warnings);
    text.trim_end().to_owned()
}

/// The answer in a sentence.
pub(in super::super) fn headline(comparison: &Comparison) -> String {
    let count =
        |survival, of: fn(&Failure) -> Survival| comparison.failures.iter().filter(|one| of(one) == survival).count();
    let all = comparison.failures.len();
    let (before, after) =
        (count(Survival::NotSurvived, |one| one.before), count(Survival::NotSurvived, |one| one.after));
    let are = by(&after, "is", "are");
    match comparison.verdict {
        Verdict::Ready if before > 0 => {
            format!("After it, all {all} simulated failures are survived; before it, {before} not.")
        }
        Verdict::Ready => format!("All {all} simulated failures are survived, before and after it."),
        Verdict::NotReady if after == before => {
            format!("{after} of {all} simulated failures {are} not survived, before and after it.")
        }
        Verdict::NotReady => {
            format!("After it, {after} of {all} simulated failures {are} not survived; before it, {before}.")
        }
        Verdict::Unknown => format!("It is undecided whether all {all} simulated failures are survived after it."),
    }
}

fn row(text: &mut String, failure: &Failure) {
    let words = |survival| match survival {
        Survival::Survived => "survived",
        Survival::NotSurvived => "**not survived**",
        Survival::Unknown => "undecided",
    };
    let Failure { failed, before, after, lost_before, lost_after, .. } = failure;
    let _ = writeln!(text, "| {failed} | {} | {} | {lost_before} | {lost_after} |", words(*before), words(*after));
}

fn list(text: &mut String, title: &str, lines: impl Iterator<Item = String>) {
    let lines: Vec<String> = lines.collect();
    if lines.is_empty() {
        return;
    }
    let _ = write!(text, "### {title}\n\n");
    for line in lines.iter().take(MAX_LINES) {
        let _ = writeln!(text, "- {line}");
    }
    if lines.len() > MAX_LINES {
        let _ = writeln!(text, "- … and {} more", lines.len() - MAX_LINES);
    }
    text.push('\n');
}
