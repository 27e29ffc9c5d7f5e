//! A folder with a configuration and its state, and what the CLI makes of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use serde_json::Value as Json;

use crate::cli;
use crate::cluster::{Cluster, IGNORED_CHECK};
use crate::output::Run;
use crate::plan::Plan;

const REQUIRED: &str =
    "terraform {\n  required_providers {\n    pve = {\n      source = \"pve-ha/pve\"\n    }\n  }\n}\n";

/// A working folder against a cluster. Whatever its state still holds when it is dropped is destroyed.
pub struct Workspace {
    folder: tempfile::TempDir,
    cluster: Arc<Cluster>,
    cli: PathBuf,
}

impl Workspace {
    /// A folder without a configuration.
    pub fn new(cluster: &Arc<Cluster>) -> Self {
        Self::of(cluster, cli::path())
    }

    /// The same for a certain CLI.
    pub fn of(cluster: &Arc<Cluster>, cli: PathBuf) -> Self {
        let folder = tempfile::Builder::new().prefix("tfacc-").tempdir().expect("a temporary folder can be made");
        let workspace = Self { folder, cluster: cluster.clone(), cli };
        workspace.write("cli.tfrc", &cli::configuration(&cli::provider_folder()));
        workspace.write("terraform.tf", REQUIRED);
        if let Some(block) = cluster.provider_block() {
            workspace.write("provider.tf", &block);
        }
        workspace
    }

    /// Makes `text` the configuration.
    pub fn configure(&self, text: &str) {
        self.write("main.tf", text);
    }

    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("the working folder can be written to");
    }

    /// The path of a file.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The CLI with `arguments`, about to be run.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = cli::command_of(&self.cli, self.folder.path(), &self.path("cli.tfrc"));
        command.args(arguments).env("PROXMOX_VE_IGNORE_PREFLIGHT", IGNORED_CHECK);
        command.envs(self.cluster.environment.iter().cloned());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Run {
        Run::new(&self.command(arguments).output().expect("the CLI can be started"))
    }

    /// Runs the CLI, which has to end with `code`.
    #[track_caller]
    pub fn expect(&self, code: i32, arguments: &[&str]) -> Run {
        let run = self.run(arguments);
        assert_eq!(run.code, Some(code), "{arguments:?}\n{}", run.text);
        run
    }

    #[track_caller]
    pub fn apply(&self) -> Run {
        self.expect(0, &["apply", "-auto-approve", "-json"])
    }

    /// Applies the configuration, which must fail.
    #[track_caller]
    pub fn apply_fails(&self) -> Run {
        self.expect(1, &["apply", "-auto-approve", "-json"])
    }

    /// Plans the configuration, which must fail.
    #[track_caller]
    pub fn plan_fails(&self) -> Run {
        self.expect(1, &["plan", "-json"])
    }

    /// Destroys everything in the state.
    #[track_caller]
    pub fn destroy(&self) -> Run {
        let run = self.expect(0, &["destroy", "-auto-approve", "-json"]);
        assert!(self.state().is_empty(), "something is left in the state");
        run
    }

    #[track_caller]
    pub fn plan(&self) -> Plan {
        self.plan_with(&[])
    }

    /// Plans the configuration into the file `plan`.
    #[track_caller]
    pub fn plan_with(&self, more: &[&str]) -> Plan {
        self.expect(0, &[&["plan", "-json", "-out=plan"], more].concat());
        self.show_plan()
    }

    /// The content of the file `plan`.
    #[track_caller]
    pub fn show_plan(&self) -> Plan {
        let shown = self.command(&["show", "-json", "plan"]).output().expect("the CLI can be started");
        Plan(serde_json::from_slice(&shown.stdout).expect("a plan is shown as JSON"))
    }

    /// Applies the file `plan`.
    #[track_caller]
    pub fn apply_plan(&self) -> Run {
        self.expect(0, &["apply", "-json", "plan"])
    }

    /// Demands that there is nothing to do.
    #[track_caller]
    pub fn plan_is_empty(&self) {
        let run = self.run(&["plan", "-detailed-exitcode", "-no-color"]);
        assert_eq!(run.code, Some(0), "the plan is not empty\n{}", run.text);
    }

    /// The resources in the state, as the state file has them: address and attributes.
    pub fn state(&self) -> Vec<(String, Json)> {
        let Ok(text) = fs::read_to_string(self.path("terraform.tfstate")) else { return Vec::new() };
        let state: Json = serde_json::from_str(&text).expect("the state is JSON");
        let resources = state["resources"].as_array().into_iter().flatten().filter(|r| r["mode"] == "managed");
        let objects = resources.flat_map(|resource| {
            let instances = resource["instances"].as_array().into_iter().flatten();
            instances.map(move |instance| {
                let index = match &instance["index_key"] {
                    Json::Null => String::new(),
                    key => format!("[{key}]"),
                };
                let name = |member: &str| resource[member].as_str().unwrap_or_default().to_owned();
                (format!("{}.{}{index}", name("type"), name("name")), instance.clone())
            })
        });
        objects.collect()
    }

    /// The attributes of the object at `address` in the state.
    #[track_caller]
    pub fn attributes(&self, address: &str) -> Json {
        let found = self.state().into_iter().find(|(a, _)| a == address);
        found.unwrap_or_else(|| panic!("{address} is not in the state")).1["attributes"].clone()
    }

    /// Whether the object at `address` is tainted.
    pub fn is_tainted(&self, address: &str) -> bool {
        self.state().iter().any(|(a, instance)| a == address && instance["status"] == "tainted")
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        // Only a failed test leaves something; a cluster of our own is gone with it anyway.
        if !self.cluster.is_own() && !self.state().is_empty() {
            let _ = self.command(&["destroy", "-auto-approve"]).output();
        }
    }
}
