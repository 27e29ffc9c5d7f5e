//! Names of things: configuration ids, nodes, HA resources.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Properties;
use super::parsed::parsed;
use crate::rest::{Params, Wire, wire};

parsed! {
    /// The name of a section in a configuration file (`pve-configid`).
    ConfigId, "pve-configid", |text| {
        let mut bytes = text.bytes();
        let head = bytes.next().is_some_and(|b| b.is_ascii_alphabetic());
        let tail = bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        if head && tail && text.len() >= 2 {
            return Ok(());
        }
        Err("must be at least two characters: a letter, then letters, digits, _ or -".to_owned())
    }
}

parsed! {
    /// The name of a cluster node (`pve-node`).
    NodeName, "pve-node", |text| {
        let good = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        if text.is_empty() || !text.bytes().all(good) || text.starts_with('-') || text.ends_with('-') {
            return Err("must be a node name: letters, digits and dashes, no dash at either end".to_owned());
        }
        Ok(())
    }
}

parsed! {
    /// The id of an HA resource: `vm:100` or `ct:101`.
    Sid, "pve-ha-sid", |text| {
        let demand = || "must be vm:ID or ct:ID with a guest id from 100 to 999999999, such as vm:100".to_owned();
        let (kind, id) = text.split_once(':').ok_or_else(demand)?;
        let digits = id.bytes().all(|b| b.is_ascii_digit()) && !id.starts_with('0');
        if matches!(kind, "vm" | "ct") && digits && (3..=9).contains(&id.len()) { Ok(()) } else { Err(demand()) }
    }
}

impl Sid {
    /// `vm` or `ct`.
    pub fn kind(&self) -> &str {
        self.as_str().split_once(':').map_or("", |(kind, _)| kind)
    }

    /// The guest's id.
    pub fn vmid(&self) -> &str {
        self.as_str().split_once(':').map_or("", |(_, id)| id)
    }
}

parsed! {
    /// The id of a replication job: the guest's id and the number of the job, such as `100-0`.
    ReplicationJobId, "pve-replication-job-id", |text| {
        let demand = || "must be VMID-NUMBER, such as 100-0".to_owned();
        let (guest, number) = text.split_once('-').ok_or_else(demand)?;
        let is_number = |text: &str| text.bytes().all(|b| b.is_ascii_digit()) && (1..=9).contains(&text.len());
        if is_number(guest) && guest.len() >= 3 && !guest.starts_with('0') && is_number(number) { Ok(()) } else { Err(demand()) }
    }
}

/// The state an HA resource is requested to be in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum HaState {
    /// Kept running, recovered when its node fails.
    Started,
    /// Kept stopped, but moved when its node fails.
    Stopped,
    /// The same as `started`.
    Enabled,
    /// Kept stopped, not moved; the only way out of the error state.
    Disabled,
    /// Not touched by the HA manager.
    Ignored,
}

impl HaState {
    /// Proxmox's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Stopped => "stopped",
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
            Self::Ignored => "ignored",
        }
    }
}

wire::word!(HaState);

/// Nodes with their priorities. **A higher number is preferred.** Null counts as 0.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodePriorities(pub BTreeMap<NodeName, Option<i64>>);

impl NodePriorities {
    /// Proxmox's list: `pve1,pve2:2`.
    pub fn to_list(&self) -> String {
        let nodes = self.0.iter().map(|(node, priority)| match priority {
            None | Some(0) => node.to_string(),
            Some(priority) => format!("{node}:{priority}"),
        });
        nodes.collect::<Vec<_>>().join(",")
    }

    /// From Proxmox's list, in whatever order; of a repeated node the last one counts.
    ///
    /// # Errors
    /// Names the entry that is malformed.
    pub fn from_list(list: &str) -> Result<Self, String> {
        let entries = split(list).map(|entry| {
            let (node, priority) = entry.split_once(':').unwrap_or((entry, "0"));
            let node = node.parse::<NodeName>().map_err(|e| format!("{entry:?}: {e}"))?;
            let priority = priority.parse().map_err(|_| format!("{entry:?} has no number as priority"))?;
            Ok((node, Some(priority)))
        });
        entries.collect::<Result<_, String>>().map(Self)
    }
}

/// No list is an empty one.
impl Wire for NodePriorities {
    fn write(&self, name: &'static str, params: &mut Params) {
        params.set(name, self.to_list());
    }

    fn read(name: &'static str, entry: &Properties<'_>) -> Result<Option<Self>, String> {
        Self::from_list(&entry.text(name).unwrap_or_default()).map(Some)
    }
}

impl JsonSchema for NodePriorities {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "NodePriorities".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "object",
            "minProperties": 1,
            "propertyNames": {"format": NodeName::FORMAT},
            "additionalProperties": {"type": "integer", "minimum": 0},
        })
    }
}

/// A set of HA resources.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct SidSet(pub BTreeSet<Sid>);

impl SidSet {
    /// Proxmox's list: `ct:101,vm:100`.
    pub fn to_list(&self) -> String {
        self.0.iter().map(Sid::as_str).collect::<Vec<_>>().join(",")
    }

    /// From Proxmox's list.
    ///
    /// # Errors
    /// Names the entry that is malformed.
    pub fn from_list(list: &str) -> Result<Self, String> {
        split(list).map(|sid| sid.parse().map_err(|e| format!("{sid:?}: {e}"))).collect::<Result<_, _>>().map(Self)
    }
}

/// No list is an empty one.
impl Wire for SidSet {
    fn write(&self, name: &'static str, params: &mut Params) {
        params.set(name, self.to_list());
    }

    fn read(name: &'static str, entry: &Properties<'_>) -> Result<Option<Self>, String> {
        Self::from_list(&entry.text(name).unwrap_or_default()).map(Some)
    }
}

/// Proxmox's `-list` formats: comma, semicolon or blanks between the entries.
pub(crate) fn split(list: &str) -> impl Iterator<Item = &str> {
    list.split([',', ';', ' ', '\t', '\0']).filter(|entry| !entry.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sids_are_of_guests() {
        for text in ["vm:100", "ct:999999999"] {
            assert!(text.parse::<Sid>().is_ok(), "{text}");
        }
        for text in ["vm:99", "vm:0100", "VM:100", "100", "vm:", "vm:1000000000", "qemu:100", "vm:1 0"] {
            assert!(text.parse::<Sid>().is_err(), "{text}");
        }
    }

    #[test]
    fn priorities_read_in_any_order_and_drop_zero() {
        let nodes = NodePriorities::from_list("pve2:02,pve1:0;pve3").unwrap();
        assert_eq!(nodes.to_list(), "pve1,pve2:2,pve3");
        assert!(NodePriorities::from_list("-a").is_err());
        assert!(NodePriorities::from_list("a:x").is_err());
    }

    #[test]
    fn config_ids_have_two_characters() {
        assert!("a".parse::<ConfigId>().is_err());
        assert!("1a".parse::<ConfigId>().is_err());
        assert!("Ab-_9".parse::<ConfigId>().is_ok());
    }
}
