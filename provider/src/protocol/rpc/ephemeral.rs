//! Ephemeral resources: the provider has none, so that all four calls return the same error.

use super::{Backend, Failed, Rpc};
use crate::framework::Diagnostics;
use crate::protocol::diagnostics;
use crate::protocol::tfplugin5::{
    close_ephemeral_resource as close, open_ephemeral_resource as open, renew_ephemeral_resource as renew,
    validate_ephemeral_resource_config as validate,
};

macro_rules! refused {
    ($message:ident, $name:literal) => {
        impl Rpc for $message::Request {
            type Response = $message::Response;
            const NAME: &'static str = $name;

            fn subject(&self) -> &str {
                &self.type_name
            }

            async fn answer(&self, _: &Backend) -> Result<$message::Response, Diagnostics> {
                Err(unknown(&self.type_name))
            }

            fn failed(self, _: &Backend, failed: Failed) -> $message::Response {
                let diagnostics = diagnostics::encode(failed.diagnostics);
                #[allow(clippy::needless_update, reason = "two of the four have nothing but diagnostics")]
                $message::Response { diagnostics, ..$message::Response::default() }
            }
        }
    };
}

refused!(validate, "ValidateEphemeralResourceConfig");
refused!(open, "OpenEphemeralResource");
refused!(renew, "RenewEphemeralResource");
refused!(close, "CloseEphemeralResource");

fn unknown(name: &str) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    diagnostics.error("Unknown ephemeral resource", format!("This provider has no ephemeral resource {name}."));
    diagnostics
}
