//! The program: starts one cluster, prints its address, and ends on SIGTERM.

mod ctl;
mod forced;

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use pve_emulator::world::NotEmulated;
use pve_emulator::{Emulator, Options, Release, Seed};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

/// Behaves like a Proxmox VE cluster to a client.
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Program {
    #[command(flatten)]
    arguments: Arguments,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    Ctl(ctl::Ctl),
    Shell(forced::Shell),
}

#[derive(Args)]
struct Arguments {
    /// Address and port of the API; port 0 picks a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Version of the cluster: 9, 8, 9-unmigrated, or a version of pve-manager such as 9.2.6.
    #[arg(long, value_parser = release, default_value = "9")]
    pve: Release,
    /// File with the start state (JSON).
    #[arg(long)]
    seed: Option<PathBuf>,
    /// Names of nodes that are in no cluster, separated by commas; without --seed and --cluster there is no cluster at all.
    #[arg(long, value_delimiter = ',')]
    standalone: Vec<String>,
    /// The three nodes there are without a seed, beside those of --standalone.
    #[arg(long, requires = "standalone", conflicts_with = "seed")]
    cluster: bool,
    /// File that the cluster is saved in and restored from; without it the cluster is lost at the end.
    #[arg(long)]
    state: Option<PathBuf>,
    /// Milliseconds added to every answer.
    #[arg(long, default_value_t = 0)]
    latency_ms: u64,
    /// Milliseconds that a write holds its cluster lock; the default is that of a real node.
    #[arg(long, default_value_t = 100)]
    write_ms: u64,
    /// Start SSH servers too, one port for each node.
    #[arg(long)]
    ssh: bool,
}

fn release(word: &str) -> Result<Release, NotEmulated> {
    match word {
        "9" => Ok(Release::V9),
        "8" => Ok(Release::V8),
        "9-unmigrated" => Ok(Release::V9Unmigrated),
        version => version.parse().map(Release::At),
    }
}

type Failure = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> ExitCode {
    let program = Program::parse();
    let outcome = match program.command {
        Some(Command::Ctl(ctl)) => ctl::run(ctl).await,
        Some(Command::Shell(shell)) => return forced::run(shell).await,
        None => run(program.arguments).await,
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "pve-emulator: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Failure> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let handle = Emulator::start(options(&arguments)?).await?;
    let mut ready = json!({
        "endpoint": handle.endpoint(),
        "api_token": handle.api_token(),
        "username": handle.username(),
        "password": handle.password(),
        "ca_certificate_file": handle.ca_file(),
        "tls_fingerprint": handle.fingerprint(),
    });
    if !handle.standalone().is_empty() {
        ready["standalone"] = json!(handle.standalone());
    }
    if let Some(ssh) = handle.ssh() {
        ready["ssh_port"] = json!(ssh.ports.values().next());
        ready["ssh_ports"] = json!(ssh.ports);
        ready["ssh_host_key"] = json!(ssh.host_key);
        ready["ssh_private_key_file"] = json!(ssh.private_key_file);
    }
    writeln!(std::io::stdout(), "{ready}")?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    handle.stop().await;
    Ok(())
}

fn options(arguments: &Arguments) -> Result<Options, Failure> {
    let seed = match &arguments.seed {
        Some(path) => Some(Seed::parse(&std::fs::read_to_string(path)?)?.beside(&arguments.standalone)),
        None if arguments.cluster => Some(Seed::usual().beside(&arguments.standalone)),
        None if !arguments.standalone.is_empty() => Some(Seed::alone(&arguments.standalone)),
        None => None,
    };
    Ok(Options {
        listen: arguments.listen,
        release: arguments.pve,
        seed,
        state: arguments.state.clone(),
        latency: Duration::from_millis(arguments.latency_ms),
        write_time: Duration::from_millis(arguments.write_ms),
        failed_login_delay: Duration::from_secs(3),
        ssh: arguments.ssh,
        log: true,
        ..Options::default()
    })
}
