//! The report as Markdown: the verdict of each cluster with its reasons, then the tables.

use std::fmt::Write as _;

use pve_schemas::data::readiness::Status;

use super::model::{Cluster, Facts, Report, Verdict};
use crate::simulation::{plain, with_code};

pub(super) fn render(report: &Report) -> String {
    let mut text = String::new();
    if report.clusters.len() > 1 {
        let _ = write!(
            text,
            "# HA report: {}\n\n| Cluster | Verdict | Failures |\n|---|---|---|\n",
            report.verdict.words()
        );
        for cluster in &report.clusters {
            let failures = cluster.facts.as_ref().map_or("–".to_owned(), |facts| failures(facts));
            let _ = writeln!(text, "| {} | {} | {failures} |", plain(&cluster.name), verdict(cluster.verdict));
        }
        text.push('\n');
    }
    for cluster in &report.clusters {
        part(&mut text, cluster);
    }
    text.trim_end().to_owned()
}

fn verdict(verdict: Verdict) -> String {
    if verdict == Verdict::Ready { verdict.words().to_owned() } else { format!("**{}**", verdict.words()) }
}

fn failures(facts: &Facts) -> String {
    let survived = facts.failover.scenarios.iter().filter(|scenario| scenario.survived).count();
    format!("{survived} of {} survived", facts.failover.scenarios.len())
}

fn part(text: &mut String, cluster: &Cluster) {
    let _ = write!(text, "# {}: {}\n\n", plain(&cluster.name), cluster.verdict.words());
    if let Some(error) = &cluster.error {
        let _ = write!(text, "**{}:** {}\n\n", with_code(&error.summary), with_code(&error.detail));
    }
    if let Some(facts) = &cluster.facts {
        let _ = write!(text, "{}\n\n", state(facts));
        checks(text, facts);
        text.push_str(&facts.failover.summary_markdown);
        text.push('\n');
        replication(text, facts);
    }
    if !cluster.warnings.is_empty() {
        text.push_str("## Incomplete\n\n");
        for warning in &cluster.warnings {
            let _ = writeln!(text, "- {}: {}", with_code(&warning.summary), with_code(&warning.detail));
        }
        text.push('\n');
    }
}

/// Version, votes and HA in a line.
fn state(facts: &Facts) -> String {
    let quorum = &facts.quorum;
    let votes = match (quorum.total_votes, quorum.expected_votes, quorum.needed_votes) {
        (Some(total), Some(expected), Some(needed)) => format!("{total} of {expected} votes, {needed} needed"),
        _ => "votes unknown".to_owned(),
    };
    let quorate = match quorum.quorate {
        Some(true) => "quorate",
        Some(false) => "**no quorum**",
        None => "quorum unknown",
    };
    let armed = facts.status.fencing.as_ref().map(|fencing| format!(" · HA {}", fencing.armed_state));
    format!("Proxmox VE {} · {quorate} ({votes}){}", facts.version, armed.unwrap_or_default())
}

fn checks(text: &mut String, facts: &Facts) {
    let counts = &facts.readiness.counts;
    let _ = write!(
        text,
        "## Readiness\n\n{} passed, {} failed, {} unknown, {} do not apply.\n\n",
        counts.pass, counts.fail, counts.unknown, counts.skipped
    );
    let open = facts.readiness.checks.iter().filter(|check| matches!(check.status, Status::Fail | Status::Unknown));
    let mut open: Vec<_> = open.collect();
    // What blocks production is first.
    open.sort_by_key(|check| check.level != pve_schemas::data::readiness::Level::Mandatory);
    if open.is_empty() {
        return;
    }
    text.push_str("| Check | Level | Status | Found | What to do |\n|---|---|---|---|---|\n");
    for check in open {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} |",
            plain(&check.id),
            super::level(check.level),
            check.status.as_str(),
            with_code(&check.detail),
            with_code(check.remedy.as_deref().unwrap_or("–"))
        );
    }
    text.push('\n');
}

fn replication(text: &mut String, facts: &Facts) {
    if facts.replication.is_empty() {
        return;
    }
    text.push_str("## Replication\n\n| Job | To | Last run began | Failed runs |\n|---|---|---|---|\n");
    for job in &facts.replication {
        let lag = job.lag_seconds.map_or("unknown".to_owned(), |seconds| format!("{} min ago", seconds / 60));
        let failed = job.fail_count.map_or("unknown".to_owned(), |count| count.to_string());
        let _ = writeln!(text, "| {} | {} | {lag} | {failed} |", plain(&job.id), plain(&job.target));
    }
    text.push('\n');
}
