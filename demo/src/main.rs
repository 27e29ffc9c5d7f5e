//! The demo: a newcomer's first minutes, and a check that all of it is true. It builds, starts an emulated cluster, and runs
//! the real CLI on the example topology; every step says what it proves, and a step that isn't as said fails the run.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is a command line tool; stdout is its own")]

mod binaries;
mod cli;
mod cluster;
mod foresight;
mod from_scratch;
mod receiver;
mod report;
mod three_node;
mod two_node;

use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};

use binaries::Binaries;
use cli::Cli;
use cluster::Cluster;
use report::Report;

/// How a step ends: the error is the last thing it says.
type Outcome = Result<(), Box<dyn std::error::Error>>;

/// Applies an HA topology to an emulated cluster with the real `tofu` or `terraform`.
#[derive(Parser, Debug)]
#[command(name = "demo")]
struct Arguments {
    /// The version of Proxmox VE to emulate.
    #[arg(long, value_enum, default_value = "9")]
    pve: Pve,
    /// Stop before the destroy: keep the cluster, its objects and the working folder to try out more.
    #[arg(long)]
    keep: bool,
}

/// A version of Proxmox VE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Pve {
    /// Proxmox VE 9, with HA rules.
    #[value(name = "9")]
    Nine,
    /// Proxmox VE 8, with HA groups.
    #[value(name = "8")]
    Eight,
}

impl Pve {
    fn name(self) -> &'static str {
        match self {
            Self::Nine => "9",
            Self::Eight => "8",
        }
    }
}

fn main() -> ExitCode {
    let mut report = Report::new();
    let outcome = run(&Arguments::parse(), &mut report);
    if let Err(error) = &outcome {
        report.failed(&error.to_string());
    }
    if report.close() && outcome.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run(arguments: &Arguments, report: &mut Report) -> Outcome {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("the workspace has no folder")?;
    let binary = cli::binary()?;
    report.title(&format!("Proxmox VE {} high availability, with {}", arguments.pve.name(), cli::version(&binary)?));
    let binaries = match Binaries::prebuilt(root) {
        Some(release) => report.step("build", "there is a release of provider and emulated cluster", || {
            Ok::<_, std::convert::Infallible>(release)
        })?,
        None => report.step("build", "the provider and the emulated cluster compile", || Binaries::build(root))?,
    };
    let folder = tempfile::Builder::new().prefix("pve-demo-").tempdir()?;
    let cluster = report.step("start", "an emulated cluster of three nodes answers", || {
        Cluster::start(&binaries, arguments.pve.name(), &[], arguments.keep)
    })?;
    let topology = |name: &str| Cli::new(binary.clone(), root, name, folder.path(), &binaries.provider, &cluster);
    foresight::present(report, &topology("gated-rollout")?, &cluster, &root.join("target/demo"))?;
    let seeded = |name: &str, seed: serde_json::Value| {
        let file = folder.path().join(format!("{name}.json"));
        std::fs::write(&file, seed.to_string())?;
        let seed = file.to_string_lossy();
        let cluster = Cluster::start(&binaries, arguments.pve.name(), &["--ssh", "--seed", &seed], false)?;
        let cli = Cli::new(binary.clone(), root, name, folder.path(), &binaries.provider, &cluster)?;
        Ok::<_, Box<dyn std::error::Error>>((cli, cluster))
    };
    let (cli, small) = seeded("from-scratch", from_scratch::seed())?;
    from_scratch::present(report, &cli, &small)?;
    drop(small);
    let (cli, small) = seeded("two-node-qdevice", two_node::seed())?;
    two_node::present(report, &cli, &small)?;
    drop(small);
    let cli = topology("three-node")?;
    let reported = three_node::present(report, &cli, &cluster, arguments.pve == Pve::Nine, arguments.keep);
    if arguments.keep {
        let folder = folder.keep();
        report.last(cluster.keep(&cli, &folder)?);
    }
    reported
}

/// The end of a step, which is an error unless the condition is met.
fn demand(met: bool, otherwise: impl FnOnce() -> String) -> Outcome {
    if met { Ok(()) } else { Err(otherwise().into()) }
}
