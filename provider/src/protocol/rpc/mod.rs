//! One RPC, one file: decode the request, ask the one method of the framework, encode the answer.

mod apply_resource_change;
mod call_function;
mod configure;
mod ephemeral;
mod get_functions;
mod get_metadata;
mod get_resource_identity_schemas;
mod get_schema;
mod import_resource_state;
mod invoke_action;
mod list_resource;
mod move_resource_state;
mod plan_action;
mod plan_resource_change;
mod prepare_provider_config;
mod read_data_source;
mod read_resource;
mod stop;
mod upgrade_resource_identity;
mod upgrade_resource_state;
mod validate_action_config;
mod validate_data_source_config;
mod validate_list_resource_config;
mod validate_resource_type_config;

use std::sync::{LazyLock, OnceLock};

pub(super) use invoke_action::Invocation;

use super::tfplugin5::{ServerCapabilities, get_provider_schema};
use crate::framework::{Diagnostics, Provider};

/// What the calls work on. Nothing of it is made before the first call: core waits for the handshake, and two in three
/// processes that it starts are asked for little.
pub(super) struct Backend {
    provider: LazyLock<Provider, Box<dyn FnOnce() -> Provider + Send>>,
    schema: OnceLock<get_provider_schema::Response>,
}

impl Backend {
    pub(super) fn new(provider: impl FnOnce() -> Provider + Send + 'static) -> Self {
        Self { provider: LazyLock::new(Box::new(provider)), schema: OnceLock::new() }
    }

    pub(super) fn provider(&self) -> &Provider {
        &self.provider
    }
}

/// A request and its answer.
pub(super) trait Rpc: Send + Sync + 'static {
    type Response: Send + 'static;

    /// The method's name in the protocol.
    const NAME: &'static str;

    /// The resource type, data source or action it is about.
    fn subject(&self) -> &str {
        ""
    }

    /// The answer. `Err` is for requests that can't even be passed on.
    fn answer(&self, backend: &Backend) -> impl Future<Output = Result<Self::Response, Diagnostics>> + Send;

    /// The answer to a call that is not supported.
    fn failed(self, backend: &Backend, failed: Failed) -> Self::Response;
}

/// Why there is no answer.
pub(super) struct Failed {
    pub(super) diagnostics: Diagnostics,
    /// The call was begun and ended in a panic: anything may have been done.
    pub(super) crashed: bool,
}

/// What this provider can do besides answering.
fn capabilities() -> ServerCapabilities {
    ServerCapabilities {
        plan_destroy: true,
        get_provider_schema_optional: true,
        move_resource_state: true,
        generate_resource_config: false,
    }
}
