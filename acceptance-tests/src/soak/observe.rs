//! The state of the cluster without the provider: attributes of the configured objects, and the names of all others.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json, json};

use super::topology::{Attributes, Topology, kind, name};
use crate::Cluster;

/// The file of fence devices.
pub const FENCE_CFG: &str = "/etc/pve/ha/fence.cfg";
/// The file that names a node's watchdog.
pub const HA_DEFAULTS: &str = "/etc/default/pve-ha-manager";

/// What is there of the objects of `configured`, as far as their attributes are named in it.
pub fn topology(cluster: &Cluster, configured: &Topology) -> Topology {
    let lists = Lists::read(cluster);
    let objects = configured.0.iter().filter_map(|(address, attributes)| {
        let found = lists.object(cluster, address, attributes)?;
        let known = found.into_iter().filter(|(name, _)| attributes.contains_key(name));
        Some((address.clone(), known.collect()))
    });
    Topology(objects.collect())
}

/// Everything that can be managed, whether it is or not, by a name that lasts, with what a person can change of it.
pub fn inventory(cluster: &Cluster) -> BTreeMap<String, Json> {
    let mut lists = Lists::read(cluster);
    // As long as there are groups, PVE 9 lists them as rules, too.
    lists.rules.retain(|name, _| name.strip_prefix("ha-group-").is_none_or(|group| !lists.groups.contains_key(group)));
    // What is being removed is as good as gone.
    lists.jobs.retain(|_, job| job["remove_job"].is_null());
    let mut all = BTreeMap::new();
    if let Some(shared) = lists.rules.get_mut("shared") {
        for sid in sids(shared) {
            all.insert(format!("member shared/{sid}"), Json::Null);
        }
        shared["resources"].take();
    }
    for (what, list) in [
        ("HA resource", &lists.resources),
        ("HA group", &lists.groups),
        ("HA rule", &lists.rules),
        ("replication job", &lists.jobs),
        ("backup job", &lists.backups),
        ("notification target", &lists.webhooks),
        ("matcher", &lists.matchers),
    ] {
        for (id, entry) in list {
            let mut entry = entry.clone();
            if let Some(members) = entry.as_object_mut() {
                // Replication follows its guest, and a resource that is gone has no place in rules.
                for own in ["source", "target", "errors", "next-run"] {
                    members.remove(own);
                }
            }
            all.insert(format!("{what} {id}"), entry);
        }
    }
    for (option, value) in lists.options.as_object().into_iter().flatten() {
        all.insert(format!("option {option}"), value.clone());
    }
    for line in cluster.shared_file(FENCE_CFG).unwrap_or_default().lines() {
        if let Some(device) = line.strip_prefix("device ") {
            all.insert(format!("fence device {}", device.split([':', ' ']).next().unwrap_or_default()), json!(line));
        }
    }
    if let Some(host) = qdevice(cluster) {
        all.insert(format!("QDevice {host}"), Json::Null);
    }
    for node in maintenance(cluster) {
        all.insert(format!("maintenance {node}"), Json::Null);
    }
    for node in listed(cluster) {
        all.insert(format!("node {node}"), Json::Null);
    }
    for node in super::catalogue::NODES {
        if let Some(module) = watchdog(cluster, node) {
            all.insert(format!("watchdog {node}"), json!(module));
        }
    }
    all
}

/// The lasting name that [`inventory`] has for the object at `address`; several for options.
pub fn names(address: &str, attributes: &Attributes) -> Vec<String> {
    let text = |name: &str| attributes.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
    match kind(address) {
        "pve_ha_resource" => vec![format!("HA resource {}", text("sid"))],
        "pve_ha_group" => vec![format!("HA group {}", text("name"))],
        "pve_ha_node_affinity_rule" | "pve_ha_resource_affinity_rule" => vec![format!("HA rule {}", text("name"))],
        "pve_ha_rule_member" => vec![format!("member {}/{}", text("rule"), text("resource"))],
        "pve_replication_job" => {
            vec![format!("replication job {}-{}", attributes["guest"], attributes["job_number"])]
        }
        "pve_backup_job" => vec![format!("backup job {}", text("name"))],
        "pve_notification_webhook" => vec![format!("notification target {}", text("name"))],
        "pve_notification_matcher" => vec![format!("matcher {}", text("name"))],
        "pve_datacenter_options" => attributes.keys().map(|option| format!("option {option}")).collect(),
        "pve_fence_device" => vec![format!("fence device {}", text("name"))],
        "pve_cluster" => Vec::new(),
        "pve_cluster_member" => vec![format!("node {}", text("node"))],
        "pve_qdevice" => vec![format!("QDevice {}", text("address"))],
        "pve_node_maintenance" => vec![format!("maintenance {}", text("node"))],
        _ => vec![format!("watchdog {}", name(address))],
    }
}

/// The services in the error state.
pub fn broken(cluster: &Cluster) -> BTreeSet<String> {
    let services = services(cluster).into_iter();
    services.filter(|(_, service)| service["state"] == "error").map(|(sid, _)| sid).collect()
}

/// The nodes that services are on which the HA manager would move away in maintenance.
pub fn occupied(cluster: &Cluster) -> BTreeSet<String> {
    let is_at_rest =
        |service: &Json| matches!(service["state"].as_str(), Some("stopped" | "freeze" | "error" | "ignored"));
    let active = services(cluster).into_iter().filter(|(_, service)| !is_at_rest(service));
    active.filter_map(|(_, service)| service["node"].as_str().map(str::to_owned)).collect()
}

/// Where each replication job copies from and to, by guest and number: only of those that the guest's last move has turned round.
pub fn ends(cluster: &Cluster) -> BTreeMap<String, (String, String)> {
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    let jobs = cluster.api.list("/cluster/replication", "id").into_iter();
    let synced = jobs.filter_map(|(id, job)| {
        let guest = id.split('-').next()?.parse().ok()?;
        let home = cluster.emulator().cluster().world().guests.get(&guest)?.node.clone();
        let (source, target) = (text(&job["source"]), text(&job["target"]));
        (job["remove_job"].is_null() && source == home && target != home).then_some((id, (source, target)))
    });
    synced.collect()
}

/// The guests that are replicated, and where to.
pub fn copies(cluster: &Cluster) -> BTreeSet<(String, String)> {
    let jobs = cluster.api.list("/cluster/replication", "id").into_iter();
    let guest = |id: String| id.split('-').next().unwrap_or_default().to_owned();
    jobs.map(|(id, job)| (guest(id), job["target"].as_str().unwrap_or_default().to_owned())).collect()
}

fn services(cluster: &Cluster) -> BTreeMap<String, Json> {
    let status = cluster.api.read("/cluster/ha/status/manager_status");
    let services = status["manager_status"]["service_status"].as_object().cloned().unwrap_or_default();
    services.into_iter().collect()
}

struct Lists {
    resources: BTreeMap<String, Json>,
    groups: BTreeMap<String, Json>,
    rules: BTreeMap<String, Json>,
    jobs: BTreeMap<String, Json>,
    backups: BTreeMap<String, Json>,
    webhooks: BTreeMap<String, Json>,
    matchers: BTreeMap<String, Json>,
    options: Json,
}

impl Lists {
    fn read(cluster: &Cluster) -> Self {
        // Groups are gone after the migration, rules aren't there before.
        let list = |path: &str, key: &str| match cluster.api.send("GET", path, &[]) {
            Ok(_) => cluster.api.list(path, key),
            Err(_) => BTreeMap::new(),
        };
        Self {
            resources: list("/cluster/ha/resources", "sid"),
            groups: list("/cluster/ha/groups", "group"),
            rules: list("/cluster/ha/rules", "rule"),
            jobs: list("/cluster/replication", "id"),
            backups: list("/cluster/backup", "id"),
            webhooks: list("/cluster/notifications/endpoints/webhook", "name"),
            matchers: list("/cluster/notifications/matchers", "name"),
            options: cluster.api.read("/cluster/options"),
        }
    }

    fn object(&self, cluster: &Cluster, address: &str, configured: &Attributes) -> Option<Attributes> {
        let text = |name: &str| configured.get(name).and_then(Json::as_str).unwrap_or_default();
        match kind(address) {
            "pve_ha_resource" => self.resources.get(text("sid")).map(resource),
            "pve_ha_group" => self.groups.get(text("name")).map(group),
            "pve_ha_node_affinity_rule" | "pve_ha_resource_affinity_rule" => self.rules.get(text("name")).map(rule),
            "pve_ha_rule_member" => {
                let rule = self.rules.get(text("rule"))?;
                sids(rule).contains(&text("resource").to_owned()).then(|| configured.clone())
            }
            "pve_replication_job" => {
                let id = format!("{}-{}", configured["guest"], configured["job_number"]);
                let entry = self.jobs.get(&id).filter(|entry| entry["remove_job"].is_null());
                entry.map(|entry| job(entry, configured))
            }
            "pve_backup_job" => self.backups.get(text("name")).map(backup),
            "pve_notification_webhook" => self.webhooks.get(text("name")).map(webhook),
            "pve_notification_matcher" => self.matchers.get(text("name")).map(matcher),
            "pve_datacenter_options" => {
                let options = configured.iter().map(|(name, value)| (name.clone(), self.option(name, value)));
                Some(options.filter(|(_, value)| !value.is_null()).collect())
            }
            "pve_fence_device" => {
                let text = cluster.shared_file(FENCE_CFG).unwrap_or_default();
                text.contains("device ipmi").then(|| configured.clone())
            }
            "pve_cluster" => Some(Attributes::from([("name".to_owned(), json!(cluster_name(cluster)))])),
            "pve_cluster_member" => listed(cluster).contains(text("node")).then(|| configured.clone()),
            "pve_qdevice" => qdevice(cluster).map(|host| Attributes::from([("address".to_owned(), json!(host))])),
            "pve_node_maintenance" => maintenance(cluster).contains(text("node")).then(|| configured.clone()),
            _ => {
                let module = watchdog(cluster, text("node"))?;
                Some(Attributes::from([
                    ("node".to_owned(), configured["node"].clone()),
                    ("module".to_owned(), json!(module)),
                ]))
            }
        }
    }

    /// An option in the words of the provider, as far as `configured` names its members.
    fn option(&self, name: &str, configured: &Json) -> Json {
        let Some(found) = self.options.get(name) else { return Json::Null };
        let mut members = Map::new();
        for (member, value) in found.as_object().into_iter().flatten() {
            let member = member.replace('-', "_");
            let value = match member.as_str() {
                "ha_rebalance_on_start" | "ha_auto_rebalance" => json!(is_true(value)),
                "ha_auto_rebalance_threshold" => number(value),
                _ => value.clone(),
            };
            members.insert(member, value);
        }
        // Proxmox leaves out what is at its default.
        let unset = configured.as_object().into_iter().flatten().filter(|(_, value)| **value == json!(false));
        for (member, value) in unset {
            members.entry(member.clone()).or_insert_with(|| value.clone());
        }
        Json::Object(members)
    }
}

fn resource(entry: &Json) -> Attributes {
    let or = |name: &str, default: Json| if entry[name].is_null() { default } else { entry[name].clone() };
    Attributes::from([
        ("sid".to_owned(), entry["sid"].clone()),
        ("state".to_owned(), or("state", json!("started"))),
        ("max_restart".to_owned(), or("max_restart", json!(1))),
        ("max_relocate".to_owned(), or("max_relocate", json!(1))),
        ("comment".to_owned(), entry["comment"].clone()),
        ("group".to_owned(), entry["group"].clone()),
        ("auto_rebalance".to_owned(), json!(entry["auto-rebalance"].is_null() || is_true(&entry["auto-rebalance"]))),
        ("failback".to_owned(), json!(entry["failback"].is_null() || is_true(&entry["failback"]))),
    ])
}

/// `affinity` is left out of a rule that is as all were before it could be negative.
fn or_positive(affinity: &Json) -> Json {
    if affinity.is_null() { json!("positive") } else { affinity.clone() }
}

fn group(entry: &Json) -> Attributes {
    Attributes::from([
        ("name".to_owned(), entry["group"].clone()),
        ("nodes".to_owned(), priorities(&entry["nodes"])),
        ("restricted".to_owned(), json!(is_true(&entry["restricted"]))),
        ("nofailback".to_owned(), json!(is_true(&entry["nofailback"]))),
        ("comment".to_owned(), entry["comment"].clone()),
    ])
}

/// The HA resources of a rule.
fn sids(rule: &Json) -> Vec<String> {
    let mut sids: Vec<String> = rule["resources"].as_str().unwrap_or_default().split(',').map(str::to_owned).collect();
    sids.sort_unstable();
    sids
}

fn rule(entry: &Json) -> Attributes {
    let sids = sids(entry);
    Attributes::from([
        ("name".to_owned(), entry["rule"].clone()),
        ("resources".to_owned(), json!(sids)),
        ("nodes".to_owned(), priorities(&entry["nodes"])),
        ("strict".to_owned(), json!(is_true(&entry["strict"]))),
        ("affinity".to_owned(), or_positive(&entry["affinity"])),
        ("disabled".to_owned(), json!(is_true(&entry["disable"]))),
        ("comment".to_owned(), entry["comment"].clone()),
    ])
}

/// Proxmox turns a job round each time its guest moves, so that after some moves its nodes may be any two: the target is what is
/// configured, and no plan may change it unless the configuration does.
fn job(entry: &Json, configured: &Attributes) -> Attributes {
    Attributes::from([
        ("guest".to_owned(), configured["guest"].clone()),
        ("job_number".to_owned(), configured["job_number"].clone()),
        ("target".to_owned(), configured["target"].clone()),
        ("schedule".to_owned(), entry["schedule"].clone()),
        ("rate".to_owned(), number(&entry["rate"])),
        ("comment".to_owned(), entry["comment"].clone()),
        ("disabled".to_owned(), json!(is_true(&entry["disable"]))),
    ])
}

fn backup(entry: &Json) -> Attributes {
    let mut job: Attributes =
        ["schedule", "storage", "mode", "comment"].map(|name| (name.to_owned(), entry[name].clone())).into();
    job.insert("name".to_owned(), entry["id"].clone());
    job.insert("all".to_owned(), json!(is_true(&entry["all"])));
    job.insert("enabled".to_owned(), json!(is_true(&entry["enabled"])));
    job
}

fn webhook(entry: &Json) -> Attributes {
    let mut target: Attributes =
        ["name", "url", "method", "comment"].map(|name| (name.to_owned(), entry[name].clone())).into();
    target.insert("disabled".to_owned(), json!(is_true(&entry["disable"])));
    target
}

fn matcher(entry: &Json) -> Attributes {
    let severities = entry["match-severity"].as_array().into_iter().flatten().filter_map(Json::as_str);
    let mut severities: Vec<&str> = severities.flat_map(|list| list.split(',')).collect();
    severities.sort_unstable();
    Attributes::from([
        ("name".to_owned(), entry["name"].clone()),
        ("targets".to_owned(), entry["target"].clone()),
        ("severities".to_owned(), json!(severities)),
        ("disabled".to_owned(), json!(is_true(&entry["disable"]))),
        ("comment".to_owned(), entry["comment"].clone()),
    ])
}

/// A number, which Proxmox gives as that or as text.
fn number(value: &Json) -> Json {
    let number = value.as_f64().or_else(|| value.as_str()?.parse().ok());
    number.map(|number| json!(number as i64)).unwrap_or_default()
}

fn priorities(nodes: &Json) -> Json {
    let entries = nodes.as_str().unwrap_or_default().split(',').filter(|entry| !entry.is_empty());
    let pairs = entries.map(|entry| {
        let (node, priority) = entry.split_once(':').unwrap_or((entry, "0"));
        (node.to_owned(), json!(priority.parse::<u32>().unwrap_or_default()))
    });
    Json::Object(pairs.collect())
}

pub(super) fn is_true(value: &Json) -> bool {
    matches!(value, Json::Bool(true)) || value.as_i64() == Some(1) || value.as_str() == Some("1")
}

fn qdevice(cluster: &Cluster) -> Option<String> {
    cluster.emulator().cluster().world().qdevice.as_ref().map(|device| device.host.clone())
}

fn cluster_name(cluster: &Cluster) -> String {
    cluster.emulator().cluster().world().cluster_name.clone()
}

/// The nodes that corosync's list has.
fn listed(cluster: &Cluster) -> BTreeSet<String> {
    cluster.emulator().cluster().world().nodes.keys().cloned().collect()
}

fn maintenance(cluster: &Cluster) -> BTreeSet<String> {
    let status = cluster.api.read("/cluster/ha/status/manager_status");
    let requests = status["manager_status"]["node_request"].as_object().cloned().unwrap_or_default();
    let asked = requests.into_iter().filter(|(_, request)| is_true(&request["maintenance"]));
    asked.map(|(node, _)| node).collect()
}

/// The module that a node's file names, if it names one.
pub fn watchdog(cluster: &Cluster, node: &str) -> Option<String> {
    let text = cluster.node_file(node, HA_DEFAULTS)?;
    text.lines()
        .rev()
        .find_map(|line| line.strip_prefix("WATCHDOG_MODULE="))
        .map(|module| module.trim_matches('"').to_owned())
}
