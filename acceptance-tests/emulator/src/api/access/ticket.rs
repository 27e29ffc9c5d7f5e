//! `/access/ticket`: logging in.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::auth::ticket::Keys;
use crate::auth::totp;
use crate::error::{ApiError, ApiResult};
use crate::route::{Call, Permission, Route};
use crate::schema::{Prop, Schema, params::split_list};
use crate::world::World;
use crate::world::access::Caller;

pub(super) fn routes() -> Vec<Route> {
    let params = Schema::new()
        .req("username", Prop::string().max_length(64))
        .req("password", Prop::string())
        .opt("realm", Prop::string().max_length(32))
        .opt("otp", Prop::string())
        .opt("tfa-challenge", Prop::string())
        .opt("new-format", Prop::boolean())
        .opt("path", Prop::string().max_length(64).requires("privs"))
        .opt("privs", Prop::string().max_length(64).requires("path"));
    vec![
        Route::get("/access/ticket", |_| Ok(Value::Null)).permission(Permission::World),
        Route::post("/access/ticket", |_| Ok(Value::Null)).permission(Permission::World).params(params).ticket_only(),
    ]
}

/// Makes a ticket.
///
/// # Errors
/// 401 `authentication failure`, whatever the reason.
pub(crate) fn create(call: &mut Call<'_>, keys: &Keys) -> ApiResult<Value> {
    let refuse = || ApiError::new(401, "authentication failure\n");
    let params = &call.params;
    let mut user = params.text("username");
    if let Some(realm) = params.str("realm") {
        user = format!("{user}@{realm}");
    }
    let now = call.world.now();
    if !call.world.access.is_valid(&user, now) {
        return Err(refuse());
    }
    let password = params.text("password");
    if let (Some(path), Some(privileges)) = (params.str("path"), params.str("privs")) {
        return permission_test(call.world, &user, &password, &path, &privileges).ok_or_else(refuse);
    }
    match login(call, keys, &user, &password).ok_or_else(refuse)? {
        Login::Done => Ok(full(call.world, keys, &user, now)),
        Login::NeedsTotp => {
            let challenge = keys.half_ticket(&user, r#"{"totp":true,"recovery":"unavailable"}"#, now);
            let csrf = keys.csrf(&user, now);
            Ok(json!({"username": user, "ticket": challenge, "CSRFPreventionToken": csrf, "NeedTFA": 1}))
        }
    }
}

enum Login {
    Done,
    NeedsTotp,
}

fn login(call: &Call<'_>, keys: &Keys, user: &str, password: &str) -> Option<Login> {
    let now = call.world.now();
    let account = call.world.access.users.get(user)?;
    let otp = call.params.str("otp");
    if let Some(challenge) = call.params.str("tfa-challenge") {
        let code = password.strip_prefix("totp:")?;
        let good = otp.is_none() && keys.verify_half(&challenge, user, now);
        return (good && totp::verify(account.totp.as_deref()?, code, now)).then_some(Login::Done);
    }
    // A valid ticket of the same user (or of root@pam) is accepted as a password.
    if password.starts_with("PVE:") && !keys.is_half(password) {
        let owner = keys.verify(password, now)?;
        return (owner == user || owner == "root@pam").then_some(Login::Done);
    }
    if account.password.as_deref() != Some(password) {
        return None;
    }
    match (&account.totp, otp) {
        (None, _) => Some(Login::Done),
        (Some(_), None) => Some(Login::NeedsTotp),
        (Some(secret), Some(otp)) => totp::verify(secret, otp.strip_prefix("totp:")?, now).then_some(Login::Done),
    }
}

fn permission_test(world: &World, user: &str, password: &str, path: &str, privileges: &str) -> Option<Value> {
    let account = world.access.users.get(user)?;
    let privileges = split_list(privileges);
    let needed: Vec<&str> = privileges.iter().map(String::as_str).collect();
    let caller = Caller::User(user.to_owned());
    if account.password.as_deref() != Some(password) || !world.access.allows(&caller, path, &needed, false) {
        return None;
    }
    let mut answer = Map::new();
    answer.insert("username".into(), json!(user));
    describe(world, user, &mut answer);
    Some(Value::Object(answer))
}

fn full(world: &World, keys: &Keys, user: &str, now: i64) -> Value {
    let mut answer = Map::new();
    answer.insert("username".into(), json!(user));
    answer.insert("ticket".into(), json!(keys.ticket(user, now)));
    answer.insert("CSRFPreventionToken".into(), json!(keys.csrf(user, now)));
    describe(world, user, &mut answer);
    Value::Object(answer)
}

/// `cap` and, for those who may see the cluster, its name.
fn describe(world: &World, user: &str, answer: &mut Map<String, Value>) {
    let caller = Caller::User(user.to_owned());
    answer.insert("cap".into(), capabilities(world, &caller));
    if !world.standalone && world.access.allows(&caller, "/", &["Sys.Audit"], false) {
        answer.insert("clustername".into(), json!(world.cluster_name));
    }
}

/// `compute_api_permission`: the privileges the user has anywhere, by the part of the GUI they matter for.
fn capabilities(world: &World, caller: &Caller) -> Value {
    let general = ["/", "/nodes", "/access/groups", "/vms", "/storage", "/sdn", "/mapping"].map(str::to_owned);
    let mut areas: BTreeMap<&str, BTreeMap<String, u8>> = BTreeMap::new();
    let names = ["vms", "access", "storage", "nodes", "sdn", "dc", "mapping"];
    areas.extend(names.map(|name| (name, BTreeMap::new())));
    for path in general.into_iter().chain(world.access.acl_paths()) {
        for privilege in world.access.privileges(caller, &path).into_keys() {
            for (area, _) in areas.clone().iter().filter(|(area, _)| belongs(area, &privilege)) {
                areas.entry(area).or_default().insert(privilege.clone(), 1);
            }
        }
    }
    json!(areas)
}

fn belongs(area: &str, privilege: &str) -> bool {
    let starts = |prefix: &str| privilege.starts_with(prefix);
    let grants = privilege == "Permissions.Modify";
    match area {
        "vms" => starts("VM.") || grants,
        "access" => starts("User.") || starts("Group.") || grants,
        "storage" => starts("Datastore.") || grants,
        "nodes" => starts("Sys.") || grants,
        "sdn" => starts("SDN.") || grants,
        "dc" => matches!(privilege, "Sys.Audit" | "Sys.Modify") || starts("SDN."),
        "mapping" => starts("Mapping.") || grants,
        _ => false,
    }
}
