//! How core starts us: go-plugin's handshake, mutual TLS, side services and log format.
//!
//! This layer only ever moves bytes and ends processes. It is independent of Terraform's values: the
//! protocol layer answers the requests on the connection.

mod command;
mod connection;
mod controller;
mod environment;
mod failure;
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
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use command::Command;
use environment::Environment;
use server::Mode;

use crate::framework::Provider;

/// The services of go-plugin beside the provider's own, generated from `proto/`.
#[allow(missing_docs, unreachable_pub, clippy::all, clippy::unwrap_used, clippy::unimplemented)]
pub mod proto {
    include!("../../proto/generated/plugin.rs");
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
            Err(error) => return failure::report_to_core(&error.to_string()),
        },
        Command::Unknown(argument) => {
            return failure::report_to_person(&format!("Unknown argument {argument:?}.\n\n{}", command::HELP));
        }
    };
    match catch_unwind(AssertUnwindSafe(|| server::run(mode, provider))) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => failure::report_to_core(&format!("The provider could not start: {error}")),
        // The hook has logged the place.
        Err(_) => failure::report_to_core(
            "The provider hit a bug while it started or served. Please report it, with the log of TF_LOG=DEBUG.",
        ),
    }
}

/// For people only: after the handshake stdout belongs to go-plugin.
fn say(text: &str) -> ExitCode {
    match writeln!(io::stdout(), "{text}") {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure::report_to_person(&format!("The standard output can't be written: {error}")),
    }
}
