//! `cargo xtask COMMAND`: every command that CI runs.
#![allow(clippy::print_stderr, reason = "a command line tool says on stderr why it fails")]

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use xtask::{
    Outcome, Workspace, acceptance, bench, ci, dist, docs, fuzz, placement, promises, protos, publish, release, replay,
    schemas, soak, test, tidy,
};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Every command that CI runs", disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// Sorted by name; one line per module.
#[derive(Subcommand)]
enum Command {
    Acceptance(acceptance::Args),
    Bench(bench::Args),
    Ci(ci::Args),
    Dist(dist::Args),
    Docs(docs::Args),
    Fuzz(fuzz::Args),
    Placement(placement::Args),
    Promises(promises::Args),
    Protos(protos::Args),
    Publish(publish::Args),
    Release(release::Args),
    Replay(replay::Args),
    Schemas(schemas::Args),
    Soak(soak::Args),
    Test(test::Args),
    Tidy(tidy::Args),
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Outcome {
    let workspace = Workspace::of_this_build();
    match command {
        Command::Acceptance(args) => acceptance::run(&workspace, &args),
        Command::Bench(args) => bench::run(&workspace, &args),
        Command::Ci(args) => ci::run(&workspace, &args),
        Command::Dist(args) => dist::run(&workspace, &args),
        Command::Docs(args) => docs::run(&workspace, &args),
        Command::Fuzz(args) => fuzz::run(&workspace, &args),
        Command::Placement(args) => placement::run(&args),
        Command::Promises(args) => promises::run(&workspace, &args),
        Command::Protos(args) => protos::run(&workspace, &args),
        Command::Publish(args) => publish::run(&workspace, &args),
        Command::Release(args) => release::run(&workspace, &args),
        Command::Replay(args) => replay::run(&workspace, &args),
        Command::Schemas(args) => schemas::run(&workspace, &args),
        Command::Soak(args) => soak::run(&workspace, &args),
        Command::Test(args) => test::run(&workspace, &args),
        Command::Tidy(args) => tidy::run(&workspace, &args),
    }
}
