//! The jobs' configuration: `/cluster/backup`.

use serde_json::{Map, Value, json};

use super::{config, parameters, permissions, schedule, selection};
use crate::api::replication::CalendarEvent;
use crate::error::{ApiError, ApiResult};
use crate::route::{Call, Permission, Route};
use crate::schema::formats::{CONFIG_ID, Format};
use crate::schema::{Prop, Schema};
use crate::section_config::{Section, Values, without};
use crate::world::{Pve, World};

/// The longest id in a path. A new job's may be longer, and then can't be named any more.
const ID_LENGTH: usize = 50;

/// `/cluster/backup`
pub(super) fn routes(pve: Pve) -> Vec<Route> {
    const LIST: &str = "/cluster/backup";
    const ONE: &str = "/cluster/backup/{id}";
    let post = Schema::new().opt("id", Prop::string().format(Format::One(CONFIG_ID)));
    let put = old_id().opt("delete", Prop::string().format(Format::List(CONFIG_ID)));
    let audit = || Permission::root(&["Sys.Audit"]);
    let modify = || Permission::root(&["Sys.Modify"]);
    vec![
        Route::get(LIST, list).permission(audit()),
        Route::get(ONE, read).permission(audit()).params(old_id()),
        Route::post(LIST, create).permission(modify()).params(parameters::of_job(pve, post)),
        Route::put(ONE, update).permission(modify()).params(parameters::of_job(pve, put)),
        Route::delete(ONE, delete).permission(modify()).params(old_id()),
    ]
}

/// The id in the path of a job.
pub(super) fn old_id() -> Schema {
    Schema::new().req("id", Prop::string().max_length(ID_LENGTH))
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
    let mut entry = config::entry(world, job);
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
    Ok(Value::Object(config::entry(call.world, job)))
}

/// The job of a path.
pub(super) fn no_such_job(id: &str) -> ApiError {
    ApiError::param("id", format!("No such job '{id}'"))
}

fn create(call: &mut Call<'_>) -> ApiResult {
    permissions::to_create(call)?;
    schedule::from_start_time(&mut call.params, true)?;
    let id = call.params.str("id").unwrap_or_else(random_id);
    locked(call, &["file-jobs_cfg"], |call| {
        let mut jobs = config::read(call.world);
        if jobs.find(&id).is_some() {
            return Err(ApiError::die(format!("Job '{id}' already exists")));
        }
        let mut values = accepted(call, true)?;
        values.entry("enabled".to_owned()).or_insert_with(|| 1.into());
        jobs.push("vzdump", &id, values);
        config::write(call.world, &jobs).map_err(ApiError::die)
    })
}

fn update(call: &mut Call<'_>) -> ApiResult {
    let id = call.params.text("id");
    let dropped = call.params.list("delete");
    permissions::to_update(call, &dropped)?;
    schedule::from_start_time(&mut call.params, false)?;
    locked(call, &["file-vzdump_cron", "file-jobs_cfg"], |call| {
        if call.params.iter().all(|(name, _)| name == "id") {
            return Err(ApiError::die("no options specified"));
        }
        let changed = accepted(call, false)?;
        let mut jobs = config::read(call.world);
        let job = jobs.find_mut(&id).ok_or_else(|| ApiError::die("no such vzdump job"))?;
        permissions::to_touch(call, job)?;
        let known = parameters::all(call.world.profile.pve);
        for name in &dropped {
            if !known.iter().any(|parameter| parameter.name == *name && parameter.is_deletable()) {
                return Err(ApiError::param("delete", format!("unknown option '{name}'")));
            }
            job.values.remove(name);
        }
        job.values.extend(changed.clone());
        selection::replace(&mut job.values, &changed);
        selection::verify(&mut job.values, true)?;
        config::write(call.world, &jobs).map_err(ApiError::die)
    })
}

/// What is to be set, as a job keeps it.
fn accepted(call: &Call<'_>, create: bool) -> ApiResult<Values> {
    let params = without(&call.params, &["id", "delete"]);
    let mut values: Values = params.iter().map(|(name, value)| (name.to_owned(), value.clone())).collect();
    selection::verify(&mut values, create)?;
    let values = values.iter().map(|(name, value)| (name.as_str(), value));
    config::plugin(call.world).check(values, create).map_err(ApiError::die)
}

fn delete(call: &mut Call<'_>) -> ApiResult {
    let id = call.params.text("id");
    locked(call, &["file-vzdump_cron", "file-jobs_cfg"], |call| {
        let mut jobs = config::read(call.world);
        if !jobs.remove(&id) {
            return Err(no_such_job(&id));
        }
        config::write(call.world, &jobs).map_err(ApiError::die)
    })
}

/// `code` under these locks. What it dies of is passed on as a text (`die "$@"`), so that every refusal comes out as a 500.
fn locked<'c>(call: &mut Call<'c>, locks: &[&str], code: impl FnOnce(&mut Call<'c>) -> ApiResult<()>) -> ApiResult {
    let done = match locks {
        [] => code(call),
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
