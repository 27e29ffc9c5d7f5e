//! `pve_ha_rule_member`: one HA resource in an HA rule that others manage, on PVE 9.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::noun::Noun;
use crate::tf_block;
use crate::value::{ConfigId, Sid};

/// One HA resource in an HA rule that another configuration or a person manages. **PVE 9 only.**
///
/// Apply adds the HA resource to `resources` of the rule, and a destroy removes it. All other members and settings of the rule
/// remain as they are. The rule and the HA resource must exist: refer to `pve_ha_resource.NAME.sid`, so that Terraform keeps
/// that order.
///
/// **The rule in the same configuration.** A `pve_ha_node_affinity_rule` or `pve_ha_resource_affinity_rule` removes each HA
/// resource that its `resources` do not list. Either list it there and write no `pve_ha_rule_member`, or write `lifecycle {
/// ignore_changes = [resources] }` in the rule. A plan in which the rule adds or removes the same HA resource is an error. The
/// provider sees `ignore_changes` only once the rule has more members than its configuration lists. Until then the create of a
/// member is a warning.
///
/// **The last member.** Proxmox has no rule without HA resources, and no enabled resource affinity rule with fewer than two. A
/// destroy that would leave such a rule is an error at plan: remove the rule itself, or add another HA resource first. It is no
/// error if the same plan destroys the rule, or the HA resource with `purge_rules = true`, because both remove the member. In a
/// plan that only destroys, the provider can't see that: it warns, and apply leaves the last member in the rule. To replace
/// the last member, set `lifecycle { create_before_destroy = true }`.
///
/// A member that was removed outside of Terraform is planned as a create. Proxmox removes an HA resource from its rules when it
/// is deleted in the web interface, or with `purge_rules = true`.
#[tf_block(partial)]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HaRuleMember {
    /// The name of the rule.
    #[tf(required, replace, identity)]
    pub rule: ConfigId,
    /// The HA resource, such as `vm:100`.
    #[tf(required, replace, identity)]
    pub resource: Sid,
}

/// What is between the two parts of the natural id.
pub const SEPARATOR: char = '/';

impl HaRuleMember {
    /// The natural id of the membership of `resource` in `rule`: `web/vm:100`.
    #[must_use]
    pub fn id(rule: &str, resource: &str) -> String {
        format!("{rule}{SEPARATOR}{resource}")
    }
}

impl Noun for HaRuleMember {
    const NAME: &'static str = "pve_ha_rule_member";
    const TITLE: &'static str = "HA rule member";
}
