//! The real CLI against a cluster: each resource through its life, each promise put to the proof.

mod constraints;
mod datacenter_options;
mod ha_group;
mod ha_node_affinity_rule;
mod ha_resource;
mod ha_resource_affinity_rule;
mod nothing_is_lost;
mod provider_block;
mod replication_job;
