//! Commands on the cluster's machines, as the control plane has them: which were run, and how they fail.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use regex::Regex;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::machine::{End, Outcome, Request};

/// How many commands are remembered.
const KEPT: usize = 5000;

/// Everything about commands that is not the cluster's.
#[derive(Debug, Default)]
pub struct Commands {
    pub(crate) faults: CommandFaults,
    /// Answers of fence agents.
    pub(crate) agents: Mutex<Vec<Scripted>>,
    log: Mutex<VecDeque<Value>>,
    calls: Mutex<VecDeque<Value>>,
    counts: Mutex<BTreeMap<String, u64>>,
}

/// A fault as it is asked for.
#[derive(Clone, Debug, Deserialize)]
pub struct CommandFault {
    /// Only on this machine.
    #[serde(default)]
    pub node: Option<String>,
    /// Only for commands that this regular expression matches, arguments and all. The commands that a program starts are
    /// looked at too: `sudo` starts one, `pvecm qdevice setup` starts ssh, scp and certutil.
    #[serde(default)]
    pub command: Option<String>,
    /// How many matching commands go by before it.
    #[serde(default)]
    pub skip: u64,
    /// How many matching commands meet it; null = all.
    #[serde(default = "once")]
    pub count: Option<u64>,
    pub kind: CommandFaultKind,
    /// For `fail` and `fail-after`: the exit code.
    #[serde(default = "one")]
    pub exit: i32,
    /// For the same: what is printed.
    #[serde(default)]
    pub stdout: String,
    /// For the same: what is complained.
    #[serde(default)]
    pub stderr: String,
    /// For `latency`: how long, in milliseconds.
    #[serde(default)]
    pub ms: u64,
}

/// What happens to a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CommandFaultKind {
    /// It isn't run; it ends with an exit code.
    Fail,
    /// It is run, and ends with another exit code.
    FailAfter,
    /// The connection breaks before it is run.
    CutBefore,
    /// It is run, and the connection breaks before its exit status is sent.
    CutAfter,
    /// It isn't run, and no answer ever comes.
    HangBefore,
    /// It is run, and no answer ever comes.
    HangAfter,
    /// It only takes longer.
    Latency,
}

fn one() -> i32 {
    1
}

#[expect(clippy::unnecessary_wraps, reason = "serde requires the field's type")]
fn once() -> Option<u64> {
    Some(1)
}

/// What a fence agent answers.
#[derive(Clone, Debug, Deserialize)]
pub struct Scripted {
    /// Matches calls of this fence agent; all agents if unset.
    #[serde(default)]
    pub agent: Option<String>,
    /// Matches calls with this `action`; all actions if unset.
    #[serde(default)]
    pub action: Option<String>,
    /// Only if an option has this value.
    #[serde(default)]
    pub option: Option<(String, String)>,
    #[serde(default)]
    pub exit: i32,
    /// Its stdout.
    #[serde(default)]
    pub stdout: String,
    /// Its stderr.
    #[serde(default)]
    pub stderr: String,
}

/// What to do around one command.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    pub(crate) cut_before: bool,
    pub(crate) cut_after: bool,
    pub(crate) hang_before: bool,
    pub(crate) hang_after: bool,
    pub(crate) fails_before: bool,
    pub(crate) fails_after: bool,
    pub(crate) exit: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) delay: f64,
}

/// The faults in wait.
#[derive(Debug, Default)]
pub(crate) struct CommandFaults(Mutex<Vec<Armed>>);

#[derive(Debug)]
struct Armed {
    fault: CommandFault,
    command: Option<Regex>,
    seen: u64,
    met: u64,
}

impl CommandFaults {
    pub(crate) fn add(&self, fault: CommandFault) -> Result<(), regex::Error> {
        let command = fault.command.as_deref().map(Regex::new).transpose()?;
        lock(&self.0).push(Armed { fault, command, seen: 0, met: 0 });
        Ok(())
    }

    pub(crate) fn clear(&self) -> u64 {
        lock(&self.0).drain(..).map(|armed| armed.met).sum()
    }

    pub(crate) fn met(&self) -> u64 {
        lock(&self.0).iter().map(|armed| armed.met).sum()
    }

    pub(crate) fn next(&self, machine: &str, command: &str) -> Option<Plan> {
        let mut armed = lock(&self.0);
        armed.iter_mut().find_map(|armed| armed.meets(machine, command).then(|| plan(&armed.fault)))
    }
}

impl Armed {
    fn meets(&mut self, machine: &str, command: &str) -> bool {
        let elsewhere = self.fault.node.as_deref().is_some_and(|node| node != machine);
        if elsewhere || self.command.as_ref().is_some_and(|pattern| !pattern.is_match(command)) {
            return false;
        }
        self.seen += 1;
        let hit = self.seen > self.fault.skip && self.fault.count.is_none_or(|count| self.met < count);
        self.met += u64::from(hit);
        hit
    }
}

fn plan(fault: &CommandFault) -> Plan {
    let mut plan =
        Plan { exit: fault.exit, stdout: fault.stdout.clone(), stderr: fault.stderr.clone(), ..Plan::default() };
    match fault.kind {
        CommandFaultKind::Fail => plan.fails_before = true,
        CommandFaultKind::FailAfter => plan.fails_after = true,
        CommandFaultKind::CutBefore => plan.cut_before = true,
        CommandFaultKind::CutAfter => plan.cut_after = true,
        CommandFaultKind::HangBefore => plan.hang_before = true,
        CommandFaultKind::HangAfter => plan.hang_after = true,
        CommandFaultKind::Latency => plan.delay = fault.ms as f64 / 1000.0,
    }
    plan
}

impl Commands {
    /// Puts a fault in wait.
    ///
    /// # Errors
    /// When the pattern is no regular expression.
    pub fn fault(&self, fault: CommandFault) -> Result<(), regex::Error> {
        self.faults.add(fault)
    }

    /// Says what a fence agent answers from now on; the last setting has precedence.
    pub fn script(&self, answer: Scripted) {
        lock(&self.agents).insert(0, answer);
    }

    /// The commands that were run, the oldest first: `node`, `user`, `command`, `stdin`, `exit` (null: no answer), `time`.
    #[must_use]
    pub fn log(&self) -> Vec<Value> {
        lock(&self.log).iter().cloned().collect()
    }

    /// The calls of fence agents, the oldest first: `node`, `agent`, `arguments`, `stdin`, `options`, `exit`.
    #[must_use]
    pub fn agent_calls(&self) -> Vec<Value> {
        lock(&self.calls).iter().cloned().collect()
    }

    /// Everything as JSON.
    #[must_use]
    pub fn report(&self) -> Value {
        json!({
            "commands": self.log(), "agents": self.agent_calls(), "programs": *lock(&self.counts), "met": self.faults.met(),
        })
    }

    /// Forgets what was run.
    pub fn reset(&self) {
        lock(&self.log).clear();
        lock(&self.calls).clear();
        lock(&self.counts).clear();
    }

    /// Forgets everything, faults and scripted answers, too.
    pub(crate) fn clear(&self) {
        self.reset();
        self.faults.clear();
        lock(&self.agents).clear();
    }

    pub(crate) fn note(&self, request: &Request, outcome: &Outcome, time: i64) {
        let exit = match outcome.end {
            End::Exit(code) => json!(code),
            End::Cut | End::Hang => Value::Null,
        };
        let entry = json!({
            "node": request.machine, "user": request.user, "command": request.line, "stdin": request.stdin, "exit": exit,
            "time": time,
        });
        push(&self.log, entry);
    }

    /// The scripted answer of a fence agent.
    pub(crate) fn scripted(&self, agent: &str, action: &str, options: &BTreeMap<String, String>) -> Option<Scripted> {
        let fits = |answer: &&Scripted| {
            answer.agent.as_deref().is_none_or(|name| name == agent)
                && answer.action.as_deref().is_none_or(|name| name == action)
                && answer.option.as_ref().is_none_or(|(name, value)| options.get(name) == Some(value))
        };
        lock(&self.agents).iter().find(fits).cloned()
    }

    pub(crate) fn note_agent(&self, call: Value) {
        push(&self.calls, call);
    }

    pub(crate) fn count(&self, program: &str) {
        *lock(&self.counts).entry(program.to_owned()).or_default() += 1;
    }
}

fn push(list: &Mutex<VecDeque<Value>>, entry: Value) {
    let mut list = lock(list);
    list.push_back(entry);
    if list.len() > KEPT {
        list.pop_front();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
