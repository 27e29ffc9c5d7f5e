//! The resource types under fire.

use pve_emulator::Release;
use serde_json::{Value as Json, json};

/// A resource type under fire.
pub struct Target {
    pub kind: &'static str,
    pub release: Release,
    pub collection: &'static str,
    /// The path of the one object.
    pub object: &'static str,
    pub create: Json,
    pub update: Json,
    /// The parameter that the update changes, and its value in the answer of Proxmox.
    pub proof: (&'static str, Json),
    /// What another client changes of the object at the same time: none where Proxmox has no digest to guard it with.
    pub edit: Option<(&'static str, Json)>,
    /// Whether it is one object of the cluster, whose creation is an update.
    pub is_singleton: bool,
    /// Whether it is one of the HA resources of a rule, so that each write of it is a change of the rule.
    pub is_member: bool,
}

pub const OPTIONS: &str = "/cluster/options";

pub fn targets() -> [Target; 14] {
    [
        Target {
            kind: "pve_ha_group",
            release: Release::V8,
            collection: "/cluster/ha/groups",
            object: "/cluster/ha/groups/tfacc",
            create: json!({"name": "tfacc", "nodes": {"pve1": 1}}),
            update: json!({"name": "tfacc", "nodes": {"pve1": 1}, "comment": "new"}),
            proof: ("comment", json!("new")),
            edit: Some(("comment", json!("by hand"))),
            is_singleton: false,
            is_member: false,
        },
        Target {
            kind: "pve_ha_resource",
            release: Release::V9,
            collection: "/cluster/ha/resources",
            object: "/cluster/ha/resources/vm:900",
            // Proxmox puts a service that is removed and added again within one round of its managers into the error state,
            // unless it is ignored.
            create: json!({"sid": "vm:900", "state": "ignored"}),
            update: json!({"sid": "vm:900", "state": "ignored", "max_restart": 3}),
            proof: ("max_restart", json!(3)),
            edit: Some(("max_restart", json!(7))),
            is_singleton: false,
            is_member: false,
        },
        Target {
            kind: "pve_ha_node_affinity_rule",
            release: Release::V9,
            collection: "/cluster/ha/rules",
            object: "/cluster/ha/rules/tfacc",
            create: json!({"name": "tfacc", "resources": ["vm:901"], "nodes": {"pve1": 1}}),
            update: json!({"name": "tfacc", "resources": ["vm:901"], "nodes": {"pve1": 1}, "strict": true}),
            proof: ("strict", json!(1)),
            edit: Some(("comment", json!("by hand"))),
            is_singleton: false,
            is_member: false,
        },
        Target {
            kind: "pve_ha_resource_affinity_rule",
            release: Release::V9,
            collection: "/cluster/ha/rules",
            object: "/cluster/ha/rules/tfacc",
            create: json!({"name": "tfacc", "resources": ["vm:901", "vm:902"], "affinity": "negative"}),
            update: json!({"name": "tfacc", "resources": ["vm:901", "vm:902"], "affinity": "positive"}),
            proof: ("affinity", json!("positive")),
            edit: Some(("comment", json!("by hand"))),
            is_singleton: false,
            is_member: false,
        },
        Target {
            kind: "pve_ha_rule_member",
            release: Release::V9,
            collection: "/cluster/ha/rules",
            object: "/cluster/ha/rules/tfacc",
            create: json!({"rule": "tfacc", "resource": "vm:902"}),
            // Another member in its place.
            update: json!({"rule": "tfacc", "resource": "vm:903"}),
            proof: ("resource", json!("vm:903")),
            edit: None,
            is_singleton: false,
            is_member: true,
        },
        Target {
            kind: "pve_replication_job",
            release: Release::V9,
            collection: "/cluster/replication",
            object: "/cluster/replication/900-0",
            create: json!({"guest": 900, "target": "pve2"}),
            update: json!({"guest": 900, "target": "pve2", "rate": 3}),
            proof: ("rate", json!(3)),
            edit: Some(("rate", json!(7))),
            is_singleton: false,
            is_member: false,
        },
        Target {
            kind: "pve_backup_job",
            release: Release::V9,
            collection: "/cluster/backup",
            object: "/cluster/backup/tfacc",
            create: json!({"name": "tfacc", "schedule": "21:00", "guests": [100], "storage": "local"}),
            update: json!({"name": "tfacc", "schedule": "21:00", "all": true, "storage": "local"}),
            proof: ("all", json!(1)),
            edit: None,
            is_singleton: false,
            is_member: false,
        },
        Target {
            kind: "pve_datacenter_options",
            release: Release::V9,
            collection: OPTIONS,
            object: OPTIONS,
            create: json!({"console": "html5"}),
            update: json!({"console": "vv"}),
            proof: ("console", json!("vv")),
            edit: None,
            is_singleton: true,
            is_member: false,
        },
        notification(
            "pve_notification_sendmail",
            "endpoints/sendmail",
            "tfacc",
            json!({"name": "tfacc", "mailto": ["a@b.c"]}),
        ),
        notification(
            "pve_notification_smtp",
            "endpoints/smtp",
            "tfacc",
            json!({"name": "tfacc", "server": "mx", "from_address": "a@b.c", "mailto": ["a@b.c"]}),
        ),
        notification(
            "pve_notification_gotify",
            "endpoints/gotify",
            "tfacc",
            json!({"name": "tfacc", "server": "http://x", "token": "t"}),
        ),
        notification(
            "pve_notification_webhook",
            "endpoints/webhook",
            "tfacc",
            json!({"name": "tfacc", "url": "http://x", "method": "get", "secrets": {"a": "b"}}),
        ),
        notification(
            "pve_notification_matcher",
            "matchers",
            "tfacc",
            json!({"name": "tfacc", "targets": ["mail-to-root"]}),
        ),
        Target {
            is_singleton: true,
            ..notification(
                "pve_notification_matcher",
                "matchers",
                "default-matcher",
                json!({"name": "default-matcher", "targets": ["mail-to-root"], "severities": ["error"]}),
            )
        },
    ]
}

/// A notification target or matcher, of which the update changes the comment.
fn notification(kind: &'static str, collection: &str, name: &str, create: Json) -> Target {
    let collection = format!("/cluster/notifications/{collection}");
    let mut update = create.clone();
    update["comment"] = json!("new");
    Target {
        kind,
        release: Release::V9,
        object: format!("{collection}/{name}").leak(),
        collection: collection.leak(),
        create,
        update,
        proof: ("comment", json!("new")),
        edit: Some(("comment", json!("by hand"))),
        is_singleton: false,
        is_member: false,
    }
}
