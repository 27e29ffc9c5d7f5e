//! `cargo xtask dist`: the release binary for this machine, as a filesystem mirror, an archive with its bill of materials, and
//! checksums in `dist/`.

use std::env::consts;
use std::fs;
use std::process::Command;

use crate::{Outcome, Workspace};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// OpenTofu and Terraform look under their own registry's name.
const REGISTRIES: [&str; 2] = ["registry.opentofu.org", "registry.terraform.io"];

/// Build a release in dist/: a filesystem mirror, an archive of it with its bill of materials (SBOM), and checksums
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs the command.
///
/// # Errors
/// `cargo cyclonedx` is missing, or it, the build, `tar` or `sha256sum` failed.
pub fn run(workspace: &Workspace, _args: &Args) -> Outcome {
    let dist = workspace.path("dist");
    let platform = platform(consts::OS, consts::ARCH);
    if !Command::new("cargo").args(["cyclonedx", "--version"]).output()?.status.success() {
        return Err("the bill of materials needs `cargo install --locked cargo-cyclonedx`".into());
    }
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
    let name = format!("terraform-provider-pve_{VERSION}_{platform}");
    let (archive, bill) = (format!("{name}.tar.gz"), format!("{name}.cdx.json"));
    fs::write(dist.join(&bill), bill_of_materials(workspace)?)?;
    let script = format!(
        "cd dist && tar --owner=0 --group=0 --sort=name -czf {archive} -C mirror . && \
         sha256sum {archive} {bill} > SHA256SUMS"
    );
    command(workspace, "sh", &["-c", &script])?;
    println!(
        "dist/{archive}\ndist/{bill}\ndist/SHA256SUMS\n\
         dist/mirror: name it in a `filesystem_mirror` of the CLI's configuration"
    );
    Ok(())
}

/// What the binary is made of, in CycloneDX's JSON, without the path of this checkout.
fn bill_of_materials(workspace: &Workspace) -> Result<String, Box<dyn std::error::Error>> {
    const NAME: &str = "bill-of-materials";
    let format =
        ["--format", "json", "--spec-version", "1.5", "--override-filename", NAME, "--no-build-deps", "--quiet"];
    let outcome = command(workspace, "cargo", &[&["cyclonedx"], &format[..]].concat());
    // It writes one for each package of the workspace, beside its manifest.
    let mut ours = None;
    for file in workspace.files("")?.iter().filter(|file| file.ends_with(&format!("/{NAME}.json"))) {
        if file.starts_with("provider/") {
            ours = workspace.text(file)?;
        }
        fs::remove_file(workspace.path(file))?;
    }
    outcome?;
    let root = format!("file://{}", workspace.root().display());
    Ok(ours.ok_or("`cargo cyclonedx` wrote nothing about the provider")?.replace(&root, "file://."))
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
