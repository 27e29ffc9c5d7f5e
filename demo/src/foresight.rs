//! The story of `examples/topologies/gated-rollout`: what a failure would do is known before anything exists, and a rollout
//! waits until it would be survived.

use std::fs;
use std::path::Path;

use serde_json::{Value as Json, json};

use crate::cli::{Cli, diagnostic};
use crate::cluster::Cluster;
use crate::receiver::Alerts;
use crate::report::Report;
use crate::{Outcome, demand};

type Failure = Box<dyn std::error::Error>;

/// What the schedulers need for the first copies.
const REPLICATION: u32 = 1200;
const START: u32 = 90;

/// What a node needs to be missed, or to be back.
const REBOOT: u32 = 180;

/// From the failure of a node until it is fenced and its services run elsewhere.
const RECOVERY: u32 = 300;

pub(crate) fn present(report: &mut Report, cli: &Cli, cluster: &Cluster, pages: &Path) -> Outcome {
    report.chapter("Predicted failures (nothing exists yet)");
    cli.init()?;
    // Otherwise the built-in matcher mails every event to root.
    cluster.edit("PUT", "/cluster/notifications/matchers/default-matcher", &["disable=1"])?;
    let guests = ["vm:100", "vm:101"];
    cluster.fail("pve3")?;
    cluster.advance(REBOOT)?;
    report.step("readiness", "a failed check blocks the rollout: no further node may fail", || {
        refused(cli, &["quorum_margin (fail)", "no further node may fail"])
    })?;
    cluster.restore("pve3")?;
    cluster.advance(REBOOT)?;
    let said = report.step("simulation", "not survived: the disks are only on the failed node", || {
        refused(cli, &["vm:100 can't start on", "is not shared"])
    })?;
    report.quote(diagnostic(&said, "Would not survive").ok_or("the simulation is not what refused the plan")?);
    for guest in guests {
        replicate(cluster, guest)?;
    }
    cluster.advance(REPLICATION)?;
    report.step("backup and alert", "still refused: no guest has a backup, and no target gets an alert", || {
        refused(cli, &["backup (fail)", "notification_matcher (fail)"])
    })?;
    let alerts = Alerts::start()?;
    cli.write("safeguards.auto.tfvars", &format!("backup_storage = \"shared-nfs\"\nalert_url = {:?}\n", alerts.url()))?;
    report.step("fixed", "with a backup job, a webhook and a matcher in the same plan the gate opens", || {
        let plan = cli.plan()?;
        demand(plan.changes.len() == guests.len() + 3, || format!("planned: {:?}", plan.changes))
    })?;
    report.step("apply", "the simulated objects exist", || cli.apply())?;
    cluster.advance(START)?;
    report.step("again", "the second plan is empty, although time has passed", || {
        let plan = cli.plan()?;
        demand(plan.changes.is_empty(), || format!("planned: {:?}", plan.changes))
    })?;
    for line in moves(&cli.value("scenarios")?) {
        report.say(&format!("      {line}"));
    }
    let page = pages.join("failover-report.html");
    report.step("report page", "one self-contained page, for the browser or the printer", || -> Outcome {
        fs::create_dir_all(pages)?;
        let html = cli.value("report")?;
        fs::write(&page, html.as_str().ok_or("the page is no text")?)?;
        Ok(())
    })?;
    report.say(&format!("      {}", page.display()));
    report.row("report page", page.display().to_string());
    alarm(report, cluster, &alerts)?;
    report.step("destroy", "back to the initial state", || {
        cli.destroy()?;
        clean_up(cluster)
    })?;
    Ok(())
}

/// A node fails, and the alerts of its fencing arrive.
fn alarm(report: &mut Report, cluster: &Cluster, alerts: &Alerts) -> Outcome {
    let failed_at = cluster.time()?;
    // The node of vm:101: Proxmox fences no node without HA services.
    cluster.fail("pve2")?;
    cluster.advance(RECOVERY)?;
    let mut arrived = Vec::new();
    report.step(
        "a node dies",
        "the alerts arrive at the receiver: fencing begins, fencing succeeded",
        || -> Outcome {
            for prefix in ["FENCE", "SUCCEED"] {
                let (alert, title) = of_fencing(alerts)?;
                demand(title.starts_with(prefix) && alert["severity"] == "error", || format!("received: {alert}"))?;
                let after = alert["time"].as_i64().unwrap_or_default() - failed_at;
                arrived.push(format!("{after} s after the failure: {title}"));
            }
            Ok(())
        },
    )?;
    for alert in &arrived {
        report.say(&format!("      {alert}"));
    }
    report.row("alert", arrived.first().cloned().unwrap_or_default());
    cluster.restore("pve2")?;
    cluster.advance(RECOVERY)?;
    Ok(())
}

/// The next alert and its title. A replication that is due while the node is off fails, too, and the matcher sends that as well.
fn of_fencing(alerts: &Alerts) -> Result<(Json, String), Failure> {
    loop {
        let alert = alerts.next()?;
        let title = alert["title"].as_str().unwrap_or_default().to_owned();
        if !title.starts_with("Replication Job") {
            return Ok((alert, title));
        }
    }
}

/// A plan that the gate must refuse with all of these texts; what the CLI said.
fn refused(cli: &Cli, texts: &[&str]) -> Result<String, Failure> {
    let said = cli.refused_plan()?;
    // The CLI breaks lines where it likes.
    let flat = said
        .split(|c: char| c.is_whitespace() || c == '│')
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    if texts.iter().all(|text| flat.contains(text)) { Ok(said) } else { Err(Failure::from(said)) }
}

/// A copy of the guest's disks on each node that is not its own.
fn replicate(cluster: &Cluster, sid: &str) -> Outcome {
    let vmid: u64 = sid.trim_start_matches("vm:").parse()?;
    let guests = cluster.get("/cluster/resources")?;
    let rows = || guests.as_array().into_iter().flatten();
    let own = rows().find(|row| row["vmid"] == vmid).map(|row| row["node"].clone()).unwrap_or_default();
    let mut others: Vec<&str> = rows()
        .filter(|row| row["type"] == "node" && row["node"] != own)
        .filter_map(|row| row["node"].as_str())
        .collect();
    others.sort_unstable();
    for (number, node) in others.iter().enumerate() {
        let (id, target) = (format!("id={vmid}-{number}"), format!("target={node}"));
        cluster.edit("POST", "/cluster/replication", &[&id, &target, "type=local", "schedule=*/15"])?;
    }
    Ok(())
}

fn clean_up(cluster: &Cluster) -> Outcome {
    let jobs = cluster.get("/cluster/replication")?;
    for id in jobs.as_array().into_iter().flatten().filter_map(|job| job["id"].as_str()) {
        cluster.edit("DELETE", &format!("/cluster/replication/{id}"), &["force=1"])?;
    }
    cluster.edit("DELETE", "/cluster/notifications/matchers/default-matcher", &[])?;
    cluster.advance(START)?;
    let left = cluster.get("/cluster/ha/resources")?;
    demand(left == json!([]), || format!("left: {left}"))
}

/// `pve1 fails: vm:100 → pve2, …`
fn moves(scenarios: &Json) -> Vec<String> {
    let line = |scenario: &Json| {
        let text = |json: &Json| json.as_str().unwrap_or("nowhere").to_owned();
        let fates = scenario["services"].as_array().into_iter().flatten();
        let fates: Vec<String> = fates.map(|fate| format!("{} → {}", text(&fate["sid"]), text(&fate["to"]))).collect();
        let moves = if fates.is_empty() { "nothing moves".to_owned() } else { fates.join(", ") };
        format!("{} fails: {moves}", text(&scenario["name"]))
    };
    scenarios.as_array().into_iter().flatten().map(line).collect()
}
