//! The story of `examples/topologies/from-scratch`: three nodes that are each on their own become one cluster.

use serde_json::{Value as Json, json};

use crate::cli::Cli;
use crate::cluster::Cluster;
use crate::report::Report;
use crate::{Outcome, demand};

/// Longer than any state of a failed node lasts.
const RECOVERY: u32 = 300;

/// Three nodes in no cluster.
pub(crate) fn seed() -> Json {
    let node = |id: u32| json!({"node": format!("pve{id}"), "address": format!("10.0.0.{id}")});
    json!({"standalone": [node(1), node(2), node(3)]})
}

pub(crate) fn present(report: &mut Report, cli: &Cli, cluster: &Cluster) -> Outcome {
    report.chapter("A cluster from nothing");
    cli.init()?;
    let ssh = cluster.ssh().ok_or("the emulator has no SSH servers")?;
    cli.write("terraform.tfvars.json", &json!({"ssh": ssh}).to_string())?;
    report.step("plan", "the plan has the cluster and two members", || {
        let plan = cli.plan()?;
        let made = |address: &str| plan.changes.iter().any(|change| change == &format!("create {address}"));
        let all = ["pve_cluster.this", "pve_cluster_member.this[\"pve2\"]", "pve_cluster_member.this[\"pve3\"]"];
        demand(all.into_iter().all(made), || format!("planned: {:?}", plan.changes))
    })?;
    report.step(
        "apply",
        "the first node creates the cluster, two join one after the other, without a password",
        || cluster.meanwhile(|| cli.apply()),
    )?;
    report.step("members", "three nodes are online, one failure is survived, and the second plan is empty", || {
        demand(online(cluster)? == 3, || "not every node is online".to_owned())?;
        let quorum = cli.value("quorum")?;
        demand(quorum == json!({"votes": "3 of 3", "tolerates": 1}), || quorum.to_string())?;
        is_empty(cli)
    })?;
    report.step("a node fails", "the cluster keeps its quorum, and nothing about its members is a change", || {
        cluster.fail("pve3")?;
        cluster.advance(RECOVERY)?;
        demand(online(cluster)? == 2, || "the node is not offline".to_owned())?;
        is_empty(cli)
    })?;
    Ok(())
}

fn is_empty(cli: &Cli) -> Outcome {
    let plan = cli.plan()?;
    demand(plan.changes.is_empty(), || format!("planned: {:?}", plan.changes))
}

fn online(cluster: &Cluster) -> Result<usize, Box<dyn std::error::Error>> {
    let status = cluster.get("/cluster/status")?;
    let rows = status.as_array().into_iter().flatten();
    Ok(rows.filter(|row| row["type"] == "node" && row["online"] == 1).count())
}
