//! `cargo xtask placement`: placement scenarios through the provider's own HA manager.

use std::path::PathBuf;

use pve_ha_manager::scenario::{ScenarioCase, play};

use crate::Outcome;

/// Play placement scenarios and report each difference from what Proxmox decided
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Files with one scenario a line
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Only the scenario of this name, with the managers' log
    #[arg(long)]
    only: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// A file can't be read, a line is no scenario, or a scenario came out differently.
pub fn run(args: &Args) -> Outcome {
    let (mut agreeing, mut all) = (0, 0);
    for file in &args.files {
        let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let at = |error| format!("{}:{}: {error}", file.display(), number + 1);
            let case = ScenarioCase::parse(line).map_err(at)?;
            if args.only.as_ref().is_some_and(|only| *only != case.id) {
                continue;
            }
            let (differences, log) = play(&case).map_err(at)?;
            all += 1;
            agreeing += usize::from(differences.is_empty());
            if args.only.is_some() {
                log.iter().for_each(|line| println!("{line}"));
            }
            for difference in &differences {
                println!("{}: {difference}", case.id);
            }
        }
    }
    println!("{agreeing} of {all} scenarios agree");
    if agreeing == all { Ok(()) } else { Err(format!("{} scenarios differ", all - agreeing).into()) }
}
