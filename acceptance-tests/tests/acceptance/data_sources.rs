//! Every example of a data source, read by the real CLI in one walk.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use acceptance_tests::{Cluster, Workspace};
use pve_emulator::{Options, Release};

#[test]
fn on_pve_9() {
    all_on("data_sources::on_pve_9", Release::V9, "has_ha_rules = true");
}

#[test]
fn on_pve_8() {
    all_on("data_sources::on_pve_8", Release::V8, "has_ha_rules = false");
}

fn all_on(test: &str, release: Release, expected: &str) {
    let Some(cluster) = Cluster::own(test, Options { release, ..Options::default() }).map(Arc::new) else { return };
    let w = Workspace::new(&cluster);
    w.configure("output \"has_ha_rules\" {\n  value = local.has_ha_rules\n}\n");
    let folders = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("examples/data-sources");
    let mut examples = 0;
    for folder in fs::read_dir(folders).unwrap().map(Result::unwrap) {
        let name = folder.file_name().into_string().unwrap();
        w.write(&format!("{name}.tf"), &fs::read_to_string(folder.path().join("data-source.tf")).unwrap());
        examples += 1;
    }
    assert!(examples >= 9, "{examples}");
    w.apply();
    // Nothing that an output shows differs from read to read.
    w.plan_is_empty();
    let outputs = w.expect(0, &["output", "-no-color"]).text;
    assert!(outputs.lines().any(|line| line == expected), "{outputs}");
    w.destroy();
}
