//! `/access/roles`

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::change;
use crate::error::{ApiError, ApiResult};
use crate::route::{Call, Permission, Route};
use crate::schema::formats::{Format, Named};
use crate::schema::{Prop, Schema};
use crate::world::Pve;
use crate::world::access::{all_privileges, builtin_roles};

const PRIVILEGE_8: Named = Named { name: "pve-priv", check: |v| privilege(Pve::V8, v) };
const PRIVILEGE_9: Named = Named { name: "pve-priv", check: |v| privilege(Pve::V9, v) };

fn privilege(pve: Pve, value: &str) -> Result<(), String> {
    if all_privileges(pve).contains(value) { Ok(()) } else { Err(format!("invalid privilege '{value}'")) }
}

pub(super) fn routes(pve: Pve) -> Vec<Route> {
    let format = if pve == Pve::V8 { PRIVILEGE_8 } else { PRIVILEGE_9 };
    let one = || Schema::new().req("roleid", Prop::string().pattern(r"[A-Za-z0-9\.\-_]+"));
    let with_privileges = || one().opt("privs", Prop::string().format(Format::List(format)));
    let write = || Permission::Check("/access", &["Sys.Modify"]);
    vec![
        Route::get("/access/roles", roles).permission(Permission::AnyUser),
        Route::post("/access/roles", create).permission(write()).params(with_privileges()),
        Route::get("/access/roles/{roleid}", read).permission(Permission::AnyUser).params(one()),
        Route::put("/access/roles/{roleid}", update)
            .permission(write())
            .params(with_privileges().opt("append", Prop::boolean().requires("privs"))),
        Route::delete("/access/roles/{roleid}", delete).permission(write()).params(one()),
    ]
}

fn roles(call: &mut Call<'_>) -> ApiResult<Value> {
    let builtin = builtin_roles(call.world.profile.pve);
    let all = builtin.iter().map(|role| (role, 1)).chain(call.world.access.roles.iter().map(|role| (role, 0)));
    let row = |((name, privileges), special): ((&String, &BTreeSet<String>), u8)| {
        let privileges: Vec<&str> = privileges.iter().map(String::as_str).collect();
        json!({"roleid": name, "privs": privileges.join(","), "special": special})
    };
    let rows = all.map(row).collect();
    Ok(Value::Array(call.world.any_order(rows)))
}

fn read(call: &mut Call<'_>) -> ApiResult<Value> {
    let name = call.params.text("roleid");
    let role = call.world.access.role(&name).ok_or_else(|| missing(&name))?;
    let shown: Map<String, Value> = role.iter().map(|privilege| (privilege.clone(), json!(1))).collect();
    Ok(Value::Object(shown))
}

fn missing(name: &str) -> ApiError {
    ApiError::die(format!("role '{name}' does not exist"))
}

fn create(call: &mut Call<'_>) -> ApiResult<Value> {
    let name = call.params.text("roleid");
    change(call, "create role failed", |call| {
        if call.world.access.role(&name).is_some() {
            return Err(ApiError::die(format!("role '{name}' already exists")));
        }
        let privileges = call.params.list("privs").into_iter().collect();
        call.world.access.roles.insert(name.clone(), privileges);
        Ok(Value::Null)
    })
}

fn refuse_builtin(call: &Call<'_>, name: &str, what: &str) -> ApiResult<()> {
    if builtin_roles(call.world.profile.pve).contains_key(name) {
        return Err(ApiError::die(format!("auto-generated role '{name}' cannot be {what}")));
    }
    Ok(())
}

fn update(call: &mut Call<'_>) -> ApiResult<Value> {
    let name = call.params.text("roleid");
    refuse_builtin(call, &name, "modified")?;
    change(call, "update role failed", |call| {
        let given = call.params.list("privs");
        let append = call.params.bool("append") == Some(true);
        let role = call.world.access.roles.get_mut(&name).ok_or_else(|| missing(&name))?;
        if !append {
            role.clear();
        }
        role.extend(given);
        Ok(Value::Null)
    })
}

/// The file's ACL speaks of it until it is read and written again.
fn delete(call: &mut Call<'_>) -> ApiResult<Value> {
    let name = call.params.text("roleid");
    refuse_builtin(call, &name, "deleted")?;
    change(call, "delete role failed", |call| {
        call.world.access.roles.remove(&name).ok_or_else(|| missing(&name))?;
        Ok(Value::Null)
    })
}
