//! Turns an object of another type into one of ours. Private data of the other provider means nothing to us and is
//! left behind.

use super::{Backend, Failed, Rpc};
use crate::framework::{Diagnostics, MoveRequest, MoveSource};
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
        let provider = backend.provider();
        let schema = provider.resource(&self.target_type_name)?.schema();
        let request = MoveRequest {
            source: MoveSource {
                provider: self.source_provider_address.clone(),
                type_name: self.source_type_name.clone(),
                schema_version: self.source_schema_version,
                state: dynamic::stored(self.source_state.as_ref())?,
            },
            target: self.target_type_name.clone(),
        };
        let mut moved = provider.move_state(&request);
        let target_state = Some(dynamic::encode(&moved.state, Shape::of(schema), &mut moved.diagnostics));
        let target_identity = identity::of(&moved.state, schema, &mut moved.diagnostics);
        let diagnostics = diagnostics::encode(moved.diagnostics);
        Ok(Response { target_state, target_identity, diagnostics, ..Response::default() })
    }

    fn failed(self, _: &Backend, failed: Failed) -> Response {
        Response { diagnostics: diagnostics::encode(failed.diagnostics), ..Response::default() }
    }
}
