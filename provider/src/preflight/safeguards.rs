//! The backup jobs, and the routing of notifications, as they are once this plan is applied.

use std::collections::BTreeSet;

use pve_schemas::backup::{Coverage, Guest, Selection};
use pve_schemas::notification::routing::{Gap, Routing};
use pve_schemas::value::HaState;

use super::object_index::Family;
use super::objects::{CheckedResource, guest_of};
use super::view::View;
use pve_ha_manager::config::Name;

/// An HA resource whose guest is to be backed up.
pub struct Protected<'a> {
    pub sid: &'a Name,
    vmid: u64,
    /// The node and the pool of its guest; none where the guest does not exist yet, or is not listed.
    home: Option<(&'a str, Option<&'a str>)>,
}

/// The enabled jobs, all of them known.
pub struct Jobs(Vec<Coverage>);

impl<'a> View<'a> {
    /// The enabled backup jobs; none while one of them is not known.
    pub fn backup_jobs(&self) -> Option<Jobs> {
        let live = self.live.backups()?;
        if self.planned.has_nameless(Family::Backup) {
            return None;
        }
        let theirs = live.backups.iter().filter(|(name, _)| !self.planned.overrides(Family::Backup, name));
        let all = self.planned.index.backups.iter().chain(theirs).map(|(_, job)| job.coverage.clone());
        let all: Vec<Coverage> = all.collect::<Option<_>>()?;
        Some(Jobs(all.into_iter().filter(|job| job.enabled).collect()))
    }

    /// The HA resources that the HA manager looks after; none where they were not listed.
    pub fn protected(&self) -> Option<Vec<Protected<'a>>> {
        let resources = self.resources()?;
        Some(resources.into_iter().filter_map(|seen| self.protect(seen.object)).collect())
    }

    /// The HA resource as a guest to be backed up; none while it is not known whether it is one.
    pub fn protect(&self, resource: &'a CheckedResource) -> Option<Protected<'a>> {
        let sid = resource.sid.as_ref()?;
        if matches!(resource.noun.state(), None | Some(HaState::Ignored)) {
            return None;
        }
        let guest = self.guest(sid);
        let home = guest.and_then(|guest| Some((guest.node.as_deref()?, guest.pool.as_deref())));
        Some(Protected { sid, vmid: guest_of(sid)?, home })
    }

    /// How notifications are sent; none while a matcher is not known. A target of which it is not known counts as switched on.
    pub fn routing(&self) -> Option<Routing> {
        let live = self.live.alerts()?;
        let planned = self.planned;
        if planned.has_nameless(Family::Matcher) || planned.has_nameless(Family::Target) {
            return None;
        }
        let mut routing = Routing::default();
        for (name, target) in &live.targets {
            routing.targets.insert(name.to_string(), target.is_on != Some(false));
        }
        for matcher in live.matchers.values() {
            routing.put(matcher.route.clone()?);
        }
        for name in planned.removed(Family::Matcher).chain(planned.removed(Family::Target)) {
            routing.remove(name);
        }
        for (name, target) in &planned.index.targets {
            routing.targets.insert(name.to_string(), target.is_on != Some(false));
        }
        for matcher in planned.index.matchers.values() {
            routing.put(matcher.route.clone()?);
        }
        Some(routing)
    }

    /// The first node and hour of which fencing reaches no target.
    pub fn fencing_gap(&self) -> Option<Gap> {
        self.routing()?.fencing_gap(self.cluster?.nodes.iter().map(|node| node.as_ref()))
    }

    /// The first node and hour of which a failed replication reaches no target; none where there is no job.
    pub fn replication_gap(&self) -> Option<Gap> {
        let (routing, live) = (self.routing()?, self.live.jobs()?);
        let nodes: Vec<&str> = self.cluster?.nodes.iter().map(|node| node.as_ref()).collect();
        let theirs = live.jobs.iter().filter(|(id, _)| !self.planned.overrides(Family::Job, id));
        let jobs = self.planned.index.jobs.iter().chain(theirs).filter(|(_, job)| job.disabled == Some(false));
        // The number of a new job may be chosen by apply.
        let ids: BTreeSet<String> =
            jobs.filter_map(|(_, job)| Some(format!("{}-{}", job.guest?, job.number.unwrap_or(0)))).collect();
        routing.replication_gap(&nodes, &ids.iter().map(String::as_str).collect::<Vec<_>>())
    }
}

impl Jobs {
    /// Whether no job backs the guest up where it is. Of a guest without a known home only what is certain is said.
    pub fn miss(&self, guest: &Protected<'_>) -> bool {
        match guest.home {
            Some((node, pool)) => !self.0.iter().any(|job| job.covers(&Guest { vmid: guest.vmid, node, pool })),
            None => !self.0.iter().any(|job| guest.may_be_in(&job.selection)),
        }
    }

    /// The nodes on which no job would back the guest up, which one does where it is now.
    pub fn lose_on<'n>(&self, guest: &Protected<'_>, nodes: impl Iterator<Item = &'n Name>) -> Vec<&'n str> {
        let Some((_, pool)) = guest.home.filter(|_| !self.miss(guest)) else { return Vec::new() };
        let covers = |node: &str| self.0.iter().any(|job| job.covers(&Guest { vmid: guest.vmid, node, pool }));
        nodes.map(|node| node.as_ref()).filter(|node| !covers(node)).collect()
    }
}

impl Protected<'_> {
    /// Whether `job` selects it, as far as is known.
    pub fn is_in(&self, job: &Coverage) -> bool {
        self.home.is_some_and(|(node, pool)| job.selects(&Guest { vmid: self.vmid, node, pool }))
    }

    fn may_be_in(&self, selection: &Selection) -> bool {
        match selection {
            Selection::Pool(_) => true,
            Selection::Guests(ids) => ids.contains(&self.vmid),
            Selection::All { except } => !except.contains(&self.vmid),
            Selection::Nothing => false,
        }
    }
}
