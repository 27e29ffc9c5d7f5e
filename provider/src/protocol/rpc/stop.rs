//! The user interrupts: operations in flight end soon, with what they have. The process keeps answering until Shutdown.

use super::{Backend, Failed, Rpc};
use crate::framework::Diagnostics;
use crate::protocol::tfplugin5::stop::{Request, Response};

impl Rpc for Request {
    type Response = Response;
    const NAME: &'static str = "Stop";

    async fn answer(&self, backend: &Backend) -> Result<Response, Diagnostics> {
        backend.provider().stop();
        Ok(Response::default())
    }

    fn failed(self, _: &Backend, failed: Failed) -> Response {
        let error = failed.diagnostics.into_iter().map(|d| d.detail).next().unwrap_or_default();
        Response { error }
    }
}
