//! The data-source nouns, and the pure mapping from Proxmox's answers to each.
//!
//! A mapping only ever sees answers: it sends no request, reads no clock, and gives the same noun for the same answers
//! in whatever order Proxmox listed their entries. A value that can't be derived is null.

pub mod backup_jobs;
pub mod cluster_join_info;
pub mod datacenter_options;
pub mod failover_simulation;
pub mod ha_balance;
pub mod ha_groups;
pub mod ha_resources;
pub mod ha_rules;
pub mod ha_status;
pub mod nodes;
pub mod notification_targets;
pub mod planned;
pub mod quorum;
pub mod readiness;
pub mod replication_jobs;
pub mod version;

mod answer;
mod ha_problems;
#[cfg(test)]
pub(crate) mod recorded;

pub use backup_jobs::BackupJobs;
pub use cluster_join_info::ClusterJoinInfo;
pub use datacenter_options::DatacenterOptions;
pub use failover_simulation::HaFailoverSimulation;
pub use ha_balance::HaBalance;
pub use ha_groups::HaGroups;
pub use ha_resources::HaResources;
pub use ha_rules::HaRules;
pub use ha_status::HaStatus;
pub use nodes::Nodes;
pub use notification_targets::NotificationTargets;
pub use quorum::Quorum;
pub use readiness::HaReadiness;
pub use replication_jobs::ReplicationJobs;
pub use version::Version;

/// The arguments of a data source that takes none.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
pub struct NoArguments {}
