//! The operations: how each noun is created, read, updated and deleted at Proxmox.
//!
//! This layer builds no state and repeats no request. It translates between nouns and Proxmox's parameters, and between the
//! client's failures and what the framework decides by. [`rest`] serves every noun that is an object of a REST collection;
//! a file of its own has what is particular to one noun.

mod backup_job;
mod cluster;
mod cluster_member;
mod corosync_options;
mod datacenter_options;
mod door;
mod fence_device;
mod ha_features;
mod ha_group;
mod ha_resource;
mod ha_rule_member;
mod ha_rules;
mod membership;
mod moved;
pub(crate) mod node_maintenance;
mod node_watchdog;
mod notification;
mod operations;
pub(crate) mod over_ssh;
mod qdevice;
mod replication_job;
mod rest;
mod ssh_resource;
mod typed;

use std::sync::Arc;

pub use corosync_options::CorosyncOptionsResource;
pub use datacenter_options::DatacenterOptionsResource;
pub use ha_rule_member::HaRuleMemberResource;
pub use operations::{OpContext, Operations};
pub use rest::RestResource;
pub use ssh_resource::{SshBackedResource, SshResource};

use crate::explain::explain;
use crate::framework::Resource;
use crate::session::Session;

/// A boxed resource type, for the registry.
pub fn rest<N: Operations>(session: &Arc<Session>) -> Box<dyn Resource> {
    Box::new(RestResource::<N>::new(session.clone()))
}

/// A boxed resource type of what is managed on the nodes, for the registry.
pub fn ssh_resource<N: SshResource>(session: &Arc<Session>) -> Box<dyn Resource> {
    Box::new(SshBackedResource::<N>::new(session.clone()))
}
