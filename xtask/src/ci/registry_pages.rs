//! The pages as the registry reads them, by its own tool: `tfplugindocs validate`.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Outcome, Workspace};

const TOOL: &str = "tfplugindocs";

/// The tool looks for the provider in this namespace only.
const SOURCE: &str = "hashicorp/pve";

/// The programs that the check needs.
pub(super) struct Tools {
    validator: PathBuf,
    cli: PathBuf,
}

impl Tools {
    /// Those in PATH.
    ///
    /// # Errors
    /// The one that is missing, and how to install it.
    pub(super) fn in_path() -> Result<Self, String> {
        let folders: Vec<PathBuf> = env::split_paths(&env::var_os("PATH").unwrap_or_default()).collect();
        Self::in_folders(&folders)
    }

    fn in_folders(folders: &[PathBuf]) -> Result<Self, String> {
        let found = |name: &str| folders.iter().map(|folder| folder.join(name)).find(|program| program.is_file());
        let how = "go install github.com/hashicorp/terraform-plugin-docs/cmd/tfplugindocs@latest";
        let validator = found(TOOL).ok_or_else(|| format!("{TOOL} is not in PATH ({how})"))?;
        let cli = found("terraform").ok_or_else(|| format!("terraform is not in PATH, whose schema {TOOL} reads"))?;
        Ok(Self { validator, cli })
    }
}

/// Checks the pages with the provider in the folder `programs`.
///
/// # Errors
/// A page is not as the registry demands, or the schema can't be had.
pub(super) fn check(workspace: &Workspace, programs: &Path, tools: &Tools) -> Outcome {
    let folder = tempfile::tempdir()?;
    let file = |name: &str| folder.path().join(name);
    let source = format!("terraform {{\n  required_providers {{\n    pve = {{ source = {SOURCE:?} }}\n  }}\n}}\n");
    fs::write(file("main.tf"), source)?;
    let installed = format!("dev_overrides {{\n    {SOURCE:?} = {programs:?}\n  }}\n  direct {{}}");
    fs::write(file("cli.tfrc"), format!("provider_installation {{\n  {installed}\n}}\n"))?;
    let mut schema = Command::new(&tools.cli);
    schema.args(["providers", "schema", "-json"]).current_dir(folder.path());
    let schema = schema.env("TF_CLI_CONFIG_FILE", file("cli.tfrc")).env("CHECKPOINT_DISABLE", "1").output()?;
    if !schema.status.success() {
        return Err(format!("`terraform providers schema`: {}", String::from_utf8_lossy(&schema.stderr)).into());
    }
    fs::write(file("schema.json"), schema.stdout)?;
    let mut validate = Command::new(&tools.validator);
    validate.args(["validate", "--provider-name", "pve", "--providers-schema"]).arg(file("schema.json"));
    let validate = validate.current_dir(workspace.root()).output()?;
    if validate.status.success() {
        return Ok(());
    }
    // It logs each file that it reads.
    let text = [validate.stdout, validate.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    let problems: Vec<&str> = text.lines().skip_while(|line| !line.contains("rror")).collect();
    Err(format!("`{TOOL} validate`: {}", problems.join("\n")).into())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// A folder of programs that are scripts.
    fn programs(scripts: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, script) in scripts {
            let path = folder.path().join(name);
            fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        folder
    }

    fn checked(scripts: &[(&str, &str)]) -> Outcome {
        let folder = programs(scripts);
        let tools = Tools::in_folders(&[folder.path().to_owned()])?;
        check(&Workspace::at(folder.path()), folder.path(), &tools)
    }

    #[test]
    fn a_tool_that_is_missing_is_named() {
        let missing = |scripts| checked(scripts).unwrap_err().to_string();
        assert!(missing(&[]).starts_with("tfplugindocs is not in PATH"));
        assert!(missing(&[("tfplugindocs", "exit 0")]).starts_with("terraform is not in PATH"));
    }

    #[test]
    fn what_the_tool_refuses_is_an_error_in_its_words() {
        let terraform = ("terraform", "echo '{}'");
        // The schema is what the CLI printed.
        checked(&[terraform, ("tfplugindocs", "grep -q '{}' \"$5\"")]).unwrap();
        let refused = checked(&[terraform, ("tfplugindocs", "echo reading; echo 'Error: docs/index.md'; exit 1")]);
        assert_eq!(refused.unwrap_err().to_string(), "`tfplugindocs validate`: Error: docs/index.md");
        let broken = checked(&[("terraform", "echo no >&2; exit 1"), ("tfplugindocs", "exit 0")]);
        assert!(broken.unwrap_err().to_string().contains("no"));
    }
}
