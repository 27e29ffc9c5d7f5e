//! The resources' identities: there are none, objects are known by their ids.

use super::{Backend, Failed, Rpc};
use crate::framework::Diagnostics;
use crate::protocol::diagnostics;
use crate::protocol::tfplugin5::get_resource_identity_schemas::{Request, Response};

impl Rpc for Request {
    type Response = Response;
    const NAME: &'static str = "GetResourceIdentitySchemas";

    async fn answer(&self, _: &Backend) -> Result<Response, Diagnostics> {
        Ok(Response::default())
    }

    fn failed(self, _: &Backend, failed: Failed) -> Response {
        Response { diagnostics: diagnostics::encode(failed.diagnostics), ..Response::default() }
    }
}
