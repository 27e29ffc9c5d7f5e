//! What a noun adds to the generic verbs of [`super::rest`].

use std::future::Future;
use std::sync::Arc;

use pve_schemas::rest::Rest;
use serde_json::Value as Json;

use super::moved::Moved;
use crate::client::{Client, Collection, DomainPermit, Params};
use crate::framework::{Change, Context, Diagnostics, Failure, MoveSource, Value};
use crate::session::{Configured, call};
use crate::ssh::Ssh;

/// What a REST-shaped noun adds to the generic verbs. Most add only where they are found.
pub trait Operations: Rest {
    /// The collection whose entries may refer to such an object, and keep it from being deleted, and the parameter that does.
    const REFERRED_BY: Option<(Collection, &'static str)> = None;

    /// The attributes of the natural id `id`.
    ///
    /// # Errors
    /// Says what form is demanded.
    fn parse_id(id: &str) -> Result<Value, String>;

    /// Whether Proxmox ships this object: a create changes what is there, and a delete resets it.
    fn is_built_in(_object: &Value) -> bool {
        false
    }

    /// Whether an entry of the collection is more than what Proxmox ships.
    fn is_listed(_entry: &Json) -> bool {
        true
    }

    /// Checks that go over several attributes.
    fn validate(_config: &Value, _diagnostics: &mut Diagnostics) {}

    /// Changes to the plan that the schema can't express. Pure.
    fn modify_plan(_prior: Option<&Value>, _config: &Value, _planned: &mut Value) {}

    /// What a person should know who writes `object` as configuration.
    fn remarks(_object: &Self) -> Vec<String> {
        Vec::new()
    }

    /// Plan-time checks against the live cluster.
    fn preflight(_op: &OpContext<'_>, _change: Change<'_>) -> impl Future<Output = Diagnostics> + Send {
        async { Diagnostics::new() }
    }

    /// Plan-time checks of a destroy against the live cluster.
    fn preflight_destroy(_op: &OpContext<'_>, _prior: &Value) -> impl Future<Output = Diagnostics> + Send {
        async { Diagnostics::new() }
    }

    /// What on the cluster refers to `object`, such as `the rule web`.
    fn referrers(_op: &OpContext<'_>, _object: &Value) -> impl Future<Output = Vec<String>> + Send {
        async { Vec::new() }
    }

    /// Whether this cluster has such objects at all.
    fn exists(_op: &OpContext<'_>) -> impl Future<Output = Result<bool, Failure>> + Send {
        async { Ok(true) }
    }

    /// Answers a read without asking for the object, where the cluster doesn't have such objects any more.
    fn read_instead(
        _op: &OpContext<'_>,
        _object: &Value,
    ) -> impl Future<Output = Result<Option<Option<Value>>, Failure>> + Send {
        async { Ok(None) }
    }

    /// Whether an entry is an object at all, and not just what is left of one.
    fn is_there(_op: &OpContext<'_>, _entry: &Json) -> impl Future<Output = bool> + Send {
        async { true }
    }

    /// Corrects what was read in view of what the state says.
    fn adjust(
        _op: &OpContext<'_>,
        _state: &Value,
        _found: &mut Value,
    ) -> impl Future<Output = Result<(), Failure>> + Send {
        async { Ok(()) }
    }

    /// Warns of what a refresh has `found` in the place of `state`, where that is no change.
    fn refreshed(_op: &OpContext<'_>, _state: &Value, _found: &Value) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// Refuses what the cluster would take and misunderstand, right before `to` is written in the place of `from`.
    fn before_write(
        _op: &OpContext<'_>,
        _from: Option<&Value>,
        _to: &Value,
    ) -> impl Future<Output = Result<(), Failure>> + Send {
        async { Ok(()) }
    }

    /// Corrects what an update starts from, where [`Operations::adjust`] has kept a word of the state that `to` gives up.
    fn before_update(
        _op: &OpContext<'_>,
        _from: &mut Value,
        _to: &Value,
    ) -> impl Future<Output = Result<(), Failure>> + Send {
        async { Ok(()) }
    }

    /// Completes what the plan left to be chosen of the identity.
    fn assign_id(_op: &OpContext<'_>, planned: Value) -> impl Future<Output = Result<Value, Failure>> + Send {
        async { Ok(planned) }
    }

    /// Says more of why the delete of `state`, which is still in use, was refused.
    fn explain_use(_op: &OpContext<'_>, _state: &Value, failure: Failure) -> impl Future<Output = Failure> + Send {
        async { failure }
    }

    /// Parameters of the delete.
    fn delete_params(_op: &OpContext<'_>, _state: &Self) -> impl Future<Output = Result<Params, Failure>> + Send {
        async { Ok(Params::new()) }
    }

    /// What follows a delete that was carried out.
    fn deleted(_configured: &Configured, _state: &Self) {}

    /// What own writes of this process have made of `prior`.
    fn after_own_writes(_configured: &Configured, prior: &Value) -> Value {
        prior.clone()
    }

    /// Waits until a create or update has its effect, where the user asked for that.
    fn wait_ready(_op: &OpContext<'_>, _object: &Self) -> impl Future<Output = Result<(), Failure>> + Send {
        async { Ok(()) }
    }

    /// Waits until a deleted object is gone.
    fn wait_deleted(_op: &OpContext<'_>, _state: &Self) -> impl Future<Output = Result<(), Failure>> + Send {
        async { Ok(()) }
    }

    /// Looks, before `state` is destroyed to make room for `successor`, whether that can be created afterwards.
    fn look_ahead(
        _op: &OpContext<'_>,
        _state: &Self,
        _successor: &Value,
    ) -> impl Future<Output = Result<(), Failure>> + Send {
        async { Ok(()) }
    }

    /// What else is lost with `state`, where its successor could not be created.
    fn loss(_state: &Self) -> Option<String> {
        None
    }

    /// Waits, before a create, until what is being removed is not in its way any more.
    fn make_way(_op: &OpContext<'_>, _planned: &Value) -> impl Future<Output = Result<(), Failure>> + Send {
        async { Ok(()) }
    }

    /// Says more of why the create of `planned` was refused.
    fn explain_refusal(
        _op: &OpContext<'_>,
        _planned: &Value,
        failure: Failure,
    ) -> impl Future<Output = Failure> + Send {
        async { failure }
    }

    /// The object that one of another type becomes.
    fn moved(_source: &MoveSource) -> Moved {
        None
    }
}

/// One operation: the configured provider and its bounds.
pub struct OpContext<'a> {
    /// What the provider was configured with.
    pub configured: Arc<Configured>,
    /// The bounds of the operation, and where warnings go.
    pub cx: &'a Context,
    /// The turn to write, where the operation has one.
    pub permit: Option<DomainPermit>,
}

impl OpContext<'_> {
    pub fn client(&self) -> &Client {
        &self.configured.client
    }

    /// The turn to write.
    ///
    /// # Errors
    /// The operation has none.
    pub fn permit(&self) -> Result<&DomainPermit, Failure> {
        self.permit.as_ref().ok_or_else(|| Failure::refused("Nothing was changed: this operation only reads."))
    }

    /// The nodes' shells.
    ///
    /// # Errors
    /// SSH is not configured.
    pub fn ssh(&self) -> Result<Ssh, Failure> {
        self.configured.ssh()
    }

    /// The bounds of the operation in the client's terms.
    pub fn call(&self) -> crate::client::Call {
        call(self.cx)
    }
}

/// The attribute `name` of an id that is one text of the named format.
///
/// # Errors
/// Says what the format demands.
pub fn simple_id(name: &str, format: &str, id: &str) -> Result<Value, String> {
    pve_schemas::value::check(format, id)?;
    Ok(Value::object([(name, Value::from(id))]))
}

/// Whether the plan sets `attribute` to something, or to something else than the state has.
pub fn newly_set(change: &Change<'_>, attribute: &str) -> bool {
    let planned = change.planned.at(attribute);
    !planned.is_null() && change.prior.is_none_or(|prior| prior.at(attribute) != planned)
}
