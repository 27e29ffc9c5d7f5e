//! `pvesr`: storage replication.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::formatter;
use super::perl_cli::{Cli, Entry, text};
use super::{Host, Io, Run};
use crate::api::replication::job_id;
use crate::route::Method;
use crate::schema::{Params, Prop, Schema};

pub(super) fn run(host: &mut Host<'_>, io: &mut Io, arguments: &[String]) -> Run {
    cli().run(host, io, arguments)
}

fn cli() -> Cli {
    const LIST: &str = "/cluster/replication";
    const JOB: &str = "/cluster/replication/{id}";
    let id = || Schema::new().req("id", job_id());
    let run = Schema::new().opt("id", job_id()).opt("mail", Prop::boolean()).opt("verbose", Prop::boolean());
    Cli {
        name: "pvesr",
        groups: vec![
            vec![
                Entry::api(
                    &["schedule-now"],
                    "<id>",
                    &["id"],
                    Method::Post,
                    "/nodes/{node}/replication/{id}/schedule_now",
                ),
                Entry::api(&["status"], " [OPTIONS]", &[], Method::Get, "/nodes/{node}/replication").printed(status),
            ],
            vec![
                Entry::api(&["create-local-job"], "<id> <target> [OPTIONS]", &["id", "target"], Method::Post, LIST)
                    .preset("type", "local"),
                Entry::api(&["delete"], "<id> [OPTIONS]", &["id"], Method::Delete, JOB),
                Entry::api(&["list"], "", &[], Method::Get, LIST).printed(list),
                Entry::api(&["read"], "<id>", &["id"], Method::Get, JOB).printed(|_, io, value, _| {
                    io.out.push_str(&formatter::pretty(value));
                    0
                }),
                Entry::api(&["update"], "<id> [OPTIONS]", &["id"], Method::Put, JOB),
            ],
            vec![
                Entry::own(&["disable"], "<id>", &["id"], id(), |host, _, params| Ok(disable(host, params, "1"))),
                Entry::own(&["enable"], "<id>", &["id"], id(), |host, _, params| Ok(disable(host, params, "0"))),
                Entry::own(&["finalize-local-job"], "<id> [<extra-args>] [OPTIONS]", &["id"], id(), internal),
                Entry::own(&["prepare-local-job"], "<id> [<extra-args>] [OPTIONS]", &["id"], id(), internal),
                Entry::own(&["run"], " [OPTIONS]", &[], run, run_now),
                Entry::own(&["set-state"], "<vmid> <state>", &["id", "state"], id().req("state", text()), internal),
            ],
        ],
    }
}

/// What nodes call on one another while they replicate.
fn internal(_: &mut Host<'_>, _: &mut Io, _: &Params) -> Run<Result<i32, String>> {
    Ok(Err("no volumes specified".to_owned()))
}

fn call(host: &mut Host<'_>, method: Method, path: &str, params: &[(&str, &str)]) -> Result<Value, String> {
    let params: Map<String, Value> = params.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    let reply = host.cluster.call_in(host.world, method, path, params);
    reply.map(|reply| reply.data).map_err(|error| error.stringified().trim_end_matches('\n').to_owned())
}

fn disable(host: &mut Host<'_>, params: &Params, flag: &str) -> Result<i32, String> {
    call(host, Method::Put, &format!("/cluster/replication/{}", params.text("id")), &[("disable", flag)]).map(|_| 0)
}

fn field(row: &Value, name: &str) -> Option<String> {
    row.get(name).filter(|value| !value.is_null()).map(crate::schema::check::perl_text)
}

fn is_disabled(row: &Value) -> bool {
    field(row, "disable").is_some_and(|flag| flag == "1")
}

fn target(row: &Value) -> String {
    format!("local/{}", field(row, "target").unwrap_or_default())
}

fn list(_: &mut Host<'_>, io: &mut Io, value: &Value, _: &str) -> i32 {
    let mut line = |id: &str, target: &str, schedule: &str, rate: &str, enabled: &str| {
        io.out.push_str(&format!("{id:<20} {target:<20} {schedule:>10} {rate:>5} {enabled:>8}\n"));
    };
    line("JobID", "Target", "Schedule", "Rate", "Enabled");
    for row in by_guest(value) {
        let or = |name: &str, other: &str| field(row, name).unwrap_or_else(|| other.to_owned());
        let enabled = if is_disabled(row) { "no" } else { "yes" };
        line(&or("id", ""), &target(row), &or("schedule", "*/15"), &or("rate", "-"), enabled);
    }
    0
}

fn status(host: &mut Host<'_>, io: &mut Io, value: &Value, _: &str) -> i32 {
    let now = host.world.now();
    let mut line = |cells: [&str; 8]| {
        let [id, enabled, target, last, next, duration, failed, state] = cells;
        io.out.push_str(&format!(
            "{id:<10} {enabled:<10} {target:<20} {last:>20} {next:>20} {duration:>10} {failed:>10} {state}\n"
        ));
    };
    line(["JobID", "Enabled", "Target", "LastSync", "NextSync", "Duration", "FailCount", "State"]);
    for row in by_guest(value) {
        let second =
            |name: &str| field(row, name).and_then(|text| text.parse::<f64>().ok()).map_or(0, |time| time as i64);
        let last = if second("last_sync") > 0 { time(second("last_sync")) } else { "-".to_owned() };
        let next = match second("next_sync") {
            0 => "-".to_owned(),
            next if next > now => time(next),
            _ => "pending".to_owned(),
        };
        let state = if row.get("pid").is_some() { Some("SYNCING".to_owned()) } else { field(row, "error") };
        line([
            &field(row, "id").unwrap_or_default(),
            if is_disabled(row) { "No" } else { "Yes" },
            &target(row),
            &last,
            &next,
            &field(row, "duration").unwrap_or_else(|| "-".to_owned()),
            &field(row, "fail_count").unwrap_or_else(|| "0".to_owned()),
            state.as_deref().unwrap_or("OK"),
        ]);
    }
    0
}

fn by_guest(value: &Value) -> Vec<&Value> {
    let mut rows: Vec<&Value> = value.as_array().into_iter().flatten().collect();
    rows.sort_by_key(|row| field(row, "guest").and_then(|guest| guest.parse::<u32>().ok()));
    rows
}

fn time(second: i64) -> String {
    Timestamp::from_second(second).unwrap_or(Timestamp::UNIX_EPOCH).strftime("%Y-%m-%d_%H:%M:%S").to_string()
}

/// `run --id`: one job at once; without an id all that are due, which their scheduler does anyway.
fn run_now(host: &mut Host<'_>, _: &mut Io, params: &Params) -> Run<Result<i32, String>> {
    let Some(id) = params.str("id") else { return Ok(Ok(0)) };
    if params.bool("mail") == Some(true) {
        return Ok(Err("Mail and id are mutually exclusive!".to_owned()));
    }
    Ok(run_one(host, &id))
}

fn run_one(host: &mut Host<'_>, id: &str) -> Result<i32, String> {
    let job = call(host, Method::Get, &format!("/cluster/replication/{id}"), &[])
        .map_err(|_| format!("no such job '{id}'"))?;
    if is_disabled(&job) {
        return Err(format!("job '{id}' is disabled"));
    }
    let guest = field(&job, "guest").unwrap_or_default();
    let found = host.world.guests.get(&guest.parse().unwrap_or(0)).ok_or_else(|| format!("no such guest '{guest}'"))?;
    if found.node != host.machine {
        return Err(format!("guest '{guest}' is not on local node"));
    }
    if field(&job, "target").as_deref() == Some(host.machine.as_str()) {
        return Err("unable to sync to local node".to_owned());
    }
    let path = format!("/nodes/{}/replication/{id}/schedule_now", host.machine);
    call(host, Method::Post, &path, &[]).map(|_| 0)
}
