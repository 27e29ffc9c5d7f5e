//! `pve_ha_group`: where HA resources may run, on PVE 8.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::noun::Noun;
use crate::rest::{Collection, Rest};
use crate::tf_block;
use crate::value::{ConfigId, Latin1Comment, NodePriorities};

/// A group of nodes on which HA resources may or should run. **PVE 8 only**: PVE 9 migrates groups to HA rules; write a
/// `pve_ha_node_affinity_rule` there.
///
/// A **higher** priority number is preferred. Guides that prefer lower numbers are wrong.
///
/// Proxmox refuses to remove a group that is in use, and Terraform destroys an object before it changes the references
/// to it. Set `create_before_destroy` in the `lifecycle` block of each group, as below. Terraform then changes the HA
/// resources first, whether the group is renamed or removed. Without it, one apply can remove the group and the
/// references of its HA resources only if Terraform plans these HA resources before the group. That is not the case
/// with `-parallelism=1`, or if they refer to another instance of the same `for_each`. The plan then warns; remove the
/// references in a separate apply first.
#[tf_block(partial, rest)]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HaGroup {
    /// The name of the group, the id in Proxmox.
    #[tf(required, replace, identity, wire = "group")]
    pub name: ConfigId,
    /// The nodes and their priorities; **a higher number is preferred**, null counts as 0. Only the online nodes of the
    /// highest priority are considered.
    #[tf(required, null_means = 0)]
    pub nodes: NodePriorities,
    /// Whether the resources may run on these nodes only. With `false` other nodes are used when none of these is online.
    #[tf(default = false)]
    pub restricted: Option<bool>,
    /// Whether the resources stay where they are when a node of higher priority comes online again.
    #[tf(default = false)]
    pub nofailback: Option<bool>,
    /// A comment of one line.
    #[tf(null_means = "")]
    #[schemars(extend("format" = Latin1Comment::FORMAT))]
    pub comment: Option<String>,
}

impl Noun for HaGroup {
    const NAME: &'static str = "pve_ha_group";
    const TITLE: &'static str = "HA group";
}

impl Rest for HaGroup {
    const COLLECTION: Collection = Collection::HaGroups;
    const BESIDE: &'static [&'static str] = &["digest", "errors", "type"];

    fn key(&self) -> String {
        self.name.to_string()
    }
}
