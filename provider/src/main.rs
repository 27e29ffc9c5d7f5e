//! The provider's process.

use std::env;
use std::process::ExitCode;

use terraform_provider_pve::{import_config, plugin, registry};

fn main() -> ExitCode {
    // Core gives no argument.
    let mut arguments = env::args_os().skip(1);
    match arguments.next() {
        Some(command) if command == import_config::NAME => import_config::run(arguments, registry::provider),
        _ => plugin::serve(registry::provider),
    }
}
