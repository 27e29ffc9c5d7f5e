//! What core does around a provider, without core: for promises that need hundreds of applies. What is saved and what is
//! lost follows core's own rules.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value as Json, json};
use terraform_provider_pve::command_line::Offer;
use terraform_provider_pve::framework::{
    ApplyRequest, BoundAction, BoundResource, ClientCapabilities, Diagnostics, Invoked, Link, PlanRequest, Planned,
    Progress, Provider, Severity, Value,
};
use terraform_provider_pve::registry;

use crate::Cluster;
use crate::cluster::IGNORED_CHECK;

/// Reads no messages.
struct Silent;

impl Progress for Silent {
    fn report(&self, _: &str) {}
}

pub struct Core {
    offer: Offer,
    block: Value,
    /// Whether there was an apply in the walk that has begun.
    has_applied: AtomicBool,
}

/// One resource of a configuration, and what the state has of it.
#[derive(Debug, Clone)]
pub struct Object {
    pub kind: &'static str,
    /// What the state has; null where it has nothing.
    pub state: Value,
    /// Whether the state has it as tainted: the next apply makes it anew.
    pub is_tainted: bool,
}

impl Object {
    /// A resource that isn't in the state yet.
    pub fn new(kind: &'static str) -> Self {
        Self { kind, state: Value::Null, is_tainted: false }
    }
}

impl Core {
    /// The provider, configured for `cluster`, with further arguments of the provider block.
    ///
    /// # Panics
    /// It refuses to be.
    pub async fn new(cluster: &Cluster, arguments: &[(&str, &str)]) -> Self {
        let arguments: Vec<_> = arguments.iter().map(|(name, value)| (*name, Json::from(*value))).collect();
        Self::with(cluster, &arguments).await
    }

    /// As [`Core::new`], with arguments of any type.
    ///
    /// # Panics
    /// It refuses to be.
    pub async fn with(cluster: &Cluster, arguments: &[(&str, Json)]) -> Self {
        let offer = registry::command_line();
        let provider = &offer.provider;
        let mut block = json!({
            "endpoint": cluster.variable("PROXMOX_VE_ENDPOINT"),
            "api_token": cluster.variable("PROXMOX_VE_API_TOKEN"),
            "ca_certificate": cluster.variable("PROXMOX_VE_CA_CERTIFICATE"),
            "ignore_preflight": [IGNORED_CHECK],
        });
        if let Some(ssh) = cluster.ssh() {
            block["ssh"] = ssh;
        }
        for (name, value) in arguments {
            block[*name] = value.clone();
        }
        let block = Value::from_json(&block, &provider.schema().ty()).expect("the provider block has these arguments");
        let core = Self { offer, block, has_applied: AtomicBool::new(false) };
        core.begin().await;
        core
    }

    /// Core starts a process for each of its walks; one that is used again is configured anew, and begins with that.
    async fn begin(&self) {
        let diagnostics = self.offer.provider.configure(&self.block).await;
        assert!(!diagnostics.has_error(), "{diagnostics:?}");
    }

    /// An action of Terraform, or an operation of the command line.
    ///
    /// # Panics
    /// There is no such operation.
    pub fn operation(&self, name: &str) -> BoundAction<'_> {
        self.offer.operation(name).expect("an operation of that name")
    }

    /// The provider, for what core asks besides.
    pub fn provider(&self) -> &Provider {
        &self.offer.provider
    }

    pub fn stop(&self) {
        self.offer.provider.stop();
    }

    /// Invokes an action, whatever its plan finds.
    ///
    /// # Panics
    /// The provider does not have it, or refuses the configuration.
    pub async fn invoke(&self, action: &str, config: &Json) -> Invoked {
        let action = self.offer.provider.action(action).unwrap_or_else(|_| panic!("{action}"));
        let config = Value::from_json(config, &action.schema().ty()).expect("the action has these arguments");
        let problems = action.validate_config(&config);
        assert!(!problems.has_error(), "{problems:?}");
        action.invoke(&config, &Silent).await
    }

    /// Refreshes, plans and applies `object` in a walk of its own, so that it becomes as `configured`, or is deleted.
    ///
    /// # Panics
    /// The provider breaks a rule of core's.
    pub async fn apply(&self, object: &mut Object, configured: Option<&Json>) -> Diagnostics {
        if self.has_applied.swap(true, Ordering::Relaxed) {
            self.begin().await;
        }
        self.apply_too(object, configured).await
    }

    /// As [`Core::apply`], in the walk that has begun.
    ///
    /// # Panics
    /// The provider breaks a rule of core's.
    pub async fn apply_too(&self, object: &mut Object, configured: Option<&Json>) -> Diagnostics {
        let mut said = Diagnostics::new();
        if !object.state.is_null() {
            let outcome = self.resource(object.kind).refresh(object.state.clone()).await;
            let failed = outcome.diagnostics.has_error();
            said.extend(outcome.diagnostics);
            if failed {
                return said;
            }
            object.state = outcome.state;
        }
        let Some(configured) = configured else {
            self.destroy(object, &mut said).await;
            return said;
        };
        if object.is_tainted && !self.destroy(object, &mut said).await {
            return said;
        }
        let config = self.value(object.kind, configured);
        let problems = self.resource(object.kind).validate_config(&config, ClientCapabilities::NEWEST);
        assert!(!problems.has_error(), "{problems:?}");
        let Some((mut planned, replaces)) = self.plan(object, &config, &mut said).await else { return said };
        if replaces {
            if !self.destroy(object, &mut said).await {
                return said;
            }
            let Some((anew, _)) = self.plan(object, &config, &mut said).await else { return said };
            planned = anew;
        }
        if planned == object.state {
            return said;
        }
        self.carry_out(object, planned, config, &mut said).await;
        said
    }

    /// Whether a refresh and a plan find nothing to do.
    ///
    /// # Panics
    /// They fail.
    pub async fn is_settled(&self, object: &Object, configured: &Json) -> bool {
        let outcome = self.resource(object.kind).refresh(object.state.clone()).await;
        assert!(!outcome.diagnostics.has_error(), "{:?}", outcome.diagnostics);
        let now = Object { state: outcome.state, ..object.clone() };
        let mut said = Diagnostics::new();
        let planned = self.plan(&now, &self.value(object.kind, configured), &mut said).await;
        assert!(!said.has_error(), "{said:?}");
        !object.is_tainted && planned.is_some_and(|(planned, _)| planned == now.state)
    }

    fn resource(&self, kind: &str) -> BoundResource<'_> {
        self.offer.provider.resource(kind).expect("the type exists")
    }

    /// What a plan of an object says: from `prior` (null: it is created) to `config`, of which parts may be unknown (null: it
    /// is destroyed).
    pub async fn plan_of(&self, kind: &'static str, prior: &Value, config: &Value) -> Planned {
        let object = Object { kind, state: prior.clone(), is_tainted: false };
        let proposed = if config.is_null() { Value::Null } else { self.proposed(&object, config) };
        self.resource(kind)
            .plan(PlanRequest { prior: prior.clone(), proposed, config: config.clone(), link: Link::default() })
            .await
    }

    async fn plan(&self, object: &Object, config: &Value, said: &mut Diagnostics) -> Option<(Value, bool)> {
        let proposed = self.proposed(object, config);
        let link = Link::default();
        let request = PlanRequest { prior: object.state.clone(), proposed, config: config.clone(), link };
        let plan = self.resource(object.kind).plan(request).await;
        let failed = plan.diagnostics.has_error();
        said.extend(plan.diagnostics);
        (!failed).then_some((plan.state, !plan.requires_replace.is_empty()))
    }

    async fn carry_out(&self, object: &mut Object, planned: Value, config: Value, said: &mut Diagnostics) {
        let creates = object.state.is_null();
        let link = Link::default();
        let request = ApplyRequest { prior: object.state.clone(), planned: planned.clone(), config, link };
        let applied = self.resource(object.kind).apply(request).await;
        let failed = applied.diagnostics.has_error();
        said.extend(applied.diagnostics);
        assert!(applied.state.is_wholly_known(), "core refuses a state that isn't known: {:?}", applied.state);
        if failed {
            // An error with a state is saved, after a create as tainted; without one, nothing changes.
            if !applied.state.is_null() {
                object.is_tainted = creates;
                object.state = applied.state;
            }
            return;
        }
        assert!(agrees(&planned, &applied.state), "inconsistent result: {planned:?} became {:?}", applied.state);
        object.state = applied.state;
    }

    /// Whether it is gone now.
    async fn destroy(&self, object: &mut Object, said: &mut Diagnostics) -> bool {
        if object.state.is_null() {
            object.is_tainted = false;
            return true;
        }
        let link = Link::default();
        let request = ApplyRequest { prior: object.state.clone(), planned: Value::Null, config: Value::Null, link };
        let applied = self.resource(object.kind).apply(request).await;
        let failed = applied.diagnostics.has_error();
        said.extend(applied.diagnostics);
        if !failed {
            object.state = Value::Null;
            object.is_tainted = false;
        } else if !applied.state.is_null() {
            object.state = applied.state;
        }
        !failed
    }

    /// The object of type `kind` from `json`.
    ///
    /// # Panics
    /// It is not of the type.
    pub fn value(&self, kind: &str, json: &Json) -> Value {
        let resource = self.resource(kind);
        Value::from_json(json, &resource.schema().ty()).expect("the configuration is of the type")
    }

    /// Core's merge: what may be computed and isn't configured stays as it was.
    fn proposed(&self, object: &Object, config: &Value) -> Value {
        let resource = self.resource(object.kind);
        let mut proposed = config.clone();
        for attribute in resource.schema().block.attributes.iter().filter(|a| a.computed) {
            if config.at(&attribute.name).is_null() {
                proposed.insert(&*attribute.name, object.state.at(&attribute.name).clone());
            }
        }
        proposed
    }
}

/// Whether `applied` is `planned` with everything filled in that was not known.
fn agrees(planned: &Value, applied: &Value) -> bool {
    match (planned, applied) {
        (Value::Unknown, _) => true,
        (Value::Map(planned), Value::Map(applied)) => {
            planned.len() == applied.len()
                && planned.iter().all(|(name, value)| applied.get(name).is_some_and(|found| agrees(value, found)))
        }
        (planned, applied) => planned == applied,
    }
}

/// The errors among `said`, as text.
pub fn errors(said: &Diagnostics) -> Vec<String> {
    let errors = said.iter().filter(|diagnostic| diagnostic.severity == Severity::Error);
    errors.map(|error| format!("{}: {}", error.summary, error.detail)).collect()
}
