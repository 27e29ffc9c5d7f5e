//! Plans a create, update, replace or destroy.

use super::{Backend, Failed, Rpc};
use crate::framework::{Diagnostics, Link, PlanRequest};
use crate::protocol::shape::Shape;
use crate::protocol::tfplugin5::plan_resource_change::{Request, Response};
use crate::protocol::{diagnostics, dynamic, identity};

impl Rpc for Request {
    type Response = Response;
    const NAME: &'static str = "PlanResourceChange";

    fn subject(&self) -> &str {
        &self.type_name
    }

    async fn answer(&self, backend: &Backend) -> Result<Response, Diagnostics> {
        let resource = backend.provider().resource(&self.type_name)?;
        let schema = resource.schema();
        let shape = Shape::of(schema);
        let request = PlanRequest {
            prior: dynamic::decode(self.prior_state.as_ref(), shape, "the state")?,
            proposed: dynamic::decode(self.proposed_new_state.as_ref(), shape, "the proposed state")?,
            config: dynamic::decode(self.config.as_ref(), shape, "the configuration")?,
            link: Link::decode(&self.prior_private),
        };
        let known = if request.prior.is_null() { None } else { Some(schema.identity_of(&request.prior)) };
        let mut planned = resource.plan(request).await;
        // An object keeps what names it. A replacement is first planned as a change of the old one, and then by itself.
        let planned_identity = match known {
            Some(known) => {
                self.prior_identity.clone().or_else(|| identity::data(&known, schema, &mut planned.diagnostics))
            }
            None => identity::of(&planned.state, schema, &mut planned.diagnostics),
        };
        let planned_state = dynamic::encode(&planned.state, shape, &mut planned.diagnostics);
        Ok(Response {
            planned_state: Some(planned_state),
            planned_identity,
            requires_replace: planned.requires_replace.into_iter().map(Into::into).collect(),
            planned_private: planned.link.encode(),
            diagnostics: diagnostics::encode(planned.diagnostics),
            ..Response::default()
        })
    }

    fn failed(self, _: &Backend, failed: Failed) -> Response {
        Response {
            planned_state: self.prior_state,
            planned_identity: self.prior_identity,
            planned_private: self.prior_private,
            diagnostics: diagnostics::encode(failed.diagnostics),
            ..Response::default()
        }
    }
}
