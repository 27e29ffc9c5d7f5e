//! Checks the provider block. The configuration is returned unchanged: no core uses an altered one.

use super::{Backend, Failed, Rpc};
use crate::framework::Diagnostics;
use crate::protocol::shape::Shape;
use crate::protocol::tfplugin5::prepare_provider_config::{Request, Response};
use crate::protocol::{diagnostics, dynamic};

impl Rpc for Request {
    type Response = Response;
    const NAME: &'static str = "PrepareProviderConfig";

    async fn answer(&self, backend: &Backend) -> Result<Response, Diagnostics> {
        let provider = backend.provider();
        let config = dynamic::decode(self.config.as_ref(), Shape::of(provider.schema()), "the provider block")?;
        let diagnostics = diagnostics::encode(provider.validate(&config));
        Ok(Response { prepared_config: self.config.clone(), diagnostics })
    }

    fn failed(self, _: &Backend, failed: Failed) -> Response {
        Response { prepared_config: self.config, diagnostics: diagnostics::encode(failed.diagnostics) }
    }
}
