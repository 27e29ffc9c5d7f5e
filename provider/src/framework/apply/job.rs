//! One object of one apply: the operations of its resource, each guarded against panics.
//!
//! Whatever waits for the cluster needs the job to itself (`&mut self`), and so does a [`Permit`]: the compiler refuses to wait
//! while other writers are kept waiting.

use std::future::Future;
use std::ops::Deref;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use futures_util::FutureExt;

use super::{Applied, fill_unknowns, panicked};
use crate::framework::read::{relative, with_id};
use crate::framework::{
    self, Block, Context, Diagnostics, Failure, Found, Freshness, GivenUp, Link, Operation, Resource, Stop, Value,
};

/// How often a write whose fate stayed unknown is looked up and, if it left no trace, sent again.
const ATTEMPTS: usize = 3;

/// How long a write in flight is waited for once the user has interrupted.
const INTERRUPT_TIMEOUT: Duration = Duration::from_secs(4);

/// The resource and the frame of the operation.
pub(super) struct Job<'a> {
    resource: &'a dyn Resource,
    cx: &'a Context,
}

impl<'a> Job<'a> {
    pub(super) fn new(resource: &'a dyn Resource, cx: &'a Context) -> Self {
        Self { resource, cx }
    }

    /// The right to write about `object`; the error of a writer that doesn't get it names the object.
    pub(super) async fn permit(&mut self, object: &Value) -> Result<Permit<'_, 'a>, Failure> {
        let permit = guarded(self.resource.permit(self.cx)).await;
        match permit {
            Ok(writer) => Ok(Permit { job: self, writer }),
            Err(failure) => Err(Failure { detail: format!("{}: {}", self.name(object), failure.detail), ..failure }),
        }
    }

    /// Looks whether `successor` can be created once `state` is destroyed.
    pub(super) async fn look_ahead(&mut self, state: &Value, successor: &Value) -> Result<(), Failure> {
        guarded(self.resource.look_ahead(self.cx, state, successor)).await
    }

    /// Waits until what is being removed is not in the way of a create any more.
    pub(super) async fn make_way(&mut self, planned: &Value) -> Result<(), Failure> {
        guarded(self.resource.make_way(self.cx, planned)).await
    }

    /// Why a create was refused, in more words.
    pub(super) async fn explain_refusal(&mut self, planned: &Value, failure: Failure) -> Failure {
        let plain = failure.clone();
        guarded(async { Ok(self.resource.explain_refusal(self.cx, planned, failure).await) }).await.unwrap_or(plain)
    }

    /// Waits for the effects of a finished create or update that the user asked to wait for.
    pub(super) async fn wait_ready(&mut self, state: &Value) -> Result<(), Failure> {
        guarded(self.resource.wait_ready(self.cx, state)).await
    }

    /// Waits until a deleted object is really gone.
    pub(super) async fn wait_deleted(&mut self, state: &Value) -> Result<(), Failure> {
        guarded(self.resource.wait_deleted(self.cx, state)).await
    }

    /// Looks the object up by a request of its own. After an interrupt there still is a short grace for it, so that a
    /// write in flight ends up in the state.
    pub(super) async fn look(&self, object: &Value) -> Result<Option<Found>, Failure> {
        if !self.cx.stop.is_cancelled() {
            let found = guarded(self.resource.read(self.cx, object, Freshness::Fresh)).await;
            if found.is_ok() || !self.cx.stop.is_cancelled() {
                return found;
            }
        }
        let grace = Context::new(Instant::now() + INTERRUPT_TIMEOUT, Stop::new());
        guarded(self.resource.read(&grace, object, Freshness::Fresh)).await
    }

    /// Reads an object back that was created; other creates may share the request. After an interrupt it is looked up by itself.
    pub(super) async fn read_back(&self, object: &Value) -> Result<Option<Found>, Failure> {
        let found = guarded(self.resource.read(self.cx, object, Freshness::Written)).await;
        if found.is_err() && self.cx.stop.is_cancelled() { self.look(object).await } else { found }
    }

    /// Whether the user has interrupted.
    pub(super) fn is_interrupted(&self) -> bool {
        self.cx.stop.is_cancelled()
    }

    /// Whether another attempt of a write whose fate stayed unknown makes sense.
    pub(super) fn may_try_again(&self, attempt: usize) -> bool {
        attempt < ATTEMPTS && !self.cx.stop.is_cancelled() && Instant::now() < self.cx.deadline
    }

    pub(super) fn title(&self) -> &'static str {
        self.resource.title()
    }

    pub(super) fn type_name(&self) -> &'static str {
        self.resource.name()
    }

    pub(super) fn block(&self) -> &'a Block {
        &self.resource.schema().block
    }

    pub(super) fn adopts(&self) -> bool {
        self.resource.adopts()
    }

    pub(super) fn always_exists(&self, object: &Value) -> bool {
        self.resource.always_exists(object)
    }

    /// What other writes of this process have made of an object that was `prior` in the plan.
    pub(super) fn after_own_writes(&self, prior: &Value) -> Value {
        self.resource.after_own_writes(prior)
    }

    /// Takes note that the object was made by this process, or taken over.
    pub(super) fn made(&self, object: &Value) {
        self.resource.made(object);
    }

    /// What is created after the destroy that `link` belongs to.
    pub(super) fn successor(&self, link: &Link) -> Option<Value> {
        link.successor(self.resource)
    }

    /// Whether this process has made the object that `state` names since.
    pub(super) fn has_made(&self, state: &Value) -> bool {
        self.resource.has_made(state)
    }

    /// What on the cluster refers to `object`.
    pub(super) async fn referrers(&self, object: &Value) -> Vec<String> {
        self.resource.referrers(self.cx, object).await
    }

    pub(super) fn failed(&self, operation: Operation, state: Value, failure: Failure) -> Applied {
        let mut diagnostics = Diagnostics::new();
        diagnostics.push(failure.into_error(format!("Cannot {} {}", operation.as_str(), self.title())));
        Applied { state, diagnostics }
    }

    /// The object's natural id for messages.
    pub(super) fn name(&self, object: &Value) -> String {
        self.resource.id(object).unwrap_or_else(|| self.resource.name().to_owned())
    }

    /// The names of the stored attributes in which `a` and `b` differ in meaning.
    pub(super) fn differences(&self, a: &Value, b: &Value) -> Vec<&'a str> {
        crate::framework::equal::stored_differences(self.block(), a, b)
    }

    /// The names of the attributes in which what was found differs from the plan.
    pub(super) fn unlike(&self, planned: &Value, found: &Value) -> Vec<&'a str> {
        self.differences(planned, found).into_iter().filter(|name| planned.at(name).is_wholly_known()).collect()
    }

    /// Whether what was found doesn't do the work that is planned for it.
    pub(super) fn is_ailing(&self, planned: &Value, found: &Value) -> bool {
        self.resource.needs_repair(&relative(self.block(), planned, found)).is_some()
    }

    /// What was found, in the words of `object`.
    pub(super) fn relative(&self, object: &Value, found: &Value) -> Value {
        with_id(self.resource, relative(self.block(), object, found))
    }

    /// The planned object, with the values out of what was found that only the cluster has.
    pub(super) fn complete(&self, planned: &Value, found: &Value) -> Value {
        with_id(self.resource, fill_unknowns(planned, found))
    }

    /// The state once all that was to be waited for is done: what the waiting was for shows in computed values.
    pub(super) async fn after_waiting(&self, planned: &Value, state: Value) -> Value {
        if self.resource.needs_repair(&state).is_none() {
            return state;
        }
        match self.look(planned).await {
            Ok(Some(found)) => self.complete(planned, &relative(self.block(), planned, &found.object)),
            _ => state,
        }
    }
}

/// The right to write, and the job it is for. Held from the read before a write until the write is over.
pub(super) struct Permit<'j, 'a> {
    job: &'j mut Job<'a>,
    writer: framework::Permit<'a>,
}

impl Permit<'_, '_> {
    /// Completes what the plan left to be chosen of the object's identity: nothing of this process can take it meanwhile.
    pub(super) async fn assign_id(&mut self, planned: Value) -> Result<Value, Failure> {
        let planned = guarded(self.job.resource.assign_id(self.job.cx, planned)).await?;
        Ok(with_id(self.job.resource, planned))
    }

    /// Looks before a create whether the object exists already.
    pub(super) async fn find_existing(&mut self, planned: &Value) -> Result<Option<Found>, Failure> {
        guarded(self.job.resource.find_existing(self.job.cx, planned)).await
    }

    pub(super) async fn create(&mut self, planned: &Value) -> Result<(), Failure> {
        guarded(self.writer.create(planned)).await
    }

    pub(super) async fn update(&mut self, from: &Found, to: &Value) -> Result<(), Failure> {
        guarded(self.writer.update(from, to)).await
    }

    pub(super) async fn give_up(&mut self, given_up: &GivenUp) -> Result<(), Failure> {
        guarded(self.writer.give_up(given_up)).await
    }

    pub(super) async fn delete(&mut self, state: &Value) -> Result<(), Failure> {
        guarded(self.writer.delete(state)).await
    }
}

/// What needs no more than to read.
impl<'a> Deref for Permit<'_, 'a> {
    type Target = Job<'a>;

    fn deref(&self) -> &Job<'a> {
        self.job
    }
}

async fn guarded<T>(operation: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    AssertUnwindSafe(operation).catch_unwind().await.unwrap_or_else(|panic| Err(panicked(&*panic)))
}
