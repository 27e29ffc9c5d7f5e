//! The parameters of a write of datacenter options.

use pve_schemas::datacenter_options::OPTIONS;
use serde_json::Value as Json;

use crate::client::Params;

/// The parameters that set and unset options. A PUT replaces the whole property string of an option, so that the properties
/// which `answer` has there and this provider does not support are sent unchanged.
pub(super) fn params(changes: &Params, answer: &Json) -> Params {
    let whole = |name: &str, text: &str| match OPTIONS.iter().find(|option| option.name == name) {
        Some(option) => option.with_unknown(text, answer),
        None => text.to_owned(),
    };
    let mut params: Params = changes.iter().map(|(name, text)| (name, whole(name, text))).collect();
    for name in changes.deleted() {
        match whole(name, "") {
            rest if rest.is_empty() => params.delete(name),
            rest => params.set(name, rest),
        };
    }
    params
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_write_leaves_unknown_properties_where_they_are() {
        let answer = json!({"crs": {"ha": "static", "zone-aware": 1}, "ha": {"shutdown_policy": "migrate"},
            "migration": {"type": "secure", "streams": "4"}});
        let (mut changes, mut expected) = (Params::new(), Params::new());
        changes.set("crs", "ha=basic").delete("migration").delete("ha");
        expected.set("crs", "ha=basic,zone-aware=1").set("migration", "streams=4").delete("ha");
        assert_eq!(params(&changes, &answer), expected);
    }
}
