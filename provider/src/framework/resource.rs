//! The interface of a resource: the few operations that only it can carry out. The order in which they are called, and what
//! becomes state, is decided by `apply` alone.

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use super::{Context, Diagnostics, Failure, Schema, Value};

/// The right to write to what an object is stored in, and the only way to do so. Held from the read before a write until the
/// write is over, and never while something is waited for: other objects wait for it.
pub trait WritePermit: Send {
    fn create<'a>(&'a mut self, planned: &'a Value) -> BoxFuture<'a, Result<(), Failure>>;

    /// Sends what differs between `from` and `to`, guarded by the revision of `from`.
    fn update<'a>(&'a mut self, from: &'a Found, to: &'a Value) -> BoxFuture<'a, Result<(), Failure>>;

    /// Sends the delete of the object in the state.
    fn delete<'a>(&'a mut self, state: &'a Value) -> BoxFuture<'a, Result<(), Failure>>;

    /// Sends that part of a planned change of another object by which it gives up the object that is to be deleted.
    fn give_up<'a>(&'a mut self, given_up: &'a GivenUp) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move { Err(Failure::refused(format!("{} does not refer to it.", given_up.id))) })
    }
}

/// A permit for as long as the operation lasts.
pub type Permit<'a> = Box<dyn WritePermit + 'a>;

/// How fresh a read must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// From the list that all reads of a walk share.
    Shared,
    /// From a request of its own.
    Fresh,
    /// From a request that was sent after a write of this very object; writers of that moment may share it.
    Written,
}

/// An object as it was found.
#[derive(Debug, Clone)]
pub struct Found {
    /// All attributes that are stored, as read; those of an unset option null.
    pub object: Value,
    /// What guards a write that is based on this read, if there is such a thing (a digest).
    pub revision: Option<String>,
}

/// A reference that the plan of another object gives up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenUp {
    /// The natural id of the object that refers.
    pub id: String,
    /// What its attribute says now.
    pub from: String,
    /// What the plan says instead.
    pub to: Option<String>,
    /// Whether the same plan creates that: until then Proxmox refuses the new reference.
    #[serde(default)]
    pub is_to_new: bool,
}

/// The checks of one planned object against the live cluster. They add diagnostics, and never change the plan.
pub trait PlanChecks: Send + Sync {
    /// Checks of a create, update or replace.
    fn change<'a>(&'a self, _cx: &'a Context, _change: Change<'a>) -> BoxFuture<'a, Diagnostics> {
        Box::pin(async { Diagnostics::new() })
    }

    /// Checks of an object that stays as it is.
    fn keep<'a>(&'a self, _cx: &'a Context) -> BoxFuture<'a, Diagnostics> {
        Box::pin(async { Diagnostics::new() })
    }

    /// Checks of a destroy.
    fn destroy<'a>(&'a self, _cx: &'a Context, _prior: &'a Value) -> BoxFuture<'a, Diagnostics> {
        Box::pin(async { Diagnostics::new() })
    }

    /// Waits until all objects that refer to this one, which is to be destroyed, are planned: core may plan them later. Returns the
    /// references that the plan gives up, if it gives up all. Core destroys an object before it changes what referred to it, so that
    /// a delete that is refused for that can only go on if it sends what the plan says of the others.
    fn given_up<'a>(&'a self, _cx: &'a Context) -> BoxFuture<'a, Vec<GivenUp>> {
        Box::pin(async { Vec::new() })
    }
}

/// The checks of one planned object.
pub type Checks<'a> = Box<dyn PlanChecks + 'a>;

/// A resource type without checks.
struct NoChecks;

impl PlanChecks for NoChecks {}

/// An object of another resource type that is to become one of this type.
#[derive(Debug, Clone)]
pub struct MoveSource {
    /// Source address of the provider it belonged to, such as `registry.terraform.io/bpg/proxmox`.
    pub provider: String,
    /// The type it had.
    pub type_name: String,
    /// The schema version its state was written with.
    pub schema_version: i64,
    pub state: serde_json::Value,
}

/// A resource type. The operations work on wholly known objects; plan and validation see unknown values.
pub trait Resource: Send + Sync {
    /// The type name, `pve_…`.
    fn name(&self) -> &'static str;

    /// What an object is called in messages: "HA resource", "replication job".
    fn title(&self) -> &'static str;

    /// Its attributes and blocks, with `id` and `timeouts`.
    fn schema(&self) -> &Schema;

    /// Whether an object that exists already and equals the configuration is taken over by a create.
    fn adopts(&self) -> bool {
        false
    }

    /// Whether the object is always there, so that finding it says nothing of a create.
    fn always_exists(&self, _object: &Value) -> bool {
        false
    }

    /// The natural id; none while a part of it is unknown.
    fn id(&self, object: &Value) -> Option<String>;

    /// The attributes that the natural id `id` contains; all others null.
    ///
    /// # Errors
    /// The id has another form; the text says which.
    fn import(&self, id: &str) -> Result<Value, String>;

    /// Checks that go over several attributes. `config` may hold unknown values, about which nothing is to be said.
    fn validate(&self, _config: &Value, _diagnostics: &mut Diagnostics) {}

    /// Changes to the plan that the schema can't express. Pure: the same request always gives the same answer.
    fn modify_plan(&self, _prior: Option<&Value>, _config: &Value, _planned: &mut Value) {}

    /// A note for a person who writes `object` as configuration.
    fn remarks(&self, _object: &Value) -> Vec<String> {
        Vec::new()
    }

    /// Takes note of a planned object, whether it changes or not; without `planned` it is to be destroyed. Returns the conflicts
    /// with the objects that were planned before, and the checks of this one.
    fn planned<'a>(&'a self, _prior: Option<&Value>, _planned: Option<&Value>) -> (Diagnostics, Checks<'a>) {
        (Diagnostics::new(), Box::new(NoChecks))
    }

    /// Whether this process has begun to write, so that it is no plan.
    fn is_applying(&self) -> bool {
        false
    }

    /// Takes note that this process has made `object`, or has taken it over.
    fn made(&self, _object: &Value) {}

    /// Whether this process has made the object that `state` names since: a delete would remove the new one.
    fn has_made(&self, _state: &Value) -> bool {
        false
    }

    /// What on the cluster refers to `object`, such as `the rule web`.
    fn referrers<'a>(&'a self, _cx: &'a Context, _object: &'a Value) -> BoxFuture<'a, Vec<String>> {
        Box::pin(async { Vec::new() })
    }

    /// The computed attribute that shows that `object`, though it is as configured, doesn't do its work, and that an update would
    /// mend it: the plan then has a change. Pure.
    fn needs_repair(&self, _object: &Value) -> Option<&'static str> {
        None
    }

    /// Waits for the right to write to whatever this object is stored in.
    fn permit<'a>(&'a self, cx: &'a Context) -> BoxFuture<'a, Result<Permit<'a>, Failure>>;

    /// Looks for the object that has the same natural id as `object`.
    fn read<'a>(
        &'a self,
        cx: &'a Context,
        object: &'a Value,
        freshness: Freshness,
    ) -> BoxFuture<'a, Result<Option<Found>, Failure>>;

    /// Looks before a create whether the object exists already. One list may serve all creates of a walk, as long as own
    /// writes are applied to it; Proxmox's "already defined" remains the guard.
    fn find_existing<'a>(
        &'a self,
        cx: &'a Context,
        object: &'a Value,
    ) -> BoxFuture<'a, Result<Option<Found>, Failure>> {
        if self.always_exists(object) { Box::pin(async { Ok(None) }) } else { self.read(cx, object, Freshness::Shared) }
    }

    /// What other writes of this process, such as a purge, have made of an object that was `prior` in the plan; null where
    /// they have removed it. What has become of it by ourselves is no edit of others.
    fn after_own_writes(&self, prior: &Value) -> Value {
        prior.clone()
    }

    /// Completes what the plan left to be chosen of the object's identity; asked while the permit is held.
    fn assign_id<'a>(&'a self, _cx: &'a Context, planned: Value) -> BoxFuture<'a, Result<Value, Failure>> {
        Box::pin(async { Ok(planned) })
    }

    /// What an import of the object with the given natural id finds.
    fn read_import<'a>(&'a self, cx: &'a Context, object: &'a Value) -> BoxFuture<'a, Result<Option<Found>, Failure>> {
        self.read(cx, object, Freshness::Shared)
    }

    /// Whether `list` is supported.
    fn is_listable(&self) -> bool {
        false
    }

    /// Whether the configuration of a cluster has its objects: not where that of another type has all of them.
    fn is_exported(&self) -> bool {
        self.is_listable()
    }

    /// Every object there is, as `read` finds it, in an order that doesn't change by itself.
    fn list<'a>(&'a self, _cx: &'a Context) -> BoxFuture<'a, Result<Vec<Value>, Failure>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    /// Looks, before the object in the state is destroyed to make room for `successor`, whether that can be created afterwards.
    /// What is not known of it yet is null.
    fn look_ahead<'a>(
        &'a self,
        _cx: &'a Context,
        _state: &'a Value,
        _successor: &'a Value,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async { Ok(()) })
    }

    /// What else the user has lost with the object that was destroyed, where its successor could not be created.
    fn loss(&self, _state: &Value) -> Option<String> {
        None
    }

    /// Waits, before a create and without a permit, until what is being removed is not in its way any more.
    fn make_way<'a>(&'a self, _cx: &'a Context, _planned: &'a Value) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async { Ok(()) })
    }

    /// Says more of why the create of `planned` was refused.
    fn explain_refusal<'a>(
        &'a self,
        _cx: &'a Context,
        _planned: &'a Value,
        failure: Failure,
    ) -> BoxFuture<'a, Failure> {
        Box::pin(async { failure })
    }

    /// Waits, without a permit, for effects of a finished create or update that the user asked to wait for.
    fn wait_ready<'a>(&'a self, _cx: &'a Context, _object: &'a Value) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async { Ok(()) })
    }

    /// Waits, without a permit, until a deleted object is really gone.
    fn wait_deleted<'a>(&'a self, _cx: &'a Context, _state: &'a Value) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async { Ok(()) })
    }

    /// The state of version `from` brought to the current version.
    ///
    /// # Errors
    /// Says what of the old state can't be understood.
    fn upgrade(&self, from: i64, state: serde_json::Value) -> Result<serde_json::Value, String> {
        let _ = state;
        Err(format!("this provider does not support schema version {from} of {}", self.name()))
    }

    /// The object that `source` becomes; none if this type can't be moved to from there.
    fn moved(&self, _source: &MoveSource) -> Option<Result<Value, String>> {
        None
    }
}

/// A planned create (no prior), update or replace.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    /// What is in the state.
    pub prior: Option<&'a Value>,
    /// What the user wrote, with unknown values.
    pub config: &'a Value,
    /// What will be, with unknown values.
    pub planned: &'a Value,
    /// The natural id of the object in whose place a create is planned, where that is known.
    pub replaces: Option<&'a str>,
}
