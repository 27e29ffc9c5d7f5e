//! The HA manager's status document, read as the one that placement starts from.

use std::collections::BTreeMap;

use pve_schemas::value::Entry;
use serde_json::Value as Json;

use pve_ha_manager::command::DisarmMode;
use pve_ha_manager::config::Name;
use pve_ha_manager::nodes::NodeState;
use pve_ha_manager::service::{State, Uid};
use pve_ha_manager::status::{Disarm, ServiceStatus, Status};

use super::live::SimulatedCluster;

/// What placement starts from.
pub fn of(live: &SimulatedCluster) -> Status {
    read(&live.manager, live.nodes.iter().map(|node| (node.name.as_str(), node.online)))
}

/// What placement starts from: the manager's own status, and the members of the cluster with whether they are online.
/// Membership has the last word on that: the manager looks only every 10 s, and before HA is used for the first time it has
/// no node at all.
pub fn read<'a>(manager: &Json, members_online: impl IntoIterator<Item = (&'a str, bool)>) -> Status {
    let mut nodes: BTreeMap<Name, NodeState> = members(&manager["node_status"])
        .filter_map(|(name, word)| Some((name.into(), NodeState::called(word.as_str()?)?)))
        .collect();
    for (node, is_online) in members_online {
        let state = nodes.entry(node.into()).or_insert(NodeState::Unknown);
        *state = match (*state, is_online) {
            (NodeState::Unknown | NodeState::Gone, true) => NodeState::Online,
            (NodeState::Online, false) => NodeState::Unknown,
            (state, _) => state,
        };
    }
    let services = (1..).zip(members(&manager["service_status"]));
    Status {
        master_node: Entry(manager).text("master_node").map(Name::from),
        node_status: nodes,
        disarm: disarm(&manager["disarm"]),
        services: services
            .filter_map(|(order, (sid, json))| Some((sid.into(), service(order, Entry(json))?)))
            .collect(),
        ..Status::default()
    }
}

fn service(order: u64, entry: Entry<'_>) -> Option<ServiceStatus> {
    let names =
        |json: &Json| json.as_array().into_iter().flatten().filter_map(|name| Some(name.as_str()?.into())).collect();
    let words = entry.json("cmd").as_array();
    Some(ServiceStatus {
        state: State::called(&entry.text("state")?)?,
        node: entry.text("node")?.as_str().into(),
        uid: Uid(order),
        target: entry.text("target").map(Name::from),
        running: entry.flag("running").unwrap_or(false),
        failed_nodes: names(entry.json("failed_nodes")),
        maintenance_node: entry.text("maintenance_node").map(Name::from),
        cmd: words.map(|words| words.iter().map(|word| word.as_str().unwrap_or_default().to_owned()).collect()),
        timeout: entry.integer("timeout").and_then(|seconds| seconds.try_into().ok()),
    })
}

/// Services whose state is not known here, with that state.
pub(super) fn unknown_states(manager: &Json) -> impl Iterator<Item = (&str, &str)> {
    let states = members(&manager["service_status"]).filter_map(|(sid, json)| Some((sid, json["state"].as_str()?)));
    states.filter(|(_, word)| State::called(word).is_none())
}

fn disarm(json: &Json) -> Option<Disarm> {
    let entry = Entry(json);
    let mode = if entry.text("mode")? == "ignore" { DisarmMode::Ignore } else { DisarmMode::Freeze };
    Some(Disarm { mode, done: entry.text("state").as_deref() == Some("disarmed") })
}

fn members(json: &Json) -> impl Iterator<Item = (&str, &Json)> {
    json.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}
