//! `cargo xtask publish`: what `cargo xtask dist` has made becomes a release of the forge and an artifact of an OCI registry.
//!
//! It runs in the release workflow, whose token may write: with `gh` (the forge), `oras` (the OCI registry) and `cosign`, which
//! signs without a key of its own: the workflow's identity is what a user verifies.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value as Json;

use crate::dist::{VERSION, oci};
use crate::{Outcome, Workspace};

/// Publish dist/ as a release of the forge and in an OCI registry, signed by the workflow's identity
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The host of the OCI registry
    #[arg(long)]
    registry: String,
    /// The repository on the forge, and below the registry's host
    #[arg(long, env = "GITHUB_REPOSITORY")]
    repository: String,
    /// The user who logs in to the registry
    #[arg(long, env = "GITHUB_ACTOR")]
    user: String,
    /// Print the commands, and run none
    #[arg(long)]
    dry_run: bool,
}

/// Runs the command.
///
/// # Errors
/// `dist/` has no signed release of this version, a program is missing, or a command failed.
pub fn run(workspace: &Workspace, args: &Args) -> Outcome {
    let release = Release::of(workspace)?;
    for step in release.steps(args) {
        println!("{}", step.command.join(" "));
        if !args.dry_run {
            step.run(workspace)?;
        }
    }
    Ok(())
}

/// What `dist/` has.
struct Release {
    assets: Vec<String>,
    /// The digest of the OCI artifact.
    digest: String,
    /// The changes of this version.
    notes: String,
}

/// One command, and whether it reads the token of the workflow.
struct Step {
    command: Vec<String>,
    reads_token: bool,
}

impl Release {
    fn of(workspace: &Workspace) -> Result<Self, Box<dyn std::error::Error>> {
        let mut assets: Vec<String> = std::fs::read_dir(workspace.path("dist/assets"))
            .map_err(|e| format!("dist/assets: {e}; run `cargo xtask dist` first"))?
            .map(|entry| entry.map(|entry| format!("dist/assets/{}", entry.file_name().to_string_lossy())))
            .collect::<Result<_, _>>()?;
        assets.sort();
        let signature = format!("dist/assets/terraform-provider-pve_{VERSION}_SHA256SUMS.sig");
        if !assets.contains(&signature) {
            return Err(format!("{signature} is missing: a registry takes no release without it").into());
        }
        let index: Json = serde_json::from_slice(&std::fs::read(workspace.path("dist/oci/index.json"))?)?;
        let digest = index["manifests"][0]["digest"].as_str().ok_or("dist/oci/index.json has no manifest")?.to_owned();
        let changelog = workspace.text("CHANGELOG.md")?.unwrap_or_default();
        let notes = notes(&changelog).ok_or_else(|| format!("CHANGELOG.md has no section of {VERSION}"))?;
        Ok(Self { assets, digest, notes })
    }

    fn steps(&self, args: &Args) -> Vec<Step> {
        let artifact = format!("{}/{}", args.registry, args.repository.to_lowercase());
        let tag = format!("v{VERSION}");
        let step =
            |command: &[&str]| Step { command: command.iter().map(|&w| w.to_owned()).collect(), reads_token: false };
        let create = ["gh", "release", "create", &tag, "--verify-tag", "--repo", &args.repository];
        let create = [&create[..], &["--title", VERSION, "--notes", &self.notes]].concat();
        let assets: Vec<&str> = self.assets.iter().map(String::as_str).collect();
        let mut login = step(&["oras", "login", &args.registry, "--username", &args.user, "--password-stdin"]);
        login.reads_token = true;
        vec![
            login,
            step(&[
                "oras",
                "cp",
                "--from-oci-layout",
                &format!("dist/oci:{}", oci::tag(VERSION)),
                &format!("{artifact}:{}", oci::tag(VERSION)),
            ]),
            step(&["cosign", "sign", "--yes", &format!("{artifact}@{}", self.digest)]),
            // Last, since this is what people look at.
            step(&[&create[..], &assets].concat()),
        ]
    }
}

impl Step {
    fn run(&self, workspace: &Workspace) -> Outcome {
        let (program, arguments) = self.command.split_first().ok_or("an empty command")?;
        let mut command = Command::new(program);
        command.args(arguments).current_dir(workspace.root()).stdin(Stdio::piped());
        let mut process = command.spawn().map_err(|e| format!("{program}: {e}"))?;
        if let Some(mut stdin) = process.stdin.take()
            && self.reads_token
        {
            let token = std::env::var("GH_TOKEN").map_err(|_| "GH_TOKEN has no token of the forge")?;
            stdin.write_all(token.as_bytes())?;
        }
        let status = process.wait()?;
        if status.success() { Ok(()) } else { Err(format!("{program}: {status}").into()) }
    }
}

/// The section of this version.
fn notes(changelog: &str) -> Option<String> {
    let (_, after) = changelog.split_once(&format!("\n## [{VERSION}]"))?;
    let (_, section) = after.split_once('\n')?;
    Some(section.split("\n## [").next()?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_signed_is_what_was_pushed_and_the_release_has_every_asset() {
        let changelog =
            format!("# Changelog\n\n## [{VERSION}] - 2030-01-01\n\n- One.\n\n## [0.0.1] - 2029-01-01\n\n- Old.\n");
        let folder = tempfile::tempdir().unwrap();
        let workspace = Workspace::at(folder.path());
        let write = |file: &str, text: &str| {
            std::fs::create_dir_all(workspace.path(file).parent().unwrap()).unwrap();
            std::fs::write(workspace.path(file), text).unwrap();
        };
        write("CHANGELOG.md", &changelog);
        write("dist/oci/index.json", r#"{"manifests":[{"digest":"sha256:abc"}]}"#);
        write("dist/assets/a.zip", "");
        assert!(Release::of(&workspace).is_err_and(|e| e.to_string().contains(".sig is missing")));
        let signature = format!("dist/assets/terraform-provider-pve_{VERSION}_SHA256SUMS.sig");
        write(&signature, "");

        let args =
            Args { registry: "oci.example.com".into(), repository: "Pve-HA/x".into(), user: "a".into(), dry_run: true };
        let steps = Release::of(&workspace).unwrap().steps(&args);
        let lines: Vec<String> = steps.iter().map(|step| step.command.join(" ")).collect();
        let tag = oci::tag(VERSION);
        assert_eq!(
            lines,
            [
                "oras login oci.example.com --username a --password-stdin".to_owned(),
                format!("oras cp --from-oci-layout dist/oci:{tag} oci.example.com/pve-ha/x:{tag}"),
                "cosign sign --yes oci.example.com/pve-ha/x@sha256:abc".to_owned(),
                format!(
                    "gh release create v{VERSION} --verify-tag --repo Pve-HA/x --title {VERSION} --notes - One. dist/assets/a.zip {signature}"
                ),
            ]
        );
    }
}
