//! Backup jobs and notification settings: those of the cluster, with planned ones in their place.

use std::collections::{BTreeMap, BTreeSet};

use pve_schemas::backup::{Coverage, Guest};
use pve_schemas::data::planned::Safeguards;
use pve_schemas::notification::routing::{Route, Routing};
use pve_schemas::value::Entry;
use serde_json::Value as Json;

/// The backup jobs.
#[derive(Debug, Clone, Default)]
pub struct Backups {
    jobs: Vec<Backup>,
    /// Whether those of the cluster could be read: there are no others then.
    are_all: bool,
}

/// A backup job.
#[derive(Debug, Clone)]
struct Backup {
    coverage: Coverage,
    /// Whether it is one of `backup_jobs`.
    is_planned: bool,
}

impl Backups {
    /// The jobs of the cluster, none if they can't be read, with planned ones.
    pub fn new(live: Option<&[Json]>, planned: &Safeguards, removed: &BTreeSet<String>) -> Self {
        let planned: BTreeMap<&str, Coverage> =
            planned.backup_jobs.iter().flatten().map(|job| (job.object.name.as_str(), job.object.coverage())).collect();
        let stays = |id: &str| !planned.contains_key(id) && !removed.contains(id);
        let kept = live.unwrap_or_default().iter().filter(|job| Entry(job).text("id").is_none_or(|id| stays(&id)));
        let kept = kept.map(|job| Backup { coverage: Coverage::of(job), is_planned: false });
        let jobs = kept.collect::<Vec<_>>();
        let planned = planned.into_values().map(|coverage| Backup { coverage, is_planned: true });
        Self { jobs: jobs.into_iter().chain(planned).collect(), are_all: live.is_some() }
    }

    /// Whether a job covers the guest; none where a job that can't be read may.
    pub(super) fn cover(&self, guest: &Guest<'_>) -> Option<bool> {
        let covers = self.jobs.iter().any(|job| job.coverage.covers(guest));
        if covers || self.are_all { Some(covers) } else { None }
    }

    /// Whether a planned job covers the guest. It has made no run yet, as far as is known.
    pub(super) fn plan_to_cover(&self, guest: &Guest<'_>) -> bool {
        self.jobs.iter().any(|job| job.is_planned && job.coverage.covers(guest))
    }
}

/// The notification settings.
#[derive(Debug, Clone)]
pub struct Alerts {
    /// An error if a matcher has an unexpected form.
    pub(super) routing: Result<Routing, String>,
    /// Whether the targets of the cluster could be read.
    pub(super) are_all_targets: bool,
    /// Whether the targets and the matchers of the cluster could be read.
    pub(super) are_all: bool,
}

impl Alerts {
    /// The targets and matchers of the cluster, none if they can't be read, with planned ones.
    pub fn new(
        targets: Option<&[Json]>,
        matchers: Option<&[Json]>,
        planned: &Safeguards,
        removed: &BTreeSet<String>,
    ) -> Self {
        let mut routing = Routing::default();
        for target in targets.unwrap_or_default().iter().map(Entry) {
            if let Some(name) = target.text("name") {
                routing.targets.insert(name, !target.flag("disable").unwrap_or(false));
            }
        }
        let read: Result<Vec<Route>, String> = matchers.unwrap_or_default().iter().map(Route::parse).collect();
        let read = read.and_then(|routes| {
            routing.routes = routes;
            removed.iter().for_each(|name| routing.remove(name));
            for target in planned.notification_targets.iter().flatten() {
                routing.targets.insert(target.name.clone(), target.disabled != Some(true));
            }
            for matcher in planned.notification_matchers.iter().flatten() {
                routing.put(matcher.object.route()?);
            }
            Ok(())
        });
        Self {
            routing: read.map(|()| routing),
            are_all_targets: targets.is_some(),
            are_all: targets.is_some() && matchers.is_some(),
        }
    }
}
