//! The evidence for CI: a test suite with a test case for each expectation.

use maud::{PreEscaped, html};

use super::super::expected::Expectation;
use super::{Outcome, Record, shown};

/// JUnit's XML, as most CI systems read it.
pub(super) fn render(record: &Record) -> String {
    let failures = record.expectations.iter().filter(|one| one.equal == Some(false)).count();
    let skipped = record.expectations.iter().filter(|one| one.equal.is_none()).count();
    let suite = plain(&format!("drill {}", record.case));
    let is_error = !matches!(record.outcome, Outcome::AsPredicted | Outcome::NotAsPredicted);
    let (tests, errors) = (record.expectations.len() + 1, usize::from(is_error));
    let problem = plain(&record.problems.join("\n"));
    let timestamp = shown(record.started).replace(' ', "T");
    let seconds = (record.ended - record.started).max(0);
    let markup = html! {
        testsuite name=(suite) tests=(tests) failures=(failures) errors=(errors) skipped=(skipped) time=(seconds) timestamp=(timestamp) {
            @for one in &record.expectations {
                (case(&suite, one))
            }
            testcase classname=(suite) name="the drill comes to its end" {
                @if is_error {
                    error message=(record.outcome.words()) { (problem) }
                }
            }
        }
    };
    let head = PreEscaped("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    html! { (head) (markup) }.into_string() + "\n"
}

fn case(suite: &str, one: &Expectation) -> maud::Markup {
    let name = plain(&one.title());
    let found = plain(one.found.as_deref().unwrap_or_default());
    let message = format!("predicted: {}; found: {found}", plain(&one.predicted));
    let why = plain(one.why.as_deref().unwrap_or_default());
    html! {
        testcase classname=(suite) name=(name) {
            @match one.equal {
                Some(true) => {}
                Some(false) => { failure message=(message) { (why) } }
                None => { skipped {} }
            }
        }
    }
}

/// Without the characters that XML can't have.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect()
}

#[cfg(test)]
mod tests {
    use super::super::super::expected::Phase;
    use super::*;

    #[test]
    fn texts_are_escaped_and_each_end_of_an_expectation_has_its_element() {
        let expectation = |equal: Option<bool>| Expectation {
            phase: Phase::Outage,
            subject: "vm:100".to_owned(),
            predicted: "a < \"b\" & c\u{7}".to_owned(),
            why: None,
            found: equal.map(|_| "d".to_owned()),
            equal,
        };
        let elements = [Some(true), Some(false), None].map(|equal| case("s", &expectation(equal)).into_string());
        let name = "name=\"vm:100 a &lt; &quot;b&quot; &amp; c during the outage\"";
        assert!(
            elements.iter().all(|element| element.contains(name) && element.ends_with("</testcase>")),
            "{elements:?}"
        );
        let inner = elements
            .each_ref()
            .map(|element| element.contains("<failure ") as u8 * 2 + element.contains("<skipped>") as u8);
        assert_eq!(inner, [0, 2, 1]);
    }
}
