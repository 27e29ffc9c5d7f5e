//! The features of HA that need a certain release of PVE 9, and the reasons why this cluster does not have them.

use serde_json::Value as Json;

use super::explain;
use super::operations::{OpContext, newly_set};
use crate::client::{Collection, Error, NodeVersion};
use crate::framework::{Change, Diagnostics, Failure, Path, Value};

const AFFINITY: &str = "affinity";
const AUTO_REBALANCE: &str = "auto_rebalance";

/// Refuses a rule that is to become negative while a node of the cluster would read it as its opposite.
///
/// An HA manager older than 5.2.5 passes over the line `affinity negative`, so that its rule binds the resources to the nodes
/// that it is to keep them off; and any rules that it writes lose the line.
pub(super) async fn nodes_to_avoid(op: &OpContext<'_>, change: &Change<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    if change.planned.at(AFFINITY).as_str() == Some("negative")
        && newly_set(change, AFFINITY)
        && let Ok(Some(why)) = against_nodes_to_avoid(op).await
    {
        let summary = "affinity = \"negative\" needs PVE 9.2.6 on every node";
        diagnostics.error_at(Path::attribute(AFFINITY), summary, explained(change.planned, &why));
    }
    diagnostics
}

/// The same right before the rule is written: what was unknown in the plan, and what has changed since.
pub(super) async fn still_nodes_to_avoid(op: &OpContext<'_>, from: Option<&Value>, to: &Value) -> Result<(), Failure> {
    let is_negative = |rule: &Value| rule.at(AFFINITY).as_str() == Some("negative");
    if !is_negative(to) || from.is_some_and(is_negative) {
        return Ok(());
    }
    let name = to.at("name").as_str().unwrap_or_default();
    match against_nodes_to_avoid(op).await.map_err(|error| explain(name, &error))? {
        Some(why) => Err(Failure::refused(explained(to, &why)).at(Path::attribute(AFFINITY))),
        None => Ok(()),
    }
}

fn explained(rule: &Value, why: &str) -> String {
    let name = rule.at("name").as_str().unwrap_or("the rule");
    format!(
        "{name}: {why}. An older HA manager reads the rule as its opposite, and removes `affinity` from it when it \
         writes the rules. Nothing was changed.\nBring every node online with PVE 9.2.6 or newer, then plan again. \
         Until then a rule with the other nodes in `nodes` has the same effect; add each node that joins later."
    )
}

/// Why nodes to avoid are refused; none where every node supports them.
async fn against_nodes_to_avoid(op: &OpContext<'_>) -> Result<Option<String>, Error> {
    let (client, call) = (op.client(), op.call());
    let version = client.version(&call).await?;
    if !version.has_nodes_to_avoid() {
        return Ok(Some(format!("{} runs {version}", answering_node(op).await?)));
    }
    // The newer HA manager fills the property in for each rule, whether it is set or not.
    let rules: Vec<Json> = client.list(Collection::HaRules, &call).await?.all()?;
    if rules.iter().any(|rule| rule["type"] == "node-affinity" && rule["affinity"].is_null()) {
        return Ok(Some(format!("the HA manager of {} is older than 5.2.5", answering_node(op).await?)));
    }
    let nodes = client.node_versions(&call).await?;
    let behind = nodes.iter().filter_map(|(node, version)| match version {
        NodeVersion::Known(version) if version.has_nodes_to_avoid() => None,
        NodeVersion::Known(version) => Some(format!("{node} runs {version}")),
        NodeVersion::Unanswered => Some(format!("{node} does not respond, so its version is unknown")),
    });
    let behind: Vec<String> = behind.collect();
    Ok((!behind.is_empty()).then(|| behind.join(", ")))
}

/// The name of the node whose API answers.
async fn answering_node(op: &OpContext<'_>) -> Result<String, Error> {
    let rows: Vec<Json> = op.client().list(Collection::ClusterStatus, &op.call()).await?.all()?;
    let mut local = rows.iter().filter(|row| row["type"] == "node" && row["local"].as_i64() == Some(1));
    let name = local.find_map(|row| row["name"].as_str());
    Ok(name.unwrap_or("the node that answers").to_owned())
}

/// Refuses `auto_rebalance = false` where there is no such property.
pub(super) async fn auto_rebalance(op: &OpContext<'_>, change: &Change<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    if change.planned.at(AUTO_REBALANCE).as_bool() == Some(false)
        && newly_set(change, AUTO_REBALANCE)
        && let Ok(version) = op.client().version(&op.call()).await
        && !version.is_at_least(9, 2)
    {
        diagnostics.error_at(
            Path::attribute(AUTO_REBALANCE),
            "auto_rebalance = false needs PVE 9.2",
            format!(
                "{}: this cluster runs {version}, which has no load balancer for HA resources. Remove \
                 `auto_rebalance`, which defaults to `true`.",
                change.planned.at("sid").as_str().unwrap_or("the HA resource"),
            ),
        );
    }
    diagnostics
}
