//! `cargo xtask soak`: an emulated cluster lives on between plans, and each plan is compared with what has happened.
//!
//! The suite lives through 200 events; `--full` through 5,000.

use std::process::Command;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use acceptance_tests::soak::{self, Options};

use crate::{Outcome, Workspace};

/// Run random events on a cluster between plans: nothing may be lost, undone or misread
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Number of events
    #[arg(long, default_value_t = 200)]
    events: u64,
    /// Run 5,000 events
    #[arg(long, conflicts_with = "events")]
    full: bool,
    /// Seed of the random events; a new one in each run by default
    #[arg(long)]
    seed: Option<u64>,
    /// Number of clusters that run at once
    #[arg(long, default_value_t = 1)]
    jobs: usize,
    /// Use the provider beside this program instead of building it
    #[arg(long)]
    no_build: bool,
    /// Report the steps that led to harm as they are, instead of the fewest that do
    #[arg(long)]
    no_shrink: bool,
}

/// Runs the command.
///
/// # Errors
/// Harm was found.
pub fn run(workspace: &Workspace, args: &Args) -> Outcome {
    let build = ["build", "-p", "terraform-provider-pve"];
    if !args.no_build && !Command::new("cargo").args(build).current_dir(workspace.root()).status()?.success() {
        return Err("the provider could not be built".into());
    }
    let seed = match args.seed {
        Some(seed) => seed,
        None => SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs(),
    };
    let events = if args.full { 5000 } else { args.events };
    println!("{events} events, seed {seed}");
    let start = Instant::now();
    let options = Options { events, seed, jobs: args.jobs, shrinks: !args.no_shrink };
    let report = soak::run("soak", options, |seed, figures| {
        println!("seed {seed}, {:.0} s: {figures}", start.elapsed().as_secs_f64());
    });
    let report = report.ok_or("a cluster that exists is under test; this needs one of its own")?;
    println!("{} in {:.0} s", report.figures, start.elapsed().as_secs_f64());
    match report.harm {
        None => Ok(()),
        Some(found) => Err(format!("harm, of {seed}:\n{found}").into()),
    }
}
