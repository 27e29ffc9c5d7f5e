//! HA groups: PVE 8, and PVE 9 until they are migrated to rules.

use serde_json::{Map, Value, json};

use super::{AUDIT, CONSOLE, files, locked};
use crate::error::{ApiError, ApiResult};
use crate::route::{Call, Route};
use crate::schema::formats::{CONFIG_ID, Format};
use crate::schema::{Prop, Schema};
use crate::section_config::{Section, without};
use crate::world::{Pve, World};

/// `/cluster/ha/groups`
pub(super) fn routes(pve: Pve) -> Vec<Route> {
    const LIST: &str = "/cluster/ha/groups";
    const ONE: &str = "/cluster/ha/groups/{group}";
    let id = || Schema::new().req("group", Prop::string().format(Format::One(CONFIG_ID)));
    let more = |schema: Schema| {
        schema.opt("restricted", Prop::boolean()).opt("nofailback", Prop::boolean()).opt("comment", files::comment())
    };
    let post = more(id().req("nodes", files::node_list(pve)).opt("type", Prop::choice(&["group"])));
    let put = more(id().opt("nodes", files::node_list(pve)))
        .opt("delete", Prop::string().max_length(4096).format(Format::List(CONFIG_ID)))
        .opt("digest", Prop::string().max_length(64));
    vec![
        Route::get(LIST, list).permission(AUDIT),
        Route::get(ONE, read).permission(AUDIT).params(id()),
        Route::post(LIST, create).permission(CONSOLE).params(post),
        Route::put(ONE, update).permission(CONSOLE).params(put),
        Route::delete(ONE, delete).permission(CONSOLE).params(id()),
    ]
}

fn list(call: &mut Call<'_>) -> ApiResult {
    refuse_if_migrated(call.world, "index groups")?;
    let groups = files::groups(call.world);
    let entries = groups.list.iter().map(|group| entry(call.world, group, &groups.digest)).collect();
    Ok(call.world.any_order(entries).into())
}

fn read(call: &mut Call<'_>) -> ApiResult {
    refuse_if_migrated(call.world, "read group")?;
    let id = call.params.text("group");
    let groups = files::groups(call.world);
    let group = groups.find(&id).ok_or_else(|| ApiError::die(format!("no such ha group '{id}'")))?;
    Ok(entry(call.world, group, &groups.digest))
}

fn create(call: &mut Call<'_>) -> ApiResult {
    call.check_quorum()?;
    refuse_if_migrated(call.world, "create group")?;
    let id = call.params.text("group");
    let plugin = &files::group_type(call.world.profile.pve).plugins[0];
    let params = without(&call.params, &["group", "type"]);
    let values = plugin.check(params.iter(), true).map_err(ApiError::die)?;
    locked(call, "create ha group failed", |world| {
        let mut groups = (*files::groups(world)).clone();
        if groups.find(&id).is_some() {
            return Err(format!("ha group ID '{id}' already defined"));
        }
        groups.push(plugin.kind, &id, values);
        files::write_groups(world, &groups)
    })
}

fn update(call: &mut Call<'_>) -> ApiResult {
    refuse_if_migrated(call.world, "update group")?;
    let id = call.params.text("group");
    let digest = call.params.str("digest");
    let dropped = call.params.list("delete");
    let params = without(&call.params, &["group", "digest", "delete"]);
    let plugin = &files::group_type(call.world.profile.pve).plugins[0];
    locked(call, "update ha group failed", |world| {
        let mut groups = (*files::groups(world)).clone();
        groups.assert_unmodified(digest.as_deref())?;
        let group = groups.find_mut(&id).ok_or_else(|| format!("no such ha group '{id}'"))?;
        group.values.extend(plugin.check(params.iter(), false)?);
        plugin.delete(&mut group.values, &dropped)?;
        files::write_groups(world, &groups)
    })
}

fn delete(call: &mut Call<'_>) -> ApiResult {
    refuse_if_migrated(call.world, "delete group")?;
    let id = call.params.text("group");
    locked(call, "delete ha group failed", |world| {
        let mut users: Vec<String> = files::resources(world)
            .list
            .iter()
            .filter(|resource| resource.text("group").as_deref() == Some(&id))
            .map(|resource| resource.id.clone())
            .collect();
        users.sort_unstable();
        if let Some(user) = users.first() {
            return Err(format!("ha group is used by service '{user}'"));
        }
        let mut groups = (*files::groups(world)).clone();
        groups.remove(&id);
        files::write_groups(world, &groups)
    })
}

fn refuse_if_migrated(world: &World, what: &str) -> ApiResult<()> {
    if files::groups_are_migrated(world) {
        return Err(ApiError::die(format!("cannot {what}: ha groups have been migrated to rules")));
    }
    Ok(())
}

fn entry(world: &mut World, group: &Section, digest: &str) -> Value {
    let mut entry: Map<String, Value> = group.values.clone().into_iter().collect();
    let nodes = group.text("nodes").unwrap_or_default();
    let nodes = world.any_order(nodes.split(',').collect());
    entry.insert("nodes".into(), nodes.join(",").into());
    entry.extend([
        ("group".into(), json!(group.id)),
        ("type".into(), json!("group")),
        ("digest".into(), json!(digest)),
    ]);
    Value::Object(entry)
}
