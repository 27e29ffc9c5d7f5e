//! HA resources: which guests are managed, and how.

use serde_json::{Map, Value, json};

use super::sid::Sid;
use super::{AUDIT, CONSOLE, RESOURCE_OR_VMID, commands, files, locked, purge};
use crate::error::{ApiError, ApiResult};
use crate::route::{Call, Route};
use crate::schema::formats::{CONFIG_ID, Format, NODE};
use crate::schema::{Prop, Schema};
use crate::section_config::{Section, without};
use crate::world::{HaManager, Pve, World};

/// `/cluster/ha/resources`
pub(super) fn routes(pve: Pve, ha: HaManager) -> Vec<Route> {
    const LIST: &str = "/cluster/ha/resources";
    const ONE: &str = "/cluster/ha/resources/{sid}";
    let types = || Prop::choice(&["ct", "vm"]);
    let id = || Schema::new().req("sid", Prop::string().format(Format::One(RESOURCE_OR_VMID)));
    let more = |schema: Schema| {
        let schema = schema
            .opt("state", Prop::choice(&files::STATES))
            .opt("group", Prop::string().format(Format::One(CONFIG_ID)))
            .opt("max_restart", Prop::integer().min(0.0))
            .opt("max_relocate", Prop::integer().min(0.0))
            .opt("comment", files::comment());
        let schema = if pve == Pve::V9 { schema.opt("failback", Prop::boolean()) } else { schema };
        if ha >= HaManager::AutoRebalance { schema.opt("auto-rebalance", Prop::boolean()) } else { schema }
    };
    let put = more(id())
        .opt("delete", Prop::string().max_length(4096).format(Format::List(CONFIG_ID)))
        .opt("digest", Prop::string().max_length(64));
    let del = if pve == Pve::V9 { id().opt("purge", Prop::boolean()) } else { id() };
    let to = || id().req("node", Prop::string().format(Format::One(NODE)));
    vec![
        Route::get(LIST, list).permission(AUDIT).params(Schema::new().opt("type", types())),
        Route::get(ONE, read).permission(AUDIT).params(id()),
        Route::post(LIST, create).permission(CONSOLE).params(more(id().opt("type", types()))),
        Route::put(ONE, update).permission(CONSOLE).params(put),
        Route::delete(ONE, delete).permission(CONSOLE).params(del),
        Route::post("/cluster/ha/resources/{sid}/migrate", |call| move_to(call, "migrate"))
            .permission(CONSOLE)
            .params(to()),
        Route::post("/cluster/ha/resources/{sid}/relocate", |call| move_to(call, "relocate"))
            .permission(CONSOLE)
            .params(to()),
    ]
}

fn list(call: &mut Call<'_>) -> ApiResult {
    let only = call.params.str("type");
    let world = &*call.world;
    let resources = files::resources(world);
    let groups = files::groups(world);
    let migrated = files::groups_are_migrated(world);
    let mut entries = Vec::new();
    for resource in resources.list.iter().filter(|r| only.as_ref().is_none_or(|kind| r.kind == *kind)) {
        let mut entry = entry(resource, &resources.digest, migrated);
        if let Some(group) = entry.get("group").and_then(Value::as_str)
            && groups.find(group).is_none()
        {
            let text = format!("group '{group}' does not exist");
            entry.insert("errors".into(), json!({"group": text}));
        }
        entries.push(Value::Object(entry));
    }
    Ok(call.world.any_order(entries).into())
}

fn read(call: &mut Call<'_>) -> ApiResult {
    let sid = Sid::parse(call.world, &call.params.text("sid"))?.id();
    let resources = files::resources(call.world);
    let resource = resources.find(&sid).ok_or_else(|| ApiError::die(format!("no such resource '{sid}'")))?;
    Ok(Value::Object(entry(resource, &resources.digest, files::groups_are_migrated(call.world))))
}

fn create(call: &mut Call<'_>) -> ApiResult {
    call.check_quorum()?;
    let world = &*call.world;
    let sid = Sid::parse(world, &call.params.text("sid"))?;
    if call.params.str("type").is_some_and(|kind| kind != sid.kind) {
        return Err(ApiError::die("types does not match"));
    }
    refuse_migrated_group(call)?;
    let plugin = files::resource_type(world)
        .plugin(&sid.kind)
        .ok_or_else(|| ApiError::die(format!("unknown section type '{}'", sid.kind)))?;
    sid.check_guest(world)?;
    let params = without(&call.params, &["sid", "type"]);
    let values = plugin.check(params.iter(), true).map_err(ApiError::die)?;
    let id = sid.id();
    locked(call, "create resource failed", |world| {
        let mut resources = (*files::resources(world)).clone();
        if resources.find(&id).is_some() {
            return Err(format!("resource ID '{id}' already defined"));
        }
        resources.push(plugin.kind, &id, values);
        files::write_resources(world, &resources)
    })
}

fn update(call: &mut Call<'_>) -> ApiResult {
    let sid = Sid::parse(call.world, &call.params.text("sid"))?.id();
    refuse_migrated_group(call)?;
    if let Some(group) = call.params.str("group")
        && files::groups(call.world).find(&group).is_none()
    {
        return Err(ApiError::die(format!("HA group '{group}' does not exist")));
    }
    let asked = call.params.str("state");
    refuse_in_error(call.world, &sid, asked.as_deref())?;
    let digest = call.params.str("digest");
    let dropped = call.params.list("delete");
    let params = without(&call.params, &["sid", "digest", "delete"]);
    let file = files::resource_type(call.world);
    locked(call, "update resources config failed", |world| {
        let mut resources = (*files::resources(world)).clone();
        resources.assert_unmodified(digest.as_deref())?;
        let missing = || format!("no such resource '{sid}'");
        let resource = resources.find_mut(&sid).ok_or_else(missing)?;
        let plugin = file.plugin(&resource.kind).ok_or_else(missing)?;
        resource.values.extend(plugin.check(params.iter(), false)?);
        plugin.delete(&mut resource.values, &dropped)?;
        files::write_resources(world, &resources)
    })
}

fn delete(call: &mut Call<'_>) -> ApiResult {
    let sid = Sid::parse(call.world, &call.params.text("sid"))?.id();
    if files::resources(call.world).find(&sid).is_none() {
        return Err(ApiError::die(format!("cannot delete service '{sid}', not HA managed!")));
    }
    let purge = call.world.profile.pve == Pve::V9 && call.params.bool("purge").unwrap_or(true);
    locked(call, "delete resource failed", |world| {
        let mut resources = (*files::resources(world)).clone();
        resources.remove(&sid);
        files::write_resources(world, &resources)?;
        if purge { purge::from_rules(world, &sid) } else { Ok(()) }
    })
}

/// Queues a migration or a relocation; whether it happens is the CRM's decision.
fn move_to(call: &mut Call<'_>, command: &str) -> ApiResult {
    let sid = Sid::parse(call.world, &call.params.text("sid"))?.id();
    let node = call.params.text("node");
    if !is_managed(call.world, &sid) {
        return Err(ApiError::die(format!("resource '{sid}' is not HA managed")));
    }
    refuse_in_error(call.world, &sid, None)?;
    let answer = match call.world.profile.pve {
        Pve::V8 => Value::Null,
        Pve::V9 => commands::consequences(call.world, &sid, &node),
    };
    call.locked("domain-ha", |call| {
        files::queue_command(call.world, &format!("{command} {sid} {node}"));
        Ok(())
    })?;
    Ok(answer)
}

/// `service_is_ha_managed`: configured, not ignored, and HA isn't disarmed in such a way that resources are left alone.
#[must_use]
pub fn is_managed(world: &World, sid: &str) -> bool {
    let resources = files::resources(world);
    let state = resources.find(sid).map(|resource| resource.text("state"));
    let ignoring = files::manager_status(world).pointer("/disarm/mode").and_then(Value::as_str) == Some("ignore");
    state.is_some_and(|state| state.as_deref() != Some("ignored")) && !ignoring
}

/// `check_service_state`: the only way out of `error` is `disabled`.
fn refuse_in_error(world: &World, sid: &str, asked: Option<&str>) -> ApiResult<()> {
    let status = files::manager_status(world);
    let state = status.get("service_status").and_then(|all| all.get(sid)).and_then(|one| one.get("state"));
    let in_error = state.and_then(Value::as_str) == Some("error") && is_managed(world, sid);
    if in_error && asked != Some("disabled") {
        return Err(ApiError::die(format!("service '{sid}' in error state, must be disabled and fixed first")));
    }
    Ok(())
}

fn refuse_migrated_group(call: &Call<'_>) -> ApiResult<()> {
    if call.params.has("group") && files::groups_are_migrated(call.world) {
        return Err(ApiError::die("invalid parameter 'group': ha groups have been migrated to rules"));
    }
    Ok(())
}

fn entry(resource: &Section, digest: &str, migrated: bool) -> Map<String, Value> {
    let mut entry: Map<String, Value> = resource.values.clone().into_iter().collect();
    if migrated {
        entry.remove("group");
    }
    entry.extend([
        ("sid".to_owned(), json!(resource.id)),
        ("type".to_owned(), json!(resource.kind)),
        ("digest".to_owned(), json!(digest)),
    ]);
    entry
}
