//! What a node keeps in maintenance: the placement is asked where each of its services would go.

use std::collections::BTreeMap;
use std::sync::Arc;

use pve_schemas::HaResource;
use pve_schemas::noun::Partial;

use super::live::Cluster;
use super::object_index::Family;
use super::objects::{CheckedResource, CheckedRuleKind};
use super::view::View;
use crate::simulation;
use pve_ha_manager::config::{Config, Group, Name, Policy, Resource as Placed};
use pve_ha_manager::forecast::Forecast;
use pve_ha_manager::groups;
use pve_ha_manager::service::State;

/// A service that stays on its node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stay {
    pub sid: Name,
    /// The rules or the group that hold it; none where no other node is there to go to.
    pub because: Vec<String>,
}

impl Stay {
    /// What holds it, such as `rule web`.
    pub fn reason(&self) -> String {
        if self.because.is_empty() { "no other node takes services".to_owned() } else { self.because.join(", ") }
    }
}

/// The services that would stay active on `node` in maintenance; none while a part of what decides it isn't known.
pub fn stays_on(view: &View<'_>, node: &Name) -> Option<Vec<Stay>> {
    let cluster = view.cluster?;
    let config = config(view)?;
    let nodes = cluster.nodes.iter().map(|name| (name.as_ref(), cluster.online.contains(name)));
    let status = simulation::manager_status(view.live.manager()?, nodes);
    let guests = guests(&config, cluster);
    let forecast = Forecast::converged(&status, Arc::new(config), None, Vec::new(), &guests);
    let outcome = forecast.maintenance(node);
    let is_active = |state| !matches!(state, State::Stopped | State::Freeze | State::Error);
    let staying = outcome.services().filter(|service| service.node == node && is_active(service.state()));
    Some(staying.map(|service| stay(view, service.sid())).collect())
}

fn stay(view: &View<'_>, sid: &Name) -> Stay {
    let rules = view.rules_naming(sid).into_iter().filter(|rule| rule.object.is_enabled());
    let holding = rules.filter(|rule| match &rule.object.kind {
        CheckedRuleKind::Nodes(nodes) => nodes.strict == Some(true),
        CheckedRuleKind::Affinity(_) => true,
    });
    let rules = holding.filter_map(|rule| Some(format!("rule {}", rule.object.name.as_ref()?)));
    let group = view.resource(sid).and_then(|resource| resource.object.group.clone().flatten());
    let group = group.and_then(|name| view.group(&name)).filter(|group| group.object.nodes.strict == Some(true));
    let group = group.and_then(|group| Some(format!("group {}", group.object.name.as_ref()?)));
    let mut because: Vec<String> = rules.chain(group).collect();
    because.sort();
    Stay { sid: sid.clone(), because }
}

/// What placement goes by.
fn config(view: &View<'_>) -> Option<Config> {
    // A rule or group whose name isn't known yet may take the place of any.
    if [Family::Resource, Family::Rule, Family::Group].into_iter().any(|family| view.planned.has_nameless(family)) {
        return None;
    }
    let resources = view.resources()?.into_iter();
    let mut resources: BTreeMap<Name, Placed> =
        resources.map(|seen| Some((seen.object.sid.clone()?, placed(seen.object)?))).collect::<Option<_>>()?;
    let policy = if view.live.placed()?.are_groups {
        let groups: BTreeMap<Name, Group> = view
            .groups()
            .into_iter()
            .map(|seen| Some((seen.object.name.clone()?, simulation::nouns::group(&seen.object.noun)?)))
            .collect::<Option<_>>()?;
        if view.live.is_pve_8()? {
            Policy::Groups(groups)
        } else {
            // Until its groups are migrated, PVE 9 reads them as rules.
            for resource in resources.values_mut() {
                resource.failback = groups::failback(resource, &groups);
            }
            Policy::Rules(groups::as_rules(&groups, &resources))
        }
    } else {
        let mut rules =
            view.rules().into_iter().map(|seen| seen.object.placement.clone()).collect::<Option<Vec<_>>>()?;
        rules.sort_by(|a, b| a.id.cmp(&b.id));
        Policy::Rules(rules)
    };
    Some(Config { resources, policy, ..Config::default() })
}

fn placed(resource: &CheckedResource) -> Option<Placed> {
    // Nothing fails to start in a forecast, whatever these will be.
    let noun = Partial::<HaResource> { max_restart: Some(None), max_relocate: Some(None), ..resource.noun.clone() };
    simulation::nouns::resource(&noun)
}

/// Where the guests of HA resources are that the HA manager does not know yet.
fn guests(config: &Config, cluster: &Cluster) -> BTreeMap<Name, Name> {
    let node = |sid: &Name| cluster.guests.get(&super::objects::guest_of(sid)?)?.node.clone();
    config.resources.keys().filter_map(|sid| Some((sid.clone(), node(sid)?))).collect()
}
