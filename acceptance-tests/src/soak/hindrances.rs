//! The reasons for which Terraform may fail, by the events so far and by the current state of the cluster.

use std::collections::BTreeSet;

use super::catalogue;
use super::observe;
use super::oracle::{Oracle, sid};
use super::reason::Reason;
use super::stage::Stage;
use super::topology::Topology;

/// What may keep Terraform from its work now.
pub fn reasons(stage: &Stage, oracle: &Oracle) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let configured = |guest: &u32| oracle.configured.resource(&sid(*guest)).is_some();
    reasons.extend(oracle.missing.iter().filter(|guest| configured(guest)).map(|guest| Reason::Missing(*guest)));
    if oracle.cut.is_some() {
        reasons.push(Reason::Privileges);
    }
    reasons.extend(stage.down().into_iter().map(Reason::Down));
    reasons.extend(stage.dying().into_iter().map(Reason::Dying));
    if !stage.is_quorate() {
        reasons.push(Reason::NoQuorum);
    }
    reasons.extend(observe::broken(&stage.cluster).into_iter().map(Reason::Broken));
    if oracle.is_state_behind {
        reasons.push(Reason::Groups);
    }
    if stage.has_rules() {
        let grouped = oracle
            .configured
            .of_kind("pve_ha_resource")
            .filter(|(address, resource)| resource.contains_key("group") && !oracle.actual.0.contains_key(*address));
        let sids = grouped.filter_map(|(_, resource)| resource["sid"].as_str());
        reasons.extend(sids.map(|sid| Reason::Grouped(sid.to_owned())));
    }
    let copies = observe::copies(&stage.cluster);
    for (address, job) in oracle.configured.of_kind("pve_replication_job") {
        let guest = job["guest"].as_u64().and_then(|guest| u32::try_from(guest).ok()).unwrap_or_default();
        let target = job["target"].as_str().unwrap_or_default();
        let is_taken =
            stage.node_of(guest).as_deref() == Some(target) || copies.contains(&(guest.to_string(), target.to_owned()));
        if is_taken && !oracle.actual.0.contains_key(address) {
            reasons.push(Reason::Taken(guest));
        }
    }
    let is_negative =
        |topology: &Topology| topology.0.get(catalogue::OFF).is_some_and(|rule| rule["affinity"] == "negative");
    if is_negative(&oracle.configured) && !is_negative(&oracle.actual) {
        reasons.extend(stage.older_than(catalogue::AVOIDS).map(Reason::Older));
        reasons.extend(stage.down().into_iter().map(Reason::Older));
    }
    let is_to_join = |address| oracle.configured.0.contains_key(address) && !oracle.actual.0.contains_key(address);
    if is_to_join(catalogue::SPARE.1) && stage.is_spare_outdated() {
        reasons.push(Reason::Outdated(catalogue::SPARE.0.to_owned()));
    }
    reasons.extend(occupied(stage, oracle).into_iter().map(Reason::Occupied));
    reasons
}

/// The nodes whose maintenance is managed, and there, and on which services still are.
pub fn occupied(stage: &Stage, oracle: &Oracle) -> BTreeSet<String> {
    let occupied = observe::occupied(&stage.cluster);
    let is_managed = |node: &String| {
        let address = format!("pve_node_maintenance.{node}");
        [&oracle.configured, &oracle.actual].iter().all(|topology| topology.0.contains_key(&address))
    };
    occupied.into_iter().filter(is_managed).collect()
}
