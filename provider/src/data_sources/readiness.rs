//! `pve_ha_readiness`: gathers the facts, and lets the checks judge them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::join_all;
use pve_ha_manager::feasibility;
use pve_schemas::data::failover_simulation::{FailoverSimulationArguments, Scenario};
use pve_schemas::data::ha_resources::HaResourcesArguments;
use pve_schemas::data::ha_rules::HaRulesArguments;
use pve_schemas::data::readiness::{Expectation, ReadinessArguments};
use pve_schemas::data::{HaReadiness, HaResources, HaRules, HaStatus};
use pve_schemas::value::Entry;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::adapter::{Reader, Source};
use super::live::{self, Answers};
use super::readiness_shell;
use super::replication_jobs::now;
use super::simulated::{refused, simulate};
use crate::client::{Call, Collection, Error, ErrorKind, Params, path};
use crate::framework::Failure;
use crate::readiness::{Alerts, Backups, Corosync, Demands, Facts, Task, checks};
use crate::simulation::HaConfig;
use crate::simulation::live::SimulatedCluster;

impl Source for HaReadiness {
    type Arguments = ReadinessArguments;

    async fn read(reader: &Reader<'_>, arguments: ReadinessArguments) -> Result<Self, Failure> {
        if arguments.expect == Some(Expectation::default()) {
            // Terraform drops attributes that an object's type doesn't have: this may be a misspelt one.
            reader.cx.warn(
                "`expect` is empty",
                "`expect` is set without any attribute, so the check `expected` always passes. Its attributes are \
                 `nodes`, `services` and `qdevice`; Terraform drops a misspelt attribute silently.",
            );
        }
        let answers = live::read(reader, &arguments.plans).await?;
        let plans = FailoverSimulationArguments { plans: arguments.plans.clone(), ..Default::default() };
        let scenarios = simulate(reader, &answers.live, &plans).await?.scenarios;
        let facts = gather(reader, &arguments, answers, scenarios).await?;
        let checks = checks(&facts, &Demands::new(arguments.clone()));
        Ok(Self::of(arguments, checks))
    }
}

/// How long a node may take to answer: it may be dead without the cluster having noticed.
const READ_TIMEOUT: Duration = Duration::from_secs(10);
const HOUR: i64 = 3600;

/// Reads what the checks go by, beside what a simulation reads and what it says of each single failure.
///
/// # Errors
/// The run is interrupted, or an answer can't be understood.
async fn gather(
    reader: &Reader<'_>,
    arguments: &ReadinessArguments,
    answers: Answers,
    scenarios: Vec<Scenario>,
) -> Result<Facts, Failure> {
    let Answers { status, manager, rules, resources, options, voters, held, live } = answers;
    let unexpected = |problem| reader.unexpected(problem);
    let now = now();
    let online: Vec<&str> = live.nodes.iter().filter(|node| node.online).map(|node| node.name.as_str()).collect();
    let none = Params::new();
    let (nodes, totem, backups, targets, matchers, shell) = tokio::join!(
        join_all(online.iter().map(|node| NodeAnswers::ask(reader, node, now))),
        get::<Json>(reader, "/cluster/config/totem", &none),
        list(reader, Collection::BackupJobs),
        list(reader, Collection::NotificationTargets),
        list(reader, Collection::NotificationMatchers),
        readiness_shell::ask(reader, &online, &options),
    );
    let planned = live.config.clone().with(&arguments.plans, live.mode).map_err(refused)?;
    let removed = arguments.plans.removed.clone().unwrap_or_default();
    let (backups, targets, matchers) = (backups?, targets?, matchers?);
    let complaints = complaints(&rules, &resources, if rules.is_null() { 8 } else { 9 }).map_err(unexpected)?;
    let mut facts = Facts {
        now,
        status: HaStatus::from_answers(&status, &manager).map_err(unexpected)?,
        corosync: Corosync::from_answers(&voters, totem?.unwrap_or_default()),
        versions: BTreeMap::new(),
        silent: BTreeSet::new(),
        complaints: planned_complaints(complaints, &live, &planned),
        options,
        scenarios,
        backups: Backups::new(backups.as_deref(), &arguments.safeguards, &removed),
        backup_runs: BTreeMap::new(),
        recent: BTreeMap::new(),
        alerts: Alerts::new(targets.as_deref(), matchers.as_deref(), &arguments.safeguards, &removed),
        shell: shell?,
        planned,
        live,
    };
    for answers in nodes {
        let NodeAnswers { node, is_silent, version, mut backups, mut recent } = answers?;
        if is_silent {
            facts.silent.insert(node.clone());
        }
        // Without it Proxmox lists the user's own tasks, as if there were no others.
        if held.as_ref().is_some_and(|held| !held.holds(&path(["nodes", &node]), "Sys.Audit")) {
            (backups, recent) = (None, None);
        }
        facts.versions.insert(node.clone(), version);
        facts.backup_runs.insert(node.clone(), backups);
        facts.recent.insert(node, recent);
    }
    Ok(facts)
}

struct NodeAnswers {
    node: String,
    /// Whether it has given no answer at all.
    is_silent: bool,
    version: Option<String>,
    backups: Option<Vec<Task>>,
    recent: Option<Vec<Task>>,
}

impl NodeAnswers {
    async fn ask(reader: &Reader<'_>, node: &str, now: i64) -> Result<Self, Failure> {
        let tasks = |name: &'static str, value: String| {
            let mut params = Params::new();
            params.set(name, value).set("source", "all").set("limit", 500);
            async move { get::<Vec<Json>>(reader, &path(["nodes", node, "tasks"]), &params).await }
        };
        let at = path(["nodes", node, "version"]);
        let none = Params::new();
        let (version, backups, recent) = tokio::try_join!(
            ask::<Json>(reader, &at, &none),
            tasks("typefilter", "vzdump".to_owned()),
            tasks("since", (now - HOUR).to_string()),
        )?;
        // Its version needs no privilege.
        let is_silent = version.as_ref().is_err_and(is_silence);
        Ok(Self {
            node: node.to_owned(),
            is_silent,
            version: version.ok().and_then(|version| Entry(&version).text("version")),
            backups: backups.map(newest_first),
            recent: recent.map(newest_first),
        })
    }
}

/// Asks a node; fails as a whole only where the run is interrupted.
async fn ask<T: DeserializeOwned>(
    reader: &Reader<'_>,
    path: &str,
    params: &Params,
) -> Result<Result<T, Error>, Failure> {
    let soon = tokio::time::Instant::now() + READ_TIMEOUT;
    let call = Call::new(reader.call.deadline.min(soon), reader.call.stop.clone());
    match reader.client.get_with(path, params, &call).await {
        Err(error) if error.kind() == ErrorKind::Stopped => Err(reader.failed(&error)),
        answer => Ok(answer),
    }
}

async fn get<T: DeserializeOwned>(reader: &Reader<'_>, path: &str, params: &Params) -> Result<Option<T>, Failure> {
    Ok(ask(reader, path, params).await?.ok())
}

/// Whether nothing came from the node, rather than a refusal: the node that was asked could not reach it (595), lost it (596), or
/// waited in vain.
fn is_silence(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Unreachable(_) | ErrorKind::Unanswered | ErrorKind::Expired)
}

/// A list that the user may not be allowed to read, or that this release does not have.
async fn list(reader: &Reader<'_>, collection: Collection) -> Result<Option<Vec<Json>>, Failure> {
    let listing = reader.client.list(collection, &reader.call).await;
    match listing.and_then(|listing| listing.all()) {
        Ok(entries) => Ok(Some(entries)),
        Err(error) if error.kind() == ErrorKind::Stopped => Err(reader.failed(&error)),
        Err(_) => Ok(None),
    }
}

fn newest_first(mut rows: Vec<Json>) -> Vec<Task> {
    rows.sort_by_key(|row| std::cmp::Reverse(Entry(row).integer("starttime")));
    rows.iter()
        .map(Entry)
        .map(|row| Task {
            kind: row.text("type").unwrap_or_default(),
            id: row.text("id").unwrap_or_default(),
            // A task that runs has no end, whatever its status says.
            status: row.text("status").filter(|_| row.integer("endtime").is_some()),
            began: row.integer("starttime").unwrap_or_default(),
        })
        .collect()
}

/// What Proxmox complains of; of rules that are planned otherwise, what the HA manager will.
fn planned_complaints(
    live: Vec<(String, String)>,
    cluster: &SimulatedCluster,
    planned: &HaConfig,
) -> Vec<(String, String)> {
    let now = &cluster.config;
    let stays = |object: &str| now.resources.get(object) == planned.resources.get(object);
    if (&now.node_rules, &now.resource_rules) == (&planned.node_rules, &planned.resource_rules) {
        return live.into_iter().filter(|(object, _)| stays(object)).collect();
    }
    let nodes = cluster.nodes.iter().map(|node| node.name.as_str().into()).collect();
    let infeasible = feasibility::infeasible(&planned.rules(), Some(&nodes));
    let rules = infeasible.into_iter().flat_map(|(rule, errors)| {
        errors.iter().map(|error| (named_rule(&rule), error.to_string())).collect::<Vec<_>>()
    });
    let resources = live.into_iter().filter(|(object, _)| object.contains(':') && stays(object));
    rules.chain(resources).collect()
}

fn named_rule(name: &str) -> String {
    format!("rule {name}")
}

fn complaints(rules: &Json, resources: &Json, major: i64) -> Result<Vec<(String, String)>, String> {
    let mut complaints = Vec::new();
    if !rules.is_null() {
        for rule in HaRules::from_answer(HaRulesArguments::default(), Some(rules))?.rules {
            let name = named_rule(&rule.name);
            complaints.extend(rule.errors.into_iter().map(|error| (name.clone(), error)));
        }
    }
    for resource in HaResources::from_answer(HaResourcesArguments::default(), resources, (major, 0))?.resources {
        let sid = resource.sid.to_string();
        complaints.extend(resource.errors.into_iter().map(|error| (sid.clone(), error)));
    }
    Ok(complaints)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tasks_are_sorted_the_newest_first() {
        let rows = vec![
            json!({"type": "vzdump", "id": "", "starttime": 5, "endtime": 6, "status": "OK"}),
            json!({"type": "vzdump", "id": "100", "starttime": 9, "status": "running"}),
            json!({"type": "vzdump", "id": "", "starttime": 7, "endtime": 8, "status": "job errors"}),
        ];
        let statuses: Vec<_> = newest_first(rows).into_iter().map(|task| task.status).collect();
        assert_eq!(statuses, [None, Some("job errors".to_owned()), Some("OK".to_owned())]);
    }

    #[test]
    fn what_proxmox_complains_of_is_told_of_rules_and_resources() {
        let rules = json!([{"rule": "rr", "type": "resource-affinity", "resources": "vm:100", "affinity": "negative", "errors": {"resources": ["x"]}}]);
        let resources = json!([{"sid": "vm:100", "state": "started", "group": "nosuch", "errors": {"group": "gone"}}]);
        let told = complaints(&rules, &resources, 9).unwrap();
        assert_eq!(told, [("rule rr".into(), "resources: x".into()), ("vm:100".into(), "group: gone".into())]);
    }

    #[test]
    fn of_planned_rules_it_is_told_what_the_ha_manager_will_complain_of() {
        let mut cluster = crate::simulation::testing::Cluster::of(3);
        cluster.service(100, 1).service(101, 2);
        let rule = |name: &str, kind: &str, more: Json| {
            let mut rule = json!({"rule": name, "type": kind, "resources": "vm:100,vm:101"});
            rule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            rule
        };
        cluster.rules.push(rule("near", "resource-affinity", json!({"affinity": "positive"})));
        cluster.rules.push(rule("far", "resource-affinity", json!({"affinity": "negative"})));
        let live = cluster.live();
        let now = vec![("rule near".to_owned(), "x".to_owned()), ("vm:100".to_owned(), "y".to_owned())];
        let told = |plans: Json| {
            let planned = live.config.clone().with(&serde_json::from_value(plans).unwrap(), live.mode).unwrap();
            planned_complaints(now.clone(), &live, &planned).into_iter().map(|(object, _)| object).collect::<Vec<_>>()
        };
        assert_eq!(told(json!({})), ["rule near", "vm:100"]);
        assert_eq!(told(json!({"removed": ["far", "vm:100"]})), [""; 0]);
        let third = json!({"name": "third", "resources": ["vm:100", "vm:101"], "affinity": "negative"});
        let conflicts = told(json!({"removed": ["far"], "resource_affinity_rules": [third]}));
        assert!(
            conflicts.contains(&"rule third".to_owned()) && conflicts.contains(&"vm:100".to_owned()),
            "{conflicts:?}"
        );
    }
}
