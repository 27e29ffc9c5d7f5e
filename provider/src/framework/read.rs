//! Refresh, import, move and upgrade: how what Proxmox holds becomes state.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use futures_util::FutureExt;

use super::apply::{panicked, timeout};
use super::equal::{same, same_block};
use super::{
    Attribute, Block, Context, DataSource, Diagnostics, Elements, Failure, Found, Freshness, Imported, MoveSource,
    Nesting, Operation, ReadOutcome, Resource, Stop, Value,
};

/// Refreshes the object in `state`.
pub async fn read(resource: &dyn Resource, stop: Stop, state: Value) -> ReadOutcome {
    let cx = Context::new(timeout(resource, &state, Operation::Read), stop);
    let found = AssertUnwindSafe(look(resource, &cx, &state)).catch_unwind().await;
    let found = found.unwrap_or_else(|panic| Err(panicked(&*panic)));
    let mut diagnostics = cx.into_warnings();
    let state = match found {
        Ok(Some(found)) => with_id(resource, relative(&resource.schema().block, &state, &found.object)),
        Ok(None) => Value::Null,
        Err(failure) => {
            diagnostics.push(failure.into_error(format!("Cannot read {}", resource.title())));
            state
        }
    };
    ReadOutcome { state, diagnostics }
}

/// What drops an object from the state has to be certain: a list is some seconds old, and Proxmox leaves out of some lists
/// what the user may not see, so that only a read of the object itself shows that it is gone.
async fn look(resource: &dyn Resource, cx: &Context, state: &Value) -> Result<Option<Found>, Failure> {
    match resource.read(cx, state, Freshness::Shared).await? {
        None => resource.read(cx, state, Freshness::Fresh).await,
        found => Ok(found),
    }
}

/// The found object in the words of the prior state: what is equal in meaning keeps its spelling, what has drifted
/// takes the server's. Where the prior state says nothing (after import and move) everything is taken.
pub fn relative(schema: &Block, prior: &Value, found: &Value) -> Value {
    let attributes =
        schema.attributes.iter().map(|a| (a.name.clone(), relative_attribute(a, prior.at(&a.name), found.at(&a.name))));
    let blocks = schema.blocks.iter().map(|b| {
        let (prior, found) = (prior.at(&b.name), found.at(&b.name));
        let value = match (b.nesting, prior, found) {
            _ if b.name == TIMEOUTS => prior.clone(),
            _ if same_block(&b.block, b.nesting, prior, found) => prior.clone(),
            (Nesting::Single, Value::Map(_), Value::Map(_)) => relative(&b.block, prior, found),
            (Nesting::List, prior @ Value::List(_), Value::List(found)) => {
                let known = |index, found| b.block.counterpart(prior, index, found).unwrap_or(&Value::Null);
                let items = found.iter().enumerate();
                Value::List(items.map(|(index, found)| relative(&b.block, known(index, found), found)).collect())
            }
            _ => found.clone(),
        };
        (b.name.clone(), value)
    });
    Value::Map(attributes.chain(blocks).collect())
}

/// The block that every resource has and Proxmox does not have.
pub const TIMEOUTS: &str = "timeouts";

fn relative_attribute(schema: &Attribute, prior: &Value, found: &Value) -> Value {
    let or_default = |value: &Value| match (&schema.default, value) {
        (Some(default), Value::Null) => default.clone(),
        _ => value.clone(),
    };
    if schema.unreadable {
        return relative_secret(prior, found);
    }
    if schema.write_only {
        return Value::Null;
    }
    if schema.local {
        return or_default(if prior.is_null() { found } else { prior });
    }
    let found = or_default(found);
    // A null that means the default stays, except where the plan would fill the default in.
    let keep = same(schema, prior, &found) && !(prior.is_null() && schema.default.is_some());
    if keep { prior.clone() } else { found }
}

/// What was written, since a read does not return it. Of a map, the keys may be returned: their values are empty.
fn relative_secret(prior: &Value, found: &Value) -> Value {
    let (Value::Map(prior), Value::Map(found)) = (prior, found) else { return prior.clone() };
    let members = found.iter().map(|(key, empty)| (key.clone(), prior.get(key).unwrap_or(empty).clone()));
    Value::Map(members.collect())
}

/// Starts the import of the object with the natural id `id`: core reads it next.
pub async fn import(resource: &dyn Resource, stop: Stop, id: &str) -> Imported {
    let mut diagnostics = Diagnostics::new();
    let object = match resource.import(id) {
        Ok(object) => object,
        Err(problem) => {
            diagnostics.error(
                format!("Cannot import {}", resource.title()),
                format!("{id:?} is not an import id of {}: {problem}", resource.name()),
            );
            return Imported { state: Value::Null, diagnostics };
        }
    };
    let object = complete(&resource.schema().block, &object);
    let cx = Context::new(Instant::now() + Duration::from_mins(1), stop);
    let found = resource.read_import(&cx, &object).await;
    diagnostics.extend(cx.into_warnings());
    match found {
        Ok(Some(found)) => {
            let state = with_id(resource, relative(&resource.schema().block, &object, &found.object));
            Imported { state, diagnostics }
        }
        Ok(None) => {
            diagnostics.error(
                format!("Cannot import {}", resource.title()),
                format!("There is no {} {id}. Nothing was imported.", resource.title()),
            );
            Imported { state: Value::Null, diagnostics }
        }
        Err(failure) => {
            diagnostics.push(failure.into_error(format!("Cannot import {}", resource.title())));
            Imported { state: Value::Null, diagnostics }
        }
    }
}

/// Starts the import of the object with that identity.
pub async fn import_identity(resource: &dyn Resource, stop: Stop, identity: &Value) -> Imported {
    let schema = resource.schema();
    let id = match schema.identity.attribute("id") {
        Some(_) => identity.at("id").as_str().map(str::to_owned),
        None => resource.id(identity),
    };
    let refuse = |problem: String| {
        let mut diagnostics = Diagnostics::new();
        diagnostics.error(format!("Cannot import {}", resource.title()), problem);
        Imported { state: Value::Null, diagnostics }
    };
    let Some(id) = id else {
        let names: Vec<&str> = schema.identity.attributes.iter().map(|a| a.name.as_str()).collect();
        return refuse(format!("The identity of {} needs {}.", resource.name(), names.join(" and ")));
    };
    let imported = import(resource, stop, &id).await;
    // Core holds on to what it asked for. An id that means a part of an object is not one of the object's names.
    if !imported.state.is_null() && schema.identity_of(&imported.state) != *identity {
        return refuse(format!("{id} is an import id, not an identity. Set it as `id` of the import block."));
    }
    imported
}

/// Turns an object of another type into one of `resource`. Pure.
pub fn moved(resource: &dyn Resource, source: &MoveSource) -> Imported {
    let mut diagnostics = Diagnostics::new();
    let state = match resource.moved(source) {
        Some(Ok(mut object)) => {
            if let Some(timeouts) = timeouts_of(resource, source) {
                object.insert(TIMEOUTS, timeouts);
            }
            with_id(resource, complete(&resource.schema().block, &object))
        }
        Some(Err(problem)) => {
            diagnostics.error(
                format!("Cannot move to {}", resource.name()),
                format!("The state of the {} can't be parsed: {problem}.", source.type_name),
            );
            Value::Null
        }
        None => {
            diagnostics.error(
                format!("Cannot move to {}", resource.name()),
                format!(
                    "A {} of {} can't be moved to a {}. Remove it from the state with a `removed` block and import it \
                     under its new type.",
                    source.type_name,
                    source.provider,
                    resource.name()
                ),
            );
            Value::Null
        }
    };
    Imported { state, diagnostics }
}

/// The `timeouts` block of the object that moves, if it has one that this resource has, too: it is no part of the object, so
/// that a move alone would show it as a change.
fn timeouts_of(resource: &dyn Resource, source: &MoveSource) -> Option<Value> {
    let ty = resource.schema().block.nested(TIMEOUTS)?.ty();
    Value::from_json(source.state.get(TIMEOUTS)?, &ty).ok()
}

/// Brings a stored state of schema version `from` to the current version.
///
/// # Errors
/// The diagnostics say what of it can't be understood.
pub fn upgrade(resource: &dyn Resource, from: i64, state: serde_json::Value) -> Result<Value, Diagnostics> {
    let current = resource.schema().version;
    let upgraded = if from == current { Ok(state) } else { resource.upgrade(from, state) };
    upgraded.and_then(|json| Value::from_json(&json, &resource.schema().ty())).map_err(|problem| {
        let mut diagnostics = Diagnostics::new();
        diagnostics.error(
            format!("Cannot upgrade the state of {}", resource.name()),
            format!("From schema version {from} to {current}: {problem}. The state was not changed."),
        );
        diagnostics
    })
}

/// Reads a data source.
pub async fn data_source(
    source: &dyn DataSource,
    stop: Stop,
    config: Value,
    elements: &mut dyn Elements,
) -> ReadOutcome {
    let cx = Context::new(Instant::now() + Duration::from_mins(2), stop);
    let found = AssertUnwindSafe(source.read(&cx, &config, elements)).catch_unwind().await;
    let found = found.unwrap_or_else(|panic| Err(panicked(&*panic)));
    let mut diagnostics = cx.into_warnings();
    let state = match found {
        Ok(state) => state,
        Err(failure) => {
            diagnostics.push(failure.into_error(format!("Cannot read {}", source.title())));
            Value::Null
        }
    };
    ReadOutcome { state, diagnostics }
}

/// The object with `id` set.
pub fn with_id(resource: &dyn Resource, mut object: Value) -> Value {
    if let Some(id) = resource.id(&object) {
        object.insert("id", Value::from(id));
    }
    object
}

/// All members that the schema has; those that `object` lacks are null, or empty where they are lists of blocks.
pub fn complete(schema: &Block, object: &Value) -> Value {
    let attributes = schema.attributes.iter().map(|a| (a.name.clone(), object.at(&a.name).clone()));
    let blocks = schema.blocks.iter().map(|b| {
        let value = match (b.nesting, object.at(&b.name)) {
            (Nesting::List, Value::Null) => Value::List(Vec::new()),
            (Nesting::Set, Value::Null) => Value::Set(Vec::new()),
            (_, value) => value.clone(),
        };
        (b.name.clone(), value)
    });
    Value::Map(attributes.chain(blocks).collect())
}
