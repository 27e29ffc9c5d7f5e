//! All schemas.

use super::{Backend, Failed, Rpc, capabilities};
use crate::framework::{self, Diagnostics, Provider};
use crate::protocol::diagnostics;
use crate::protocol::tfplugin5::get_provider_schema::{Request, Response};
use crate::protocol::tfplugin5::schema::Block;
use crate::protocol::tfplugin5::{ActionSchema, Schema};

impl Rpc for Request {
    type Response = Response;
    const NAME: &'static str = "GetSchema";

    async fn answer(&self, backend: &Backend) -> Result<Response, Diagnostics> {
        Ok(backend.schema.get_or_init(|| schema(backend.provider())).clone())
    }

    fn failed(self, _: &Backend, failed: Failed) -> Response {
        Response { diagnostics: diagnostics::encode(failed.diagnostics), ..Response::default() }
    }
}

fn schema(provider: &Provider) -> Response {
    let listable = provider.resources().filter(|(_, resource)| resource.is_listable());
    // A list has no arguments of its own.
    let list = |(name, _): (&str, _)| (name.to_owned(), Schema { version: 0, block: Some(Block::default()) });
    let action = |schema: &framework::Schema| ActionSchema { schema: Some(schema.into()) };
    Response {
        provider: Some(provider.schema().into()),
        resource_schemas: provider.resources().map(|(name, r)| (name.to_owned(), r.schema().into())).collect(),
        data_source_schemas: provider.data_sources().map(|(name, d)| (name.to_owned(), d.schema().into())).collect(),
        list_resource_schemas: listable.map(list).collect(),
        action_schemas: provider.actions().map(|(name, a)| (name.to_owned(), action(a.schema()))).collect(),
        functions: provider.functions().map(|(name, function)| (name.to_owned(), function.into())).collect(),
        server_capabilities: Some(capabilities()),
        ..Response::default()
    }
}
