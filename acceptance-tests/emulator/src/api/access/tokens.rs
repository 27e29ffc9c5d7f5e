//! `/access/users/{userid}/token`

use serde_json::{Map, Value, json};

use super::{change, is_self_or_may_modify, user_id};
use crate::auth::ticket::uuid;
use crate::error::{ApiError, ApiResult};
use crate::route::{Call, Permission, Route};
use crate::schema::{Params, Prop, Schema};
use crate::world::access::Token;

const LIST: &str = "/access/users/{userid}/token";
const ONE: &str = "/access/users/{userid}/token/{tokenid}";

pub(super) fn routes() -> Vec<Route> {
    let user = || Schema::new().req("userid", user_id());
    let one = || user().req("tokenid", Prop::string().pattern(r"[A-Za-z][A-Za-z0-9\.\-_]+"));
    let options =
        || one().opt("comment", Prop::string()).opt("expire", Prop::integer().min(0.0)).opt("privsep", Prop::boolean());
    vec![
        Route::get(LIST, tokens).permission(Permission::AnyUser).params(user()),
        Route::get(ONE, read).permission(Permission::AnyUser).params(one()),
        Route::post(ONE, create).permission(Permission::AnyUser).params(options()),
        Route::put(ONE, update).permission(Permission::AnyUser).params(options().opt("regenerate", Prop::boolean())),
        Route::delete(ONE, delete).permission(Permission::AnyUser).params(one()),
    ]
}

fn tokens(call: &mut Call<'_>) -> ApiResult<Value> {
    let user = call.params.text("userid");
    is_self_or_may_modify(call, &user)?;
    let tokens = call.world.access.users.get(&user).map(|u| u.tokens.clone()).unwrap_or_default();
    let row = |(name, token): (&String, &Token)| {
        let mut row = show(token);
        row.insert("tokenid".into(), json!(name));
        Value::Object(row)
    };
    let rows = tokens.iter().map(row).collect();
    Ok(Value::Array(call.world.any_order(rows)))
}

fn show(token: &Token) -> Map<String, Value> {
    let mut row = Map::new();
    row.insert("expire".into(), json!(token.expire));
    row.insert("privsep".into(), json!(u8::from(token.privsep)));
    if !token.comment.is_empty() {
        row.insert("comment".into(), json!(token.comment));
    }
    row
}

fn read(call: &mut Call<'_>) -> ApiResult<Value> {
    let (user, name) = (call.params.text("userid"), call.params.text("tokenid"));
    is_self_or_may_modify(call, &user)?;
    let token = call.world.access.users.get(&user).and_then(|u| u.tokens.get(&name));
    token.map(|token| Value::Object(show(token))).ok_or_else(|| missing(&user, &name))
}

fn missing(user: &str, name: &str) -> ApiError {
    ApiError::die(format!("no such token '{name}' for user '{user}'"))
}

/// What was sent is echoed as it was sent; what was not is a number.
fn echo(params: &Params, token: &Token) -> Value {
    let mut info = Map::new();
    for (name, value) in params.iter().filter(|(name, _)| matches!(*name, "comment" | "expire" | "privsep")) {
        info.insert(name.to_owned(), value.clone());
    }
    info.entry("privsep").or_insert(json!(u8::from(token.privsep)));
    Value::Object(info)
}

fn set(token: &mut Token, params: &Params) {
    token.privsep = params.bool("privsep").unwrap_or(token.privsep);
    token.expire = params.int("expire").unwrap_or(token.expire);
    token.comment = params.str("comment").unwrap_or(std::mem::take(&mut token.comment));
}

fn create(call: &mut Call<'_>) -> ApiResult<Value> {
    let (user, name) = (call.params.text("userid"), call.params.text("tokenid"));
    is_self_or_may_modify(call, &user)?;
    if call.world.access.users.get(&user).is_some_and(|u| u.tokens.contains_key(&name)) {
        return Err(ApiError::param("tokenid", "Token already exists."));
    }
    change(call, "generating token failed", |call| {
        let mut token = Token { privsep: true, secret: uuid(), ..Token::default() };
        set(&mut token, &call.params);
        let answer = json!({
            "full-tokenid": format!("{user}!{name}"), "value": token.secret, "info": echo(&call.params, &token),
        });
        if let Some(user) = call.world.access.users.get_mut(&user) {
            user.tokens.insert(name.clone(), token);
        }
        Ok(answer)
    })
}

fn update(call: &mut Call<'_>) -> ApiResult<Value> {
    let (user, name) = (call.params.text("userid"), call.params.text("tokenid"));
    is_self_or_may_modify(call, &user)?;
    change(call, "updating token info failed", |call| {
        let params = &call.params;
        let found = call.world.access.users.get_mut(&user).and_then(|u| u.tokens.get_mut(&name));
        let token = found.ok_or_else(|| missing(&user, &name))?;
        set(token, params);
        let mut answer = show(token);
        if params.bool("regenerate") == Some(true) {
            token.secret = uuid();
            answer.insert("value".into(), json!(token.secret));
            answer.insert("full-tokenid".into(), json!(format!("{user}!{name}")));
        }
        Ok(Value::Object(answer))
    })
}

fn delete(call: &mut Call<'_>) -> ApiResult<Value> {
    let (user, name) = (call.params.text("userid"), call.params.text("tokenid"));
    is_self_or_may_modify(call, &user)?;
    if call.world.access.users.get(&user).is_none_or(|u| !u.tokens.contains_key(&name)) {
        return Err(missing(&user, &name));
    }
    change(call, "deleting token failed", |call| {
        let access = &mut call.world.access;
        if let Some(account) = access.users.get_mut(&user) {
            account.tokens.remove(&name);
        }
        let id = format!("{user}!{name}");
        access.acl.retain(|acl| acl.subject != id);
        Ok(Value::Null)
    })
}
