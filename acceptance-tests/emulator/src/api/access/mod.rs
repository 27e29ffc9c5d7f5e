//! `/access`: users, groups, tokens, roles and permissions.

mod acl;
mod groups;
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
    ];
    let parts = [
        own,
        acl::routes(),
        groups::routes(),
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

/// The parameter `userid`.
fn user_id() -> Prop {
    Prop::string().format(Format::One(USER_ID)).max_length(64)
}

/// Runs `code` under the lock of the users' file and writes the file; each failure has `prefix` before its text.
pub(super) fn change<T>(
    call: &mut Call<'_>,
    prefix: &str,
    code: impl FnOnce(&mut Call<'_>) -> ApiResult<T>,
) -> ApiResult<T> {
    let changed = call.locked("file-user_cfg", |call| {
        let before = call.world.access.clone();
        let answer = code(call).inspect_err(|_| call.world.access = before)?;
        call.world.write_access();
        Ok(answer)
    });
    changed.map_err(|error| error.prefixed(&format!("{prefix}: ")))
}

/// `userid-param` with `Realm.AllocateUser`: the caller may make and remove users of that user's realm.
fn check_realm(call: &Call<'_>, user: &str) -> ApiResult<()> {
    let realm = user.rsplit('@').next().unwrap_or_default();
    call.check(&format!("/access/realm/{realm}"), &["Realm.AllocateUser"])
}

/// Which groups a call is about, beside those its user is in already (`groups_param` of `userid-group`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Groups {
    Unnamed,
    /// Those that a new user is to be in.
    OfNewUser,
    /// Those that a user is to be in.
    OfUser,
}

/// `userid-group`: the caller holds one of the privileges on all groups, or on the ones that the user is and will be in. An
/// unknown user is reported before anything else.
fn userid_group(call: &Call<'_>, user: &str, privileges: &[&str], groups: Groups) -> ApiResult<()> {
    let exists = groups != Groups::OfNewUser;
    if exists && !call.world.access.users.contains_key(user) {
        return Err(ApiError::die(format!("no such user ('{user}')")));
    }
    let holds = |path: &str| call.world.access.allows(&call.caller, path, privileges, true);
    if holds("/access/groups") {
        return Ok(());
    }
    let holds_group = |group: &str| holds(&format!("/access/groups/{group}"));
    let refuse = |path: &str| Err(ApiError::permission(Some(&format!("{path}, {}", privileges.join("|")))));
    if groups != Groups::Unnamed {
        let named = call.params.list("groups");
        if named.is_empty() {
            return refuse("/access/groups");
        }
        if let Some(group) = named.iter().find(|group| !holds_group(group)) {
            return refuse(&format!("/access/groups/{group}"));
        }
    }
    if exists && !call.world.access.groups_of(user).any(holds_group) {
        return Err(ApiError::permission(None));
    }
    Ok(())
}

/// The user themselves, or a user who may modify them. Of several conditions none says why it failed: an unknown user
/// is refused like any other.
fn is_self_or_may_modify(call: &Call<'_>, user: &str) -> ApiResult<()> {
    let is_self = matches!(&call.caller, Caller::User(caller) if caller == user);
    if is_self || userid_group(call, user, &["User.Modify"], Groups::Unnamed).is_ok() {
        return Ok(());
    }
    Err(ApiError::permission(None))
}
