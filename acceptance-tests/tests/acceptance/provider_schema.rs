//! The committed schema is what the CLI prints: `cargo xtask schemas` makes it without one.

use acceptance_tests::{Cluster, Workspace};
use pve_emulator::Options;
use serde_json::Value as Json;

const COMMITTED: &str = include_str!("../../../schemas/provider-schema.json");

#[test]
fn is_what_the_cli_prints() {
    let name = "provider_schema::is_what_the_cli_prints";
    let Some(cluster) = Cluster::own(name, Options::default()).map(std::sync::Arc::new) else { return };
    let w = Workspace::new(&cluster);
    let printed = w.command(&["providers", "schema", "-json"]).output().unwrap();
    assert!(printed.status.success(), "{}", String::from_utf8_lossy(&printed.stderr));
    let (printed, committed) = (provider(&serde_json::from_slice(&printed.stdout).unwrap()), provider(&committed()));
    // An older CLI leaves out what it has no use for.
    let parts: Vec<&String> = committed.as_object().unwrap().keys().filter(|part| !printed[*part].is_null()).collect();
    assert!(parts.len() >= 3, "{parts:?}");
    for part in parts {
        let differences = differences(part, &committed[part], &printed[part]);
        assert!(differences.is_empty(), "committed and printed differ at {differences:?}");
    }
}

fn committed() -> Json {
    serde_json::from_str(COMMITTED).unwrap()
}

fn provider(document: &Json) -> Json {
    let providers = document["provider_schemas"].as_object().unwrap();
    assert_eq!(providers.len(), 1);
    providers.values().next().unwrap().clone()
}

/// The innermost members that differ.
fn differences(path: &str, a: &Json, b: &Json) -> Vec<String> {
    let (Some(a), Some(b)) = (a.as_object(), b.as_object()) else {
        return if a == b { Vec::new() } else { vec![format!("{path}: {a} and {b}")] };
    };
    let names: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    let null = Json::Null;
    let of = |name: &String| {
        differences(&format!("{path}/{name}"), a.get(name).unwrap_or(&null), b.get(name).unwrap_or(&null))
    };
    names.into_iter().flat_map(of).collect()
}
