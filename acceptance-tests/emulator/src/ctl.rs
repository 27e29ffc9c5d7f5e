//! `pve-emulator ctl`: the control plane from the command line.

use std::io::{Read as _, Write as _};

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Map, Value, json};

use crate::Failure;

/// Drive a running emulator
#[derive(Args)]
pub(crate) struct Ctl {
    /// Where it listens, e.g. `https://127.0.0.1:8006`
    #[arg(long, env = "PVE_EMULATOR_ENDPOINT")]
    endpoint: String,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Take the clock over and move it forward
    Advance {
        /// By how much
        seconds: f64,
    },
    /// Tell the time, take the clock over, or let it run again
    Clock {
        /// Who moves it
        mode: Option<Mode>,
    },
    /// Cut a node's power
    Fail {
        /// Which
        node: String,
    },
    /// Restore a node's power
    Restore {
        /// Which
        node: String,
    },
    /// Change a guest behind the API
    Guest {
        /// What to do
        action: GuestAction,
        /// With whom
        vmid: u32,
        /// Where to (move)
        node: Option<String>,
    },
    /// Make backups of a guest fail or work again, or run a backup job at once
    Backup {
        /// What to do
        action: BackupAction,
        /// With which guest; the job's id for `run`
        which: String,
    },
    /// Add or remove a QDevice
    Qdevice {
        /// Which of them
        switch: Switch,
        /// The address of its host
        #[arg(long)]
        host: Option<String>,
    },
    /// Have a node boot again at once
    Reboot {
        /// Which
        node: String,
    },
    /// Run a command line on a machine as root, its input from stdin if it reads any
    Run {
        /// On which
        node: String,
        /// The command line
        command: Vec<String>,
    },
    /// Tell what was run over SSH, forget it, or forget faults and answers as well
    Commands {
        /// Forget what was run
        #[arg(long, conflicts_with = "clear")]
        reset: bool,
        /// Forget faults and answers as well
        #[arg(long)]
        clear: bool,
    },
    /// Put a fault in wait for a command over SSH
    CommandFault {
        /// What happens: fail, fail-after, cut-before, cut-after, hang-before, hang-after, latency
        kind: String,
        /// Only on this machine
        #[arg(long)]
        node: Option<String>,
        /// Only commands this regular expression matches
        #[arg(long)]
        command: Option<String>,
        /// How many matching commands go by before it
        #[arg(long, default_value_t = 0)]
        skip: u64,
        /// How many matching commands meet it
        #[arg(long, default_value_t = 1)]
        count: u64,
        /// The exit code
        #[arg(long, default_value_t = 1)]
        exit: i32,
        /// What it complains
        #[arg(long, default_value = "")]
        stderr: String,
        /// For latency: how long
        #[arg(long, default_value_t = 0)]
        ms: u64,
    },
    /// Say what a fence agent answers
    Agent {
        /// Only this agent
        #[arg(long)]
        agent: Option<String>,
        /// Only this action
        #[arg(long)]
        action: Option<String>,
        /// Its exit code
        #[arg(long, default_value_t = 0)]
        exit: i32,
        /// What it prints
        #[arg(long, default_value = "")]
        stdout: String,
        /// What it complains
        #[arg(long, default_value = "")]
        stderr: String,
    },
    /// Change a machine's own things; a host that isn't known is added
    Machine {
        /// A node's name, or the address of a host
        machine: String,
        /// Whether it has power and network (hosts)
        #[arg(long)]
        reachable: Option<bool>,
        /// The nodes whose root may log in (hosts); an empty text is none
        #[arg(long, value_delimiter = ',')]
        trusts: Option<Vec<String>>,
        /// Whether other users than root may use sudo
        #[arg(long)]
        sudo: Option<bool>,
        /// Install a package
        #[arg(long)]
        install: Vec<String>,
        /// Remove a package
        #[arg(long)]
        remove: Vec<String>,
        /// Start a service
        #[arg(long)]
        start: Vec<String>,
        /// Stop a service
        #[arg(long)]
        stop: Vec<String>,
    },
    /// Upgrade the last node that still runs PVE 8, so that HA groups are migrated to rules; or install a version
    Upgrade {
        /// Which version of pve-manager, such as 9.2.6
        version: Option<String>,
        /// On this node only
        #[arg(long, requires = "version")]
        node: Option<String>,
    },
    /// Put a fault in wait
    Fault {
        /// What happens: 595, 596-before, 596-after, 597, 599, reset-before, reset-after, hang, lock-timeout,
        /// locked-command-timeout, no-quorum, 401, latency, edit-before
        kind: String,
        /// Only this method
        #[arg(long)]
        method: Option<String>,
        /// Only paths this regular expression matches
        #[arg(long)]
        path: Option<String>,
        /// How many matching requests go by before it
        #[arg(long, default_value_t = 0)]
        skip: u64,
        /// How many matching requests meet it
        #[arg(long, default_value_t = 1)]
        count: u64,
        /// For latency: how long
        #[arg(long, default_value_t = 0)]
        ms: u64,
        /// For edit-before: the path, and NAME=VALUE for each parameter of the PUT that comes first
        #[arg(long, num_args = 1..)]
        edit: Vec<String>,
    },
    /// Tell how many requests met a fault, or take all faults away
    Faults {
        /// Take them away
        #[arg(long)]
        clear: bool,
    },
    /// Change something behind a client's back: a file (its new text from stdin), or by an API call as root@pam
    Edit {
        /// The file to replace
        #[arg(long, conflicts_with = "call")]
        file: Option<String>,
        /// METHOD PATH [NAME=VALUE]…
        call: Vec<String>,
    },
    /// Tell who holds which cluster lock, and how many calls wait for it
    Locks,
    /// Print a file
    File {
        /// Which
        file: String,
    },
    /// Begin anew
    Seed {
        /// Whether HA was used before
        initial: Option<InitialState>,
    },
    /// Tell what was asked of the API
    Counters {
        /// Count anew from now on
        #[arg(long)]
        reset: bool,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Mode {
    Virtual,
    Real,
}

#[derive(Clone, Copy, ValueEnum)]
enum GuestAction {
    Fail,
    Cure,
    Move,
    Remove,
    Start,
    Stop,
}

#[derive(Clone, Copy, ValueEnum)]
enum BackupAction {
    Fail,
    Cure,
    Run,
}

#[derive(Clone, Copy, ValueEnum)]
enum Switch {
    On,
    Off,
}

#[derive(Clone, Copy, ValueEnum)]
enum InitialState {
    Seed,
    Fresh,
}

/// Makes the call and prints the answer.
///
/// # Errors
/// When nobody answers, or the emulator refuses.
pub(crate) async fn run(ctl: Ctl) -> Result<(), Failure> {
    let (path, body) = request(ctl.action)?;
    let answer = post(&ctl.endpoint, path, &body).await?;
    writeln!(std::io::stdout(), "{answer:#}")?;
    Ok(())
}

/// One call of the control plane.
///
/// # Errors
/// When nobody answers, or the emulator refuses.
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

fn request(action: Action) -> Result<(&'static str, Value), Failure> {
    let word = |value: &dyn Fn() -> Option<clap::builder::PossibleValue>| value().map(|v| v.get_name().to_owned());
    Ok(match action {
        Action::Advance { seconds } => ("advance", json!({"seconds": seconds})),
        Action::Clock { mode } => ("clock", json!({"mode": mode.and_then(|mode| word(&|| mode.to_possible_value()))})),
        Action::Fail { node } => ("fail", json!({"node": node})),
        Action::Restore { node } => ("restore", json!({"node": node})),
        Action::Guest { action, vmid, node } => {
            ("guest", json!({"action": word(&|| action.to_possible_value()), "vmid": vmid, "node": node}))
        }
        Action::Backup { action: BackupAction::Run, which } => ("backup", json!({"action": "run", "job": which})),
        Action::Backup { action, which } => {
            let vmid: u32 = which.parse()?;
            ("backup", json!({"action": word(&|| action.to_possible_value()), "vmid": vmid}))
        }
        Action::Upgrade { version, node } => ("upgrade", json!({"version": version, "node": node})),
        Action::Qdevice { switch, host } => ("qdevice", json!({"on": matches!(switch, Switch::On), "host": host})),
        Action::Reboot { node } => ("reboot", json!({"node": node})),
        Action::Run { node, command } => {
            let command = command.join(" ");
            let mut stdin = String::new();
            if pve_emulator::machine::reads_stdin(&command) {
                std::io::stdin().read_to_string(&mut stdin)?;
            }
            ("run", json!({"node": node, "command": command, "stdin": stdin}))
        }
        Action::Commands { reset: false, clear: false } => ("commands", json!({})),
        Action::Commands { clear: true, .. } => ("commands/clear", json!({})),
        Action::Commands { .. } => ("commands/reset", json!({})),
        Action::CommandFault { kind, node, command, skip, count, exit, stderr, ms } => {
            let fault = json!({
                "kind": kind, "node": node, "command": command, "skip": skip, "count": count, "exit": exit,
                "stderr": line(&stderr), "ms": ms,
            });
            ("command-fault", fault)
        }
        Action::Agent { agent, action, exit, stdout, stderr } => {
            let answer = json!({
                "agent": agent, "action": action, "exit": exit, "stdout": line(&stdout), "stderr": line(&stderr),
            });
            ("agent", answer)
        }
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
        Action::Fault { kind, method, path, skip, count, ms, edit } => {
            let edit = match edit.split_first() {
                Some((path, params)) => json!({"path": path, "params": parameters(params)?}),
                None => Value::Null,
            };
            let fault = json!({
                "kind": kind, "method": method, "path": path, "skip": skip, "count": count, "ms": ms, "edit": edit,
            });
            ("fault", fault)
        }
        Action::Faults { clear: false } => ("faults", json!({})),
        Action::Faults { clear: true } => ("faults/clear", json!({})),
        Action::Edit { file: Some(file), .. } => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text)?;
            ("edit", json!({"file": file, "text": text}))
        }
        Action::Edit { file: None, call } => ("edit", api_call(&call)?),
        Action::Locks => ("locks", json!({})),
        Action::File { file } => ("file", json!({"file": file})),
        Action::Seed { initial } => match initial.and_then(|initial| word(&|| initial.to_possible_value())) {
            Some(initial) => ("seed", json!({"initial": initial})),
            None => ("seed", json!({})),
        },
        Action::Counters { reset: false } => ("counters", json!({})),
        Action::Counters { reset: true } => ("counters/reset", json!({})),
    })
}

/// A text as a program prints it.
fn line(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("{text}\n") }
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
