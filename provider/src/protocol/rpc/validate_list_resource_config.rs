//! Checks the configuration of a list. There is nothing to configure: a list is all of a collection.

use super::list_resource::listable;
use super::{Backend, Failed, Rpc};
use crate::framework::{Block, Diagnostics};
use crate::protocol::shape::Shape;
use crate::protocol::tfplugin5::validate_list_resource_config::{Request, Response};
use crate::protocol::{diagnostics, dynamic};

impl Rpc for Request {
    type Response = Response;
    const NAME: &'static str = "ValidateListResourceConfig";

    fn subject(&self) -> &str {
        &self.type_name
    }

    async fn answer(&self, backend: &Backend) -> Result<Response, Diagnostics> {
        listable(backend.provider(), &self.type_name)?;
        dynamic::decode(self.config.as_ref(), Shape::Block(&Block::default()), "the configuration")?;
        Ok(Response::default())
    }

    fn failed(self, _: &Backend, failed: Failed) -> Response {
        Response { diagnostics: diagnostics::encode(failed.diagnostics) }
    }
}
