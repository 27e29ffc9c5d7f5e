//! `cargo demo`: an HA topology applied by a real CLI to an emulated cluster.

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    xtask::demo::main(&xtask::demo::Arguments::parse())
}
