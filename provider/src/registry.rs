//! The one list: every resource, data source, action and function of this provider, a sorted line each.

use std::sync::Arc;

use pve_schemas as nouns;

use crate::command_line::Offer;
use crate::config::Configuration;
use crate::data_sources::data_source;
use crate::framework::{Action, DataSource, Function, Provider, Resource};
use crate::functions::function;
use crate::operations::action;
use crate::resources::{CorosyncOptionsResource, DatacenterOptionsResource, HaRuleMemberResource, rest, ssh_resource};
use crate::session::Session;

/// The provider with everything it offers.
pub fn provider() -> Provider {
    provider_of(&Arc::default())
}

/// The same for the command line, with the operations that only it has.
pub fn command_line() -> Offer {
    let session = Arc::default();
    Offer { provider: provider_of(&session), procedures: procedures(&session) }
}

fn provider_of(session: &Arc<Session>) -> Provider {
    let configuration = Configuration::new(session.clone());
    Provider::new(Box::new(configuration), resources(session), data_sources(session), actions(session))
        .with_functions(functions())
}

fn resources(session: &Arc<Session>) -> Vec<Box<dyn Resource>> {
    vec![
        rest::<nouns::BackupJob>(session),
        ssh_resource::<nouns::Cluster>(session),
        ssh_resource::<nouns::ClusterMember>(session),
        Box::new(CorosyncOptionsResource::new(session.clone())),
        Box::new(DatacenterOptionsResource::new(session.clone())),
        ssh_resource::<nouns::FenceDevice>(session),
        rest::<nouns::HaGroup>(session),
        rest::<nouns::HaNodeAffinityRule>(session),
        rest::<nouns::HaResource>(session),
        rest::<nouns::HaResourceAffinityRule>(session),
        Box::new(HaRuleMemberResource::new(session.clone())),
        ssh_resource::<nouns::NodeMaintenance>(session),
        ssh_resource::<nouns::NodeWatchdog>(session),
        rest::<nouns::NotificationGotify>(session),
        rest::<nouns::NotificationMatcher>(session),
        rest::<nouns::NotificationSendmail>(session),
        rest::<nouns::NotificationSmtp>(session),
        rest::<nouns::NotificationWebhook>(session),
        ssh_resource::<nouns::Qdevice>(session),
        rest::<nouns::ReplicationJob>(session),
    ]
}

fn data_sources(session: &Arc<Session>) -> Vec<Box<dyn DataSource>> {
    vec![
        data_source::<nouns::data::BackupJobs>(session),
        data_source::<nouns::data::ClusterJoinInfo>(session),
        data_source::<nouns::data::DatacenterOptions>(session),
        data_source::<nouns::data::HaBalance>(session),
        data_source::<nouns::data::HaFailoverSimulation>(session),
        data_source::<nouns::data::HaGroups>(session),
        data_source::<nouns::data::HaReadiness>(session),
        data_source::<nouns::data::HaResources>(session),
        data_source::<nouns::data::HaRules>(session),
        data_source::<nouns::data::HaStatus>(session),
        data_source::<nouns::data::Nodes>(session),
        data_source::<nouns::data::NotificationTargets>(session),
        data_source::<nouns::data::Quorum>(session),
        data_source::<nouns::data::ReplicationJobs>(session),
        data_source::<nouns::data::Version>(session),
    ]
}

fn actions(session: &Arc<Session>) -> Vec<Box<dyn Action>> {
    vec![
        action::<nouns::action::BackupRun>(session),
        action::<nouns::action::GuestMigrate>(session),
        action::<nouns::action::HaArm>(session),
        action::<nouns::action::HaDisarm>(session),
        action::<nouns::action::HaMigrate>(session),
        action::<nouns::action::HaRelocate>(session),
        action::<nouns::action::NodeEvacuate>(session),
        action::<nouns::action::NodeReboot>(session),
        action::<nouns::action::NodeRestore>(session),
        action::<nouns::action::NodeWake>(session),
        action::<nouns::action::NotificationTest>(session),
        action::<nouns::action::ReplicationRun>(session),
    ]
}

fn functions() -> Vec<Box<dyn Function>> {
    vec![
        function::<nouns::function::ExpandNodes>(),
        function::<nouns::function::NextRuns>(),
        function::<nouns::function::ParseSid>(),
        function::<nouns::function::Placement>(),
        function::<nouns::function::Quorum>(),
        function::<nouns::function::Sid>(),
    ]
}

/// Operations that are no actions of Terraform: each has a line in [`crate::command_line::COMMANDS`], as the actions have.
fn procedures(session: &Arc<Session>) -> Vec<Box<dyn Action>> {
    vec![action::<nouns::action::ClusterRoll>(session), action::<nouns::action::Drill>(session)]
}

#[cfg(test)]
mod tests {
    use serde_json::Value as Json;

    use super::provider;
    use crate::framework::{Block, Type, Value, packed_json_schema};

    #[test]
    fn every_json_schema_is_unpacked_as_it_was_made() {
        for (id, made) in pve_schemas::json_schema::all() {
            assert_eq!(packed_json_schema(&id), Some(made), "{id}");
        }
    }

    #[test]
    fn arguments_of_data_sources_can_be_given_and_everything_else_is_computed() {
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
            "pve_backup_jobs.guest",
            "pve_cluster_join_info.node",
            "pve_ha_balance.pinned",
            "pve_ha_balance.threshold",
            "pve_ha_balance.margin",
            "pve_ha_failover_simulation.failed_nodes",
            "pve_ha_failover_simulation.depth",
            "pve_ha_failover_simulation.max_memory_percent",
            "pve_ha_failover_simulation.resources",
            "pve_ha_failover_simulation.node_affinity_rules",
            "pve_ha_failover_simulation.resource_affinity_rules",
            "pve_ha_failover_simulation.groups",
            "pve_ha_failover_simulation.removed",
            "pve_ha_failover_simulation.report",
            "pve_ha_failover_simulation.readiness",
            "pve_ha_groups.node",
            "pve_ha_readiness.profile",
            "pve_ha_readiness.max_replication_lag",
            "pve_ha_readiness.expect",
            "pve_ha_readiness.ha_tags",
            "pve_ha_readiness.last_restore_test",
            "pve_ha_readiness.max_restore_test_age_days",
            "pve_ha_readiness.last_failover_drill",
            "pve_ha_readiness.max_failover_drill_age_days",
            "pve_ha_readiness.resources",
            "pve_ha_readiness.node_affinity_rules",
            "pve_ha_readiness.resource_affinity_rules",
            "pve_ha_readiness.groups",
            "pve_ha_readiness.removed",
            "pve_ha_readiness.backup_jobs",
            "pve_ha_readiness.notification_matchers",
            "pve_ha_readiness.notification_targets",
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
    fn arguments_of_actions_are_described_and_none_is_computed() {
        let provider = provider();
        for (name, action) in provider.actions() {
            let block = &action.schema().block;
            assert!(!block.description.is_empty() && block.attribute("timeout").is_some(), "{name}");
            for attribute in &block.attributes {
                assert!(!attribute.description.is_empty(), "{name}.{}", attribute.name);
                assert!(attribute.required != attribute.optional && !attribute.computed, "{name}.{}", attribute.name);
            }
        }
    }

    /// The formats that a JSON Schema names, at any depth.
    fn formats<'a>(schema: &'a Json, found: &mut Vec<&'a str>) {
        match schema {
            Json::Object(members) => {
                found.extend(members.get("format").and_then(Json::as_str));
                members.values().for_each(|member| formats(member, found));
            }
            Json::Array(elements) => elements.iter().for_each(|element| formats(element, found)),
            _ => {}
        }
    }

    fn formats_of_block<'a>(block: &'a Block, found: &mut Vec<&'a str>) {
        block.attributes.iter().for_each(|attribute| formats(&attribute.constraints, found));
        block.blocks.iter().for_each(|nested| formats_of_block(&nested.block, found));
    }

    #[test]
    fn every_format_that_a_schema_names_has_a_check() {
        let provider = provider();
        let mut found = Vec::new();
        formats_of_block(&provider.schema().block, &mut found);
        provider.resources().for_each(|(_, resource)| formats_of_block(&resource.schema().block, &mut found));
        provider.data_sources().for_each(|(_, source)| formats_of_block(&source.schema().block, &mut found));
        provider.actions().for_each(|(_, action)| formats_of_block(&action.schema().block, &mut found));
        provider.functions().for_each(|(_, function)| formats_of_block(&function.schema().block, &mut found));
        for format in ["pve-ha-sid", "pve-latin1-comment", "pve-fence-option", "pve-tag", "timeout"] {
            assert!(found.contains(&format), "{format} is not in {found:?}");
        }
        found.retain(|name| pve_schemas::value::format(name).is_none());
        assert!(found.is_empty(), "without a check: {found:?}");
    }

    #[test]
    fn collections_are_lists_of_objects() {
        let provider = provider();
        let source = provider.data_source("pve_ha_status").unwrap();
        let Type::List(service) = &source.schema().block.attribute("services").unwrap().ty else { panic!("a list") };
        assert_eq!(
            service.to_string(),
            "object({sid=string, node=string, state=string, requested_state=string, auto_rebalance=bool, in_error=bool})"
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
            let diagnostics = provider.data_source(name).unwrap().validate_config(&Value::object([(argument, value)]));
            let paths: Vec<_> = diagnostics.iter().filter_map(|d| d.path.as_ref()).map(ToString::to_string).collect();
            assert_eq!(paths, [argument], "{name}");
        }
    }
}
