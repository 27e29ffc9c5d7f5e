//! The HA managers and what they look after.

use std::collections::BTreeSet;

use pve_schemas::data::ha_status::{DEAD, DRIFT, Service};

use super::verdict::{Verdict, fail, named, pass, skipped};
use super::{Demands, Facts};
use crate::words::{by, counted};

/// What `PVE::API2::HA::Status` shows of a service whose HA resource is gone.
const DELETING: &str = "deleting";

pub(super) fn master(facts: &Facts, _: &Demands) -> Verdict {
    if !facts.uses_ha() {
        return skipped("there is no HA resource yet");
    }
    let remedy = "See `ha-manager status` and `systemctl status pve-ha-crm` on the nodes.";
    match &facts.status.master {
        Some(master) if master.state == "active" => pass(format!("{} is active", master.node)),
        Some(master) => fail(format!("{} is {}", master.node, master.state), remedy),
        None => fail("no HA manager is master", remedy),
    }
}

pub(super) fn lrms(facts: &Facts, _: &Demands) -> Verdict {
    if !facts.uses_ha() {
        return skipped("there is no HA resource yet");
    }
    let carries = |node: &str| {
        facts
            .status
            .services
            .iter()
            .any(|s| s.node.as_deref() == Some(node) && s.requested_state.as_deref() == Some("started"))
    };
    let bad = facts.status.lrm.iter().filter(|lrm| match lrm.state.as_str() {
        "active" | "maintenance mode" | "maintenance" => false,
        "idle" | "wait_for_agent_lock" => carries(&lrm.node),
        _ => true,
    });
    let bad: Vec<String> = bad.map(|lrm| format!("{} is {}", lrm.node, lrm.state)).collect();
    let reported = |node: &&str| facts.status.lrm.iter().any(|lrm| lrm.node == **node);
    let mute: Vec<String> =
        facts.online().filter(|node| !reported(node)).map(|n| format!("{n} has never reported")).collect();
    if bad.is_empty() && mute.is_empty() {
        return pass(format!("{} local resource managers report", facts.status.lrm.len()));
    }
    fail(named(bad.into_iter().chain(mute)), "See `systemctl status pve-ha-lrm` on these nodes.")
}

pub(super) fn clocks(facts: &Facts, _: &Demands) -> Verdict {
    // With nothing to manage the HA manager rests, and its last report grows old.
    let master = facts.status.master.iter().filter(|_| facts.uses_ha());
    let master = master.map(|master| (&master.node, &master.state));
    let stamped: Vec<_> = master.chain(facts.status.lrm.iter().map(|lrm| (&lrm.node, &lrm.state))).collect();
    if stamped.is_empty() {
        return skipped("no HA manager has reported yet");
    }
    // The master's node reports twice: as a CRM and as an LRM.
    let mut named_once = BTreeSet::new();
    let off: Vec<String> = stamped
        .iter()
        .filter(|(node, state)| !matches!(state.as_str(), DRIFT | DEAD) || named_once.insert(*node))
        .filter_map(|(node, state)| match state.as_str() {
            DRIFT => Some(format!("{node} is more than 2 s ahead of the node that answers")),
            DEAD => Some(format!("{node} is more than 30 s behind, or does not report")),
            _ => None,
        })
        .collect();
    if off.is_empty() {
        return pass("no report of a node is more than 2 s ahead or 30 s behind");
    }
    fail(named(off), "See `chronyc tracking` on these nodes.")
}

pub(super) fn maintenance(facts: &Facts, _: &Demands) -> Verdict {
    let nodes = facts.status.nodes.iter().filter(|node| node.state == "maintenance" || node.maintenance_requested);
    let nodes: Vec<&str> = nodes.map(|node| node.name.as_str()).collect();
    if nodes.is_empty() {
        return pass("no node is in maintenance");
    }
    let end = format!("ha-manager crm-command node-maintenance disable {}", nodes[0]);
    fail(
        format!("in maintenance: {}", nodes.join(", ")),
        format!("Run `{end}`, or destroy its `pve_node_maintenance`."),
    )
}

pub(super) fn states(facts: &Facts, _: &Demands) -> Verdict {
    let services = &facts.status.services;
    if services.is_empty() {
        return skipped("there is no HA resource yet");
    }
    let off: Vec<String> = services.iter().filter_map(off).collect();
    if off.is_empty() {
        let (count, own) = (services.len(), by(&services.len(), "is in its", "are in their"));
        return pass(format!("{} {own} requested state", counted(count, "HA resource")));
    }
    fail(
        named(off),
        "Wait for those in transition. For one in error: repair the guest, set its state to disabled, then back to \
         started.",
    )
}

/// What is wrong with a service that is not in its requested state.
pub(super) fn off(service: &Service) -> Option<String> {
    let sid = &service.sid;
    // Its resource is removed already, and the HA manager is about to forget it.
    if service.state == DELETING {
        return None;
    }
    if service.in_error {
        return Some(format!("{sid} is in the error state"));
    }
    let requested = service.requested_state.as_deref().unwrap_or("started");
    let there = match requested {
        "started" => service.state == "started",
        "stopped" | "disabled" => matches!(service.state.as_str(), "stopped" | "disabled"),
        _ => true,
    };
    (!there).then(|| format!("{sid} is {}, requested is {requested}", service.state))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Good, status};
    use super::*;

    #[test]
    fn the_master_is_active() {
        assert_eq!(status(master, |_| ()), "pass");
        assert_eq!(status(master, |facts| facts.status.master = None), "fail");
        assert_eq!(status(master, |facts| facts.status.master.as_mut().unwrap().state = DEAD.into()), "fail");
        assert_eq!(status(master, |facts| facts.live.config.resources.clear()), "skipped");
    }

    #[test]
    fn the_lrms_work_where_there_is_work() {
        assert_eq!(status(lrms, |_| ()), "pass");
        assert_eq!(status(lrms, |facts| facts.status.lrm[0].state = "idle".into()), "fail");
        assert_eq!(status(lrms, |facts| facts.status.lrm[2].state = "idle".into()), "pass");
        assert_eq!(status(lrms, |facts| facts.status.lrm[2].state = "lost_agent_lock".into()), "fail");
        assert_eq!(status(lrms, |facts| drop(facts.status.lrm.pop())), "fail");
    }

    #[test]
    fn clocks_drift() {
        assert_eq!(status(clocks, |_| ()), "pass");
        assert_eq!(status(clocks, |facts| facts.status.lrm[1].state = DRIFT.into()), "fail");
        // The master's node is named once.
        let mut facts = Good::facts();
        facts.status.master.as_mut().unwrap().state = DEAD.into();
        let node = facts.status.master.as_ref().unwrap().node.clone();
        facts.status.lrm.iter_mut().find(|lrm| lrm.node == node).unwrap().state = DEAD.into();
        assert_eq!(clocks(&facts, &Good::demands()).detail.matches(&node).count(), 1);
        let resting = |facts: &mut Facts| {
            facts.status.master.as_mut().unwrap().state = DEAD.into();
            facts.live.config.resources.clear();
        };
        assert_eq!(status(clocks, resting), "pass");
    }

    #[test]
    fn maintenance_is_forgotten() {
        assert_eq!(status(maintenance, |_| ()), "pass");
        assert_eq!(status(maintenance, |facts| facts.status.nodes[1].state = "maintenance".into()), "fail");
        assert_eq!(status(maintenance, |facts| facts.status.nodes[1].maintenance_requested = true), "fail");
    }

    #[test]
    fn services_are_where_they_should_be() {
        assert_eq!(status(states, |_| ()), "pass");
        assert_eq!(status(states, |facts| facts.status.services[0].state = "queued".into()), "fail");
        assert_eq!(status(states, |facts| facts.status.services[0].in_error = true), "fail");
        let removed = |facts: &mut Facts| {
            facts.status.services[0].state = "deleting".into();
            facts.status.services[0].requested_state = None;
        };
        assert_eq!(status(states, removed), "pass");
        assert_eq!(status(states, |facts| facts.status.services.clear()), "skipped");
    }
}
