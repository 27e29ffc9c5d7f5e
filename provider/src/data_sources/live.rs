//! The cluster as a simulation and the readiness checks need it: few lists, and the disks of the guests in question.

use std::collections::{BTreeMap, BTreeSet};

use pve_schemas::ReplicationJob;
use pve_schemas::data::planned::Plans;
use pve_schemas::data::replication_jobs::ReplicationJobsArguments;
use pve_schemas::data::{Quorum, ReplicationJobs};
use pve_schemas::rest::Rest;
use pve_schemas::value::HaMode;
use serde_json::Value as Json;

use super::adapter::{Reader, Source};
use super::disks;
use super::simulated::refused;
use crate::client::{Collection, Error, ErrorKind, Permissions, path};
use crate::framework::Failure;
use crate::simulation::live::{Crs, Guest, Hidden, NodeFact, SimulatedCluster, Storage, Volumes};
use crate::simulation::{HaConfig, Replica, ReplicaState};

/// What is read anyway, and worth keeping for more than the simulation.
pub(crate) struct Answers {
    /// `/cluster/ha/status/current`.
    pub(crate) status: Json,
    /// `/cluster/ha/status/manager_status`.
    pub(crate) manager: Json,
    /// `/cluster/ha/rules`; null on PVE 8.
    pub(crate) rules: Json,
    /// `/cluster/ha/resources`.
    pub(crate) resources: Json,
    /// `/cluster/options`.
    pub(crate) options: Json,
    /// `/cluster/config/nodes`.
    pub(crate) voters: Json,
    /// What the user may do; none if that can't be learnt.
    pub(crate) held: Option<Permissions>,
    pub(crate) live: SimulatedCluster,
}

/// Reads the cluster. `plans` says which guests are HA resources once they are applied.
///
/// # Errors
/// What the requests meet that nothing can be said without.
pub(crate) async fn read(reader: &Reader<'_>, plans: &Plans) -> Result<Answers, Failure> {
    let mut answers = without_disks(reader, plans).await?;
    disks::read(reader, &mut answers.live, plans).await?;
    Ok(answers)
}

/// The same without the disks of the guests, each of which is a request.
///
/// # Errors
/// What the requests meet that nothing can be said without.
pub(crate) async fn without_disks(reader: &Reader<'_>, plans: &Plans) -> Result<Answers, Failure> {
    let mut answers = lists(reader, plans).await?;
    let everything = reader.list(Collection::ClusterResources).await?;
    let rows = everything.as_array().map(Vec::as_slice).unwrap_or_default();
    let storages = reader.client.list(Collection::Storages, &reader.call).await;
    let storages = optional(reader, storages.and_then(|listing| listing.all()))?.map(Json::Array);
    let jobs = <ReplicationJobs as Source>::read(reader, ReplicationJobsArguments::default()).await?;
    let configured = reader.list(Collection::ReplicationJobs).await?;
    answers.live.storages = storages.map(|storages| Storage::all(&storages, rows));
    answers.live.replicas = Some(replicas(&jobs, &configured));
    Ok(answers)
}

/// The same without the storages and the replicas: no request is about a single node or guest.
///
/// # Errors
/// What the requests meet that nothing can be said without.
pub(super) async fn lists(reader: &Reader<'_>, plans: &Plans) -> Result<Answers, Failure> {
    let mode = reader.client.ha_mode(&reader.call).await.map_err(|error| reader.failed(&error))?;
    let (status, manager, resources, members, voters, qdevice, everything, options) = tokio::try_join!(
        reader.list(Collection::HaStatus),
        reader.object(Collection::HaManagerStatus),
        reader.list(Collection::HaResources),
        reader.list(Collection::ClusterStatus),
        reader.list(Collection::ClusterVotes),
        reader.object(Collection::Qdevice),
        reader.list(Collection::ClusterResources),
        reader.object(Collection::DatacenterOptions),
    )?;
    let rules = if mode == HaMode::Groups { Json::Null } else { reader.list(Collection::HaRules).await? };
    let groups = if mode == HaMode::Rules { Json::Null } else { reader.list(Collection::HaGroups).await? };
    let held = reader.client.permissions(&reader.call).await;

    let unexpected = |problem| reader.unexpected(problem);
    let quorum = Quorum::from_answers(&members, &voters, &qdevice).map_err(unexpected)?;
    let rows = everything.as_array().map(Vec::as_slice).unwrap_or_default();
    let mut live = SimulatedCluster {
        mode,
        config: HaConfig::from_answers(&resources, if mode == HaMode::Rules { &rules } else { &Json::Null }, &groups)
            .map_err(unexpected)?,
        manager: manager["manager_status"].clone(),
        // pve-ha-manager began to count them just before it began to tell whether it is armed.
        counts_bystanders: status.as_array().into_iter().flatten().any(|row| row["type"] == "fencing"),
        nodes: NodeFact::all(rows, &quorum),
        quorum,
        guests: Guest::all(rows),
        storages: None,
        replicas: None,
        crs: Crs::from_options(&options),
        hidden: Hidden::default(),
    };
    let planned = live.config.clone().with(plans, mode).map_err(refused)?;
    live.hidden = hidden(&live, &planned, held.as_ref());
    Ok(Answers { status, manager, rules, resources, options, voters, held, live })
}

/// What isn't in the lists because the user may not see it.
fn hidden(live: &SimulatedCluster, planned: &HaConfig, held: Option<&Permissions>) -> Hidden {
    let Some(held) = held else { return Hidden::default() };
    let missing = planned.resources.keys().filter(|sid| !live.guests.contains_key(*sid));
    let services = missing.filter(|sid| !held.holds(&path_of(sid), "VM.Audit"));
    let nodes =
        live.nodes.iter().map(|node| &node.name).filter(|node| !held.holds(&path(["nodes", node]), "Sys.Audit"));
    Hidden {
        services: services.cloned().collect(),
        others: !held.holds("/vms", "VM.Audit"),
        nodes: nodes.cloned().collect(),
    }
}

/// The guest of an HA resource in paths of ACLs.
pub(super) fn path_of(sid: &str) -> String {
    format!("/vms/{}", sid.split_once(':').map_or(sid, |(_, guest)| guest))
}

/// The privileges without which something of the simulation is unknown, and where they are missing.
pub(super) fn missing(live: &SimulatedCluster, held: Option<&Permissions>) -> BTreeMap<&'static str, BTreeSet<String>> {
    let volumes = live.guests.values().filter(|guest| live.config.resources.contains_key(&guest.sid));
    let volumes = volumes.filter_map(|guest| match &guest.volumes {
        Volumes::Known(volumes) => Some(volumes),
        Volumes::Unknown(_) => None,
    });
    let storages = volumes.flatten().filter_map(|volume| volume.storage()).map(|storage| format!("/storage/{storage}"));
    let unseen = |path: &String| held.is_some_and(|held| !held.holds(path, "Datastore.Audit"));
    let missing: [(_, BTreeSet<String>); 3] = [
        ("VM.Audit", live.hidden.services.iter().map(|sid| path_of(sid)).collect()),
        ("Sys.Audit", live.hidden.nodes.iter().map(|node| path(["nodes", node])).collect()),
        ("Datastore.Audit", storages.filter(unseen).collect()),
    ];
    missing.into_iter().filter(|(_, paths)| !paths.is_empty()).collect()
}

/// The copies that the jobs keep. Nothing is known of the copy of a job that has a property which this provider does not know.
fn replicas(jobs: &ReplicationJobs, configured: &Json) -> Vec<Replica> {
    let parsed = configured.as_array().into_iter().flatten().filter_map(|entry| ReplicationJob::parse(entry).ok());
    let unknown: BTreeSet<String> = parsed.filter(|job| !job.unknown.is_empty()).map(|job| job.noun.key()).collect();
    let replicas = jobs.jobs.iter().filter_map(|job| {
        let replica = Replica::of(job)?;
        Some(if unknown.contains(&job.id) { Replica { state: ReplicaState::Unknown, ..replica } } else { replica })
    });
    replicas.collect()
}

/// An answer that a verdict can do without: absent where Proxmox refuses or fails, unless the run is interrupted.
fn optional<T>(reader: &Reader<'_>, answer: Result<T, Error>) -> Result<Option<T>, Failure> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.kind() == ErrorKind::Stopped => Err(reader.failed(&error)),
        Err(_) => Ok(None),
    }
}
