//! How core starts us: go-plugin's handshake, mutual TLS, side services and log format.
//!
//! This layer only ever moves bytes and ends processes. It knows nothing of Terraform's values: what is asked over the
//! connection is the protocol layer's.

mod command;
mod connection;
mod controller;
mod environment;
mod handshake;
mod incoming;
mod lifetime;
mod log;
mod panic;
mod reattach;
mod server;
mod signals;
mod socket;
mod stdio;
mod tls;

use std::env;
use std::io::{self, Write};
use std::process::ExitCode;

use command::Command;
use environment::Environment;
use server::Mode;

use crate::framework::Provider;

/// The services of go-plugin beside the provider's own, generated from `proto/`.
#[allow(missing_docs, unreachable_pub, clippy::all, clippy::unwrap_used, clippy::unimplemented)]
pub mod proto {
    tonic::include_proto!("plugin");
}

/// Does what the command line and the environment ask: serves core until it has had enough, or helps the person who
/// started the binary by hand. `provider` is called when core's first call comes.
pub fn serve(provider: impl FnOnce() -> Provider + Send + 'static) -> ExitCode {
    panic::install_hook();
    log::install();
    let mode = match Command::parse(env::args_os().skip(1)) {
        Command::Help => return say(command::HELP),
        Command::Version => return say(command::VERSION),
        Command::Debug => Mode::Debug,
        Command::Plugin => match Environment::read(|name| env::var(name).ok()) {
            Ok(environment) => Mode::Plugin(environment),
            Err(error) => return complain(&error.to_string()),
        },
        Command::Unknown(argument) => {
            return complain(&format!("Unknown argument {argument:?}.\n\n{}", command::HELP));
        }
    };
    match server::run(mode, provider) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(&format!("The provider could not start: {error}")),
    }
}

/// For people only: after the handshake stdout belongs to go-plugin.
fn say(text: &str) -> ExitCode {
    match writeln!(io::stdout(), "{text}") {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn complain(text: &str) -> ExitCode {
    // There is nobody left to tell when stderr is closed.
    let _ = writeln!(io::stderr(), "{text}");
    ExitCode::FAILURE
}
