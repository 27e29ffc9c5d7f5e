//! The HA configuration files in the types of the managers.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use pve_ha_manager::balance::Balancing;
use pve_ha_manager::config::{
    Affinity, Config, Group, Name, NodeAffinity, Policy, Resource, Rule, RuleKind, Scheduler, ShutdownPolicy,
};
use pve_ha_manager::groups;

use super::Shared;
use crate::api::ha::files::{self, GROUPS, RESOURCES, RULES};
use crate::section_config::{Section, node_priorities};
use crate::world::{HaManager, Pve, World};

const DATACENTER_CFG: &str = "/etc/pve/datacenter.cfg";
const FILES: [&str; 4] = [RESOURCES, GROUPS, RULES, DATACENTER_CFG];

/// The texts a configuration was made of.
pub(super) type Texts = [String; 4];

impl Shared {
    /// Reads the configuration again, as the HA manager at work understands it, if one of its files changed.
    pub(super) fn read_config(&mut self, world: &World) {
        let current = FILES.map(|path| world.file(path));
        let ha = world.ha_manager();
        let known = self.configs.get(&ha);
        let same = known.is_some_and(|(texts, _)| texts.iter().zip(current).all(|(old, new)| old == new));
        if !same {
            self.configs.insert(ha, (current.map(str::to_owned), Arc::new(read(world))));
        }
    }

    /// The configuration as last read by the HA manager at work.
    pub(super) fn config(&self, world: &World) -> Arc<Config> {
        self.configs.get(&world.ha_manager()).map(|(_, config)| config.clone()).unwrap_or_default()
    }
}

/// The configuration as the HA manager at work understands it.
pub(super) fn read(world: &World) -> Config {
    let groups: BTreeMap<Name, Group> =
        files::groups(world).list.iter().map(|section| (section.id.as_str().into(), group(section))).collect();
    let mut resources: BTreeMap<Name, Resource> =
        files::resources(world).list.iter().map(|section| (section.id.as_str().into(), resource(section))).collect();
    let policy = match world.profile.pve {
        Pve::V8 => Policy::Groups(groups),
        Pve::V9 if groups.is_empty() => Policy::Rules(files::rules(world).list.iter().map(rule).collect()),
        Pve::V9 => {
            // Groups not migrated yet act as rules, and decide on the failback of their resources.
            for resource in resources.values_mut() {
                resource.failback = groups::failback(resource, &groups);
            }
            Policy::Rules(groups::as_rules(&groups, &resources))
        }
    };
    let options = world.file(DATACENTER_CFG);
    Config {
        resources,
        policy,
        scheduler: match property(options, "crs", "ha").as_deref() {
            Some("static") => Scheduler::Static,
            Some("dynamic") => Scheduler::Dynamic,
            _ => Scheduler::Basic,
        },
        rebalance_on_start: property(options, "crs", "ha-rebalance-on-start").is_some_and(|flag| is_true(&flag)),
        balancing: balancing(world, options),
        shutdown_policy: match property(options, "ha", "shutdown_policy").as_deref() {
            Some("freeze") => ShutdownPolicy::Freeze,
            Some("failover") => ShutdownPolicy::Failover,
            Some("migrate") => ShutdownPolicy::Migrate,
            _ => ShutdownPolicy::Conditional,
        },
        engine: world.ha_manager().engine(),
    }
}

/// The load balancer, where it is on. Releases before 5.2.3 read the percent numbers as fractions, and never move anything.
fn balancing(world: &World, options: &str) -> Option<Balancing> {
    let option = |name: &str| property(options, "crs", name);
    let is_on = option("ha-auto-rebalance").is_some_and(|flag| is_true(&flag));
    let number = |name: &str| option(name)?.parse().ok();
    let is_new = world.ha_manager() >= HaManager::NodesToAvoid;
    (is_on && is_new).then(|| Balancing::read(number, option("ha-auto-rebalance-method").as_deref()))
}

fn resource(section: &Section) -> Resource {
    let Ok(resource) = Resource::read(|name| Ok::<_, Infallible>(section.text(name)));
    resource
}

fn group(section: &Section) -> Group {
    let nodes = section.text("nodes").unwrap_or_default();
    let entry = |word: &str| match word.split_once(':') {
        Some((node, priority)) => (node.into(), parse_priority(priority)),
        None => (word.into(), 0),
    };
    Group {
        nodes: nodes.split(',').filter(|word| !word.is_empty()).map(entry).collect(),
        restricted: section.flag("restricted"),
        nofailback: section.flag("nofailback"),
    }
}

/// A rule of a rules file, as the managers understand it.
#[must_use]
pub fn rule(section: &Section) -> Rule {
    let nodes = || {
        let nodes = node_priorities(&section.text("nodes").unwrap_or_default());
        nodes.into_iter().map(|(node, priority)| (node.as_str().into(), parse_priority(&priority))).collect()
    };
    let affinity = match section.text("affinity").as_deref() {
        Some("negative") => Affinity::Negative,
        _ => Affinity::Positive,
    };
    let kind = if section.kind == "node-affinity" {
        RuleKind::NodeAffinity(NodeAffinity { affinity, nodes: nodes(), strict: section.flag("strict") })
    } else {
        RuleKind::ResourceAffinity(affinity)
    };
    let resources = section.text("resources").unwrap_or_default();
    Rule {
        id: section.id.as_str().into(),
        resources: resources.split(',').filter(|sid| !sid.is_empty()).map(Name::from).collect(),
        // Any presence of the property switches the rule off.
        disabled: section.values.contains_key("disable"),
        kind,
    }
}

fn parse_priority(text: &str) -> u32 {
    text.parse().unwrap_or(u32::MAX)
}

/// A sub-property of an option in `datacenter.cfg`; `ha` is the default key of `crs`.
fn property(options: &str, option: &str, name: &str) -> Option<String> {
    let line = options.lines().rev().find_map(|line| line.strip_prefix(option)?.strip_prefix(':'))?;
    line.trim().split(',').find_map(|part| match part.trim().split_once('=') {
        Some((key, value)) => (key == name).then(|| value.to_owned()),
        None => (name == option || name == "ha").then(|| part.trim().to_owned()),
    })
}

fn is_true(flag: &str) -> bool {
    matches!(flag, "1" | "yes" | "on" | "true")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_found_in_their_property_strings() {
        let options = "\ncrs: ha=static,ha-rebalance-on-start=1\nha: shutdown_policy=migrate\n";
        assert_eq!(property(options, "crs", "ha").as_deref(), Some("static"));
        assert_eq!(property(options, "crs", "ha-rebalance-on-start").as_deref(), Some("1"));
        assert_eq!(property(options, "ha", "shutdown_policy").as_deref(), Some("migrate"));
        assert_eq!(property("migration: secure\n", "ha", "shutdown_policy"), None);
    }
}
