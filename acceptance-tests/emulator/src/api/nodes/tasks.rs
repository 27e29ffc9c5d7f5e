//! `/nodes/{node}/tasks`

use serde_json::{Map, Value, json};

use crate::error::{ApiError, ApiResult};
use crate::route::{Call, Permission, Reply, Route};
use crate::schema::Prop;
use crate::schema::formats::{Format, VMID, matches};
use crate::world::access::Caller;
use crate::world::tasks::Task;

/// `UPID:NODE:PID:PSTART:STARTTIME:TYPE:ID:USER:`, the numbers in hexadecimal; only the id may be empty.
const UPID: &str = r"^UPID:[a-zA-Z0-9]([a-zA-Z0-9\-]*[a-zA-Z0-9])?:[0-9A-Fa-f]{8}:[0-9A-Fa-f]{8,9}:[0-9A-Fa-f]{8}:[^:\s]+:[^:\s]*:[^:\s]+:$";

pub(super) fn routes() -> Vec<Route> {
    let count = || Prop::integer().min(0.0);
    let list = super::node_param()
        .opt("start", count())
        .opt("limit", count())
        .opt("userfilter", Prop::string())
        .opt("typefilter", Prop::string())
        .opt("vmid", Prop::integer().format(Format::One(VMID)))
        .opt("errors", Prop::boolean())
        .opt("source", Prop::choice(&["archive", "active", "all"]))
        .opt("since", Prop::integer())
        .opt("until", Prop::integer())
        .opt("statusfilter", Prop::string());
    let one = || super::node_param().req("upid", Prop::string());
    let log = one().opt("start", count()).opt("limit", count()).opt("download", Prop::boolean());
    vec![
        Route::get("/nodes/{node}/tasks", tasks).permission(Permission::AnyUser).params(list).proxied(),
        Route::get("/nodes/{node}/tasks/{upid}", |_| Ok(super::cluster_index("name", "log status")))
            .permission(Permission::AnyUser)
            .params(one())
            .proxied(),
        Route::delete("/nodes/{node}/tasks/{upid}", stop).permission(Permission::AnyUser).params(one()).proxied(),
        Route::get("/nodes/{node}/tasks/{upid}/status", status).permission(Permission::AnyUser).params(one()).proxied(),
        Route::get("/nodes/{node}/tasks/{upid}/log", log_lines).permission(Permission::AnyUser).params(log).proxied(),
    ]
}

/// Whether the caller started that task; tokens of one user count as that user.
pub(in crate::api) fn is_own(caller: &Caller, task: &Task) -> bool {
    match caller {
        Caller::Anonymous => false,
        Caller::User(user) => task.user == *user,
        Caller::Token { user, token } => task.user == *user && task.token.as_ref() == Some(token),
    }
}

/// A task as lists show it: without status while it runs.
pub(in crate::api) fn row(task: &Task) -> Map<String, Value> {
    let mut row = common(task);
    if let Some(status) = &task.status {
        row.insert("endtime".into(), json!(task.end));
        row.insert("status".into(), json!(status));
    }
    row
}

fn common(task: &Task) -> Map<String, Value> {
    let mut row = Map::new();
    row.insert("upid".into(), json!(task.upid));
    row.insert("node".into(), json!(task.node));
    row.insert("pid".into(), json!(task.pid));
    row.insert("pstart".into(), json!(task.pstart));
    row.insert("starttime".into(), json!(task.starttime));
    row.insert("type".into(), json!(task.kind));
    row.insert("id".into(), json!(task.id));
    row.insert("user".into(), json!(task.user));
    if let Some(token) = &task.token {
        row.insert("tokenid".into(), json!(token));
    }
    row
}

fn tasks(call: &mut Call<'_>) -> ApiResult<Reply> {
    let node = call.params.text("node");
    let all = call.may(&format!("/nodes/{node}"), &["Sys.Audit"]);
    let params = &call.params;
    let source = params.str("source").unwrap_or_else(|| "archive".into());
    let statuses = params.list("statusfilter");
    let fits = |task: &&Task| {
        task.node == node
            && (all || is_own(&call.caller, task))
            && match source.as_str() {
                "archive" => task.status.is_some(),
                "active" => task.status.is_none(),
                _ => true,
            }
            && params.str("userfilter").is_none_or(|user| task.user.contains(&user))
            && params.str("typefilter").is_none_or(|kind| task.kind == kind)
            && params.str("vmid").is_none_or(|id| task.id == id)
            && params.int("since").is_none_or(|since| task.starttime >= since)
            && params.int("until").is_none_or(|until| task.starttime <= until)
            && (params.bool("errors") != Some(true) || is_error(task))
            && (statuses.is_empty() || statuses.iter().any(|s| *s == status_class(task)))
    };
    let found: Vec<&Task> = call.world.tasks.iter().filter(fits).collect();
    let start = number(params.int("start"), 0);
    let limit = number(params.int("limit"), 50);
    let data = found.iter().skip(start).take(limit).map(|task| Value::Object(row(task))).collect();
    // Without a single task there is no total either.
    Ok(Reply { data: Value::Array(data), total: (!found.is_empty()).then_some(found.len()), delivery: None })
}

/// `upid_status_is_error`: a warning does not count, and a task that runs has not failed.
fn is_error(task: &Task) -> bool {
    task.status.is_some() && !matches!(status_class(task), "ok" | "warning")
}

fn status_class(task: &Task) -> &'static str {
    match task.status.as_deref() {
        Some("OK") => "ok",
        Some(status) if status.starts_with("WARNINGS") => "warning",
        Some("unexpected status") | None => "unknown",
        Some(_) => "error",
    }
}

fn number(given: Option<i64>, default: usize) -> usize {
    given.map_or(default, |n| usize::try_from(n).unwrap_or(0))
}

fn status(call: &mut Call<'_>) -> ApiResult<Value> {
    let task = find(call, "Sys.Audit")?;
    let mut row = common(&task);
    row.insert("status".into(), json!(if task.status.is_some() { "stopped" } else { "running" }));
    if let Some(status) = &task.status {
        row.insert("exitstatus".into(), json!(status));
    }
    Ok(Value::Object(row))
}

fn log_lines(call: &mut Call<'_>) -> ApiResult<Reply> {
    let task = find(call, "Sys.Audit")?;
    let mut lines = task.log.clone();
    if lines.is_empty() {
        lines.push("no content".into());
    }
    let start = number(call.params.int("start"), 0);
    let limit = match number(call.params.int("limit"), 50) {
        0 => lines.len(),
        limit => limit,
    };
    let shown = lines.iter().enumerate().skip(start).take(limit);
    let data = shown.map(|(i, line)| json!({"n": i + 1, "t": line})).collect();
    Ok(Reply { data: Value::Array(data), total: Some(lines.len()), delivery: None })
}

fn stop(call: &mut Call<'_>) -> ApiResult<Value> {
    let task = find(call, "Sys.Modify")?;
    let now = call.world.now();
    if let Some(container) = call.world.tasks.abort(&task.upid, now) {
        call.world.start_guest(container);
    }
    Ok(Value::Null)
}

/// The task, if the caller owns it or has a privilege on its node.
fn find(call: &Call<'_>, privilege: &'static str) -> ApiResult<Task> {
    let upid = call.params.text("upid");
    let node = call.params.text("node");
    matches(&upid, UPID, || "unable to parse worker upid".to_owned()).map_err(|text| ApiError::param("upid", text))?;
    let task = call.world.tasks.find(&upid).filter(|t| t.node == node);
    if task.is_none_or(|task| !is_own(&call.caller, task)) {
        call.check(&format!("/nodes/{node}"), &[privilege])?;
    }
    task.cloned().ok_or_else(|| ApiError::param("upid", "no such task"))
}
