//! `pve_ha_resource`: a guest under the control of the HA manager.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::noun::Noun;
use crate::rest::{Collection, Rest};
use crate::tf_block;
use crate::value::{ConfigId, HaState, Latin1Comment, Sid};

/// `state` where it is unset.
pub const STATE: HaState = HaState::Started;
/// `failback` where it is unset, on PVE 9.
pub const FAILBACK: bool = true;
/// `auto_rebalance` where it is unset, since PVE 9.2.
pub const AUTO_REBALANCE: bool = true;
/// `max_restart` where it is unset.
pub const MAX_RESTART: i64 = 1;
/// `max_relocate` where it is unset.
pub const MAX_RELOCATE: i64 = 1;

/// A guest under HA: the HA manager keeps it in the requested state, and recovers it on another node when its node
/// fails.
///
/// Creating one with the state `started` (the default) **starts a stopped guest** within about 20 seconds. Destroying
/// it leaves the guest as it is. Starting or stopping the guest outside of Terraform changes `state`, and the next plan
/// shows it.
#[tf_block(partial, rest)]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HaResource {
    /// The guest: `vm:100` for a virtual machine, `ct:101` for a container. It must exist.
    #[tf(required, replace, identity)]
    pub sid: Sid,
    /// The state it is to be kept in. `started`: running, recovered on failure; `stopped`: stopped, but moved on failure;
    /// `disabled`: stopped and left where it is, also the only way out of the error state; `ignored`: not touched.
    /// `enabled` is accepted as another word for `started`.
    #[tf(default = STATE, aliases(enabled = "started"), wire(always))]
    pub state: Option<HaState>,
    /// The HA group that says on which nodes it may run. **PVE 8 only**; on PVE 9 write a `pve_ha_node_affinity_rule`.
    pub group: Option<ConfigId>,
    /// Whether it moves back to a node of higher priority when one comes online again. Unset means `true`. **PVE 9 only**;
    /// on PVE 8 it is `nofailback` of the group.
    #[tf(null_means = FAILBACK)]
    pub failback: Option<bool>,
    /// Whether the load balancer of the HA manager (`crs` of `pve_datacenter_options`) may move it, together with the
    /// resources that a rule keeps on its node. It does not affect failover, failback and manual moves. `false` needs
    /// **PVE 9.2**.
    // The default is left out: releases before 9.2 refuse the parameter.
    #[tf(default = AUTO_REBALANCE, wire = "auto-rebalance")]
    pub auto_rebalance: Option<bool>,
    /// How often a failed start is tried again on the same node.
    #[tf(default = MAX_RESTART, wire(always))]
    #[schemars(range(min = 0))]
    pub max_restart: Option<i64>,
    /// How often it is moved to another node after failed starts. 0 means that it stays on its node and ends in the
    /// error state.
    #[tf(default = MAX_RELOCATE, wire(always))]
    #[schemars(range(min = 0))]
    pub max_relocate: Option<i64>,
    /// A comment of one line.
    #[tf(null_means = "")]
    #[schemars(extend("format" = Latin1Comment::FORMAT))]
    pub comment: Option<String>,
    /// Whether destroy changes the HA rules that name this resource, on PVE 9: with `true` Proxmox removes this
    /// resource from every rule, and deletes rules that become empty; with `false` the rules stay as they are.
    #[tf(default = false, local)]
    pub purge_rules: Option<bool>,
    /// Whether apply waits until the guest is in the requested state, and otherwise reports its current state.
    #[tf(default = false, local)]
    pub wait_for_state: Option<bool>,
}

impl Noun for HaResource {
    const NAME: &'static str = "pve_ha_resource";
    const TITLE: &'static str = "HA resource";
}

impl Rest for HaResource {
    const COLLECTION: Collection = Collection::HaResources;
    const BESIDE: &'static [&'static str] = &["digest", "errors", "type"];

    fn key(&self) -> String {
        self.sid.to_string()
    }
}
