//! `cargo xtask dist`: the release binary for this machine, as a filesystem mirror, an archive and a checksum in `dist/`.

use std::env::consts;
use std::fs;
use std::process::Command;

use crate::{Outcome, Workspace};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// OpenTofu and Terraform look under their own registry's name.
const REGISTRIES: [&str; 2] = ["registry.opentofu.org", "registry.terraform.io"];

/// Build a release: a filesystem mirror, an archive of it, and its checksum in dist/
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs the command.
///
/// # Errors
/// The build, `tar` or `sha256sum` failed.
pub fn run(workspace: &Workspace, _args: &Args) -> Outcome {
    let dist = workspace.path("dist");
    let platform = platform(consts::OS, consts::ARCH);
    command(workspace, "cargo", &["build", "--release", "--locked", "--package", "terraform-provider-pve"])?;
    if dist.exists() {
        fs::remove_dir_all(&dist)?;
    }
    for registry in REGISTRIES {
        let folder = dist.join("mirror").join(registry).join("pve-ha/pve").join(VERSION).join(&platform);
        fs::create_dir_all(&folder)?;
        let binary = format!("terraform-provider-pve_v{VERSION}");
        fs::copy(workspace.path("target/release/terraform-provider-pve"), folder.join(binary))?;
    }
    for text in ["LICENSE", "README.md", "CHANGELOG.md"] {
        fs::copy(workspace.path(text), dist.join("mirror").join(text))?;
    }
    let archive = format!("terraform-provider-pve_{VERSION}_{platform}.tar.gz");
    let script = format!(
        "cd dist && tar --owner=0 --group=0 --sort=name -czf {archive} -C mirror . && sha256sum {archive} > SHA256SUMS"
    );
    command(workspace, "sh", &["-c", &script])?;
    println!(
        "dist/{archive}\ndist/SHA256SUMS\ndist/mirror: name it in a `filesystem_mirror` of the CLI's configuration"
    );
    Ok(())
}

fn command(workspace: &Workspace, program: &str, arguments: &[&str]) -> Outcome {
    let status = Command::new(program).args(arguments).current_dir(workspace.root()).status()?;
    if status.success() { Ok(()) } else { Err(format!("`{program} {}`: {status}", arguments.join(" ")).into()) }
}

/// The platform in the words of Go, which the CLI uses.
fn platform(os: &str, arch: &str) -> String {
    let os = if os == "macos" { "darwin" } else { os };
    let arch = match arch {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    format!("{os}_{arch}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_have_gos_names() {
        assert_eq!(platform("linux", "x86_64"), "linux_amd64");
        assert_eq!(platform("macos", "aarch64"), "darwin_arm64");
    }
}
