//! The commands for people: `do`, `import-config`, `report`, `completions`. Core gives no argument, and never gets here.
//!
//! The commands after `do` are operations: [`COMMANDS`] names them, and their arguments are made from their schemas.

mod arguments;
mod commands;
mod explained;
mod interrupts;
mod outcome;
mod report;
mod run;

use std::ffi::{OsStr, OsString};
use std::io;
use std::panic;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Arg, ArgMatches, Command, value_parser};
use clap_complete::Shell;

use crate::framework::{Action, BoundAction, Provider};
use crate::import_config;
use crate::report as cluster_report;
use crate::terminal::say;

pub use commands::{COMMANDS, Entry, usage};

/// The name of the program.
pub const PROGRAM: &str = "terraform-provider-pve";

const DO: &str = "do";
const COMPLETIONS: &str = "completions";

/// The exit code of a command line that can't be understood.
const USAGE: u8 = 2;

/// What the commands work with.
pub struct Offer {
    pub provider: Provider,
    /// Operations that are no actions of Terraform.
    pub procedures: Vec<Box<dyn Action>>,
}

impl Offer {
    /// The operation `name`, ready to run.
    pub fn operation(&self, name: &str) -> Option<BoundAction<'_>> {
        let procedure = self.procedures.iter().find(|procedure| procedure.name() == name);
        match procedure {
            Some(procedure) => Some(self.provider.bind(procedure.as_ref())),
            None => self.provider.action(name).ok(),
        }
    }
}

/// Whether the first argument of the program is one of the commands.
pub fn has(first: Option<&OsStr>) -> bool {
    [DO, import_config::NAME, cluster_report::NAME, COMPLETIONS].iter().any(|name| first == Some(OsStr::new(name)))
}

/// Does what `arguments` ask for, whose first one is the program.
pub fn run(arguments: impl IntoIterator<Item = OsString>, offer: impl FnOnce() -> Offer) -> ExitCode {
    // The text of a panic may quote a secret; the framework makes a diagnostic of it.
    panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        say(&mut io::stderr(), &format!("The program hit a bug at {place}."), ExitCode::FAILURE);
    }));
    let offer = offer();
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let is_report = arguments.get(1).is_some_and(|command| command == cluster_report::NAME);
    let matches = match program(&offer).try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(problem) => return refuse(&problem, if is_report { cluster_report::USAGE } else { USAGE }),
    };
    match matches.subcommand() {
        Some((DO, given)) => run_operation(&offer, given),
        Some((import_config::NAME, given)) => import_config::run(given, &offer.provider),
        Some((cluster_report::NAME, given)) => cluster_report::run(given),
        Some((COMPLETIONS, given)) => complete(&offer, given),
        _ => ExitCode::from(USAGE),
    }
}

/// The whole command line.
pub fn program(offer: &Offer) -> Command {
    Command::new(PROGRAM)
        .about("A Terraform and OpenTofu provider for Proxmox VE high availability")
        .disable_help_subcommand(true)
        .max_term_width(100)
        .arg(Arg::new("debug").long("debug").num_args(0).help("Serve until interrupted, for a debugger"))
        .arg(Arg::new("version").long("version").short('V').num_args(0).help("Print the version"))
        .subcommand(commands::tree(offer))
        .subcommand(import_config::command())
        .subcommand(cluster_report::command())
        .subcommand(
            Command::new(COMPLETIONS)
                .about("Prints the completions for a shell")
                .after_help(format!("Example: {PROGRAM} completions bash > /etc/bash_completion.d/{PROGRAM}"))
                .arg(Arg::new("shell").required(true).value_parser(value_parser!(Shell)).help("The shell")),
        )
}

fn run_operation(offer: &Offer, given: &ArgMatches) -> ExitCode {
    let (mut words, mut given) = (Vec::new(), given);
    while let Some((word, deeper)) = given.subcommand() {
        words.push(word);
        given = deeper;
    }
    let entry = COMMANDS.iter().find(|entry| entry.words == words);
    let Some((entry, operation)) = entry.and_then(|entry| Some((entry, offer.operation(entry.operation)?))) else {
        return ExitCode::from(USAGE);
    };
    run::run(&offer.provider, entry, operation, given)
}

fn complete(offer: &Offer, given: &ArgMatches) -> ExitCode {
    let Some(shell) = given.get_one::<Shell>("shell") else { return ExitCode::from(USAGE) };
    let mut script = Vec::new();
    clap_complete::generate(*shell, &mut program(offer), PROGRAM, &mut script);
    say(&mut io::stdout(), String::from_utf8_lossy(&script).trim_end(), ExitCode::SUCCESS)
}

/// Help, or what is wrong with the command line, which ends with `usage`.
fn refuse(problem: &clap::Error, usage: u8) -> ExitCode {
    let text = problem.render().to_string();
    let text = text.trim_end();
    match problem.kind() {
        ErrorKind::DisplayHelp => say(&mut io::stdout(), text, ExitCode::SUCCESS),
        _ => say(&mut io::stderr(), text, ExitCode::from(usage)),
    }
}

#[cfg(test)]
mod tests;
