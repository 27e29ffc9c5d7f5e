//! One resource type, data source or action of a provider, with one method per operation of core: values in, values and diagnostics out.

use std::ops::Deref;

use super::{
    Action, Applied, ApplyRequest, ClientCapabilities, DataSource, Diagnostics, Elements, Ending, Imported, Invoked,
    Listing, MoveSource, Path, PlanRequest, Planned, Progress, Prospect, Provider, ReadOutcome, Resource, Schema,
    Value, apply, invoke, list, plan, read, secrets, validate,
};

/// A resource type of a provider.
#[derive(Clone, Copy)]
pub struct BoundResource<'a> {
    provider: &'a Provider,
    resource: &'a dyn Resource,
}

impl<'a> Deref for BoundResource<'a> {
    type Target = dyn Resource + 'a;

    fn deref(&self) -> &Self::Target {
        self.resource
    }
}

impl<'a> BoundResource<'a> {
    pub(super) fn new(provider: &'a Provider, resource: &'a dyn Resource) -> Self {
        Self { provider, resource }
    }

    /// Its schema, for as long as the provider lives.
    pub fn schema(self) -> &'a Schema {
        self.resource.schema()
    }

    pub fn validate_config(self, config: &Value, core: ClientCapabilities) -> Diagnostics {
        let mut diagnostics = validate::check(self.resource.schema(), config);
        secrets::validate(&self.resource.schema().block, config, core, &Path::root(), &mut diagnostics);
        self.resource.validate(config, &mut diagnostics);
        diagnostics
    }

    /// Brings a state of schema version `from` to the current one.
    ///
    /// # Errors
    /// The diagnostics name the parts that are invalid.
    pub fn upgrade_state(self, from: i64, state: serde_json::Value) -> Result<Value, Diagnostics> {
        let _under_way = self.provider.activity.begin();
        read::upgrade(self.resource, from, state)
    }

    /// Plans a create, update, replace or destroy.
    pub async fn plan(self, request: PlanRequest) -> Planned {
        let Self { provider, resource } = self;
        let _under_way = provider.activity.begin();
        let prior = request.prior.clone();
        let mut planned = plan::plan(resource, provider.stopper(), provider.activity.clone(), request).await;
        if planned.state != prior {
            planned.diagnostics.extend(provider.unreachable_once());
        }
        planned
    }

    /// Carries out a plan.
    pub async fn apply(self, request: ApplyRequest) -> Applied {
        let Self { provider, resource } = self;
        match provider.unreachable() {
            Some(diagnostics) => Applied { state: request.prior, diagnostics },
            None => {
                apply::apply(resource, provider.stopper(), provider.activity.clone(), request, &provider.replaced).await
            }
        }
    }

    pub async fn refresh(self, state: Value) -> ReadOutcome {
        let Self { provider, resource } = self;
        let _under_way = provider.activity.begin();
        if provider.is_unreachable() {
            return ReadOutcome { state, diagnostics: provider.unreachable_once() };
        }
        read::read(resource, provider.stopper(), state).await
    }

    /// Starts the import of the object with the natural id `id`.
    pub async fn import(self, id: &str) -> Imported {
        match self.provider.unreachable() {
            Some(diagnostics) => Imported { diagnostics, ..Imported::default() },
            None => read::import(self.resource, self.provider.stopper(), id).await,
        }
    }

    /// Starts the import of the object with that identity.
    pub async fn import_identity(self, identity: &Value) -> Imported {
        match self.provider.unreachable() {
            Some(diagnostics) => Imported { diagnostics, ..Imported::default() },
            None => read::import_identity(self.resource, self.provider.stopper(), identity).await,
        }
    }

    /// Finds all objects of the type.
    pub async fn list_all(self) -> Listing {
        match self.provider.unreachable() {
            Some(diagnostics) => Listing { diagnostics, ..Listing::default() },
            None => list::list(self.resource, self.provider.stopper()).await,
        }
    }

    /// Turns an object of another type into one of this. Pure: core asks this of an unconfigured provider.
    pub fn move_state(self, source: &MoveSource) -> Imported {
        read::moved(self.resource, source)
    }
}

/// A data source of a provider.
#[derive(Clone, Copy)]
pub struct BoundDataSource<'a> {
    provider: &'a Provider,
    source: &'a dyn DataSource,
}

impl<'a> Deref for BoundDataSource<'a> {
    type Target = dyn DataSource + 'a;

    fn deref(&self) -> &Self::Target {
        self.source
    }
}

impl<'a> BoundDataSource<'a> {
    pub(super) fn new(provider: &'a Provider, source: &'a dyn DataSource) -> Self {
        Self { provider, source }
    }

    /// Its schema, for as long as the provider lives.
    pub fn schema(self) -> &'a Schema {
        self.source.schema()
    }

    pub fn validate_config(self, config: &Value) -> Diagnostics {
        let mut diagnostics = validate::check(self.source.schema(), config);
        self.source.validate(config, &mut diagnostics);
        diagnostics
    }

    /// Reads it as a whole.
    pub async fn read_data(self, config: Value) -> ReadOutcome {
        let mut elements = Vec::new();
        let mut outcome = self.read_into(config, &mut elements).await;
        if let Some(list) = self.source.long_list() {
            outcome.state.insert(list, Value::List(elements));
        }
        outcome
    }

    /// Reads it; the elements of its long list are given to `elements`, and mean nothing if the state is null.
    pub async fn read_into(self, config: Value, elements: &mut dyn Elements) -> ReadOutcome {
        match self.provider.unreachable() {
            Some(diagnostics) => ReadOutcome { state: Value::Null, diagnostics },
            None => read::data_source(self.source, self.provider.stopper(), config, elements).await,
        }
    }
}

/// An action of a provider.
#[derive(Clone, Copy)]
pub struct BoundAction<'a> {
    provider: &'a Provider,
    action: &'a dyn Action,
}

impl<'a> BoundAction<'a> {
    pub(super) fn new(provider: &'a Provider, action: &'a dyn Action) -> Self {
        Self { provider, action }
    }

    /// What it is called in messages.
    pub fn title(self) -> &'static str {
        self.action.title()
    }

    /// Its schema, for as long as the provider lives.
    pub fn schema(self) -> &'a Schema {
        self.action.schema()
    }

    pub fn validate_config(self, config: &Value) -> Diagnostics {
        let mut diagnostics = validate::check(self.action.schema(), config);
        self.action.validate(config, &mut diagnostics);
        diagnostics
    }

    /// Looks what it would do with `config`, which may hold unknown values.
    pub async fn plan(self, config: &Value) -> Prospect {
        let _under_way = self.provider.activity.begin();
        match self.provider.unreachable() {
            Some(diagnostics) => Prospect { diagnostics, ..Prospect::default() },
            None => invoke::plan(self.action, self.provider.stopper(), config).await,
        }
    }

    /// Carries it out; its messages go to `progress`.
    pub async fn invoke(self, config: &Value, progress: &dyn Progress) -> Invoked {
        match self.provider.unreachable() {
            Some(diagnostics) => Invoked { ending: Ending::Refused, diagnostics },
            None => invoke::invoke(self.action, self.provider.stopper(), config, progress).await,
        }
    }
}
