//! The story of `examples/topologies/gated-rollout`: what a failure would do is known before anything exists, and a rollout
//! waits until it would be survived.

use std::fs;
use std::path::Path;

use serde_json::{Value as Json, json};

use crate::Outcome;
use crate::cli::Cli;
use crate::cluster::Cluster;
use crate::report::Report;

type Failure = Box<dyn std::error::Error>;

/// What the schedulers need for the first copies.
const REPLICATION: u32 = 1200;
const START: u32 = 90;

/// What a node needs to be missed, or to be back.
const REBOOT: u32 = 180;

pub(crate) fn present(report: &mut Report, cli: &Cli, cluster: &Cluster, pages: &Path) -> Outcome {
    report.chapter("Predicted failures (nothing exists yet)");
    cli.init()?;
    let guests = ["vm:100", "vm:101"];
    cluster.fail("pve3")?;
    cluster.advance(REBOOT)?;
    report.step("readiness", "a failed check blocks the rollout: no further node may fail", || {
        refused(cli, &["quorum_margin (fail)", "no further node may fail"])
    })?;
    cluster.restore("pve3")?;
    cluster.advance(REBOOT)?;
    report.step("simulation", "not survived: the disks are only on the failed node", || {
        refused(cli, &["vm:100 can't start on", "is not shared"])
    })?;
    for guest in guests {
        replicate(cluster, guest)?;
    }
    cluster.advance(REPLICATION)?;
    report.step("fixed", "with replicas on the other nodes the gate opens", || {
        let plan = cli.plan()?;
        demand(plan.changes.len() == guests.len(), || format!("planned: {:?}", plan.changes))
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
    report.step("destroy", "back to the initial state", || {
        cli.destroy()?;
        clean_up(cluster)
    })?;
    Ok(())
}

/// A plan that the gate must refuse with all of these texts.
fn refused(cli: &Cli, texts: &[&str]) -> Outcome {
    let said = cli.refused_plan()?;
    // The CLI breaks lines where it likes.
    let flat = said
        .split(|c: char| c.is_whitespace() || c == '│')
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    demand(texts.iter().all(|text| flat.contains(text)), || said)
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

fn demand(met: bool, otherwise: impl FnOnce() -> String) -> Outcome {
    if met { Ok(()) } else { Err(Failure::from(otherwise())) }
}
