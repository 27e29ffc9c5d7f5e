//! `pve_notification_matcher`: which notifications are sent to which targets.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::BESIDE;
use super::event::Severity;
use super::fields::{FieldPatterns, FieldValues, patterns, severities, values};
use super::routing::Mode;
use crate::noun::Noun;
use crate::rest::{Collection, Rest};
use crate::tf_block;
use crate::value::ConfigId;

/// `mode` where it is unset.
pub const MODE: Mode = Mode::All;

/// A matcher: it sends the notifications that meet its conditions to its targets. Without conditions it sends all of them.
///
/// Proxmox raises notifications of these types only:
///
/// | `type` | severity | other fields | when |
/// |---|---|---|---|
/// | `fencing` | `error` | `hostname`: the failed node | a node is fenced; again when that succeeded |
/// | `replication` | `error` | `hostname`, `job-id` | a replication job failed |
/// | `vzdump` | `info`, `error` | `hostname`; `job-id` of a scheduled backup | a backup ended |
/// | `package-updates` | `info` | `hostname` | updates are available |
/// | `system-mail` | `unknown` | `hostname` | a mail to root of a node |
///
/// A migration, a failover without fencing and an HA resource in the error state raise none. The data source
/// `pve_notification_targets` returns which matcher sends what.
///
/// **`default-matcher` is built in.** Creating it changes the existing matcher to the configured values, and destroying it
/// resets it to the values that Proxmox ships. Proxmox cannot remove it: set `disabled = true` to silence it.
///
/// Proxmox refuses to remove a target that a matcher refers to. To rename a target, set `create_before_destroy` in the
/// `lifecycle` block of the target: Terraform then changes the matchers first. Refer to targets as below, so that
/// Terraform keeps the order.
///
/// Needs PVE 8.1 or newer.
#[tf_block(partial, rest)]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NotificationMatcher {
    /// The name of the matcher, unique among all targets and matchers.
    #[tf(required, replace, identity)]
    pub name: ConfigId,
    /// The names of the targets. They must exist.
    #[tf(wire = "target")]
    #[schemars(extend("minItems" = 1, "items" = {"type": "string", "format": "pve-configid"}))]
    pub targets: Option<BTreeSet<String>>,
    /// Whether a notification must meet `all` conditions or `any` of them.
    #[tf(default = MODE)]
    pub mode: Option<Mode>,
    /// Whether the matcher sends the notifications that do not meet its conditions.
    #[tf(default = false, wire = "invert-match")]
    pub invert: Option<bool>,
    /// Fields of a notification, and the values that each may have: `{ type = ["fencing", "replication"] }`. Each field is a
    /// condition.
    #[tf(optional, wire(name = "match-field", read = values))]
    #[serde(default)]
    pub fields: FieldValues,
    /// Fields of a notification, and the regular expressions that are found in each: `{ hostname = ["^pve[12]$"] }`. Each
    /// expression is a condition.
    #[tf(optional, wire(name = "match-field", read = patterns))]
    #[serde(default)]
    pub field_patterns: FieldPatterns,
    /// The severities that a notification may have. They are one condition.
    #[tf(wire(name = "match-severity", read = severities))]
    #[schemars(extend("minItems" = 1))]
    pub severities: Option<BTreeSet<Severity>>,
    /// The hours in which a notification is raised, in the local time of its node: `8-17`, `mon..fri 8:00-17:30` or
    /// `sat,sun 0-23:59`. Each element is a condition: several need `mode = "any"`.
    #[tf(wire = "match-calendar")]
    #[schemars(extend("minItems" = 1, "items" = {"type": "string", "format": "pve-notification-hours"}))]
    pub calendar: Option<BTreeSet<String>>,
    /// A comment of one line.
    #[tf(null_means = "")]
    #[schemars(extend("format" = "pve-notification-line"))]
    pub comment: Option<String>,
    /// Whether the matcher is switched off.
    #[tf(default = false, wire = "disable")]
    pub disabled: Option<bool>,
}

impl Noun for NotificationMatcher {
    const NAME: &'static str = "pve_notification_matcher";
    const TITLE: &'static str = "notification matcher";
}

impl Rest for NotificationMatcher {
    const COLLECTION: Collection = Collection::NotificationMatchers;
    const BESIDE: &'static [&'static str] = BESIDE;

    fn key(&self) -> String {
        self.name.to_string()
    }
}
