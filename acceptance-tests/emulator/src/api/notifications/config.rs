//! `/etc/pve/notifications.cfg`, parsed, together with what `proxmox-notify` brings along.

use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest as sha2};
use serde_json::{Map, Value, json};

use crate::schema::Prop;
use crate::section_config::{FileType, Opt, Plugin, Section, Values};
use crate::world::World;

const NOTIFICATIONS: &str = "/etc/pve/notifications.cfg";
/// The type of matchers.
pub(super) const MATCHER: &str = "matcher";

/// A target or a matcher.
pub(super) struct Entry {
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) values: Values,
    pub(super) origin: &'static str,
}

impl Entry {
    /// Everything about it but where it comes from.
    pub(super) fn object(&self) -> Map<String, Value> {
        let mut object: Map<String, Value> = self.values.clone().into_iter().collect();
        object.insert("name".to_owned(), json!(self.name));
        object
    }
}

static TYPES: LazyLock<FileType> = LazyLock::new(|| {
    let text = |name| Opt::optional(name, Prop::string());
    let flag = |name| Opt::optional(name, Prop::boolean());
    let list = |name| Opt::optional(name, Prop::array(Prop::string()));
    let mails = || [text("from-address"), text("author"), list("mailto"), list("mailto-user")];
    let plugin = |kind, own: Vec<Opt>| {
        let options = own.into_iter().chain([text("comment"), flag("disable")]).collect();
        Plugin { kind, options }
    };
    let smtp = [text("server"), Opt::optional("port", Prop::integer()), text("mode"), text("username")];
    let matcher = ["match-field", "match-severity", "match-calendar", "target"].map(list);
    FileType {
        plugins: vec![
            plugin("sendmail", mails().into()),
            plugin("gotify", vec![text("server")]),
            plugin("smtp", mails().into_iter().chain(smtp).collect()),
            plugin("webhook", vec![text("url"), text("method"), text("body"), list("header"), list("secret")]),
            plugin(MATCHER, matcher.into_iter().chain([text("mode"), flag("invert-match")]).collect()),
        ],
        typed_ids: false,
    }
});

/// Everything, what the file says first, in its order.
pub(super) fn read(world: &World) -> Vec<Entry> {
    let mut builtin = builtin();
    let mut entries = Vec::new();
    for section in TYPES.parse(world.file(NOTIFICATIONS)).list {
        let origin = match builtin.iter().position(|entry| entry.name == section.id) {
            Some(at) if is_same(&builtin.remove(at), &section) => "builtin",
            Some(_) => "modified-builtin",
            None => "user-created",
        };
        entries.push(Entry { kind: section.kind, name: section.id, values: section.values, origin });
    }
    entries.extend(builtin);
    entries
}

/// SHA-256 of the file's text.
pub(super) fn digest(world: &World) -> String {
    sha2(&SHA256, world.file(NOTIFICATIONS).as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn builtin() -> Vec<Entry> {
    let entry = |kind: &str, name: &str, values: Value| Entry {
        kind: kind.to_owned(),
        name: name.to_owned(),
        values: values.as_object().cloned().unwrap_or_default().into_iter().collect(),
        origin: "builtin",
    };
    vec![
        entry(
            "sendmail",
            "mail-to-root",
            json!({"comment": "Send mails to root@pam's email address", "mailto-user": ["root@pam"]}),
        ),
        entry(
            MATCHER,
            "default-matcher",
            json!({"comment": "Route all notifications to mail-to-root", "mode": "all", "target": ["mail-to-root"]}),
        ),
    ]
}

fn is_same(builtin: &Entry, section: &Section) -> bool {
    builtin.kind == section.kind && builtin.values == section.values
}
