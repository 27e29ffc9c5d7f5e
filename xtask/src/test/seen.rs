//! The results in the lines of `cargo test`, summed up.

use std::collections::BTreeSet;
use std::io::{self, Write};

use crate::Outcome;

/// Tests that were run, and those that were not.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Seen {
    passed: u64,
    failed: u64,
    ignored: u64,
    /// Reason and name.
    skipped: BTreeSet<(String, String)>,
    /// Reason and name of those that need what few machines have.
    not_run_here: BTreeSet<(String, String)>,
    /// Those of all these that the test runner takes for passed.
    returned: BTreeSet<String>,
}

impl Seen {
    /// Adds a line such as `test result: ok. 12 passed; 0 failed; 1 ignored; …`, `test a::b ... ignored, WHY`,
    /// `skipped a::b: WHY` or `not run here a::b: WHY`; other lines are skipped.
    pub fn add(&mut self, line: &str) {
        if let Some(counts) = line.strip_prefix("test result: ") {
            return self.add_counts(counts);
        }
        let ignored = line.strip_prefix("test ").and_then(|line| line.split_once(" ... ignored"));
        if let Some((name, reason)) = ignored {
            self.skipped.insert((reason.trim_start_matches(", ").to_owned(), name.to_owned()));
        } else if let Some((name, reason)) = line.strip_prefix("skipped ").and_then(|line| line.split_once(": ")) {
            self.skipped.insert((reason.to_owned(), name.to_owned()));
            // One test may say it of several clusters.
            self.returned.insert(name.to_owned());
        } else if let Some((name, reason)) = line.strip_prefix("not run here ").and_then(|line| line.split_once(": ")) {
            self.not_run_here.insert((reason.to_owned(), name.to_owned()));
            self.returned.insert(name.to_owned());
        }
    }

    fn add_counts(&mut self, counts: &str) {
        for part in counts.split(['.', ';']) {
            let mut words = part.split_whitespace();
            let (Some(count), Some(what)) = (words.next().and_then(|n| n.parse::<u64>().ok()), words.next()) else {
                continue;
            };
            match what {
                "passed" => self.passed += count,
                "failed" => self.failed += count,
                "ignored" => self.ignored += count,
                _ => {}
            }
        }
    }

    /// Says what was skipped, by reason, and how many were not.
    ///
    /// # Errors
    /// `to` can't be written to.
    pub fn print(&self, to: &mut impl Write) -> io::Result<()> {
        for (what, tests) in [("skipped", &self.skipped), ("not run here", &self.not_run_here)] {
            let mut last = None;
            for (reason, name) in tests {
                if last != Some(reason) {
                    writeln!(to, "{what}: {reason}")?;
                    last = Some(reason);
                }
                writeln!(to, "  {name}")?;
            }
        }
        let Self { failed, skipped, not_run_here, .. } = self;
        let passed = self.passed.saturating_sub(self.returned.len() as u64);
        write!(to, "tests: {passed} passed, {failed} failed, {} skipped", skipped.len())?;
        if not_run_here.is_empty() { writeln!(to) } else { writeln!(to, ", {} not run here", not_run_here.len()) }
    }

    /// # Errors
    /// A test was skipped.
    pub fn complete(&self) -> Outcome {
        match self.skipped.len() {
            0 if self.ignored == 0 => Ok(()),
            skipped => Err(format!("{} tests were skipped", (skipped as u64).max(self.ignored)).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(lines: &[&str]) -> Seen {
        let mut seen = Seen::default();
        lines.iter().for_each(|line| seen.add(line));
        seen
    }

    const RESULT: &str =
        "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.32s";

    #[test]
    fn cargos_results_add_up() {
        let failed =
            "test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.32s";
        let seen = seen(&[RESULT, "test a::b ... ok", "test a::c ... FAILED", failed]);
        assert_eq!((seen.passed, seen.failed, seen.ignored), (13, 2, 1));
    }

    #[test]
    fn skipped_tests_are_listed_at_the_end_and_did_not_pass() {
        let seen = seen(&[
            "skipped acceptance::tls: needs the control plane of an emulator",
            "skipped acceptance::tls: needs the control plane of an emulator",
            "test acceptance::tls ... ok",
            "test logins::a ... ignored, OpenSSH is not installed",
            RESULT,
        ]);
        let mut text = Vec::new();
        seen.print(&mut text).unwrap();
        assert_eq!(
            String::from_utf8(text).unwrap(),
            "skipped: OpenSSH is not installed\n  logins::a\n\
             skipped: needs the control plane of an emulator\n  acceptance::tls\n\
             tests: 11 passed, 0 failed, 2 skipped\n"
        );
        assert_eq!(seen.complete().unwrap_err().to_string(), "2 tests were skipped");
    }

    #[test]
    fn tests_of_what_few_machines_have_are_listed_apart() {
        let line = "not run here actions::a: needs Terraform 1.14 or later";
        let seen =
            seen(&["test actions::a ... ok", line, "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured"]);
        let mut text = Vec::new();
        seen.print(&mut text).unwrap();
        assert_eq!(
            String::from_utf8(text).unwrap(),
            "not run here: needs Terraform 1.14 or later\n  actions::a\n\
             tests: 2 passed, 0 failed, 0 skipped, 1 not run here\n"
        );
        assert!(seen.complete().is_ok());
    }

    #[test]
    fn only_a_complete_run_passes_where_none_may_be_skipped() {
        let all = "test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 3 filtered out; finished in 0.32s";
        assert!(seen(&[all]).complete().is_ok());
        assert!(seen(&[RESULT]).complete().is_err());
    }
}
