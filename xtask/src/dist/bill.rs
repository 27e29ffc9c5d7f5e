//! What a binary is made of, as CycloneDX's JSON (SBOM).

use std::fs;
use std::process::Command;

use super::targets::Target;
use super::{Failure, tools};
use crate::Workspace;

const NAME: &str = "bill-of-materials";

/// The bill of materials of the provider for `target`, without the path of this checkout.
///
/// # Errors
/// `cargo cyclonedx` is missing or fails.
pub fn of_materials(workspace: &Workspace, target: Target, epoch: i64) -> Result<String, Failure> {
    let mut cargo = Command::new("cargo");
    cargo.args(["cyclonedx", "--format", "json", "--spec-version", "1.5", "--no-build-deps", "--quiet"]);
    cargo.args(["--override-filename", NAME, "--target", target.triple]);
    // With this the bill has no random number, and no time but this.
    cargo
        .env("SOURCE_DATE_EPOCH", epoch.to_string())
        .env("PATH", tools::path(workspace)?)
        .current_dir(workspace.root());
    let status = cargo.status()?;
    // It writes one for each package of the workspace, beside its manifest.
    let mut ours = None;
    for file in workspace.files("")?.iter().filter(|file| file.ends_with(&format!("/{NAME}.json"))) {
        if file.starts_with("provider/") {
            ours = workspace.text(file)?;
        }
        fs::remove_file(workspace.path(file))?;
    }
    if !status.success() {
        return Err(format!("`cargo cyclonedx`: {status}; `cargo xtask dist --install-tools` installs it").into());
    }
    let root = format!("file://{}", workspace.root().display());
    Ok(ours.ok_or("`cargo cyclonedx` wrote nothing about the provider")?.replace(&root, "file://."))
}
