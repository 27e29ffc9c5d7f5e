//! `cargo xtask ci`: every check, in one command, each as a newcomer can run it by hand.
//!
//! A failed check doesn't end the run: one run reports all errors, and how long each check took.

mod advisories;
mod registry_pages;

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::catalogue::Catalogue;
use crate::{Outcome, Workspace, docs, packages, protos, schemas, test, tidy};

/// Run every check: format, generated files, tidy, clippy, tests, dependencies
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Install what is missing: cargo-deny, while the other checks run, and Debian's packages that the tests need
    #[arg(long)]
    install_tools: bool,
}

/// Runs the command.
///
/// # Errors
/// A check failed; the summary says which.
pub fn run(workspace: &Workspace, args: &Args) -> Outcome {
    let catalogue = Catalogue::of_this_build();
    let mut run = Run { workspace, start: Instant::now(), steps: Vec::new(), seen: test::Seen::default() };
    let mut tools = if args.install_tools { run.install_deny()? } else { None };
    if args.install_tools {
        let needed = [packages::OPENSSH, packages::BROWSER, packages::GPG].concat();
        run.step("packages", |_| done(packages::install_missing(&needed)));
    }

    run.step("format", |run| done(run.cargo(&["fmt", "--all", "--check"])));
    run.step("docs", |_| {
        done(docs::generate(workspace, &catalogue)?.write_or_check(workspace, true, "cargo xtask docs"))
    });
    run.step("protos", |_| done(protos::generate(workspace)?.write_or_check(workspace, true, "cargo xtask protos")));
    run.step("schemas", |_| done(schemas::generate(&catalogue).write_or_check(workspace, true, "cargo xtask schemas")));
    run.step("tidy", |_| done(tidy::run(workspace, &tidy::Args::default())));
    run.step("clippy", |run| {
        done(run.cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--", "--deny", "warnings"]))
    });
    run.step("test", |run| done(run.tests()));
    run.step("registry", |run| match registry_pages::Tools::in_path() {
        Err(missing) => Ok(Some(missing)),
        Ok(tools) => {
            run.cargo(&["build", "--package", "terraform-provider-pve", "--locked"])?;
            let me = std::env::current_exe()?;
            done(registry_pages::check(workspace, me.parent().unwrap_or(&me), &tools))
        }
    });
    run.step("deny", |run| {
        if let Some(install) = &mut tools {
            install.wait()?;
        }
        done(run.cargo(&["deny", "--log-level", "error", "--locked", "check", "bans", "licenses", "sources"]))
    });
    run.step("advisories", |run| advisories::check(|arguments| run.command(arguments)));
    run.summary()
}

/// How a check ends: with a reason if it could not be made.
type Check = Result<Option<String>, Box<dyn std::error::Error>>;

fn done(outcome: Outcome) -> Check {
    outcome.map(|()| None)
}

struct Run<'a> {
    workspace: &'a Workspace,
    start: Instant,
    steps: Vec<Step>,
    seen: test::Seen,
}

struct Step {
    name: &'static str,
    took: Duration,
    /// Nothing, why it could not be made, or what is wrong.
    outcome: Result<Option<String>, String>,
}

impl Run<'_> {
    fn step(&mut self, name: &'static str, check: impl FnOnce(&mut Self) -> Check) {
        println!("── {name}");
        let start = Instant::now();
        let outcome = check(self).map_err(|problem| problem.to_string());
        match &outcome {
            Ok(Some(reason)) => println!("skipped: {reason}"),
            Ok(None) => {}
            Err(problem) => println!("{problem}"),
        }
        let took = start.elapsed();
        println!("── {name} took {:.1} s", took.as_secs_f64());
        self.steps.push(Step { name, took, outcome });
    }

    fn cargo(&self, arguments: &[&str]) -> Outcome {
        let status = self.command(arguments).status()?;
        if status.success() { Ok(()) } else { Err(format!("`cargo {}`: {status}", arguments.join(" ")).into()) }
    }

    /// Every test, none of them skipped.
    fn tests(&mut self) -> Outcome {
        let mut cargo = self.command(&["test", "--workspace", "--no-fail-fast"]);
        // The report page has to be seen by a browser here; elsewhere that test may be skipped.
        let (seen, outcome) = test::watch(cargo.env("PVE_REQUIRE_BROWSER", "1"))?;
        let complete = seen.complete();
        self.seen = seen;
        outcome?;
        complete
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

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("cargo");
        command.args(arguments).current_dir(self.workspace.root());
        command
    }

    fn summary(self) -> Outcome {
        println!("── summary");
        for Step { name, took, outcome } in &self.steps {
            let mark = match outcome {
                Ok(None) => "✓",
                Ok(Some(_)) => "–",
                Err(_) => "✗",
            };
            println!("{mark} {name:<10} {:>7.1} s", took.as_secs_f64());
        }
        println!("  {:<10} {:>7.1} s", "all", self.start.elapsed().as_secs_f64());
        for Step { name, outcome, .. } in &self.steps {
            if let Ok(Some(reason)) = outcome {
                println!("{name} was skipped: {reason}");
            }
        }
        self.seen.print(&mut std::io::stdout().lock())?;
        let failed: Vec<_> = self.steps.iter().filter(|step| step.outcome.is_err()).map(|step| step.name).collect();
        if failed.is_empty() { Ok(()) } else { Err(format!("failed: {}", failed.join(", ")).into()) }
    }
}
