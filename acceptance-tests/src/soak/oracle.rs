//! The expected result of the next plan: a pure function of the events since the last apply.
//!
//! What the cluster does by itself changes nothing. What a person did to a managed object is undone, attribute by attribute.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use super::catalogue::{self, Generation};
use super::event::{Cut, Event};
use super::topology::{Attributes, Changes, Topology, kind, name};

/// What is configured, and what has become of it.
#[derive(Debug, Clone)]
pub struct Oracle {
    pub configured: Topology,
    /// What of it is there, with what a person has made of it.
    pub actual: Topology,
    /// Of which release the configuration is.
    pub generation: Generation,
    /// The rules that the HA manager has made of groups that the configuration still has; the groups stay in the state.
    pub made: Topology,
    /// Groups are gone from the cluster and not yet from the state, nor from its resources.
    pub is_state_behind: bool,
    /// The configuration has rules in place of groups, which `moved` blocks explain.
    pub is_rewritten: bool,
    /// Whether the state has the spare: if not, a plan creates it, even where it is a member.
    pub is_spare_in_state: bool,
    /// Guests that were removed.
    pub missing: BTreeSet<u32>,
    /// What is left of the token's privileges, if not all.
    pub cut: Option<Cut>,
}

impl Oracle {
    /// Everything is configured, and there.
    pub fn new(generation: Generation) -> Self {
        let configured = catalogue::configured(generation);
        Self {
            actual: configured.clone(),
            configured,
            generation,
            made: Topology::default(),
            is_state_behind: false,
            is_rewritten: false,
            is_spare_in_state: true,
            missing: BTreeSet::new(),
            cut: None,
        }
    }

    /// What the next plan changes, save for what is [out of sight](Self::is_out_of_sight).
    pub fn expected(&self, down: &BTreeSet<String>) -> Changes {
        let mut changes = self.actual.changes_to(&self.configured);
        changes.retain(|address, _| !Self::is_out_of_sight(address, down));
        changes
    }

    /// Whether the object at `address` is on the disk of one of the nodes that are down: it can't be read, and the state's word
    /// is kept, whatever that is.
    pub fn is_out_of_sight(address: &str, down: &BTreeSet<String>) -> bool {
        kind(address) == "pve_node_watchdog" && down.contains(name(address))
    }

    /// The apply has made everything as it is configured, save for what is on the disks of nodes that are down.
    pub fn applied(&mut self, down: &BTreeSet<String>) {
        let mut actual = self.configured.clone();
        for (address, object) in &self.actual.0 {
            if Self::is_out_of_sight(address, down) {
                actual.0.insert(address.clone(), object.clone());
            }
        }
        actual.0.retain(|address, _| self.actual.0.contains_key(address) || !Self::is_out_of_sight(address, down));
        self.actual = actual;
        self.is_state_behind &= self.holds_groups();
        self.is_spare_in_state = true;
    }

    /// The state has only what is there.
    pub fn refreshed(&mut self) {
        self.is_spare_in_state &= self.actual.0.contains_key(catalogue::SPARE.1);
    }

    /// Whether the configuration still has groups.
    pub fn holds_groups(&self) -> bool {
        self.configured.of_kind("pve_ha_group").next().is_some()
    }

    /// Takes note of an event that took place.
    pub fn happened(&mut self, event: &Event) {
        match event {
            Event::Stopped(guest) => self.request(*guest, "stopped"),
            Event::Started(guest) => self.request(*guest, "started"),
            Event::Removed(guest) => {
                self.missing.insert(*guest);
                self.forget(&sid(*guest));
                self.actual.0.retain(|_, attributes| attributes.get("guest") != Some(&json!(guest)));
            }
            Event::Restored(guest, _) | Event::Created(guest, _) => drop(self.missing.remove(guest)),
            Event::Edited(address, attribute, value) => self.actual.set(address, attribute, value),
            Event::Deleted(address) => self.delete(address),
            Event::MemberRemoved => drop(self.actual.0.remove(catalogue::SPARE.1)),
            Event::MemberReplaced => {
                let (address, spare) = (catalogue::SPARE.1, self.configured.0.get(catalogue::SPARE.1));
                if let Some(spare) = spare.filter(|_| self.is_spare_in_state) {
                    self.actual.0.insert(address.to_owned(), spare.clone());
                }
            }
            Event::Maintenance(node, on) => {
                let address = format!("pve_node_maintenance.{node}");
                match self.configured.0.get(&address) {
                    Some(object) if *on => drop(self.actual.0.insert(address, object.clone())),
                    Some(_) => drop(self.actual.0.remove(&address)),
                    // It is a person's.
                    None => {}
                }
            }
            Event::PrivilegesCut(cut) => self.cut = Some(*cut),
            Event::PrivilegesRestored => self.cut = None,
            Event::GroupsMigrated => {
                self.generation = Generation::Nine;
                self.is_state_behind = true;
                self.made = catalogue::rewritten(&self.actual);
                self.made.0.retain(|address, rule| kind(address) == "pve_ha_node_affinity_rule" && !is_empty(rule));
            }
            Event::Reconfigured(address, attribute, value) => self.configured.set(address, attribute, value),
            Event::Withdrawn(address) => drop(self.configured.0.remove(address)),
            Event::Added(address) => {
                if let Some(object) = catalogue::addition(address, self.generation) {
                    self.configured.0.insert(address.clone(), object);
                }
            }
            Event::Rewritten => self.rewrite(),
            Event::TimePasses
            | Event::NodeDies(_)
            | Event::NodeReturns(_)
            | Event::PowerCut(..)
            | Event::QuorumLost(_)
            | Event::PowerBack
            | Event::DiskFull(_)
            | Event::DiskFreed(_)
            | Event::Balanced(..)
            | Event::CertificateRenewed
            | Event::Updated(_)
            | Event::UpdateBegun(..)
            | Event::UpgradeBegun
            | Event::UpgradeEnded
            | Event::Migrated(..)
            | Event::Foreign(_)
            | Event::Refreshed => {}
        }
    }

    /// The web UI has the HA manager start and stop its guests, by way of their configured state.
    fn request(&mut self, guest: u32, state: &str) {
        if let Some(address) = self.actual.resource(&sid(guest)).cloned() {
            self.actual.set(&address, "state", &json!(state));
        }
    }

    fn delete(&mut self, address: &str) {
        let sid = self.actual.0.get(address).and_then(|object| object.get("sid")?.as_str().map(str::to_owned));
        match sid {
            Some(sid) => self.forget(&sid),
            None => {
                let name = self.actual.0.remove(address).and_then(|mut object| object.remove("name"));
                // A rule takes its members along.
                if let Some(name) = name.filter(|_| kind(address) == "pve_ha_node_affinity_rule") {
                    self.actual.0.retain(|_, object| object.get("rule") != Some(&name));
                }
            }
        }
    }

    /// The HA resource is removed, on PVE 9 also from rules; a rule without resources is removed, too.
    fn forget(&mut self, sid: &str) {
        if let Some(address) = self.actual.resource(sid).cloned() {
            self.actual.0.remove(&address);
        }
        for topology in [&mut self.actual, &mut self.made] {
            for attributes in topology.0.values_mut() {
                if let Some(Json::Array(sids)) = attributes.get_mut("resources") {
                    sids.retain(|other| other != sid);
                }
            }
            let is_member = |attributes: &Attributes| attributes.get("resource") == Some(&json!(sid));
            topology.0.retain(|_, attributes| !is_empty(attributes) && !is_member(attributes));
        }
    }

    fn rewrite(&mut self) {
        self.configured = catalogue::rewritten(&self.configured);
        self.actual.0.retain(|address, _| kind(address) != "pve_ha_group");
        self.actual.0.append(&mut self.made.0);
        // The group stays in the state of its resources until an apply takes it out, and their failback comes then.
        self.is_rewritten = true;
    }
}

/// Whether it is a rule without any resource.
fn is_empty(attributes: &Attributes) -> bool {
    attributes.get("resources") == Some(&json!([]))
}

/// The HA resource id of a guest.
pub fn sid(guest: u32) -> String {
    let kind = if guest == catalogue::CONTAINER { "ct" } else { "vm" };
    format!("{kind}:{guest}")
}

#[cfg(test)]
mod tests {
    use super::super::topology::Change;
    use super::*;

    fn after(generation: Generation, events: &[Event]) -> Changes {
        let mut oracle = Oracle::new(generation);
        for event in events {
            oracle.happened(event);
        }
        oracle.expected(&BTreeSet::new())
    }

    fn update(address: &str, attributes: &[&str]) -> (String, Change) {
        (address.to_owned(), Change::Update(attributes.iter().map(|name| (*name).to_owned()).collect()))
    }

    fn create(address: &str) -> (String, Change) {
        (address.to_owned(), Change::Create)
    }

    #[test]
    fn what_the_cluster_does_by_itself_plans_empty() {
        let node = || "pve1".to_owned();
        let events = [
            Event::TimePasses,
            Event::NodeDies(node()),
            Event::NodeReturns(node()),
            Event::PowerCut(node(), "pve2".to_owned()),
            Event::PowerBack,
            Event::QuorumLost(node()),
            Event::DiskFull(node()),
            Event::DiskFreed(node()),
            Event::Balanced(102, node()),
            Event::CertificateRenewed,
            Event::UpdateBegun(node(), "9.2.6"),
            Event::Updated("9.2.6"),
            Event::UpgradeBegun,
            Event::UpgradeEnded,
            Event::GroupsMigrated,
        ];
        assert!(events.iter().all(|event| event.actor() == super::super::event::Actor::Cluster));
        assert!(after(Generation::Eight, &events).is_empty());
    }

    #[test]
    fn a_guest_that_moves_changes_nothing_and_one_that_is_stopped_changes_its_state() {
        assert!(after(Generation::Nine, &[Event::Migrated(102, "pve2".to_owned())]).is_empty());
        let stopped = [Event::Stopped(104)];
        assert_eq!(after(Generation::Nine, &stopped), [update("pve_ha_resource.proxy", &["state"])].into());
        assert!(after(Generation::Nine, &[Event::Stopped(104), Event::Started(104)]).is_empty());
        assert!(after(Generation::Nine, &[Event::Stopped(107)]).is_empty(), "it is not managed");
    }

    #[test]
    fn a_removed_guest_takes_its_resource_jobs_and_places_in_rules_along() {
        let expected = [
            create("pve_ha_resource.mortal"),
            create("pve_replication_job.mortal"),
            update("pve_ha_node_affinity_rule.mail", &["resources"]),
        ];
        assert_eq!(after(Generation::Nine, &[Event::Removed(106)]), expected.into());
        // The last one of a rule takes the rule along.
        let expected = [create("pve_ha_resource.db"), create("pve_ha_node_affinity_rule.databases")];
        assert_eq!(after(Generation::Nine, &[Event::Deleted("pve_ha_resource.db".to_owned())]), expected.into());
    }

    #[test]
    fn a_member_that_was_taken_out_is_created_and_one_that_is_back_is_known_by_the_state() {
        let spare = || create(catalogue::SPARE.1);
        assert_eq!(after(Generation::Nine, &[Event::MemberRemoved]), [spare()].into());
        assert!(after(Generation::Nine, &[Event::MemberReplaced]).is_empty());
        assert!(after(Generation::Nine, &[Event::MemberRemoved, Event::MemberReplaced]).is_empty());
        let mut oracle = Oracle::new(Generation::Nine);
        oracle.happened(&Event::MemberRemoved);
        oracle.refreshed();
        oracle.happened(&Event::MemberReplaced);
        assert_eq!(oracle.expected(&BTreeSet::new()), [spare()].into());
        oracle.applied(&BTreeSet::new());
        oracle.happened(&Event::MemberReplaced);
        assert!(oracle.expected(&BTreeSet::new()).is_empty());
    }

    #[test]
    fn an_edit_is_named_and_ends_when_it_is_taken_back() {
        let edit = |value: u64| Event::Edited("pve_ha_resource.db".to_owned(), "max_restart", json!(value));
        assert_eq!(after(Generation::Eight, &[edit(3)]), [update("pve_ha_resource.db", &["max_restart"])].into());
        assert!(after(Generation::Eight, &[edit(3), edit(1)]).is_empty());
    }

    #[test]
    fn the_configuration_that_follows_the_migration_of_groups_changes_the_state_of_their_resources() {
        let events = [Event::UpgradeBegun, Event::UpgradeEnded, Event::GroupsMigrated, Event::Rewritten];
        let expected = [
            update("pve_ha_resource.db", &["group"]),
            update("pve_ha_resource.mail", &["failback", "group"]),
            update("pve_ha_resource.mortal", &["failback", "group"]),
        ];
        assert_eq!(after(Generation::Eight, &events), expected.into());
    }

    #[test]
    fn the_disk_of_a_node_that_is_down_is_not_judged() {
        let mut oracle = Oracle::new(Generation::Nine);
        oracle.happened(&Event::Edited("pve_node_watchdog.pve1".to_owned(), "module", json!("hpwdt")));
        assert_eq!(oracle.expected(&BTreeSet::new()).len(), 1);
        assert!(oracle.expected(&["pve1".to_owned()].into()).is_empty());
    }

    #[test]
    fn nodes_to_avoid_that_a_person_turns_round_are_named() {
        let off = || catalogue::OFF.to_owned();
        let added = Event::Added(off());
        assert_eq!(after(Generation::Nine, std::slice::from_ref(&added)), [create(catalogue::OFF)].into());
        let mut oracle = Oracle::new(Generation::Nine);
        oracle.happened(&added);
        oracle.applied(&BTreeSet::new());
        oracle.happened(&Event::Edited(off(), "affinity", json!("positive")));
        assert_eq!(oracle.expected(&BTreeSet::new()), [update(catalogue::OFF, &["affinity"])].into());
    }

    #[test]
    fn what_leaves_the_configuration_is_deleted() {
        let maintenance = "pve_node_maintenance.pve4".to_owned();
        let events = [Event::Withdrawn(maintenance.clone())];
        assert_eq!(after(Generation::Nine, &events), [(maintenance.clone(), Change::Delete)].into());
        assert!(
            after(Generation::Nine, &[Event::Withdrawn(maintenance.clone()), Event::Added(maintenance)]).is_empty()
        );
    }
}
