//! The control plane of machines: runs commands, scripts their failures, changes installed packages.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::actions::{Outcome, read};
use super::commands::{CommandFault, Scripted};
use crate::fence_cfg;
use crate::machine::{self, End, Request};
use crate::server::Shared;
use crate::world::Machine;
use crate::world::machines::next_kernel;

/// Runs an action, if it is one of these.
pub(super) fn run(shared: &Shared, action: &str, body: &Value) -> Option<Outcome> {
    let commands = &shared.control.commands;
    let body = body.clone();
    Some(match action {
        "command-fault" => read::<CommandFault>(body)
            .and_then(|fault| commands.fault(fault).map_err(|error| error.to_string()))
            .map(|()| json!({})),
        "agent" => read::<Scripted>(body).map(|answer| {
            commands.script(answer);
            json!({})
        }),
        "commands" => Ok(commands.report()),
        "commands/reset" => {
            commands.reset();
            Ok(json!({}))
        }
        "commands/clear" => {
            commands.clear();
            shared.cluster.world().machines.values_mut().for_each(|machine| machine.processes.clear());
            Ok(json!({}))
        }
        "machine" => read(body).and_then(|change| machine(shared, change)),
        "reboot" => read(body).and_then(|of| reboot(shared, &of)),
        "kernel" => read(body).and_then(|new| kernel(shared, &new)),
        "authorise" => read(body).and_then(|key: Key| shared.accounts.authorise(&key.key).map(|()| json!({}))),
        "fence" => read(body).map(|asked| fence(&asked)),
        _ => return None,
    })
}

#[derive(Deserialize)]
struct Run {
    node: String,
    command: String,
    #[serde(default = "root")]
    user: String,
    #[serde(default)]
    stdin: String,
    #[serde(default)]
    environment: BTreeMap<String, String>,
}

fn root() -> String {
    "root".to_owned()
}

/// Runs a command on a machine, and waits for its end.
///
/// # Errors
/// When it is no command.
pub(super) async fn execute(shared: &Shared, body: Value) -> Outcome {
    let run: Run = read(body)?;
    let machine = {
        let world = shared.cluster.world_of(&run.node);
        let found = world.machine_at(&run.node).filter(|machine| world.is_reachable(machine));
        found.map(|machine| if machine.is_node { machine.name.clone() } else { machine.address.clone() })
    };
    let Some(machine) = machine else { return Ok(json!({"end": "unreachable"})) };
    let request =
        Request { machine, user: run.user, line: run.command, stdin: run.stdin, environment: run.environment };
    let outcome = machine::execute(&shared.cluster, &shared.control.commands, &request);
    let outcome = machine::finished(&shared.cluster, outcome).await;
    let end = match outcome.end {
        End::Exit(_) => "exit",
        End::Cut => "cut",
        End::Hang => "hang",
    };
    let seconds = if shared.cluster.world().clock.is_running() { outcome.seconds } else { 0.0 };
    let (exit, stdout, stderr) = (outcome.exit(), outcome.stdout, outcome.stderr);
    Ok(json!({"end": end, "exit": exit, "stdout": stdout, "stderr": stderr, "seconds": seconds}))
}

/// What is to be different on a machine. A host that isn't known yet is added.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    machine: String,
    #[serde(default)]
    reachable: Option<bool>,
    #[serde(default)]
    trusts: Option<Vec<String>>,
    #[serde(default)]
    sudo: Option<bool>,
    /// Package → version, or null for none.
    #[serde(default)]
    packages: BTreeMap<String, Option<String>>,
    /// Service → whether it runs.
    #[serde(default)]
    units: BTreeMap<String, bool>,
    /// File → text, or null for none.
    #[serde(default)]
    files: BTreeMap<String, Option<String>>,
}

fn machine(shared: &Shared, change: Change) -> Outcome {
    let mut world = shared.cluster.world_of(&change.machine);
    let now = world.clock.now();
    if !world.machines.contains_key(&change.machine) {
        if change.machine.parse::<std::net::IpAddr>().is_err() {
            return Err(format!("no such machine: {}", change.machine));
        }
        let host = Machine::qnetd(&change.machine, world.nodes.keys().cloned(), now);
        world.machines.insert(change.machine.clone(), host);
    }
    let Some(machine) = world.machines.get_mut(&change.machine) else { return Ok(json!({})) };
    machine.reachable = change.reachable.unwrap_or(machine.reachable);
    machine.sudo = change.sudo.unwrap_or(machine.sudo);
    if let Some(trusts) = change.trusts {
        machine.trusts = trusts.into_iter().collect();
    }
    for (name, version) in change.packages {
        match version {
            Some(version) => drop(machine.packages.insert(name, version)),
            None => drop(machine.packages.remove(&name)),
        }
    }
    for (name, runs) in change.units {
        let enabled = machine.units.get(&name).is_some_and(|unit| unit.enabled);
        machine.set_unit(&name, runs, enabled);
    }
    for (path, text) in change.files {
        match text {
            Some(text) => machine.disk.write(&path, &text, now),
            None => machine.disk.remove_tree(&path),
        }
    }
    Ok(json!(machine))
}

#[derive(Deserialize)]
struct OfNode {
    node: String,
}

fn reboot(shared: &Shared, of: &OfNode) -> Outcome {
    let mut world = shared.cluster.world_of(&of.node);
    if !world.nodes.contains_key(&of.node) {
        return Err(format!("no such node: {}", of.node));
    }
    world.reboot(&of.node);
    Ok(json!({}))
}

#[derive(Deserialize)]
struct NewKernel {
    node: String,
    /// Its release; without one the build after the installed one.
    #[serde(default)]
    release: Option<String>,
    /// It is installed at once, so that a reboot is due; otherwise apt finds it.
    #[serde(default)]
    install: bool,
}

fn kernel(shared: &Shared, new: &NewKernel) -> Outcome {
    let mut world = shared.cluster.world_of(&new.node);
    let now = world.clock.now();
    let machine = world.machines.get_mut(&new.node).filter(|machine| machine.is_node);
    let machine = machine.ok_or_else(|| format!("no such node: {}", new.node))?;
    let release = new.release.clone().or_else(|| next_kernel(&machine.kernel.installed));
    let release = release.ok_or("not a kernel's release")?;
    if new.install {
        machine.kernel.available = None;
        machine.install_kernel(&release, now);
    } else {
        machine.kernel.available = Some(release);
    }
    Ok(json!(machine.kernel))
}

#[derive(Deserialize)]
struct Key {
    key: String,
}

/// A text of fence.cfg, and the attempts whose commands are of interest: node and number.
#[derive(Deserialize)]
struct Asked {
    text: String,
    #[serde(default)]
    attempts: Vec<(String, usize)>,
}

fn fence(asked: &Asked) -> Value {
    let parsed = fence_cfg::parse(&asked.text);
    let mut answer = Map::new();
    match parsed.config {
        Err(error) => drop(answer.insert("error".to_owned(), json!(error))),
        Ok(config) => {
            answer.insert("parsed".to_owned(), config.as_json());
            answer.insert("written".to_owned(), json!(config.render()));
            let commands = asked.attempts.iter().map(
                |(node, attempt)| json!({"node": node, "try": attempt, "commands": config.commands(node, *attempt)}),
            );
            answer.insert("commands".to_owned(), commands.collect());
        }
    }
    if !parsed.warnings.is_empty() {
        answer.insert("warnings".to_owned(), json!(parsed.warnings));
    }
    Value::Object(answer)
}
