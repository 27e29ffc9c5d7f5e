//! What was planned in this process, and what of it was made.

use std::collections::{HashMap, HashSet};

use super::joining::Joining;
use super::key::Key;
use super::live::Placed;
use super::members::Members;
use super::object_index::{Family, ObjectIndex, family, id};
use super::objects::{CheckedResource, CheckedRule, Object};
use pve_ha_manager::config::Name;

/// What was planned so far.
#[derive(Debug, Default)]
pub struct PlannedObjects {
    pub index: ObjectIndex,
    removed: HashSet<(Family, Name)>,
    nameless: HashSet<Family>,
    creates: HashMap<Key, usize>,
    /// What of that may be an object of the state at another address.
    appears: HashSet<Key>,
    /// Pairs that a changed or replaced job takes.
    taken_up: HashSet<Key>,
    keeps: HashSet<Key>,
    destroys: HashSet<Key>,
    made: HashSet<Key>,
    refreshed: HashSet<Key>,
    pub has_qdevice: bool,
    pub joining: Joining,
    pub members: Members,
    /// HA resources that this plan removes from all rules.
    purged: HashSet<Name>,
}

impl PlannedObjects {
    /// Takes note of an object: what it was, and what it will be.
    pub fn record(&mut self, prior: Option<Object>, planned: Option<Object>) {
        if let Some(Object::Member(_)) = prior.as_ref().or(planned.as_ref()) {
            let member = |object| match object {
                Some(Object::Member(member)) => Some(member),
                _ => None,
            };
            return self.members.record(member(prior).as_ref(), member(planned).as_ref());
        }
        self.note_for_members(prior.as_ref(), planned.as_ref());
        let old = prior.as_ref().and_then(id);
        let new = planned.as_ref().and_then(id);
        if let Some(old) = old.filter(|old| new.as_ref() != Some(old))
            && !self.plans(old.0, &old.1)
        {
            self.removed.insert(old);
        }
        match (planned, new) {
            (Some(object), Some(new)) => {
                self.index.put(&new.1, object);
                self.removed.remove(&new);
            }
            (Some(Object::Qdevice), None) => self.has_qdevice = true,
            (Some(object), None) => self.nameless.extend(family(&object)),
            (None, _) => {}
        }
    }

    /// Takes note of what members of rules depend on.
    fn note_for_members(&mut self, prior: Option<&Object>, planned: Option<&Object>) {
        match (prior, planned) {
            (Some(Object::Resource(CheckedResource { sid: Some(sid), noun, .. })), None)
                if noun.purge_rules() != Some(false) =>
            {
                self.purged.insert(sid.clone());
            }
            (prior, Some(Object::Rule(CheckedRule { name: Some(name), .. }))) => {
                let prior = match prior {
                    Some(Object::Rule(prior)) if prior.name.as_ref() == Some(name) => Some(prior),
                    _ => None,
                };
                self.members.record_rule(name, prior);
            }
            _ => {}
        }
    }

    /// Makes the rules anew whose members this plan changes.
    pub fn join(&mut self, live: Option<&Placed>) {
        let Self { members, index, removed, .. } = self;
        members.join(index, live, |name| removed.contains(&(Family::Rule, name.clone())));
    }

    /// Whether nothing is planned so far but what is to be destroyed.
    pub fn is_destroy_only(&self) -> bool {
        self.creates.is_empty() && self.keeps.is_empty()
    }

    /// Whether this plan removes an HA resource from all rules.
    pub fn purges(&self, sid: &Name) -> bool {
        self.purged.contains(sid)
    }

    /// Takes note of what an object was about, and what it will be about.
    ///
    /// Proxmox removes a job by its id, and a guest's job to some node may follow another one to that node: of the pair it is only
    /// judged where a new job has no number yet, since that may be the removed one at another address.
    pub fn record_keys(&mut self, old: Option<&[Key]>, new: Option<&[Key]>) {
        match (old, new) {
            (None, Some(new)) => {
                new.iter().for_each(|key| *self.creates.entry(key.clone()).or_default() += 1);
                let has_id = new.iter().any(|key| !key.is_pair());
                self.appears.extend(new.iter().filter(|key| !key.is_pair() || !has_id).cloned());
            }
            (Some(old), None) => self.destroys.extend(old.iter().cloned()),
            (Some(old), Some(new)) => {
                self.taken_up.extend(new.iter().filter(|key| key.is_pair() && !old.contains(key)).cloned());
                let (kept, gone): (Vec<_>, Vec<_>) =
                    old.iter().filter(|key| !key.is_pair()).cloned().partition(|key| new.contains(key));
                self.keeps.extend(kept);
                // What isn't known yet may be what it was, and what an update gives up of an object is not all of it.
                if old.len() == new.len() {
                    self.destroys.extend(gone.into_iter().filter(|key| !key.is_part()));
                }
            }
            (None, None) => {}
        }
    }

    /// Takes note that this process has made something.
    pub fn record_made(&mut self, keys: Vec<Key>) {
        self.made.extend(keys);
    }

    /// Takes note that the state has an object.
    pub fn record_state(&mut self, key: Key) {
        self.refreshed.insert(key);
    }

    /// Whether the state was refreshed before this plan, at least the object `key` of it.
    pub fn was_refreshed(&self, key: &Key) -> bool {
        self.refreshed.contains(key)
    }

    /// Whether the state has it, as far as this process has met it.
    pub fn has_in_state(&self, key: &Key) -> bool {
        [&self.refreshed, &self.keeps, &self.destroys].iter().any(|keys| keys.contains(key))
    }

    /// Whether this process has made it.
    pub fn has_made(&self, key: &Key) -> bool {
        self.made.contains(key)
    }

    /// Whether a resource is to create it.
    pub fn creates(&self, key: &Key) -> bool {
        self.creates.contains_key(key)
    }

    /// Whether more than one resource is to create the same.
    pub fn creates_twice(&self, key: &Key) -> bool {
        self.creates.get(key).is_some_and(|count| *count > 1)
    }

    /// Whether one resource is to create what another one is to destroy.
    pub fn destroys_and_creates(&self, key: &Key) -> bool {
        self.appears.contains(key) && self.destroys.contains(key) && !self.taken_up.contains(key)
    }

    /// Whether one resource is to keep what another one is to destroy.
    pub fn destroys_and_keeps(&self, key: &Key) -> bool {
        self.keeps.contains(key) && self.destroys.contains(key)
    }

    /// Whether an object is to exist.
    pub fn plans(&self, family: Family, id: &Name) -> bool {
        self.index.has(family, id)
    }

    /// Whether the cluster's object of this id counts no more: it is planned otherwise, or to be removed.
    pub fn overrides(&self, family: Family, id: &Name) -> bool {
        self.plans(family, id) || self.removed.contains(&(family, id.clone()))
    }

    /// The ids of the objects that this plan removes.
    pub fn removed(&self, family: Family) -> impl Iterator<Item = &Name> {
        self.removed.iter().filter(move |(of, _)| *of == family).map(|(_, id)| id)
    }

    /// Whether an object is planned whose id isn't known: it may be any.
    pub fn has_nameless(&self, family: Family) -> bool {
        self.nameless.contains(&family)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framework::Value;

    fn rule(name: Value, sids: &[&str]) -> Option<Object> {
        let sids = Value::set(sids.iter().map(|sid| Value::from(*sid)));
        let rule = Value::object([("name", name), ("resources", sids), ("affinity", Value::from("positive"))]);
        Object::of("pve_ha_resource_affinity_rule", &rule)
    }

    #[test]
    fn a_renamed_object_removes_the_old_one_unless_another_takes_its_name() {
        let mut planned = PlannedObjects::default();
        planned.record(rule("aa".into(), &["vm:100"]), rule("bb".into(), &["vm:100"]));
        assert!(planned.overrides(Family::Rule, &"aa".into()) && !planned.plans(Family::Rule, &"aa".into()));
        planned.record(None, rule("aa".into(), &["vm:101"]));
        planned.record(rule("aa".into(), &["vm:100"]), None);
        assert!(planned.plans(Family::Rule, &"aa".into()));
    }

    /// The keys of a job of guest 100 with this number, if it is known, to this node.
    fn job(number: Option<u32>, target: &str) -> Vec<Key> {
        let id = number.map_or(Value::Unknown, |number| format!("100-{number}").into());
        Key::of("pve_replication_job", &Value::object([("id", id), ("guest", 100.into()), ("target", target.into())]))
    }

    /// What of both is found to be destroyed and created, or kept, whichever comes first.
    fn collides(plans: [[Option<Vec<Key>>; 2]; 2]) -> Vec<bool> {
        let orders = [[&plans[0], &plans[1]], [&plans[1], &plans[0]]];
        let all: Vec<Key> = plans.iter().flatten().flatten().flatten().cloned().collect();
        let found = orders.map(|order| {
            let mut planned = PlannedObjects::default();
            for [old, new] in order {
                planned.record_keys(old.as_deref(), new.as_deref());
                if let (Some(old), Some(new)) = (old, new)
                    && old != new
                {
                    planned.record_keys(None, Some(new));
                }
            }
            all.iter().any(|key| planned.destroys_and_creates(key) || planned.destroys_and_keeps(key))
        });
        found.into()
    }

    #[test]
    fn jobs_of_a_guest_that_follow_each_other_are_no_collision() {
        let (old, new) = (Some(job(Some(0), "pve2")), Some(job(Some(0), "pve3")));
        let second = |target| Some(job(Some(1), target));
        // One is replaced, and a new one takes its target; also without a number of its own.
        assert_eq!(collides([[old.clone(), new.clone()], [None, second("pve2")]]), [false, false]);
        assert_eq!(collides([[old.clone(), new.clone()], [None, Some(job(None, "pve2"))]]), [false, false]);
        // One goes, and another one of another number comes, or takes up its target.
        assert_eq!(collides([[old.clone(), None], [None, second("pve2")]]), [false, false]);
        assert_eq!(collides([[old.clone(), None], [second("pve3"), Some(job(None, "pve2"))]]), [false, false]);
        // They change their targets with one another.
        assert_eq!(collides([[old.clone(), new], [second("pve3"), second("pve2")]]), [false, false]);
        // The state may have two jobs with one target, of which one was turned round.
        assert_eq!(collides([[old.clone(), old.clone()], [second("pve2"), None]]), [false, false]);
    }

    #[test]
    fn one_job_at_two_addresses_is_a_collision() {
        let old = Some(job(Some(0), "pve2"));
        assert_eq!(collides([[old.clone(), None], [None, old.clone()]]), [true, true]);
        assert_eq!(collides([[old.clone(), None], [None, Some(job(Some(0), "pve3"))]]), [true, true]);
        assert_eq!(collides([[old.clone(), None], [None, Some(job(None, "pve2"))]]), [true, true]);
        assert_eq!(collides([[old.clone(), None], [old.clone(), old]]), [true, true]);
    }

    #[test]
    fn an_object_planned_again_is_found_by_what_it_names_now() {
        let mut planned = PlannedObjects::default();
        planned.record(None, rule("aa".into(), &["vm:100", "vm:101"]));
        planned.record(None, rule("aa".into(), &["vm:101"]));
        assert_eq!(planned.index.rules_naming("vm:100").count(), 0);
        assert_eq!(planned.index.rules_naming("vm:101").count(), 1);
        assert!(!planned.has_nameless(Family::Rule));
        planned.record(None, rule(Value::Unknown, &["vm:102"]));
        assert!(planned.has_nameless(Family::Rule));
    }
}
