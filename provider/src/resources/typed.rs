//! What the resource types of all nouns have in common, whatever their verbs: the schema, the noun read from a value and made
//! into one, and the part in the checks of the plan.

use std::marker::PhantomData;
use std::ops::ControlFlow;
use std::sync::{Arc, OnceLock};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use pve_schemas::noun::Noun;

use super::operations::OpContext;
use crate::framework::{
    Change, Checks, Context, Diagnostics, Failure, GivenUp, PlanChecks, Role, Schema, Type, Value, from_model, to_model,
};
use crate::preflight::CheckedPlan;
use crate::session::{Configured, Session};

/// The resource type of the noun `N`, without its verbs.
pub struct Typed<N> {
    session: Arc<Session>,
    schema: OnceLock<Schema>,
    /// The type of its objects, made once: a refresh reads thousands.
    ty: OnceLock<Type>,
    noun: PhantomData<fn() -> N>,
}

impl<N: Noun> Typed<N> {
    /// A resource type that finds its client in `session`.
    pub fn new(session: Arc<Session>) -> Self {
        Self { session, schema: OnceLock::new(), ty: OnceLock::new(), noun: PhantomData }
    }

    /// Its attributes and blocks; made on first use, since a user waits for the start of the process.
    pub fn schema(&self) -> &Schema {
        self.schema.get_or_init(|| Schema::packed::<N>(Role::Resource))
    }

    /// The type of its objects.
    pub fn ty(&self) -> &Type {
        self.ty.get_or_init(|| self.schema().ty())
    }

    /// What the provider was configured with, if it is ready: for what is silent otherwise.
    pub fn configured(&self) -> Option<Arc<Configured>> {
        self.session.if_ready()
    }

    /// The context of an operation.
    ///
    /// # Errors
    /// The provider is not ready.
    pub fn op<'a>(&self, cx: &'a Context) -> Result<OpContext<'a>, Failure> {
        Ok(OpContext { configured: self.session.ready()?, cx, permit: None })
    }

    /// The context of an operation that is about to write: the plan has reported its findings already.
    ///
    /// # Errors
    /// The provider is not ready.
    pub fn writing_op<'a>(&self, cx: &'a Context) -> Result<OpContext<'a>, Failure> {
        let op = self.op(cx)?;
        op.configured.preflight.writing();
        cx.activity.announce();
        Ok(op)
    }

    /// Whether a create takes over what exists already and is equal.
    pub fn adopts(&self) -> bool {
        self.configured().is_some_and(|configured| configured.adopt_existing)
    }

    /// The noun of a wholly known object.
    ///
    /// # Errors
    /// It is no such noun.
    pub fn model(&self, object: &Value) -> Result<N, Failure> {
        to_model(object).map_err(|problem| Failure::refused(format!("{} can't be parsed: {problem}.", N::TITLE)))
    }

    /// The object of a noun.
    ///
    /// # Errors
    /// It doesn't fit the schema.
    pub fn value(&self, noun: &N) -> Result<Value, Failure> {
        from_model(noun, self.ty()).map_err(|problem| Failure::refused(format!("{}: {problem}.", N::TITLE)))
    }

    /// Takes note of a planned object for the checks of other ones. Returns its conflicts with them, and its own checks.
    pub fn record<'a>(
        &self,
        own: &'a dyn OwnChecks,
        prior: Option<&Value>,
        planned: Option<&Value>,
    ) -> (Diagnostics, Checks<'a>) {
        let recorded = self.configured().map(|configured| {
            let (object, conflicts) = configured.preflight.record(N::NAME, prior, planned);
            (conflicts, Some((configured, object)))
        });
        let (conflicts, object) = recorded.unwrap_or_default();
        (conflicts, Box::new(CheckedObject { own, object }))
    }

    /// Whether this process has begun to write.
    pub fn is_applying(&self) -> bool {
        self.configured().is_some_and(|configured| configured.preflight.is_writing())
    }

    /// Takes note that this process has made `object`.
    pub fn made(&self, object: &Value) {
        if let Some(configured) = self.configured() {
            configured.preflight.made(N::NAME, object);
        }
    }

    /// Whether this process has made the object that `state` names.
    pub fn has_made(&self, state: &Value) -> bool {
        self.configured().is_some_and(|configured| configured.preflight.has_made(N::NAME, state))
    }
}

/// The checks of one resource type, beside those that go over more than one noun.
pub trait OwnChecks: Send + Sync {
    /// Checks of a create, update or replace. `Break` if the cluster can't have such an object at all.
    fn of_change<'a>(
        &'a self,
        op: &'a OpContext<'_>,
        change: Change<'a>,
    ) -> BoxFuture<'a, ControlFlow<Diagnostics, Diagnostics>>;

    /// Checks of a destroy.
    fn of_destroy<'a>(&'a self, _op: &'a OpContext<'_>, _prior: &'a Value) -> BoxFuture<'a, Diagnostics> {
        Box::pin(async { Diagnostics::new() })
    }
}

/// A recorded object, and all checks of it; none while the provider is not ready.
struct CheckedObject<'a> {
    own: &'a dyn OwnChecks,
    object: Option<(Arc<Configured>, CheckedPlan)>,
}

impl CheckedObject<'_> {
    fn ready<'a>(&'a self, cx: &'a Context) -> Option<(OpContext<'a>, &'a CheckedPlan)> {
        let (configured, object) = self.object.as_ref()?;
        Some((OpContext { configured: configured.clone(), cx, permit: None }, object))
    }
}

impl PlanChecks for CheckedObject<'_> {
    /// One order for all resource types. An error on one attribute says nothing of the others, so that the own checks stop nothing:
    /// a user sees all findings of an object in one plan. The exception is an object that the cluster can't have, such as an HA
    /// group on PVE 9: what the other checks find in it would be beside the point.
    fn change<'a>(&'a self, cx: &'a Context, change: Change<'a>) -> BoxFuture<'a, Diagnostics> {
        async move {
            let Some((op, object)) = self.ready(cx) else { return Diagnostics::new() };
            let own = match self.own.of_change(&op, change).await {
                ControlFlow::Break(own) => return own,
                ControlFlow::Continue(own) => own,
            };
            let mut all =
                op.configured.preflight.change(op.client(), &op.call(), &cx.activity, object, change.replaces).await;
            all.extend(own);
            all
        }
        .boxed()
    }

    fn keep<'a>(&'a self, cx: &'a Context) -> BoxFuture<'a, Diagnostics> {
        async move {
            let Some((op, object)) = self.ready(cx) else { return Diagnostics::new() };
            op.configured.preflight.keep(op.client(), &op.call(), object).await
        }
        .boxed()
    }

    fn destroy<'a>(&'a self, cx: &'a Context, prior: &'a Value) -> BoxFuture<'a, Diagnostics> {
        async move {
            let Some((op, object)) = self.ready(cx) else { return Diagnostics::new() };
            let mut all = op.configured.preflight.destroy(op.client(), &op.call(), &cx.activity, object).await;
            all.extend(self.own.of_destroy(&op, prior).await);
            all
        }
        .boxed()
    }

    fn given_up<'a>(&'a self, cx: &'a Context) -> BoxFuture<'a, Vec<GivenUp>> {
        async move {
            let Some((op, object)) = self.ready(cx) else { return Vec::new() };
            op.configured.preflight.given_up(op.client(), &op.call(), &cx.activity, object).await
        }
        .boxed()
    }
}
