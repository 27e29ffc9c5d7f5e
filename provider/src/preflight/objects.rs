//! The objects that checks speak of, as they are planned and as the cluster has them.

mod recorded;

use std::collections::{BTreeMap, BTreeSet};

use pve_schemas::value::HaState;
use pve_schemas::{
    DatacenterOptions, HaGroup, HaNodeAffinityRule, HaResource, HaResourceAffinityRule, ReplicationJob, noun::Noun,
};

use super::live::Cluster;
use crate::framework::{Number, Path, Value};
use pve_ha_manager::config::{Affinity, Name, NodeAffinity, Rule as PlacementRule, RuleKind};

/// A part of a planned object; none while it isn't known.
pub type Known<T> = Option<T>;

/// Any object that is checked.
#[derive(Debug, Clone)]
pub enum Object {
    Resource(Resource),
    Rule(Rule),
    Group(Group),
    Job(Job),
    Options,
    Qdevice,
    Hosted(Hosted),
}

/// What is managed on nodes, over SSH.
#[derive(Debug, Clone)]
pub struct Hosted {
    /// The nodes it names, and where.
    pub nodes: Vec<(Path, Known<Name>)>,
    /// Whether it can't be made while one of them doesn't exist.
    pub is_on_them: bool,
    /// Whether it is a file of the cluster, which is read-only without quorum.
    pub is_shared: bool,
    /// Whether apply waits until no HA service is left on its node.
    pub empties: bool,
}

/// An HA resource.
#[derive(Debug, Clone)]
pub struct Resource {
    pub sid: Known<Name>,
    pub state: Known<HaState>,
    pub group: Known<Option<Name>>,
    pub failback: Known<bool>,
    pub max_relocate: Known<i64>,
    pub purge_rules: Known<bool>,
}

/// An HA rule of either type.
#[derive(Debug, Clone)]
pub struct Rule {
    pub name: Known<Name>,
    pub resources: Known<BTreeSet<Name>>,
    pub disabled: Known<bool>,
    pub kind: Kind,
}

/// What a rule says.
#[derive(Debug, Clone)]
pub enum Kind {
    Nodes(Nodes),
    Affinity(Known<Affinity>),
}

/// Where a node affinity rule or a group puts its resources.
#[derive(Debug, Clone)]
pub struct Nodes {
    /// Whether the resources belong on these nodes or avoid them; a group's nodes are never those to avoid.
    pub affinity: Known<Affinity>,
    pub priorities: Known<BTreeMap<Name, u32>>,
    /// `strict` of a rule, `restricted` of a group.
    pub strict: Known<bool>,
}

/// An HA group.
#[derive(Debug, Clone)]
pub struct Group {
    pub name: Known<Name>,
    pub nodes: Nodes,
    pub nofailback: Known<bool>,
}

/// A replication job.
#[derive(Debug, Clone)]
pub struct Job {
    pub guest: Known<u64>,
    pub number: Known<u64>,
    pub target: Known<Name>,
    /// The node that gets the copies now; the target of a job that is to be created.
    pub copies_to: Known<Name>,
    pub disabled: Known<bool>,
}

impl Object {
    /// The object of type `kind` in `value`; none for types without checks.
    pub fn of(kind: &str, value: &Value) -> Option<Self> {
        let flag = |name: &str, default: bool| flag(value.at(name), default);
        Some(match kind {
            HaResource::NAME => Self::Resource(Resource {
                sid: name(value.at("sid")).flatten(),
                state: state(value.at("state")),
                group: name(value.at("group")),
                failback: flag("failback", true),
                max_relocate: number(value.at("max_relocate"), 1),
                purge_rules: flag("purge_rules", false),
            }),
            HaNodeAffinityRule::NAME => Self::Rule(Rule {
                name: name(value.at("name")).flatten(),
                resources: names(value.at("resources")),
                disabled: flag("disabled", false),
                kind: Kind::Nodes(Nodes {
                    affinity: affinity(value.at("affinity")),
                    priorities: priorities(value.at("nodes")),
                    strict: flag("strict", false),
                }),
            }),
            HaResourceAffinityRule::NAME => Self::Rule(Rule {
                name: name(value.at("name")).flatten(),
                resources: names(value.at("resources")),
                disabled: flag("disabled", false),
                kind: Kind::Affinity(affinity(value.at("affinity"))),
            }),
            HaGroup::NAME => Self::Group(Group {
                name: name(value.at("name")).flatten(),
                nodes: Nodes {
                    affinity: Some(Affinity::Positive),
                    priorities: priorities(value.at("nodes")),
                    strict: flag("restricted", false),
                },
                nofailback: flag("nofailback", false),
            }),
            ReplicationJob::NAME => Self::Job(Job {
                guest: id(value.at("guest")),
                number: id(value.at("job_number")),
                target: name(value.at("target")).flatten(),
                copies_to: ["copies_to", "target"].iter().find_map(|end| name(value.at(end)).flatten()),
                disabled: flag("disabled", false),
            }),
            DatacenterOptions::NAME => Self::Options,
            "pve_qdevice" => Self::Qdevice,
            "pve_node_maintenance" | "pve_node_watchdog" => Self::Hosted(Hosted {
                nodes: vec![named(value, Path::root())],
                is_on_them: true,
                is_shared: kind == "pve_node_maintenance",
                empties: kind == "pve_node_maintenance" && value.at("wait_for_evacuation") != &Value::Bool(false),
            }),
            "pve_fence_device" => {
                let connections = value.at("connect").elements().unwrap_or_default().iter().enumerate();
                let at = |index| Path::attribute("connect").index(index);
                let nodes = connections.map(|(index, connection)| named(connection, at(index))).collect();
                Self::Hosted(Hosted { nodes, is_on_them: false, is_shared: true, empties: false })
            }
            _ => return None,
        })
    }

    /// Whether a write of it needs quorum.
    pub fn needs_quorum(&self) -> bool {
        !matches!(self, Self::Hosted(hosted) if !hosted.is_shared)
    }

    /// The attribute that tells that it is about what is called `key`.
    pub fn attribute_of(&self, key: &str) -> Option<Path> {
        let attribute = match self {
            Self::Resource(_) => "sid",
            Self::Rule(_) | Self::Group(_) => "name",
            Self::Job(_) => "target",
            Self::Options => key,
            Self::Qdevice | Self::Hosted(_) => return None,
        };
        Some(Path::attribute(attribute))
    }

    /// The guest that must exist for it.
    pub fn guest(&self) -> Option<u64> {
        match self {
            Self::Resource(resource) => resource.sid.as_deref().and_then(guest_of),
            Self::Job(job) => job.guest,
            _ => None,
        }
    }
}

impl Resource {
    /// Whether the HA manager has anything to do with it, as far as is known.
    pub fn is_managed(&self) -> bool {
        !matches!(self.state, Some(HaState::Ignored))
    }

    /// Whether it is moved back to a better node.
    pub fn returns(&self) -> bool {
        self.failback == Some(true) && !matches!(self.state, None | Some(HaState::Ignored | HaState::Disabled))
    }
}

impl Rule {
    /// Whether it counts, as far as is known.
    pub fn is_enabled(&self) -> bool {
        self.disabled == Some(false)
    }

    /// The nodes, if it is an enabled node affinity rule.
    pub fn enabled_nodes(&self) -> Option<&Nodes> {
        match &self.kind {
            Kind::Nodes(nodes) if self.is_enabled() => Some(nodes),
            _ => None,
        }
    }

    /// The rule for the placement algorithm; none while a part of it is unknown.
    pub fn known(&self) -> Option<PlacementRule> {
        let kind = match &self.kind {
            Kind::Nodes(nodes) => RuleKind::NodeAffinity(nodes.known()?),
            Kind::Affinity(affinity) => RuleKind::ResourceAffinity((*affinity)?),
        };
        Some(PlacementRule {
            id: self.name.clone()?,
            resources: self.resources.clone()?,
            disabled: self.disabled?,
            kind,
        })
    }
}

impl Nodes {
    /// The same in the words of the placement algorithm; none while a part of it is unknown.
    fn known(&self) -> Option<NodeAffinity> {
        Some(NodeAffinity { affinity: self.affinity?, nodes: self.priorities.clone()?, strict: self.strict? })
    }

    /// The nodes to run on with their priorities; none while they aren't known.
    pub fn wanted(&self, cluster: Option<&Cluster>) -> Option<BTreeMap<Name, u32>> {
        match self.affinity? {
            Affinity::Positive => self.priorities.clone(),
            Affinity::Negative => Some(self.known()?.wanted(&cluster?.nodes)),
        }
    }

    /// The only node, if no other one will do.
    pub fn only_node(&self, cluster: Option<&Cluster>) -> Option<Name> {
        let mut wanted = self.wanted(cluster)?.into_keys();
        let (first, second) = (wanted.next(), wanted.next());
        first.filter(|_| self.strict == Some(true) && second.is_none())
    }

    /// The node that alone has the highest priority, where there are others to come from.
    pub fn lonely_top(&self, cluster: Option<&Cluster>) -> Option<Name> {
        let wanted = self.wanted(cluster)?;
        let top = *wanted.values().max()?;
        let mut best = wanted.iter().filter(|(_, priority)| **priority == top).map(|(node, _)| node);
        let (first, second) = (best.next(), best.next());
        let elsewhere = self.strict? && wanted.len() == 1;
        if second.is_some() || elsewhere { None } else { first.cloned() }
    }

    /// Whether the HA manager never puts its resources on `node`.
    pub fn excludes(&self, node: &str) -> bool {
        let names = self.priorities.as_ref().map(|priorities| priorities.contains_key(node));
        let forbidden = match self.affinity {
            Some(Affinity::Positive) => names == Some(false),
            Some(Affinity::Negative) => names == Some(true),
            None => false,
        };
        self.strict == Some(true) && forbidden
    }

    /// Whether the nodes are those to avoid.
    pub fn avoids(&self) -> bool {
        self.affinity == Some(Affinity::Negative)
    }
}

fn named(value: &Value, at: Path) -> (Path, Known<Name>) {
    (at.field("node"), name(value.at("node")).flatten())
}

/// The guest's id in `vm:100`.
pub fn guest_of(sid: &str) -> Option<u64> {
    sid.split_once(':').and_then(|(_, id)| id.parse().ok())
}

/// A priority as placement counts it.
fn capped(priority: i64) -> u32 {
    u32::try_from(priority.max(0)).unwrap_or(u32::MAX)
}

/// A text that may be unset.
fn name(value: &Value) -> Known<Option<Name>> {
    match value {
        Value::Unknown => None,
        value => Some(value.as_str().map(Name::from)),
    }
}

fn names(value: &Value) -> Known<BTreeSet<Name>> {
    value.elements()?.iter().map(|element| element.as_str().map(Name::from)).collect()
}

fn flag(value: &Value, default: bool) -> Known<bool> {
    match value {
        Value::Null => Some(default),
        value => value.as_bool(),
    }
}

fn number(value: &Value, default: i64) -> Known<i64> {
    match value {
        Value::Null => Some(default),
        value => value.as_number().and_then(Number::as_i64),
    }
}

fn id(value: &Value) -> Known<u64> {
    value.as_number().and_then(Number::as_i64).and_then(|id| u64::try_from(id).ok())
}

fn state(value: &Value) -> Known<HaState> {
    match value {
        Value::Null => Some(HaState::Started),
        value => serde_json::from_value(value.as_str()?.into()).ok(),
    }
}

fn affinity(value: &Value) -> Known<Affinity> {
    match value {
        Value::Unknown => None,
        value if value.as_str() == Some("negative") => Some(Affinity::Negative),
        _ => Some(Affinity::Positive),
    }
}

fn priorities(value: &Value) -> Known<BTreeMap<Name, u32>> {
    let entry = |(node, priority): (&String, &Value)| Some((node.as_str().into(), capped(number(priority, 0)?)));
    value.as_map()?.iter().map(entry).collect()
}
