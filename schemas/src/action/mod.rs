//! The arguments of the actions: what is done once, beside the life of any resource.

mod backup_run;
mod cluster_roll;
mod drill;
mod guest_migrate;
mod ha_arm;
mod ha_disarm;
mod ha_migrate;
mod ha_relocate;
mod node_evacuate;
mod node_reboot;
mod node_restore;
mod node_wake;
mod notification_test;
mod replication_run;

pub use backup_run::BackupRun;
pub use cluster_roll::{ClusterRoll, RebootPolicy};
pub use drill::{Drill, DrillCase};
pub use guest_migrate::GuestMigrate;
pub use ha_arm::HaArm;
pub use ha_disarm::{DisarmMode, HaDisarm};
pub use ha_migrate::HaMigrate;
pub use ha_relocate::HaRelocate;
pub use node_evacuate::NodeEvacuate;
pub use node_reboot::NodeReboot;
pub use node_restore::NodeRestore;
pub use node_wake::NodeWake;
pub use notification_test::NotificationTest;
pub use replication_run::ReplicationRun;
