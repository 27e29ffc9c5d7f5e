//! A mirror of the provider: the folder of a `filesystem_mirror`, and, behind a web server, of a `network_mirror`.

use std::collections::BTreeMap;

use serde_json::json;

use super::hashes;
use super::package::Package;

/// OpenTofu and Terraform look under the name of their own registry.
pub const REGISTRIES: [&str; 2] = ["registry.opentofu.org", "registry.terraform.io"];

/// The files of a mirror of `packages`, by their path.
pub fn files(packages: &[Package], version: &str) -> BTreeMap<String, Vec<u8>> {
    let archives: serde_json::Map<_, _> = packages
        .iter()
        .map(|package| {
            let hashes = [package.content_hash.clone(), hashes::of_archive(&package.archive)];
            (package.target.to_string(), json!({"hashes": hashes, "url": package.name}))
        })
        .collect();
    let mut files = BTreeMap::new();
    for registry in REGISTRIES {
        let mut add = |name: &str, content: Vec<u8>| files.insert(format!("{registry}/pve-ha/pve/{name}"), content);
        add("index.json", text(&json!({"versions": {version: {}}})));
        add(&format!("{version}.json"), text(&json!({"archives": archives})));
        for package in packages {
            add(&package.name, package.archive.clone());
        }
    }
    files
}

fn text(json: &serde_json::Value) -> Vec<u8> {
    format!("{json:#}\n").into_bytes()
}
