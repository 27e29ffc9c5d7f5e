//! Objects by their natural ids, and by what they name.

use std::collections::{BTreeSet, HashMap};

use super::objects::{
    CheckedBackup, CheckedGroup, CheckedJob, CheckedMatcher, CheckedResource, CheckedRule, CheckedTarget, Object,
};
use pve_ha_manager::config::Name;

/// Objects by their natural ids, and by what they name.
#[derive(Debug, Default)]
pub struct ObjectIndex {
    pub resources: HashMap<Name, CheckedResource>,
    pub rules: HashMap<Name, CheckedRule>,
    pub groups: HashMap<Name, CheckedGroup>,
    pub jobs: HashMap<Name, CheckedJob>,
    pub backups: HashMap<Name, CheckedBackup>,
    pub matchers: HashMap<Name, CheckedMatcher>,
    pub targets: HashMap<Name, CheckedTarget>,
    rules_naming: HashMap<Name, BTreeSet<Name>>,
    users_of: HashMap<Name, BTreeSet<Name>>,
    jobs_of: HashMap<u64, BTreeSet<Name>>,
}

/// The families of objects that share one space of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    Resource,
    Rule,
    Group,
    Job,
    Backup,
    Matcher,
    Target,
}

impl ObjectIndex {
    /// Whether an object of this id is there.
    pub fn has(&self, family: Family, id: &Name) -> bool {
        match family {
            Family::Resource => self.resources.contains_key(id),
            Family::Rule => self.rules.contains_key(id),
            Family::Group => self.groups.contains_key(id),
            Family::Job => self.jobs.contains_key(id),
            Family::Backup => self.backups.contains_key(id),
            Family::Matcher => self.matchers.contains_key(id),
            Family::Target => self.targets.contains_key(id),
        }
    }

    /// Puts an object in, in place of another one with its id.
    pub fn put(&mut self, id: &Name, object: Object) {
        match object {
            Object::Resource(resource) => {
                let group = |resource: &CheckedResource| resource.group.clone().flatten();
                if let Some(old) = self.resources.get(id).and_then(group) {
                    self.users_of.entry(old).or_default().remove(id);
                }
                if let Some(new) = group(&resource) {
                    self.users_of.entry(new).or_default().insert(id.clone());
                }
                self.resources.insert(id.clone(), resource);
            }
            Object::Rule(rule) => {
                self.remove_rule(id);
                for sid in rule.resources.iter().flatten() {
                    self.rules_naming.entry(sid.clone()).or_default().insert(id.clone());
                }
                self.rules.insert(id.clone(), rule);
            }
            Object::Group(group) => {
                self.groups.insert(id.clone(), group);
            }
            Object::Job(job) => {
                if let Some(guest) = job.guest {
                    self.jobs_of.entry(guest).or_default().insert(id.clone());
                }
                self.jobs.insert(id.clone(), job);
            }
            Object::BackupJob(job) => drop(self.backups.insert(id.clone(), *job)),
            Object::Matcher(matcher) => drop(self.matchers.insert(id.clone(), matcher)),
            Object::Target(target) => drop(self.targets.insert(id.clone(), target)),
            Object::Member(_) | Object::Options | Object::Qdevice | Object::Membership(_) | Object::Hosted(_) => {}
        }
    }

    /// Takes a rule out.
    pub fn remove_rule(&mut self, id: &Name) {
        for sid in self.rules.remove(id).and_then(|old| old.resources).into_iter().flatten() {
            if let Some(rules) = self.rules_naming.get_mut(&sid) {
                rules.remove(id);
            }
        }
    }

    /// The names of the rules that name `sid`, sorted.
    pub fn rules_naming(&self, sid: &str) -> impl Iterator<Item = &Name> {
        self.rules_naming.get(sid).into_iter().flatten()
    }

    /// The resources of `group`, sorted.
    pub fn users_of(&self, group: &str) -> impl Iterator<Item = &Name> {
        self.users_of.get(group).into_iter().flatten()
    }

    /// The replication jobs of `guest`, sorted.
    pub fn jobs_of(&self, guest: u64) -> impl Iterator<Item = &Name> {
        self.jobs_of.get(&guest).into_iter().flatten()
    }
}

/// The id of an object; none while it isn't known.
pub fn id(object: &Object) -> Option<(Family, Name)> {
    let name = match object {
        Object::Resource(resource) => resource.sid.clone()?,
        Object::Rule(rule) => rule.name.clone()?,
        Object::Group(group) => group.name.clone()?,
        Object::BackupJob(job) => job.name.clone()?,
        Object::Matcher(matcher) => matcher.name.clone()?,
        Object::Target(target) => target.name.clone()?,
        // A job whose number is chosen later is none that exists; one guest has one job to each target.
        Object::Job(CheckedJob { guest: Some(guest), number, target, .. }) => match (number, target) {
            (Some(number), _) => format!("{guest}-{number}").into(),
            (None, Some(target)) => format!("{guest} to {target}").into(),
            (None, None) => return None,
        },
        Object::Member(_)
        | Object::Job(_)
        | Object::Options
        | Object::Qdevice
        | Object::Membership(_)
        | Object::Hosted(_) => return None,
    };
    family(object).map(|family| (family, name))
}

pub fn family(object: &Object) -> Option<Family> {
    match object {
        Object::Resource(_) => Some(Family::Resource),
        Object::Rule(_) => Some(Family::Rule),
        Object::Group(_) => Some(Family::Group),
        Object::Job(_) => Some(Family::Job),
        Object::BackupJob(_) => Some(Family::Backup),
        Object::Matcher(_) => Some(Family::Matcher),
        Object::Target(_) => Some(Family::Target),
        Object::Member(_) | Object::Options | Object::Qdevice | Object::Membership(_) | Object::Hosted(_) => None,
    }
}
