//! The report for CI: a test suite for each cluster, a test case for each check and for each failure.

use maud::{Markup, PreEscaped, html};
use pve_schemas::data::failover_simulation::Scenario;
use pve_schemas::data::readiness::{Check, Level, Status};

use super::model::{Cluster, Report};

/// The check that demands that every failure is survived.
const FAILOVER: &str = "failover";

/// How a test case ended, with the reason.
enum Outcome {
    Passed,
    /// It decides the verdict.
    Failed(String),
    /// It could not be decided, and the verdict depends on it.
    Error(String),
    /// It does not apply, or is advice.
    Skipped(String),
}

struct Case {
    name: String,
    outcome: Outcome,
}

pub(super) fn render(report: &Report) -> String {
    let suites: Vec<(&Cluster, Vec<Case>)> = report.clusters.iter().map(|cluster| (cluster, cases(cluster))).collect();
    let markup = html! {
        (PreEscaped("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"))
        testsuites { @for (cluster, cases) in &suites { (suite(&cluster.name, cases)) } }
    };
    markup.into_string()
}

fn suite(name: &str, cases: &[Case]) -> Markup {
    let count = |is: fn(&Outcome) -> bool| cases.iter().filter(|case| is(&case.outcome)).count();
    let failures = count(|outcome| matches!(outcome, Outcome::Failed(_)));
    let errors = count(|outcome| matches!(outcome, Outcome::Error(_)));
    let skipped = count(|outcome| matches!(outcome, Outcome::Skipped(_)));
    let name = plain(name);
    html! {
        testsuite name=(name) tests=(cases.len()) failures=(failures) errors=(errors) skipped=(skipped) {
            @for case in cases {
                testcase classname=(name) name=(plain(&case.name)) {
                    @match &case.outcome {
                        Outcome::Passed => {}
                        Outcome::Failed(why) => { failure message=(plain(why)) {} }
                        Outcome::Error(why) => { error message=(plain(why)) {} }
                        Outcome::Skipped(why) => { skipped message=(plain(why)) {} }
                    }
                }
            }
        }
    }
}

fn cases(cluster: &Cluster) -> Vec<Case> {
    let error = cluster.error.as_ref().map(|error| format!("{}: {}", error.summary, error.detail));
    let read =
        Case { name: "the cluster can be read".to_owned(), outcome: error.map_or(Outcome::Passed, Outcome::Error) };
    let facts = cluster.facts.iter();
    let checked = facts.flat_map(|facts| {
        let checks = &facts.readiness.checks;
        let decides = checks.iter().any(|check| check.id == FAILOVER && check.level == Level::Mandatory);
        let failures = facts.failover.scenarios.iter().map(move |scenario| failure(scenario, decides));
        checks.iter().map(check).chain(failures)
    });
    std::iter::once(read).chain(checked).collect()
}

fn check(check: &Check) -> Case {
    let why = match &check.remedy {
        Some(remedy) => format!("{}. {remedy}", check.detail),
        None => check.detail.clone(),
    };
    let outcome = match (check.status, check.level) {
        (Status::Pass, _) => Outcome::Passed,
        (Status::Fail, Level::Mandatory) => Outcome::Failed(why),
        (Status::Unknown, Level::Mandatory) => Outcome::Error(why),
        (Status::Fail, Level::Recommended) => Outcome::Skipped(format!("recommended, failed: {why}")),
        (Status::Unknown, Level::Recommended) => Outcome::Skipped(format!("recommended, unknown: {why}")),
        (Status::Skipped, _) => Outcome::Skipped(why),
    };
    Case { name: format!("{}: {}", check.id, check.title), outcome }
}

fn failure(scenario: &Scenario, decides: bool) -> Case {
    let why = scenario.problems.join("\n");
    let outcome = match (scenario.survived, decides) {
        (true, _) => Outcome::Passed,
        (false, true) => Outcome::Failed(why),
        (false, false) => Outcome::Skipped(format!("not survived, and not mandatory: {why}")),
    };
    Case { name: format!("the failure of {} is survived", scenario.name), outcome }
}

/// Without the characters that XML can't have.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_decides_the_verdict_fails() {
        let element = |level, status| {
            let check = self::check(&Check {
                id: "quorum".into(),
                title: "Quorum".into(),
                level,
                status,
                detail: "1 < 2 \"votes\" & no\u{7}".into(),
                remedy: Some("Wait".into()),
            });
            let xml = suite("a", &[check]).into_string();
            assert!(!xml.contains('\u{7}') && !xml.contains("1 < 2"), "{xml}");
            ["<failure ", "<error ", "<skipped "].map(|element| xml.contains(element))
        };
        use {Level::*, Status::*};
        assert_eq!(element(Mandatory, Pass), [false, false, false]);
        assert_eq!(element(Mandatory, Fail), [true, false, false]);
        assert_eq!(element(Mandatory, Unknown), [false, true, false]);
        for status in [Fail, Unknown, Skipped] {
            assert_eq!(element(Recommended, status), [false, false, true]);
        }
    }
}
