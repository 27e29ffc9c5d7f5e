//! `cargo xtask test`: every test, with what they need installed first, and with what was skipped at the end.

mod seen;

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use crate::{Outcome, Workspace, packages};

pub use seen::Seen;

/// Run every test: install what they need, run them, say what was skipped
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Install nothing: tests of what is missing are skipped
    #[arg(long)]
    no_install: bool,
    /// Fail if a test was skipped
    #[arg(long)]
    strict: bool,
    /// The arguments that follow are passed to `cargo test`, in place of `--workspace`
    #[arg(last = true)]
    cargo: Vec<String>,
}

/// Runs the command.
///
/// # Errors
/// A test failed, or was skipped where none may be.
pub fn run(workspace: &Workspace, args: &Args) -> Outcome {
    if !args.no_install
        && let Err(problem) = packages::install_missing(&[packages::OPENSSH, packages::GPG].concat())
    {
        println!("not installed: {problem}. Tests that need it are skipped.");
    }
    let mut cargo = Command::new("cargo");
    cargo.args(["test", "--no-fail-fast"]).current_dir(workspace.root());
    if args.cargo.is_empty() {
        cargo.arg("--workspace");
    }
    let (seen, outcome) = watch(cargo.args(&args.cargo))?;
    seen.print(&mut std::io::stdout().lock())?;
    outcome?;
    if args.strict { seen.complete() } else { Ok(()) }
}

/// Runs `cargo test` and passes on all that it says: what its results add up to, and how it ended.
///
/// # Errors
/// It can't be started.
pub fn watch(cargo: &mut Command) -> std::io::Result<(Seen, Outcome)> {
    let mut process = cargo.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let seen = Mutex::new(Seen::default());
    let (stdout, stderr) = (process.stdout.take(), process.stderr.take());
    // Tests say on stderr that they are skipped, past the capture of their output.
    std::thread::scope(|scope| {
        scope.spawn(|| stdout.map(|output| pass_on(output, &mut std::io::stdout(), &seen)));
        scope.spawn(|| stderr.map(|output| pass_on(output, &mut std::io::stderr(), &seen)));
    });
    let status = process.wait()?;
    let seen = seen.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let outcome = if status.success() { Ok(()) } else { Err(format!("`cargo test`: {status}").into()) };
    Ok((seen, outcome))
}

fn pass_on(from: impl Read, to: &mut impl Write, seen: &Mutex<Seen>) {
    let mut lines = BufReader::new(from);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        let _ = to.write_all(&line);
        seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner).add(String::from_utf8_lossy(&line).trim_end());
        line.clear();
    }
}
