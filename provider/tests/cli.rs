//! The real terraform or tofu against the small provider: everything between them is this crate's plugin and protocol
//! layer.
//!
//! This binary is test and provider in one: core starts it with the magic cookie, or a test does with `--debug`, and it
//! serves; started by cargo it tests.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "this is a test, although not of the usual harness")]

mod small;

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Output, Stdio};
use std::time::{Duration, Instant};

use terraform_provider_pve::plugin;

/// Where the small provider finds its cluster.
const CLUSTER: &str = "SMALL_CLUSTER";

/// Runs with the CLI at the given path; panics on failure.
type Test = fn(&Path);

fn main() -> ExitCode {
    let debug = env::args().nth(1).is_some_and(|argument| argument == "--debug");
    if debug || env::var_os("TF_PLUGIN_MAGIC_COOKIE").is_some() {
        return plugin::serve(|| small::provider(env::var_os(CLUSTER).unwrap().into()));
    }
    let Some(cli) = cli() else {
        println!("skipped: neither tofu nor terraform is in PATH");
        return ExitCode::SUCCESS;
    };
    let tests: [(&str, Test); 7] = [
        ("a life from plan to destroy", a_life),
        ("import and move", import_and_move),
        ("errors point at the attribute", errors_point_at_the_attribute),
        ("one crash is one error", one_crash_is_one_error),
        ("the log is hclog without secrets", the_log_is_hclog_without_secrets),
        ("no orphan is left when core is killed", no_orphan),
        ("reattach", reattach),
    ];
    for (name, test) in tests {
        let start = Instant::now();
        test(&cli);
        println!("test {name} ... ok ({:.1} s)", start.elapsed().as_secs_f32());
    }
    ExitCode::SUCCESS
}

fn cli() -> Option<PathBuf> {
    let named = env::var_os("TF_ACC_TERRAFORM_PATH").map(PathBuf::from);
    let path = env::var_os("PATH").unwrap_or_default();
    let found = || {
        let folders: Vec<_> = env::split_paths(&path).collect();
        ["tofu", "terraform"].iter().find_map(|name| folders.iter().map(|f| f.join(name)).find(|p| p.is_file()))
    };
    named.or_else(found)
}

/// A folder with a configuration, a cluster and the provider.
struct Workspace {
    folder: tempfile::TempDir,
    cli: PathBuf,
}

impl Workspace {
    fn new(cli: &Path, configuration: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let workspace = Self { folder, cli: cli.to_owned() };
        for name in ["cluster", "bin"] {
            fs::create_dir(workspace.path(name)).unwrap();
        }
        let me = env::current_exe().unwrap();
        let provider = workspace.path("bin/terraform-provider-pve").with_extension(env::consts::EXE_EXTENSION);
        fs::hard_link(&me, &provider).or_else(|_| fs::copy(&me, &provider).map(drop)).unwrap();
        let overrides = format!(
            "provider_installation {{\n dev_overrides {{\n \"pve-ha/pve\" = {:?}\n }}\n direct {{}}\n}}\n",
            workspace.path("bin")
        );
        fs::write(workspace.path("cli.tfrc"), overrides).unwrap();
        workspace.configure(configuration);
        workspace
    }

    fn configure(&self, configuration: &str) {
        let required = "terraform {\n required_providers {\n pve = {\n source = \"pve-ha/pve\"\n }\n }\n}\n";
        fs::write(self.path("main.tf"), format!("{required}{configuration}")).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn object(&self, name: &str) -> PathBuf {
        small::file(&self.path("cluster"), name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.cli);
        command.current_dir(self.folder.path()).args(arguments).arg("-no-color");
        for (name, _) in env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if ["TF_", "PROXMOX_VE_", "PM_"].iter().any(|prefix| name.starts_with(prefix)) {
                command.env_remove(name);
            }
        }
        command.env("TF_CLI_CONFIG_FILE", self.path("cli.tfrc")).env("CHECKPOINT_DISABLE", "1");
        command.env("TF_IN_AUTOMATION", "1").env(CLUSTER, self.path("cluster"));
        command.stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs a command that must end with `code`; gives all it said.
    #[track_caller]
    fn expect(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let text = said(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}\n{text}");
        text
    }
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[track_caller]
fn assert_says(text: &str, part: &str) {
    // The CLI wraps lines, and draws a bar before each line of an error.
    let flat = text.replace(['│', '╷', '╵'], " ").split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains(part), "not said: {part}\n{text}");
}

const LIFE: &str = r#"
provider "pve" {
  token = "canary-token"
}

variable "size" {
  default = 0.1
}

resource "pve_thing" "a" {
  name   = "a"
  size   = var.size
  tags   = ["y", "x"]
  labels = { k = "v" }
  secret = "canary-secret"

  rule {
    source = data.pve_echo.hello.said[0].words
  }

  rule {
    source  = "b"
    enabled = false
  }

  timeouts {
    create = "1m"
  }
}

resource "pve_thing" "b" {
  name = "b"
  size = 100000000000000000000
  # Unknown in the plan, both of them.
  tags = [pve_thing.a.serial, "${pve_thing.a.serial}-2"]
}

data "pve_echo" "hello" {
  text = "hello"
}

output "serial" {
  value = pve_thing.b.serial
}
"#;

fn a_life(cli: &Path) {
    let w = Workspace::new(cli, LIFE);
    assert_says(&w.expect(0, &["validate"]), "The configuration is valid");
    assert_says(&w.expect(2, &["plan", "-detailed-exitcode"]), "2 to add, 0 to change, 0 to destroy");
    assert_says(&w.expect(0, &["apply", "-auto-approve"]), "2 added, 0 changed, 0 destroyed");
    let stored = fs::read_to_string(w.object("b")).unwrap();
    assert!(stored.contains("s-1-2"), "{stored}");
    assert_says(&w.expect(0, &["plan", "-detailed-exitcode"]), "No changes");

    let drifted = fs::read_to_string(w.object("a")).unwrap().replace("\"v\"", "\"w\"");
    fs::write(w.object("a"), drifted).unwrap();
    let plan = w.expect(2, &["plan", "-detailed-exitcode"]);
    assert_says(&plan, "0 to add, 1 to change, 0 to destroy");
    assert_says(&plan, r#""k" = "w" -> "v""#);
    w.expect(0, &["apply", "-auto-approve", "-var=size=2.5"]);
    assert!(fs::read_to_string(w.object("a")).unwrap().contains("2.5"));

    let replaced = LIFE.replace(r#"name   = "a""#, r#"name   = "c""#);
    w.configure(&replaced);
    assert_says(&w.expect(0, &["plan", "-var=size=2.5"]), r#"name = "a" -> "c" # forces replacement"#);

    let schemas = w.expect(0, &["providers", "schema", "-json"]);
    assert_says(&schemas, r#""description_kind":"markdown""#);
    assert_says(&schemas, "How large.");

    assert_says(&w.expect(0, &["destroy", "-auto-approve"]), "2 destroyed");
    assert!(!w.object("a").exists() && !w.object("b").exists());
}

fn import_and_move(cli: &Path) {
    let w = Workspace::new(cli, "resource \"terraform_data\" \"old\" {\n input = \"a\"\n}\n");
    w.expect(0, &["apply", "-auto-approve"]);
    fs::write(w.object("a"), r#"{"name":"a","size":1,"serial":"s-1","rule":[]}"#).unwrap();
    fs::copy(w.object("a"), w.object("b")).unwrap();
    fs::write(w.object("b"), r#"{"name":"b","size":1,"serial":"s-1","rule":[]}"#).unwrap();
    w.configure(
        r#"
        moved {
          from = terraform_data.old
          to   = pve_thing.a
        }
        resource "pve_thing" "a" {
          name = "a"
        }
        import {
          to = pve_thing.b
          id = "b"
        }
        resource "pve_thing" "b" {
          name = "b"
        }
        "#,
    );
    let applied = w.expect(0, &["apply", "-auto-approve"]);
    assert_says(&applied, "1 imported, 0 added");
    assert_says(&applied, "0 destroyed");
    assert_says(&w.expect(0, &["plan", "-detailed-exitcode"]), "No changes");
}

fn errors_point_at_the_attribute(cli: &Path) {
    let w = Workspace::new(cli, "resource \"pve_thing\" \"a\" {\n  name = \"bad\"\n}\n");
    let text = w.expect(1, &["validate"]);
    assert_says(&text, "Error: Bad name");
    assert_says(&text, "with pve_thing.a");
    assert_says(&text, "name = \"bad\"");
}

fn one_crash_is_one_error(cli: &Path) {
    let thing = |name: &str| format!("resource \"pve_thing\" \"{name}\" {{\n  name = \"{name}\"\n}}\n");
    let w = Workspace::new(cli, &["crash", "a", "b"].map(thing).concat());
    let text = w.expect(1, &["plan"]);
    assert_eq!(text.matches("Error:").count(), 1, "{text}");
    assert_says(&text, "Error: The provider crashed");
    assert_says(&text, "ValidateResourceTypeConfig of pve_thing panicked at");
    assert_says(&text, "small/mod.rs:");

    // A crash inside an apply must not lose the object, whichever state it is in.
    w.configure(&format!("{}{}", thing("a"), thing("c").replace("pve_thing", "pve_crashing")));
    let text = w.expect(1, &["apply", "-auto-approve"]);
    assert_eq!(text.matches("Error:").count(), 1, "{text}");
    assert_says(&text, "ApplyResourceChange of pve_crashing panicked at");
    let state = w.expect(0, &["state", "list"]);
    assert!(state.contains("pve_thing.a") && state.contains("pve_crashing.c"), "{state}");
    assert_says(&w.expect(0, &["state", "show", "pve_crashing.c"]), "(tainted)");
}

fn the_log_is_hclog_without_secrets(cli: &Path) {
    let w = Workspace::new(cli, LIFE);
    let output = w.command(&["apply", "-auto-approve"]).env("TF_LOG_PROVIDER", "TRACE").output().unwrap();
    let text = said(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(!text.contains("canary"), "a secret is in the log:\n{text}");
    let ours: Vec<_> = text.lines().filter(|line| line.contains("provider.terraform-provider-pve")).collect();
    let apply = |line: &&str| line.contains("[TRACE]") && line.contains("tf_rpc=ApplyResourceChange");
    assert!(ours.iter().any(apply), "{text}");
    // A line that hclog doesn't understand is shown as it came.
    assert!(!ours.iter().any(|line| line.contains("@message")), "{text}");
    // No log was requested.
    assert!(!said(&w.run(&["plan"])).contains("[TRACE]"));
}

fn no_orphan(cli: &Path) {
    let w = Workspace::new(cli, "data \"pve_echo\" \"a\" {\n  text = \"hang\"\n}\n");
    let mut core = w.command(&["plan"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    small::wait_for("the read hangs", || w.path("cluster/hanging").exists());
    let pid = fs::read_to_string(w.path("cluster/pid")).unwrap();
    core.kill().unwrap();
    core.wait().unwrap();
    small::wait_for("the provider ends", || !is_running(&pid));
}

fn is_running(pid: &str) -> bool {
    Command::new("kill").args(["-0", pid]).stderr(Stdio::null()).status().unwrap().success()
}

fn reattach(cli: &Path) {
    let w = Workspace::new(cli, LIFE);
    let (mut provider, reattach) = debug(&w.path("cluster"));
    for _ in 0..2 {
        let output = w.command(&["apply", "-auto-approve"]).env("TF_REATTACH_PROVIDERS", &reattach).output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
    }
    assert_eq!(fs::read_to_string(w.path("cluster/pid")).unwrap(), provider.id().to_string());
    assert!(provider.try_wait().unwrap().is_none(), "the process ended with its first core");
    let start = Instant::now();
    assert!(Command::new("kill").args(["-INT", &provider.id().to_string()]).status().unwrap().success());
    assert!(provider.wait().unwrap().success());
    assert!(start.elapsed() < Duration::from_secs(8));
}

/// A provider process that waits for whoever comes, and what to tell them.
fn debug(cluster: &Path) -> (Child, String) {
    let mut provider = Command::new(env::current_exe().unwrap())
        .arg("--debug")
        .env(CLUSTER, cluster)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(provider.stdout.take().unwrap()).lines();
    let mut values = lines.map_while(Result::ok).filter_map(|line| {
        let value = line.trim().strip_prefix("TF_REATTACH_PROVIDERS='")?.strip_suffix('\'')?;
        Some(value.to_owned())
    });
    let value = values.next().unwrap();
    (provider, value)
}
