//! The text of OpenMetrics: read by a strict parser, and by promtool where it is installed.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::process::{Command, Stdio};

use pve_emulator::{Emulator, Options, Release};
use terraform_provider_pve::report::openmetrics::names;

use super::several::Fleet;
use super::{cluster, cluster_with, put_disk, run, variables};

/// A sample: its labels without those of the metric's name, and its value.
type Samples = BTreeMap<BTreeMap<String, String>, f64>;

/// The samples of each metric. The text has to follow the specification: TYPE, UNIT and HELP before the samples, each metric in
/// one piece, no sample twice, and the end.
fn parsed(text: &str) -> BTreeMap<String, Samples> {
    let body = text.strip_suffix("# EOF").unwrap_or_else(|| panic!("no end: {text}"));
    let mut metrics: BTreeMap<String, Samples> = BTreeMap::new();
    let (mut current, mut described) = (String::new(), BTreeSet::new());
    for line in body.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.splitn(3, ' ');
            let (kind, name, rest) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
            if kind == "TYPE" {
                assert!(!metrics.contains_key(name), "{name} is in two pieces");
                assert_eq!(rest, "gauge");
                current = name.to_owned();
                metrics.insert(current.clone(), Samples::new());
            }
            assert_eq!(name, current, "{line}");
            assert!(kind != "UNIT" || name.ends_with(&format!("_{rest}")), "{line}");
            assert!(metrics[name].is_empty() && described.insert((kind, name)), "{line}");
            assert!(["TYPE", "UNIT", "HELP"].contains(&kind), "{line}");
            continue;
        }
        let (name, rest) = line.split_once('{').unwrap_or_else(|| panic!("{line}"));
        assert_eq!(name, current, "{line}");
        let (labels, value) = labels(rest);
        let value: f64 = value.strip_prefix(' ').unwrap().parse().unwrap();
        let previous = metrics.get_mut(name).unwrap().insert(labels, value);
        assert!(value.is_finite() && previous.is_none(), "{line}");
    }
    for name in metrics.keys() {
        assert!(described.contains(&("HELP", name.as_str())), "{name}");
    }
    metrics
}

/// The labels up to the closing brace, and the rest.
fn labels(text: &str) -> (BTreeMap<String, String>, &str) {
    let (mut labels, mut rest) = (BTreeMap::new(), text);
    loop {
        let (name, after) = rest.split_once("=\"").unwrap();
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{name}");
        let (mut value, mut end) = (String::new(), None);
        let mut characters = after.char_indices();
        while let Some((at, c)) = characters.next() {
            match c {
                '"' => {
                    end = Some(at);
                    break;
                }
                '\\' => value.push(match characters.next().unwrap().1 {
                    'n' => '\n',
                    c @ ('"' | '\\') => c,
                    other => panic!("\\{other}"),
                }),
                c => value.push(c),
            }
        }
        assert!(labels.insert(name.to_owned(), value).is_none(), "{name} twice");
        rest = &after[end.unwrap() + 1..];
        match rest.strip_prefix(',') {
            Some(more) => rest = more,
            None => return (labels, rest.strip_prefix('}').unwrap()),
        }
    }
}

fn value(metrics: &BTreeMap<String, Samples>, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    metrics[name].get(&labels).copied()
}

#[tokio::test]
async fn every_metric_has_its_samples() {
    let cluster = cluster_with("berlin", |world| {
        put_disk(world, 101, "local-zfs");
        put_disk(world, 103, "local-zfs");
        world.write_file("/etc/pve/replication.cfg", "local: 103-0\n\ttarget pve2\n\tsource pve1\n");
        world.advance(1800.0);
    })
    .await;
    let metrics = parsed(&run(&["--format", "openmetrics"], &variables(&cluster)).await.output);
    assert_eq!(metrics.keys().map(String::as_str).collect::<BTreeSet<_>>(), names().collect());
    let berlin = ("cluster", "berlin");
    let of = |name: &str, more: &[(&str, &str)]| value(&metrics, name, &[&[berlin], more].concat());
    assert_eq!(of("pve_report_cluster_read", &[]), Some(1.0));
    assert_eq!(of("pve_ha_ready", &[]), Some(0.0));
    assert_eq!(of("pve_ha_check_status", &[("check", "quorum"), ("level", "mandatory")]), Some(1.0));
    assert_eq!(of("pve_ha_check_status", &[("check", "backup"), ("level", "mandatory")]), Some(0.0));
    assert_eq!(of("pve_ha_check_status", &[("check", "watchdog"), ("level", "recommended")]), Some(-1.0));
    assert_eq!(of("pve_ha_failover_survivable", &[("failed", "pve1")]), Some(1.0));
    assert_eq!(of("pve_ha_failover_survivable", &[("failed", "pve2")]), Some(0.0));
    assert_eq!(of("pve_ha_failover_lost_services", &[("failed", "pve2")]), Some(1.0));
    assert_eq!(of("pve_quorum_votes", &[]), Some(3.0));
    assert_eq!(of("pve_ha_armed", &[]), Some(1.0));
    assert!(of("pve_ha_imbalance", &[]).is_some_and(|imbalance| (0.0..=1.0).contains(&imbalance)));
    let ratio = of("pve_ha_failover_memory_ratio", &[("failed", "pve1"), ("node", "pve2")]);
    assert!(ratio.is_some_and(|ratio| ratio > 0.0 && ratio < 1.0), "{ratio:?}");
    assert_eq!(of("pve_ha_failover_memory_ratio", &[("failed", "pve1"), ("node", "pve1")]), None);
    assert!(of("pve_replication_lag_seconds", &[("job", "103-0")]).is_some_and(|lag| lag >= 0.0));
}

/// Without quorum no node is full, since nothing runs.
#[tokio::test]
async fn an_unknown_value_has_no_sample() {
    let cluster = cluster_with("berlin", |world| {
        world.power("pve2", false);
        world.advance(400.0);
    })
    .await;
    let metrics = parsed(&run(&["--format", "openmetrics"], &variables(&cluster)).await.output);
    assert!(metrics["pve_ha_failover_memory_ratio"].is_empty(), "{metrics:?}");
    assert_eq!(metrics["pve_ha_failover_survivable"].len(), 2);
}

/// PVE 8 reports neither whether HA is armed nor an imbalance.
#[tokio::test]
async fn pve_8_has_no_samples_of_what_it_does_not_report() {
    let options = Options { release: Release::V8, ..Options::default() };
    let cluster = Emulator::start(options).await.unwrap();
    let ended = run(&["--format", "openmetrics"], &variables(&cluster)).await;
    let metrics = parsed(&ended.output);
    let count = |name: &str| metrics[name].len();
    assert_eq!((count("pve_ha_armed"), count("pve_ha_imbalance")), (0, 0));
    assert_eq!(
        (count("pve_report_cluster_read"), count("pve_quorum_votes"), count("pve_ha_failover_survivable")),
        (1, 1, 3)
    );
}

#[tokio::test]
async fn each_cluster_has_its_label_and_promtool_accepts_the_text() {
    let fleet = Fleet::start().await;
    let file = fleet.path("clusters.json");
    let text = run(&["--clusters", &file, "--format", "openmetrics"], &fleet.variables).await.output + "\n";
    let metrics = parsed(text.trim_end());
    let read = |name| value(&metrics, "pve_report_cluster_read", &[("cluster", name)]);
    assert_eq!([read("berlin"), read("paris-1"), read("rome")], [Some(1.0), Some(1.0), Some(0.0)]);
    assert_eq!(metrics["pve_ha_ready"].len(), 2);
    let Some(promtool) = super::monitoring::promtool("report::openmetrics") else { return };
    let mut child =
        Command::new(promtool).args(["check", "metrics"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && complaints.is_empty(), "{complaints}\n{text}");
    if let Some(folder) = std::env::var_os("PVE_REPORT_PAGES") {
        std::fs::write(std::path::Path::new(&folder).join("fleet.prom"), &text).unwrap();
    }
}

#[tokio::test]
async fn a_ready_cluster_is_one() {
    let cluster = cluster("berlin").await;
    let metrics = parsed(&run(&["--format", "openmetrics", "--profile", "lab"], &variables(&cluster)).await.output);
    assert_eq!(value(&metrics, "pve_ha_ready", &[("cluster", "berlin")]), Some(1.0));
}
