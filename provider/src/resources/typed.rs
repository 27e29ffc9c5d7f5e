//! What the resource types of all nouns have in common, whatever their verbs: the schema, the noun read from a value and made
//! into one, and the part in the checks of the plan.

use std::marker::PhantomData;
use std::sync::{Arc, OnceLock};

use pve_schemas::noun::Noun;

use super::operations::OpContext;
use crate::framework::{
    Change, Context, Diagnostics, Failure, GivenUp, Role, Schema, Type, Value, from_model, to_model,
};
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

    /// Its attributes and blocks; made when somebody asks, since the process starts in front of a waiting user.
    pub fn schema(&self) -> &Schema {
        self.schema.get_or_init(|| Schema::of::<N>(Role::Resource))
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
        Ok(OpContext { configured: self.session.ready()?, cx })
    }

    /// The context of an operation that is about to write: the plan has reported its findings already.
    ///
    /// # Errors
    /// The provider is not ready.
    pub fn writing_op<'a>(&self, cx: &'a Context) -> Result<OpContext<'a>, Failure> {
        let op = self.op(cx)?;
        op.configured.preflight.writing();
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

    /// Takes note of a planned object for the checks of other ones. The answer says what can't be together.
    pub fn record(&self, prior: Option<&Value>, planned: Option<&Value>) -> Diagnostics {
        let configured = self.configured();
        configured.map_or_else(Diagnostics::new, |configured| configured.preflight.record(N::NAME, prior, planned))
    }

    /// What of this plan gives up its reference to `prior`, which is to be destroyed.
    pub async fn given_up(&self, cx: &Context, prior: &Value) -> Vec<GivenUp> {
        let Some(configured) = self.configured() else { return Vec::new() };
        let op = OpContext { configured, cx };
        op.configured.preflight.given_up(op.client(), &op.call(), &cx.activity, N::NAME, prior).await
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

    /// The checks of a create, update or replace that go over more than one noun.
    pub async fn check(&self, op: &OpContext<'_>, change: Change<'_>) -> Diagnostics {
        let checks = &op.configured.preflight;
        checks.change(op.client(), &op.call(), N::NAME, change).await
    }

    /// The checks of an object that stays as it is.
    pub async fn check_keep(&self, cx: &Context, object: &Value) -> Diagnostics {
        let Some(configured) = self.configured() else { return Diagnostics::new() };
        let op = OpContext { configured, cx };
        op.configured.preflight.keep(op.client(), &op.call(), N::NAME, object).await
    }

    /// The checks of a destroy that go over more than one noun.
    pub async fn check_destroy(&self, cx: &Context, prior: &Value) -> Diagnostics {
        let Some(configured) = self.configured() else { return Diagnostics::new() };
        let op = OpContext { configured, cx };
        op.configured.preflight.destroy(op.client(), &op.call(), N::NAME, prior).await
    }
}
