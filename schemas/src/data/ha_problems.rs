//! The problems of a cluster's HA, in words.

use super::ha_status::{DEAD, DRIFT, HaNode, HaStatus, Lrm, Service};

/// One line for each problem, in the order of causes: what is wrong further up explains what follows.
///
/// `offline` are the nodes that Corosync misses.
pub fn problems(status: &HaStatus, offline: &[String]) -> Vec<String> {
    let mut lines = Vec::new();
    if !status.quorate {
        lines.push(
            "no quorum: /etc/pve is read-only, HA does nothing, and nodes with active HA resources reset themselves"
                .to_owned(),
        );
    }
    lines.extend(master(status));
    lines.extend(disarmed(status));
    let is_missed = |name: &str| !is_down(status, name) && offline.iter().any(|node| node == name);
    lines.extend(status.nodes.iter().filter(|node| !is_missed(&node.name)).filter_map(node));
    let missed = offline.iter().filter(|node| is_missed(node));
    lines.extend(missed.map(|node| format!("node {node}: not online; the HA manager has not noticed it yet")));
    lines.extend(status.lrm.iter().filter(|lrm| !is_down(status, &lrm.node) && !is_missed(&lrm.node)).filter_map(lrm));
    lines.extend(status.services.iter().filter_map(|one| service(status, one)));
    lines
}

fn master(status: &HaStatus) -> Option<String> {
    match &status.master {
        None if status.services.is_empty() => None,
        None => Some("no HA manager is master: HA resources are unmanaged".to_owned()),
        Some(master) => match master.state.as_str() {
            "active" | "idle" => None,
            DEAD => Some(format!("master {}: has not reported for more than 30 s", master.node)),
            DRIFT => Some(format!("master {}: its clock is ahead of that of the node that answers", master.node)),
            other => Some(format!("master {}: {other}", master.node)),
        },
    }
}

fn disarmed(status: &HaStatus) -> Option<String> {
    let fencing =
        status.fencing.as_ref().filter(|fencing| matches!(&*fencing.armed_state, "disarming" | "disarmed"))?;
    let mode = fencing.resource_mode.as_deref().unwrap_or("unknown");
    let is = if fencing.armed_state == "disarmed" { "is disarmed" } else { "is being disarmed" };
    Some(format!("HA {is} (resource mode {mode}): no node is fenced, nothing is recovered"))
}

fn node(node: &HaNode) -> Option<String> {
    let name = &node.name;
    match node.state.as_str() {
        "online" | "maintenance" => None,
        "unknown" => Some(format!("node {name}: not online; it is fenced after 60 s, if it has not been already")),
        "fence" => Some(format!(
            "node {name}: failed, is being fenced; its HA resources are recovered on other nodes after that"
        )),
        "gone" => Some(format!("node {name}: is not part of the cluster any more")),
        other => Some(format!("node {name}: {other}")),
    }
}

fn lrm(lrm: &Lrm) -> Option<String> {
    let node = &lrm.node;
    let is = match lrm.state.as_str() {
        "idle" | "active" | "wait_for_agent_lock" | "maintenance" | "maintenance mode" | "disarm mode" => return None,
        DEAD => "has not reported for more than 30 s".to_owned(),
        DRIFT => "its clock is ahead of that of the node that answers".to_owned(),
        "lost_agent_lock" => "lost its lock, so its watchdog is about to reset the node".to_owned(),
        "unable to read lrm status" => "has never reported".to_owned(),
        "restart mode" => "is being restarted; HA resources of this node are frozen".to_owned(),
        "shutdown mode" => "its node is being shut down".to_owned(),
        other => other.to_owned(),
    };
    Some(format!("lrm {node}: {is}"))
}

fn service(status: &HaStatus, service: &Service) -> Option<String> {
    let sid = &service.sid;
    let node = service.node.as_deref().unwrap_or("no node");
    let requested = service.requested_state.as_deref().unwrap_or("nothing");
    // Its record in the HA manager may be in error besides, and nothing gets it out of that.
    if service.state == "not found" {
        return Some(format!(
            "{sid}: the guest does not exist any more, so there is nothing to repair; remove its HA resource"
        ));
    }
    if service.in_error {
        return Some(format!(
            "{sid}: in error state on {node} (requested: {requested}); repair the guest, set the state to disabled, then \
             back to started"
        ));
    }
    match service.state.as_str() {
        "fence" => Some(format!("{sid}: waits for its failed node {node} to be fenced (requested: {requested})")),
        "recovery" => Some(format!(
            "{sid}: its node {node} failed and no other node has taken it yet (requested: {requested}); if that lasts, \
             its rules or group leave no node that is online"
        )),
        "freeze" if !is_disarmed(status) => Some(format!(
            "{sid}: frozen on {node} while the LRM there restarts or its node reboots (requested: {requested})"
        )),
        _ => None,
    }
}

/// Whether the node's own line says it all.
fn is_down(status: &HaStatus, name: &str) -> bool {
    status.nodes.iter().any(|node| node.name == name && matches!(&*node.state, "unknown" | "fence" | "gone"))
}

fn is_disarmed(status: &HaStatus) -> bool {
    status.fencing.as_ref().is_some_and(|fencing| matches!(&*fencing.armed_state, "disarming" | "disarmed"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    fn status(entries: Json, manager: Json) -> HaStatus {
        let mut current = vec![json!({"type": "quorum", "id": "quorum", "node": "pve1", "quorate": 1, "status": "OK"})];
        current.extend(entries.as_array().unwrap().iter().cloned());
        HaStatus::from_answers(&Json::Array(current), &json!({"manager_status": manager})).unwrap()
    }

    fn service_entry(sid: &str, state: &str) -> Json {
        json!({"type": "service", "sid": sid, "node": "pve1", "state": state, "request_state": "started"})
    }

    #[test]
    fn services_without_a_master_are_a_problem() {
        let queued = status(json!([service_entry("vm:100", "queued")]), json!({"node_status": {}}));
        assert_eq!(queued.problems, ["no HA manager is master: HA resources are unmanaged"]);
    }

    #[test]
    fn problems_stand_in_the_order_of_their_causes() {
        let current = json!([
            service_entry("vm:1000", "recovery"),
            service_entry("vm:101", "error"),
            service_entry("vm:102", "migrate"),
            {"type": "lrm", "node": "pve2", "timestamp": 5, "status": "pve2 (old timestamp - dead?, Mon Nov 23 02:16:57 2026)"},
            {"type": "lrm", "node": "pve3", "timestamp": 9, "status": "pve3 (lost_agent_lock, watchdog active, x)"},
            {"type": "master", "node": "pve2", "timestamp": 9, "status": "pve2 (old timestamp - dead?, x)"},
            {"type": "quorum", "node": "pve1", "status": "No quorum on node 'pve1'!", "quorate": 0},
        ]);
        let manager = json!({"manager_status": {"node_status": {"pve3": "online", "pve2": "unknown"}}});
        let mut entries = current.as_array().unwrap().clone();
        entries.rotate_right(1);
        let status = HaStatus::from_answers(&Json::Array(entries), &manager).unwrap();
        let starts = ["no quorum", "master pve2", "node pve2", "lrm pve3", "vm:101", "vm:1000"];
        assert_eq!(status.problems.len(), starts.len(), "{:#?}", status.problems);
        for (problem, start) in status.problems.iter().zip(starts) {
            assert!(problem.starts_with(start), "{problem}");
        }
    }

    #[test]
    fn a_node_that_corosync_misses_is_named_at_once() {
        let current = json!([
            {"type": "master", "node": "pve1", "timestamp": 1, "status": "pve1 (active, x)"},
            {"type": "lrm", "node": "pve2", "timestamp": 5, "status": "pve2 (old timestamp - dead?, x)"},
        ]);
        let known = |state: &str| json!({"node_status": {"pve1": "online", "pve2": state}});
        let offline = ["pve2".to_owned()];
        let status = status(current.clone(), known("online")).with_offline(&offline);
        assert_eq!(status.problems, ["node pve2: not online; the HA manager has not noticed it yet"]);
        assert!(!status.healthy);
        let noticed = self::status(current, known("unknown")).with_offline(&offline);
        assert!(
            noticed.problems.len() == 1 && noticed.problems[0].contains("fenced after 60 s"),
            "{:?}",
            noticed.problems
        );
    }

    #[test]
    fn what_is_on_its_way_is_no_problem() {
        let master = json!({"type": "master", "node": "pve1", "timestamp": 1, "status": "pve1 (active, x)"});
        for state in ["queued", "starting", "stopping", "request_stop", "migrate", "relocate", "disabled", "ignored"] {
            let status = status(json!([master, service_entry("vm:100", state)]), json!({}));
            assert!(status.healthy, "{state}: {:?}", status.problems);
        }
        let frozen = status(json!([master, service_entry("vm:100", "freeze")]), json!({}));
        assert_eq!(frozen.problems.len(), 1);
        let missing = status(json!([master, service_entry("vm:100", "not found")]), json!({}));
        let nothing_to_repair =
            "vm:100: the guest does not exist any more, so there is nothing to repair; remove its HA resource";
        assert_eq!(missing.problems, [nothing_to_repair]);
        // As the HA manager has it after the start failed for want of a guest.
        let mut in_error = service_entry("vm:100", "not found");
        in_error["crm_state"] = json!("error");
        let in_error = status(json!([master, in_error]), json!({}));
        assert_eq!(in_error.problems, [nothing_to_repair]);
        assert!(in_error.services[0].in_error);
    }
}
