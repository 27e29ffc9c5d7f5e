//! The state of the jobs of a node: `/nodes/{node}/replication`.

use serde_json::{Map, Value, json};

use super::state::{LocalJob, local_jobs};
use super::{config, job_id, write_permission};
use crate::error::{ApiError, ApiResult};
use crate::route::{Call, Permission, Reply, Route};
use crate::schema::formats::{Format, NODE, VMID};
use crate::schema::{Prop, Schema};
use crate::world::Pve;

/// `/nodes/{node}/replication`
pub(super) fn routes(pve: Pve) -> Vec<Route> {
    let node = || Schema::new().req("node", Prop::string().format(Format::One(NODE)));
    let one = || node().req("id", job_id());
    let index = json!([{"name": "schedule_now"}, {"name": "log"}, {"name": "status"}]);
    let vmid = Prop::integer().format(Format::One(VMID));
    let page = one().opt("start", Prop::integer().min(0.0)).opt("limit", Prop::integer().min(0.0));
    let route = |route: Route| route.permission(Permission::AnyUser).proxied();
    vec![
        route(Route::get("/nodes/{node}/replication", list)).params(node().opt("guest", vmid)),
        route(Route::get("/nodes/{node}/replication/{id}", move |_| Ok(index.clone()))).params(one()),
        route(Route::get("/nodes/{node}/replication/{id}/status", status)).params(one()),
        route(Route::get("/nodes/{node}/replication/{id}/log", log)).params(page),
        route(Route::post("/nodes/{node}/replication/{id}/schedule_now", schedule_now))
            .permission(write_permission(pve))
            .params(one()),
    ]
}

fn list(call: &mut Call<'_>) -> ApiResult {
    let node = node(call);
    let only = call.params.int("guest");
    let jobs = local_jobs(call.world, &node, true);
    let matches = |job: &&LocalJob| {
        only.is_none_or(|vmid| i64::from(job.guest) == vmid) && call.may(&format!("/vms/{}", job.guest), &["VM.Audit"])
    };
    Ok(jobs.iter().filter(matches).map(|job| entry(call, &node, job)).collect())
}

fn status(call: &mut Call<'_>) -> ApiResult {
    let node = node(call);
    let job = find(call, &node)?;
    call.check(&format!("/vms/{}", job.guest), &["VM.Audit"])?;
    Ok(entry(call, &node, &job))
}

fn log(call: &mut Call<'_>) -> ApiResult<Reply> {
    let node = node(call);
    let id = call.params.text("id");
    let vmid = super::parse_job_id(&id).map_or(0, |(vmid, _)| vmid);
    if !call.may(&format!("/nodes/{node}"), &["Sys.Audit"]) {
        call.check(&format!("/vms/{vmid}"), &["VM.Audit"])?;
    }
    let known = call.world.replication.nodes.get(&node).and_then(|state| state.jobs.get(&id));
    let lines = match known.map(|job| job.log.clone()) {
        Some(lines) if !lines.is_empty() => lines,
        _ => vec!["unable to open file - No such file or directory".to_owned()],
    };
    let start = call.params.int("start").and_then(|start| usize::try_from(start).ok()).unwrap_or(0);
    let limit = match call.params.int("limit").and_then(|limit| usize::try_from(limit).ok()) {
        None => 50,
        Some(0) => usize::MAX,
        Some(limit) => limit,
    };
    let page = lines.iter().enumerate().skip(start).take(limit).map(|(at, text)| json!({"n": at + 1, "t": text}));
    Ok(Reply { data: page.collect(), total: Some(lines.len()), delivery: None })
}

/// Forgets the last attempt, so that the job is due at the scheduler's next pass.
fn schedule_now(call: &mut Call<'_>) -> ApiResult {
    let node = node(call);
    let guest = super::parse_job_id(&call.params.text("id")).map_or(0, |(guest, _)| guest);
    super::check_may_write(call, guest)?;
    let job = find(call, &node)?;
    let known = call.world.replication.nodes.entry(node).or_default();
    if let Some(state) = known.jobs.get_mut(&job.config.id) {
        state.last_try = 0;
    }
    Ok(json!(""))
}

fn node(call: &Call<'_>) -> String {
    match call.params.text("node") {
        local if local == "localhost" => call.world.answering_node.clone(),
        node => node,
    }
}

fn find(call: &mut Call<'_>, node: &str) -> ApiResult<LocalJob> {
    let id = call.params.text("id");
    let jobs = local_jobs(call.world, node, true);
    jobs.into_iter()
        .find(|job| job.config.id == id)
        .ok_or_else(|| ApiError::die(format!("no such replication job '{id}'")))
}

fn entry(call: &Call<'_>, node: &str, job: &LocalJob) -> Value {
    let mut entry: Map<String, Value> = config::entry(&job.config);
    // A node lists the jobs of its own guests, and says so where the job's section doesn't.
    entry.entry("source").or_insert_with(|| json!(node));
    entry.extend([
        ("vmtype".to_owned(), json!(job.vmtype)),
        ("next_sync".to_owned(), json!(job.next_sync)),
        ("last_sync".to_owned(), json!(job.state.last_sync)),
        ("last_try".to_owned(), json!(job.state.last_try)),
        ("fail_count".to_owned(), json!(job.state.fail_count)),
    ]);
    if let Some(duration) = job.state.duration {
        entry.insert("duration".to_owned(), json!(duration));
    }
    if let Some(error) = &job.state.error {
        entry.insert("error".to_owned(), json!(error));
    }
    let running = call.world.replication.nodes.get(node).and_then(|state| state.running.as_ref());
    if let Some(run) = running.filter(|run| run.job == job.config.id) {
        entry.insert("pid".to_owned(), json!(run.pid));
    }
    Value::Object(entry)
}
