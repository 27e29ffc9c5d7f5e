//! Carries out a plan. Whatever happens, the answer holds the best that is known of the object: core forgets an object
//! that it gets no state for.

use super::{Backend, Failed, Rpc};
use crate::framework::{ApplyRequest, Diagnostics, Link, Value};
use crate::protocol::shape::Shape;
use crate::protocol::tfplugin5::DynamicValue;
use crate::protocol::tfplugin5::apply_resource_change::{Request, Response};
use crate::protocol::{diagnostics, dynamic, identity};

impl Rpc for Request {
    type Response = Response;
    const NAME: &'static str = "ApplyResourceChange";

    fn subject(&self) -> &str {
        &self.type_name
    }

    async fn answer(&self, backend: &Backend) -> Result<Response, Diagnostics> {
        let resource = backend.provider().resource(&self.type_name)?;
        let schema = resource.schema();
        let shape = Shape::of(schema);
        let request = ApplyRequest {
            prior: dynamic::decode(self.prior_state.as_ref(), shape, "the state")?,
            planned: dynamic::decode(self.planned_state.as_ref(), shape, "the planned state")?,
            config: dynamic::decode(self.config.as_ref(), shape, "the configuration")?,
            link: Link::decode(&self.planned_private),
        };
        let mut applied = resource.apply(request).await;
        let new_state = dynamic::encode(&applied.state, shape, &mut applied.diagnostics);
        let new_identity = identity::of(&applied.state, schema, &mut applied.diagnostics);
        Ok(Response {
            new_state: Some(new_state),
            new_identity,
            diagnostics: diagnostics::encode(applied.diagnostics),
            ..Response::default()
        })
    }

    fn failed(self, backend: &Backend, failed: Failed) -> Response {
        let new_state = if failed.crashed { self.after_crash(backend) } else { self.prior_state };
        Response {
            new_state,
            new_identity: self.planned_identity,
            diagnostics: diagnostics::encode(failed.diagnostics),
            ..Response::default()
        }
    }
}

impl Request {
    /// What was, if there was something. An object that was just being made may exist: the plan then becomes a tainted
    /// state, which the next run reads, instead of an object that is in no state.
    fn after_crash(&self, backend: &Backend) -> Option<DynamicValue> {
        let shape = Shape::of(backend.provider().resource(&self.type_name).ok()?.schema());
        let prior = dynamic::decode(self.prior_state.as_ref(), shape, "").unwrap_or_default();
        if !prior.is_null() {
            return self.prior_state.clone();
        }
        let planned = dynamic::decode(self.planned_state.as_ref(), shape, "").unwrap_or_default();
        Some(dynamic::encode(&known(planned), shape, &mut Diagnostics::new()))
    }
}

/// `value` with null for what is unknown: core accepts nothing unknown after an apply.
fn known(value: Value) -> Value {
    match value {
        Value::Unknown => Value::Null,
        Value::List(elements) => Value::List(elements.into_iter().map(known).collect()),
        Value::Set(elements) => Value::set(elements.into_iter().map(known)),
        Value::Map(members) => Value::Map(members.into_iter().map(|(name, value)| (name, known(value))).collect()),
        value => value,
    }
}
