//! A recorded case: its start state, its steps, and the files it leaves behind.

use super::compare::Tolerance;
use super::pointer::Pointer;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

#[derive(Debug, Clone)]
pub struct Case {
    /// The file's name without its ending, `pve9-ha-rules-node`.
    pub name: String,
    pub header: Header,
    /// The steps, in order. The files of the last line are the last step.
    pub steps: Vec<Step>,
}

/// The first line of a case.
#[derive(Debug, Clone, Deserialize)]
pub struct Header {
    /// Proxmox VE's major version.
    pub pve: u8,
    /// Versions of its packages.
    pub versions: BTreeMap<String, String>,
    /// `seed` or `fresh`.
    pub initial: String,
    /// The recording was started in second 4 … `align_s` of a minute.
    pub align_s: Option<u32>,
}

/// One step of a case.
#[derive(Debug, Clone)]
pub struct Step {
    /// Its number as recorded; the files at the end have none.
    pub n: Option<u32>,
    pub action: Action,
}

/// What a step does.
#[derive(Debug, Clone)]
pub enum Action {
    /// A request, with the answer recorded.
    Http(Box<Exchange>),
    /// Repeat a GET until a value is reached.
    Wait {
        /// The recorded path below `/api2/json`.
        path: String,
        /// JSON pointer of the value.
        pointer: String,
        /// The value as text; nothing if the pointer names nothing.
        equals: Option<String>,
        /// How long to try.
        timeout_s: u64,
    },
    Sleep(f64),
    /// Cut or restore the power of a node.
    Node {
        /// `kill` or `start`.
        action: String,
        node: String,
    },
    /// Add (`on`) or remove (`off`) a QDevice.
    Qdevice(String),
    /// Change a guest behind the API's back.
    Guest {
        /// `fail`, `cure`, `move` or `remove`.
        action: String,
        /// As recorded.
        args: Vec<String>,
    },
    Files(ExpectedFiles),
    /// A command on a node, with what it printed.
    Command(Box<Command>),
    /// A text of fence.cfg, and how Proxmox reads it.
    Fence(Box<Fence>),
    /// What the receivers of notifications got since they were looked at last.
    Received(Vec<Value>),
    /// A kind that the replay doesn't play.
    Unplayed(String),
}

/// A request and its recorded answer.
#[derive(Debug, Clone, Deserialize)]
pub struct Exchange {
    pub(super) auth: String,
    pub(super) method: String,
    pub(super) path: String,
    #[serde(default)]
    pub(super) params: Option<Vec<(String, String)>>,
    pub(super) json: Option<Value>,
    pub(super) raw: Option<String>,
    pub(super) content_type: Option<String>,
    #[serde(default)]
    pub(super) capture: BTreeMap<String, String>,
    pub(super) status: u16,
    pub(super) reason: String,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Value,
    #[serde(default)]
    pub(super) volatile: Vec<String>,
    #[serde(default)]
    pub(super) optional: Vec<String>,
    #[serde(default)]
    pub(super) csv_sets: Vec<String>,
    #[serde(default)]
    pub(super) unordered: Vec<String>,
    /// How many seconds the answer took, where that was long.
    pub(super) took_s: Option<f64>,
}

impl Exchange {
    /// What may differ in the answer's body.
    pub(super) fn tolerance(&self) -> Tolerance {
        let parse = |texts: &[String]| texts.iter().map(|text| Pointer::parse(text)).collect();
        Tolerance {
            volatile: parse(&self.volatile),
            optional: parse(&self.optional),
            csv_sets: parse(&self.csv_sets),
            unordered: parse(&self.unordered),
        }
    }

    /// The request line as a person would write it.
    pub(super) fn title(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Whether the reason phrase may differ.
    pub(super) fn reason_is_volatile(&self) -> bool {
        self.volatile.iter().any(|pointer| pointer == "#reason")
    }
}

/// Configuration files as they must be.
#[derive(Debug, Clone, Deserialize)]
pub struct ExpectedFiles {
    /// Texts by path; nothing for a file that doesn't exist.
    pub(super) files: BTreeMap<String, Option<String>>,
    /// Files whose sections may be in another order.
    #[serde(default)]
    pub(super) free_order: Vec<String>,
}

/// A command and its recorded end.
#[derive(Debug, Clone, Deserialize)]
pub struct Command {
    pub(super) node: String,
    pub(super) argv: Vec<String>,
    #[serde(default)]
    pub(super) stdin: Option<String>,
    pub(super) exit: i32,
    pub(super) stdout: String,
    pub(super) stderr: String,
    #[serde(default)]
    pub(super) volatile: Vec<String>,
}

/// A text of fence.cfg: what is recorded of it besides the text is everything but `n`, `kind` and `name`.
#[derive(Debug, Clone, Deserialize)]
pub struct Fence {
    pub(super) text: String,
    #[serde(default)]
    pub(super) name: String,
    pub(super) error: Option<Value>,
    pub(super) parsed: Option<Value>,
    pub(super) warnings: Option<Value>,
    pub(super) written: Option<Value>,
    pub(super) commands: Option<Vec<Value>>,
}

/// Why a recording can't be read.
#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    /// The file can't be read.
    #[error("{}: {source}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    /// A line isn't what the format says.
    #[error("{}:{line}: {source}", path.display())]
    Malformed {
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        source: serde_json::Error,
    },
    /// The file has no first line.
    #[error("{}: empty", .0.display())]
    Empty(PathBuf),
}

impl Case {
    /// Reads a recording.
    ///
    /// # Errors
    /// When the file can't be read, or isn't in the format.
    pub fn load(path: &Path) -> Result<Self, CaseError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| CaseError::Unreadable { path: path.to_owned(), source })?;
        let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let malformed =
            |line: usize| move |source| CaseError::Malformed { path: path.to_owned(), line: line + 1, source };
        let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let (at, first) = lines.next().ok_or_else(|| CaseError::Empty(path.to_owned()))?;
        let header = serde_json::from_str(first).map_err(malformed(at))?;
        let steps = lines.map(|(at, line)| parse_step(line).map_err(malformed(at))).collect::<Result<_, _>>()?;
        Ok(Self { name, header, steps })
    }
}

fn parse_step(line: &str) -> Result<Step, serde_json::Error> {
    let value: Value = serde_json::from_str(line)?;
    let n = value.get("n").and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok());
    let kind = value.get("kind").and_then(Value::as_str).map(str::to_owned);
    let action = match kind.as_deref() {
        None if value.get("method").is_some() => Action::Http(Box::new(serde_json::from_value(value)?)),
        None | Some("files") => Action::Files(serde_json::from_value(value)?),
        Some("wait") => {
            let wait: Wait = serde_json::from_value(value)?;
            Action::Wait {
                path: wait.wait_until.path,
                pointer: wait.wait_until.pointer,
                equals: wait.wait_until.equals.as_ref().map(super::pointer::as_text),
                timeout_s: wait.timeout_s,
            }
        }
        Some("sleep") => Action::Sleep(serde_json::from_value::<Sleep>(value)?.seconds),
        Some("node") => {
            let node: Node = serde_json::from_value(value)?;
            Action::Node { action: node.action, node: node.node }
        }
        Some("qdevice") => Action::Qdevice(serde_json::from_value::<Acted>(value)?.action),
        Some("guest") => {
            let guest: Acted = serde_json::from_value(value)?;
            let args = guest.args.iter().map(super::pointer::as_text).collect();
            Action::Guest { action: guest.action, args }
        }
        Some("command") => Action::Command(serde_json::from_value(value)?),
        Some("fence") => Action::Fence(serde_json::from_value(value)?),
        Some("received") => Action::Received(serde_json::from_value::<Received>(value)?.received),
        Some(other) => Action::Unplayed(other.to_owned()),
    };
    Ok(Step { n, action })
}

#[derive(Deserialize)]
struct Wait {
    wait_until: Until,
    timeout_s: u64,
}

#[derive(Deserialize)]
struct Until {
    path: String,
    pointer: String,
    equals: Option<Value>,
}

#[derive(Deserialize)]
struct Received {
    received: Vec<Value>,
}

#[derive(Deserialize)]
struct Sleep {
    seconds: f64,
}

#[derive(Deserialize)]
struct Node {
    action: String,
    node: String,
}

#[derive(Deserialize)]
struct Acted {
    action: String,
    #[serde(default)]
    args: Vec<Value>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_step_is_distinguished() {
        let kind = |line: &str| parse_step(line).unwrap().action;
        assert!(matches!(
            kind(r#"{"n":1,"auth":"none","method":"GET","path":"/version","params":[],"status":200,"reason":"OK","body":null}"#),
            Action::Http(exchange) if exchange.title() == "GET /version"
        ));
        assert!(matches!(
            kind(
                r#"{"n":1,"kind":"wait","timeout_s":9,"wait_until":{"method":"GET","path":"/p","pointer":"/data","equals":null}}"#
            ),
            Action::Wait { equals: None, timeout_s: 9, .. }
        ));
        assert!(matches!(kind(r#"{"n":1,"kind":"sleep","seconds":1.5}"#), Action::Sleep(seconds) if seconds > 1.0));
        assert!(matches!(
            kind(r#"{"n":1,"kind":"guest","action":"move","args":[100,"pve1","pve2"]}"#),
            Action::Guest { args, .. } if args == ["100", "pve1", "pve2"]
        ));
        assert!(matches!(kind(r#"{"n":1,"kind":"fence","text":"x"}"#), Action::Fence(fence) if fence.text == "x"));
        assert!(matches!(
            kind(r#"{"n":1,"kind":"received","action":"check","received":[{}]}"#),
            Action::Received(entries) if entries.len() == 1
        ));
        assert!(matches!(kind(r#"{"n":1,"kind":"dance"}"#), Action::Unplayed(kind) if kind == "dance"));
        assert!(matches!(kind(r#"{"files":{"/x":null}}"#), Action::Files(files) if files.files.len() == 1));
    }
}
