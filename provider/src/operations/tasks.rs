//! Proxmox's tasks: started once, found again after a lost response, and watched by one list for all tasks of a node.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value as Json;

use super::Run;
use super::at_home::{self, ANSWER_TIMEOUT};
use crate::call::Call;
use crate::client::{Error, ErrorKind, LockDomain, Params, path};
use crate::explain::explain;
use crate::framework::{Cause, Failure};

/// How many lines of a failed task's log are quoted.
const QUOTED_LINES: usize = 6;

/// How many tasks one list may have: those of one run, and what others do meanwhile.
const LIST_LIMIT: i64 = 5_000;

/// How often the list of tasks is read after a lost response before the task counts as not started.
const LOOKS_FOR_LOST: u32 = 3;

/// How long that may take after an interrupt, or at the end of the operation's time.
const LOST_GRACE: Duration = Duration::from_secs(10);

/// A task of Proxmox, by its UPID.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Task {
    upid: String,
    node: String,
}

/// What a task is started with.
pub(super) struct Start<'a> {
    /// What the task is about, for messages: `vm:100`.
    pub(super) object: &'a str,
    pub(super) path: &'a str,
    pub(super) params: &'a Params,
    /// The type and id that its UPID has, by which it is found after a lost response.
    pub(super) kind: &'a str,
    pub(super) id: &'a str,
}

/// How a task ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Exit {
    Ok,
    /// It succeeded with that many warnings, or it is Proxmox's text.
    Warnings(String),
    Failed(String),
}

/// The tasks on one node since a moment.
pub(super) struct NodeTasks {
    node: String,
    /// The node's own clock when the run began.
    since: i64,
}

impl Task {
    /// # Errors
    /// It is not a UPID.
    pub(super) fn parse(answer: &Json) -> Result<Self, String> {
        let upid = answer.as_str().unwrap_or_default();
        let node = upid.strip_prefix("UPID:").and_then(|rest| rest.split(':').next()).filter(|node| !node.is_empty());
        let node = node.ok_or_else(|| format!("{answer} is not the id of a task"))?;
        Ok(Self { upid: upid.to_owned(), node: node.to_owned() })
    }

    pub(super) fn upid(&self) -> &str {
        &self.upid
    }

    /// Whether it starts a guest.
    pub(super) fn is_start(&self) -> bool {
        matches!(self.upid.split(':').nth(5), Some("qmstart" | "vzstart"))
    }

    /// When it was started, by the clock of its node: a hexadecimal field of the UPID.
    fn started(&self) -> Option<i64> {
        i64::from_str_radix(self.upid.split(':').nth(4)?, 16).ok()
    }

    /// The end of the log of a task.
    async fn last_lines(&self, run: &Run<'_>) -> Vec<String> {
        self.log(run).await.map(|lines| lines[lines.len().saturating_sub(QUOTED_LINES)..].to_vec()).unwrap_or_default()
    }

    /// The whole log.
    ///
    /// # Errors
    /// What the request meets.
    pub(super) async fn log(&self, run: &Run<'_>) -> Result<Vec<String>, Error> {
        let at = path(["nodes", &self.node, "tasks", &self.upid, "log"]);
        let mut all = Params::new();
        all.set("limit", 0);
        let lines: Vec<Json> = run.client().get_with(&at, &all, &run.call()).await?;
        Ok(lines.iter().filter_map(|line| line["t"].as_str()).map(str::to_owned).collect())
    }

    /// The failure of an operation on `object` whose task ended with this text.
    pub(super) async fn failure(&self, run: &Run<'_>, object: &str, exit: &str) -> Failure {
        let log = self.last_lines(run).await.iter().map(|line| format!("\n  {line}")).collect::<String>();
        let log = if log.is_empty() { String::new() } else { format!(" The end of its log:{log}") };
        let text = format!("{object}: the task {} failed.{log}\nPVE: {exit}", self.upid);
        Failure::new(Cause::Stale, text).summarised("A task of Proxmox failed")
    }
}

impl NodeTasks {
    /// The tasks that `node` starts from now on.
    ///
    /// # Errors
    /// What the request meets.
    pub(super) async fn from_now(run: &Run<'_>, node: &str) -> Result<Self, Failure> {
        let since = clock(run, node).await?;
        Ok(Self { node: node.to_owned(), since })
    }

    /// Starts a task. A start whose response is lost is not repeated: the task is looked for.
    ///
    /// # Errors
    /// Proxmox refuses, or the response is lost and there is no such task.
    pub(super) async fn start(&self, run: &Run<'_>, start: Start<'_>) -> Result<Task, Failure> {
        let (call, object) = (run.call(), start.object);
        let permit = run.client().permit(LockDomain::Other, &call).await.map_err(|error| explain(object, &error))?;
        let sent = run.client().post(start.path, start.params, &permit, &call).await;
        drop(permit);
        match sent {
            Ok(answer) => {
                run.begun();
                Task::parse(&answer).map_err(|problem| Failure::new(Cause::Ambiguous, format!("{object}: {problem}.")))
            }
            Err(error) if error.kind() == ErrorKind::Ambiguous => self.find_lost(run, &start, &error).await,
            Err(error) => Err(explain(object, &error)),
        }
    }

    async fn find_lost(&self, run: &Run<'_>, start: &Start<'_>, error: &Error) -> Result<Task, Failure> {
        run.say(format!("{}: the response was lost; looking for the task.", start.object));
        // After a stop, too, it is to be known whether something was started.
        let call = run.call().grace(LOST_GRACE);
        for _ in 0..LOOKS_FOR_LOST {
            let listed = self.list(run, self.since, &call).await;
            let found = listed.ok().and_then(|tasks| tasks.into_iter().find(|row| row.is(start.kind, start.id)));
            if let Some(row) = found {
                run.begun();
                return Ok(row.task);
            }
            if !call.pause(run.pace()).await {
                break;
            }
        }
        run.begun();
        Err(explain(start.object, error))
    }

    /// How each of `tasks` ended; a task that still runs is not in the answer.
    ///
    /// # Errors
    /// What the request meets.
    pub(super) async fn ended(&self, run: &Run<'_>, tasks: &[&Task]) -> Result<BTreeMap<Task, Exit>, Failure> {
        // One of them may be older than this run, which only waits for it then.
        let since = tasks.iter().filter_map(|task| task.started()).fold(self.since, i64::min);
        let call = run.call();
        let rows = match self.list(run, since, &call.at_most(ANSWER_TIMEOUT)).await {
            Ok(rows) => rows,
            // A node that does not respond in time is asked again, unless it is off.
            Err(error) if !call.is_over() && at_home::is_silence(&error) => {
                at_home::demand_online(run, &self.node).await?;
                Vec::new()
            }
            // The caller's next pause ends, and its failure names the tasks, which continue.
            Err(error) if matches!(error.kind(), ErrorKind::Stopped | ErrorKind::Expired) => Vec::new(),
            Err(error) => return Err(explain(&self.node, &error)),
        };
        let ended = rows.into_iter().filter(|row| tasks.contains(&&row.task));
        Ok(ended.filter_map(|row| Some((row.task, row.exit?))).collect())
    }

    /// The newest task of one of `kinds` for `id` that has failed, with Proxmox's text.
    pub(super) async fn failed(&self, run: &Run<'_>, kinds: &[&str], id: &str) -> Option<(Task, String)> {
        let rows = self.list(run, self.since, &run.call()).await.ok()?;
        rows.into_iter().filter(|row| kinds.contains(&row.kind.as_str()) && row.id == id).find_map(|row| {
            match row.exit {
                Some(Exit::Failed(text)) => Some((row.task, text)),
                _ => None,
            }
        })
    }

    async fn list(&self, run: &Run<'_>, since: i64, call: &Call) -> Result<Vec<Row>, Error> {
        let mut params = Params::new();
        params.set("source", "all").set("since", since).set("limit", LIST_LIMIT);
        let rows: Vec<Json> = run.client().get_with(&path(["nodes", &self.node, "tasks"]), &params, call).await?;
        Ok(rows.iter().filter_map(Row::parse).collect())
    }

    /// Waits until a task has ended.
    ///
    /// # Errors
    /// It failed, or the operation ends before it; the task then continues.
    pub(super) async fn finish(&self, run: &Run<'_>, object: &str, task: &Task) -> Result<(), Failure> {
        let call = run.call();
        let mut looks = call.looks(format!("the task of {object}"));
        loop {
            match self.ended(run, &[task]).await?.remove(task) {
                Some(Exit::Ok) => return Ok(()),
                Some(Exit::Warnings(text)) => {
                    run.cx.warn(
                        "A task of Proxmox ended with warnings",
                        format!("{object}: the task {} ended with warnings. See its log.\nPVE: {text}", task.upid),
                    );
                    return Ok(());
                }
                Some(Exit::Failed(text)) => return Err(task.failure(run, object, &text).await),
                None => {}
            }
            if !looks.pause(run.pace()).await {
                return Err(under_way(object, &format!("the task {}", task.upid)));
            }
        }
    }
}

/// The failure of an operation that ends while something of it continues.
pub(super) fn under_way(object: &str, what: &str) -> Failure {
    continues(object, what, "Run the same operation again to wait for it.")
}

/// The same for one that a second run would not wait for; `next` is what to do.
pub(super) fn continues(object: &str, what: &str, next: &str) -> Failure {
    Failure::new(Cause::Ambiguous, format!("{object}: {what} is still under way and continues. {next}"))
        .summarised("The operation has not ended")
}

/// The tasks that run on `node`: an interrupted run may have left some, which the next one waits for.
///
/// # Errors
/// What the request meets.
pub(super) async fn running(run: &Run<'_>, node: &str) -> Result<Vec<Running>, Failure> {
    let mut params = Params::new();
    params.set("source", "active").set("limit", LIST_LIMIT);
    let rows: Vec<Json> = run
        .client()
        .get_with(&path(["nodes", node, "tasks"]), &params, &run.call().at_most(ANSWER_TIMEOUT))
        .await
        .map_err(|error| explain(node, &error))?;
    let rows = rows.iter().filter_map(Row::parse).filter(|row| row.exit.is_none());
    Ok(rows.map(|row| Running { task: row.task, kind: row.kind, id: row.id }).collect())
}

/// A task that runs.
#[derive(Debug, Clone)]
pub(super) struct Running {
    pub(super) task: Task,
    pub(super) kind: String,
    /// What it works on: the number of a guest.
    pub(super) id: String,
}

impl Running {
    /// The one of `all` that works on the guest `vmid`, if it is of one of `kinds`.
    pub(super) fn on<'a>(all: &'a [Self], vmid: u64, kinds: &[&str]) -> Option<&'a Self> {
        let id = vmid.to_string();
        all.iter().find(|one| one.id == id && kinds.contains(&one.kind.as_str()))
    }
}

/// The clock of a node, in seconds since the epoch.
///
/// # Errors
/// What the request meets.
pub(super) async fn clock(run: &Run<'_>, node: &str) -> Result<i64, Failure> {
    let answer: Json =
        run.client().get(&path(["nodes", node, "time"]), &run.call()).await.map_err(|error| explain(node, &error))?;
    answer["time"].as_i64().ok_or_else(|| Failure::refused(format!("{node}: its clock can't be read.")))
}

/// A task in the list of a node.
struct Row {
    task: Task,
    kind: String,
    id: String,
    /// Nothing while it runs.
    exit: Option<Exit>,
}

impl Row {
    fn parse(row: &Json) -> Option<Self> {
        let text = |name: &str| row[name].as_str().map(str::to_owned);
        // One that has ended and does not say how has not succeeded.
        let ended = row["endtime"].as_i64();
        let exit = ended.map(|_| Exit::from_text(text("status").unwrap_or_else(|| "unknown".to_owned())));
        Some(Self {
            task: Task::parse(&row["upid"]).ok()?,
            kind: text("type")?,
            id: text("id").unwrap_or_default(),
            exit,
        })
    }

    fn is(&self, kind: &str, id: &str) -> bool {
        self.kind == kind && self.id == id
    }
}

impl Exit {
    fn from_text(text: String) -> Self {
        match text.as_str() {
            "OK" => Self::Ok,
            warnings if warnings.starts_with("WARNINGS") => Self::Warnings(text),
            _ => Self::Failed(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_task_names_its_node() {
        let upid = "UPID:pve1:00000170:000A823C:6B0A9E5C:qmigrate:100:root@pam!rig:";
        let task = Task::parse(&json!(upid)).unwrap();
        assert_eq!((task.node.as_str(), task.started()), ("pve1", Some(0x6B0A_9E5C)));
        assert!(Task::parse(&json!("")).is_err() && Task::parse(&Json::Null).is_err());
    }

    #[test]
    fn a_task_without_an_end_runs() {
        let upid = "UPID:pve1:00000170:000A823C:6B0A9E5C:qmigrate:100:root@pam:";
        let row = |more: Json| {
            let mut row = json!({"upid": upid, "type": "qmigrate", "id": "100"});
            row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            Row::parse(&row).unwrap()
        };
        assert!(row(json!({})).is("qmigrate", "100") && row(json!({})).exit.is_none());
        assert_eq!(row(json!({"endtime": 5, "status": "OK"})).exit, Some(Exit::Ok));
        assert_eq!(row(json!({"endtime": 5})).exit, Some(Exit::Failed("unknown".to_owned())));
        let failed = row(json!({"endtime": 5, "status": "migration aborted"})).exit;
        assert_eq!(failed, Some(Exit::Failed("migration aborted".to_owned())));
        let warned = row(json!({"endtime": 5, "status": "WARNINGS: 1"})).exit;
        assert_eq!(warned, Some(Exit::Warnings("WARNINGS: 1".to_owned())));
    }
}
