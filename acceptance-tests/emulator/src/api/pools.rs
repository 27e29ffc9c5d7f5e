//! `/pools`: guests and storages by pool.

use serde_json::{Map, Value, json};

use super::nodes::figures;
use crate::error::{ApiError, ApiResult};
use crate::route::{Call, Permission, Route};
use crate::schema::formats::{Format, Named, STORAGE_ID, VMID, matches};
use crate::schema::{Prop, Schema};
use crate::world::pools::Pool;

const LIST: &str = "/pools";
const ONE: &str = "/pools/{poolid}";

/// A pool may be in a pool, down to the third level.
const POOL_ID: Named = Named {
    name: "pve-poolid",
    check: |v| {
        matches(v, r"^[A-Za-z0-9.\-_]+(/[A-Za-z0-9.\-_]+){0,2}$", || {
            format!("pool name '{v}' contains invalid characters")
        })
    },
};

pub(super) fn routes() -> Vec<Route> {
    let id = || Prop::string().format(Format::One(POOL_ID));
    let one = || Schema::new().req("poolid", id());
    let change = || {
        one()
            .opt("comment", Prop::string())
            .opt("vms", Prop::string().format(Format::List(VMID)))
            .opt("storage", Prop::string().format(Format::List(STORAGE_ID)))
            .opt("delete", Prop::boolean())
            .opt("allow-move", Prop::boolean())
    };
    let allocate = || Permission::Check("/pool/{poolid}", &["Pool.Allocate"]);
    let kind = Prop::choice(&["qemu", "lxc", "storage"]);
    vec![
        Route::get(LIST, list).permission(Permission::AnyUser).params(Schema::new().opt("poolid", id())),
        Route::post(LIST, create).permission(allocate()).params(one().opt("comment", Prop::string())),
        Route::put(LIST, update).permission(allocate()).params(change()),
        Route::delete(LIST, delete).permission(allocate()).params(one()),
        Route::get(ONE, read)
            .permission(Permission::Check("/pool/{poolid}", &["Pool.Audit"]))
            .params(one().opt("type", kind)),
        Route::put(ONE, update).permission(allocate()).params(change()),
        Route::delete(ONE, delete).permission(allocate()).params(one()),
    ]
}

fn list(call: &mut Call<'_>) -> ApiResult {
    let only = call.params.str("poolid");
    if let Some(name) = &only {
        call.check(&format!("/pool/{name}"), &["Pool.Audit"])?;
        find(call, name)?;
    }
    let pools = call.world.access.pools.iter().filter(|(name, _)| {
        only.as_ref().is_none_or(|only| only == *name) && call.may(&format!("/pool/{name}"), &["Pool.Audit"])
    });
    let rows = pools.map(|(name, pool)| {
        let mut row = described(pool);
        row.insert("poolid".into(), json!(name));
        if only.is_some() {
            row.insert("members".into(), members(call, pool));
        }
        Value::Object(row)
    });
    Ok(rows.collect())
}

fn read(call: &mut Call<'_>) -> ApiResult {
    let pool = find(call, &call.params.text("poolid"))?;
    let mut row = described(&pool);
    let mut members = members(call, &pool);
    if let (Some(kind), Value::Array(rows)) = (call.params.str("type"), &mut members) {
        rows.retain(|row| row["type"] == kind);
    }
    row.insert("members".into(), members);
    Ok(Value::Object(row))
}

fn find(call: &Call<'_>, name: &str) -> ApiResult<Pool> {
    call.world.access.pools.get(name).cloned().ok_or_else(|| missing(name))
}

fn missing(name: &str) -> ApiError {
    ApiError::die(format!("pool '{name}' does not exist"))
}

fn described(pool: &Pool) -> Map<String, Value> {
    let comment = Some(&pool.comment).filter(|comment| !comment.is_empty());
    comment.map(|comment| ("comment".to_owned(), json!(comment))).into_iter().collect()
}

fn members(call: &Call<'_>, pool: &Pool) -> Value {
    let guests = pool.guests.iter().filter_map(|vmid| call.world.guests.get(vmid));
    let guests = guests.map(|guest| {
        let kind = guest.kind.as_str();
        let mut row = figures::guest(call.world, guest);
        let id = format!("{kind}/{}", guest.vmid);
        row.extend([("id", json!(id)), ("type", json!(kind)), ("node", json!(guest.node))].map(|(k, v)| (k.into(), v)));
        Value::Object(row)
    });
    let storages = pool.storages.iter().flat_map(|storage| {
        let nodes = call.world.nodes.keys();
        nodes.map(move |node| {
            json!({"id": format!("storage/{node}/{storage}"), "type": "storage", "storage": storage, "node": node})
        })
    });
    guests.chain(storages).collect()
}

fn create(call: &mut Call<'_>) -> ApiResult {
    let name = call.params.text("poolid");
    let comment = call.params.str("comment").unwrap_or_default();
    change(call, "create pool failed", |call| {
        if call.world.access.pools.contains_key(&name) {
            return Err(ApiError::die(format!("pool '{name}' already exists")));
        }
        call.world.access.pools.insert(name.clone(), Pool { comment, ..Pool::default() });
        Ok(())
    })
}

fn update(call: &mut Call<'_>) -> ApiResult {
    let name = call.params.text("poolid");
    let (guests, storages) = (call.params.list("vms"), call.params.list("storage"));
    let takes_out = call.params.bool("delete") == Some(true);
    let moves = call.params.bool("allow-move") == Some(true);
    change(call, "update pools failed", |call| {
        let mut pool = find(call, &name)?;
        if let Some(comment) = call.params.str("comment") {
            pool.comment = comment;
        }
        for vmid in guests.iter().filter_map(|id| id.parse::<u32>().ok()) {
            if takes_out {
                if !pool.guests.remove(&vmid) {
                    return Err(ApiError::die(format!("VM {vmid} is not a pool member")));
                }
                continue;
            }
            match call.world.access.pool_of(vmid).map(str::to_owned) {
                Some(other) if other == name => {
                    return Err(ApiError::die(format!("VM {vmid} is already a pool member")));
                }
                Some(other) if !moves => {
                    let text = format!("VM {vmid} belongs already to pool '{other}' and allow-move is not set");
                    return Err(ApiError::die(text));
                }
                Some(other) => {
                    call.world
                        .access
                        .pools
                        .entry(other)
                        .and_modify(|pool| pool.guests.retain(|member| *member != vmid));
                }
                None => {}
            }
            pool.guests.insert(vmid);
        }
        for storage in storages {
            match takes_out {
                true => drop(pool.storages.remove(&storage)),
                false => drop(pool.storages.insert(storage)),
            }
        }
        call.world.access.pools.insert(name.clone(), pool);
        Ok(())
    })
}

fn delete(call: &mut Call<'_>) -> ApiResult {
    let name = call.params.text("poolid");
    change(call, "delete pool failed", |call| {
        let pool = find(call, &name)?;
        if !pool.guests.is_empty() || !pool.storages.is_empty() {
            let what = if pool.guests.is_empty() { "storages" } else { "VMs" };
            return Err(ApiError::die(format!("pool '{name}' is not empty (contains {what})")));
        }
        call.world.access.pools.remove(&name);
        call.world.access.acl.retain(|acl| acl.path != format!("/pool/{name}"));
        Ok(())
    })
}

/// Runs `code` under the lock of the users' file, which contains the pools.
fn change(call: &mut Call<'_>, prefix: &str, code: impl FnOnce(&mut Call<'_>) -> ApiResult<()>) -> ApiResult {
    super::access::change(call, prefix, code).map(|()| Value::Null)
}
