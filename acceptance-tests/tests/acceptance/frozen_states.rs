//! The states that released versions have written: this one reads them, and plans nothing.
//!
//! `states/VERSION/TYPE.json` is the state of the example of a resource, as that version has left it after an apply. The files
//! of a released version never change. `PVE_ACC_FREEZE_STATES=VERSION` writes those of the version that is about to be released.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use acceptance_tests::{Cluster, Workspace};
use pve_emulator::{Options, Release};
use serde_json::Value as Json;

use crate::corosync_options::with_second_network;
use crate::examples::{OVER_SSH, SECRETS, fits, resources};

/// Names the version whose states are written instead of read.
const FREEZE: &str = "PVE_ACC_FREEZE_STATES";

/// What no released version has.
const UNRELEASED: [&str; 1] = ["pve_corosync_options"];

#[test]
fn plan_empty_on_pve_9() {
    each_on("frozen_states::plan_empty_on_pve_9", Release::V9);
}

#[test]
fn plan_empty_on_pve_8() {
    each_on("frozen_states::plan_empty_on_pve_8", Release::V8);
}

fn each_on(test: &str, release: Release) {
    for example in resources().into_iter().filter(|example| fits(kind(example), release)) {
        let kind = kind(&example);
        let cluster = match kind {
            "pve_qdevice" => Cluster::of_nodes(test, release, 2),
            kind if OVER_SSH.contains(&kind) => Cluster::with_ssh(test, release),
            _ => Cluster::own(test, Options { release, ..Options::default() }),
        };
        let Some(cluster) = cluster.map(Arc::new) else { return };
        if kind == "pve_corosync_options" {
            with_second_network(&cluster);
        }
        let _hurry = cluster.hurry();
        let w = Workspace::new(&cluster);
        w.write("terraform.tfvars", SECRETS);
        w.configure(&fs::read_to_string(example.join("resource.tf")).unwrap());
        // The cluster has what the state says.
        w.apply();
        if let Ok(version) = env::var(FREEZE) {
            freeze(&w, &folder(&version), kind, release);
            continue;
        }
        let frozen = frozen(kind, release);
        if UNRELEASED.contains(&kind) {
            assert!(frozen.is_empty(), "{kind} has been released");
            continue;
        }
        assert!(!frozen.is_empty(), "{kind}: no version has a state of it; set {FREEZE}");
        for (file, state) in frozen {
            w.write("terraform.tfstate", &state.to_string());
            let run = w.run(&["plan", "-detailed-exitcode", "-no-color"]);
            assert_eq!(run.code, Some(0), "{}: the plan is not empty\n{}", file.display(), run.text);
        }
    }
}

/// Writes the state of `w`, without what differs from run to run and is of no meaning to a plan.
fn freeze(w: &Workspace, folder: &Path, kind: &str, release: Release) {
    let text = fs::read_to_string(w.path("terraform.tfstate")).unwrap();
    let mut state: Json = serde_json::from_str(&text).unwrap();
    state["lineage"] = "frozen".into();
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join(name(kind, release)), format!("{state:#}\n")).unwrap();
}

/// The states of `kind` of every released version.
fn frozen(kind: &str, release: Release) -> Vec<(PathBuf, Json)> {
    let versions = fs::read_dir(states()).unwrap().map(|entry| entry.unwrap().path());
    let files = versions.map(|version| version.join(name(kind, release))).filter(|file| file.is_file());
    files.map(|file| (file.clone(), serde_json::from_slice(&fs::read(&file).unwrap()).unwrap())).collect()
}

fn folder(version: &str) -> PathBuf {
    states().join(version)
}

fn name(kind: &str, release: Release) -> String {
    format!("{kind}-{}.json", if release == Release::V8 { "pve8" } else { "pve9" })
}

fn states() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/acceptance/states")
}

fn kind(example: &Path) -> &str {
    example.file_name().unwrap().to_str().unwrap()
}
