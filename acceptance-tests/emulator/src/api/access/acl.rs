//! `/access/acl`

use serde_json::{Value, json};

use super::change;
use crate::error::{ApiError, ApiResult};
use crate::route::{Call, Permission, Route};
use crate::schema::formats::matches;
use crate::schema::{Prop, Schema};
use crate::world::access::Acl;

/// The paths an ACL may speak of.
const PATHS: &str = r"^(/|/access|/access/groups(/[\w.\-]+)?|/access/realm(/[\w.\-]+)?|/nodes(/[\w.\-]+)?|/pool(/[\w.\-]+){0,3}|/sdn(/[\w.\-]+){0,4}|/storage(/[\w.\-]+)?|/vms(/[1-9][0-9]{2,})?|/mapping(/[\w.\-]+){0,2})$";

pub(super) fn routes() -> Vec<Route> {
    let params = Schema::new()
        .req("path", Prop::string())
        .req("roles", Prop::string())
        .opt("users", Prop::string())
        .opt("groups", Prop::string())
        .opt("tokens", Prop::string())
        .opt("propagate", Prop::boolean())
        .opt("delete", Prop::boolean());
    vec![
        Route::get("/access/acl", read).permission(Permission::AnyUser),
        Route::put("/access/acl", update).permission(Permission::AnyUser).params(params),
    ]
}

fn read(call: &mut Call<'_>) -> ApiResult<Value> {
    let all = call.may("/access", &["Sys.Audit"]);
    let visible = call.world.access.acl.iter().filter(|acl| all || call.may(&acl.path, &["Permissions.Modify"]));
    let row = |acl: &Acl| {
        json!({
            "path": acl.path, "type": acl.kind, "ugid": acl.subject, "roleid": acl.role,
            "propagate": u8::from(acl.propagate),
        })
    };
    let rows = visible.map(row).collect();
    Ok(Value::Array(call.world.any_order(rows)))
}

fn update(call: &mut Call<'_>) -> ApiResult<Value> {
    let kinds = ["users", "groups", "tokens"];
    if kinds.iter().all(|kind| call.params.list(kind).is_empty()) {
        let text = "either 'users', 'groups' or 'tokens' is required.";
        return Err(ApiError::params(kinds.map(|kind| (kind, text))));
    }
    let given = call.params.text("path");
    let invalid = || format!("invalid ACL path '{given}'");
    let path = match given.trim_end_matches('/') {
        "" => "/",
        path => path,
    };
    matches(path, PATHS, invalid).map_err(|text| ApiError::param("path", text))?;
    call.check(path, &["Permissions.Modify"])?;
    let path = path.to_owned();
    change(call, "ACL update failed", |call| {
        for entry in entries(call, &path)? {
            if call.params.bool("delete") == Some(true) {
                call.world.access.acl.retain(|acl| !same(acl, &entry));
            } else {
                call.world.access.acl.retain(|acl| !same(acl, &entry));
                call.world.access.acl.insert(entry);
            }
        }
        Ok(Value::Null)
    })
}

/// The same but for the propagate flag.
fn same(one: &Acl, other: &Acl) -> bool {
    (&one.path, one.kind, &one.subject, &one.role) == (&other.path, other.kind, &other.subject, &other.role)
}

/// One entry per subject and role; all of them must exist.
fn entries(call: &Call<'_>, path: &str) -> ApiResult<Vec<Acl>> {
    let access = &call.world.access;
    let propagate = call.params.bool("propagate").unwrap_or(true);
    let mut entries = Vec::new();
    for role in call.params.list("roles") {
        if access.role(&role).is_none() {
            return Err(ApiError::die(format!("role '{role}' does not exist")));
        }
        for (kind, name) in [("group", "groups"), ("user", "users"), ("token", "tokens")] {
            for subject in call.params.list(name) {
                exists(call, kind, &subject)?;
                entries.push(Acl { path: path.to_owned(), kind, subject, role: role.clone(), propagate });
            }
        }
    }
    Ok(entries)
}

fn exists(call: &Call<'_>, kind: &str, subject: &str) -> ApiResult<()> {
    let access = &call.world.access;
    let user = |id: &str| access.users.get(id).ok_or_else(|| ApiError::die(format!("user '{id}' does not exist")));
    match kind {
        "user" => user(subject).map(|_| ()),
        "group" if access.groups.contains_key(subject) => Ok(()),
        "group" => Err(ApiError::die(format!("group '{subject}' does not exist"))),
        _ => {
            let (id, name) = subject.split_once('!').unwrap_or((subject, ""));
            let missing = || ApiError::die(format!("no such token '{name}' for user '{id}'"));
            user(id)?.tokens.get(name).map(|_| ()).ok_or_else(missing)
        }
    }
}
