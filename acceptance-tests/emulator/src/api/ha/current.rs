//! `status/current`: the summary for the web interface, derived from the CRM's and the LRMs' files and the configuration.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{files, manager_status};
use crate::section_config::Section;
use crate::world::{HaManager, Pve, World};

/// The rows: quorum, master, fencing, LRMs, services in the CRM's status, services that are not in it yet.
pub(super) fn entries(world: &World) -> Value {
    let manager = files::manager_status(world);
    let mut rows = vec![quorum(world)];
    rows.extend(master(world, &manager));
    if world.profile.pve == Pve::V9 {
        rows.push(fencing(world, &manager));
    }
    let services = manager.get("service_status").and_then(Value::as_object).cloned().unwrap_or_default();
    rows.extend(manager_status::lrms(world).iter().map(|(node, status)| lrm(world, node, status, &services)));
    let configured = configured(world);
    let ignoring = manager.pointer("/disarm/mode").and_then(Value::as_str) == Some("ignore");
    let mut known: Vec<(&String, &Value)> = services.iter().collect();
    known.sort_unstable_by_key(|(sid, _)| *sid);
    for (sid, status) in known {
        rows.push(service(sid, configured.get(sid), Some(status), ignoring));
    }
    for (sid, config) in configured.iter().filter(|(sid, _)| !services.contains_key(*sid)) {
        rows.push(service(sid, Some(config), None, ignoring));
    }
    Value::Array(rows)
}

fn quorum(world: &World) -> Value {
    let node = &world.answering_node;
    let (quorate, status) =
        if world.is_quorate() { (1, "OK".to_owned()) } else { (0, format!("No quorum on node '{node}'!")) };
    json!({"id": "quorum", "type": "quorum", "node": node, "status": status, "quorate": quorate})
}

fn master(world: &World, manager: &Value) -> Option<Value> {
    let node = manager.get("master_node")?.as_str()?;
    let timestamp = manager.get("timestamp")?.as_i64()?;
    let mut status = format!("{node} ({}, {})", master_word(world, manager), local_time(timestamp));
    if let Some((state, mode)) = disarm(manager) {
        status.push_str(&format!(" - {state}, resource mode: {mode}"));
    }
    if let Some(scheduler) = scheduler(world) {
        status.push_str(&format!(" - {scheduler} load CRS"));
    }
    Some(json!({"id": "master", "type": "master", "node": node, "timestamp": timestamp, "status": status}))
}

/// `active`, unless the CRM says that it idles or hasn't said anything for long.
fn master_word(world: &World, manager: &Value) -> &'static str {
    let timestamp = manager.get("timestamp").and_then(Value::as_i64).unwrap_or(0);
    match age(world, timestamp) {
        Some(word) => word,
        None if manager.get("crm_state").and_then(Value::as_str) == Some("wait_for_quorum") => "idle",
        None => "active",
    }
}

/// What a timestamp's age says against its writer.
fn age(world: &World, timestamp: i64) -> Option<&'static str> {
    match world.now() - timestamp {
        old if old > 30 => Some("old timestamp - dead?"),
        ahead if ahead < -2 => Some("detected time drift!"),
        _ => None,
    }
}

fn disarm(manager: &Value) -> Option<(&str, &str)> {
    let text = |pointer: &str| manager.pointer(pointer).and_then(Value::as_str);
    Some((text("/disarm/state")?, text("/disarm/mode")?))
}

/// The scheduler of `datacenter.cfg`, if it isn't the basic one.
fn scheduler(world: &World) -> Option<&str> {
    let line = world.file("/etc/pve/datacenter.cfg").lines().find_map(|line| line.strip_prefix("crs:"))?;
    let scheduler = line.split(',').find_map(|part| part.trim().strip_prefix("ha="))?;
    (scheduler != "basic").then_some(scheduler)
}

fn fencing(world: &World, manager: &Value) -> Value {
    let node = manager.get("master_node").and_then(Value::as_str).unwrap_or(&world.answering_node);
    let mut row = json!({"id": "fencing", "type": "fencing", "node": node});
    let (state, status) = match disarm(manager) {
        Some((state, mode)) => {
            let watchdog = if state == "disarmed" { "released" } else { "active" };
            row["resource_mode"] = json!(mode);
            (state, format!("{state}, resource mode: {mode} (CRM watchdog {watchdog})"))
        }
        None if manager.get("master_node").is_some() && master_word(world, manager) == "active" => {
            ("armed", "armed (CRM watchdog active)".to_owned())
        }
        None => ("standby", "standby (CRM watchdog standby)".to_owned()),
    };
    row["armed-state"] = json!(state);
    row["status"] = json!(status);
    row
}

fn lrm(world: &World, node: &str, status: &Value, services: &Map<String, Value>) -> Value {
    let mut row = json!({"id": format!("lrm:{node}"), "type": "lrm", "node": node});
    let Some(timestamp) = status.get("timestamp").and_then(Value::as_i64) else {
        row["status"] = json!(format!("{node} (unable to read lrm status)"));
        return row;
    };
    let text = |key: &str| status.get(key).and_then(Value::as_str);
    let state = text("state").unwrap_or("unknown");
    let dead = age(world, timestamp);
    let word = match (dead, text("mode").unwrap_or("unknown")) {
        (Some(word), _) => word.to_owned(),
        (None, "active") if state == "wait_for_agent_lock" && active_services(node, services) == 0 => "idle".to_owned(),
        (None, "active") => state.to_owned(),
        (None, mode) => format!("{mode} mode"),
    };
    let watchdog = match state {
        "active" | "maintenance" if dead.is_none() => "active",
        "wait_for_agent_lock" if text("mode") == Some("disarm") => "released",
        _ => "standby",
    };
    let watchdog = if world.profile.pve == Pve::V9 { format!("watchdog {watchdog}, ") } else { String::new() };
    row["timestamp"] = json!(timestamp);
    row["status"] = json!(format!("{node} ({word}, {watchdog}{})", local_time(timestamp)));
    row
}

/// The services for which the node's LRM has something to do.
fn active_services(node: &str, services: &Map<String, Value>) -> usize {
    let text = |service: &Value, key: &str| service.get(key).and_then(Value::as_str).map(str::to_owned);
    services
        .values()
        .filter(|service| text(service, "node").as_deref() == Some(node))
        .filter_map(|service| text(service, "state"))
        .filter(|state| !matches!(state.as_str(), "stopped" | "freeze" | "error"))
        .count()
}

/// A resource as the managers see it: with its defaults, and where its guest is.
struct Configured {
    node: Option<String>,
    state: String,
    shown: Vec<(&'static str, Value)>,
}

fn configured(world: &World) -> BTreeMap<String, Configured> {
    let groups = files::groups(world);
    let migrated = files::groups_are_migrated(world);
    let of = |resource: &Section| {
        let state = match resource.text("state").as_deref() {
            None | Some("enabled") => "started".to_owned(),
            Some(other) => other.to_owned(),
        };
        let or_one = |name: &str| resource.values.get(name).cloned().unwrap_or_else(|| json!(1));
        let mut shown = vec![("max_restart", or_one("max_restart")), ("max_relocate", or_one("max_relocate"))];
        let group = resource.text("group").filter(|_| !migrated);
        if world.profile.pve == Pve::V9 {
            // As long as there are groups they decide, whatever the resource says.
            let failback = match group.as_ref().map(|group| groups.find(group)) {
                Some(group) => json!(u8::from(!group.is_some_and(|group| group.flag("nofailback")))),
                None => or_one("failback"),
            };
            shown.push(("failback", failback));
        }
        if world.ha_manager() >= HaManager::AutoRebalance {
            shown.push(("auto-rebalance", or_one("auto-rebalance")));
        }
        if let Some(group) = group {
            shown.push(("group", json!(group)));
        }
        if let Some(comment) = resource.values.get("comment") {
            shown.push(("comment", comment.clone()));
        }
        let vmid = resource.id.split_once(':').and_then(|(_, name)| name.parse::<u32>().ok());
        let node = vmid.and_then(|vmid| world.guests.get(&vmid)).map(|guest| guest.node.clone());
        (resource.id.clone(), Configured { node, state, shown })
    };
    files::resources(world).list.iter().map(of).collect()
}

fn service(sid: &str, config: Option<&Configured>, status: Option<&Value>, ignoring: bool) -> Value {
    let text = |key: &str| status.and_then(|status| status.get(key)).and_then(Value::as_str);
    let crm_state = text("state");
    let running = status.and_then(|status| status.get("running")).is_some_and(|flag| *flag == 1);
    let state = verbose_state(config, crm_state, running, ignoring);
    let node = text("node").or_else(|| config.and_then(|config| config.node.as_deref()));
    let mut row = Map::from_iter([
        ("id".to_owned(), json!(format!("service:{sid}"))),
        ("type".to_owned(), json!("service")),
        ("sid".to_owned(), json!(sid)),
        ("state".to_owned(), json!(state)),
        ("status".to_owned(), json!(format!("{sid} ({}, {state})", node.unwrap_or("---")))),
    ]);
    if let Some(node) = node {
        row.insert("node".to_owned(), json!(node));
    }
    if let Some(crm_state) = crm_state {
        row.insert("crm_state".to_owned(), json!(crm_state));
    }
    if let Some(config) = config {
        row.insert("request_state".to_owned(), json!(config.state));
        row.extend(config.shown.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    }
    Value::Object(row)
}

/// `get_verbose_service_state`
fn verbose_state<'s>(
    config: Option<&Configured>,
    crm_state: Option<&'s str>,
    running: bool,
    ignoring: bool,
) -> &'s str {
    let Some(config) = config else { return "deleting" };
    let requested = config.state.as_str();
    if requested == "ignored" {
        return "ignored";
    }
    if config.node.is_none() {
        return "not found";
    }
    let Some(current) = crm_state else { return "queued" };
    if ignoring {
        return "ignore";
    }
    match (current, requested) {
        ("stopped", "started") => "starting",
        ("stopped", "disabled") => "disabled",
        ("started", _) if !running => "starting",
        ("started", "stopped" | "disabled") => "stopping",
        ("error", "disabled") => "clearing error flag",
        _ => current,
    }
}

/// Perl's `localtime` as text, on a node whose time zone is UTC.
fn local_time(timestamp: i64) -> String {
    Timestamp::from_second(timestamp).map(|time| time.strftime("%a %b %e %H:%M:%S %Y").to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(state: &str) -> Configured {
        Configured { node: Some("pve1".into()), state: state.into(), shown: Vec::new() }
    }

    #[test]
    fn the_state_shown_is_the_current_activity() {
        let state = |requested: &str, crm, running| verbose_state(Some(&config(requested)), crm, running, false);
        assert_eq!(state("started", None, false), "queued");
        assert_eq!(state("started", Some("started"), false), "starting");
        assert_eq!(state("started", Some("started"), true), "started");
        assert_eq!(state("disabled", Some("started"), true), "stopping");
        assert_eq!(state("disabled", Some("stopped"), false), "disabled");
        assert_eq!(state("disabled", Some("error"), false), "clearing error flag");
        assert_eq!(state("ignored", Some("started"), true), "ignored");
        assert_eq!(state("started", Some("fence"), false), "fence");
        assert_eq!(verbose_state(None, Some("stopped"), false, false), "deleting");
        assert_eq!(verbose_state(Some(&config("started")), Some("started"), true, true), "ignore");
    }

    #[test]
    fn times_are_written_as_c_writes_them() {
        assert_eq!(local_time(1_795_395_964), "Mon Nov 23 01:06:04 2026");
        assert_eq!(local_time(1_793_668_564), "Tue Nov  3 01:16:04 2026");
    }
}
