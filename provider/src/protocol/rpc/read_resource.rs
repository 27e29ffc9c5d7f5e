//! Refreshes an object. Where that fails, the state stays as it was.

use super::{Backend, Failed, Rpc};
use crate::framework::Diagnostics;
use crate::protocol::shape::Shape;
use crate::protocol::tfplugin5::read_resource::{Request, Response};
use crate::protocol::{diagnostics, dynamic, identity};

impl Rpc for Request {
    type Response = Response;
    const NAME: &'static str = "ReadResource";

    fn subject(&self) -> &str {
        &self.type_name
    }

    async fn answer(&self, backend: &Backend) -> Result<Response, Diagnostics> {
        let resource = backend.provider().resource(&self.type_name)?;
        let schema = resource.schema();
        let shape = Shape::of(schema);
        let state = dynamic::decode(self.current_state.as_ref(), shape, "the state")?;
        let mut read = resource.refresh(state).await;
        let new_state = dynamic::encode(&read.state, shape, &mut read.diagnostics);
        let new_identity = identity::of(&read.state, schema, &mut read.diagnostics);
        Ok(Response {
            new_state: Some(new_state),
            new_identity,
            diagnostics: diagnostics::encode(read.diagnostics),
            private: self.private.clone(),
            ..Response::default()
        })
    }

    fn failed(self, _: &Backend, failed: Failed) -> Response {
        Response {
            new_state: self.current_state,
            new_identity: self.current_identity,
            diagnostics: diagnostics::encode(failed.diagnostics),
            private: self.private,
            ..Response::default()
        }
    }
}
