//! The resource types, each as the table of combinations needs to know it.

use std::collections::BTreeSet;

use acceptance_tests::Cluster;
use serde_json::json;

/// Why it is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// By `replace_triggered_by`.
    Asked,
    Tainted,
    /// What it is called or about changes.
    Renamed,
}

/// The cluster it is tried on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Many of them on PVE 9.
    Nine,
    /// Many of them on PVE 8.
    Eight,
    /// One of them at a time.
    Alone,
}

/// A resource type, or one of several ways to replace it.
pub struct Subject {
    pub kind: &'static str,
    pub short: &'static str,
    pub place: Place,
    /// What all of its objects need.
    pub needs: &'static str,
    /// Its attributes, of the object in a slot: before it is renamed, and after.
    pub body: fn(usize, bool) -> String,
    /// What the list has of it.
    pub id: fn(usize, bool) -> String,
    pub list: fn(&Cluster) -> BTreeSet<String>,
    /// Whether the old and the new one may be there at once.
    pub are_two: bool,
    /// Whether it is a part of something that always exists.
    pub always_exists: bool,
    /// Whether the new one is never the old one: apply chooses a part of its identity, or it has a secret, which is never compared.
    pub is_always_new: bool,
}

const NONE: Subject = Subject {
    kind: "",
    short: "",
    place: Place::Nine,
    needs: "",
    body: |_, _| String::new(),
    id: |_, _| String::new(),
    list: |_| BTreeSet::new(),
    are_two: true,
    always_exists: false,
    is_always_new: false,
};

/// The HA resources that the rules are about, one for each slot.
const RULED: &str = "resource \"pve_ha_resource\" \"ruled\" {\n  count = 20\n  sid   = \"vm:${130 + count.index}\"\n  state = \"ignored\"\n}\n";

/// The rules that the members are in, which are switched off, so that a resource may be in any number of them.
const JOINED: &str = "resource \"pve_ha_node_affinity_rule\" \"joined\" {\n  for_each  = toset([\"joined\", \"joined-new\"])\n  name      = each.key\n  resources = [pve_ha_resource.ruled[19].sid]\n  nodes     = { pve1 = 1 }\n  disabled  = true\n  lifecycle {\n    ignore_changes = [resources]\n  }\n}\n";

const OPTIONS: [(&str, &str); 12] = [
    ("console", "\"html5\""),
    ("keyboard", "\"de\""),
    ("language", "\"de\""),
    ("max_workers", "3"),
    ("email_from", "\"root@example.com\""),
    ("http_proxy", "\"http://10.0.0.1\""),
    ("mac_prefix", "\"BC:24:12\""),
    ("consent_text", "\"Y29uc2VudA==\""),
    ("description", "\"ours\""),
    ("registered_tags", "[\"a\"]"),
    ("fencing", "\"both\""),
    ("next_id", "block {\n    lower = 1000\n  }"),
];

pub const ALL: &[Subject] = &[
    Subject {
        kind: "pve_notification_gotify",
        short: "gotify",
        body: |slot, renamed| {
            format!("  name = {:?}\n  server = \"http://x\"\n  token = \"t\"\n", notification("gotify", slot, renamed))
        },
        id: |slot, renamed| notification("gotify", slot, renamed),
        list: |cluster| notifications(cluster, "endpoints/gotify"),
        // Whether the old one has this token can't be seen.
        is_always_new: true,
        ..NONE
    },
    Subject {
        kind: "pve_notification_matcher",
        short: "matcher",
        body: |slot, renamed| {
            format!("  name = {:?}\n  targets = [\"mail-to-root\"]\n", notification("matcher", slot, renamed))
        },
        id: |slot, renamed| notification("matcher", slot, renamed),
        list: |cluster| notifications(cluster, "matchers"),
        ..NONE
    },
    Subject {
        kind: "pve_notification_sendmail",
        short: "sendmail",
        body: |slot, renamed| {
            format!("  name = {:?}\n  mailto = [\"a@b.c\"]\n", notification("sendmail", slot, renamed))
        },
        id: |slot, renamed| notification("sendmail", slot, renamed),
        list: |cluster| notifications(cluster, "endpoints/sendmail"),
        ..NONE
    },
    Subject {
        kind: "pve_notification_smtp",
        short: "smtp",
        body: |slot, renamed| {
            format!(
                "  name = {:?}\n  server = \"mx\"\n  from_address = \"a@b.c\"\n  mailto = [\"a@b.c\"]\n",
                notification("smtp", slot, renamed)
            )
        },
        id: |slot, renamed| notification("smtp", slot, renamed),
        list: |cluster| notifications(cluster, "endpoints/smtp"),
        ..NONE
    },
    Subject {
        kind: "pve_notification_webhook",
        short: "webhook",
        body: |slot, renamed| {
            format!("  name = {:?}\n  url = \"http://x\"\n  method = \"get\"\n", notification("webhook", slot, renamed))
        },
        id: |slot, renamed| notification("webhook", slot, renamed),
        list: |cluster| notifications(cluster, "endpoints/webhook"),
        ..NONE
    },
    Subject {
        kind: "pve_ha_resource",
        short: "resource",
        body: |slot, renamed| format!("  sid   = {:?}\n  state = \"ignored\"\n", sid(slot, renamed)),
        id: sid,
        list: |cluster| cluster.api.list("/cluster/ha/resources", "sid").into_keys().collect(),
        ..NONE
    },
    Subject {
        kind: "pve_ha_node_affinity_rule",
        short: "node_rule",
        needs: RULED,
        body: |slot, renamed| {
            let (name, nodes) = (rule(slot, renamed), "{ pve1 = 1, pve2 = 1 }");
            format!(
                "  name      = {name:?}\n  resources = [pve_ha_resource.ruled[{slot}].sid]\n  nodes     = {nodes}\n"
            )
        },
        id: rule,
        list: |cluster| cluster.api.list("/cluster/ha/rules", "rule").into_keys().collect(),
        // A resource is in one node affinity rule at most.
        are_two: false,
        ..NONE
    },
    Subject {
        kind: "pve_ha_resource_affinity_rule",
        short: "resource_rule",
        needs: RULED,
        body: |slot, renamed| {
            let name = format!("apart-{slot}{}", if renamed { "-new" } else { "" });
            format!(
                "  name      = {name:?}\n  resources = [for r in slice(pve_ha_resource.ruled, 18, 20) : r.sid]\n  affinity  = \"negative\"\n"
            )
        },
        id: |slot, renamed| format!("apart-{slot}{}", if renamed { "-new" } else { "" }),
        list: |cluster| cluster.api.list("/cluster/ha/rules", "rule").into_keys().collect(),
        ..NONE
    },
    Subject {
        kind: "pve_ha_rule_member",
        short: "member",
        needs: JOINED,
        body: |slot, renamed| {
            let rule = joined(renamed);
            format!(
                "  rule     = pve_ha_node_affinity_rule.joined[{rule:?}].name\n  resource = pve_ha_resource.ruled[{slot}].sid\n"
            )
        },
        id: |slot, renamed| format!("{}/vm:{}", joined(renamed), 130 + slot),
        list: |cluster| {
            let rules = cluster.api.list("/cluster/ha/rules", "rule").into_iter();
            let members = rules.flat_map(|(rule, entry)| {
                let sids = entry["resources"].as_str().unwrap_or_default().split(',').map(str::to_owned);
                sids.map(move |sid| format!("{rule}/{sid}")).collect::<Vec<_>>()
            });
            members.collect()
        },
        ..NONE
    },
    Subject {
        kind: "pve_backup_job",
        short: "backup",
        body: |slot, renamed| {
            format!("  name     = {:?}\n  schedule = \"21:00\"\n  guests   = [100]\n", rule(slot, renamed))
        },
        id: rule,
        list: |cluster| cluster.api.list("/cluster/backup", "id").into_keys().collect(),
        ..NONE
    },
    Subject {
        kind: "pve_replication_job",
        short: "job",
        body: |slot, renamed| {
            let number = if renamed { 1 } else { 0 };
            // The guests are on the first eighteen nodes, one on each.
            let target = if renamed { "pve24" } else { "pve23" };
            format!(
                "  guest         = {}\n  job_number    = {number}\n  target        = {target:?}\n  force_destroy = true\n",
                100 + slot
            )
        },
        id: |slot, renamed| format!("{}-{}", 100 + slot, u8::from(renamed)),
        list: jobs,
        ..NONE
    },
    Subject {
        kind: "pve_replication_job",
        short: "numbered_job",
        // The same number for another target: what is called the same can't be there twice.
        body: |slot, renamed| {
            let target = if renamed { "pve24" } else { "pve23" };
            format!(
                "  guest         = {}\n  job_number    = 7\n  target        = {target:?}\n  force_destroy = true\n",
                124 + slot
            )
        },
        id: |slot, renamed| format!("{}-7 to {}", 124 + slot, if renamed { "pve24" } else { "pve23" }),
        list: |cluster| {
            let jobs = cluster.api.list("/cluster/replication", "id").into_iter();
            jobs.map(|(id, job)| format!("{id} to {}", job["target"].as_str().unwrap_or_default())).collect()
        },
        are_two: false,
        ..NONE
    },
    Subject {
        kind: "pve_replication_job",
        short: "unnumbered_job",
        body: |slot, renamed| {
            let target = if renamed { "pve22" } else { "pve21" };
            format!("  guest         = {}\n  target        = {target:?}\n  force_destroy = true\n", 124 + slot)
        },
        id: |slot, renamed| format!("{} to {}", 124 + slot, if renamed { "pve22" } else { "pve21" }),
        list: |cluster| {
            let jobs = cluster.api.list("/cluster/replication", "id").into_values();
            jobs.map(|job| format!("{} to {}", job["guest"], job["target"].as_str().unwrap_or_default())).collect()
        },
        is_always_new: true,
        ..NONE
    },
    Subject {
        kind: "pve_datacenter_options",
        short: "options",
        body: |slot, _| {
            let (name, value) = OPTIONS[slot];
            value
                .strip_prefix("block ")
                .map_or_else(|| format!("  {name} = {value}\n"), |block| format!("  {name} {block}\n"))
        },
        id: |slot, _| OPTIONS[slot].0.replace('_', "-"),
        list: |cluster| {
            let options = cluster.api.read("/cluster/options");
            let unset = |name: &str, value: &serde_json::Value| match name {
                "fencing" => value == "watchdog",
                "description" => value == "",
                "mac_prefix" => value == "BC:24:11",
                _ => false,
            };
            let set = options.as_object().into_iter().flatten().filter(|(name, value)| !unset(name, value));
            set.map(|(name, _)| name.replace('_', "-")).collect()
        },
        always_exists: true,
        ..NONE
    },
    Subject {
        kind: "pve_fence_device",
        short: "fence",
        body: |slot, renamed| {
            format!(
                "  name    = {:?}\n  agent   = \"fence_apc\"\n  options = {{ ip = \"10.0.9.1\" }}\n  connect {{\n    node    = \"pve1\"\n    \
                 options = {{ plug = \"1\" }}\n  }}\n",
                device(slot, renamed)
            )
        },
        id: device,
        list: |cluster| {
            let text = cluster.shared_file("/etc/pve/ha/fence.cfg").unwrap_or_default();
            let names = text.lines().filter_map(|line| line.strip_prefix("device ")?.split(' ').next());
            names.map(|name| name.trim_end_matches(":1").to_owned()).collect()
        },
        ..NONE
    },
    Subject {
        kind: "pve_node_maintenance",
        short: "maintenance",
        body: |slot, renamed| {
            format!("  node                = {:?}\n  wait_for_evacuation = false\n", node(slot, renamed))
        },
        id: node,
        list: |cluster| {
            let status = cluster.api.read("/cluster/ha/status/manager_status");
            let nodes = status["manager_status"]["node_request"].as_object().cloned().unwrap_or_default();
            nodes.into_iter().filter(|(_, request)| request["maintenance"] == 1).map(|(node, _)| node).collect()
        },
        ..NONE
    },
    Subject {
        kind: "pve_node_watchdog",
        short: "watchdog",
        body: |slot, renamed| format!("  node   = {:?}\n  module = \"ipmi_watchdog\"\n", node(slot, renamed)),
        id: node,
        list: |cluster| {
            let file = |node: &String| cluster.node_file(node, "/etc/default/pve-ha-manager").unwrap_or_default();
            let is_set = |node: &String| file(node).lines().any(|line| line.starts_with("WATCHDOG_MODULE="));
            cluster.nodes().into_iter().filter(is_set).collect()
        },
        ..NONE
    },
    Subject {
        kind: "pve_ha_group",
        short: "group",
        place: Place::Eight,
        body: |slot, renamed| format!("  name  = {:?}\n  nodes = {{ pve1 = 1, pve2 = 1 }}\n", rule(slot, renamed)),
        id: rule,
        list: |cluster| cluster.api.list("/cluster/ha/groups", "group").into_keys().collect(),
        ..NONE
    },
    Subject {
        kind: "pve_qdevice",
        short: "qdevice",
        place: Place::Alone,
        body: |_, renamed| format!("  address = {:?}\n", address(0, renamed)),
        id: address,
        list: |cluster| cluster.emulator().cluster().world().qdevice.iter().map(|device| device.host.clone()).collect(),
        // A cluster has one.
        are_two: false,
        ..NONE
    },
    Subject {
        kind: "pve_corosync_options",
        short: "corosync",
        place: Place::Alone,
        body: |_, _| "  token = 4000\n".to_owned(),
        id: |_, _| "token".to_owned(),
        list: |cluster| {
            let conf = cluster.shared_file("/etc/pve/corosync.conf").unwrap_or_default();
            conf.lines().filter(|line| line.trim() == "token: 4000").map(|_| "token".to_owned()).collect()
        },
        always_exists: true,
        ..NONE
    },
];

/// What those that are alone need.
pub fn set_up_alone(cluster: &Cluster) {
    cluster.machine(json!({"machine": address(0, true)}));
}

/// The last two of six slots are renamed: which of all those it is.
fn of_renamed(slot: usize) -> usize {
    slot / 6 * 2 + slot % 2
}

fn sid(slot: usize, renamed: bool) -> String {
    format!("vm:{}", if renamed { 119 + of_renamed(slot) } else { 101 + slot })
}

fn joined(renamed: bool) -> &'static str {
    if renamed { "joined-new" } else { "joined" }
}

fn rule(slot: usize, renamed: bool) -> String {
    format!("rule-{slot}{}", if renamed { "-new" } else { "" })
}

fn device(slot: usize, renamed: bool) -> String {
    format!("power{slot}{}", if renamed { "new" } else { "" })
}

fn node(slot: usize, renamed: bool) -> String {
    format!("pve{}", if renamed { 19 + of_renamed(slot) } else { 1 + slot })
}

fn address(_: usize, renamed: bool) -> String {
    format!("10.0.0.{}", if renamed { 101 } else { 100 })
}

fn jobs(cluster: &Cluster) -> BTreeSet<String> {
    cluster.api.list("/cluster/replication", "id").into_keys().collect()
}

fn notification(kind: &str, slot: usize, renamed: bool) -> String {
    format!("{kind}-{slot}{}", if renamed { "-new" } else { "" })
}

/// Without what Proxmox ships.
fn notifications(cluster: &Cluster, collection: &str) -> BTreeSet<String> {
    let entries = cluster.api.list(&format!("/cluster/notifications/{collection}"), "name");
    entries.into_iter().filter(|(_, entry)| entry["origin"] == "user-created").map(|(name, _)| name).collect()
}
