//! `cargo xtask fuzz`: each fuzz target for so many executions.
//!
//! No sanitizer: `unsafe` is forbidden in all crates here, so that what there is to find are panics, and the compiler of the
//! workspace suffices.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use crate::dist::tools;
use crate::{Outcome, Workspace};

/// What builds and runs the targets.
const CARGO_FUZZ: &str = "cargo-fuzz@0.13.2";

/// Feed each decoder what libFuzzer finds
#[derive(Debug, clap::Args)]
pub struct Args {
    /// How often each target is executed
    #[arg(long, default_value_t = 1_000_000)]
    executions: u64,
    /// Install cargo-fuzz, below target/tools
    #[arg(long)]
    install_tools: bool,
    /// Only these targets
    targets: Vec<String>,
}

/// Runs the command.
///
/// # Errors
/// cargo-fuzz is missing, a target can't be built, or an input makes one fail: libFuzzer keeps it in `fuzz/artifacts/`.
pub fn run(workspace: &Workspace, args: &Args) -> Outcome {
    let targets =
        if args.targets.is_empty() { targets(&workspace.path("fuzz/fuzz_targets"))? } else { args.targets.clone() };
    if args.install_tools {
        tools::install_crate(workspace, CARGO_FUZZ)?;
    }
    let path = tools::path(workspace)?;
    let mut failed = Vec::new();
    for target in targets {
        let start = Instant::now();
        // New inputs go to the first folder, so that the committed ones stay few.
        let found = format!("target/corpus/{target}");
        std::fs::create_dir_all(workspace.path("fuzz").join(&found))?;
        let status = Command::new("cargo")
            .args(["fuzz", "run", "--sanitizer", "none", &target, &found, &format!("corpus/{target}")])
            .args([
                "--",
                &format!("-runs={}", args.executions),
                "-max_len=4096",
                "-verbosity=0",
                "-print_final_stats=1",
            ])
            .env("PATH", &path)
            .current_dir(workspace.path("fuzz"))
            .status()?;
        let seconds = start.elapsed().as_secs_f64();
        println!("{target}: {} executions, {seconds:.0} s, {status}", args.executions);
        if !status.success() {
            failed.push(target);
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(format!("{} failed", failed.join(", ")).into()) }
}

fn targets(folder: &Path) -> std::io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        names.extend(entry?.path().file_stem().and_then(|stem| stem.to_str()).map(str::to_owned));
    }
    names.sort();
    Ok(names)
}
