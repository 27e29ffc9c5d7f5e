//! Turns an object of another type into one of ours. Private data of the other provider means nothing to us and is
//! left behind.

use super::{Backend, Failed, Rpc};
use crate::framework::{Diagnostics, MoveSource};
use crate::protocol::shape::Shape;
use crate::protocol::tfplugin5::move_resource_state::{Request, Response};
use crate::protocol::{diagnostics, dynamic, identity};

impl Rpc for Request {
    type Response = Response;
    const NAME: &'static str = "MoveResourceState";

    fn subject(&self) -> &str {
        &self.target_type_name
    }

    async fn answer(&self, backend: &Backend) -> Result<Response, Diagnostics> {
        let resource = backend.provider().resource(&self.target_type_name)?;
        let schema = resource.schema();
        let mut moved = resource.move_state(&MoveSource {
            provider: self.source_provider_address.clone(),
            type_name: self.source_type_name.clone(),
            schema_version: self.source_schema_version,
            state: dynamic::stored(self.source_state.as_ref())?,
        });
        let target_state = Some(dynamic::encode(&moved.state, Shape::of(schema), &mut moved.diagnostics));
        let target_identity = identity::of(&moved.state, schema, &mut moved.diagnostics);
        let diagnostics = diagnostics::encode(moved.diagnostics);
        Ok(Response { target_state, target_identity, diagnostics, ..Response::default() })
    }

    fn failed(self, _: &Backend, failed: Failed) -> Response {
        Response { diagnostics: diagnostics::encode(failed.diagnostics), ..Response::default() }
    }
}
