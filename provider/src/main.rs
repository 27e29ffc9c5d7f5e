//! The provider's process.

use std::env;
use std::process::ExitCode;

use terraform_provider_pve::{command_line, plugin, registry};

fn main() -> ExitCode {
    // Core gives no argument.
    if command_line::has(env::args_os().nth(1).as_deref()) {
        command_line::run(env::args_os(), registry::command_line)
    } else {
        plugin::serve(registry::provider)
    }
}
