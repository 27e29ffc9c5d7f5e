//! The configuration of an operator: resources, groups or rules, and the datacenter options that steer placement.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::balance::Balancing;

/// A node name, a service id or a rule id; cheap to copy around.
pub type Name = Arc<str>;

/// Everything the manager reads from `/etc/pve` in one round.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// The HA resources by service id.
    pub resources: BTreeMap<Name, Resource>,
    /// Groups (PVE 8) or rules (PVE 9).
    pub policy: Policy,
    /// `crs: ha=…`.
    pub scheduler: Scheduler,
    /// `crs: ha-rebalance-on-start=1`.
    pub rebalance_on_start: bool,
    /// `ha: shutdown_policy=…`.
    pub shutdown_policy: ShutdownPolicy,
    /// `crs: ha-auto-rebalance=1` with its settings; none where the load balancer is off.
    pub balancing: Option<Balancing>,
    /// The HA manager that decides.
    pub engine: Engine,
}

/// The pve-ha-manager whose decisions are followed, where releases of PVE 9 differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Engine {
    /// Up to 5.2.0: manual moves are refused only by resource affinity.
    #[default]
    V5_2_0,
    /// 5.2.5: node affinity refuses them, too, and the imbalance is written down.
    V5_2_5,
}

/// Which of the two ways of saying where services belong is in force.
#[derive(Clone, Debug)]
pub enum Policy {
    /// PVE 8: each resource names at most one group.
    Groups(BTreeMap<Name, Group>),
    /// PVE 9: rules name resources.
    Rules(Vec<Rule>),
}

impl Default for Policy {
    fn default() -> Self {
        Self::Rules(Vec::new())
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    pub state: Requested,
    /// The group (PVE 8); it may not exist.
    pub group: Option<Name>,
    /// Whether the service returns to a better node (PVE 9).
    pub failback: bool,
    /// Whether the load balancer may move it.
    pub auto_rebalance: bool,
    /// Start attempts on one node after the first.
    pub max_restart: u32,
    /// Nodes that are tried after the first.
    pub max_relocate: u32,
}

/// A resource of which nothing is set, as Proxmox reads it.
impl Default for Resource {
    fn default() -> Self {
        Self {
            state: Requested::Started,
            group: None,
            failback: true,
            auto_rebalance: true,
            max_restart: 1,
            max_relocate: 1,
        }
    }
}

impl Resource {
    /// The resource of a section in `resources.cfg`, as the HA manager reads it: `option` is the text of an option, none where it is
    /// not set.
    ///
    /// # Errors
    /// An option is not known.
    pub fn read<E>(option: impl Fn(&str) -> Result<Option<String>, E>) -> Result<Self, E> {
        let unset = Self::default();
        let limit = |name: &str, unset: u32| {
            let number = |text: String| text.parse::<i64>().ok();
            let saturated = |number: i64| u32::try_from(number.max(0)).unwrap_or(u32::MAX);
            option(name).map(|text| text.and_then(number).map_or(unset, saturated))
        };
        Ok(Self {
            state: match option("state")?.as_deref() {
                Some("stopped") => Requested::Stopped,
                Some("disabled") => Requested::Disabled,
                Some("ignored") => Requested::Ignored,
                _ => Requested::Started,
            },
            group: option("group")?.map(Name::from),
            failback: option("failback")?.map_or(unset.failback, |flag| is_true(&flag)),
            auto_rebalance: option("auto-rebalance")?.map_or(unset.auto_rebalance, |flag| is_true(&flag)),
            max_restart: limit("max_restart", unset.max_restart)?,
            max_relocate: limit("max_relocate", unset.max_relocate)?,
        })
    }
}

fn is_true(flag: &str) -> bool {
    matches!(flag, "1" | "yes" | "on" | "true")
}

/// The requested state of a resource; `enabled` is `Started`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requested {
    Started,
    /// Keep it stopped, but move it off a failed node.
    Stopped,
    /// Keep it stopped, and where it is.
    Disabled,
    Ignored,
}

/// A PVE 8 group.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Group {
    /// Nodes with their priorities; a node may be there with two.
    pub nodes: Vec<(Name, u32)>,
    /// Only these nodes may run the services.
    pub restricted: bool,
    /// Services stay where they are while that node is allowed.
    pub nofailback: bool,
}

/// A PVE 9 rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub id: Name,
    /// The services in it.
    pub resources: BTreeSet<Name>,
    /// Switched off: as if it did not exist.
    pub disabled: bool,
    pub kind: RuleKind,
}

/// What a rule demands of its resources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleKind {
    /// Positive or negative affinity to nodes.
    NodeAffinity(NodeAffinity),
    /// Positive or negative affinity to one another.
    ResourceAffinity(Affinity),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Affinity {
    /// On the nodes listed; all resources on one node.
    Positive,
    /// Off the nodes listed; no two resources on one node.
    Negative,
}

/// Nodes that resources belong on or avoid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeAffinity {
    /// Belong on or avoid.
    pub affinity: Affinity,
    /// Node to priority; the higher number is preferred.
    pub nodes: BTreeMap<Name, u32>,
    /// No other node will do.
    pub strict: bool,
}

impl NodeAffinity {
    /// The nodes to run on with their priorities, in a cluster of the `known` nodes: those to avoid leave all others, without
    /// priorities. A node that joins the cluster later is one of them.
    pub fn wanted<'a>(&self, known: impl IntoIterator<Item = &'a Name>) -> BTreeMap<Name, u32> {
        match self.affinity {
            Affinity::Positive => self.nodes.clone(),
            Affinity::Negative => {
                let others = known.into_iter().filter(|node| !self.nodes.contains_key(*node));
                others.map(|node| (node.clone(), 0)).collect()
            }
        }
    }
}

/// The scheduler that scores nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Scheduler {
    /// Counts services.
    #[default]
    Basic,
    /// Weighs configured CPU and memory.
    Static,
    /// Weighs what is measured. Here services are placed as by `Static`: what will be measured then isn't known now.
    Dynamic,
}

impl Scheduler {
    /// Whether CPU and memory are weighed.
    pub fn weighs(self) -> bool {
        self != Self::Basic
    }
}

/// What happens to services when their node shuts down or reboots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ShutdownPolicy {
    /// Freeze on reboot, fail over on poweroff.
    #[default]
    Conditional,
    /// Always freeze.
    Freeze,
    /// Always fail over.
    Failover,
    /// Move the services away first.
    Migrate,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(options: &[(&str, &str)]) -> Resource {
        let text = |name: &str| options.iter().find(|(known, _)| *known == name).map(|(_, text)| (*text).to_owned());
        Resource::read(|name| Ok::<_, String>(text(name))).unwrap()
    }

    #[test]
    fn an_option_that_is_not_set_is_its_default() {
        assert_eq!(read(&[]), Resource::default());
        assert_eq!(read(&[("max_restart", "x"), ("state", "enabled")]), Resource::default());
    }

    #[test]
    fn every_option_is_read() {
        let options = [
            ("state", "stopped"),
            ("group", "g"),
            ("failback", "0"),
            ("auto-rebalance", "0"),
            ("max_restart", "2"),
            ("max_relocate", "0"),
        ];
        let expected = Resource {
            state: Requested::Stopped,
            group: Some("g".into()),
            failback: false,
            auto_rebalance: false,
            max_restart: 2,
            max_relocate: 0,
        };
        assert_eq!(read(&options), expected);
        assert_eq!(read(&[("max_restart", "99999999999")]).max_restart, u32::MAX);
        assert_eq!(read(&[("state", "disabled")]).state, Requested::Disabled);
        assert_eq!(read(&[("state", "ignored")]).state, Requested::Ignored);
    }

    #[test]
    fn an_option_that_is_not_known_makes_the_resource_unknown() {
        assert_eq!(
            Resource::read(|name| if name == "max_relocate" { Err(name.to_owned()) } else { Ok(None) }),
            Err("max_relocate".to_owned())
        );
    }
}
