//! The nouns of the provider as plain data: no IO, no async, no gRPC.
//!
//! One struct is the truth of one noun. From it come the Terraform schema, plan-time validation, defaults, what forces
//! replacement, the documentation page and the published JSON Schema. Their doc comments **are** the user documentation,
//! so that this crate alone requires them.

#![deny(missing_docs)]

pub mod action;
pub mod backup;
pub mod backup_job;
pub mod cluster;
pub mod corosync;
pub mod data;
pub mod datacenter_options;
pub mod fence_device;
pub mod function;
pub mod ha_group;
pub mod ha_node_affinity_rule;
pub mod ha_resource;
pub mod ha_resource_affinity_rule;
pub mod ha_rule_member;
pub mod json_schema;
pub mod node_maintenance;
pub mod node_watchdog;
pub mod notification;
pub mod noun;
pub mod provider_block;
pub mod qdevice;
pub mod replication_job;
pub mod rest;
pub mod value;

pub use backup_job::{BackupJob, PartialBackupJob};
pub use cluster::{Cluster, ClusterMember};
pub use corosync::CorosyncOptions;
pub use datacenter_options::DatacenterOptions;
pub use fence_device::FenceDevice;
pub use ha_group::{HaGroup, PartialHaGroup};
pub use ha_node_affinity_rule::{HaNodeAffinityRule, PartialHaNodeAffinityRule};
pub use ha_resource::{HaResource, PartialHaResource};
pub use ha_resource_affinity_rule::{HaResourceAffinityRule, PartialHaResourceAffinityRule};
pub use ha_rule_member::{HaRuleMember, PartialHaRuleMember};
pub use node_maintenance::NodeMaintenance;
pub use node_watchdog::NodeWatchdog;
pub use notification::{
    NotificationGotify, NotificationMatcher, NotificationSendmail, NotificationSmtp, NotificationWebhook,
    PartialNotificationGotify, PartialNotificationMatcher, PartialNotificationSendmail, PartialNotificationSmtp,
    PartialNotificationWebhook,
};
pub use provider_block::ProviderBlock;
pub use pve_schemas_macros::tf_block;
pub use qdevice::Qdevice;
pub use replication_job::{PartialReplicationJob, ReplicationJob};
