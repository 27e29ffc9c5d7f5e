//! The jobs' configuration: `/cluster/replication`.

use serde_json::{Map, Value, json};

use super::{check_may_write, config, job_id, parse_job_id, volumes, write_permission};
use crate::error::{ApiError, ApiResult};
use crate::route::{Call, Permission, Route};
use crate::schema::formats::{CONFIG_ID, Format};
use crate::schema::{Prop, Schema};
use crate::section_config::{Sections, without};
use crate::world::{Pve, World};

/// `/cluster/replication`
pub(super) fn routes(pve: Pve) -> Vec<Route> {
    const LIST: &str = "/cluster/replication";
    const ONE: &str = "/cluster/replication/{id}";
    let id = || Schema::new().req("id", job_id());
    let options = |schema: Schema| {
        schema
            .opt("source", config::node())
            .opt("schedule", config::schedule())
            .opt("rate", config::rate())
            .opt("comment", config::comment())
            .opt("disable", Prop::boolean())
            .opt("remove_job", config::remove_job())
    };
    let post = options(id().req("type", Prop::choice(&["local"])).req("target", config::node()));
    let put = options(id())
        .opt("delete", Prop::string().max_length(4096).format(Format::List(CONFIG_ID)))
        .opt("digest", Prop::string().max_length(64));
    let del = id().opt("keep", Prop::boolean()).opt("force", Prop::boolean());
    vec![
        Route::get(LIST, list).permission(Permission::AnyUser),
        Route::get(ONE, read).permission(Permission::AnyUser).params(id()),
        Route::post(LIST, create).permission(write_permission(pve)).params(post),
        Route::put(ONE, update).permission(write_permission(pve)).params(put),
        Route::delete(ONE, delete).permission(write_permission(pve)).params(del),
    ]
}

fn list(call: &mut Call<'_>) -> ApiResult {
    Ok(visible(call).into_iter().map(Value::Object).collect())
}

/// The jobs whose guests the caller may see.
pub(in crate::api) fn visible(call: &Call<'_>) -> Vec<Map<String, Value>> {
    let mut jobs = config::read(call.world).list;
    jobs.retain(|job| call.may(&vm_path(&job.id), &["VM.Audit"]));
    jobs.sort_by(|one, other| one.id.cmp(&other.id));
    jobs.iter().map(config::entry).collect()
}

fn read(call: &mut Call<'_>) -> ApiResult {
    let id = call.params.text("id");
    let jobs = config::read(call.world);
    let job = jobs.find(&id).ok_or_else(|| ApiError::die(format!("no such replication job '{id}'")))?;
    call.check(&vm_path(&id), &["VM.Audit"])?;
    let mut entry = config::entry(job);
    entry.insert("digest".to_owned(), json!(jobs.digest));
    Ok(Value::Object(entry))
}

fn create(call: &mut Call<'_>) -> ApiResult {
    let id = call.params.text("id");
    let vmid = guest_of(&id);
    check_may_write(call, vmid)?;
    let target = call.params.text("target");
    let source = check_ends(call.world, vmid, &target, call.params.str("source"))?;
    volumes::check(call.world, vmid).map_err(ApiError::die)?;
    let params = without(&call.params, &["id", "type"]);
    write(call, |world| {
        let mut jobs = config::read(world);
        if jobs.find(&id).is_some() {
            return Err(format!("replication job '{id}' already exists"));
        }
        let mut values = config::plugin().check(params.iter(), true)?;
        values.insert("source".to_owned(), json!(source));
        refuse_second_job(&jobs, vmid, &target)?;
        jobs.push("local", &id, values);
        config::write(world, &jobs)
    })
}

fn update(call: &mut Call<'_>) -> ApiResult {
    let id = call.params.text("id");
    check_may_write(call, guest_of(&id))?;
    let digest = call.params.str("digest");
    let dropped = call.params.list("delete");
    let params = without(&call.params, &["id", "digest", "delete"]);
    write(call, |world| {
        let mut jobs = config::read(world);
        jobs.assert_unmodified(digest.as_deref())?;
        let job = jobs.find_mut(&id).ok_or_else(|| format!("no such job '{id}'"))?;
        job.values.extend(config::plugin().check(params.iter(), false)?);
        config::plugin().delete(&mut job.values, &dropped)?;
        config::write(world, &jobs)
    })
}

/// Only marks the job, unless forced: the scheduler of the guest's node cleans up and then removes it.
fn delete(call: &mut Call<'_>) -> ApiResult {
    let id = call.params.text("id");
    check_may_write(call, guest_of(&id))?;
    let flag = |name: &str| call.params.bool(name).unwrap_or(false);
    let (keep, force) = (flag("keep"), flag("force"));
    if keep && force {
        return Err(ApiError::param("keep", "conflicts with parameter 'force'"));
    }
    write(call, |world| {
        let mut jobs = config::read(world);
        if force {
            jobs.remove(&id);
        } else {
            let job = jobs.find_mut(&id).ok_or_else(|| format!("no such job '{id}'"))?;
            job.values.insert("remove_job".to_owned(), json!(if keep { "local" } else { "full" }));
        }
        config::write(world, &jobs)
    })
}

/// `code` under the lock of the file.
fn write(call: &mut Call<'_>, code: impl FnOnce(&mut World) -> Result<(), String>) -> ApiResult {
    call.locked("file-replication_cfg", |call| code(call.world).map_err(ApiError::die))?;
    Ok(Value::Null)
}

/// The job's source: the node that has the guest.
fn check_ends(world: &World, vmid: u32, target: &str, source: Option<String>) -> ApiResult<String> {
    let guest = world.guests.get(&vmid).ok_or_else(|| ApiError::die(format!("Guest '{vmid}' does not exist.")))?;
    if !world.nodes.contains_key(target) {
        return Err(ApiError::die(format!("Target '{target}' does not exist.")));
    }
    let node = &guest.node;
    if let Some(source) = source.filter(|source| source != node) {
        let text = format!("Source '{source}' does not match current node of guest '{vmid}' ({node})");
        return Err(ApiError::die(text));
    }
    if node == target {
        return Err(ApiError::die("Source and target must not be identical"));
    }
    Ok(node.clone())
}

fn refuse_second_job(jobs: &Sections, vmid: u32, target: &str) -> Result<(), String> {
    let same = |id: &str| guest_of(id) == vmid;
    if jobs.list.iter().any(|job| same(&job.id) && job.text("target").as_deref() == Some(target)) {
        return Err(format!("replication job for guest '{vmid}' to target 'local/{target}' already exists"));
    }
    Ok(())
}

fn guest_of(id: &str) -> u32 {
    parse_job_id(id).map_or(0, |(guest, _)| guest)
}

fn vm_path(id: &str) -> String {
    format!("/vms/{}", guest_of(id))
}
