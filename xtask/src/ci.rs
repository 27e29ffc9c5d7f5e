//! `cargo xtask ci`: every check, in one command, each as a newcomer can run it by hand.
//!
//! A failed check doesn't end the run: one run tells everything that is wrong.

mod packages;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::catalogue::Catalogue;
use crate::{Outcome, Workspace, docs, schemas, tidy};

/// Run every check: format, generated files, tidy, clippy, tests, dependencies
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Install what is missing: cargo-deny, while the other checks run, and Debian's SSH server for the tests
    #[arg(long)]
    install_tools: bool,
}

/// Runs the command.
///
/// # Errors
/// A check failed; the summary says which.
pub fn run(workspace: &Workspace, args: &Args) -> Outcome {
    let catalogue = Catalogue::of_this_build();
    let mut run = Run { workspace, steps: Vec::new(), tests: Tests::default() };
    let mut tools = if args.install_tools { run.install_deny()? } else { None };
    if args.install_tools {
        run.step("browser", |run| run.install_browser());
    }
    if args.install_tools {
        run.step("packages", |_| packages::install_missing());
    }

    run.step("format", |run| run.cargo(&["fmt", "--all", "--check"]));
    run.step("docs", |_| docs::generate(workspace, &catalogue)?.write_or_check(workspace, true, "cargo xtask docs"));
    run.step("schemas", |_| schemas::generate(&catalogue).write_or_check(workspace, true, "cargo xtask schemas"));
    run.step("tidy", |_| tidy::run(workspace, &tidy::Args::default()));
    run.step("clippy", |run| {
        run.cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--", "--deny", "warnings"])
    });
    run.step("test", |run| run.tests());
    run.step("deny", |run| {
        if let Some(install) = &mut tools {
            install.wait()?;
        }
        run.cargo(&["deny", "--log-level", "error", "--locked", "check", "bans", "licenses", "sources"])
    });
    run.summary()
}

struct Run<'a> {
    workspace: &'a Workspace,
    steps: Vec<(&'static str, Duration, Result<(), String>)>,
    tests: Tests,
}

/// What cargo's test results add up to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tests {
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl Run<'_> {
    fn step(&mut self, name: &'static str, check: impl FnOnce(&mut Self) -> Outcome) {
        println!("── {name}");
        let start = Instant::now();
        let outcome = check(self).map_err(|problem| problem.to_string());
        if let Err(problem) = &outcome {
            println!("{problem}");
        }
        self.steps.push((name, start.elapsed(), outcome));
    }

    fn cargo(&self, arguments: &[&str]) -> Outcome {
        let status = self.command(arguments).status()?;
        if status.success() { Ok(()) } else { Err(format!("`cargo {}`: {status}", arguments.join(" ")).into()) }
    }

    fn tests(&mut self) -> Outcome {
        let mut cargo = self.command(&["test", "--workspace", "--no-fail-fast"]);
        // The report page has to be seen by a browser here; elsewhere that test may be skipped.
        let mut cargo = cargo.env("PVE_REQUIRE_BROWSER", "1").stdout(Stdio::piped()).spawn()?;
        if let Some(output) = cargo.stdout.take() {
            for line in BufReader::new(output).lines() {
                let line = line?;
                println!("{line}");
                self.tests.add(&line);
            }
        }
        let status = cargo.wait()?;
        if status.success() { Ok(()) } else { Err(format!("`cargo test --workspace`: {status}").into()) }
    }

    fn install_deny(&self) -> std::io::Result<Option<Child>> {
        let there = self.command(&["deny", "--version"]).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
        if there.success() {
            return Ok(None);
        }
        println!("cargo-deny is missing: it is installed meanwhile");
        let target = self.workspace.path("target/tools");
        let mut install = self.command(&["install", "--quiet", "--locked", "cargo-deny", "--target-dir"]);
        install.arg(target).spawn().map(Some)
    }

    /// The browser that the report page is looked at with.
    fn install_browser(&self) -> Outcome {
        let there = Command::new("chromium").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        if there.is_ok_and(|status| status.success()) {
            return Ok(());
        }
        println!("chromium is missing: it is installed");
        for arguments in [&["update", "-qq"][..], &["install", "-y", "-qq", "--no-install-recommends", "chromium"]] {
            let mut apt = Command::new("apt-get");
            let status = apt.args(arguments).env("DEBIAN_FRONTEND", "noninteractive").stdout(Stdio::null()).status()?;
            if !status.success() {
                return Err(format!("`apt-get {}`: {status}; install chromium by hand", arguments.join(" ")).into());
            }
        }
        Ok(())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("cargo");
        command.args(arguments).current_dir(self.workspace.root());
        command
    }

    fn summary(self) -> Outcome {
        println!("── summary");
        for (name, took, outcome) in &self.steps {
            let mark = if outcome.is_ok() { "✓" } else { "✗" };
            println!("{mark} {name:<8} {:>7.1} s", took.as_secs_f64());
        }
        let failed: Vec<_> =
            self.steps.iter().filter(|(_, _, outcome)| outcome.is_err()).map(|(name, ..)| *name).collect();
        let Tests { passed, failed: tests_failed, ignored } = self.tests;
        let tests = format!("tests: {passed} passed, {tests_failed} failed, {ignored} ignored");
        if failed.is_empty() {
            println!("{tests}");
            return Ok(());
        }
        Err(format!("failed: {}\n{tests}", failed.join(", ")).into())
    }
}

impl Tests {
    /// Adds a line such as `test result: ok. 12 passed; 0 failed; 1 ignored; …`; other lines are none of ours.
    fn add(&mut self, line: &str) {
        let Some(counts) = line.strip_prefix("test result: ") else { return };
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargos_results_add_up() {
        let mut tests = Tests::default();
        tests.add("test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.32s");
        tests.add("test a::b ... ok");
        tests.add("test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.32s");
        assert_eq!(tests, Tests { passed: 13, failed: 2, ignored: 1 });
    }
}
