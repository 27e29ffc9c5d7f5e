//! The data sources: which requests each noun sends to Proxmox.
//!
//! This layer only ever reads. It fetches the answers and hands them to the noun, which interprets them; lists come
//! from the snapshots that all reads of a walk share.

mod adapter;
mod backup_jobs;
mod cluster_join_info;
mod datacenter_options;
mod disks;
mod failover_simulation;
mod ha_balance;
mod ha_groups;
mod ha_resources;
mod ha_rules;
mod ha_status;
pub(crate) mod live;
mod nodes;
mod notification_targets;
mod quorum;
mod readiness;
mod readiness_shell;
mod replication_jobs;
mod simulated;
mod version;

pub(crate) use adapter::Reader;
pub use adapter::{Source, data_source};
pub(crate) use simulated::simulate;
