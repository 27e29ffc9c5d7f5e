//! Brings a stored identity to the current version of its schema. There has been one version so far.

use super::{Backend, Failed, Rpc};
use crate::framework::Diagnostics;
use crate::protocol::tfplugin5::upgrade_resource_identity::{Request, Response};
use crate::protocol::tfplugin5::{DynamicValue, ResourceIdentityData};
use crate::protocol::{diagnostics, identity};

impl Rpc for Request {
    type Response = Response;
    const NAME: &'static str = "UpgradeResourceIdentity";

    fn subject(&self) -> &str {
        &self.type_name
    }

    async fn answer(&self, backend: &Backend) -> Result<Response, Diagnostics> {
        backend.provider().resource(&self.type_name)?;
        if self.version != identity::VERSION {
            let mut diagnostics = Diagnostics::new();
            diagnostics.error(
                format!("Cannot upgrade the identity of {}", self.type_name),
                format!("This provider does not support version {} of it. The state was not changed.", self.version),
            );
            return Err(diagnostics);
        }
        let json = self.raw_identity.as_ref().map(|identity| identity.json.clone()).unwrap_or_default();
        let identity_data = Some(DynamicValue { json, msgpack: Vec::new() });
        Ok(Response { upgraded_identity: Some(ResourceIdentityData { identity_data }), diagnostics: Vec::new() })
    }

    fn failed(self, _: &Backend, failed: Failed) -> Response {
        Response { upgraded_identity: None, diagnostics: diagnostics::encode(failed.diagnostics) }
    }
}
