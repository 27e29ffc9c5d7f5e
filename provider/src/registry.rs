//! The one list: every resource and data source of this provider, a sorted line each.

use std::sync::Arc;

use pve_schemas as nouns;

use crate::config::Configuration;
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

fn data_sources(_session: &Arc<Session>) -> Vec<Box<dyn DataSource>> {
    vec![]
}
