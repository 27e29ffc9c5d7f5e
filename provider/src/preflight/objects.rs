//! The objects that checks speak of, as they are planned and as the cluster has them.

mod nouns;

use std::collections::{BTreeMap, BTreeSet};

use pve_schemas::backup::Coverage;
use pve_schemas::notification::routing::Route;
use pve_schemas::noun::{Noun, Partial};
use pve_schemas::value::HaState;
use pve_schemas::{
    BackupJob, DatacenterOptions, HaGroup, HaNodeAffinityRule, HaResource, HaResourceAffinityRule, HaRuleMember,
    NotificationGotify, NotificationMatcher, NotificationSendmail, NotificationSmtp, NotificationWebhook,
    ReplicationJob,
};

use nouns::planned;

use super::live::Cluster;
use crate::framework::{Path, Value};
use pve_ha_manager::config::{Affinity, Name, NodeAffinity, Rule as PlacementRule};

/// A part of a planned object; none while it isn't known.
pub type Known<T> = Option<T>;

/// Any object that is checked.
#[derive(Debug, Clone)]
pub enum Object {
    Resource(CheckedResource),
    Rule(CheckedRule),
    Member(CheckedMember),
    Group(CheckedGroup),
    Job(CheckedJob),
    BackupJob(Box<CheckedBackup>),
    Matcher(CheckedMatcher),
    Target(CheckedTarget),
    Options,
    Qdevice,
    /// The cluster itself or a node of it, and the attribute that names it.
    Membership(&'static str),
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

#[derive(Debug, Clone)]
pub struct CheckedResource {
    pub sid: Known<Name>,
    pub group: Known<Option<Name>>,
    pub noun: Partial<HaResource>,
}

/// An HA rule of either type.
#[derive(Debug, Clone)]
pub struct CheckedRule {
    pub name: Known<Name>,
    pub resources: Known<BTreeSet<Name>>,
    pub disabled: Known<bool>,
    pub kind: CheckedRuleKind,
    /// The rule for the placement algorithm.
    pub placement: Known<PlacementRule>,
}

/// A member of an HA rule that a resource of its own adds.
#[derive(Debug, Clone)]
pub struct CheckedMember {
    pub rule: Known<Name>,
    pub resource: Known<Name>,
}

/// What a rule says.
#[derive(Debug, Clone)]
pub enum CheckedRuleKind {
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

#[derive(Debug, Clone)]
pub struct CheckedGroup {
    pub name: Known<Name>,
    pub nodes: Nodes,
    pub noun: Partial<HaGroup>,
}

#[derive(Debug, Clone)]
pub struct CheckedJob {
    pub guest: Known<u64>,
    pub number: Known<u64>,
    pub target: Known<Name>,
    /// The node that gets the copies now; the target of a job that is to be created.
    pub copies_to: Known<Name>,
    pub disabled: Known<bool>,
}

/// A backup job.
#[derive(Debug, Clone)]
pub struct CheckedBackup {
    pub name: Known<Name>,
    pub coverage: Known<Coverage>,
    /// None where it is unset.
    pub storage: Known<Option<String>>,
    pub noun: Partial<BackupJob>,
}

/// A notification matcher.
#[derive(Debug, Clone)]
pub struct CheckedMatcher {
    pub name: Known<Name>,
    pub route: Known<Route>,
}

/// A notification target of any type.
#[derive(Debug, Clone)]
pub struct CheckedTarget {
    pub name: Known<Name>,
    /// Whether it is switched on.
    pub is_on: Known<bool>,
}

impl Object {
    /// The object of type `kind` in `value`; none for types without checks.
    pub fn of(kind: &str, value: &Value) -> Option<Self> {
        Some(match kind {
            HaResource::NAME => planned::<HaResource>(value).into(),
            HaNodeAffinityRule::NAME => planned::<HaNodeAffinityRule>(value).into(),
            HaResourceAffinityRule::NAME => planned::<HaResourceAffinityRule>(value).into(),
            HaRuleMember::NAME => planned::<HaRuleMember>(value).into(),
            HaGroup::NAME => planned::<HaGroup>(value).into(),
            ReplicationJob::NAME => planned::<ReplicationJob>(value).into(),
            BackupJob::NAME => planned::<BackupJob>(value).into(),
            NotificationMatcher::NAME => planned::<NotificationMatcher>(value).into(),
            NotificationSendmail::NAME
            | NotificationSmtp::NAME
            | NotificationGotify::NAME
            | NotificationWebhook::NAME => Self::Target(nouns::target(value)),
            DatacenterOptions::NAME => Self::Options,
            "pve_qdevice" => Self::Qdevice,
            "pve_cluster" => Self::Membership("name"),
            "pve_cluster_member" => Self::Membership("node"),
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
        match self {
            Self::Hosted(hosted) => hosted.is_shared,
            // A join waits for quorum by itself, and a node on its own has none that counts.
            Self::Membership(_) => false,
            _ => true,
        }
    }

    /// The attribute that tells that it is about what is called `key`.
    pub fn attribute_of(&self, key: &str) -> Option<Path> {
        let attribute = match self {
            Self::Resource(_) => "sid",
            Self::Rule(_) | Self::Group(_) | Self::BackupJob(_) | Self::Matcher(_) | Self::Target(_) => "name",
            Self::Member(_) => "resource",
            Self::Job(_) => "target",
            Self::Options => key,
            Self::Membership(attribute) => attribute,
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

/// The paths below which privileges on a backup job are asked for.
pub struct BackupPlaces<'a>(&'a Partial<BackupJob>);

impl Object {
    /// The places of a backup job; none of another object.
    pub fn backup_places(&self) -> Option<BackupPlaces<'_>> {
        match self {
            Self::BackupJob(job) => Some(BackupPlaces(&job.noun)),
            _ => None,
        }
    }
}

impl<'a> BackupPlaces<'a> {
    /// Where a job without a storage puts its backups.
    const DEFAULT_STORAGE: &'static str = "local";

    /// None while it is unknown.
    pub fn storage(&self) -> Known<&'a str> {
        let storage = self.0.storage.as_ref()?;
        Some(storage.as_ref().map_or(Self::DEFAULT_STORAGE, |storage| storage.as_str()))
    }

    /// None where there is none.
    pub fn fleecing(&self) -> Option<&'a str> {
        Some(self.0.fleecing.as_ref()?.as_ref()?.storage.as_ref()?.as_str())
    }

    /// None where there is none.
    pub fn pool(&self) -> Option<&'a str> {
        Some(self.0.pool.as_ref()?.as_ref()?.as_str())
    }
}

impl CheckedResource {
    /// Whether the HA manager has anything to do with it, as far as is known.
    pub fn is_managed(&self) -> bool {
        self.noun.state() != Some(HaState::Ignored)
    }

    /// Whether it is moved back to a better node.
    pub fn returns(&self) -> bool {
        let is_left_alone = matches!(self.noun.state(), None | Some(HaState::Ignored | HaState::Disabled));
        self.noun.failback() == Some(true) && !is_left_alone
    }
}

impl CheckedMember {
    /// The rule and the HA resource, once both are known.
    pub fn known(&self) -> Option<(&Name, &Name)> {
        self.rule.as_ref().zip(self.resource.as_ref())
    }
}

impl CheckedRule {
    /// Whether it counts, as far as is known.
    pub fn is_enabled(&self) -> bool {
        self.disabled == Some(false)
    }

    /// Whether Proxmox keeps it with these HA resources, as far as is known.
    pub fn has_enough(&self) -> bool {
        let is_pair = matches!(self.kind, CheckedRuleKind::Affinity(_)) && self.is_enabled();
        self.resources.as_ref().is_none_or(|resources| resources.len() >= if is_pair { 2 } else { 1 })
    }

    /// The nodes, if it is an enabled node affinity rule.
    pub fn enabled_nodes(&self) -> Option<&Nodes> {
        match &self.kind {
            CheckedRuleKind::Nodes(nodes) if self.is_enabled() => Some(nodes),
            _ => None,
        }
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
    (at.field("node"), value.at("node").as_str().map(Name::from))
}

/// The guest's id in `vm:100`.
pub fn guest_of(sid: &str) -> Option<u64> {
    sid.split_once(':').and_then(|(_, id)| id.parse().ok())
}
