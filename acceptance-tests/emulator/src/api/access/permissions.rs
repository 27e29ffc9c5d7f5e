//! `/access/permissions`: what a user or token may in effect.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::error::{ApiError, ApiResult};
use crate::route::{Call, Permission, Route};
use crate::schema::{Prop, Schema};
use crate::world::access::Caller;

const GENERAL: [&str; 8] = ["/", "/access", "/access/groups", "/nodes", "/pool", "/sdn", "/storage", "/vms"];

pub(super) fn routes() -> Vec<Route> {
    let params = Schema::new().opt("userid", Prop::string()).opt("path", Prop::string());
    vec![Route::get("/access/permissions", permissions).permission(Permission::AnyUser).params(params)]
}

fn permissions(call: &mut Call<'_>) -> ApiResult<Value> {
    let about = match call.params.str("userid") {
        Some(id) if id != call.caller.id() => {
            call.check("/access", &["Sys.Audit"])?;
            subject(call, &id)?
        }
        _ => call.caller.clone(),
    };
    let flags = |path: &str| -> Map<String, Value> {
        let held: BTreeMap<String, bool> = call.world.access.privileges(&about, path);
        held.into_iter().map(|(privilege, propagate)| (privilege, json!(u8::from(propagate)))).collect()
    };
    let mut shown = Map::new();
    if let Some(path) = call.params.str("path") {
        shown.insert(path.clone(), Value::Object(flags(&path)));
        return Ok(Value::Object(shown));
    }
    let paths: BTreeSet<String> =
        GENERAL.iter().map(|p| (*p).to_owned()).chain(call.world.access.acl_paths()).collect();
    for path in paths {
        let held = flags(&path);
        if !held.is_empty() {
            shown.insert(path, Value::Object(held));
        }
    }
    Ok(Value::Object(shown))
}

fn subject(call: &Call<'_>, id: &str) -> ApiResult<Caller> {
    let (user, token) = id.split_once('!').map_or((id, None), |(user, token)| (user, Some(token)));
    let account = call.world.access.users.get(user);
    let account = account.ok_or_else(|| ApiError::die(format!("no such user ('{user}')")))?;
    match token {
        None => Ok(Caller::User(user.to_owned())),
        Some(token) if account.tokens.contains_key(token) => {
            Ok(Caller::Token { user: user.to_owned(), token: token.to_owned() })
        }
        Some(token) => Err(ApiError::die(format!("no such token '{token}' for user '{user}'"))),
    }
}
