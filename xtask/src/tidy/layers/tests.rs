//! What counts as a dependency, and which are refused.

use std::fs;

use super::*;

/// A checkout of one file.
fn planted(file: &str, text: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let workspace = Workspace::at(folder.path());
    let path = workspace.path(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    findings(&workspace).unwrap().iter().map(ToString::to_string).collect()
}

#[test]
fn the_client_never_names_the_framework_and_vice_versa() {
    let client = planted("provider/src/client/retry.rs", "//! x\nuse crate::{client::Error, framework::Stop};\n");
    assert_eq!(client.len(), 1);
    assert!(client[0].starts_with("provider/src/client/retry.rs:2: provider/src/client names "), "{client:?}");

    let framework = planted("provider/src/framework/apply/create.rs", "fn f() {\n super::super::super::client::x() }");
    assert_eq!(framework.len(), 1);
    assert!(framework[0].starts_with("provider/src/framework/apply/create.rs:2: "), "{framework:?}");
}

#[test]
fn each_layer_is_refused_the_layers_above_it() {
    for (file, text) in [
        ("schemas/src/quorum.rs", "use tokio::fs;"),
        ("schemas/src/quorum.rs", "use std::fs;"),
        ("provider/src/protocol/rpc/plan.rs", "use crate::client::Client;"),
        ("provider/src/plugin/mod.rs", "use crate::resources::rest;"),
        ("ha-manager/src/lib.rs", "fn f() { std::time::SystemTime::now(); }"),
        ("provider/src/resources/rest.rs", "use crate::protocol::value;"),
        ("acceptance-tests/emulator/src/world.rs", "use terraform_provider_pve::client::text;"),
        ("provider/src/extra.rs", "//! nothing"),
    ] {
        assert_eq!(planted(file, text).len(), 1, "{file}: {text}");
    }
}

#[test]
fn what_points_the_right_way_is_left_alone() {
    for (file, text) in [
        ("provider/src/protocol/rpc/plan.rs", "use crate::framework::Value; use super::super::cty;"),
        ("provider/src/resources/rest.rs", "use crate::client::Client; use pve_schemas::rest::Rest;"),
        ("provider/src/client/mod.rs", "// use crate::framework::Stop;\nconst X: &str = \"crate::framework\";"),
        ("provider/src/registry.rs", "use crate::{client, framework, resources};"),
        ("acceptance-tests/emulator/src/crm.rs", "use pve_ha_manager::Rules;"),
    ] {
        assert!(planted(file, text).is_empty(), "{file}: {text}");
    }
}
