//! Starts an import; core reads the object next.

use super::{Backend, Failed, Rpc};
use crate::framework::Diagnostics;
use crate::protocol::shape::Shape;
use crate::protocol::tfplugin5::import_resource_state::{ImportedResource, Request, Response};
use crate::protocol::{diagnostics, dynamic, identity};

impl Rpc for Request {
    type Response = Response;
    const NAME: &'static str = "ImportResourceState";

    fn subject(&self) -> &str {
        &self.type_name
    }

    async fn answer(&self, backend: &Backend) -> Result<Response, Diagnostics> {
        let resource = backend.provider().resource(&self.type_name)?;
        let schema = resource.schema();
        let mut imported = match &self.identity {
            Some(identity_value) if self.id.is_empty() => {
                resource.import_identity(&identity::decode(identity_value, schema)?).await
            }
            _ => resource.import(&self.id).await,
        };
        let mut imported_resources = Vec::new();
        if !imported.state.is_null() {
            imported_resources.push(ImportedResource {
                type_name: self.type_name.clone(),
                state: Some(dynamic::encode(&imported.state, Shape::of(schema), &mut imported.diagnostics)),
                identity: identity::of(&imported.state, schema, &mut imported.diagnostics),
                ..ImportedResource::default()
            });
        }
        let diagnostics = diagnostics::encode(imported.diagnostics);
        Ok(Response { imported_resources, diagnostics, ..Response::default() })
    }

    fn failed(self, _: &Backend, failed: Failed) -> Response {
        Response { diagnostics: diagnostics::encode(failed.diagnostics), ..Response::default() }
    }
}
