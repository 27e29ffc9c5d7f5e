//! The JSON Schema of every noun, for the build script of the provider: what makes one from a struct, and the texts of all, are
//! larger than the schemas themselves once they are packed.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde_json::Value as Json;

use crate::function::{self, Function};
use crate::noun::json_schema;
use crate::{action, data};

/// The JSON Schemas of all nouns, a sorted line each, by `JsonSchema::schema_id`.
pub fn all() -> BTreeMap<String, Json> {
    let mut all = BTreeMap::new();
    provider_and_resources(&mut all);
    data_sources(&mut all);
    actions(&mut all);
    functions(&mut all);
    all
}

macro_rules! add {
    ($all:ident: $($noun:ty),* $(,)?) => {
        $($all.insert(<$noun>::schema_id().into_owned(), json_schema::<$noun>());)*
    };
}

fn provider_and_resources(all: &mut BTreeMap<String, Json>) {
    add!(all:
        crate::BackupJob,
        crate::Cluster,
        crate::ClusterMember,
        crate::CorosyncOptions,
        crate::DatacenterOptions,
        crate::FenceDevice,
        crate::HaGroup,
        crate::HaNodeAffinityRule,
        crate::HaResource,
        crate::HaResourceAffinityRule,
        crate::HaRuleMember,
        crate::NodeMaintenance,
        crate::NodeWatchdog,
        crate::NotificationGotify,
        crate::NotificationMatcher,
        crate::NotificationSendmail,
        crate::NotificationSmtp,
        crate::NotificationWebhook,
        crate::ProviderBlock,
        crate::Qdevice,
        crate::ReplicationJob,
    );
}

fn data_sources(all: &mut BTreeMap<String, Json>) {
    add!(all:
        data::BackupJobs,
        data::ClusterJoinInfo,
        data::DatacenterOptions,
        data::HaBalance,
        data::HaFailoverSimulation,
        data::HaGroups,
        data::HaReadiness,
        data::HaResources,
        data::HaRules,
        data::HaStatus,
        data::Nodes,
        data::NotificationTargets,
        data::Quorum,
        data::ReplicationJobs,
        data::Version,
    );
}

fn actions(all: &mut BTreeMap<String, Json>) {
    add!(all:
        action::BackupRun,
        action::ClusterRoll,
        action::Drill,
        action::GuestMigrate,
        action::HaArm,
        action::HaDisarm,
        action::HaMigrate,
        action::HaRelocate,
        action::NodeEvacuate,
        action::NodeReboot,
        action::NodeRestore,
        action::NodeWake,
        action::NotificationTest,
        action::ReplicationRun,
    );
}

fn functions(all: &mut BTreeMap<String, Json>) {
    /// The parameters of a function, and what it returns.
    fn add<F: Function>(all: &mut BTreeMap<String, Json>) {
        add!(all: F, F::Output);
    }
    add::<function::ExpandNodes>(all);
    add::<function::NextRuns>(all);
    add::<function::ParseSid>(all);
    add::<function::Placement>(all);
    add::<function::Quorum>(all);
    add::<function::Sid>(all);
}
