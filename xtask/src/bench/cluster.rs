//! An emulated cluster in a process of its own, so that its CPU time is not the plugin's.

use std::io::{BufRead, BufReader};
use std::ops::Sub;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value as Json, json};

/// The first guest's id.
pub const FIRST: usize = 100_000;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// A running cluster; it ends with this value.
pub struct Cluster {
    process: Child,
    program: PathBuf,
    ready: Json,
    _seed: tempfile::NamedTempFile,
}

/// What was asked of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub requests: u64,
    pub connections: u64,
}

impl Counts {
    /// The greater of each.
    pub fn max(self, other: Self) -> Self {
        Self { requests: self.requests.max(other.requests), connections: self.connections.max(other.connections) }
    }
}

impl Sub for Counts {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self { requests: self.requests - before.requests, connections: self.connections - before.connections }
    }
}

/// How long the emulator takes.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// For every answer.
    pub latency_ms: u64,
    /// For every write, under the lock of its file.
    pub write_ms: u64,
}

impl Cluster {
    /// Three nodes with `guests` virtual machines, each of them an HA resource already if `managed`.
    pub fn start(programs: &Path, pace: Pace, guests: usize, managed: bool) -> Result<Self> {
        let program = programs.join("pve-emulator");
        let seed = tempfile::Builder::new().suffix(".json").tempfile()?;
        serde_json::to_writer(&seed, &self::seed(guests, managed))?;
        let mut process = Command::new(&program)
            .args(["--pve", "9", "--write-ms", &pace.write_ms.to_string()])
            .args(["--latency-ms", &pace.latency_ms.to_string(), "--seed"])
            .arg(seed.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut line = String::new();
        if let Some(out) = &mut process.stdout {
            BufReader::new(out).read_line(&mut line)?;
        }
        let ready = serde_json::from_str(&line).map_err(|e| format!("the emulator's first line {line:?}: {e}"))?;
        Ok(Self { process, program, ready, _seed: seed })
    }

    /// A member of the line that the emulator prints when it is ready.
    pub fn fact(&self, name: &str) -> &str {
        self.ready[name].as_str().unwrap_or_default()
    }

    /// What was asked of it so far.
    pub fn counts(&self) -> Result<Counts> {
        let out = Command::new(&self.program)
            .args(["ctl", "--endpoint", self.fact("endpoint"), "counters"])
            .stderr(Stdio::inherit())
            .output()?;
        let counters: Json = serde_json::from_slice(&out.stdout)
            .map_err(|e| format!("`pve-emulator ctl counters` ({}): {e}", out.status))?;
        let count = |name: &str| counters[name].as_u64().ok_or_else(|| format!("there is no counter {name}"));
        Ok(Counts { requests: count("total")?, connections: count("connections")? })
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn seed(guests: usize, managed: bool) -> Json {
    let ids = FIRST..FIRST + guests;
    let resources: String = ids.clone().map(|id| format!("vm: {id}\n\tstate started\n\n")).collect();
    let files = if managed { json!({"/etc/pve/ha/resources.cfg": resources}) } else { json!({}) };
    let node = |number: usize| format!("pve{}", number % 3 + 1);
    json!({
        "cluster": {"name": "bench"},
        "nodes": (0..3).map(|n| json!({"node": node(n), "nodeid": n + 1, "ring0_addr": format!("10.0.0.{}", n + 1)}))
            .collect::<Vec<_>>(),
        "guests": ids.map(|id| json!({
            "vmid": id, "type": "qemu", "node": node(id), "name": format!("vm{id}"), "cores": 1, "memory": 512,
        })).collect::<Vec<_>>(),
        "users": [{
            "userid": "root@pam", "password": "not-used-here",
            "tokens": [{"tokenid": "bench", "privsep": 0, "secret": "00000000-0000-0000-0000-000000000000"}],
        }],
        "files": files,
    })
}
