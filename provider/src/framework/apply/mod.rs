//! Carrying out a plan. The order of every write lives here and nowhere else, so that no object can be lost: whatever
//! happens after a create was sent, a state is returned.

mod create;
mod delete;
mod job;
mod update;

use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

use self::job::Job;
use super::{
    Activity, Applied, ApplyRequest, Block, Cause, Context, Diagnostics, Failure, Number, Operation, Resource, Stop,
    Value, secret_names,
};
use crate::framework::link::Replaced;
use crate::framework::read::TIMEOUTS;

/// What brings about that a new object meets the old one, and who may have asked for it.
pub const CREATE_FIRST: &str = "`create_before_destroy` makes Terraform create the new object before it destroys the \
    old one. It is set in the `lifecycle` block of this resource, or in that of a resource that depends on it: \
    Terraform extends it to all dependencies of such a resource.";

/// How an object that is still referred to is removed or renamed.
pub const WAYS_OUT: &str = "Either remove the references to it in a separate apply, such as with `-target`, and remove \
    or rename it in the next one. Or set `lifecycle { create_before_destroy = true }` in its resource, and apply that \
    before its removal: Terraform then changes the references first. A rename needs no apply in between.";

/// Carries out a planned create, update or destroy.
pub async fn apply(
    resource: &dyn Resource,
    stop: Stop,
    activity: Arc<Activity>,
    request: ApplyRequest,
    replaced: &Replaced,
) -> Applied {
    let operation = match (request.prior.is_null(), request.planned.is_null()) {
        (true, true) => return Applied::default(),
        (true, false) => Operation::Create,
        (false, false) => Operation::Update,
        (false, true) => Operation::Delete,
    };
    let before = (!request.prior.is_null()).then_some(&request.prior);
    let request = match resolved(resource, before, &request) {
        Ok(planned) => ApplyRequest { planned, ..request },
        Err(failure) => {
            let mut diagnostics = Diagnostics::new();
            diagnostics.push(failure.into_error(format!("Cannot {} {}", operation.as_str(), resource.title())));
            return Applied { state: request.prior, diagnostics };
        }
    };
    let subject = if operation == Operation::Delete { &request.prior } else { &request.planned };
    let cx = Context::new(timeout(resource, subject, operation), stop).beside(activity);
    let name = resource.id(subject).unwrap_or_else(|| resource.name().to_owned());
    let job = Job::new(resource, &cx);
    let mut applied = if operation == Operation::Create {
        let mut applied = create::create(job, request.planned.clone(), &request.config).await;
        replaced.created(resource, &request.planned, &mut applied);
        applied
    } else if operation == Operation::Update {
        update::update(job, request.prior, request.planned, &request.config).await
    } else {
        let applied = delete::delete(job, request.prior.clone(), &request.link).await;
        if applied.state.is_null() {
            replaced.destroyed(resource, request.prior, request.link);
        }
        applied
    };
    let waits = cx.waits();
    let mut diagnostics = cx.into_warnings();
    // A failure after a wait reports the wait itself.
    if !applied.diagnostics.has_error() {
        diagnostics.extend(waits.warnings(&name));
    }
    diagnostics.extend(applied.diagnostics);
    applied.diagnostics = diagnostics;
    applied
}

/// The planned object, with the names of secrets that the plan left unknown.
fn resolved(resource: &dyn Resource, prior: Option<&Value>, request: &ApplyRequest) -> Result<Value, Failure> {
    if request.planned.is_null() {
        return Ok(Value::Null);
    }
    secret_names::resolved(&resource.schema().block, prior, &request.planned, &request.config)
}

/// When the timeout of an operation on `object` runs out, counted from now. An old state may hold a zero.
pub fn timeout(resource: &dyn Resource, object: &Value, operation: Operation) -> Instant {
    let given = object.at(TIMEOUTS).at(operation.as_str()).as_str().and_then(pve_schemas::value::timeout);
    Instant::now() + given.unwrap_or_else(|| resource.schema().timeouts.of(operation))
}

/// What a panic inside an operation means: it is unknown how far it came.
pub fn panicked(panic: &(dyn Any + Send)) -> Failure {
    // A formatted text may quote values, and a value may be a secret; a literal can't.
    let text = panic.downcast_ref::<&str>().copied().unwrap_or("a panic; the log has its location");
    Failure::new(
        Cause::Ambiguous,
        format!("The provider hit a bug: {text}. Please report it, with the log of TF_LOG=DEBUG."),
    )
}

/// The planned object, with what the plan left unknown taken from what was found; null where nothing was.
pub fn fill_unknowns(planned: &Value, found: &Value) -> Value {
    match (planned, found) {
        (Value::Unknown, Value::Unknown) => Value::Null,
        (Value::Unknown, found) => found.clone(),
        (Value::Map(members), found) => Value::Map(
            members.iter().map(|(name, value)| (name.clone(), fill_unknowns(value, found.at(name)))).collect(),
        ),
        (Value::List(items), found) => {
            let found = found.elements().unwrap_or_default();
            let items = items.iter().enumerate();
            Value::List(items.map(|(i, item)| fill_unknowns(item, found.get(i).unwrap_or(&Value::Null))).collect())
        }
        (value, _) => value.clone(),
    }
}

/// The text in place of a sensitive value.
const HIDDEN: &str = "(sensitive value)";

/// The value of the attribute or block `name`, without sensitive parts.
fn visible(block: &Block, name: &str, value: &Value) -> Value {
    let hidden = |value: &Value| if value.is_null() { Value::Null } else { Value::from(HIDDEN) };
    if let Some(attribute) = block.attribute(name) {
        return if attribute.sensitive { hidden(value) } else { value.clone() };
    }
    let Some(nested) = block.nested(name) else { return value.clone() };
    let inside = |item: &Value| match item {
        Value::Map(members) => {
            Value::Map(members.iter().map(|(name, v)| (name.clone(), visible(&nested.block, name, v))).collect())
        }
        item => item.clone(),
    };
    match value {
        Value::List(items) => Value::List(items.iter().map(inside).collect()),
        Value::Set(items) => Value::set(items.iter().map(inside)),
        value => inside(value),
    }
}

/// A value as messages show it.
pub fn shown(value: &Value) -> String {
    match value {
        Value::Null => "unset".to_owned(),
        Value::Unknown => "(known after apply)".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => Number::to_string(number),
        Value::String(text) if text == HIDDEN => text.clone(),
        Value::String(text) => format!("{text:?}"),
        Value::List(items) | Value::Set(items) => {
            format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(", "))
        }
        Value::Map(members) => {
            let members = members.iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| format!("{k} = {}", shown(v)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
        }
    }
}
