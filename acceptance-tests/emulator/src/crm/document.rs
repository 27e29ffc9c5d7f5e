//! The managers' status files as texts.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use pve_ha_manager::config::Name;
use pve_ha_manager::nodes::NodeState;
use pve_ha_manager::service::{State, Uid};
use pve_ha_manager::status::{Disarm, LrmStatus, ServiceStatus, Status};
use serde_json::{Map, Value, json};
use sha1::{Digest, Sha1};

/// The text of `manager_status`.
pub(super) fn manager_status(status: &Status) -> String {
    let node_status: Map<_, _> = status.node_status.iter().map(|(node, s)| (node.to_string(), json!(s))).collect();
    let services: Map<_, _> = status.services.iter().map(|(sid, s)| (sid.to_string(), service(s))).collect();
    let mut shown = Map::new();
    if let Some(master) = &status.master_node {
        shown.insert("master_node".into(), json!(&**master));
    }
    shown.insert("timestamp".into(), json!(status.timestamp));
    shown.insert("node_status".into(), Value::Object(node_status));
    shown.insert("service_status".into(), Value::Object(services));
    if !status.maintenance_requests.is_empty() {
        let request = |requested: bool| if requested { json!({"maintenance": 1}) } else { json!({}) };
        let requests: Map<_, _> = status
            .maintenance_requests
            .iter()
            .map(|(node, &requested)| (node.to_string(), request(requested)))
            .collect();
        shown.insert("node_request".into(), Value::Object(requests));
    }
    if let Some(Disarm { mode, done }) = status.disarm {
        let state = if done { "disarmed" } else { "disarming" };
        shown.insert("disarm".into(), json!({"mode": mode.as_str(), "state": state}));
    }
    if let Some(imbalance) = status.imbalance {
        shown.insert("imbalance".into(), json!(imbalance));
    }
    if status.idle {
        shown.insert("crm_state".into(), json!("wait_for_quorum"));
    }
    Value::Object(shown).to_string()
}

/// What a `manager_status` says of nodes and services: where they are, and where they are going.
pub(super) fn placed(document: &Value) -> Status {
    let members = |name: &str| document.get(name).and_then(Value::as_object).into_iter().flatten();
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(Name::from);
    let nodes = members("node_status").filter_map(|(node, word)| {
        let state = NodeState::called(word.as_str()?)?;
        Some((node.as_str().into(), state))
    });
    let services = members("service_status").filter_map(|(sid, service)| {
        let status = ServiceStatus {
            state: State::called(&text(service, "state")?)?,
            node: text(service, "node")?,
            uid: Uid(0),
            target: text(service, "target"),
            running: false,
            failed_nodes: Vec::new(),
            maintenance_node: None,
            cmd: None,
            timeout: None,
        };
        Some((sid.as_str().into(), status))
    });
    Status { node_status: nodes.collect(), services: services.collect(), ..Status::default() }
}

/// The text of a node's `lrm_status`.
pub(super) fn lrm_status(status: &LrmStatus) -> String {
    let results: Map<_, _> = status
        .results
        .iter()
        .map(|(&order, result)| {
            let shown = json!({"sid": &*result.sid, "state": result.state.as_str(), "exit_code": result.exit.code()});
            (uid(order), shown)
        })
        .collect();
    let (state, mode) = (status.state.as_str(), status.mode.as_str());
    json!({"state": state, "mode": mode, "timestamp": status.timestamp, "results": results}).to_string()
}

fn service(service: &ServiceStatus) -> Value {
    let mut shown = json!({"state": service.state.as_str(), "node": &*service.node, "uid": uid(service.uid)});
    if let Some(target) = &service.target {
        shown["target"] = json!(&**target);
    }
    if service.running {
        shown["running"] = json!(1);
    }
    if !service.failed_nodes.is_empty() {
        shown["failed_nodes"] = service.failed_nodes.iter().map(|node| json!(&**node)).collect();
    }
    if let Some(node) = &service.maintenance_node {
        shown["maintenance_node"] = json!(&**node);
    }
    if let Some(words) = &service.cmd {
        shown["cmd"] = json!(words);
    }
    if let Some(timeout) = service.timeout {
        shown["timeout"] = json!(timeout);
    }
    shown
}

/// Proxmox makes an order's id from an MD5 sum in base64 without padding: 22 characters.
fn uid(Uid(number): Uid) -> String {
    let sum = Sha1::digest(number.to_be_bytes());
    STANDARD_NO_PAD.encode(&sum[..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_shows_only_what_it_has() {
        let status = ServiceStatus {
            state: State::Migrate,
            node: "pve1".into(),
            uid: Uid(7),
            target: Some("pve3".into()),
            running: false,
            failed_nodes: Vec::new(),
            maintenance_node: None,
            cmd: None,
            timeout: None,
        };
        let shown = service(&status);
        let keys: Vec<&String> = shown.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["state", "node", "uid", "target"]);
        assert_eq!((shown["state"].as_str(), shown["uid"].as_str().map(str::len)), (Some("migrate"), Some(22)));
    }
}
