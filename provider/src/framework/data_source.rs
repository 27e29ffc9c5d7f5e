//! What a data source brings along.

use futures_util::future::BoxFuture;

use super::{Context, Diagnostics, Failure, Schema, Value};

/// A data source: reads, never writes.
pub trait DataSource: Send + Sync {
    /// The type name, `pve_…`.
    fn name(&self) -> &'static str;

    /// What it is called in messages: "quorum", "HA status".
    fn title(&self) -> &'static str;

    /// Its attributes and blocks.
    fn schema(&self) -> &Schema;

    /// Checks that go over several arguments. `config` may hold unknown values, about which nothing is to be said.
    fn validate(&self, _config: &Value, _diagnostics: &mut Diagnostics) {}

    /// The whole object for the wholly known `config`.
    fn read<'a>(&'a self, cx: &'a Context, config: &'a Value) -> BoxFuture<'a, Result<Value, Failure>>;
}
