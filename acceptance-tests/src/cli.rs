//! The CLI under test, and the provider it is to use.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cluster::not_run_here;

/// Names the CLI, where it isn't the first `tofu` or `terraform` of PATH.
pub const CLI: &str = "TF_ACC_TERRAFORM_PATH";

/// Names a second CLI, for what the one under test is too old for.
pub const NEXT_CLI: &str = "TF_ACC_TERRAFORM_NEXT_PATH";

const PROVIDER: &str = "terraform-provider-pve";

/// Variables that users keep exported for production: no test may reach that.
const NOT_FOR_CHILDREN: [&str; 3] = ["TF_", "PROXMOX_VE_", "PM_"];

/// The path of the CLI: `TF_ACC_TERRAFORM_PATH`, else `tofu`, else `terraform` from PATH.
///
/// # Panics
/// It does not exist.
pub fn path() -> PathBuf {
    if let Some(named) = env::var_os(CLI) {
        return named.into();
    }
    let folders: Vec<PathBuf> = env::split_paths(&env::var_os("PATH").unwrap_or_default()).collect();
    let found =
        ["tofu", "terraform"].iter().find_map(|name| folders.iter().map(|f| f.join(name)).find(|p| p.is_file()));
    found.unwrap_or_else(|| panic!("neither tofu nor terraform is in PATH; install one, or name it by {CLI}"))
}

/// Every CLI of this machine: the one under test, the one that `TF_ACC_TERRAFORM_NEXT_PATH` names, and those of PATH.
///
/// # Panics
/// There is no CLI.
pub fn all() -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> =
        [Some(path()), env::var_os(NEXT_CLI).map(PathBuf::from)].into_iter().flatten().collect();
    let folders: Vec<PathBuf> = env::split_paths(&env::var_os("PATH").unwrap_or_default()).collect();
    let first = |name: &&str| folders.iter().map(|folder| folder.join(name)).find(|program| program.is_file());
    all.extend(["tofu", "terraform"].iter().filter_map(first));
    let mut seen = std::collections::BTreeSet::new();
    all.retain(|cli| seen.insert(cli.canonicalize().unwrap_or_else(|_| cli.clone())));
    all
}

/// A Terraform that has actions, 1.14 or later: the one that `TF_ACC_TERRAFORM_NEXT_PATH` names, else the CLI under test. None,
/// and a line that says so, where that is an older one or OpenTofu, which has none.
///
/// # Panics
/// The one that is named has no actions.
pub fn with_actions(test: &str) -> Option<PathBuf> {
    if let Some(named) = env::var_os(NEXT_CLI).map(PathBuf::from) {
        assert!(has_actions(&named), "{NEXT_CLI} has to name a Terraform 1.14 or later");
        return Some(named);
    }
    let cli = path();
    if has_actions(&cli) {
        return Some(cli);
    }
    not_run_here(test, &format!("needs Terraform 1.14 or later ({NEXT_CLI})"));
    None
}

/// The CLI under test, if it has functions of providers: Terraform 1.8, OpenTofu 1.7 or later. None, and a line that says so,
/// where it is an older one.
///
/// # Panics
/// It does not exist.
pub fn with_functions(test: &str) -> Option<PathBuf> {
    let cli = path();
    if is_at_least(&cli, "Terraform", (1, 8)) || is_at_least(&cli, "OpenTofu", (1, 7)) {
        return Some(cli);
    }
    not_run_here(test, &format!("needs Terraform 1.8 or OpenTofu 1.7, or later ({CLI})"));
    None
}

fn has_actions(cli: &Path) -> bool {
    is_at_least(cli, "Terraform", (1, 14))
}

/// Whether the CLI is the `product` in this version or a later one.
fn is_at_least(cli: &Path, product: &str, version: (u32, u32)) -> bool {
    let said =
        Command::new(cli).arg("version").env("CHECKPOINT_DISABLE", "1").output().expect("the CLI can be started");
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    let prefix = format!("{product} v");
    let found = said.lines().find_map(|line| line.strip_prefix(&prefix)).unwrap_or_default();
    let mut parts = found.split('.').map_while(|part| part.parse::<u32>().ok());
    (parts.next(), parts.next()) >= (Some(version.0), Some(version.1))
}

/// The folder that cargo has built the provider into: the one above the tests' own.
///
/// # Panics
/// The provider isn't there.
pub fn provider_folder() -> PathBuf {
    program(PROVIDER).parent().expect("a file lies in a folder").to_owned()
}

/// A program of this workspace as cargo has built it, named like its package.
///
/// # Panics
/// It isn't there.
pub fn program(name: &str) -> PathBuf {
    let me = env::current_exe().expect("this program has a path");
    // Tests lie in target/PROFILE/deps, programs in target/PROFILE.
    let mut folders = me.ancestors().skip(1).take(2);
    let program = |folder: &Path| folder.join(name).with_extension(env::consts::EXE_EXTENSION);
    let found = folders.find_map(|folder| Some(program(folder)).filter(|program| program.is_file()));
    found.unwrap_or_else(|| panic!("{name} is missing; run `cargo build --package {name}` first"))
}

/// The CLI, to be run in `folder` with nothing of the user's settings.
pub fn command(folder: &Path, configuration: &Path) -> Command {
    command_of(&path(), folder, configuration)
}

/// The same for a certain CLI.
pub fn command_of(cli: &Path, folder: &Path, configuration: &Path) -> Command {
    let mut command = Command::new(cli);
    for (name, _) in env::vars_os() {
        if NOT_FOR_CHILDREN.iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    command
        .current_dir(folder)
        .env("TF_CLI_CONFIG_FILE", configuration)
        .env("TF_IN_AUTOMATION", "1")
        .env("TF_INPUT", "0")
        .env("CHECKPOINT_DISABLE", "1")
        .stdin(std::process::Stdio::null());
    command
}

/// The text of a CLI configuration that takes the provider from `folder`.
pub fn configuration(folder: &Path) -> String {
    format!("provider_installation {{\n  dev_overrides {{\n    \"pve-ha/pve\" = {folder:?}\n  }}\n  direct {{}}\n}}\n")
}

/// Installs the provider into the filesystem mirror `folder`, for `init`; the text of a CLI configuration that takes it from there.
///
/// # Panics
/// The folder can't be written to.
pub fn mirror(folder: &Path) -> String {
    let arch = if env::consts::ARCH == "x86_64" { "amd64" } else { "arm64" };
    let version = env!("CARGO_PKG_VERSION");
    for registry in ["registry.terraform.io", "registry.opentofu.org"] {
        let platform = folder.join(format!("{registry}/pve-ha/pve/{version}/{}_{arch}", env::consts::OS));
        let installed = platform.join(format!("{PROVIDER}_v{version}{}", env::consts::EXE_SUFFIX));
        std::fs::create_dir_all(&platform).expect("the mirror can be written to");
        std::os::unix::fs::symlink(program(PROVIDER), installed).expect("the mirror can be written to");
    }
    format!("provider_installation {{\n  filesystem_mirror {{\n    path = {folder:?}\n  }}\n}}\n")
}
