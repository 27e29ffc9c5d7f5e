//! The provider's process.

use std::process::ExitCode;

use futures_util::future::BoxFuture;
use terraform_provider_pve::framework::{Block, Configure, Diagnostics, Provider, Schema, Stop, Value};
use terraform_provider_pve::plugin;

fn main() -> ExitCode {
    plugin::serve(|| Provider::new(Box::new(Nothing(Schema { version: 0, block: Block::default() })), vec![], vec![]))
}

/// A provider block without arguments.
struct Nothing(Schema);

impl Configure for Nothing {
    fn schema(&self) -> &Schema {
        &self.0
    }

    fn validate(&self, _: &Value, _: &mut Diagnostics) {}

    fn configure<'a>(&'a self, _: &'a Value, _: Stop) -> BoxFuture<'a, Diagnostics> {
        Box::pin(async { Diagnostics::new() })
    }
}
