//! The cluster's machines, as a command finds them: what `ssh NODE COMMAND` runs there.
//!
//! ```text
//!  line           a command line becomes the words of one program; what needs a shell is refused
//!  host           the machine: files (its own, and /etc/pve), programs, faults
//!    programs/…   one function each, on the same world as the API
//! ```
//!
//! Invariant: a command line is carried out at once and alone, like an API call; what takes a program time is only counted
//! (`Outcome::seconds`), and the caller of the command waits. A join is the exception: the command begins it, and the caller
//! waits on the clock until it has ended.

mod fs;
mod host;
mod line;
mod programs;
mod stdin;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::control::commands::Commands;
use crate::pipeline::Cluster;
use crate::site::{Ended, Printed};
pub(crate) use host::Host;
pub use stdin::reads_stdin;

/// A command line for a machine.
#[derive(Clone, Debug)]
pub struct Request {
    /// The node's name, or the address of a host outside the cluster.
    pub machine: String,
    pub user: String,
    /// The command line as ssh sends it.
    pub line: String,
    /// Its stdin.
    pub stdin: String,
    /// The environment the client sends: its locale.
    pub environment: BTreeMap<String, String>,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    pub end: End,
    /// Its stdout.
    pub stdout: String,
    /// Its stderr.
    pub stderr: String,
    /// How long it takes on a real machine, as far as a fault sets it.
    pub seconds: f64,
    /// What it waits for: a join, on the clock. [`finished`] says how it has ended.
    pub waits: Option<Waits>,
}

/// A join that a command waits for.
#[derive(Clone, Debug)]
pub struct Waits(pub(crate) Arc<Mutex<Printed>>);

impl PartialEq for Waits {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// How a command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With an exit code.
    Exit(i32),
    /// The connection breaks.
    Cut,
    Hang,
}

/// Why a program gives no exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    Cut,
    Hang,
}

/// How a program ends: usually with an exit code.
type Run<T = i32> = Result<T, Stop>;

/// The standard streams of a command.
#[derive(Clone, Debug, Default)]
struct Io {
    stdin: String,
    out: String,
    err: String,
}

impl Outcome {
    /// The exit code, if there is one.
    #[must_use]
    pub fn exit(&self) -> Option<i32> {
        match self.end {
            End::Exit(code) => Some(code),
            End::Cut | End::Hang => None,
        }
    }

    /// How long its caller has to wait.
    #[must_use]
    pub fn delay(&self) -> Duration {
        Duration::from_secs_f64(self.seconds.clamp(0.0, 3600.0))
    }
}

/// Runs a command line on a machine of the cluster.
#[must_use]
pub fn execute(cluster: &Cluster, commands: &Commands, request: &Request) -> Outcome {
    let mut world = cluster.world_of(&request.machine);
    if !world.machines.contains_key(&request.machine) {
        return Outcome { end: End::Cut, stdout: String::new(), stderr: String::new(), seconds: 0.0, waits: None };
    }
    let neighbours = world.site().neighbours(&request.machine);
    let is_joining = world.site().is_joining(&request.machine);
    let answering = world.answering_node.clone();
    if world.nodes.contains_key(&request.machine) {
        world.answering_node.clone_from(&request.machine);
    }
    let mut io = Io { stdin: request.stdin.clone(), ..Io::default() };
    let mut host = Host::new(cluster, &mut world, commands, request);
    host.neighbours = neighbours;
    host.is_joining = is_joining;
    let ended = host.login(&request.line, &mut io);
    let seconds = host.seconds;
    let waits = host.waits.take().map(Waits);
    if ended == Err(Stop::Hang) {
        // It keeps running there, with or without a client.
        host.leave_running();
    }
    if world.nodes.contains_key(&answering) {
        world.answering_node = answering;
    }
    let end = match ended {
        Ok(code) => End::Exit(code & 0xff),
        Err(Stop::Cut) => End::Cut,
        Err(Stop::Hang) => End::Hang,
    };
    let outcome = Outcome { end, stdout: io.out, stderr: io.err, seconds, waits };
    commands.note(request, &outcome, world.now());
    outcome
}

/// Waits for what a command waits for, on the clock: a join.
pub async fn finished(cluster: &Cluster, mut outcome: Outcome) -> Outcome {
    let Some(Waits(printed)) = outcome.waits.take() else { return outcome };
    let ended = cluster.when(|| crate::site::lock(&printed).ended.clone()).await;
    outcome.stdout.extend(crate::site::lock(&printed).lines.iter().map(|line| format!("{line}\n")));
    if outcome.end == End::Exit(0) {
        outcome.end = End::Exit(match ended {
            Ended::Well => 0,
            Ended::Failed(why) => {
                outcome.stderr.push_str(&format!("{why}\n"));
                255
            }
            // SIGKILL
            Ended::Killed => 137,
        });
    }
    outcome
}
