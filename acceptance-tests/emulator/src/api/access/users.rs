//! `/access/users` and `/access/password`

use serde_json::{Map, Value, json};

use super::{Groups, change, check_realm, is_self_or_may_modify, user_id, userid_group};
use crate::error::{ApiError, ApiResult};
use crate::route::{Call, Permission, Route};
use crate::schema::formats::{EMAIL, Format};
use crate::schema::{Params, Prop, Schema};
use crate::world::Pve;
use crate::world::access::{Caller, User};

pub(super) fn routes(_pve: Pve) -> Vec<Route> {
    let password = || Prop::string().min_length(8).max_length(64);
    let common = |schema: Schema| {
        schema
            .opt("comment", Prop::string().max_length(2048))
            .opt("email", Prop::string().format(Format::Optional(EMAIL)).max_length(254))
            .opt("enable", Prop::boolean())
            .opt("expire", Prop::integer().min(0.0))
            .opt("firstname", Prop::string().max_length(1024))
            .opt("groups", Prop::string())
            .opt("keys", Prop::string())
            .opt("lastname", Prop::string().max_length(1024))
    };
    let one = || Schema::new().req("userid", user_id());
    let list = Schema::new().opt("enabled", Prop::boolean()).opt("full", Prop::boolean());
    let own = one().req("password", password()).opt("confirmation-password", Prop::string());
    vec![
        Route::get("/access/users", users).permission(Permission::AnyUser).params(list),
        Route::post("/access/users", create)
            .permission(Permission::AnyUser)
            .params(common(one()).opt("password", password())),
        Route::get("/access/users/{userid}", read).permission(Permission::AnyUser).params(one()),
        Route::put("/access/users/{userid}", update)
            .permission(Permission::AnyUser)
            .params(common(one()).opt("append", Prop::boolean())),
        Route::delete("/access/users/{userid}", delete).permission(Permission::AnyUser).params(one()),
        Route::put("/access/password", set_password).permission(Permission::AnyUser).params(own).ticket_only(),
    ]
}

fn users(call: &mut Call<'_>) -> ApiResult<Value> {
    let all = call.world.access.allows(&call.caller, "/access/groups", &["User.Modify", "Sys.Audit"], true);
    let enabled = call.params.bool("enabled");
    let own = match &call.caller {
        Caller::User(user) | Caller::Token { user, .. } => user.clone(),
        Caller::Anonymous => String::new(),
    };
    let listed = call
        .world
        .access
        .users
        .iter()
        .filter(|(id, user)| (all || **id == own) && enabled.is_none_or(|enabled| enabled == user.enable));
    let row = |(id, user): (&String, &User)| {
        let mut row = show(user);
        row.insert("userid".into(), json!(id));
        row.insert("realm-type".into(), json!(id.rsplit('@').next().unwrap_or_default()));
        if call.params.bool("full") == Some(true) {
            let tokens = user.tokens.iter();
            let tokens =
                tokens.map(|(name, t)| json!({"tokenid": name, "privsep": u8::from(t.privsep), "expire": t.expire}));
            row.insert("tokens".into(), Value::Array(tokens.collect()));
            let groups: Vec<&str> = call.world.access.groups_of(id).collect();
            row.insert("groups".into(), json!(groups.join(",")));
        }
        Value::Object(row)
    };
    let rows = listed.map(row).collect();
    Ok(Value::Array(call.world.any_order(rows)))
}

fn show(user: &User) -> Map<String, Value> {
    let mut row = Map::new();
    row.insert("enable".into(), json!(u8::from(user.enable)));
    row.insert("expire".into(), json!(user.expire));
    let texts = [
        ("firstname", &user.firstname),
        ("lastname", &user.lastname),
        ("email", &user.email),
        ("comment", &user.comment),
        ("keys", &user.keys),
    ];
    for (name, text) in texts.into_iter().filter(|(_, text)| !text.is_empty()) {
        row.insert(name.into(), json!(text));
    }
    row
}

fn read(call: &mut Call<'_>) -> ApiResult<Value> {
    let id = call.params.text("userid");
    userid_group(call, &id, &["User.Modify", "Sys.Audit"], Groups::Unnamed)?;
    let user = call.world.access.users.get(&id).ok_or_else(|| ApiError::die(format!("no such user ('{id}')")))?;
    let mut row = show(user);
    row.insert("groups".into(), call.world.access.groups_of(&id).collect());
    let tokens = user.tokens.iter();
    let tokens: Map<String, Value> =
        tokens.map(|(name, t)| (name.clone(), json!({"privsep": u8::from(t.privsep), "expire": t.expire}))).collect();
    row.insert("tokens".into(), Value::Object(tokens));
    Ok(Value::Object(row))
}

fn create(call: &mut Call<'_>) -> ApiResult<Value> {
    let id = call.params.text("userid");
    check_realm(call, &id)?;
    userid_group(call, &id, &["User.Modify"], Groups::OfNewUser)?;
    change(call, "create user failed", |call| {
        if call.world.access.users.contains_key(&id) {
            return Err(ApiError::die(format!("user '{id}' already exists")));
        }
        let mut user = User { enable: true, ..User::default() };
        set(&mut user, &call.params);
        user.password = call.params.str("password");
        call.world.access.users.insert(id.clone(), user);
        join_groups(call, &id)?;
        Ok(Value::Null)
    })
}

/// Puts a user into the groups that the call names; all of them must exist.
fn join_groups(call: &mut Call<'_>, user: &str) -> ApiResult<()> {
    let named = call.params.list("groups");
    let groups = &mut call.world.access.groups;
    if let Some(unknown) = named.iter().find(|name| !groups.contains_key(*name)) {
        return Err(ApiError::die(format!("no such group '{unknown}'")));
    }
    for name in named {
        groups.entry(name).or_default().members.insert(user.to_owned());
    }
    Ok(())
}

fn set(user: &mut User, params: &Params) {
    let take = |slot: &mut String, name: &str| {
        if let Some(text) = params.str(name) {
            *slot = text;
        }
    };
    take(&mut user.firstname, "firstname");
    take(&mut user.lastname, "lastname");
    take(&mut user.email, "email");
    take(&mut user.comment, "comment");
    take(&mut user.keys, "keys");
    user.enable = params.bool("enable").unwrap_or(user.enable);
    user.expire = params.int("expire").unwrap_or(user.expire);
}

fn update(call: &mut Call<'_>) -> ApiResult<Value> {
    let id = call.params.text("userid");
    userid_group(call, &id, &["User.Modify"], Groups::OfUser)?;
    change(call, "update user failed", |call| {
        let params = &call.params;
        if let Some(user) = call.world.access.users.get_mut(&id) {
            set(user, params);
        }
        if params.str("groups").is_some() && params.bool("append") != Some(true) {
            call.world.access.leave_groups(&id);
        }
        join_groups(call, &id)?;
        Ok(Value::Null)
    })
}

/// Its tokens and its own lines in the ACL go with it; those of its tokens stay in the file until it is read and written again.
fn delete(call: &mut Call<'_>) -> ApiResult<Value> {
    let id = call.params.text("userid");
    check_realm(call, &id)?;
    userid_group(call, &id, &["User.Modify"], Groups::Unnamed)?;
    change(call, "delete user failed", |call| {
        let access = &mut call.world.access;
        access.users.remove(&id);
        access.acl.retain(|acl| acl.subject != id);
        access.leave_groups(&id);
        Ok(Value::Null)
    })
}

fn set_password(call: &mut Call<'_>) -> ApiResult<Value> {
    let id = call.params.text("userid");
    is_self_or_may_modify(call, &id)?;
    let password = call.params.str("password");
    if let Some(user) = call.world.access.users.get_mut(&id) {
        user.password = password;
    }
    Ok(Value::Null)
}
