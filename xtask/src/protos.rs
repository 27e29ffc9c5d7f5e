//! `cargo xtask protos`: the Rust code of the protocol definitions in `provider/proto`, which is committed, so that a build of
//! the provider needs no compiler of protocol buffers.

use std::fs;

use crate::{Generated, Outcome, Workspace};

const SOURCES: &str = "provider/proto";
const FOLDER: &str = "provider/proto/generated";
const FILES: [&str; 3] = ["tfplugin5.proto", "grpc_controller.proto", "grpc_stdio.proto"];

/// Write provider/proto/generated/PACKAGE.rs from provider/proto/*.proto
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Write nothing; fail naming each file that differs from its definition
    #[arg(long)]
    check: bool,
}

/// Runs the command.
///
/// # Errors
/// A file drifted (`--check`), or can't be written.
pub fn run(workspace: &Workspace, args: &Args) -> Outcome {
    generate(workspace)?.write_or_check(workspace, args.check, "cargo xtask protos")
}

/// The generated code.
///
/// # Errors
/// A definition can't be compiled.
pub fn generate(workspace: &Workspace) -> Result<Generated, Box<dyn std::error::Error>> {
    let descriptors = protox::compile(FILES, [workspace.path(SOURCES)])?;
    let folder = tempfile::tempdir()?;
    tonic_prost_build::configure()
        .build_transport(false)
        // Core may call a method of a later minor version; the answer is `Unimplemented`.
        .generate_default_stubs(true)
        .out_dir(folder.path())
        .compile_fds(descriptors)?;
    let mut generated = Generated::owning(&[FOLDER]);
    for file in fs::read_dir(folder.path())? {
        let file = file?;
        let name = file.file_name().to_string_lossy().into_owned();
        generated.file(format!("{FOLDER}/{name}"), fs::read_to_string(file.path())?);
    }
    Ok(generated)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_code_is_what_the_definitions_say() {
        let workspace = Workspace::of_this_build();
        let drift = generate(&workspace).unwrap().drift(&workspace).unwrap();
        assert!(drift.is_empty(), "{}\nrun `cargo xtask protos`", drift.join("\n"));
    }
}
