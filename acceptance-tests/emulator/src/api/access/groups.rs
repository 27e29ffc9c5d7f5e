//! `/access/groups`: groups of users, and their members.

use serde_json::{Map, Value, json};

use super::change;
use crate::error::{ApiError, ApiResult};
use crate::route::{Call, Permission, Route};
use crate::schema::formats::{Format, Named, matches};
use crate::schema::{Prop, Schema};
use crate::world::access::Group;

const LIST: &str = "/access/groups";
const ONE: &str = "/access/groups/{groupid}";

const GROUP_ID: Named = Named {
    name: "pve-groupid",
    check: |v| matches(v, r"^[A-Za-z0-9.\-_]+$", || format!("group name '{v}' contains invalid characters")),
};

pub(super) fn routes() -> Vec<Route> {
    let one = || Schema::new().req("groupid", Prop::string().format(Format::One(GROUP_ID)));
    let with_comment = || one().opt("comment", Prop::string());
    let write = || Permission::Check(LIST, &["Group.Allocate"]);
    vec![
        Route::get(LIST, list).permission(Permission::AnyUser),
        Route::post(LIST, create).permission(write()).params(with_comment()),
        Route::get(ONE, read).permission(Permission::CheckAny(LIST, &["Sys.Audit", "Group.Allocate"])).params(one()),
        Route::put(ONE, update).permission(write()).params(with_comment()),
        Route::delete(ONE, delete).permission(write()).params(one()),
    ]
}

fn list(call: &mut Call<'_>) -> ApiResult<Value> {
    let access = &call.world.access;
    let visible = access.groups.iter().filter(|(name, _)| {
        access.allows(&call.caller, &format!("{LIST}/{name}"), &["User.Modify", "Sys.Audit", "Group.Allocate"], true)
    });
    let row = |(name, group): (&String, &Group)| {
        let members: Vec<&str> = group.members.iter().map(String::as_str).collect();
        let mut row = with_comment(group);
        row.insert("groupid".into(), json!(name));
        row.insert("users".into(), json!(members.join(",")));
        Value::Object(row)
    };
    let rows = visible.map(row).collect();
    Ok(Value::Array(call.world.any_order(rows)))
}

fn read(call: &mut Call<'_>) -> ApiResult<Value> {
    let name = call.params.text("groupid");
    let group = call.world.access.groups.get(&name).ok_or_else(|| missing(&name))?;
    let mut row = with_comment(group);
    let members = group.members.iter().map(|user| json!(user)).collect();
    row.insert("members".into(), Value::Array(call.world.any_order(members)));
    Ok(Value::Object(row))
}

fn with_comment(group: &Group) -> Map<String, Value> {
    let comment = Some(&group.comment).filter(|comment| !comment.is_empty());
    comment.map(|comment| ("comment".to_owned(), json!(comment))).into_iter().collect()
}

fn missing(name: &str) -> ApiError {
    ApiError::die(format!("group '{name}' does not exist"))
}

fn create(call: &mut Call<'_>) -> ApiResult<Value> {
    let name = call.params.text("groupid");
    change(call, "create group failed", |call| {
        if call.world.access.groups.contains_key(&name) {
            return Err(ApiError::die(format!("group '{name}' already exists")));
        }
        let comment = call.params.str("comment").unwrap_or_default();
        call.world.access.groups.insert(name.clone(), Group { comment, ..Group::default() });
        Ok(Value::Null)
    })
}

fn update(call: &mut Call<'_>) -> ApiResult<Value> {
    let name = call.params.text("groupid");
    change(call, "update group failed", |call| {
        let comment = call.params.str("comment");
        let group = call.world.access.groups.get_mut(&name).ok_or_else(|| missing(&name))?;
        group.comment = comment.unwrap_or(std::mem::take(&mut group.comment));
        Ok(Value::Null)
    })
}

/// Its lines in the ACL go with it.
fn delete(call: &mut Call<'_>) -> ApiResult<Value> {
    let name = call.params.text("groupid");
    change(call, "delete group failed", |call| {
        let access = &mut call.world.access;
        access.groups.remove(&name).ok_or_else(|| missing(&name))?;
        access.acl.retain(|acl| acl.kind != "group" || acl.subject != name);
        Ok(Value::Null)
    })
}
