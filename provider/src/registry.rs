//! The one list: every resource and data source of this provider, a sorted line each.

use std::sync::Arc;

use pve_schemas as nouns;

use crate::config::Configuration;
use crate::data_sources::data_source;
use crate::framework::{DataSource, Provider, Resource};
use crate::resources::{DatacenterOptionsResource, rest};
use crate::session::Session;

/// The provider with everything it offers.
pub fn provider() -> Provider {
    let session = Arc::new(Session::default());
    let configuration = Configuration::new(session.clone());
    Provider::new(Box::new(configuration), resources(&session), data_sources(&session))
}

fn resources(session: &Arc<Session>) -> Vec<Box<dyn Resource>> {
    vec![
        Box::new(DatacenterOptionsResource::new(session.clone())),
        rest::<nouns::HaGroup>(session),
        rest::<nouns::HaNodeAffinityRule>(session),
        rest::<nouns::HaResource>(session),
        rest::<nouns::HaResourceAffinityRule>(session),
        rest::<nouns::ReplicationJob>(session),
    ]
}

fn data_sources(session: &Arc<Session>) -> Vec<Box<dyn DataSource>> {
    vec![
        data_source::<nouns::data::DatacenterOptions>(session),
        data_source::<nouns::data::HaGroups>(session),
        data_source::<nouns::data::HaResources>(session),
        data_source::<nouns::data::HaRules>(session),
        data_source::<nouns::data::HaStatus>(session),
        data_source::<nouns::data::Nodes>(session),
        data_source::<nouns::data::Quorum>(session),
        data_source::<nouns::data::ReplicationJobs>(session),
        data_source::<nouns::data::Version>(session),
    ]
}
