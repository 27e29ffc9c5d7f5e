//! The reasons for which a plan or an apply may fail, and how a diagnostic has to name them.

use serde_json::{Value as Json, json};

use super::oracle::sid;
use super::topology::{Attributes, Topology, kind, name};
use crate::output::Message;

/// What may keep a plan or an apply from doing its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// A configured guest doesn't exist.
    Missing(u32),
    /// The token lacks privileges.
    Privileges,
    /// A node is down.
    Down(String),
    /// A node has died a moment ago, and counts as online.
    Dying(String),
    /// The cluster has no quorum.
    NoQuorum,
    /// A service is in the error state.
    Broken(String),
    /// Resources still name groups that have become rules.
    Groups,
    /// An HA resource is to be created again in a group, and the release has rules in place of groups.
    Grouped(String),
    /// A job is to be created again whose guest, or whose guest's copies by another job, are on its target by now.
    Taken(u32),
    /// Services are still on a node whose maintenance is managed.
    Occupied(String),
    /// A node that is to join has another release than the cluster: the node.
    Outdated(String),
    /// A rule is to name nodes to avoid, and a node is too old for that, or does not report its version: the node.
    Older(String),
}

/// The beginnings of the names of Proxmox's privileges.
const PRIVILEGES: [&str; 7] = ["Datastore.", "Mapping.", "Permissions.", "Pool.", "Sys.", "User.", "VM."];

impl Reason {
    /// Whether an error about an object of `known` names it: in a word of its own, and on an object that it concerns.
    pub fn is_named_by(&self, error: &Message, known: &Topology) -> bool {
        let text = error.flat();
        let says = |expected: &str| words(&text).any(|word| word == expected);
        let of_kind = |kinds: &[&str]| kinds.contains(&kind(&error.address));
        let object = known.0.get(error.address.as_str());
        let concerns = |guest: &str| object.is_none_or(|object| is_about(object, guest));
        match self {
            Self::Missing(guest) => {
                (says(&sid(*guest)) || says(&guest.to_string()) || names_job(&text, *guest)) && concerns(&sid(*guest))
            }
            Self::Taken(guest) => {
                of_kind(&["pve_replication_job"])
                    && (names_job(&text, *guest) || says(&guest.to_string()))
                    && concerns(&sid(*guest))
            }
            Self::Privileges => words(&text)
                .any(|word| PRIVILEGES.iter().any(|kind| word.strip_prefix(kind).is_some_and(|rest| !rest.is_empty()))),
            // What is on a node's own disk doesn't depend on the others.
            Self::Down(node) | Self::Dying(node) => {
                says(node) && (!of_kind(&["pve_node_watchdog"]) || name(&error.address) == node)
            }
            Self::Occupied(node) => of_kind(&["pve_node_maintenance"]) && name(&error.address) == node && says(node),
            Self::NoQuorum => says("quorum"),
            Self::Broken(sid) => says(sid) && concerns(sid),
            Self::Groups => of_kind(&["pve_ha_group", "pve_ha_resource"]) && (says("group") || says("groups")),
            Self::Grouped(sid) => of_kind(&["pve_ha_resource"]) && says("groups") && concerns(sid),
            Self::Outdated(node) => of_kind(&["pve_cluster_member"]) && says(node) && says("Upgrade"),
            Self::Older(node) => of_kind(&["pve_ha_node_affinity_rule"]) && says("affinity") && says(node),
        }
    }

    /// Whether it can keep a plan from being made, and not only an apply from being carried out.
    pub fn stops_plans(&self) -> bool {
        let only_applies = matches!(
            self,
            Self::Down(_) | Self::NoQuorum | Self::Broken(_) | Self::Groups | Self::Taken(_) | Self::Occupied(_)
        );
        !only_applies
    }
}

/// The words of a text: ids such as `vm:101` and `101-0`, names of nodes and of privileges are one word each.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
    text.split(move |c| !is_part(c)).map(|word| word.trim_matches(['.', ':', '-'])).filter(|word| !word.is_empty())
}

/// Whether a text names a replication job of a guest.
fn names_job(text: &str, guest: u32) -> bool {
    let number =
        |word: &str| word.strip_prefix(&guest.to_string()).and_then(|rest| rest.strip_prefix('-')).map(str::to_owned);
    words(text).filter_map(number).any(|number| number.parse::<u32>().is_ok())
}

/// Whether an object is a guest's, or names it; what names no guest may concern all.
fn is_about(object: &Attributes, sid: &str) -> bool {
    let guest = sid.split(':').nth(1).and_then(|guest| guest.parse::<u32>().ok());
    if let Some(own) = object.get("sid") {
        return own == sid;
    }
    if let Some(own) = object.get("resource") {
        return own == sid;
    }
    if let Some(own) = object.get("guest") {
        return guest.is_some_and(|guest| *own == json!(guest));
    }
    match object.get("resources") {
        Some(Json::Array(sids)) => sids.iter().any(|own| own == sid),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::super::catalogue::{Generation, configured};
    use super::*;

    fn is_named(reason: &Reason, address: &str, text: &str) -> bool {
        let error = Message {
            is_error: true,
            address: address.to_owned(),
            summary: text.to_owned(),
            detail: String::new(),
            line: String::new(),
        };
        reason.is_named_by(&error, &configured(Generation::Nine))
    }

    #[test]
    fn a_part_of_a_word_names_nothing() {
        let mortal = "pve_ha_resource.mortal";
        assert!(is_named(&Reason::Missing(106), mortal, "`vm:106` does not exist"));
        assert!(is_named(&Reason::Missing(106), "pve_replication_job.mortal", "job 106-0: no such guest"));
        assert!(!is_named(&Reason::Missing(106), mortal, "line 1060 is wrong, of vm:1061 and 106-x"));
        assert!(is_named(&Reason::Down("pve1".to_owned()), "", "pve1: no answer"));
        assert!(!is_named(&Reason::Down("pve1".to_owned()), "", "pve10 and pve1-old: no answer"));
        assert!(is_named(&Reason::Privileges, mortal, "/vms/106 needs VM.Audit."));
        assert!(!is_named(&Reason::Privileges, mortal, "the privilege of VM. 106"));
        assert!(!is_named(&Reason::NoQuorum, mortal, "a quorumless day"));
    }

    #[test]
    fn an_error_on_another_object_names_nothing() {
        assert!(!is_named(&Reason::Missing(106), "pve_ha_resource.db", "vm:106 does not exist"));
        assert!(!is_named(&Reason::Missing(106), "pve_replication_job.db", "106 does not exist"));
        assert!(is_named(&Reason::Missing(106), "pve_ha_node_affinity_rule.mail", "vm:106 does not exist"));
        assert!(!is_named(&Reason::Missing(106), "pve_ha_node_affinity_rule.databases", "vm:106 does not exist"));
        let down = Reason::Down("pve2".to_owned());
        assert!(!is_named(&down, "pve_node_watchdog.pve1", "pve2 is offline"));
        assert!(is_named(&down, "pve_node_watchdog.pve2", "pve2 is offline"));
        let occupied = Reason::Occupied("pve4".to_owned());
        assert!(is_named(&occupied, "pve_node_maintenance.pve4", "pve4 still has vm:100"));
        assert!(!is_named(&occupied, "pve_ha_resource.db", "pve4 still has vm:100"));
        assert!(!is_named(&Reason::Taken(105), "pve_replication_job.db", "105 is on pve4"));
        assert!(!is_named(&Reason::Groups, "pve_qdevice.this", "the group"));
        let grouped = Reason::Grouped("vm:102".to_owned());
        assert!(is_named(&grouped, "pve_ha_resource.db", "HA groups are gone"));
        assert!(!is_named(&grouped, "pve_ha_resource.web1", "HA groups are gone"));
        let older = Reason::Older("pve2".to_owned());
        assert!(!is_named(&older, "pve_ha_resource.db", "affinity: pve2 runs 9.2.0"));
        for (text, names) in [("pve2 runs", true), ("this node runs 9.2.0.", false), ("pve3 runs 9.2.0", false)] {
            let text = format!("affinity: {text}");
            assert_eq!(is_named(&older, "pve_ha_node_affinity_rule.off", &text), names, "{text}");
        }
    }
}
