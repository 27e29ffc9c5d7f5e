//! Checks the configuration of a resource.

use super::{Backend, Failed, Rpc};
use crate::framework::{ClientCapabilities, Diagnostics};
use crate::protocol::shape::Shape;
use crate::protocol::tfplugin5::validate_resource_type_config::{Request, Response};
use crate::protocol::{diagnostics, dynamic};

impl Rpc for Request {
    type Response = Response;
    const NAME: &'static str = "ValidateResourceTypeConfig";

    fn subject(&self) -> &str {
        &self.type_name
    }

    async fn answer(&self, backend: &Backend) -> Result<Response, Diagnostics> {
        let resource = backend.provider().resource(&self.type_name)?;
        let shape = Shape::of(resource.schema());
        let config = dynamic::decode(self.config.as_ref(), shape, "the configuration")?;
        let core = ClientCapabilities {
            has_write_only: self.client_capabilities.is_some_and(|core| core.write_only_attributes_allowed),
        };
        Ok(Response { diagnostics: diagnostics::encode(resource.validate_config(&config, core)) })
    }

    fn failed(self, _: &Backend, failed: Failed) -> Response {
        Response { diagnostics: diagnostics::encode(failed.diagnostics) }
    }
}
