//! What all data sources have in common: arguments in, answers fetched, noun out.

use std::sync::{Arc, OnceLock};

use futures_util::future::BoxFuture;
use pve_schemas::noun::Noun;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use crate::client::{Call, Client, Collection, Error};
use crate::framework::{Context, DataSource, Failure, Role, Schema, Value, from_model, to_model};
use crate::resources::explain;
use crate::session::{Session, call};

/// A noun that is read as a whole.
pub trait Source: Noun {
    /// What the user may ask for.
    type Arguments: DeserializeOwned + Send;

    /// Fetches what the noun is made from.
    fn read(reader: &Reader<'_>, arguments: Self::Arguments) -> impl Future<Output = Result<Self, Failure>> + Send;
}

/// The data source of a noun, for the registry.
pub fn data_source<N: Source>(session: &Arc<Session>) -> Box<dyn DataSource> {
    Box::new(Adapter::<N> { session: session.clone(), schema: OnceLock::new(), noun: std::marker::PhantomData })
}

/// The frame of one read.
#[derive(Debug)]
pub struct Reader<'a> {
    /// Proxmox.
    pub client: Client,
    /// The bounds of this read.
    pub call: Call,
    /// Where warnings go.
    pub cx: &'a Context,
    title: &'static str,
}

impl Reader<'_> {
    /// The entries of a collection, in the order of Proxmox's answer.
    ///
    /// # Errors
    /// What the request meets.
    pub async fn list(&self, collection: Collection) -> Result<Json, Failure> {
        let listing = self.client.list(collection, &self.call).await;
        let entries = listing.and_then(|listing| listing.all());
        entries.map(Json::Array).map_err(|error| self.failed(&error))
    }

    /// The answer of a collection that is one object.
    ///
    /// # Errors
    /// What the request meets.
    pub async fn object(&self, collection: Collection) -> Result<Json, Failure> {
        let listing = self.client.list(collection, &self.call).await;
        listing.and_then(|listing| listing.object()).map_err(|error| self.failed(&error))
    }

    /// What the user is told of a failed request.
    pub fn failed(&self, error: &Error) -> Failure {
        explain(self.title, error)
    }

    /// What the user is told of an answer that the noun can't be made from.
    pub fn garbled(&self, problem: String) -> Failure {
        Failure::refused(format!(
            "{}: the answer can't be understood: {problem}.\nCheck that `endpoint` is a node of the cluster and not something else.",
            self.title
        ))
    }
}

struct Adapter<N> {
    session: Arc<Session>,
    /// Made when somebody asks: the process starts in front of a waiting user.
    schema: OnceLock<Schema>,
    noun: std::marker::PhantomData<fn() -> N>,
}

impl<N: Source> DataSource for Adapter<N> {
    fn name(&self) -> &'static str {
        N::NAME
    }

    fn title(&self) -> &'static str {
        N::TITLE
    }

    fn schema(&self) -> &Schema {
        self.schema.get_or_init(|| Schema::of::<N>(Role::DataSource))
    }

    fn read<'a>(&'a self, cx: &'a Context, config: &'a Value) -> BoxFuture<'a, Result<Value, Failure>> {
        Box::pin(async move {
            let arguments = to_model(config).map_err(Failure::refused)?;
            let reader = Reader { client: self.session.client()?, call: call(cx), cx, title: N::TITLE };
            let noun = N::read(&reader, arguments).await?;
            from_model(&noun, &self.schema().ty()).map_err(|problem| reader.garbled(problem))
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::framework::{Type, Value};
    use crate::registry::provider;

    #[test]
    fn arguments_can_be_given_and_everything_else_is_computed() {
        let provider = provider();
        let mut filters = Vec::new();
        for (name, source) in provider.data_sources() {
            let block = &source.schema().block;
            assert!(block.blocks.is_empty() && !block.description.is_empty(), "{name}");
            for attribute in &block.attributes {
                assert!(!attribute.description.is_empty(), "{name}.{}", attribute.name);
                assert_ne!(attribute.optional, attribute.computed, "{name}.{}", attribute.name);
                if attribute.optional {
                    filters.push(format!("{name}.{}", attribute.name));
                }
            }
        }
        let expected = [
            "pve_ha_groups.node",
            "pve_ha_resources.type",
            "pve_ha_resources.state",
            "pve_ha_resources.group",
            "pve_ha_rules.type",
            "pve_ha_rules.resource",
            "pve_ha_rules.node",
            "pve_nodes.online",
            "pve_replication_jobs.guest",
            "pve_replication_jobs.source",
            "pve_replication_jobs.target",
        ];
        assert_eq!(filters, expected);
    }

    #[test]
    fn collections_are_lists_of_objects() {
        let provider = provider();
        let source = provider.data_source("pve_ha_status").unwrap();
        let Type::List(service) = &source.schema().block.attribute("services").unwrap().ty else { panic!("a list") };
        assert_eq!(
            service.to_string(),
            "object({sid=string, node=string, state=string, requested_state=string, in_error=bool})"
        );
        let source = provider.data_source("pve_datacenter_options").unwrap();
        let ha = &source.schema().block.attribute("ha").unwrap().ty;
        assert_eq!(ha.to_string(), "object({shutdown_policy=string})");
    }

    #[test]
    fn a_filter_that_nothing_can_match_is_refused_before_anything_is_sent() {
        let provider = provider();
        for (name, argument, value) in [
            ("pve_ha_rules", "type", Value::from("affinity")),
            ("pve_ha_rules", "resource", Value::from("100")),
            ("pve_ha_resources", "type", Value::from("qemu")),
            ("pve_ha_resources", "state", Value::from("running")),
            ("pve_ha_groups", "node", Value::from("pve.1")),
            ("pve_replication_jobs", "guest", Value::from(99)),
        ] {
            let diagnostics = provider.validate_data_source(name, &Value::object([(argument, value)]));
            let paths: Vec<_> = diagnostics.iter().filter_map(|d| d.path.as_ref()).map(ToString::to_string).collect();
            assert_eq!(paths, [argument], "{name}");
        }
    }
}
