//! Reads a data source.

use super::{Backend, Failed, Rpc};
use crate::framework::Diagnostics;
use crate::protocol::msgpack::ObjectWriter;
use crate::protocol::shape::Shape;
use crate::protocol::tfplugin5::read_data_source::{Request, Response};
use crate::protocol::{diagnostics, dynamic};

impl Rpc for Request {
    type Response = Response;
    const NAME: &'static str = "ReadDataSource";

    fn subject(&self) -> &str {
        &self.type_name
    }

    async fn answer(&self, backend: &Backend) -> Result<Response, Diagnostics> {
        let source = backend.provider().data_source(&self.type_name)?;
        let shape = Shape::of(source.schema());
        let config = dynamic::decode(self.config.as_ref(), shape, "the configuration")?;
        let mut object = ObjectWriter::new(shape, source.long_list());
        let mut read = source.read_into(config, &mut object).await;
        let state = Some(dynamic::finish(object, &read.state, &mut read.diagnostics));
        Ok(Response { state, diagnostics: diagnostics::encode(read.diagnostics), ..Response::default() })
    }

    fn failed(self, _: &Backend, failed: Failed) -> Response {
        Response { diagnostics: diagnostics::encode(failed.diagnostics), ..Response::default() }
    }
}
