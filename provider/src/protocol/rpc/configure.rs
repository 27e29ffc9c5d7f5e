//! Makes the provider ready.

use super::{Backend, Failed, Rpc};
use crate::framework::Diagnostics;
use crate::protocol::shape::Shape;
use crate::protocol::tfplugin5::configure::{Request, Response};
use crate::protocol::{diagnostics, dynamic};

impl Rpc for Request {
    type Response = Response;
    const NAME: &'static str = "Configure";

    async fn answer(&self, backend: &Backend) -> Result<Response, Diagnostics> {
        let provider = backend.provider();
        let config = dynamic::decode(self.config.as_ref(), Shape::of(provider.schema()), "the provider block")?;
        Ok(Response { diagnostics: diagnostics::encode(provider.configure(&config).await) })
    }

    fn failed(self, _: &Backend, failed: Failed) -> Response {
        Response { diagnostics: diagnostics::encode(failed.diagnostics) }
    }
}
