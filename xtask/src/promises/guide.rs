//! The table of promises in the guide on reliability, made from a run of their tests.

use std::process::Command;
use std::time::{Duration, Instant};

use super::table::{PROMISES, Promise, Target};
use crate::{Outcome, Workspace};

/// The guide, and where its table is.
pub const GUIDE: &str = "docs/guides/reliability.md";
const BEGIN: &str = "<!-- begin: cargo xtask promises --guide -->\n";
const END: &str = "<!-- end -->\n";

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// What a run has shown of a promise.
#[derive(Debug, Default, PartialEq, Eq)]
struct Reached {
    passed: usize,
    /// Not run here, such as where no OpenSSH is installed.
    ignored: usize,
    /// What the tests have counted, in their own words.
    counted: Vec<String>,
}

/// Runs the tests of all promises, and writes the table.
///
/// # Errors
/// A test fails, or the guide has no place for the table.
pub fn write(workspace: &Workspace, full: bool, repeated: Option<(u32, Duration)>) -> Outcome {
    let start = Instant::now();
    let mut rows = String::new();
    for (position, promise) in PROMISES.iter().enumerate() {
        println!("── {}", promise.promise);
        let reached = reached(workspace, promise, full)?;
        let figure = match (position + 1, repeated) {
            (19, _) => supply_chain(workspace)?,
            (20, Some((runs, took))) => {
                format!(
                    "{runs} runs of the whole suite, 0 failures, {:.0} s each",
                    took.as_secs_f64() / f64::from(runs)
                )
            }
            (20, None) => "not measured in this run".to_owned(),
            _ => reached.figure(),
        };
        rows.push_str(&row(position + 1, promise, &figure));
    }
    let kind = if full { "with `--full`" } else { "of the samples that the suite runs" };
    let text = format!(
        "{BEGIN}\n| # | promise | proof | tests | reached |\n|---|---|---|---|---|\n{rows}\nFrom a run {kind}, which took {:.0} s.\n\n{END}",
        start.elapsed().as_secs_f64()
    );
    let guide = workspace.text(GUIDE)?.unwrap_or_default();
    std::fs::write(workspace.path(GUIDE), placed(&guide, &text).ok_or("the guide has no place for the table")?)?;
    Ok(())
}

fn row(number: usize, promise: &Promise, figure: &str) -> String {
    let tests: Vec<String> = promise.tests.iter().map(|test| format!("`{}`", test.1)).collect();
    format!("| {number} | {} | {} | {} | {figure} |\n", promise.promise, promise.proof, tests.join(", "))
}

/// The guide with `table` in the place of the one that it has.
fn placed(guide: &str, table: &str) -> Option<String> {
    let (before, rest) = guide.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{table}{after}"))
}

fn reached(workspace: &Workspace, promise: &Promise, full: bool) -> Result<Reached> {
    let mut reached = Reached::default();
    for target in [Target::Acceptance, Target::Ssh, Target::Library, Target::Protocol] {
        let names: Vec<&str> = promise.tests.iter().filter(|test| test.0 == target).map(|test| test.1).collect();
        if names.is_empty() {
            continue;
        }
        let mut cargo = Command::new("cargo");
        cargo.arg("test").args(target.arguments()).args(["--", "--exact", "--nocapture"]).args(&names);
        if full {
            cargo.env(acceptance_tests::promise::VARIABLE, "full");
        }
        let output = cargo.current_dir(workspace.root()).output()?;
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        if !output.status.success() {
            return Err(format!("a test of {names:?} fails:\n{said}").into());
        }
        let found = Reached::parse(&said);
        if found.passed + found.ignored != names.len() {
            return Err(format!("of {names:?} only {} ran: one of them does not exist", found.passed).into());
        }
        reached.add(found);
    }
    Ok(reached)
}

impl Reached {
    fn parse(said: &str) -> Self {
        let count = |word: &str| {
            said.lines()
                .filter_map(|line| line.strip_prefix("test result: ok. "))
                .flat_map(|line| line.split([';', '.']))
                .filter_map(|part| part.trim().strip_suffix(word)?.trim().parse::<usize>().ok())
                .sum()
        };
        let is_figure = |line: &&str| line.starts_with(|c: char| c.is_ascii_digit()) && line.contains(": ");
        let counted = said.lines().filter(is_figure).map(str::to_owned).collect();
        Self { passed: count("passed"), ignored: count("ignored"), counted }
    }

    fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.ignored += other.ignored;
        self.counted.extend(other.counted);
    }

    fn figure(&self) -> String {
        let all = self.passed + self.ignored;
        let tests = if all == 1 { "test" } else { "tests" };
        let mut parts = vec![format!("{} of {all} {tests} passed", self.passed)];
        parts.extend(self.counted.iter().cloned());
        parts.join("; ")
    }
}

fn supply_chain(workspace: &Workspace) -> Result<String> {
    let arguments = ["deny", "--log-level", "error", "--locked", "check", "bans", "licenses", "sources"];
    let status = Command::new("cargo").args(arguments).current_dir(workspace.root()).status()?;
    if status.success() {
        Ok("bans, licenses, sources: ok".to_owned())
    } else {
        Err(format!("cargo deny: {status}").into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_counted_with_the_words_of_its_tests() {
        let said = "running 2 tests\n644 faults: 0 objects lost, 0 doubled, all converged\ntest a::b ... ok\n\ntest result: ok. 2 \
                    passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 1.00s\n";
        let reached = Reached::parse(said);
        assert_eq!((reached.passed, reached.ignored), (2, 1));
        assert_eq!(reached.figure(), "2 of 3 tests passed; 644 faults: 0 objects lost, 0 doubled, all converged");
    }

    #[test]
    fn the_table_takes_the_place_of_the_one_before() {
        let guide = format!("a\n{BEGIN}old\n{END}b\n");
        assert_eq!(placed(&guide, "new\n").as_deref(), Some("a\nnew\nb\n"));
        assert_eq!(placed("a", "new"), None);
    }
}
