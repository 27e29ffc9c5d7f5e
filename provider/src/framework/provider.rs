//! A provider as the protocol layer sees it. The operations of core on one type are those of [`BoundResource`],
//! [`BoundDataSource`] and [`BoundAction`].

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;

use super::link::Replaced;
use super::{
    Action, Activity, BoundAction, BoundDataSource, BoundResource, DataSource, Diagnostic, Diagnostics, Function, Link,
    Path, Resource, Schema, Stop, Value, validate,
};

/// The provider block: its schema, and what configuring does.
pub trait Configure: Send + Sync {
    /// The provider block's attributes and blocks.
    fn schema(&self) -> &Schema;

    /// Checks that go over several arguments. `config` may hold unknown values.
    fn validate(&self, config: &Value, diagnostics: &mut Diagnostics);

    /// Makes the provider ready. Is called again and again in reattach mode and forgets everything each time.
    /// `config` may hold unknown values during plan.
    fn configure<'a>(&'a self, config: &'a Value, stop: Stop) -> BoxFuture<'a, Diagnostics>;

    /// Why what was configured can't be asked for anything, where that is no error yet: a run that asks for nothing, such as one
    /// of resources with `count = 0`, does without.
    fn unreachable(&self) -> Option<Diagnostic> {
        None
    }
}

/// All that this provider offers.
pub struct Provider {
    configure: Box<dyn Configure>,
    resources: BTreeMap<&'static str, Box<dyn Resource>>,
    data_sources: BTreeMap<&'static str, Box<dyn DataSource>>,
    actions: BTreeMap<&'static str, Box<dyn Action>>,
    functions: BTreeMap<&'static str, Box<dyn Function>>,
    stop: Mutex<Stop>,
    pub(super) replaced: Replaced,
    pub(super) activity: Arc<Activity>,
    /// Whether it was said since the last `configure` that nothing can be asked for.
    is_unreachable_reported: AtomicBool,
}

/// What the core that asks is able to do.
#[derive(Debug, Clone, Copy)]
pub struct ClientCapabilities {
    /// It keeps write-only attributes out of plans and states.
    pub has_write_only: bool,
}

impl ClientCapabilities {
    /// One that can do all that this provider uses.
    pub const NEWEST: Self = Self { has_write_only: true };
}

/// What core asks a plan of.
#[derive(Debug)]
pub struct PlanRequest {
    /// In the state; null for a create.
    pub prior: Value,
    /// Core's own merge of configuration and prior; null for a destroy.
    pub proposed: Value,
    /// What the user wrote; null for a destroy.
    pub config: Value,
    /// What an earlier plan of the same object has left.
    pub link: Link,
}

#[derive(Debug, Default)]
pub struct Planned {
    pub state: Value,
    /// Attributes that can't be changed in place.
    pub requires_replace: Vec<Path>,
    /// What is left to the apply, or to the plan of a create in place of this object.
    pub link: Link,
    /// Diagnostics for the user.
    pub diagnostics: Diagnostics,
}

/// A planned change to be carried out.
#[derive(Debug)]
pub struct ApplyRequest {
    /// In the state; null for a create.
    pub prior: Value,
    /// As planned; null for a destroy.
    pub planned: Value,
    /// What the user wrote; null for a destroy.
    pub config: Value,
    /// What the plan has left.
    pub link: Link,
}

/// The outcome of an apply: whatever happened, `state` is what is known to be.
#[derive(Debug, Default)]
pub struct Applied {
    /// The new state; null where there is no object.
    pub state: Value,
    /// Diagnostics for the user.
    pub diagnostics: Diagnostics,
}

/// The outcome of a refresh.
#[derive(Debug, Default)]
pub struct ReadOutcome {
    /// The refreshed object; null where it is gone.
    pub state: Value,
    /// Diagnostics for the user.
    pub diagnostics: Diagnostics,
}

/// The outcome of an import or move.
#[derive(Debug, Default)]
pub struct Imported {
    /// The object to start from; core reads it next. Null on errors.
    pub state: Value,
    /// Diagnostics for the user.
    pub diagnostics: Diagnostics,
}

impl Provider {
    /// A provider of the given block, resources, data sources and actions.
    pub fn new(
        configure: Box<dyn Configure>,
        resources: Vec<Box<dyn Resource>>,
        data_sources: Vec<Box<dyn DataSource>>,
        actions: Vec<Box<dyn Action>>,
    ) -> Self {
        Self {
            configure,
            resources: resources.into_iter().map(|r| (r.name(), r)).collect(),
            data_sources: data_sources.into_iter().map(|d| (d.name(), d)).collect(),
            actions: actions.into_iter().map(|a| (a.name(), a)).collect(),
            functions: BTreeMap::new(),
            stop: Mutex::default(),
            replaced: Replaced::default(),
            activity: Arc::default(),
            is_unreachable_reported: AtomicBool::new(false),
        }
    }

    /// The same with functions.
    #[must_use]
    pub fn with_functions(mut self, functions: Vec<Box<dyn Function>>) -> Self {
        self.functions = functions.into_iter().map(|function| (function.name(), function)).collect();
        self
    }

    /// The schema of the provider block.
    pub fn schema(&self) -> &Schema {
        self.configure.schema()
    }

    /// Every resource type by name.
    pub fn resources(&self) -> impl Iterator<Item = (&'static str, &dyn Resource)> {
        self.resources.iter().map(|(name, resource)| (*name, resource.as_ref()))
    }

    /// Every data source by name.
    pub fn data_sources(&self) -> impl Iterator<Item = (&'static str, &dyn DataSource)> {
        self.data_sources.iter().map(|(name, source)| (*name, source.as_ref()))
    }

    /// Every action by name.
    pub fn actions(&self) -> impl Iterator<Item = (&'static str, &dyn Action)> {
        self.actions.iter().map(|(name, action)| (*name, action.as_ref()))
    }

    /// Every function by name.
    pub fn functions(&self) -> impl Iterator<Item = (&'static str, &dyn Function)> {
        self.functions.iter().map(|(name, function)| (*name, function.as_ref()))
    }

    /// The function `name`; none if there is no such function.
    pub fn function(&self, name: &str) -> Option<&dyn Function> {
        self.functions.get(name).map(AsRef::as_ref)
    }

    /// The resource type `name`, ready for the operations of core.
    ///
    /// # Errors
    /// There is no such type; the diagnostics say so.
    pub fn resource(&self, name: &str) -> Result<BoundResource<'_>, Diagnostics> {
        let resource = self.resources.get(name).ok_or_else(|| unknown("resource type", name))?;
        Ok(BoundResource::new(self, resource.as_ref()))
    }

    /// The data source `name`, ready for the operations of core.
    ///
    /// # Errors
    /// There is no such data source; the diagnostics say so.
    pub fn data_source(&self, name: &str) -> Result<BoundDataSource<'_>, Diagnostics> {
        let source = self.data_sources.get(name).ok_or_else(|| unknown("data source", name))?;
        Ok(BoundDataSource::new(self, source.as_ref()))
    }

    /// The action `name`, ready for the operations of core.
    ///
    /// # Errors
    /// There is no such action; the diagnostics say so.
    pub fn action(&self, name: &str) -> Result<BoundAction<'_>, Diagnostics> {
        let action = self.actions.get(name).ok_or_else(|| unknown("action", name))?;
        Ok(BoundAction::new(self, action.as_ref()))
    }

    /// An action that core is not offered, ready for the same operations.
    pub fn bind<'a>(&'a self, action: &'a dyn Action) -> BoundAction<'a> {
        BoundAction::new(self, action)
    }

    /// Checks the provider block.
    pub fn validate(&self, config: &Value) -> Diagnostics {
        let mut diagnostics = validate::check(self.configure.schema(), config);
        self.configure.validate(config, &mut diagnostics);
        diagnostics
    }

    /// Makes the provider ready; forgets whatever it was configured with before.
    pub async fn configure(&self, config: &Value) -> Diagnostics {
        let stop = Stop::new();
        *self.stop.lock().unwrap_or_else(PoisonError::into_inner) = stop.clone();
        self.replaced.clear();
        self.is_unreachable_reported.store(false, Ordering::Relaxed);
        self.configure.configure(config, stop).await
    }

    /// Ends what is in flight soon. Later calls are answered, and `configure` makes a fresh start.
    pub fn stop(&self) {
        self.stopper().cancel();
    }

    /// That nothing can be asked for, where an answer without it would be no answer: in full at the first time.
    pub fn unreachable(&self) -> Option<Diagnostics> {
        let mut unreachable = self.configure.unreachable()?;
        if self.is_unreachable_reported.swap(true, Ordering::Relaxed) {
            unreachable.detail =
                "The cluster can't be reached; another error of this run has the reason. Nothing was sent.".to_owned();
        }
        Some(Diagnostics::from(unreachable))
    }

    pub(super) fn is_unreachable(&self) -> bool {
        self.configure.unreachable().is_some()
    }

    /// The same where core continues with the objects it has: one error ends the run for all objects, so that one of
    /// them says it.
    pub(super) fn unreachable_once(&self) -> Diagnostics {
        let unreachable = self.configure.unreachable();
        let news = unreachable.filter(|_| !self.is_unreachable_reported.swap(true, Ordering::Relaxed));
        news.map(Diagnostics::from).unwrap_or_default()
    }

    pub(super) fn stopper(&self) -> Stop {
        self.stop.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn unknown(kind: &str, name: &str) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    diagnostics.error(format!("Unknown {kind}"), format!("This provider has no {kind} {name}."));
    diagnostics
}
