//! Checks the configuration of an action.

use super::{Backend, Failed, Rpc};
use crate::framework::Diagnostics;
use crate::protocol::shape::Shape;
use crate::protocol::tfplugin5::validate_action_config::{Request, Response};
use crate::protocol::{diagnostics, dynamic};

impl Rpc for Request {
    type Response = Response;
    const NAME: &'static str = "ValidateActionConfig";

    fn subject(&self) -> &str {
        &self.action_type
    }

    async fn answer(&self, backend: &Backend) -> Result<Response, Diagnostics> {
        let action = backend.provider().action(&self.action_type)?;
        let config = dynamic::decode(self.config.as_ref(), Shape::of(action.schema()), "the configuration")?;
        Ok(Response { diagnostics: diagnostics::encode(action.validate_config(&config)) })
    }

    fn failed(self, _: &Backend, failed: Failed) -> Response {
        Response { diagnostics: diagnostics::encode(failed.diagnostics) }
    }
}
