//! The report as OpenMetrics, for the textfile collector of node_exporter or a scrape.
//!
//! Everything is a gauge, and a value that is unknown has no sample.

use std::fmt::Write as _;

use pve_schemas::data::failover_simulation::{NodeLoad, Scenario};
use pve_schemas::data::readiness::Status;

use super::level;
use super::model::{Cluster, Facts, Report};

/// A metric: its name, its unit, what it says, and its samples of a cluster.
struct Metric {
    name: &'static str,
    unit: Option<&'static str>,
    help: &'static str,
    samples: fn(&Facts) -> Vec<Sample>,
}

/// Labels beside `cluster`, and a value.
struct Sample {
    labels: Vec<(&'static str, String)>,
    value: f64,
}

/// Whether a cluster could be read: the only metric of one that could not.
const READ: (&str, &str) = ("pve_report_cluster_read", "Whether the cluster could be read (1) or not (0).");

const METRICS: [Metric; 9] = [
    Metric {
        name: "pve_ha_ready",
        unit: None,
        help: "Whether every mandatory readiness check has passed or does not apply (1), or not (0).",
        samples: |facts| vec![plain(flag(facts.readiness.ready))],
    },
    Metric {
        name: "pve_ha_check_status",
        unit: None,
        help: "The readiness checks that apply: passed (1), failed (0), unknown (-1).",
        samples: checks,
    },
    Metric {
        name: "pve_ha_failover_survivable",
        unit: None,
        help: "Whether the failure of the node is survived (1), or is not or can't be predicted (0).",
        samples: |facts| of_failures(facts, |scenario| flag(scenario.survived)),
    },
    Metric {
        name: "pve_ha_failover_lost_services",
        unit: None,
        help: "How many HA resources are down or at risk after the failure of the node.",
        samples: |facts| of_failures(facts, |scenario| scenario.lost().count() as f64),
    },
    Metric {
        name: "pve_ha_failover_memory_ratio",
        unit: Some("ratio"),
        help: "The memory promised to running guests after the failure, of what the node has.",
        samples: memory,
    },
    Metric {
        name: "pve_replication_lag_seconds",
        unit: Some("seconds"),
        help: "How long ago the last successful run of the replication job began.",
        samples: lag,
    },
    Metric {
        name: "pve_quorum_votes",
        unit: None,
        help: "The votes that are present, the vote of the QDevice included.",
        samples: |facts| facts.quorum.total_votes.map(|votes| plain(votes as f64)).into_iter().collect(),
    },
    Metric {
        name: "pve_ha_armed",
        unit: None,
        help: "Whether the HA manager would fence nodes (1), or is disarmed or is being disarmed (0).",
        samples: armed,
    },
    Metric {
        name: "pve_ha_imbalance",
        unit: None,
        help: "How unevenly the nodes are loaded, as the load balancer sees it: from 0 to 1.",
        samples: |facts| facts.balance.imbalance.map(plain).into_iter().collect(),
    },
];

/// The names of all metrics.
pub fn names() -> impl Iterator<Item = &'static str> {
    METRICS.iter().map(|metric| metric.name).chain([READ.0])
}

pub(super) fn render(report: &Report) -> String {
    let mut text = String::new();
    family(&mut text, READ.0, None, READ.1);
    for cluster in &report.clusters {
        line(&mut text, READ.0, cluster, &plain(flag(cluster.facts.is_some())));
    }
    for metric in &METRICS {
        family(&mut text, metric.name, metric.unit, metric.help);
        for cluster in &report.clusters {
            let samples = cluster.facts.iter().flat_map(|facts| (metric.samples)(facts));
            samples.for_each(|sample| line(&mut text, metric.name, cluster, &sample));
        }
    }
    text.push_str("# EOF");
    text
}

fn family(text: &mut String, name: &str, unit: Option<&str>, help: &str) {
    let _ = writeln!(text, "# TYPE {name} gauge");
    if let Some(unit) = unit {
        let _ = writeln!(text, "# UNIT {name} {unit}");
    }
    let _ = writeln!(text, "# HELP {name} {}", escaped(help));
}

fn line(text: &mut String, name: &str, cluster: &Cluster, sample: &Sample) {
    let _ = write!(text, "{name}{{cluster=\"{}\"", escaped(&cluster.name));
    for (label, value) in &sample.labels {
        let _ = write!(text, ",{label}=\"{}\"", escaped(value));
    }
    let _ = writeln!(text, "}} {}", sample.value);
}

/// A text between quotes or in a line of help.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n").replace('"', "\\\"")
}

fn flag(is: bool) -> f64 {
    f64::from(u8::from(is))
}

fn plain(value: f64) -> Sample {
    Sample { labels: Vec::new(), value }
}

fn checks(facts: &Facts) -> Vec<Sample> {
    let samples = facts.readiness.checks.iter().filter_map(|check| {
        let value = match check.status {
            Status::Pass => 1.0,
            Status::Fail => 0.0,
            Status::Unknown => -1.0,
            Status::Skipped => return None,
        };
        Some(Sample { labels: vec![("check", check.id.clone()), ("level", level(check.level).to_owned())], value })
    });
    samples.collect()
}

fn of_failures(facts: &Facts, value: fn(&Scenario) -> f64) -> Vec<Sample> {
    let sample =
        |scenario: &Scenario| Sample { labels: vec![("failed", scenario.name.clone())], value: value(scenario) };
    facts.failover.scenarios.iter().map(sample).collect()
}

/// Without quorum nothing runs: that no node is full then is no comfort.
fn memory(facts: &Facts) -> Vec<Sample> {
    let scenarios = facts.failover.scenarios.iter().filter(|scenario| scenario.quorate != Some(false));
    let samples = scenarios.flat_map(|scenario| {
        scenario.nodes.iter().filter(|node| !node.failed).filter_map(|node| {
            let labels = vec![("failed", scenario.name.clone()), ("node", node.name.clone())];
            Some(Sample { labels, value: ratio(node)? })
        })
    });
    samples.collect()
}

fn ratio(node: &NodeLoad) -> Option<f64> {
    let total = node.memory_total.filter(|total| *total > 0)?;
    // So many digits as mean anything.
    Some((node.memory_after as f64 / total as f64 * 1e4).round() / 1e4)
}

fn lag(facts: &Facts) -> Vec<Sample> {
    let sample = |job: &pve_schemas::data::replication_jobs::Job| {
        Some(Sample { labels: vec![("job", job.id.clone())], value: job.lag_seconds? as f64 })
    };
    facts.replication.iter().filter_map(sample).collect()
}

fn armed(facts: &Facts) -> Vec<Sample> {
    let is_armed = |state: &str| !matches!(state, "disarming" | "disarmed");
    facts.status.fencing.iter().map(|fencing| plain(flag(is_armed(&fencing.armed_state)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_backslashes_and_line_feeds_are_escaped_in_labels() {
        assert_eq!(escaped("a\\\"\nb"), r#"a\\\"\nb"#);
        let cluster = Cluster {
            name: "a \"b\" \\".into(),
            endpoint: String::new(),
            verdict: super::super::model::Verdict::Unknown,
            facts: None,
            error: None,
            warnings: Vec::new(),
        };
        let mut text = String::new();
        line(&mut text, "m", &cluster, &Sample { labels: vec![("job", "1\n".to_owned())], value: 0.25 });
        assert_eq!(text, "m{cluster=\"a \\\"b\\\" \\\\\",job=\"1\\n\"} 0.25\n");
    }

    #[test]
    fn the_name_of_a_metric_ends_with_its_unit_and_its_help_is_one_sentence() {
        for metric in &METRICS {
            assert!(metric.unit.is_none_or(|unit| metric.name.ends_with(&format!("_{unit}"))), "{}", metric.name);
            assert!(metric.help.ends_with('.') && !metric.help.contains('"'), "{}", metric.help);
        }
    }
}
