//! What will be: the cluster's objects, with those in their place that this plan has come to.

use std::cell::OnceCell;
use std::collections::{BTreeSet, HashSet};
use std::sync::{Mutex, PoisonError};

use super::conflicts::Conflicts;
use super::key::Key;
use super::live::{Cluster, ClusterLists, Guest};
use super::object_index::{Family, ObjectIndex, id};
use super::objects::{CheckedGroup, CheckedJob, CheckedResource, CheckedRule, Nodes, Object, guest_of};
use super::planned_objects::PlannedObjects;
use super::{Subject, Task};
use pve_ha_manager::config::Name;

/// The cluster and the plan.
#[derive(Clone, Copy)]
pub struct View<'a> {
    pub live: &'a ClusterLists,
    /// None where the cluster gave no answer.
    pub cluster: Option<&'a Cluster>,
    pub planned: &'a PlannedObjects,
}

/// An object, and whether this plan has come to it.
#[derive(Debug)]
pub struct Seen<'a, T> {
    pub object: &'a T,
    pub is_planned: bool,
}

impl<'a> View<'a> {
    pub fn resource(&self, sid: &Name) -> Option<Seen<'a, CheckedResource>> {
        let planned = self.planned.index.resources.get(sid);
        let live = || self.live.resources()?.resources.get(sid).filter(|_| self.still(Family::Resource, sid));
        seen(planned, live)
    }

    pub fn group(&self, name: &Name) -> Option<Seen<'a, CheckedGroup>> {
        let planned = self.planned.index.groups.get(name);
        let live = || self.live.placed()?.index.groups.get(name).filter(|_| self.still(Family::Group, name));
        seen(planned, live)
    }

    /// The HA resources; none where they weren't listed.
    pub fn resources(&self) -> Option<Vec<Seen<'a, CheckedResource>>> {
        let live = self.live.resources()?;
        let theirs = live.resources.iter().filter(|(sid, _)| self.still(Family::Resource, sid));
        Some(both(self.planned.index.resources.values(), theirs.map(|(_, resource)| resource)))
    }

    /// A rule, with the members that this plan adds to it.
    pub fn rule(&self, name: &Name) -> Option<Seen<'a, CheckedRule>> {
        let planned = self.joined().rules.get(name).or_else(|| self.planned.index.rules.get(name));
        let live = || self.live.placed()?.index.rules.get(name).filter(|_| self.still(Family::Rule, name));
        seen(planned, live)
    }

    /// The rules that have other members by this plan, in place of those of the plan or the cluster.
    fn joined(&self) -> &'a ObjectIndex {
        self.planned.members.joined()
    }

    pub fn rules(&self) -> Vec<Seen<'a, CheckedRule>> {
        let live = self.live.placed().into_iter().flat_map(|placed| &placed.index.rules);
        let theirs = live.filter(|(name, _)| self.still(Family::Rule, name)).map(|(_, rule)| rule);
        let joined = &self.joined().rules;
        let ours = self.planned.index.rules.iter().filter(|(name, _)| !joined.contains_key(*name));
        both(joined.values().chain(ours.map(|(_, rule)| rule)), theirs)
    }

    pub fn groups(&self) -> Vec<Seen<'a, CheckedGroup>> {
        let live = self.live.placed().into_iter().flat_map(|placed| &placed.index.groups);
        let theirs = live.filter(|(name, _)| self.still(Family::Group, name)).map(|(_, group)| group);
        both(self.planned.index.groups.values(), theirs)
    }

    /// The rules that name an HA resource.
    pub fn rules_naming(&self, sid: &str) -> Vec<Seen<'a, CheckedRule>> {
        let planned = &self.planned.index;
        let joined = self.joined();
        let ours = planned.rules_naming(sid).filter(|name| !joined.rules.contains_key(*name));
        let ours = ours.filter_map(|name| planned.rules.get(name));
        let ours = joined.rules_naming(sid).filter_map(|name| joined.rules.get(name)).chain(ours);
        let live = self.live.placed().into_iter().map(|placed| &placed.index);
        let theirs = live.flat_map(|live| live.rules_naming(sid).filter_map(|name| live.rules.get(name)));
        let theirs = theirs.filter(|rule| rule.name.as_ref().is_some_and(|name| self.still(Family::Rule, name)));
        both(ours, theirs)
    }

    /// The HA resources of a group.
    pub fn users_of(&self, group: &str) -> Vec<Seen<'a, CheckedResource>> {
        let planned = &self.planned.index;
        let ours = planned.users_of(group).filter_map(|sid| planned.resources.get(sid));
        let live = self.live.resources().into_iter();
        let theirs = live.flat_map(|live| live.users_of(group).filter_map(|sid| live.resources.get(sid)));
        let theirs = theirs.filter(|user| user.sid.as_ref().is_some_and(|sid| self.still(Family::Resource, sid)));
        both(ours, theirs)
    }

    /// The replication jobs of a guest.
    pub fn jobs_of(&self, guest: u64) -> Vec<Seen<'a, CheckedJob>> {
        let planned = &self.planned.index;
        let ours = planned.jobs_of(guest).filter_map(|id| planned.jobs.get(id));
        let live = self.live.jobs().into_iter();
        let theirs = live.flat_map(|live| {
            let ids = live.jobs_of(guest).filter(|id| self.still(Family::Job, id));
            ids.filter_map(|id| live.jobs.get(id))
        });
        both(ours, theirs)
    }

    /// Where an HA resource may be, each with the name of the rule or group that says so.
    pub fn places_of(&self, sid: &Name) -> Vec<(&'a Name, &'a Nodes)> {
        let rules = self.rules_naming(sid).into_iter().filter_map(|rule| {
            let nodes = rule.object.enabled_nodes()?;
            Some((rule.object.name.as_ref()?, nodes))
        });
        let group = || {
            let group = self.resource(sid)?.object.group.clone()??;
            let group = self.group(&group)?.object;
            Some((group.name.as_ref()?, &group.nodes))
        };
        rules.chain(group()).collect()
    }

    /// Whether an HA resource moves back to a better node; on PVE 8 its group decides.
    pub fn returns(&self, resource: &CheckedResource) -> bool {
        let group = resource.group.clone().flatten().and_then(|name| self.group(&name));
        resource.returns() && group.is_none_or(|group| group.object.noun.nofailback() == Some(false))
    }

    /// Whether the cluster has an object of this one's natural id, whatever this plan makes of it.
    pub fn is_on_cluster(&self, object: &Object) -> bool {
        if let Object::Member(member) = object {
            let rule =
                member.known().zip(self.live.placed()).map(|((name, sid), placed)| (placed.index.rules.get(name), sid));
            let members = rule.and_then(|(rule, sid)| Some((rule?.resources.as_ref()?, sid)));
            return members.is_some_and(|(members, sid)| members.contains(sid));
        }
        let Some((family, id)) = id(object) else { return false };
        let index = match family {
            Family::Resource => self.live.resources(),
            Family::Rule | Family::Group => self.live.placed().map(|placed| &placed.index),
            Family::Job => self.live.jobs(),
            Family::Backup => self.live.backups(),
            Family::Matcher | Family::Target => self.live.alerts(),
        };
        index.is_some_and(|index| index.has(family, &id))
    }

    /// A guest that exists.
    pub fn guest(&self, sid: &str) -> Option<&'a Guest> {
        self.cluster?.guests.get(&guest_of(sid)?)
    }

    /// Whether the user would see the guest if it existed.
    pub fn sees(&self, guest: u64) -> bool {
        self.live.permissions().is_some_and(|held| held.holds(&format!("/vms/{guest}"), "VM.Audit"))
    }

    fn still(&self, family: Family, id: &Name) -> bool {
        let is_joined = family == Family::Rule && self.joined().rules.contains_key(id);
        !is_joined && !self.planned.overrides(family, id)
    }
}

fn seen<'a, T>(planned: Option<&'a T>, live: impl FnOnce() -> Option<&'a T>) -> Option<Seen<'a, T>> {
    match planned {
        Some(object) => Some(Seen { object, is_planned: true }),
        None => live().map(|object| Seen { object, is_planned: false }),
    }
}

fn both<'a, T>(planned: impl Iterator<Item = &'a T>, live: impl Iterator<Item = &'a T>) -> Vec<Seen<'a, T>> {
    let planned = planned.map(|object| Seen { object, is_planned: true });
    planned.chain(live.map(|object| Seen { object, is_planned: false })).collect()
}

/// One object to be checked.
pub struct CheckCase<'a> {
    object: &'a Object,
    subject: Subject<'a>,
    pub view: View<'a>,
    reported: &'a Mutex<HashSet<String>>,
    conflicts: OnceCell<Option<Conflicts>>,
}

impl<'a> CheckCase<'a> {
    pub fn new(object: &'a Object, subject: Subject<'a>, view: View<'a>, reported: &'a Mutex<HashSet<String>>) -> Self {
        Self { object, subject, view, reported, conflicts: OnceCell::new() }
    }

    pub fn kind(&self) -> &'a str {
        self.subject.kind
    }

    /// What the object is about, if it is to be created or destroyed.
    pub fn keys(&self) -> &'a [Key] {
        if self.subject.task == Task::Change { &[] } else { self.subject.keys }
    }

    /// What is to happen to it.
    pub fn task(&self) -> Task {
        self.subject.task
    }

    /// What the object was, if it is to be changed or replaced.
    pub fn prior(&self) -> Option<&'a Object> {
        self.subject.prior
    }

    /// The natural id of an object that is to be created, as far as the plan knows it, and the attribute that says so.
    pub fn created(&self) -> Option<(&'static str, Name)> {
        let at = match self.object {
            _ if self.subject.task != Task::Create => return None,
            Object::Resource(_) => "sid",
            Object::Rule(_) | Object::Group(_) | Object::BackupJob(_) => "name",
            Object::Member(_) => "resource",
            Object::Job(job) if job.number.is_some() => "job_number",
            _ => return None,
        };
        // A replacement under the same id meets the object that it replaces.
        let name = match self.object {
            Object::Member(_) => self.subject.keys.last()?.name().into(),
            object => id(object)?.1,
        };
        (self.subject.replaces != Some(name.as_ref())).then_some((at, name))
    }

    /// The natural id of the object in whose place this one is created, in the second half of the plan of a replacement.
    pub fn replaces(&self) -> Option<&'a str> {
        self.subject.replaces
    }

    /// Whether it is changed in place, or replaced under its id.
    pub fn keeps_its_id(&self) -> bool {
        self.prior().and_then(id).is_some_and(|old| id(self.object) == Some(old))
    }

    /// The natural id of the object that is deleted first to make room for this one, as far as is known.
    pub fn replaced(&self) -> Option<Name> {
        let old = || {
            let (old, new) = (id(self.prior()?)?, id(self.object));
            let is_elsewhere = match (self.prior()?, self.object) {
                (Object::Job(old), Object::Job(new)) => old.target != new.target,
                _ => false,
            };
            (is_elsewhere || new.as_ref() != Some(&old)).then_some(old.1)
        };
        self.subject.replaces.map(Name::from).or_else(old)
    }

    /// The object's name, as far as it is known.
    pub fn subject(&self) -> Option<&'a str> {
        match self.object {
            Object::Resource(resource) => resource.sid.as_deref(),
            Object::Rule(rule) => rule.name.as_deref(),
            Object::Group(group) => group.name.as_deref(),
            Object::Options => None,
            _ => self.subject.keys.last().map(Key::name),
        }
    }

    /// What the object is, with its name as far as it is known, such as `rule web`.
    pub fn title(&self) -> String {
        let what = match self.object {
            Object::Resource(_) => "HA resource".to_owned(),
            Object::Rule(_) => "rule".to_owned(),
            Object::Group(_) => "group".to_owned(),
            Object::Job(_) => "replication of guest".to_owned(),
            Object::BackupJob(_)
            | Object::Matcher(_)
            | Object::Target(_)
            | Object::Member(_)
            | Object::Options
            | Object::Hosted(_)
            | Object::Membership(_)
            | Object::Qdevice => self.kind().trim_start_matches("pve_").replace('_', " "),
        };
        match self.subject() {
            Some(name) => format!("{what} {name}"),
            None => what,
        }
    }

    /// The object, whatever is to happen to it.
    pub fn any(&self) -> &'a Object {
        self.object
    }

    /// The object that is to be destroyed.
    pub fn destroyed(&self) -> Option<&'a Object> {
        (self.subject.task == Task::Destroy).then_some(self.object)
    }

    /// The object that is to be created, changed or replaced.
    pub fn changed(&self) -> Option<&'a Object> {
        (self.subject.task != Task::Destroy).then_some(self.object)
    }

    /// The HA resource that is to be created, changed or replaced, and its id.
    pub fn resource(&self) -> Option<(&'a Name, &'a CheckedResource)> {
        match self.changed()? {
            Object::Resource(resource) => Some((resource.sid.as_ref()?, resource)),
            _ => None,
        }
    }

    /// The rule that is to be created, changed or replaced, and its name for messages.
    pub fn rule(&self) -> Option<(&'a str, &'a CheckedRule)> {
        match self.changed()? {
            Object::Rule(rule) => Some((rule.name.as_deref().unwrap_or("the rule"), rule)),
            _ => None,
        }
    }

    /// The rule and the HA resource of a member that is to be created or replaced.
    pub fn member(&self) -> Option<(&'a Name, &'a Name)> {
        match self.changed()? {
            Object::Member(member) => member.known(),
            _ => None,
        }
    }

    /// The rule that Proxmox's feasibility checks are made of, its name for messages, and the attribute that they concern: the
    /// rule with the member where that is what is planned.
    pub fn feasible(&self) -> Option<(&'a str, &'a CheckedRule, Option<&'static str>)> {
        match self.member() {
            Some((name, _)) => Some((name.as_ref(), self.view.rule(name)?.object, Some("resource"))),
            None => self.rule().map(|(name, rule)| (name, rule, None)),
        }
    }

    /// The group that is to be created, changed or replaced, and its name for messages.
    pub fn group(&self) -> Option<(&'a str, &'a CheckedGroup)> {
        match self.changed()? {
            Object::Group(group) => Some((group.name.as_deref().unwrap_or("the group"), group)),
            _ => None,
        }
    }

    /// The replication job that is to be created, changed or replaced, and its name for messages.
    pub fn job(&self) -> Option<(String, &'a CheckedJob)> {
        match self.changed()? {
            Object::Job(job) => {
                let guest = job.guest.map_or_else(|| "a guest".to_owned(), |guest| format!("guest {guest}"));
                Some((format!("Replication of {guest}"), job))
            }
            _ => None,
        }
    }

    /// Whether this is said for the first time in this process.
    pub fn is_news(&self, what: String) -> bool {
        self.reported.lock().unwrap_or_else(PoisonError::into_inner).insert(what)
    }

    /// What stands against the rule.
    pub fn conflicts(&self) -> Option<&Conflicts> {
        let find = || Conflicts::of(self.feasible()?.1, &self.view);
        self.conflicts.get_or_init(find).as_ref()
    }
}

/// `vm:100`, `vm:100 and vm:101`, `vm:100, vm:101 and 3 more`.
pub fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    const SHOWN: usize = 6;
    let names: BTreeSet<&str> = names.into_iter().collect();
    let more = names.len().saturating_sub(SHOWN);
    let mut words: Vec<String> = names.into_iter().take(SHOWN).map(str::to_owned).collect();
    if more > 0 {
        words.push(format!("{more} more"));
    }
    match words.split_last() {
        None => "nothing".to_owned(),
        Some((only, [])) => only.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
    }
}
