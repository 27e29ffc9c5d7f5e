//! The functions: parameters, types and documentation.

use super::{Backend, Failed, Rpc};
use crate::framework::Diagnostics;
use crate::protocol::diagnostics;
use crate::protocol::tfplugin5::get_functions::{Request, Response};

impl Rpc for Request {
    type Response = Response;
    const NAME: &'static str = "GetFunctions";

    async fn answer(&self, backend: &Backend) -> Result<Response, Diagnostics> {
        let functions = backend.provider().functions();
        let functions = functions.map(|(name, function)| (name.to_owned(), function.into()));
        Ok(Response { functions: functions.collect(), ..Response::default() })
    }

    fn failed(self, _: &Backend, failed: Failed) -> Response {
        Response { diagnostics: diagnostics::encode(failed.diagnostics), ..Response::default() }
    }
}
