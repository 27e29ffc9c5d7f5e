//! `cargo xtask replay`: recorded answers of genuine clusters against the emulator.

use std::path::PathBuf;

use acceptance_tests::replay::{Case, Tally, play, print};

use crate::{Outcome, Workspace};

/// Play recordings against the emulator and print each difference
#[derive(clap::Args)]
pub struct Args {
    /// Recordings; all of this checkout's by default
    files: Vec<PathBuf>,
    /// The start state; `SEED.json` next to the first recording by default
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
    let seed = match (&args.seed, files.first()) {
        (Some(seed), _) => seed.clone(),
        (None, Some(first)) => first.with_file_name("SEED.json"),
        (None, None) => return Err("no recordings".into()),
    };
    let runtime = tokio::runtime::Runtime::new()?;
    let mut total = Tally::default();
    for file in &files {
        let outcome = runtime.block_on(play(&Case::load(file)?, &seed))?;
        print(&outcome, &mut std::io::stdout().lock())?;
        total = total.plus(Tally::of(&outcome));
    }
    println!("total: {total}");
    if total.equal == total.judged { Ok(()) } else { Err("answers differ".into()) }
}
