//! Checks the configuration of a data source.

use super::{Backend, Failed, Rpc};
use crate::framework::Diagnostics;
use crate::protocol::shape::Shape;
use crate::protocol::tfplugin5::validate_data_source_config::{Request, Response};
use crate::protocol::{diagnostics, dynamic};

impl Rpc for Request {
    type Response = Response;
    const NAME: &'static str = "ValidateDataSourceConfig";

    fn subject(&self) -> &str {
        &self.type_name
    }

    async fn answer(&self, backend: &Backend) -> Result<Response, Diagnostics> {
        let source = backend.provider().data_source(&self.type_name)?;
        let shape = Shape::of(source.schema());
        let config = dynamic::decode(self.config.as_ref(), shape, "the configuration")?;
        Ok(Response { diagnostics: diagnostics::encode(source.validate_config(&config)) })
    }

    fn failed(self, _: &Backend, failed: Failed) -> Response {
        Response { diagnostics: diagnostics::encode(failed.diagnostics) }
    }
}
