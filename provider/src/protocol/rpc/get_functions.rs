//! The provider's functions: an empty list.

use super::{Backend, Failed, Rpc};
use crate::framework::Diagnostics;
use crate::protocol::diagnostics;
use crate::protocol::tfplugin5::get_functions::{Request, Response};

impl Rpc for Request {
    type Response = Response;
    const NAME: &'static str = "GetFunctions";

    async fn answer(&self, _: &Backend) -> Result<Response, Diagnostics> {
        Ok(Response::default())
    }

    fn failed(self, _: &Backend, failed: Failed) -> Response {
        Response { diagnostics: diagnostics::encode(failed.diagnostics), ..Response::default() }
    }
}
