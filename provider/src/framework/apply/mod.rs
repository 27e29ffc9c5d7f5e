//! Carrying out a plan. The order of every write lives here and nowhere else, so that no object can be lost: whatever
//! happens after a create was sent, a state comes back.

mod create;
mod delete;
mod update;

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use futures_util::FutureExt;

use super::{
    Applied, ApplyRequest, Block, Cause, Context, Diagnostics, Failure, Found, Freshness, Number, Resource, Stop, Value,
};
use crate::framework::read::{TIMEOUTS, relative, with_id};
use crate::framework::resource::Turn;

/// How often a write whose fate stayed unknown is looked up and, if it left no trace, sent again.
const ATTEMPTS: usize = 3;

/// What settling a write in flight may take once the user has interrupted.
const GRACE: Duration = Duration::from_secs(4);

/// Carries out a planned create, update or destroy.
pub async fn apply(resource: &dyn Resource, stop: Stop, request: ApplyRequest) -> Applied {
    let verb = match (request.prior.is_null(), request.planned.is_null()) {
        (true, true) => return Applied::default(),
        (true, false) => "create",
        (false, false) => "update",
        (false, true) => "delete",
    };
    let subject = if verb == "delete" { &request.prior } else { &request.planned };
    let cx = Context::new(timeout(resource, subject, verb), stop);
    let job = Job { resource, cx: &cx };
    let mut applied = match verb {
        "create" => create::create(&job, request.planned).await,
        "update" => update::update(&job, request.prior, request.planned).await,
        _ => delete::delete(&job, request.prior).await,
    };
    let mut diagnostics = cx.into_warnings();
    diagnostics.extend(applied.diagnostics);
    applied.diagnostics = diagnostics;
    applied
}

/// When the entry `verb` of the object's `timeouts` block runs out, counted from now.
pub fn timeout(resource: &dyn Resource, object: &Value, verb: &str) -> Instant {
    let given = object.at(TIMEOUTS).at(verb).as_str().and_then(pve_schemas::value::duration);
    Instant::now() + given.unwrap_or_else(|| resource.schema().timeouts.of(verb))
}

/// What a panic inside a verb means: nobody knows how far it came.
pub fn panicked(panic: &(dyn Any + Send)) -> Failure {
    // A formatted text may quote values, and a value may be a secret; a literal can't.
    let text = panic.downcast_ref::<&str>().copied().unwrap_or("a panic, whose place is in the log");
    Failure::new(
        Cause::Ambiguous,
        format!("The provider hit a bug: {text}. Please report it, with the log of TF_LOG=DEBUG."),
    )
}

/// One apply: the resource's verbs, each guarded against panics.
struct Job<'a> {
    resource: &'a dyn Resource,
    cx: &'a Context,
}

impl Job<'_> {
    /// Looks the object up by a request of its own. After an interrupt there still is a short grace for it, so that a
    /// write in flight ends up in the state.
    async fn look(&self, object: &Value) -> Result<Option<Found>, Failure> {
        if !self.cx.stop.is_cancelled() {
            let found = guarded(self.resource.read(self.cx, object, Freshness::Fresh)).await;
            if found.is_ok() || !self.cx.stop.is_cancelled() {
                return found;
            }
        }
        let grace = Context::new(Instant::now() + GRACE, Stop::new());
        guarded(self.resource.read(&grace, object, Freshness::Fresh)).await
    }

    /// Whether another attempt of a write whose fate stayed unknown makes sense.
    fn may_try_again(&self, attempt: usize) -> bool {
        attempt < ATTEMPTS && !self.cx.stop.is_cancelled() && Instant::now() < self.cx.deadline
    }

    fn failed(&self, verb: &str, state: Value, failure: Failure) -> Applied {
        let mut diagnostics = Diagnostics::new();
        diagnostics.push(failure.into_error(format!("Cannot {verb} {}", self.resource.title())));
        Applied { state, diagnostics }
    }

    /// The object's natural id for messages.
    fn name(&self, object: &Value) -> String {
        self.resource.id(object).unwrap_or_else(|| self.resource.name().to_owned())
    }

    /// The right to write about `object`; who doesn't get it is told what it was about.
    async fn turn(&self, object: &Value) -> Result<Turn, Failure> {
        let turn = guarded(self.resource.turn(self.cx)).await;
        turn.map_err(|failure| Failure { detail: format!("{}: {}", self.name(object), failure.detail), ..failure })
    }

    /// The names of the stored attributes in which `a` and `b` differ in meaning.
    fn differences(&self, a: &Value, b: &Value) -> Vec<&str> {
        super::equal::stored_differences(&self.resource.schema().block, a, b)
    }

    /// Whether what was found doesn't do the work that is planned for it.
    fn is_ailing(&self, planned: &Value, found: &Value) -> bool {
        self.resource.ailing(&relative(&self.resource.schema().block, planned, found)).is_some()
    }

    /// The state once all that was to be waited for is done: what the waiting was for shows in computed values.
    async fn after_waiting(&self, planned: &Value, state: Value) -> Value {
        if self.resource.ailing(&state).is_none() {
            return state;
        }
        match self.look(planned).await {
            Ok(Some(found)) => self.complete(planned, &found),
            _ => state,
        }
    }

    /// The planned object, with what only the cluster knows out of what was found.
    fn complete(&self, planned: &Value, found: &Found) -> Value {
        with_id(self.resource, settled(planned, &relative(&self.resource.schema().block, planned, &found.object)))
    }

    /// The names of the attributes in which what was found differs from what the plan knows.
    fn unlike(&self, planned: &Value, found: &Value) -> Vec<&str> {
        self.differences(planned, found).into_iter().filter(|name| planned.at(name).is_wholly_known()).collect()
    }
}

async fn guarded<T>(verb: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    AssertUnwindSafe(verb).catch_unwind().await.unwrap_or_else(|panic| Err(panicked(&*panic)))
}

/// The planned object, with what the plan left unknown taken from what was found; null where nothing was.
fn settled(planned: &Value, found: &Value) -> Value {
    match (planned, found) {
        (Value::Unknown, Value::Unknown) => Value::Null,
        (Value::Unknown, found) => found.clone(),
        (Value::Map(members), found) => {
            Value::Map(members.iter().map(|(name, value)| (name.clone(), settled(value, found.at(name)))).collect())
        }
        (Value::List(items), found) => {
            let found = found.elements().unwrap_or_default();
            let items = items.iter().enumerate();
            Value::List(items.map(|(i, item)| settled(item, found.get(i).unwrap_or(&Value::Null))).collect())
        }
        (value, _) => value.clone(),
    }
}

/// What stands for a value that nobody may see.
const HIDDEN: &str = "(sensitive value)";

/// The value of the attribute or block `name`, without what nobody may see.
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
