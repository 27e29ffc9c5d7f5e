//! The provider's process.

use std::process::ExitCode;

use terraform_provider_pve::{plugin, registry};

fn main() -> ExitCode {
    plugin::serve(registry::provider)
}
