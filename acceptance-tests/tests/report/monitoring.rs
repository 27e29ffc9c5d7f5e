//! The alert rules and the dashboard of `examples/monitoring`: every metric that they name is one that the report writes, and
//! promtool accepts the rules where it is installed.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use acceptance_tests::cluster::not_run_here;
use regex::Regex;
use serde_json::Value as Json;
use terraform_provider_pve::report::openmetrics::names;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/monitoring")
}

fn text(name: &str) -> String {
    fs::read_to_string(folder().join(name)).unwrap()
}

/// The program that checks metrics and rules; none, and a line that says so, where it is not installed.
pub(super) fn promtool(test: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let found = env::split_paths(&path).map(|folder| folder.join("promtool")).find(|file| file.is_file());
    if found.is_none() {
        not_run_here(test, "there is no promtool in PATH");
    }
    found
}

/// The metrics of this report in a text.
fn named(text: &str) -> BTreeSet<String> {
    let metric = Regex::new(r"\bpve_[a-z_]+").unwrap();
    metric
        .find_iter(text)
        .map(|found| found.as_str().to_owned())
        .filter(|name| !text.contains(&format!("{name}.prom")))
        .collect()
}

#[test]
fn the_rules_and_the_dashboard_name_what_the_report_writes_and_use_all_of_it() {
    let written: BTreeSet<String> = names().map(str::to_owned).collect();
    let dashboard: Json = serde_json::from_str(&text("dashboard.json")).unwrap();
    let shown = named(&dashboard.to_string());
    let judged = named(&text("alerts.yml"));
    for (file, metrics) in [("dashboard.json", shown), ("alerts.yml", judged)] {
        assert_eq!(metrics, written, "{file}");
    }
    let tested = named(&text("alerts_test.yml"));
    assert!(tested.is_subset(&written), "{tested:?}");
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<i64> = panels.iter().map(|panel| panel["id"].as_i64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len());
    assert!(panels.iter().all(|panel| panel["targets"][0]["expr"].as_str().is_some_and(|expr| !expr.is_empty())));
}

#[test]
fn promtool_accepts_the_rules_and_their_tests_pass() {
    let Some(promtool) = promtool("report::monitoring") else { return };
    for arguments in [["check", "rules", "alerts.yml"], ["test", "rules", "alerts_test.yml"]] {
        let output = Command::new(&promtool).args(arguments).current_dir(folder()).output().unwrap();
        let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        assert!(output.status.success(), "{arguments:?}\n{said}");
    }
}
