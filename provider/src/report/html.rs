//! The report as a page: that of the failover simulation, or one for all clusters.

use super::model::{Cluster, Report};
use crate::simulation::page::{self, Content, Part};

pub(super) fn render(report: &Report) -> String {
    if let [Cluster { facts: Some(facts), .. }] = report.clusters.as_slice() {
        return page::render(&facts.subject, &facts.failover, &facts.readiness.checks);
    }
    let reasons: Vec<String> = report.clusters.iter().map(|cluster| cluster.reasons().join("\n")).collect();
    let parts: Vec<Part<'_>> =
        report.clusters.iter().zip(&reasons).map(|(cluster, why)| part(cluster, why.as_str())).collect();
    page::render_fleet(&parts)
}

fn part<'a>(cluster: &'a Cluster, why: &'a str) -> Part<'a> {
    let content = match &cluster.facts {
        Some(facts) => {
            Content::Read { subject: &facts.subject, simulation: &facts.failover, checks: &facts.readiness.checks }
        }
        None => Content::Unread(why),
    };
    Part { name: &cluster.name, endpoint: &cluster.endpoint, content }
}
