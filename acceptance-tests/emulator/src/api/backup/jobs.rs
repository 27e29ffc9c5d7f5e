//! The jobs' configuration: `/cluster/backup`.

use serde_json::{Map, Value, json};

use super::{config, param_check};
use crate::api::replication::CalendarEvent;
use crate::error::{ApiError, ApiResult};
use crate::route::{Call, Permission, Route};
use crate::schema::formats::{CONFIG_ID, Format, Named};
use crate::schema::{Prop, Schema};
use crate::section_config::{Section, without};
use crate::world::World;

const DAY_OF_WEEK: Named = Named {
    name: "pve-day-of-week",
    check: |value| match value {
        "mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun" => Ok(()),
        _ => Err(format!("invalid day '{value}'")),
    },
};

/// `/cluster/backup`
pub(super) fn routes() -> Vec<Route> {
    const LIST: &str = "/cluster/backup";
    const ONE: &str = "/cluster/backup/{id}";
    let old_id = || Schema::new().req("id", Prop::string().max_length(50));
    let options = |schema: Schema| {
        let schema = schema
            .opt("schedule", config::schedule())
            .opt("starttime", Prop::string().pattern(r"\d{1,2}:\d{1,2}"))
            .opt("dow", Prop::string().format(Format::List(DAY_OF_WEEK)).requires("starttime"))
            .opt("enabled", Prop::boolean())
            .opt("repeat-missed", Prop::boolean())
            .opt("comment", config::comment());
        config::vzdump_options().into_iter().fold(schema, |schema, (name, prop)| schema.opt(name, prop))
    };
    let post = options(Schema::new().opt("id", config::new_id()));
    let put = options(old_id()).opt("delete", Prop::string().format(Format::List(CONFIG_ID)));
    let audit = || Permission::root(&["Sys.Audit"]);
    let modify = || Permission::root(&["Sys.Modify"]);
    vec![
        Route::get(LIST, list).permission(audit()),
        Route::get(ONE, read).permission(audit()).params(old_id()),
        Route::post(LIST, create).permission(modify()).params(post),
        Route::put(ONE, update).permission(modify()).params(put),
        Route::delete(ONE, delete).permission(modify()).params(old_id()),
    ]
}

/// All jobs as the list shows them.
#[must_use]
pub fn list_all(world: &World) -> Vec<Map<String, Value>> {
    config::read(world).list.iter().map(|job| with_next_run(world, job)).collect()
}

fn list(call: &mut Call<'_>) -> ApiResult {
    Ok(list_all(call.world).into_iter().map(Value::Object).collect())
}

/// A job runs on every node by itself, so its next run is reckoned from now, not from the last one.
fn with_next_run(world: &World, job: &Section) -> Map<String, Value> {
    let mut entry = config::entry(job);
    let event = job.text("schedule").and_then(|schedule| CalendarEvent::parse(&schedule).ok());
    if let Some(next) = event.and_then(|event| event.next_after(world.now())) {
        entry.insert("next-run".to_owned(), json!(next));
    }
    entry
}

fn read(call: &mut Call<'_>) -> ApiResult {
    let id = call.params.text("id");
    let jobs = config::read(call.world);
    let job = jobs.find(&id).ok_or_else(|| no_such_job(&id))?;
    Ok(Value::Object(config::entry(job)))
}

/// The job of a path.
pub(super) fn no_such_job(id: &str) -> ApiError {
    ApiError::param("id", format!("No such job '{id}'"))
}

fn create(call: &mut Call<'_>) -> ApiResult {
    param_check::may_create(call)?;
    param_check::pool_exists(&call.params)?;
    param_check::schedule(&mut call.params, true)?;
    let id = call.params.str("id").unwrap_or_else(random_id);
    let params = without(&call.params, &["id"]);
    locked(call, &["file-jobs_cfg"], |world| {
        let mut jobs = config::read(world);
        if jobs.find(&id).is_some() {
            return Err(ApiError::die(format!("Job '{id}' already exists")));
        }
        let mut values = config::plugin().check(params.iter(), true).map_err(ApiError::die)?;
        values.entry("enabled".to_owned()).or_insert_with(|| 1.into());
        param_check::selection(&mut values, true)?;
        jobs.push("vzdump", &id, values);
        config::write(world, &jobs).map_err(ApiError::die)
    })
}

fn update(call: &mut Call<'_>) -> ApiResult {
    let id = call.params.text("id");
    let dropped = call.params.list("delete");
    param_check::may_update(call, &dropped)?;
    param_check::pool_exists(&call.params)?;
    param_check::schedule(&mut call.params, false)?;
    let deletes = call.params.has("delete");
    let params = without(&call.params, &["id", "delete"]);
    locked(call, &["file-vzdump_cron", "file-jobs_cfg"], |world| {
        if params.iter().next().is_none() && !deletes {
            return Err(ApiError::die("no options specified"));
        }
        let mut changed = config::plugin().check(params.iter(), false).map_err(ApiError::die)?;
        param_check::selection(&mut changed, false)?;
        let mut jobs = config::read(world);
        let job = jobs.find_mut(&id).ok_or_else(|| ApiError::die("no such vzdump job"))?;
        for name in &dropped {
            if !config::is_vzdump_option(name) && !matches!(name.as_str(), "comment" | "repeat-missed") {
                return Err(ApiError::param("delete", format!("unknown option '{name}'")));
            }
            job.values.remove(name);
        }
        let chosen = ["vmid", "all", "pool"].into_iter().find(|name| params.has(name) && changed[*name] != json!(0));
        job.values.extend(changed);
        let replaced: &[&str] = match chosen {
            Some("vmid") => &["all", "exclude", "pool"],
            Some("all") => &["vmid", "pool"],
            Some(_) => &["vmid", "all", "exclude"],
            None => &[],
        };
        job.values.retain(|name, _| !replaced.contains(&name.as_str()));
        param_check::selection(&mut job.values, true)?;
        config::write(world, &jobs).map_err(ApiError::die)
    })
}

fn delete(call: &mut Call<'_>) -> ApiResult {
    let id = call.params.text("id");
    locked(call, &["file-vzdump_cron", "file-jobs_cfg"], |world| {
        let mut jobs = config::read(world);
        if !jobs.remove(&id) {
            return Err(no_such_job(&id));
        }
        config::write(world, &jobs).map_err(ApiError::die)
    })
}

/// `code` under these locks. What it dies of is passed on as a text (`die "$@"`), so that every refusal comes out as a 500.
fn locked(call: &mut Call<'_>, locks: &[&str], code: impl FnOnce(&mut World) -> ApiResult<()>) -> ApiResult {
    let done = match locks {
        [] => code(call.world),
        [lock, inner @ ..] => call.locked(lock, |call| locked(call, inner, code).map(drop)),
    };
    done.map(|()| Value::Null).map_err(|error| error.prefixed(""))
}

/// `UUID::uuid()`
fn random_id() -> String {
    let mut bytes = [0_u8; 16];
    // Without randomness there would be no TLS either.
    let _ = aws_lc_rs::rand::fill(&mut bytes);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = |part: &[u8]| part.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    [&bytes[..4], &bytes[4..6], &bytes[6..8], &bytes[8..10], &bytes[10..]].map(hex).join("-")
}
