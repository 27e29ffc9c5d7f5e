//! The resource type of every noun that is managed on the nodes, over SSH, and of the cluster's membership, which has two ways: a
//! noun says how it is found, created, updated and deleted;
//! the rest is the same for all of them.

use std::future::Future;
use std::ops::ControlFlow;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use pve_schemas::noun::Noun;

use super::operations::OpContext;
use super::over_ssh::missing_ssh;
use super::typed::{OwnChecks, Typed};
use crate::client::DomainPermit;
use crate::framework::{
    Change, Checks, Context, Diagnostics, Failure, Found, Freshness, Permit, Resource, Schema, Value, WritePermit,
};
use crate::session::Session;

/// What differs from noun to noun on the nodes.
pub trait SshResource: Noun {
    /// Whether nothing of it works without SSH.
    const NEEDS_SSH: bool = true;

    /// The natural id; none while a part of it is unknown.
    fn id(object: &Value) -> Option<String>;

    /// The attributes that the natural id `id` contains.
    ///
    /// # Errors
    /// Says what form is demanded.
    fn parse_id(id: &str) -> Result<Value, String>;

    /// Checks that go over several attributes.
    fn validate(_config: &Value, _diagnostics: &mut Diagnostics) {}

    /// Changes to the plan that the schema can't express. Pure.
    fn modify_plan(_prior: Option<&Value>, _planned: &mut Value) {}

    /// The computed attribute that shows that the object doesn't do its work.
    fn needs_repair(_object: &Value) -> Option<&'static str> {
        None
    }

    /// Plan-time checks against the live cluster.
    fn preflight(_op: &OpContext<'_>, _change: Change<'_>) -> impl Future<Output = Diagnostics> + Send {
        async { Diagnostics::new() }
    }

    /// Plan-time checks of a destroy against the live cluster.
    fn preflight_destroy(_op: &OpContext<'_>, _prior: &Value) -> impl Future<Output = Diagnostics> + Send {
        async { Diagnostics::new() }
    }

    /// Waits for the turn in the lock domain of what is written; none where no other write of this process can be in the way.
    fn permit(_op: &OpContext<'_>) -> impl Future<Output = Result<Option<DomainPermit>, Failure>> + Send {
        async { Ok(None) }
    }

    /// Looks for the object that has the same natural id as `object`, and what guards a write based on this.
    fn find(
        op: &OpContext<'_>,
        object: &Value,
        freshness: Freshness,
    ) -> impl Future<Output = Result<Option<(Self, Option<String>)>, Failure>> + Send;

    /// Looks before a create whether the object exists already, wholly made.
    fn find_existing(
        op: &OpContext<'_>,
        object: &Value,
    ) -> impl Future<Output = Result<Option<(Self, Option<String>)>, Failure>> + Send {
        Self::find(op, object, Freshness::Fresh)
    }

    fn create(op: &OpContext<'_>, planned: &Self) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Makes `to` of what was found, as long as it still is what was found.
    fn update(
        op: &OpContext<'_>,
        from: &Self,
        revision: Option<&str>,
        to: &Self,
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    fn delete(op: &OpContext<'_>, state: &Self) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Every object there is, in an order that doesn't change by itself.
    fn list(op: &OpContext<'_>) -> impl Future<Output = Result<Vec<Self>, Failure>> + Send;

    /// Waits until a create or update has its effect.
    fn wait_ready(_op: &OpContext<'_>, _object: &Self) -> impl Future<Output = Result<(), Failure>> + Send {
        async { Ok(()) }
    }

    /// Waits until a removed object is gone.
    fn wait_deleted(_op: &OpContext<'_>, _state: &Self) -> impl Future<Output = Result<(), Failure>> + Send {
        async { Ok(()) }
    }
}

/// A resource type made of the noun `N`.
pub struct SshBackedResource<N> {
    noun: Typed<N>,
}

impl<N: SshResource> SshBackedResource<N> {
    /// A resource type that finds its client in `session`.
    pub fn new(session: Arc<Session>) -> Self {
        Self { noun: Typed::new(session) }
    }

    fn found(&self, found: Option<(N, Option<String>)>) -> Result<Option<Found>, Failure> {
        let Some((noun, revision)) = found else { return Ok(None) };
        Ok(Some(Found { object: self.noun.value(&noun)?, revision }))
    }
}

impl<N: SshResource> OwnChecks for SshBackedResource<N> {
    fn of_change<'a>(
        &'a self,
        op: &'a OpContext<'_>,
        change: Change<'a>,
    ) -> BoxFuture<'a, ControlFlow<Diagnostics, Diagnostics>> {
        async move {
            let mut found = Diagnostics::new();
            if N::NEEDS_SSH {
                missing_ssh::<N>(op).into_iter().for_each(|missing| found.push(missing));
            }
            found.extend(N::preflight(op, change).await);
            ControlFlow::Continue(found)
        }
        .boxed()
    }

    fn of_destroy<'a>(&'a self, op: &'a OpContext<'_>, prior: &'a Value) -> BoxFuture<'a, Diagnostics> {
        N::preflight_destroy(op, prior).boxed()
    }
}

impl<N: SshResource> Resource for SshBackedResource<N> {
    fn name(&self) -> &'static str {
        N::NAME
    }

    fn title(&self) -> &'static str {
        N::TITLE
    }

    fn schema(&self) -> &Schema {
        self.noun.schema()
    }

    fn adopts(&self) -> bool {
        self.noun.adopts()
    }

    fn id(&self, object: &Value) -> Option<String> {
        N::id(object)
    }

    fn import(&self, id: &str) -> Result<Value, String> {
        N::parse_id(id)
    }

    fn validate(&self, config: &Value, diagnostics: &mut Diagnostics) {
        N::validate(config, diagnostics);
    }

    fn modify_plan(&self, prior: Option<&Value>, _config: &Value, planned: &mut Value) {
        N::modify_plan(prior, planned);
    }

    fn needs_repair(&self, object: &Value) -> Option<&'static str> {
        N::needs_repair(object)
    }

    fn planned<'a>(&'a self, prior: Option<&Value>, planned: Option<&Value>) -> (Diagnostics, Checks<'a>) {
        self.noun.record(self, prior, planned)
    }

    fn is_applying(&self) -> bool {
        self.noun.is_applying()
    }

    fn made(&self, object: &Value) {
        self.noun.made(object);
    }

    fn has_made(&self, state: &Value) -> bool {
        self.noun.has_made(state)
    }

    fn permit<'a>(&'a self, cx: &'a Context) -> BoxFuture<'a, Result<Permit<'a>, Failure>> {
        async move {
            let op = self.noun.writing_op(cx)?;
            let permit = N::permit(&op).await?;
            Ok(Box::new(Writer { noun: &self.noun, op: OpContext { permit, ..op } }) as Permit<'a>)
        }
        .boxed()
    }

    fn read<'a>(
        &'a self,
        cx: &'a Context,
        object: &'a Value,
        freshness: Freshness,
    ) -> BoxFuture<'a, Result<Option<Found>, Failure>> {
        async move { self.found(N::find(&self.noun.op(cx)?, object, freshness).await?) }.boxed()
    }

    fn find_existing<'a>(
        &'a self,
        cx: &'a Context,
        object: &'a Value,
    ) -> BoxFuture<'a, Result<Option<Found>, Failure>> {
        async move { self.found(N::find_existing(&self.noun.op(cx)?, object).await?) }.boxed()
    }

    fn is_listable(&self) -> bool {
        true
    }

    fn list<'a>(&'a self, cx: &'a Context) -> BoxFuture<'a, Result<Vec<Value>, Failure>> {
        async move {
            let op = self.noun.op(cx)?;
            if N::NEEDS_SSH && op.ssh().is_err() {
                return Ok(Vec::new());
            }
            let nouns = N::list(&op).await?.into_iter();
            let found = nouns.map(|noun| self.found(Some((noun, None)))).collect::<Result<Vec<_>, _>>()?;
            Ok(found.into_iter().flatten().map(|found| found.object).collect())
        }
        .boxed()
    }

    fn wait_ready<'a>(&'a self, cx: &'a Context, object: &'a Value) -> BoxFuture<'a, Result<(), Failure>> {
        async move { N::wait_ready(&self.noun.op(cx)?, &self.noun.model(object)?).await }.boxed()
    }

    fn wait_deleted<'a>(&'a self, cx: &'a Context, state: &'a Value) -> BoxFuture<'a, Result<(), Failure>> {
        async move { N::wait_deleted(&self.noun.op(cx)?, &self.noun.model(state)?).await }.boxed()
    }
}

/// An operation that may have a turn, and what is written in it.
struct Writer<'a, N> {
    noun: &'a Typed<N>,
    op: OpContext<'a>,
}

impl<N> Writer<'_, N> {
    /// Drops the lists of what was changed over SSH.
    fn changed(&self) {
        if let Some(permit) = &self.op.permit {
            permit.changed();
        }
    }
}

impl<N: SshResource> WritePermit for Writer<'_, N> {
    fn create<'a>(&'a mut self, planned: &'a Value) -> BoxFuture<'a, Result<(), Failure>> {
        async move {
            let done = N::create(&self.op, &self.noun.model(planned)?).await;
            self.changed();
            done
        }
        .boxed()
    }

    fn update<'a>(&'a mut self, from: &'a Found, to: &'a Value) -> BoxFuture<'a, Result<(), Failure>> {
        async move {
            let (before, after) = (self.noun.model(&from.object)?, self.noun.model(to)?);
            let done = N::update(&self.op, &before, from.revision.as_deref(), &after).await;
            self.changed();
            done
        }
        .boxed()
    }

    fn delete<'a>(&'a mut self, state: &'a Value) -> BoxFuture<'a, Result<(), Failure>> {
        async move {
            let done = N::delete(&self.op, &self.noun.model(state)?).await;
            self.changed();
            done
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests;
