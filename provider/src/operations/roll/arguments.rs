//! What an interrupted roll is continued with: the arguments it was begun with.

use std::collections::BTreeMap;

use pve_schemas::action::ClusterRoll;
use serde_json::Value as Json;

use crate::framework::{Role, Schema};

/// Arguments that say how fast and where, and not what is done: they may differ.
const FREE: [&str; 7] =
    ["journal", "max_workers", "timeout", "evacuate_timeout", "run_timeout", "reboot_timeout", "gate_timeout"];

/// The other ones by name, defaults filled in.
pub(super) type Arguments = BTreeMap<String, Json>;

/// Those of a roll.
pub(super) fn of(roll: &ClusterRoll) -> Arguments {
    let given = serde_json::to_value(roll).unwrap_or_default();
    let attributes = Schema::packed::<ClusterRoll>(Role::Action).block.attributes;
    let bound = attributes.into_iter().filter(|attribute| !FREE.contains(&attribute.name.as_str()));
    bound
        .map(|attribute| {
            let value = match &given[&attribute.name] {
                Json::Null => attribute.default.map_or(Json::Null, |default| default.to_json()),
                value => value.clone(),
            };
            (attribute.name, value)
        })
        .collect()
}

/// How `now` differs from `earlier`, a sentence part for each argument.
pub(super) fn differences(earlier: &Arguments, now: &Arguments) -> Vec<String> {
    let shown = |arguments: &Arguments, name: &String| match arguments.get(name) {
        None | Some(Json::Null) => "not given".to_owned(),
        Some(value) => value.to_string(),
    };
    let names = now.keys().chain(earlier.keys().filter(|name| !now.contains_key(*name)));
    names
        .filter(|name| earlier.get(*name).unwrap_or(&Json::Null) != now.get(*name).unwrap_or(&Json::Null))
        .map(|name| {
            let option = name.replace('_', "-");
            format!("--{option} was {}, and is {}", shown(earlier, name), shown(now, name))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn roll(arguments: &Json) -> Arguments {
        of(&serde_json::from_value(arguments.clone()).unwrap())
    }

    #[test]
    fn every_argument_that_says_what_is_done_is_compared() {
        let begun = roll(&json!({"run": "true"}));
        for (name, value) in [
            ("run", json!("false")),
            ("pause", json!(true)),
            ("reboot", json!("always")),
            ("nodes", json!(["pve1"])),
            ("tolerated_failures", json!(1)),
            ("max_replica_age", json!("1h")),
            ("leave", json!(["vm:100"])),
            ("shutdown", json!(["vm:100"])),
            ("with_local_disks", json!(true)),
            ("max_memory_percent", json!(90)),
        ] {
            let mut other = json!({"run": "true"});
            other[name] = value;
            let found = differences(&begun, &roll(&other));
            assert_eq!(found.len(), 1, "{name}");
            assert!(found[0].starts_with(&format!("--{} was ", name.replace('_', "-"))), "{found:?}");
        }
    }

    #[test]
    fn times_the_number_of_moves_and_defaults_are_free() {
        let begun = roll(&json!({}));
        let same = json!({"reboot": "needed", "pause": false, "tolerated_failures": 0, "timeout": "1h", "max_workers": 4,
            "evacuate_timeout": "1h", "run_timeout": "1h", "reboot_timeout": "1h", "gate_timeout": "1h", "journal": "x"});
        assert!(differences(&begun, &roll(&same)).is_empty());
        let nodes = differences(&begun, &roll(&json!({"nodes": ["pve1"]})));
        assert_eq!(nodes, ["--nodes was not given, and is [\"pve1\"]"]);
    }
}
