//! The cluster and its configuration: one of everything that can be managed.

use pve_emulator::world::seed::Seed;
use serde_json::{Map, Value as Json, json};

use super::topology::{Attributes, Topology, kind, name};

pub const NODES: [&str; 4] = ["pve1", "pve2", "pve3", "pve4"];
/// The guest that is removed and restored.
pub const MORTAL: u32 = 106;
/// Guests that are managed by nothing, or by a person.
pub const FOREIGN: [u32; 2] = [107, 108];
/// The guest that a person creates.
pub const CREATED: u32 = 109;
/// The version of Proxmox that has rules of nodes to avoid.
pub const AVOIDS: &str = "9.2.6";
/// The rule that a person adds to the configuration when Proxmox has nodes to avoid.
pub const OFF: &str = "pve_ha_node_affinity_rule.off";
/// The rule that leaves its members to others, and the HA resource that is in it from the beginning.
pub const SHARED: (&str, &str) = ("pve_ha_node_affinity_rule.shared", "pve_ha_resource.web2");
/// The node whose maintenance is managed, and the address of that.
pub const MAINTAINED: (&str, &str) = ("pve4", "pve_node_maintenance.pve4");
/// The member that people take out of the cluster and install anew, where there is no QDevice; and its address.
pub const SPARE: (&str, &str) = ("pve5", "pve_cluster_member.pve5");
/// The cluster's name.
const CLUSTER: &str = "emulated";
/// The password of root in the cluster.
pub const ROOT_PASSWORD: &str = "secret-of-root";
/// A container; all other guests are virtual machines.
pub const CONTAINER: u32 = 104;
/// The groups of PVE 8, and the rules that they become.
pub const GROUPS: [&str; 2] = ["databases", "mail"];
/// The user that Terraform works as.
pub const USER: &str = "terraform@pve";
/// The token's name and secret.
pub const TOKEN: (&str, &str) = ("soak", "22222222-3333-4444-8555-666666666666");
/// The notification target.
const ON_CALL: &str = "on-call";
/// The HA resource that the load balancer has to leave where it is.
const PINNED: &str = "app";
/// What the mail group gives its resources.
const NO_FAILBACK: &str = "mail";

/// A release as far as the configuration depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Generation {
    /// HA groups.
    Eight,
    /// HA rules.
    Nine,
}

/// The guests by id, and the node each begins on.
const GUESTS: [(u32, &str); 9] = [
    (100, "pve1"),
    (101, "pve2"),
    (102, "pve1"),
    (103, "pve3"),
    (CONTAINER, "pve3"),
    (105, "pve3"),
    (MORTAL, "pve3"),
    (107, "pve2"),
    (108, "pve1"),
];

/// The cluster before anything is managed, with the spare or without it.
///
/// # Panics
/// Never: the text is a seed.
pub fn seed(has_spare: bool) -> Seed {
    let spare = has_spare.then_some(SPARE.0);
    let nodes = (1..).zip(NODES.into_iter().chain(spare)).map(|(i, node)| {
        json!({"node": node, "nodeid": i, "ring0_addr": format!("10.0.0.{i}"), "cpus": 8, "memory": 34_359_738_368_u64})
    });
    let seed = json!({
        "cluster": {"name": CLUSTER},
        "nodes": nodes.collect::<Vec<_>>(),
        "guests": GUESTS.iter().map(|(id, node)| guest(*id, node)).collect::<Vec<_>>(),
        "storages": [
            {"storage": "local-zfs", "type": "zfspool", "pool": "rpool/data", "content": "images,rootdir", "sparse": 1},
            {"storage": "shared", "type": "nfs", "path": "/mnt/pve/shared", "server": "10.0.0.9", "export": "/srv",
             "content": "images,rootdir,backup"}
        ],
        "users": [
            {"userid": "root@pam", "email": "root@example.com", "password": ROOT_PASSWORD,
             "tokens": [{"tokenid": "terraform", "privsep": 0, "secret": "11111111-2222-4333-8444-555555555555"}]},
            {"userid": USER, "tokens": [{"tokenid": TOKEN.0, "privsep": 0, "secret": TOKEN.1}]},
        ],
        "acl": [{"path": "/", "ugid": USER, "roleid": "Administrator"}],
    });
    Seed::parse(&seed.to_string()).expect("it is a seed")
}

/// An entry of a seed: what guest `id` is like, on `node`.
pub fn guest(id: u32, node: &str) -> Json {
    // Replication needs ZFS; the others move at once.
    let storage = if matches!(id, 102 | 105 | MORTAL | 107) { "local-zfs" } else { "shared" };
    if id == CONTAINER {
        return json!({
            "vmid": id, "type": "lxc", "node": node, "hostname": format!("guest{id}"), "name": format!("guest{id}"),
            "disks": {"rootfs": format!("{storage}:subvol-{id}-disk-0,size=4G")}, "status": "running",
        });
    }
    json!({
        "vmid": id, "type": "qemu", "node": node, "name": format!("guest{id}"), "cores": 1, "memory": 1024,
        "disks": {"scsi0": format!("{storage}:vm-{id}-disk-0,size=8G")}, "status": "running",
    })
}

/// What is configured at the beginning.
pub fn configured(generation: Generation) -> Topology {
    let mut topology = Topology::default();
    let resources = [
        ("web1", "vm:100", None),
        ("web2", "vm:101", None),
        ("db", "vm:102", Some("databases")),
        ("app", "vm:103", None),
        ("proxy", "ct:104", None),
        ("mail", "vm:105", Some("mail")),
        ("mortal", "vm:106", Some("mail")),
    ];
    for (name, sid, group) in resources {
        let mut resource = object(json!({
            "sid": sid, "state": "started", "max_restart": 1, "max_relocate": 1, "comment": format!("the {name}"),
            "auto_rebalance": generation == Generation::Eight || name != PINNED,
        }));
        match (generation, group) {
            (Generation::Eight, Some(group)) => drop(resource.insert("group".to_owned(), json!(group))),
            (Generation::Nine, Some(NO_FAILBACK)) => drop(resource.insert("failback".to_owned(), json!(false))),
            _ => {}
        }
        topology.0.insert(format!("pve_ha_resource.{name}"), resource);
    }
    for group in GROUPS {
        let (address, object) = match generation {
            Generation::Eight => (format!("pve_ha_group.{group}"), self::group(group)),
            Generation::Nine => (format!("pve_ha_node_affinity_rule.{group}"), rule(group)),
        };
        topology.0.insert(address, object);
    }
    if generation == Generation::Nine {
        for (name, affinity, resources) in
            [("apart", "negative", ["vm:100", "vm:101"]), ("together", "positive", ["ct:104", "vm:103"])]
        {
            let rule = json!({
                "name": name, "affinity": affinity, "resources": resources, "disabled": false, "comment": "as designed",
            });
            topology.0.insert(format!("pve_ha_resource_affinity_rule.{name}"), object(rule));
        }
    }
    if generation == Generation::Nine {
        let rule = json!({
            "name": "shared", "nodes": {"pve1": 2, "pve2": 1}, "strict": false, "disabled": true, "comment": "as designed",
        });
        topology.0.insert(SHARED.0.to_owned(), object(rule));
        topology.0.insert("pve_ha_rule_member.app".to_owned(), object(json!({"rule": "shared", "resource": "vm:103"})));
    }
    for (name, guest, number, target) in
        [("db", 102, 0, "pve2"), ("mail", 105, 0, "pve4"), ("mail_far", 105, 1, "pve1"), ("mortal", MORTAL, 0, "pve4")]
    {
        let job = json!({
            "guest": guest, "job_number": number, "target": target, "schedule": "*/15", "rate": 50, "comment": "to be safe",
            "disabled": false,
        });
        topology.0.insert(format!("pve_replication_job.{name}"), object(job));
    }
    let options = json!({
        "ha": {"shutdown_policy": "migrate"},
        "crs": scheduler(generation == Generation::Nine),
        "migration": {"type": "secure"},
    });
    topology.0.insert("pve_datacenter_options.this".to_owned(), object(options));
    topology.0.insert("pve_fence_device.ipmi".to_owned(), object(json!({"name": "ipmi", "agent": "fence_ipmilan"})));
    let backup = json!({
        "name": "nightly", "schedule": "02:30", "all": true, "storage": "shared", "mode": "snapshot", "enabled": true,
        "comment": "as designed",
    });
    topology.0.insert("pve_backup_job.nightly".to_owned(), object(backup));
    let webhook = json!({
        "name": ON_CALL, "url": "http://127.0.0.1:9/", "method": "post", "disabled": false, "comment": "as designed",
    });
    topology.0.insert("pve_notification_webhook.on_call".to_owned(), object(webhook));
    let matcher = json!({
        "name": "failures", "targets": [ON_CALL], "severities": ["error"], "disabled": false, "comment": "as designed",
    });
    topology.0.insert("pve_notification_matcher.failures".to_owned(), object(matcher));
    topology.0.insert("pve_cluster.this".to_owned(), object(json!({"name": CLUSTER})));
    topology.0.insert(SPARE.1.to_owned(), object(json!({"node": SPARE.0, "address": "10.0.0.5"})));
    topology.0.insert("pve_qdevice.this".to_owned(), object(json!({"address": "10.0.0.100"})));
    topology.0.insert("pve_node_maintenance.pve4".to_owned(), object(json!({"node": "pve4"})));
    for (node, module) in [("pve1", "softdog"), ("pve2", "ipmi_watchdog")] {
        let watchdog = object(json!({"node": node, "module": module}));
        topology.0.insert(format!("pve_node_watchdog.{node}"), watchdog);
    }
    topology
}

/// The option `crs`, with the load balancer of PVE 9.2 or without it.
pub fn scheduler(balances: bool) -> Json {
    let mut option = json!({"ha": "static", "ha_rebalance_on_start": true});
    if balances {
        option["ha_auto_rebalance"] = json!(true);
        option["ha_auto_rebalance_threshold"] = json!(20);
    }
    option
}

/// What is added to the configuration at `address` in the course of a life.
pub fn addition(address: &str, generation: Generation) -> Option<Attributes> {
    if address == OFF {
        let rule = json!({
            "name": "off-pve4", "affinity": "negative", "resources": ["vm:100"], "nodes": {"pve4": 0}, "strict": false,
            "disabled": false, "comment": "as designed",
        });
        return Some(object(rule));
    }
    configured(generation).0.remove(address)
}

/// The rule that the HA manager makes of a group, on a cluster that began with rules.
fn rule(group: &str) -> Attributes {
    let resources = if group == "mail" { json!(["vm:105", "vm:106"]) } else { json!(["vm:102"]) };
    object(json!({
        "name": format!("ha-group-{group}"), "resources": resources, "nodes": nodes(group), "strict": group == "databases",
        "disabled": false, "comment": format!("the {group}"),
    }))
}

fn group(name: &str) -> Attributes {
    object(json!({
        "name": name, "nodes": nodes(name), "restricted": name == "databases", "nofailback": name == NO_FAILBACK,
        "comment": format!("the {name}"),
    }))
}

fn nodes(group: &str) -> Json {
    if group == "mail" { json!({"pve3": 2, "pve4": 1}) } else { json!({"pve1": 2, "pve2": 1}) }
}

fn object(attributes: Json) -> Attributes {
    match attributes {
        Json::Object(members) => members.into_iter().collect(),
        _ => Attributes::new(),
    }
}

/// What `configured` becomes when groups have become rules.
pub fn rewritten(configured: &Topology) -> Topology {
    let mut new = configured.clone();
    for (address, group) in configured.of_kind("pve_ha_group") {
        new.0.remove(address);
        let group_name = group["name"].clone();
        let members: Vec<(&String, &Attributes)> =
            configured.of_kind("pve_ha_resource").filter(|(_, r)| r.get("group") == Some(&group_name)).collect();
        let sids: Vec<Json> = members.iter().map(|(_, resource)| resource["sid"].clone()).collect();
        for (address, resource) in members {
            let mut resource = resource.clone();
            resource.remove("group");
            if group["nofailback"] == true {
                resource.insert("failback".to_owned(), json!(false));
            }
            new.0.insert(address.clone(), resource);
        }
        let name = name(address);
        let mut rule = rule(name);
        for (of_rule, of_group) in [("nodes", "nodes"), ("strict", "restricted"), ("comment", "comment")] {
            rule.insert(of_rule.to_owned(), group[of_group].clone());
        }
        rule.insert("resources".to_owned(), Json::from(sids));
        new.0.insert(format!("pve_ha_node_affinity_rule.{name}"), rule);
    }
    new
}

/// The configuration as text in the JSON syntax: `configured`, with references between its objects.
/// Its objects have the timeouts that `limit` says.
pub fn text(configured: &Topology, is_rewritten: bool, limit: impl Fn(&str) -> String) -> String {
    let mut resources = Map::new();
    for (address, attributes) in &configured.0 {
        let mut block: Map<String, Json> = attributes.clone().into_iter().collect();
        if address == SHARED.0 {
            block.insert("resources".to_owned(), json!([format!("${{{}.sid}}", SHARED.1)]));
            block.insert("lifecycle".to_owned(), json!({"ignore_changes": ["resources"]}));
        } else {
            refer(configured, &mut block);
            if address == SPARE.1 {
                block.insert("depends_on".to_owned(), json!(["pve_cluster.this"]));
            }
        }
        more(kind(address), &mut block, &limit(address));
        let of_kind = resources.entry(kind(address)).or_insert_with(|| json!({}));
        of_kind[name(address)] = Json::Object(block);
    }
    let mut text = json!({"resource": resources});
    if is_rewritten {
        let moved = GROUPS.map(|group| {
            json!({"from": format!("pve_ha_group.{group}"), "to": format!("pve_ha_node_affinity_rule.{group}")})
        });
        text["moved"] = json!(moved);
    }
    text.to_string()
}

/// Names other objects by reference, as configurations do, so that the order is right.
fn refer(configured: &Topology, block: &mut Map<String, Json>) {
    if let Some(Json::Array(sids)) = block.get_mut("resources") {
        for sid in sids {
            if let Some(address) = configured.resource(sid.as_str().unwrap_or_default()) {
                *sid = json!(format!("${{{address}.sid}}"));
            }
        }
    }
    if let Some(address) = block.get("resource").and_then(Json::as_str).and_then(|sid| configured.resource(sid)) {
        block.insert("resource".to_owned(), json!(format!("${{{address}.sid}}")));
        block.insert("rule".to_owned(), json!(format!("${{{}.name}}", SHARED.0)));
    }
    if let Some(targets) = block.get_mut("targets") {
        *targets = json!(["${pve_notification_webhook.on_call.name}"]);
    }
    if let Some(group) = block.get("group").and_then(Json::as_str) {
        let reference = json!(format!("${{pve_ha_group.{group}.name}}"));
        block.insert("group".to_owned(), reference);
    }
}

/// What is the same all the time.
fn more(kind: &str, block: &mut Map<String, Json>, limit: &str) {
    block.insert("timeouts".to_owned(), json!({"create": limit, "update": limit, "delete": limit}));
    if kind == "pve_fence_device" {
        let connect = |(node, ip): (&str, &str)| json!({"node": node, "options": {"ip": ip}});
        let nodes = [("pve1", "10.0.9.1"), ("pve2", "10.0.9.2"), ("pve3", "10.0.9.3"), ("pve4", "10.0.9.4")];
        block.insert("options".to_owned(), json!({"username": "fence", "lanplus": ""}));
        block.insert("connect".to_owned(), json!(nodes.map(connect)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rewritten_configuration_is_that_of_a_cluster_that_began_with_rules() {
        let rewritten = rewritten(&configured(Generation::Eight));
        let mut nine = configured(Generation::Nine);
        // PVE 8 has nothing that could become rules between resources or be shared, and no load balancer.
        let is_new = |address: &str| {
            address == SHARED.0 || ["pve_ha_resource_affinity_rule", "pve_ha_rule_member"].contains(&kind(address))
        };
        nine.0.retain(|address, _| !is_new(address));
        nine.set("pve_datacenter_options.this", "crs", &scheduler(false));
        nine.set("pve_ha_resource.app", "auto_rebalance", &json!(true));
        assert_eq!(rewritten, nine);
    }

    #[test]
    fn objects_refer_to_each_other() {
        let text = text(&configured(Generation::Eight), false, |_| "30s".to_owned());
        assert!(text.contains("${pve_ha_group.databases.name}"), "{text}");
        let text = self::text(&configured(Generation::Nine), true, |_| "30s".to_owned());
        assert!(text.contains("${pve_ha_resource.db.sid}") && text.contains("\"moved\""), "{text}");
    }
}
