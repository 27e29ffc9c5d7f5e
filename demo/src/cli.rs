//! The real CLI, in a working folder of its own, with the provider installed as users install it: from a filesystem mirror.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value as Json;

use crate::cluster::Cluster;

type Failure = Box<dyn std::error::Error>;

/// The mirror of the README.
const MIRROR: &str = "\"/srv/terraform-mirror\"";

/// The CLI with its folder and environment.
pub(crate) struct Cli {
    binary: PathBuf,
    folder: PathBuf,
    configuration: String,
    environment: Vec<(&'static str, String)>,
}

/// What a plan said.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// `create`, `update`, … and the address, in order.
    pub(crate) changes: Vec<String>,
    /// The changes as the CLI shows them, from the first one to the line that counts them.
    pub(crate) shown: String,
}

/// `TF_ACC_TERRAFORM_PATH`, else `tofu`, else `terraform` of `PATH`.
pub(crate) fn binary() -> Result<PathBuf, Failure> {
    if let Some(given) = std::env::var_os("TF_ACC_TERRAFORM_PATH") {
        return Ok(given.into());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = ["tofu", "terraform"].iter().find_map(|name| {
        std::env::split_paths(&path)
            .map(|folder| folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX)))
            .find(|file| file.is_file())
    });
    found.ok_or_else(|| {
        "neither tofu nor terraform is in PATH: install one of them, or set TF_ACC_TERRAFORM_PATH".into()
    })
}

/// The first line of `version`.
pub(crate) fn version(binary: &Path) -> Result<String, Failure> {
    let output = Command::new(binary).arg("version").env("CHECKPOINT_DISABLE", "1").stderr(Stdio::null()).output()?;
    Ok(String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or("an unknown CLI").to_owned())
}

impl Cli {
    /// A CLI in a copy of an example topology, `three-node` or another one.
    pub(crate) fn new(
        binary: PathBuf,
        root: &Path,
        topology: &str,
        folder: &Path,
        provider: &Path,
        cluster: &Cluster,
    ) -> Result<Self, Failure> {
        let work = folder.join(topology);
        copy(&root.join("examples/topologies").join(topology), &work)?;
        let mirror = folder.join("mirror");
        for host in ["registry.terraform.io", "registry.opentofu.org"] {
            let version = env!("CARGO_PKG_VERSION");
            let place = mirror.join(host).join("pve-ha/pve").join(version).join(platform());
            fs::create_dir_all(&place)?;
            let installed = place.join(format!("terraform-provider-pve_v{version}"));
            if !installed.exists() {
                fs::hard_link(provider, &installed).or_else(|_| fs::copy(provider, &installed).map(|_| ()))?;
            }
        }
        let rc = folder.join("cli.tfrc");
        fs::write(&rc, installation(&fs::read_to_string(root.join("README.md"))?, &mirror)?)?;
        let environment = cluster.environment().map(|(name, value)| (name, value.to_owned()));
        let configuration = rc.to_string_lossy().into_owned();
        Ok(Self { binary, folder: work, configuration, environment: environment.to_vec() })
    }

    pub(crate) fn binary(&self) -> &Path {
        &self.binary
    }

    /// What beside the cluster's own variables this CLI needs.
    pub(crate) fn environment(&self) -> [(&'static str, &str); 1] {
        [("TF_CLI_CONFIG_FILE", &self.configuration)]
    }

    /// Writes a file into the working folder.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<(), Failure> {
        Ok(fs::write(self.folder.join(name), text)?)
    }

    pub(crate) fn init(&self) -> Result<(), Failure> {
        self.run(["init", "-input=false"]).map(|_| ())
    }

    /// Switches to a workspace, creating it if it does not exist.
    pub(crate) fn workspace(&self, name: &str) -> Result<(), Failure> {
        if self.output(["workspace", "select", name])?.status.success() {
            return Ok(());
        }
        self.run(["workspace", "new", name]).map(|_| ())
    }

    pub(crate) fn plan(&self) -> Result<Plan, Failure> {
        let said = self.run(["plan", "-input=false", "-out=plan.bin"])?.stdout;
        let shown: Json = serde_json::from_slice(&self.run(["show", "-json", "plan.bin"])?.stdout)?;
        let changes = shown["resource_changes"].as_array().into_iter().flatten();
        let changes = changes.filter_map(|change| {
            let actions: Vec<&str> = change["change"]["actions"].as_array()?.iter().filter_map(Json::as_str).collect();
            let does = !matches!(actions.as_slice(), ["no-op"] | ["read"]);
            does.then(|| format!("{} {}", actions.join("-"), change["address"].as_str().unwrap_or_default()))
        });
        Ok(Plan { changes: changes.collect(), shown: changes_shown(&String::from_utf8_lossy(&said)) })
    }

    /// A plan that must be refused; what the CLI said.
    pub(crate) fn refused_plan(&self) -> Result<String, Failure> {
        let output = self.output(["plan", "-input=false"])?;
        if output.status.success() {
            return Err("the plan was not refused".into());
        }
        Ok(String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// Applies what was planned last.
    pub(crate) fn apply(&self) -> Result<(), Failure> {
        self.run(["apply", "-input=false", "plan.bin"]).map(|_| ())
    }

    /// Takes what is into the state without changing anything.
    pub(crate) fn refresh(&self) -> Result<(), Failure> {
        self.run(["apply", "-refresh-only", "-auto-approve", "-input=false"]).map(|_| ())
    }

    pub(crate) fn destroy(&self) -> Result<(), Failure> {
        self.run(["destroy", "-auto-approve", "-input=false"]).map(|_| ())
    }

    pub(crate) fn value(&self, name: &str) -> Result<Json, Failure> {
        Ok(serde_json::from_slice(&self.run(["output", "-json", name])?.stdout)?)
    }

    fn run<const N: usize>(&self, arguments: [&str; N]) -> Result<Output, Failure> {
        let output = self.output(arguments)?;
        if output.status.success() {
            return Ok(output);
        }
        let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        Err(format!("{} {} failed:\n{text}", self.binary.display(), arguments.join(" ")).into())
    }

    fn output<const N: usize>(&self, arguments: [&str; N]) -> Result<Output, Failure> {
        let mut command = Command::new(&self.binary);
        // What users keep exported is for their production cluster, not for this one.
        for (name, _) in std::env::vars_os().filter(|(name, _)| is_foreign(name)) {
            command.env_remove(name);
        }
        command
            .args(arguments)
            .current_dir(&self.folder)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .envs(self.environment())
            .env("CHECKPOINT_DISABLE", "1")
            .env("NO_COLOR", "1")
            .env("TF_CLI_ARGS", "-no-color")
            .stdin(Stdio::null());
        if arguments[0] == "workspace" || arguments[0] == "show" || arguments[0] == "output" {
            command.env_remove("TF_CLI_ARGS");
        }
        Ok(command.output()?)
    }
}

/// The configuration of the CLI that the README has for a mirror, with this one. A pattern that a CLI refuses then fails here.
fn installation(readme: &str, mirror: &Path) -> Result<String, Failure> {
    let blocks = readme.split("```hcl\n").skip(1).filter_map(|rest| rest.split("```").next());
    let block = blocks.into_iter().find(|block| block.contains("filesystem_mirror {"));
    let block = block.ok_or("README.md has no filesystem_mirror")?;
    if !block.contains(MIRROR) {
        return Err(format!("the filesystem_mirror of README.md is not {MIRROR}").into());
    }
    Ok(block.replace(MIRROR, &format!("{mirror:?}")))
}

/// What a plan shows of its changes; nothing of the refresh before them, and of the advice after them.
fn changes_shown(said: &str) -> String {
    let lines = said.lines().skip_while(|line| !line.ends_with("will perform the following actions:"));
    let mut shown = Vec::new();
    for line in lines.skip(1).skip_while(|line| line.is_empty()) {
        shown.push(line);
        if line.starts_with("Plan: ") {
            break;
        }
    }
    shown.join("\n")
}

/// The last diagnostic in `said` that has `text`.
pub(crate) fn diagnostic<'a>(said: &'a str, text: &str) -> Option<&'a str> {
    let starts = said.match_indices("Error: ").map(|(at, _)| at);
    let mut ends: Vec<usize> = starts.clone().skip(1).collect();
    ends.push(said.len());
    let diagnostics = starts.zip(ends).filter_map(|(start, end)| said.get(start..end));
    diagnostics.filter(|diagnostic| diagnostic.contains(text)).last().map(str::trim_end)
}

fn is_foreign(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    ["PROXMOX_VE_", "PM_", "TF_"].iter().any(|prefix| name.starts_with(prefix))
}

fn platform() -> String {
    let os = if cfg!(target_os = "macos") { "darwin" } else { std::env::consts::OS };
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    format!("{os}_{architecture}")
}

fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_shown_from_its_first_change_to_the_count() {
        let said = "x: Refreshing state...\n\nTerraform will perform the following actions:\n\n  # x will be updated\n  ~ x\n\nPlan: 0 to add\n\nSaved\n";
        assert_eq!(changes_shown(said), "  # x will be updated\n  ~ x\n\nPlan: 0 to add");
        assert_eq!(changes_shown("No changes.\n"), "");
    }

    #[test]
    fn the_provider_is_installed_as_the_readme_says() {
        let readme = include_str!("../../README.md");
        let written = installation(readme, Path::new("/x/mirror")).unwrap();
        assert!(written.contains("path    = \"/x/mirror\"") && !written.contains("dev_overrides"), "{written}");
        assert!(installation("none", Path::new("/x")).is_err());
    }

    #[test]
    fn one_of_several_diagnostics_is_taken() {
        let said = "\nError: A\n\nnot ready\n\nError: A\n\nnot survived: 1\n\nError: A\n\nnot survived: 2\n\n";
        assert_eq!(diagnostic(said, "not survived"), Some("Error: A\n\nnot survived: 2"));
        assert_eq!(diagnostic(said, "not ready"), Some("Error: A\n\nnot ready"));
        assert_eq!(diagnostic(said, "else"), None);
    }
}
