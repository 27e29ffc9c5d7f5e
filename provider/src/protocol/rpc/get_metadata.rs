//! The names of all there is.

use super::{Backend, Failed, Rpc, capabilities};
use crate::framework::Diagnostics;
use crate::protocol::diagnostics;
use crate::protocol::tfplugin5::get_metadata::{
    ActionMetadata, DataSourceMetadata, FunctionMetadata, ListResourceMetadata, Request, ResourceMetadata, Response,
};

impl Rpc for Request {
    type Response = Response;
    const NAME: &'static str = "GetMetadata";

    async fn answer(&self, backend: &Backend) -> Result<Response, Diagnostics> {
        let provider = backend.provider();
        let resources = provider.resources().map(|(name, _)| ResourceMetadata { type_name: name.to_owned() });
        let data_sources = provider.data_sources().map(|(name, _)| DataSourceMetadata { type_name: name.to_owned() });
        let listable = provider.resources().filter(|(_, resource)| resource.is_listable());
        let list_resources = listable.map(|(name, _)| ListResourceMetadata { type_name: name.to_owned() });
        let actions = provider.actions().map(|(name, _)| ActionMetadata { type_name: name.to_owned() });
        let functions = provider.functions().map(|(name, _)| FunctionMetadata { name: name.to_owned() });
        Ok(Response {
            server_capabilities: Some(capabilities()),
            resources: resources.collect(),
            data_sources: data_sources.collect(),
            list_resources: list_resources.collect(),
            actions: actions.collect(),
            functions: functions.collect(),
            ..Response::default()
        })
    }

    fn failed(self, _: &Backend, failed: Failed) -> Response {
        Response { diagnostics: diagnostics::encode(failed.diagnostics), ..Response::default() }
    }
}
