//! Brings a stored state to the current schema version. Core asks this of every object at every run, before Configure.

use super::{Backend, Failed, Rpc};
use crate::framework::Diagnostics;
use crate::protocol::shape::Shape;
use crate::protocol::tfplugin5::DynamicValue;
use crate::protocol::tfplugin5::upgrade_resource_state::{Request, Response};
use crate::protocol::{diagnostics, dynamic, json};

impl Rpc for Request {
    type Response = Response;
    const NAME: &'static str = "UpgradeResourceState";

    fn subject(&self) -> &str {
        &self.type_name
    }

    async fn answer(&self, backend: &Backend) -> Result<Response, Diagnostics> {
        let resource = backend.provider().resource(&self.type_name)?;
        let schema = resource.schema();
        if self.version == schema.version
            && let Some(state) = self.raw_state.as_ref().filter(|state| !state.json.is_empty())
        {
            // The usual case. Core reads a number from msgpack ten times as fast as from its own JSON, and again each
            // time it writes it; a state that doesn't fit the schema is returned unchanged, since core reports best
            // what is wrong with it.
            let mut diagnostics = Diagnostics::new();
            let upgraded_state = match json::decode(&state.json, Shape::of(schema)) {
                Ok(state) => dynamic::encode(&state, Shape::of(schema), &mut diagnostics),
                Err(_) => DynamicValue { json: state.json.clone(), msgpack: Vec::new() },
            };
            let diagnostics = diagnostics::encode(diagnostics);
            return Ok(Response { upgraded_state: Some(upgraded_state), diagnostics });
        }
        let state = dynamic::stored(self.raw_state.as_ref())?;
        let state = resource.upgrade_state(self.version, state)?;
        let mut diagnostics = Diagnostics::new();
        let upgraded_state = Some(dynamic::encode(&state, Shape::of(schema), &mut diagnostics));
        Ok(Response { upgraded_state, diagnostics: diagnostics::encode(diagnostics) })
    }

    fn failed(self, _: &Backend, failed: Failed) -> Response {
        Response { upgraded_state: None, diagnostics: diagnostics::encode(failed.diagnostics) }
    }
}
