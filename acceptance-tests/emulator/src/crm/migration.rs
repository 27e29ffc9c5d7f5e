//! The migration of HA groups to rules, which the active manager of a PVE 9 cluster runs once all nodes are ready for it.

use std::collections::BTreeMap;

use pve_ha_manager::config::Name;
use pve_ha_manager::nodes::{NodeState, Nodes};
use pve_ha_manager::status::{LrmMode, LrmState};
use serde_json::json;

use super::Shared;
use crate::api::ha::files::{self, GROUPS};
use crate::section_config::{Section, Values, node_priorities};
use crate::world::{HaManager, World};

/// The first pve-manager with rules.
const NEEDED: &str = "9.0.0~16";

/// Whether every node can do with rules.
pub(super) fn check(world: &World, shared: &Shared, nodes: &Nodes) -> Result<(), String> {
    if !world.is_quorate() {
        return Err("cluster is not quorate".to_owned());
    }
    if nodes.states().next().is_none() {
        return Err("node list is empty".to_owned());
    }
    for (node, state) in nodes.states() {
        if state != NodeState::Online {
            return Err(format!("node '{node}' is not online"));
        }
        check_lrm(shared, node)?;
        if shared.behind.as_deref() == Some(&**node) {
            return Err(format!("node '{node}' needs at least pve-manager version '{NEEDED}'"));
        }
    }
    Ok(())
}

fn check_lrm(shared: &Shared, node: &Name) -> Result<(), String> {
    let Some(lrm) = shared.lrm_status.get(node) else {
        return Err(format!("could not retrieve state for lrm '{node}'"));
    };
    let idle = lrm.state == LrmState::WaitForAgentLock && shared.status.active_services(node) == 0;
    let ready = lrm.state == LrmState::Active || idle;
    if !ready {
        return Err(format!("lrm '{node}' is not in state 'active' or 'idle'"));
    }
    if lrm.mode != LrmMode::Active {
        return Err(format!("lrm '{node}' is not in mode 'active'"));
    }
    Ok(())
}

/// Writes a rule for each group that is used, takes the groups from the resources, and removes the groups.
pub(super) fn migrate(world: &mut World) -> Result<(), String> {
    let groups = files::groups(world);
    let mut resources = (*files::resources(world)).clone();
    let mut users: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for section in &mut resources.list {
        let Some(group) = section.text("group") else { continue };
        section.values.remove("group");
        section.values.remove("failback");
        let Some(found) = groups.list.iter().find(|candidate| candidate.id == group) else { continue };
        if found.flag("nofailback") {
            section.values.insert("failback".to_owned(), json!(0));
        }
        users.entry(group).or_default().push(section.id.clone());
    }
    let mut rules = (*files::rules(world)).clone();
    for group in &groups.list {
        if let Some(sids) = users.remove(&group.id) {
            rules.push("node-affinity", &format!("ha-group-{}", group.id), rule(group, sids));
        }
    }
    if world.ha_manager() >= HaManager::NodesToAvoid {
        // Defaults are filled in when the manager reads, and the whole file is written.
        for rule in rules.list.iter_mut().filter(|rule| rule.kind == "node-affinity") {
            rule.values.entry("affinity".to_owned()).or_insert_with(|| json!("positive"));
        }
    }
    files::write_rules(world, &rules)?;
    files::write_resources(world, &resources)?;
    world.remove_file(GROUPS);
    Ok(())
}

fn rule(group: &Section, mut sids: Vec<String>) -> Values {
    sids.sort();
    let nodes: Vec<String> = node_priorities(&group.text("nodes").unwrap_or_default())
        .into_iter()
        .map(|(node, priority)| if priority == "0" { node } else { format!("{node}:{priority}") })
        .collect();
    let comment = group.text("comment").unwrap_or_else(|| format!("Generated from HA group '{}'.", group.id));
    let mut values = Values::from([
        ("resources".to_owned(), json!(sids.join(","))),
        ("nodes".to_owned(), json!(nodes.join(","))),
        ("comment".to_owned(), json!(comment)),
    ]);
    if group.flag("restricted") {
        values.insert("strict".to_owned(), json!(1));
    }
    values
}
