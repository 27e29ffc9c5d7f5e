//! Small parsers that several data sources share.

use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use crate::noun::Partly;

/// The entries of an answer that is a list.
pub fn list(answer: &Json) -> Result<&[Json], String> {
    answer.as_array().map(Vec::as_slice).ok_or_else(|| "the answer is not a list".to_owned())
}

/// The entries of a list that a filter lets through; no filter lets all through.
pub fn matches<T: PartialEq>(filter: Option<&T>, value: &T) -> bool {
    filter.is_none_or(|filter| filter == value)
}

/// The noun of an entry with its defaults filled in, and `further` members, as a data source shows them. Attributes that it
/// doesn't show are left out.
pub fn shown<N: Partly, T: DeserializeOwned>(noun: N, further: Json) -> Result<T, String> {
    let mut members = serde_json::to_value(noun.with_defaults()).map_err(|e| e.to_string())?;
    if let (Some(members), Json::Object(further)) = (members.as_object_mut(), further) {
        members.extend(further);
    }
    serde_json::from_value(members).map_err(|e| e.to_string())
}

/// What Proxmox finds wrong with a configuration entry: `{"group": "text"}` of resources, `{"resources": ["text"]}` of
/// rules.
pub fn complaints(entry: &Json) -> Vec<String> {
    let mut texts = Vec::new();
    for (option, complaint) in entry["errors"].as_object().into_iter().flatten() {
        let several = complaint.as_array().map_or(std::slice::from_ref(complaint), Vec::as_slice);
        texts.extend(several.iter().filter_map(Json::as_str).map(|text| format!("{option}: {}", text.trim())));
    }
    texts.sort();
    texts
}

/// What ids of HA resources and replication jobs are ordered by: their digits as numbers.
pub fn natural(id: &str) -> (String, u64, String) {
    let start = id.find(|c: char| c.is_ascii_digit()).unwrap_or(id.len());
    let (head, rest) = id.split_at(start);
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    (head.to_owned(), rest[..end].parse().unwrap_or(u64::MAX), rest[end..].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_ordered_by_number() {
        let mut ids = ["vm:1000", "vm:101", "ct:999", "200-10", "200-9"];
        ids.sort_by_key(|id| natural(id));
        assert_eq!(ids[2..], ["ct:999", "vm:101", "vm:1000"]);
        assert!(natural("99-3") < natural("100-0"));
    }

    #[test]
    fn complaints_come_in_both_forms() {
        let of_rule = serde_json::json!({"errors": {"resources": ["b\n", "a"]}});
        assert_eq!(complaints(&of_rule), ["resources: a", "resources: b"]);
        let of_resource = serde_json::json!({"errors": {"group": "group 'nosuch' does not exist"}});
        assert_eq!(complaints(&of_resource), ["group: group 'nosuch' does not exist"]);
        assert!(complaints(&serde_json::json!({})).is_empty());
    }
}
