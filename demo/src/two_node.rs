//! The story of `examples/topologies/two-node-qdevice`: an external vote, a node failure survived, a node emptied for an update.

use serde_json::{Value as Json, json};

use crate::cli::Cli;
use crate::cluster::Cluster;
use crate::report::Report;
use crate::{Outcome, demand};

type Failure = Box<dyn std::error::Error>;

/// What the HA manager needs to start what was added.
const START: u32 = 90;

/// From the failure of a node to its services running elsewhere.
const RECOVERY: u32 = 300;

/// Two nodes, and a guest on each.
pub(crate) fn seed() -> Json {
    let node = |id: u32| json!({"node": format!("pve{id}"), "nodeid": id, "ring0_addr": format!("10.0.0.{id}")});
    json!({
        "cluster": {"name": "two"},
        "nodes": [node(1), node(2)],
        "guests": [
            {"vmid": 100, "type": "qemu", "node": "pve1", "name": "web"},
            {"vmid": 101, "type": "qemu", "node": "pve2", "name": "database"},
        ],
        "storages": [{"storage": "shared", "type": "nfs", "path": "/mnt/pve/shared", "server": "10.0.0.9", "export": "/srv",
                      "content": "images"}],
        "users": [{"userid": "root@pam", "password": "emulated", "tokens": [
            {"tokenid": "terraform", "privsep": 0, "secret": "11111111-2222-4333-8444-555555555555"}
        ]}],
    })
}

pub(crate) fn present(report: &mut Report, cli: &Cli, cluster: &Cluster) -> Outcome {
    report.chapter("Two nodes and a QDevice");
    report.step("alone", "without it the failure of one node costs the quorum", || {
        cluster.fail("pve2")?;
        cluster.advance(30)?;
        let lost = !is_quorate(cluster)?;
        cluster.restore("pve2")?;
        cluster.advance(RECOVERY)?;
        demand(lost, || "the cluster kept its quorum".to_owned())
    })?;
    cli.init()?;
    variables(cli, cluster, None)?;
    report.step(
        "apply",
        "the QDevice, HA resources and fence devices are created, over SSH where there is no API",
        || {
            cli.plan()?;
            cluster.meanwhile(|| cli.apply())
        },
    )?;
    report.step("quorum", "three votes, one failure is survived, and the second plan is empty", || {
        let quorum = cli.value("quorum")?;
        let expected = json!({"votes": "3 of 3", "tolerates": 1, "qdevice": "Connected"});
        demand(quorum == expected, || quorum.to_string())?;
        let plan = cli.plan()?;
        demand(plan.changes.is_empty(), || format!("planned: {:?}", plan.changes))
    })?;
    cluster.advance(START)?;
    report.step("pve2 fails", "the other node keeps the quorum and runs everything", || {
        cluster.fail("pve2")?;
        cluster.advance(RECOVERY)?;
        demand(is_quorate(cluster)?, || "the quorum is lost".to_owned())?;
        all_on(cluster, "pve1")
    })?;
    cluster.restore("pve2")?;
    cluster.advance(RECOVERY)?;
    report.step("maintenance", "pve1 is evacuated for an update, and apply waits for that", || {
        variables(cli, cluster, Some("pve1"))?;
        cli.plan()?;
        cluster.meanwhile(|| cli.apply())?;
        all_on(cluster, "pve2")
    })?;
    report.step("maintenance ends", "the node joins HA again, and the plan is empty", || {
        variables(cli, cluster, None)?;
        cli.plan()?;
        cluster.meanwhile(|| cli.apply())?;
        let plan = cli.plan()?;
        demand(plan.changes.is_empty(), || format!("planned: {:?}", plan.changes))
    })?;
    report.step("destroy", "no QDevice, no HA resource, no fence device is left", || {
        cluster.meanwhile(|| cli.destroy())?;
        let left = [cluster.get("/cluster/config/qdevice")?, cluster.get("/cluster/ha/resources")?];
        demand(left == [json!({}), json!([])], || format!("{left:?}"))
    })?;
    Ok(())
}

/// The variables of the topology for this cluster.
fn variables(cli: &Cli, cluster: &Cluster, maintenance: Option<&str>) -> Outcome {
    let ssh = cluster.ssh().ok_or("the emulator has no SSH servers")?;
    let variables = json!({"ssh": ssh, "ipmi_password": "only emulated", "maintenance": maintenance});
    cli.write("terraform.tfvars.json", &variables.to_string())
}

fn is_quorate(cluster: &Cluster) -> Result<bool, Failure> {
    let status = cluster.get("/cluster/status")?;
    Ok(status.as_array().into_iter().flatten().any(|row| row["type"] == "cluster" && row["quorate"] == 1))
}

fn all_on(cluster: &Cluster, node: &str) -> Outcome {
    let status = cluster.get("/cluster/ha/status/current")?;
    let services: Vec<&Json> = status.as_array().into_iter().flatten().filter(|row| row["type"] == "service").collect();
    let there = services.iter().all(|row| row["node"] == node);
    demand(services.len() == 2 && there, || format!("not on {node}: {services:?}"))
}
