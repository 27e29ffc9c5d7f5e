//! `cargo xtask replay`: recorded answers of genuine clusters against the emulator.

use std::error::Error;
use std::path::{Path, PathBuf};

use acceptance_tests::replay::{Case, Tally, play, print};
use tokio::runtime::Runtime;

use crate::{Outcome, Workspace};

/// Play recordings against the emulator and print each difference
#[derive(clap::Args)]
pub struct Args {
    /// Recordings; all of this checkout's by default
    files: Vec<PathBuf>,
    /// The start state; `SEED.json` next to a recording, or this checkout's, by default
    #[arg(long)]
    seed: Option<PathBuf>,
}

/// Plays the recordings one after the other.
///
/// # Errors
/// When one can't be played, or an answer differs.
pub fn run(workspace: &Workspace, args: &Args) -> Outcome {
    let files = if args.files.is_empty() {
        acceptance_tests::replay::recordings(&workspace.path("acceptance-tests/recordings"))?
    } else {
        args.files.clone()
    };
    let runtime = Runtime::new()?;
    let mut total = Tally::default();
    let mut unplayed = 0;
    for file in &files {
        match played(&runtime, file, &seed(workspace, args, file)) {
            Ok(outcome) => {
                print(&outcome, &mut std::io::stdout().lock())?;
                total = total.plus(Tally::of(&outcome));
            }
            Err(error) => {
                println!("{}: can't be played: {error}", file.display());
                unplayed += 1;
            }
        }
    }
    println!("total: {total}");
    if total.equal == total.judged && unplayed == 0 { Ok(()) } else { Err("answers differ".into()) }
}

fn played(runtime: &Runtime, file: &Path, seed: &Path) -> Result<acceptance_tests::replay::Outcome, Box<dyn Error>> {
    Ok(runtime.block_on(play(&Case::load(file)?, seed))?)
}

fn seed(workspace: &Workspace, args: &Args, file: &Path) -> PathBuf {
    let beside = file.with_file_name("SEED.json");
    match &args.seed {
        Some(seed) => seed.clone(),
        None if beside.exists() => beside,
        None => workspace.path("acceptance-tests/recordings/SEED.json"),
    }
}
