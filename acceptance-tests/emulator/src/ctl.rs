//! `pve-emulator ctl`: the control plane from the command line.

use std::io::Write as _;

use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::Failure;

/// Drive a running emulator
#[derive(Args)]
pub(crate) struct Ctl {
    /// URL of the emulator, such as `https://127.0.0.1:8006`
    #[arg(long, env = "PVE_EMULATOR_ENDPOINT")]
    endpoint: String,
    #[command(subcommand)]
    action: Action,
}

/// One call of the control plane: the name is its path, the arguments are its body, except where [`request`] says otherwise.
#[derive(Subcommand, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Action {
    /// Stop the clock, and move it forward
    Advance {
        /// Seconds to add
        seconds: f64,
    },
    /// Print the time, or switch between a stopped clock (virtual) and the clock of this machine (real)
    Clock {
        /// Without a value the clock stays as it is
        mode: Option<Mode>,
    },
    /// Print every node: its cluster, its certificate, and where it listens if it was ever in no cluster
    Nodes {},
    /// Install a node anew: it is in no cluster, and has no guests
    Reinstall {
        /// Name of the node
        node: String,
    },
    /// Break the next join off before a step: connect, request, answer, database, start, certificate, reload
    InterruptJoin {
        /// The step that is not done any more
        before: String,
        /// Joins of this node only
        #[arg(long)]
        node: Option<String>,
    },
    /// Cut a node's power or network
    Fail(OfNode),
    /// Restore a node's power or network
    Restore(OfNode),
    /// Change a guest without an API call
    Guest {
        /// `fail` makes every start fail, `fail-migration` every migration, `cure` ends both
        action: GuestAction,
        /// VMID of the guest
        vmid: u32,
        /// Target node of `move`
        node: Option<String>,
    },
    /// Make backups of a guest fail or work again, run a backup job at once, or list the runs so far
    Backup {
        /// `run` runs a job at once; the others decide whether backups of a guest work
        action: BackupAction,
        /// VMID of the guest; for `run` the id of the job, for `runs` nothing
        which: Option<String>,
    },
    /// Take a storage from all nodes or from one, or give it back
    Storage {
        /// Name of the storage
        storage: String,
        /// `off` takes it away
        switch: Switch,
        /// Name of the node; all nodes by default
        #[arg(long)]
        node: Option<String>,
    },
    /// Add or remove a QDevice
    Qdevice {
        /// Whether to add or remove it
        switch: Switch,
        /// Address of the QNet host
        #[arg(long)]
        host: Option<String>,
    },
    /// Reboot a node, without a shutdown
    Reboot {
        /// Name of the node
        node: String,
    },
    /// Make a newer kernel available on a node, or install it, so that a reboot is due
    Kernel {
        /// Name of the node
        node: String,
        /// Release of the kernel, such as 6.17.2-2-pve; the build after the installed one by default
        #[arg(long)]
        release: Option<String>,
        /// Install it at once
        #[arg(long)]
        install: bool,
    },
    /// Run a command line on a machine as root; stdin is passed to programs that read it
    Run {
        /// Name of the node, or address of a host
        node: String,
        /// Program and arguments
        command: Vec<String>,
    },
    /// Print the commands that were run over SSH, or clear that list
    Commands {
        /// Clear the list
        #[arg(long, conflicts_with = "clear")]
        reset: bool,
        /// Clear the list, the faults and the answers of fence agents
        #[arg(long)]
        clear: bool,
    },
    /// Add a fault that the next matching command over SSH meets
    CommandFault {
        /// The fault: fail, fail-after, cut-before, cut-after, hang-before, hang-after, latency
        kind: String,
        /// Match commands on this machine only
        #[arg(long)]
        node: Option<String>,
        /// Match commands by this regular expression
        #[arg(long)]
        command: Option<String>,
        /// Number of matching commands that pass first
        #[arg(long, default_value_t = 0)]
        skip: u64,
        /// Number of matching commands that meet it
        #[arg(long, default_value_t = 1)]
        count: u64,
        /// Exit code of the command
        #[arg(long, default_value_t = 1)]
        exit: i32,
        /// Text on stderr
        #[arg(long, default_value = "", value_parser = line)]
        stderr: String,
        /// Milliseconds of `latency`
        #[arg(long, default_value_t = 0)]
        ms: u64,
    },
    /// Set the answer of a fence agent
    Agent {
        /// Name of the agent, such as fence_ipmilan; all agents by default
        #[arg(long)]
        agent: Option<String>,
        /// Value of `action`; all actions by default
        #[arg(long)]
        action: Option<String>,
        /// Exit code of the agent
        #[arg(long, default_value_t = 0)]
        exit: i32,
        /// Text on stdout
        #[arg(long, default_value = "", value_parser = line)]
        stdout: String,
        /// Text on stderr
        #[arg(long, default_value = "", value_parser = line)]
        stderr: String,
    },
    /// Change properties of a machine; an unknown host is added
    Machine {
        /// Name of the node, or address of a host
        machine: String,
        /// Whether it has power and network (hosts)
        #[arg(long)]
        reachable: Option<bool>,
        /// The nodes whose root may log in (hosts); an empty text removes all
        #[arg(long, value_delimiter = ',')]
        trusts: Option<Vec<String>>,
        /// Whether users other than root may use sudo
        #[arg(long)]
        sudo: Option<bool>,
        /// Install a package; may be repeated
        #[arg(long)]
        install: Vec<String>,
        /// Remove a package; may be repeated
        #[arg(long)]
        remove: Vec<String>,
        /// Start a service; may be repeated
        #[arg(long)]
        start: Vec<String>,
        /// Stop a service; may be repeated
        #[arg(long)]
        stop: Vec<String>,
    },
    /// Upgrade the last node that still runs PVE 8, so that HA groups are migrated to rules; or install a version
    Upgrade {
        /// Which version of pve-manager, such as 9.2.6
        version: Option<String>,
        /// Install it on this node only
        #[arg(long, requires = "version")]
        node: Option<String>,
    },
    /// Add a fault that the next matching requests meet
    Fault {
        /// The fault: 595, 596-before, 596-after, 597, 599, reset-before, reset-after, hang, lock-timeout,
        /// locked-command-timeout, no-quorum, 401, latency, edit-before
        kind: String,
        /// Match requests of this method only
        #[arg(long)]
        method: Option<String>,
        /// Match paths by this regular expression
        #[arg(long)]
        path: Option<String>,
        /// Match requests at the listener of this node only, which is or was in no cluster
        #[arg(long)]
        node: Option<String>,
        /// Number of matching requests that pass first
        #[arg(long, default_value_t = 0)]
        skip: u64,
        /// Number of matching requests that meet it
        #[arg(long, default_value_t = 1)]
        count: u64,
        /// Milliseconds of `latency`
        #[arg(long, default_value_t = 0)]
        ms: u64,
        /// For edit-before: the path, and NAME=VALUE for each parameter of the PUT that comes first
        #[arg(long, num_args = 1..)]
        edit: Vec<String>,
    },
    /// Print how many requests met a fault, or remove all faults
    Faults {
        /// Remove all faults
        #[arg(long)]
        clear: bool,
    },
    /// Change the cluster outside of the client: a file (its new text from stdin), or by an API call as root@pam
    Edit {
        /// The file to replace
        #[arg(long, conflicts_with = "call")]
        file: Option<String>,
        /// The node that answers the call, or whose file it is
        #[arg(long)]
        on: Option<String>,
        /// The API call: METHOD PATH [NAME=VALUE]…
        call: Vec<String>,
    },
    /// Print the holder of each cluster lock, and the number of calls that wait for it
    Locks {},
    /// Print a file
    File {
        /// Path of the file
        file: String,
        /// Node that it is on
        #[arg(long)]
        node: Option<String>,
    },
    /// Return to the start state
    Seed {
        /// Whether HA was used before
        initial: Option<InitialState>,
        /// The first N nodes only, and their guests
        #[arg(long)]
        nodes: Option<usize>,
    },
    /// Print the notifications that were sent, and their outcome; waits for those that are being sent
    Notifications {},
    /// Make updates of packages available on a node, and notify of them
    PackageUpdates {
        /// Name of the node
        node: String,
        /// PACKAGE=VERSION for each update
        #[arg(required = true)]
        updates: Vec<String>,
    },
    /// Print the number of API requests
    Counters {
        /// Set all counts to 0
        #[arg(long)]
        reset: bool,
    },
}

#[derive(Args, Serialize)]
struct OfNode {
    /// Name of the node
    node: String,
    /// The network; the node keeps its power
    #[arg(long)]
    network: bool,
}

#[derive(Clone, Copy, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
enum Mode {
    Virtual,
    Real,
}

#[derive(Clone, Copy, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
enum GuestAction {
    Fail,
    FailMigration,
    Cure,
    Move,
    Remove,
    Start,
    Stop,
}

#[derive(Clone, Copy, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
enum BackupAction {
    Fail,
    FailNext,
    Cure,
    Run,
    Runs,
}

#[derive(Clone, Copy, Serialize, ValueEnum)]
enum Switch {
    On,
    Off,
}

#[derive(Clone, Copy, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
enum InitialState {
    Seed,
    Fresh,
}

/// Makes the call and prints the answer.
///
/// # Errors
/// If there is no answer, or the emulator refuses.
pub(crate) async fn run(ctl: Ctl) -> Result<(), Failure> {
    let (path, body) = request(ctl.action)?;
    let answer = post(&ctl.endpoint, &path, &body).await?;
    writeln!(std::io::stdout(), "{answer:#}")?;
    Ok(())
}

/// One call of the control plane.
///
/// # Errors
/// If there is no answer, or the emulator refuses.
pub(crate) async fn post(endpoint: &str, path: &str, body: &Value) -> Result<Value, Failure> {
    let url = format!("{}/emulator/{path}", endpoint.trim_end_matches('/'));
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    // The control plane answers on the loopback interface only, and nothing secret is sent.
    let client = reqwest::Client::builder().tls_danger_accept_invalid_certs(true).no_proxy().build()?;
    let answer = client.post(url).json(body).send().await?;
    let refused = !answer.status().is_success();
    let answer: Value = answer.json().await?;
    if refused {
        return Err(answer["error"].as_str().unwrap_or("refused").into());
    }
    Ok(answer)
}

/// Path and body of a call.
fn request(action: Action) -> Result<(String, Value), Failure> {
    let (path, body) = match action {
        Action::Backup { action: BackupAction::Run, which } => ("backup", json!({"action": "run", "job": which})),
        Action::Backup { action: BackupAction::Runs, .. } => ("backup", json!({"action": "runs"})),
        Action::Backup { action, which } => {
            let vmid: u32 = which.ok_or("name a guest")?.parse()?;
            let once = matches!(action, BackupAction::FailNext);
            let word = if matches!(action, BackupAction::Cure) { "cure" } else { "fail" };
            ("backup", json!({"action": word, "vmid": vmid, "once": once}))
        }
        Action::Storage { storage, switch, node } => {
            ("storage", json!({"storage": storage, "online": matches!(switch, Switch::On), "node": node}))
        }
        Action::Qdevice { switch, host } => ("qdevice", json!({"on": matches!(switch, Switch::On), "host": host})),
        Action::Run { node, command } => {
            let command = command.join(" ");
            let stdin = if pve_emulator::machine::reads_stdin(&command) { stdin()? } else { String::new() };
            ("run", json!({"node": node, "command": command, "stdin": stdin}))
        }
        Action::Commands { clear: true, .. } => ("commands/clear", json!({})),
        Action::Commands { reset: true, .. } => ("commands/reset", json!({})),
        Action::Faults { clear: true } => ("faults/clear", json!({})),
        Action::Counters { reset: true } => ("counters/reset", json!({})),
        Action::Machine { machine, reachable, trusts, sudo, install, remove, start, stop } => {
            let trusts = trusts.map(|nodes| nodes.into_iter().filter(|node| !node.is_empty()).collect::<Vec<_>>());
            let installed = install.into_iter().map(|name| (name, json!("1.0")));
            let packages: Map<_, _> = installed.chain(remove.into_iter().map(|name| (name, Value::Null))).collect();
            let started = start.into_iter().map(|name| (name, json!(true)));
            let units: Map<_, _> = started.chain(stop.into_iter().map(|name| (name, json!(false)))).collect();
            let change = json!({
                "machine": machine, "reachable": reachable, "trusts": trusts, "sudo": sudo, "packages": packages,
                "units": units,
            });
            ("machine", change)
        }
        Action::Fault { kind, method, path, node, skip, count, ms, edit } => {
            let edit = match edit.split_first() {
                Some((path, params)) => json!({"path": path, "params": parameters(params)?}),
                None => Value::Null,
            };
            let fault = json!({
                "kind": kind, "method": method, "path": path, "node": node, "skip": skip, "count": count, "ms": ms, "edit": edit,
            });
            ("fault", fault)
        }
        Action::PackageUpdates { node, updates } => {
            ("package-updates", json!({"node": node, "updates": parameters(&updates)?}))
        }
        Action::Edit { file: Some(file), on, .. } => ("edit", json!({"file": file, "text": stdin()?, "node": on})),
        Action::Edit { file: None, on, call } => {
            let mut body = api_call(&call)?;
            body["on"] = json!(on);
            ("edit", body)
        }
        same => {
            let Value::Object(call) = serde_json::to_value(same)? else { return Err("not a call".into()) };
            return call.into_iter().next().ok_or_else(|| "not a call".into());
        }
    };
    Ok((path.to_owned(), body))
}

fn stdin() -> std::io::Result<String> {
    std::io::read_to_string(std::io::stdin())
}

/// A text as a program prints it.
fn line(text: &str) -> Result<String, std::convert::Infallible> {
    Ok(if text.is_empty() { String::new() } else { format!("{text}\n") })
}

fn api_call(words: &[String]) -> Result<Value, Failure> {
    let [method, path, params @ ..] = words else { return Err("edit takes --file PATH or METHOD PATH".into()) };
    Ok(json!({"method": method, "path": path, "params": parameters(params)?}))
}

fn parameters(words: &[String]) -> Result<Map<String, Value>, Failure> {
    let mut given = Map::new();
    for word in words {
        let (name, value) = word.split_once('=').ok_or_else(|| format!("not NAME=VALUE: {word}"))?;
        given.insert(name.to_owned(), json!(value));
    }
    Ok(given)
}
