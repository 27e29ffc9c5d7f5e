//! The story of `examples/topologies/three-node`: a phased rollout, drift, a node failure, and nothing left behind.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use crate::cli::{Cli, Plan};
use crate::cluster::Cluster;
use crate::report::Report;
use crate::{Outcome, demand};

type Failure = Box<dyn std::error::Error>;

/// Node and state of each HA service.
type Placement = BTreeMap<String, (Option<String>, String)>;

const TIERS: [&str; 3] = ["low", "medium", "critical"];

/// What the HA manager needs to start what was added: two of its rounds, and the guests' start.
const START: u32 = 90;

/// From the failure of a node to its services running elsewhere, with a new master to be found first.
const RECOVERY: u32 = 300;

pub(crate) fn present(report: &mut Report, cli: &Cli, cluster: &Cluster, has_rules: bool, keep: bool) -> Outcome {
    let before = cluster.get("/cluster/options")?;
    report.step("init", "the provider installs from a filesystem mirror", || cli.init())?;

    report.chapter("Shared objects (workspace default)");
    roll_out(report, cli, "default")?;

    report.chapter("Phase by phase (workspaces low, medium, critical)");
    report.step("gate", "a phase is refused until the previous one is complete", || refuses_to_skip(cli))?;
    for tier in TIERS {
        cli.workspace(tier)?;
        roll_out(report, cli, tier)?;
        report.step(&format!("{tier} runs"), "the HA manager started every service of the phase", || {
            cluster.advance(START)?;
            all_started(cluster)
        })?;
    }

    report.chapter("Drift");
    cli.workspace("medium")?;
    let plan = report.step("drift seen", "a change outside of Terraform is planned as exactly that change", || {
        sees_drift(cli, cluster)
    })?;
    report.quote(&plan.shown);
    report.step("drift healed", "apply reverts it, and the next plan is empty", || heals_drift(cli, cluster))?;

    report.chapter("A node dies");
    let first = placement(cli)?;
    let dead = first.get("vm:100").and_then(|(node, _)| node.clone()).ok_or("vm:100 is nowhere")?;
    report.step(&format!("{dead} fails"), "its services run on other nodes, as pve_ha_status shows", || {
        cluster.fail(&dead)?;
        cluster.advance(RECOVERY)?;
        cli.refresh()?;
        moved_away(&placement(cli)?, &dead)
    })?;
    let after = placement(cli)?;
    for (sid, (node, _)) in &first {
        let now = after.get(sid).and_then(|(node, _)| node.clone()).unwrap_or_default();
        let node = node.clone().unwrap_or_default();
        if node != now {
            report.say(&format!("      {sid}  {node} → {now}"));
        }
    }
    report
        .step("gate", "a rollout is refused while another failure would cost the quorum", || refuses_in_danger(cli))?;
    report.step(&format!("{dead} returns"), "the cluster is healthy again, and every plan is empty", || {
        cluster.restore(&dead)?;
        cluster.advance(RECOVERY)?;
        nothing_to_do(cli)
    })?;
    cli.refresh()?;
    summary(report, cli, cluster, has_rules)?;
    if keep {
        return Ok(());
    }

    report.chapter("Destroy");
    report.step("destroy", "every workspace is destroyed, in reverse order", || destroy(cli))?;
    report.step("nothing left", "no resource, group or rule; the options as they were before", || {
        nothing_left(cluster, has_rules, &before)
    })?;
    Ok(())
}

fn roll_out(report: &mut Report, cli: &Cli, workspace: &str) -> Outcome {
    let mut planned = 0;
    report.step(&format!("{workspace} plan"), "the plan only adds", || {
        let plan = cli.plan()?;
        planned = plan.changes.len();
        let adds = planned > 0 && plan.changes.iter().all(|change| change.starts_with("create "));
        demand(adds, || format!("planned: {:?}", plan.changes))
    })?;
    report.step(
        &format!("{workspace} apply"),
        &format!("{planned} {} created", if planned == 1 { "object is" } else { "objects are" }),
        || cli.apply(),
    )?;
    report.step(&format!("{workspace} again"), "the second plan is empty", || is_empty(cli))?;
    Ok(())
}

fn is_empty(cli: &Cli) -> Outcome {
    let plan = cli.plan()?;
    demand(plan.changes.is_empty(), || format!("planned: {:?}", plan.changes))
}

fn refuses_to_skip(cli: &Cli) -> Outcome {
    cli.workspace("medium")?;
    let said = cli.refused_plan()?;
    demand(said.contains("Earlier phases are not done"), || said)
}

fn refuses_in_danger(cli: &Cli) -> Outcome {
    cli.workspace("critical")?;
    let said = cli.refused_plan()?;
    demand(said.contains("would not survive"), || said)
}

fn all_started(cluster: &Cluster) -> Outcome {
    let status = cluster.get("/cluster/ha/status/current")?;
    let services: Vec<&Json> = status.as_array().into_iter().flatten().filter(|row| row["type"] == "service").collect();
    let late: Vec<&&Json> = services.iter().filter(|row| row["state"] != "started").collect();
    demand(!services.is_empty() && late.is_empty(), || format!("not started: {late:?}"))
}

fn sees_drift(cli: &Cli, cluster: &Cluster) -> Result<Plan, Failure> {
    cluster.edit("PUT", "/cluster/ha/resources/vm:100", &["max_restart=7", "comment=changed by hand"])?;
    let plan = cli.plan()?;
    let expected = [r#"update pve_ha_resource.this["web1"]"#];
    demand(plan.changes == expected, || format!("planned: {:?}", plan.changes))?;
    Ok(plan)
}

fn heals_drift(cli: &Cli, cluster: &Cluster) -> Outcome {
    cli.apply()?;
    let resource = cluster.get("/cluster/ha/resources/vm:100")?;
    demand(resource["max_restart"] == 2, || format!("found: {resource}"))?;
    is_empty(cli)
}

fn placement(cli: &Cli) -> Result<Placement, Failure> {
    let services = cli.value("placement")?;
    let services = services.as_object().into_iter().flatten();
    Ok(services
        .map(|(sid, service)| {
            let text = |name: &str| service[name].as_str().map(str::to_owned);
            (sid.clone(), (text("node"), text("state").unwrap_or_default()))
        })
        .collect())
}

fn moved_away(placement: &Placement, dead: &str) -> Outcome {
    let stuck: Vec<_> =
        placement.iter().filter(|(_, (node, state))| node.as_deref() == Some(dead) || state != "started").collect();
    demand(!placement.is_empty() && stuck.is_empty(), || format!("still there or not started: {stuck:?}"))
}

fn nothing_to_do(cli: &Cli) -> Outcome {
    for workspace in ["default"].into_iter().chain(TIERS) {
        cli.workspace(workspace)?;
        is_empty(cli).map_err(|error| format!("workspace {workspace}: {error}"))?;
    }
    Ok(())
}

fn summary(report: &mut Report, cli: &Cli, cluster: &Cluster, has_rules: bool) -> Outcome {
    let fencing = cli.value("fencing")?;
    let quorum = cli.value("quorum")?;
    let armed = match fencing.as_str() {
        Some("unknown") | None => "by watchdog (PVE 8 does not report its state)".to_owned(),
        Some(state) => format!("by watchdog, {state}"),
    };
    report.row("fencing", armed);
    let votes = quorum["votes"].as_str().unwrap_or("unknown");
    report.row("quorum", format!("{votes} votes, survives the failure of {} node(s)", quorum["tolerates"]));
    let (title, path, key) =
        if has_rules { ("rules", "/cluster/ha/rules", "rule") } else { ("groups", "/cluster/ha/groups", "group") };
    report.row(title, names(&cluster.get(path)?, key).join("\n"));
    let resources = cluster.get("/cluster/ha/resources")?;
    for tier in TIERS {
        let of_tier =
            |row: &&Json| row["comment"].as_str().is_some_and(|comment| comment.ends_with(&format!("tier {tier}")));
        let rows: Vec<Json> = resources.as_array().into_iter().flatten().filter(of_tier).cloned().collect();
        report.row(format!("tier {tier}"), names(&Json::Array(rows), "sid").join(", "));
    }
    Ok(())
}

fn names(rows: &Json, key: &str) -> Vec<String> {
    let mut names: Vec<String> =
        rows.as_array().into_iter().flatten().filter_map(|row| row[key].as_str()).map(str::to_owned).collect();
    names.sort();
    names
}

fn destroy(cli: &Cli) -> Outcome {
    for workspace in TIERS.into_iter().rev().chain(["default"]) {
        cli.workspace(workspace)?;
        cli.destroy().map_err(|error| format!("workspace {workspace}: {error}"))?;
    }
    Ok(())
}

fn nothing_left(cluster: &Cluster, has_rules: bool, before: &Json) -> Outcome {
    let left = if has_rules { "/cluster/ha/rules" } else { "/cluster/ha/groups" };
    for path in ["/cluster/ha/resources", left] {
        let rows = cluster.get(path)?;
        demand(rows == json!([]), || format!("{path}: {rows}"))?;
    }
    let after = cluster.get("/cluster/options")?;
    demand(after == *before, || format!("the options were {before} and are {after}"))
}
