//! The forms of option values in a file (`encode_value` and `decode_value` of the plugins).

use std::collections::{BTreeMap, BTreeSet};

use percent_encoding::percent_decode;

use crate::schema::params::split_list;
use crate::schema::{Schema, property_string};

/// How a value is written, and what reading it makes of it.
#[derive(Clone, Copy, Debug)]
pub enum Codec {
    Plain,
    /// Percent-encoded UTF-8 (`encode_text` of `PVE::Tools`).
    Text,
    /// Percent-encoded characters (`encode_text` of `PVE::ParseUtils`): what isn't ASCII is lost or refused.
    Bytes,
    /// The keys of a Perl hash: duplicates vanish, the order is random.
    NodeSet,
    /// Nodes by name, each with one priority; 0 isn't written.
    NodePriorities,
    SortedSet,
    /// A property string with these keys, written anew from its parts.
    Properties(fn() -> &'static Schema),
}

impl Codec {
    /// The value as a section keeps it: lists in their normal form.
    #[must_use]
    pub(super) fn decode(self, text: &str) -> String {
        match self {
            Codec::Plain | Codec::Text | Codec::Bytes => text.to_owned(),
            Codec::NodeSet => {
                let mut seen = BTreeSet::new();
                let list = split_list(text);
                let unique: Vec<&String> = list.iter().filter(|node| seen.insert(*node)).collect();
                unique.into_iter().cloned().collect::<Vec<_>>().join(",")
            }
            Codec::NodePriorities => node_priorities(text)
                .into_iter()
                .map(|(node, priority)| if priority == "0" { node } else { format!("{node}:{priority}") })
                .collect::<Vec<_>>()
                .join(","),
            Codec::SortedSet => {
                split_list(text).into_iter().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(",")
            }
            Codec::Properties(keys) => match property_string::parse(keys(), text, "") {
                Ok(values) => property_string::print(keys(), &values),
                Err(_) => text.to_owned(),
            },
        }
    }

    /// The value of a text in a file.
    #[must_use]
    pub(super) fn read(self, text: &str) -> String {
        match self {
            Codec::Text | Codec::Bytes => percent_decode(&super::bytes::raw(text)).decode_utf8_lossy().into_owned(),
            other => other.decode(text),
        }
    }

    /// The text of a value in a file.
    ///
    /// # Errors
    /// Perl's complaint about a character that doesn't fit into a byte.
    pub(super) fn write(self, value: &str) -> Result<String, String> {
        match self {
            Codec::Text => Ok(escape(value.bytes())),
            Codec::Bytes => {
                let bytes: Result<Vec<u8>, _> = value.chars().map(|c| u8::try_from(u32::from(c))).collect();
                bytes
                    .map(|bytes| escape(bytes.into_iter()))
                    .map_err(|_| "Wide character at /usr/share/perl5/PVE/ParseUtils.pm line 67.".to_owned())
            }
            _ => Ok(value.to_owned()),
        }
    }
}

/// Nodes with their priorities as texts; of a node named twice the last one counts. A priority without a node is no entry.
#[must_use]
pub fn node_priorities(text: &str) -> BTreeMap<String, String> {
    split_list(text)
        .into_iter()
        .map(|entry| match entry.split_once(':') {
            Some((node, priority)) => (node.to_owned(), priority.to_owned()),
            None => (entry, "0".to_owned()),
        })
        .filter(|(node, _)| !node.is_empty())
        .collect()
}

/// `encode_text`: escapes control characters, everything beyond ASCII, and the colon, but not the percent sign.
pub fn escape(bytes: impl Iterator<Item = u8>) -> String {
    bytes
        .map(|byte| match byte {
            0x20..=0x39 | 0x3b..=0x7e => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_of_replication_jobs_survive() {
        let written = Codec::Text.write("x:y ü✓").unwrap();
        assert_eq!(written, "x%3Ay %C3%BC%E2%9C%93");
        assert_eq!(Codec::Text.read(&written), "x:y ü✓");
    }

    #[test]
    fn a_priority_without_a_node_is_no_entry() {
        assert_eq!(Codec::NodePriorities.read("pve1 \0:0 pve2:3"), "pve1,pve2:3");
    }

    #[test]
    fn comments_of_rules_lose_what_is_not_ascii() {
        assert_eq!(Codec::Bytes.write("ü").as_deref(), Ok("%FC"));
        assert_eq!(Codec::Bytes.read("%FC"), "\u{fffd}");
        assert!(Codec::Bytes.write("✓").is_err());
    }

    #[test]
    fn lists_have_a_normal_form() {
        assert_eq!(Codec::NodePriorities.decode("pve3:0 pve1:1,pve2:2;pve1:3"), "pve1:3,pve2:2,pve3");
        assert_eq!(Codec::NodePriorities.decode("a:00"), "a:00");
        assert_eq!(Codec::SortedSet.decode("vm:101,ct:1 vm:101"), "ct:1,vm:101");
        assert_eq!(Codec::NodeSet.decode("b:1,a,b:1,b:2"), "b:1,a,b:2");
    }
}
