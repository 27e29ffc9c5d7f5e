//! The interface of a data source.

use futures_util::future::BoxFuture;

use super::{Context, Diagnostics, Failure, Schema, Value};

/// Takes the elements of a data source's long list as they are made.
pub trait Elements: Send {
    /// Takes the next one.
    fn push(&mut self, element: Value);
}

impl Elements for Vec<Value> {
    fn push(&mut self, element: Value) {
        Self::push(self, element);
    }
}

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

    /// The attribute that may be too long to be held in memory as a whole: a list, whose elements `read` gives away one by one.
    fn long_list(&self) -> Option<&'static str> {
        None
    }

    /// The object for the wholly known `config`; without the long list, whose elements go to `elements`.
    fn read<'a>(
        &'a self,
        cx: &'a Context,
        config: &'a Value,
        elements: &'a mut dyn Elements,
    ) -> BoxFuture<'a, Result<Value, Failure>>;
}
