//! The identity schemas of all resource types.

use super::{Backend, Failed, Rpc};
use crate::framework::Diagnostics;
use crate::protocol::tfplugin5::get_resource_identity_schemas::{Request, Response};
use crate::protocol::{diagnostics, identity};

impl Rpc for Request {
    type Response = Response;
    const NAME: &'static str = "GetResourceIdentitySchemas";

    async fn answer(&self, backend: &Backend) -> Result<Response, Diagnostics> {
        let resources = backend.provider().resources();
        let identity_schemas = resources.map(|(name, r)| (name.to_owned(), identity::schema(r.schema())));
        Ok(Response { identity_schemas: identity_schemas.collect(), diagnostics: Vec::new() })
    }

    fn failed(self, _: &Backend, failed: Failed) -> Response {
        Response { diagnostics: diagnostics::encode(failed.diagnostics), ..Response::default() }
    }
}
