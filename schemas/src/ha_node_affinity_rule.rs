//! `pve_ha_node_affinity_rule`: where HA resources may run, on PVE 9.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::noun::Noun;
use crate::rest::{Collection, RULE_TYPES, Rest, wire};
use crate::tf_block;
use crate::value::{AsciiComment, ConfigId, NodePriorities, Properties, SidSet};

/// `affinity` where it is unset.
pub const AFFINITY: Affinity = Affinity::Positive;

/// A rule that binds HA resources to nodes, or keeps them off nodes. **PVE 9 only**; on PVE 8 write a `pve_ha_group`.
///
/// PVE 9.2.6 and newer refuse to move a guest manually to a node that a strict rule forbids. While `failback` of the HA
/// resource is on, they accept only the best nodes that are online. To empty a node, put it into maintenance
/// (`pve_node_maintenance`). Older versions move the guest, and the HA manager moves it back.
///
/// A **higher** priority number is preferred. Guides that prefer lower numbers are wrong. A resource may be in one
/// enabled node affinity rule only, and must be an HA resource before the rule names it: refer to
/// `pve_ha_resource.NAME.sid`, so that Terraform keeps that order.
#[tf_block(partial, rest)]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HaNodeAffinityRule {
    /// The name of the rule, the id in Proxmox. Unique among all HA rules.
    #[tf(required, replace, identity, wire = "rule")]
    pub name: ConfigId,
    /// The HA resources, such as `["vm:100"]`.
    #[tf(required)]
    #[schemars(extend("minItems" = 1))]
    pub resources: SidSet,
    /// The nodes and their priorities; **a higher number is preferred**, null counts as 0. Only the online nodes of the
    /// highest priority are considered. With `affinity = "negative"` these are the nodes to avoid: without priorities, and
    /// not all nodes of the cluster.
    #[tf(required, null_means = 0)]
    pub nodes: NodePriorities,
    /// `positive` runs the resources on these nodes, `negative` on all other ones. A node that joins the cluster later is one of
    /// the others. `negative` needs **PVE 9.2.6 on every node**: an older HA manager reads such a rule as its opposite.
    // The default is left out: releases before 9.2.6 refuse the parameter.
    #[tf(default = AFFINITY)]
    pub affinity: Option<Affinity>,
    /// Whether the resources may run on these nodes only; with `affinity = "negative"`, whether they may never run on
    /// them. With `false` the other nodes are used when none of these is online.
    #[tf(default = false)]
    pub strict: Option<bool>,
    /// Whether the rule is switched off.
    #[tf(default = false, wire(name = "disable", read = is_disabled))]
    pub disabled: Option<bool>,
    /// A comment of one line, ASCII only.
    #[tf(null_means = "")]
    #[schemars(extend("format" = AsciiComment::FORMAT))]
    pub comment: Option<String>,
}

/// On nodes or off them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Affinity {
    /// On the nodes of the rule.
    Positive,
    /// On the other nodes.
    Negative,
}

wire::word!(Affinity);

impl Affinity {
    /// Proxmox's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Positive => "positive",
            Self::Negative => "negative",
        }
    }
}

/// Any presence of the property switches a rule off.
pub(crate) fn is_disabled(rule: &Properties<'_>) -> Result<Option<bool>, String> {
    Ok(rule.flag("disable").map(|_| true))
}

impl HaNodeAffinityRule {
    /// Whether the nodes are those to avoid.
    #[must_use]
    pub fn avoids(&self) -> bool {
        self.affinity() == Affinity::Negative
    }
}

impl Noun for HaNodeAffinityRule {
    const NAME: &'static str = "pve_ha_node_affinity_rule";
    const TITLE: &'static str = "HA node affinity rule";
}

impl Rest for HaNodeAffinityRule {
    const COLLECTION: Collection = Collection::HaRules;
    const BESIDE: &'static [&'static str] = &["digest", "errors", "order", "type"];
    const ALWAYS: &'static [(&'static str, &'static str)] = &[("type", "node-affinity")];
    const TYPES: &'static [&'static str] = RULE_TYPES;

    fn key(&self) -> String {
        self.name.to_string()
    }
}
