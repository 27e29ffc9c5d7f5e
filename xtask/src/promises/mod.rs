//! `cargo xtask promises`: the long promises, put to the proof alone: what is interrupted, killed, and answered by rubbish.
//!
//! The ordinary suite proves each by a sample; `--full` takes the whole figure.

mod guide;
mod table;

use std::process::Command;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

pub use guide::GUIDE;
pub use table::PROMISES;

use crate::{Outcome, Workspace};

/// Put the long promises to the proof: interrupts, kills, faults, hostile input, repeated runs
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Whole figures instead of samples
    #[arg(long)]
    full: bool,
    /// Run the whole suite this many times after that: no test may ever fail
    #[arg(long, default_value_t = 0)]
    repeat: u32,
    /// Run the tests of each promise, and write what they reached into the guide on reliability
    #[arg(long)]
    guide: bool,
}

/// What is run: what it proves, and the arguments of `cargo test`.
const PROOFS: [(&str, &[&str]); 4] = [
    ("starts beside a compiler", &["-p", "acceptance-tests", "--test", "acceptance", "--", "starts::", "--nocapture"]),
    (
        "interrupts, kills and faults",
        &[
            "-p",
            "acceptance-tests",
            "--test",
            "acceptance",
            "--",
            "interrupts::",
            "kills::",
            "nothing_is_lost::",
            "--nocapture",
        ],
    ),
    (
        "hostile input",
        &[
            "-p",
            "terraform-provider-pve",
            "--lib",
            "--",
            "protocol::msgpack::tests::fuzzed",
            "client::answer::",
            "fuzz::",
        ],
    ),
    (
        "properties",
        &["-p", "terraform-provider-pve", "--", "properties", "quote::", "ssh::tests::", "framework::tests::plans::"],
    ),
];

/// Runs the command.
///
/// # Errors
/// A promise is broken.
pub fn run(workspace: &Workspace, args: &Args) -> Outcome {
    if !args.guide {
        for (what, arguments) in PROOFS {
            println!("── {what}");
            test(workspace, args.full, arguments)?;
        }
    }
    let before = Instant::now();
    for number in 1..=args.repeat {
        let start = Instant::now();
        test(workspace, false, &["--workspace", "--quiet"])?;
        println!("── run {number} of {}: no failure, {:.0} s", args.repeat, start.elapsed().as_secs_f64());
    }
    let repeated = (args.repeat > 0).then(|| (args.repeat, before.elapsed()));
    if args.guide { guide::write(workspace, args.full, repeated) } else { Ok(()) }
}

fn test(workspace: &Workspace, full: bool, arguments: &[&str]) -> Outcome {
    let mut cargo = Command::new("cargo");
    cargo.arg("test").args(arguments).current_dir(workspace.root());
    if full {
        cargo.env(acceptance_tests::promise::VARIABLE, "full");
        // Cases that no run has tried before; proptest prints the failing case.
        let seed = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        println!("PROPTEST_RNG_SEED={seed}");
        cargo.env("PROPTEST_RNG_SEED", seed.to_string());
    }
    let status = cargo.status()?;
    if status.success() { Ok(()) } else { Err(format!("`cargo test {}`: {status}", arguments.join(" ")).into()) }
}
