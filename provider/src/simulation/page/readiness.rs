//! The readiness checks: what blocks production first, what passed folded away.

use maud::{Markup, html};
use pve_schemas::data::readiness::{Check, Level, Status};

use super::Place;
use super::prose::Prose;
use crate::words::{by, counted};

/// The checks by what they mean for the verdict.
pub(super) struct Tally<'a> {
    mandatory: Open<'a>,
    recommended: Open<'a>,
    passed: Vec<&'a Check>,
    skipped: Vec<&'a Check>,
}

/// The checks of a level that did not pass.
#[derive(Default)]
struct Open<'a> {
    failed: Vec<&'a Check>,
    unknown: Vec<&'a Check>,
}

impl<'a> Tally<'a> {
    pub(super) fn of(checks: &'a [Check]) -> Self {
        let mut tally =
            Self { mandatory: Open::default(), recommended: Open::default(), passed: Vec::new(), skipped: Vec::new() };
        for check in checks {
            let open = match check.level {
                Level::Mandatory => &mut tally.mandatory,
                Level::Recommended => &mut tally.recommended,
            };
            match check.status {
                Status::Pass => tally.passed.push(check),
                Status::Skipped => tally.skipped.push(check),
                Status::Fail => open.failed.push(check),
                Status::Unknown => open.unknown.push(check),
            }
        }
        tally
    }

    pub(super) fn is_empty(&self) -> bool {
        self.mandatory.is_empty() && self.recommended.is_empty() && self.passed.is_empty() && self.skipped.is_empty()
    }

    /// Whether the cluster is ready for production, as `ready` of the data source has it.
    pub(super) fn verdict(&self) -> String {
        let checks = |count: usize| counted(count, "mandatory check");
        let are = by(&self.mandatory.unknown.len(), "is", "are");
        match (self.mandatory.failed.len(), self.mandatory.unknown.len()) {
            (0, 0) => "Ready: no mandatory check failed".to_owned(),
            (failed, 0) => format!("Not ready: {} failed", checks(failed)),
            (0, unknown) => format!("Not ready: {} {are} unknown", checks(unknown)),
            (failed, unknown) => format!("Not ready: {} failed, {unknown} {are} unknown", checks(failed)),
        }
    }

    /// The recommended checks that failed, which change nothing about the verdict; none if all passed.
    pub(super) fn advice(&self) -> Option<String> {
        let failed = self.recommended.failed.len();
        (failed > 0).then(|| format!("{} failed", counted(failed, "recommended check")))
    }

    /// Whether every mandatory check has passed or does not apply.
    pub(super) fn is_ready(&self) -> bool {
        self.mandatory.is_empty()
    }

    pub(super) fn class(&self) -> &'static str {
        if self.is_ready() { "ready good" } else { "ready bad" }
    }
}

impl Open<'_> {
    fn is_empty(&self) -> bool {
        self.failed.is_empty() && self.unknown.is_empty()
    }

    /// `4 failed, 1 unknown`.
    fn counts(&self) -> String {
        let counts = [(self.failed.len(), "failed"), (self.unknown.len(), "unknown")];
        let counts = counts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}"));
        counts.collect::<Vec<_>>().join(", ")
    }
}

pub(super) fn render(place: Place, tally: &Tally<'_>) -> Markup {
    html! {
        @if !tally.is_empty() {
            section id=(place.id("readiness")) {
                h2 { "Readiness" }
                p class=(tally.class()) { (tally.verdict()) }
                (open("mandatory", "Mandatory", &tally.mandatory))
                (open("recommended", "Recommended", &tally.recommended))
                (folded(&tally.passed, "passed", "✓ passed", ["check passed", "checks passed"]))
                (folded(&tally.skipped, "skipped", "– skipped", ["check does not apply", "checks do not apply"]))
            }
        }
    }
}

fn open(class: &str, title: &str, open: &Open<'_>) -> Markup {
    html! {
        @if !open.is_empty() {
            h3 { (title) ": " (open.counts()) }
            ol class={ "checks " (class) } {
                @for check in &open.failed { (item(check, "failed", "✕ failed")) }
                @for check in &open.unknown { (item(check, "unknown", "? unknown")) }
            }
        }
    }
}

fn folded(checks: &[&Check], class: &str, mark: &str, [one, many]: [&str; 2]) -> Markup {
    html! {
        @if !checks.is_empty() {
            details {
                summary { (checks.len()) " " (by(&checks.len(), one, many)) }
                ol class="checks" { @for check in checks { (item(check, class, mark)) } }
            }
        }
    }
}

fn item(check: &Check, class: &str, mark: &str) -> Markup {
    html! {
        li class=(class) {
            span class="chip" { (mark) }
            div {
                h4 { (check.title) }
                p { (Prose(&check.detail)) }
                @if let Some(remedy) = &check.remedy { p class="remedy" { (Prose(remedy)) } }
            }
        }
    }
}
