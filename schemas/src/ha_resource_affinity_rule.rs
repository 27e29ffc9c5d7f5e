//! `pve_ha_resource_affinity_rule`: which HA resources run together or apart, on PVE 9.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::noun::{Noun, Params, RULE_TYPES, Rest, Store};
use crate::tf_block;
use crate::value::{AsciiComment, ConfigId, Properties, SidSet};

/// A rule that keeps HA resources together on one node, or apart on different nodes. **PVE 9 only.**
///
/// Resource affinity is always strict: if no node satisfies it, a resource is not recovered. The resources must be HA
/// resources before the rule names them: refer to `pve_ha_resource.NAME.sid`, so that Terraform keeps that order.
#[tf_block(partial)]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HaResourceAffinityRule {
    /// The name of the rule, the id in Proxmox. Unique among all HA rules.
    #[tf(required, replace, identity)]
    pub name: ConfigId,
    /// The HA resources, at least two, such as `["vm:100", "vm:101"]`.
    #[tf(required)]
    #[schemars(extend("minItems" = 2))]
    pub resources: SidSet,
    /// `positive` keeps them on one node, `negative` on different nodes.
    #[tf(required)]
    pub affinity: Affinity,
    /// Whether the rule is switched off.
    #[tf(default = false)]
    pub disabled: Option<bool>,
    /// A comment of one line, ASCII only.
    #[tf(null_means = "")]
    #[schemars(extend("format" = AsciiComment::FORMAT))]
    pub comment: Option<String>,
}

/// Together or apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Affinity {
    /// On one node.
    Positive,
    /// On different nodes.
    Negative,
}

impl Noun for HaResourceAffinityRule {
    const NAME: &'static str = "pve_ha_resource_affinity_rule";
    const TITLE: &'static str = "HA resource affinity rule";
}

impl Rest for HaResourceAffinityRule {
    const COLLECTION: &'static str = "/cluster/ha/rules";
    const KEY: &'static str = "rule";
    const STORE: Store = Store::Ha;
    const ALWAYS: &'static [(&'static str, &'static str)] = &[("type", "resource-affinity")];
    const TYPES: &'static [&'static str] = RULE_TYPES;

    fn key(&self) -> String {
        self.name.to_string()
    }

    fn params(&self) -> Params {
        let mut params = Params::new();
        params.insert("resources", self.resources.to_list());
        let affinity = if self.affinity == Affinity::Positive { "positive" } else { "negative" };
        params.insert("affinity", affinity.to_owned());
        params.flag("disable", self.disabled);
        params.text("comment", self.comment.as_deref());
        params
    }

    fn from_properties(entry: &Properties<'_>) -> Result<Self, String> {
        entry.skip(&["digest", "errors", "order", "type"]);
        Ok(Self {
            name: entry.required("rule")?.parse().map_err(|e| format!("rule: {e}"))?,
            resources: SidSet::from_list(&entry.text("resources").unwrap_or_default())?,
            affinity: serde_json::from_value(entry.json("affinity").clone()).map_err(|e| format!("affinity: {e}"))?,
            // Any presence of the property switches the rule off.
            disabled: entry.flag("disable").map(|_| true),
            comment: entry.text("comment"),
        })
    }

    fn owns(entry: &Json) -> bool {
        entry["type"] == "resource-affinity"
    }
}
