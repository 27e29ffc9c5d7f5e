mod cluster;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use pve_ha_manager::config::Name;
use pve_ha_manager::forecast::{ConvergedService, Forecast};
use pve_ha_manager::service::State;
use pve_schemas::function::{Placed, Placement};

use super::Compute;
use crate::framework::Refusal;

impl Compute for Placement {
    fn compute(&self) -> Result<BTreeMap<String, Placed>, Refusal> {
        let cluster = &self.cluster;
        let config = Arc::new(cluster::config(cluster).map_err(refusal)?);
        let guests = cluster.resources.iter().map(|resource| (name(&resource.sid), name(&resource.node))).collect();
        let forecast = Forecast::converged(&cluster::status(cluster), config, None, Vec::new(), &guests);
        if let Some((rule, why)) = forecast.dropped_rules().iter().next() {
            return Err(refusal(format!("rules: Proxmox refuses the rule '{rule}': {}", why.join(", "))));
        }
        let failed: BTreeSet<Name> = cluster.failed.iter().flatten().map(name).collect();
        if failed.is_empty() {
            return Ok(forecast.now().map(|service| placed(&service, &failed)).collect());
        }
        Ok(forecast.node_failure(&failed).services().map(|service| placed(&service, &failed)).collect())
    }
}

/// There is one argument; the text names the part of it.
fn refusal(problem: String) -> Refusal {
    Refusal::of(0, format!("cluster.{problem}"))
}

fn name(text: &impl ToString) -> Name {
    text.to_string().into()
}

fn placed(service: &ConvergedService<'_>, failed: &BTreeSet<Name>) -> (String, Placed) {
    let lives = !failed.contains(service.node);
    let reasons: Vec<&str> = service.decisions().iter().map(|decision| decision.reason.as_str()).collect();
    let reason = match (service.state(), lives) {
        _ if !reasons.is_empty() => reasons.join(", then "),
        (State::Stopped, false) => "it is disabled, and stays on the node that failed".to_owned(),
        _ => "the HA manager leaves it where it is".to_owned(),
    };
    let node = lives.then(|| service.node.to_string());
    (service.sid().to_string(), Placed { node, state: service.state().as_str().to_owned(), reason })
}

#[cfg(test)]
mod tests;
