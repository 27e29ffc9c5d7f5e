//! The real CLI against a cluster: each resource through its life, each promise put to the proof.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod actions;
// It takes longest and mostly waits: tests begin in the order of their names.
mod backup_job;
mod broken_steps;
mod command_line;
mod constraints;
mod data_sources;
mod datacenter_options;
mod drill_command;
mod drills;
mod examples;
mod existing_cluster;
mod failover_simulation;
mod fence_device;
mod fence_device_write_only;
mod functions;
mod ha_group;
mod ha_group_in_use;
mod ha_node_affinity_rule;
mod ha_releases;
mod ha_resource;
mod ha_resource_affinity_rule;
mod ha_rule_member;
mod import_config;
mod interrupts;
mod kills;
mod lists;
mod moved;
mod node_maintenance;
mod node_watchdog;
mod nothing_is_lost;
mod notification_built_in;
mod notification_lives;
mod notification_names;
mod notification_secrets;
mod operations;
mod parallel;
mod preflight;
mod privileges;
mod provider_block;
mod qdevice;
mod quorum;
mod readiness;
mod replacements;
mod replication_follows;
mod replication_job;
mod replication_replaced;
mod ssh_interrupts;
mod starts;
mod through_sshd;
mod tls;
mod topologies;
mod unknown_properties;
mod upgrade;
