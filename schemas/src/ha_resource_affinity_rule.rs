//! `pve_ha_resource_affinity_rule`: which HA resources run together or apart, on PVE 9.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ha_node_affinity_rule::is_disabled;
use crate::noun::Noun;
use crate::rest::{Collection, RULE_TYPES, Rest, wire};
use crate::tf_block;
use crate::value::{AsciiComment, ConfigId, SidSet};

/// A rule that keeps HA resources together on one node, or apart on different nodes. **PVE 9 only.**
///
/// Resource affinity is always strict: if no node satisfies it, a resource is not recovered. The resources must be HA
/// resources before the rule names them: refer to `pve_ha_resource.NAME.sid`, so that Terraform keeps that order.
#[tf_block(partial, rest)]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HaResourceAffinityRule {
    /// The name of the rule, the id in Proxmox. Unique among all HA rules.
    #[tf(required, replace, identity, wire = "rule")]
    pub name: ConfigId,
    /// The HA resources, at least two, such as `["vm:100", "vm:101"]`.
    #[tf(required)]
    #[schemars(extend("minItems" = 2))]
    pub resources: SidSet,
    /// `positive` keeps them on one node, `negative` on different nodes.
    #[tf(required)]
    pub affinity: Affinity,
    /// Whether the rule is switched off.
    #[tf(default = false, wire(name = "disable", read = is_disabled))]
    pub disabled: Option<bool>,
    /// A comment of one line, ASCII only.
    #[tf(null_means = "")]
    #[schemars(extend("format" = AsciiComment::FORMAT))]
    pub comment: Option<String>,
}

/// Positive or negative resource affinity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Affinity {
    /// On one node.
    Positive,
    /// On different nodes.
    Negative,
}

wire::word!(Affinity);

impl Noun for HaResourceAffinityRule {
    const NAME: &'static str = "pve_ha_resource_affinity_rule";
    const TITLE: &'static str = "HA resource affinity rule";
}

impl Rest for HaResourceAffinityRule {
    const COLLECTION: Collection = Collection::HaRules;
    const BESIDE: &'static [&'static str] = &["digest", "errors", "order", "type"];
    const ALWAYS: &'static [(&'static str, &'static str)] = &[("type", "resource-affinity")];
    const TYPES: &'static [&'static str] = RULE_TYPES;

    fn key(&self) -> String {
        self.name.to_string()
    }
}
