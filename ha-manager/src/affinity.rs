//! Groups and rules, compiled into placement classes and lists of services in positive and negative affinity.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::config::{Affinity, Config, Name, Policy, Rule, RuleKind};
use super::feasibility;
use super::nodes::{NodeId, Nodes};
use super::service::{Affinities, Service, ServiceConfig};
use super::sets;

/// What a class comes from, for explanations.
#[derive(Clone, Debug)]
pub struct Origin {
    /// In words: `rule 'web'`, `group 'web'`.
    pub name: String,
    /// The nodes that a negative rule names; empty for any other.
    pub avoided: Vec<NodeId>,
}

/// The nodes that a group or a node affinity rule allows; class 0 allows all.
#[derive(Clone, Debug, Default)]
pub struct Class {
    /// What made it; none for the class that allows all.
    origin: Option<Origin>,
    entries: Vec<(NodeId, u32)>,
    strict: bool,
    /// Online nodes that are allowed, by node id.
    allowed: Vec<bool>,
    /// The allowed nodes of the highest priority, by name.
    preferred: Vec<NodeId>,
    is_preferred: Vec<bool>,
}

impl Class {
    /// Whether a service of this class may run on a node that is online.
    pub fn allows(&self, node: NodeId) -> bool {
        self.allowed.get(node).copied().unwrap_or(false)
    }

    /// The allowed online nodes of the highest priority, by name.
    pub fn preferred(&self) -> &[NodeId] {
        &self.preferred
    }

    /// Whether a node is among [`Self::preferred`].
    pub fn prefers(&self, node: NodeId) -> bool {
        self.is_preferred.get(node).copied().unwrap_or(false)
    }

    /// The rule or group it comes from; none for the class that allows all.
    pub fn origin(&self) -> Option<&Origin> {
        self.origin.as_ref()
    }

    /// The nodes its resources belong on, with their priorities.
    pub fn entries(&self) -> &[(NodeId, u32)] {
        &self.entries
    }

    /// Whether it allows no other nodes than its own.
    pub fn is_strict(&self) -> bool {
        self.strict
    }

    /// Works out who is allowed and preferred among the nodes now online.
    ///
    /// Without `strict` every other online node is allowed with a priority below all; higher numbers are preferred.
    fn resolve(&mut self, nodes: &Nodes) {
        let top = self.entries.iter().filter(|(node, _)| nodes.is_online(*node)).map(|&(_, priority)| priority).max();
        self.allowed = vec![false; nodes.len()];
        self.is_preferred = vec![false; nodes.len()];
        self.preferred.clear();
        let mut listed = vec![None; nodes.len()];
        for &(node, priority) in &self.entries {
            // A group may list a node twice.
            listed[node] = listed[node].max(Some(priority));
            self.is_preferred[node] |= Some(priority) == top && nodes.is_online(node);
        }
        for &node in nodes.online() {
            self.allowed[node] = listed[node].is_some() || !self.strict;
            self.is_preferred[node] |= top.is_none() && !self.strict;
            if self.is_preferred[node] {
                self.preferred.push(node);
            }
        }
    }
}

/// All classes of a configuration.
#[derive(Clone, Debug, Default)]
pub struct Classes {
    classes: Vec<Class>,
    online: Option<Vec<NodeId>>,
}

impl Classes {
    /// The class a service belongs to.
    pub fn of(&self, service: &Service) -> &Class {
        &self.classes[service.affinity.class]
    }

    /// Follows a change of the online nodes.
    pub fn resolve(&mut self, nodes: &Nodes) {
        if self.online.as_deref() == Some(nodes.online()) {
            return;
        }
        for class in &mut self.classes {
            class.resolve(nodes);
        }
        self.online = Some(nodes.online().to_vec());
    }
}

/// Compiles the configuration into the services' own part of it and their affinity; returns the classes and the rules dropped, with reasons.
pub fn compile(config: &Config, nodes: &mut Nodes, services: &mut [Service]) -> (Classes, BTreeMap<Name, Vec<String>>) {
    for service in services.iter_mut() {
        service.config = config.resources.get(&service.sid).map(ServiceConfig::from).unwrap_or_default();
        service.affinity = Affinities::default();
    }
    let everything = Class::default();
    match &config.policy {
        Policy::Groups(_) => (compile_groups(config, nodes, services, everything), BTreeMap::new()),
        Policy::Rules(rules) => {
            let known = nodes.states().map(|(name, _)| name.clone()).collect();
            // The checks look at the rules as they are written; then the negative ones are turned round.
            let dropped = feasibility::infeasible(rules, Some(&known));
            let kept: Vec<usize> =
                (0..rules.len()).filter(|&i| !rules[i].disabled && !dropped.contains_key(&rules[i].id)).collect();
            let dropped = dropped
                .into_iter()
                .map(|(rule, errors)| (rule, errors.iter().map(ToString::to_string).collect()))
                .collect();
            (compile_rules(rules, &kept, &known, nodes, services, everything), dropped)
        }
    }
}

fn compile_groups(config: &Config, nodes: &mut Nodes, services: &mut [Service], everything: Class) -> Classes {
    let Policy::Groups(groups) = &config.policy else { return Classes::default() };
    let mut classes = vec![everything];
    let mut class_of: HashMap<&Name, usize> = HashMap::new();
    for (name, group) in groups {
        class_of.insert(name, classes.len());
        classes.push(Class {
            origin: Some(Origin { name: format!("group '{name}'"), avoided: Vec::new() }),
            entries: group.nodes.iter().map(|(node, priority)| (nodes.intern(node), *priority)).collect(),
            strict: group.restricted,
            ..Class::default()
        });
    }
    for service in services.iter_mut() {
        let group = config.resources.get(&service.sid).and_then(|resource| resource.group.as_ref());
        // A group that does not exist counts as none.
        let Some((name, group)) = group.and_then(|group| groups.get_key_value(group)) else { continue };
        service.affinity.class = class_of[name];
        service.config.failback = !group.nofailback;
    }
    Classes { classes, online: None }
}

fn compile_rules(
    rules: &[Rule],
    kept: &[usize],
    known: &BTreeSet<Name>,
    nodes: &mut Nodes,
    services: &mut [Service],
    everything: Class,
) -> Classes {
    let positive = sets::merge_positive(rules, kept);
    let negative = sets::negative_partners(rules, kept, &positive);
    let index: HashMap<Name, usize> = services.iter().enumerate().map(|(i, s)| (s.sid.clone(), i)).collect();

    let mut classes = vec![everything];
    let mut class_of: BTreeMap<&Name, usize> = BTreeMap::new();
    for &rule in kept {
        if let RuleKind::NodeAffinity(affinity) = &rules[rule].kind {
            for sid in &rules[rule].resources {
                class_of.entry(sid).or_insert(classes.len());
            }
            let avoided = affinity.nodes.keys().filter(|_| affinity.affinity == Affinity::Negative);
            let avoided = avoided.map(|node| nodes.intern(node)).collect();
            classes.push(Class {
                origin: Some(Origin { name: format!("rule '{}'", rules[rule].id), avoided }),
                entries: affinity.wanted(known).iter().map(|(node, pri)| (nodes.intern(node), *pri)).collect(),
                strict: affinity.strict,
                ..Class::default()
            });
        }
    }
    let mut companions: BTreeMap<&Name, BTreeSet<usize>> = BTreeMap::new();
    for set in &positive {
        // One member in a node affinity rule draws the whole set into it.
        if let Some(class) = set.resources.iter().find_map(|sid| class_of.get(sid).copied()) {
            for sid in &set.resources {
                class_of.entry(sid).or_insert(class);
            }
        }
        let members: Vec<usize> = set.resources.iter().filter_map(|sid| index.get(sid).copied()).collect();
        for sid in &set.resources {
            companions.entry(sid).or_default().extend(members.iter().copied());
        }
    }
    for (own, service) in services.iter_mut().enumerate() {
        service.affinity.class = class_of.get(&service.sid).copied().unwrap_or(0);
        service.affinity.positive =
            companions.get(&service.sid).into_iter().flatten().copied().filter(|&companion| companion != own).collect();
        service.affinity.negative =
            negative.get(&service.sid).into_iter().flatten().filter_map(|sid| index.get(sid).copied()).collect();
    }
    Classes { classes, online: None }
}
