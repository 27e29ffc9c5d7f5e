//! The events that Proxmox raises, and what a matcher sees of each.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A type of event. Proxmox raises no other ones: a migration, a failover without fencing and an error state are silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EventType {
    /// A node is fenced: once when the fencing starts, once when it succeeded. `hostname` is the failed node.
    Fencing,
    /// A replication job failed.
    Replication,
    /// A backup ended. Only a scheduled one has the field `job-id`.
    Vzdump,
    /// Updates of packages are available.
    PackageUpdates,
    /// A mail to root of a node.
    SystemMail,
}

/// How severe an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Information: available updates, a backup that succeeded.
    Info,
    /// Noteworthy.
    Notice,
    /// A warning.
    Warning,
    /// An error: fencing, a failed replication or backup.
    Error,
    /// Mails to root.
    Unknown,
}

impl EventType {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Fencing, Self::Replication, Self::Vzdump, Self::PackageUpdates, Self::SystemMail];

    /// The value of the field `type`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fencing => "fencing",
            Self::Replication => "replication",
            Self::Vzdump => "vzdump",
            Self::PackageUpdates => "package-updates",
            Self::SystemMail => "system-mail",
        }
    }

    /// The severities that events of this type have.
    #[must_use]
    pub fn severities(self) -> &'static [Severity] {
        match self {
            Self::Fencing | Self::Replication => &[Severity::Error],
            Self::Vzdump => &[Severity::Info, Severity::Error],
            Self::PackageUpdates => &[Severity::Info],
            Self::SystemMail => &[Severity::Unknown],
        }
    }
}

impl Severity {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Info, Self::Notice, Self::Warning, Self::Error, Self::Unknown];

    /// As Proxmox writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Unknown => "unknown",
        }
    }
}

/// One event, as matchers see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its severity.
    pub severity: Severity,
    fields: BTreeMap<&'static str, String>,
}

impl Event {
    /// An event of this type and severity about a node. It has no other fields.
    #[must_use]
    pub fn new(event: EventType, severity: Severity, hostname: &str) -> Self {
        let fields = [("type", event.as_str().to_owned()), ("hostname", hostname.to_owned())];
        Self { severity, fields: fields.into_iter().collect() }
    }

    /// The same event of a replication or backup job.
    #[must_use]
    pub fn of_job(mut self, job: &str) -> Self {
        self.fields.insert("job-id", job.to_owned());
        self
    }

    /// A field; most events have only a few.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }
}
