//! The programs that a release needs, in versions that are part of its reproducibility, below `target/tools`.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use super::Failure;
use super::targets::{Linker, Target};
use crate::Workspace;

/// Zig's C compiler and C libraries, and what makes cargo link with them: both from PyPI.
const ZIG: [&str; 2] = ["ziglang==0.17.1", "cargo-zigbuild==0.24.1"];

/// What writes the bills of materials.
const BILL: &str = "cargo-cyclonedx@0.5.9";

/// Installs what is needed to build for `builds`, and to pack.
///
/// # Errors
/// An installer fails, or is missing itself: rustup, Python 3 with its `venv`, cargo.
pub fn install(workspace: &Workspace, builds: &[Target], packs: bool) -> Result<(), Failure> {
    if !builds.is_empty() {
        let triples = builds.iter().map(|target| target.triple);
        run(workspace, "rustup", &["target", "add"].into_iter().chain(triples).collect::<Vec<_>>())?;
    }
    if builds.iter().any(|target| target.linker == Linker::Zig) {
        let venv = folder(workspace, "zig").display().to_string();
        run(workspace, "python3", &["-m", "venv", &venv])?;
        let pip = format!("{venv}/bin/pip");
        run(workspace, &pip, &[&["install", "--quiet"], &ZIG[..]].concat())?;
    }
    if packs {
        install_crate(workspace, BILL)?;
    }
    Ok(())
}

/// Installs the programs of a crate, in the version that is named with it.
///
/// # Errors
/// cargo fails.
pub fn install_crate(workspace: &Workspace, name_and_version: &str) -> Result<(), Failure> {
    let root = folder(workspace, "cargo").display().to_string();
    let build = folder(workspace, "build").display().to_string();
    let install = ["install", "--quiet", "--locked", name_and_version, "--root", &root, "--target-dir", &build];
    run(workspace, "cargo", &install)
}

/// PATH with these tools first.
///
/// # Errors
/// A folder has a colon in its name.
pub fn path(workspace: &Workspace) -> Result<OsString, Failure> {
    let ours = [folder(workspace, "zig").join("bin"), folder(workspace, "cargo").join("bin")];
    let others = env::var_os("PATH").unwrap_or_default();
    Ok(env::join_paths(ours.into_iter().chain(env::split_paths(&others)))?)
}

fn folder(workspace: &Workspace, name: &str) -> PathBuf {
    workspace.path("target/tools").join(name)
}

fn run(workspace: &Workspace, program: &str, arguments: &[&str]) -> Result<(), Failure> {
    let status = Command::new(program).args(arguments).current_dir(workspace.root()).status();
    let status = status.map_err(|e| format!("`{program}`: {e}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{program} {}`: {status}", arguments.join(" ")).into()) }
}
