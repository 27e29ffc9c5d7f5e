//! `pve_notification_targets`: targets and matchers, and the nodes and jobs that events may be about.

use pve_schemas::data::notification_targets::Subjects;
use pve_schemas::data::{NoArguments, NotificationTargets};
use pve_schemas::value::Entry;
use serde_json::Value as Json;

use super::adapter::{Reader, Source};
use crate::client::Collection;
use crate::framework::Failure;

impl Source for NotificationTargets {
    type Arguments = NoArguments;

    async fn read(reader: &Reader<'_>, _: NoArguments) -> Result<Self, Failure> {
        let (targets, matchers, nodes, replication_jobs, backup_jobs) = tokio::try_join!(
            reader.list(Collection::NotificationTargets),
            reader.list(Collection::NotificationMatchers),
            reader.list(Collection::Nodes),
            reader.list(Collection::ReplicationJobs),
            reader.list(Collection::BackupJobs),
        )?;
        let names = |list: &Json, key: &str| {
            list.as_array().into_iter().flatten().filter_map(|row| Entry(row).text(key)).collect()
        };
        let subjects = Subjects {
            nodes: names(&nodes, "node"),
            replication_jobs: names(&replication_jobs, "id"),
            backup_jobs: names(&backup_jobs, "id"),
        };
        Self::from_answers(&targets, &matchers, &subjects).map_err(|problem| reader.unexpected(problem))
    }
}
