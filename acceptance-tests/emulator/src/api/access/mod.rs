//! `/access`: who may what.

mod acl;
mod permissions;
mod roles;
pub mod ticket;
mod tokens;
mod users;

use serde_json::{Value, json};

use super::cluster_index;
use crate::error::{ApiError, ApiResult};
use crate::route::{Call, Permission, Route};
use crate::schema::Prop;
use crate::schema::formats::{Format, USER_ID};
use crate::world::Pve;
use crate::world::access::Caller;

pub(super) fn routes(pve: Pve) -> Vec<Route> {
    let own = vec![
        Route::get("/access", |call| Ok(index(call))).permission(Permission::AnyUser),
        Route::get("/access/domains", |call| Ok(domains(call))).permission(Permission::World),
        Route::get("/access/groups", groups).permission(Permission::AnyUser),
    ];
    let parts = [
        own,
        acl::routes(),
        permissions::routes(),
        roles::routes(pve),
        ticket::routes(),
        tokens::routes(),
        users::routes(pve),
    ];
    parts.into_iter().flatten().collect()
}

fn index(call: &mut Call<'_>) -> Value {
    let Value::Array(names) = cluster_index("subdir", "users groups roles acl domains openid tfa ticket password")
    else {
        return Value::Null;
    };
    Value::Array(call.world.any_order(names))
}

fn domains(call: &mut Call<'_>) -> Value {
    let realms = vec![
        json!({"realm": "pam", "type": "pam", "comment": "Linux PAM standard authentication"}),
        json!({"realm": "pve", "type": "pve", "comment": "Proxmox VE authentication server"}),
    ];
    Value::Array(call.world.any_order(realms))
}

fn groups(call: &mut Call<'_>) -> ApiResult<Value> {
    let visible = call.world.access.groups.iter().filter(|(name, _)| {
        let path = format!("/access/groups/{name}");
        call.world.access.allows(&call.caller, &path, &["Sys.Audit", "User.Modify", "Group.Allocate"], true)
    });
    let row = |(name, members): (&String, &std::collections::BTreeSet<String>)| {
        let members: Vec<&str> = members.iter().map(String::as_str).collect();
        json!({"groupid": name, "users": members.join(",")})
    };
    let rows = visible.map(row).collect();
    Ok(Value::Array(call.world.any_order(rows)))
}

/// The parameter `userid`.
fn user_id() -> Prop {
    Prop::string().format(Format::One(USER_ID)).max_length(64)
}

/// Runs `code` under the lock of the users' file and writes the file; `prefix` goes before whatever fails.
fn change<T>(call: &mut Call<'_>, prefix: &str, code: impl FnOnce(&mut Call<'_>) -> ApiResult<T>) -> ApiResult<T> {
    let changed = call.locked("file-user_cfg", |call| {
        let answer = code(call)?;
        call.world.write_access();
        Ok(answer)
    });
    changed.map_err(|error| error.prefixed(&format!("{prefix}: ")))
}

/// `userid-group`: the caller may change that user. An unknown user is reported before anything else.
fn may_modify(call: &Call<'_>, user: &str) -> ApiResult<()> {
    if !call.world.access.users.contains_key(user) {
        return Err(ApiError::die(format!("no such user ('{user}')")));
    }
    call.check("/access/groups", &["User.Modify"])
}

/// The same, but everybody may change themselves.
fn is_self_or_may_modify(call: &Call<'_>, user: &str) -> ApiResult<()> {
    if matches!(&call.caller, Caller::User(caller) if caller == user) {
        return Ok(());
    }
    if !call.world.access.users.contains_key(user) {
        return Err(ApiError::die(format!("no such user ('{user}')")));
    }
    if call.may("/access/groups", &["User.Modify"]) { Ok(()) } else { Err(ApiError::permission(None)) }
}
