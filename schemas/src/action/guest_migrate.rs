//! `pve_guest_migrate`: a guest is moved to another node.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::noun::Noun;
use crate::tf_block;
use crate::value::{NodeName, Sid};

/// Moves a guest to another node, and waits until it is there in the state that it had.
///
/// A guest that is an HA resource moves through the HA manager, as with `pve_ha_migrate`. For any other guest Proxmox's
/// preconditions are checked first: local disks and devices, storages and mapped devices on the target, replication.
#[tf_block]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GuestMigrate {
    /// The guest to move, such as `vm:100` or `ct:101`.
    #[tf(required)]
    pub guest: Sid,
    /// The node to move it to.
    #[tf(required)]
    pub node: NodeName,
    /// Whether a running guest moves while it runs: a VM live, a container with a restart. `false` refuses a guest that
    /// is running. Has no effect on HA resources.
    #[tf(default = true)]
    pub online: Option<bool>,
    /// Whether disks on local storage that are not replicated to the target are copied over the network, which may take
    /// long.
    #[tf(default = false)]
    pub with_local_disks: Option<bool>,
    /// How long the action may take, such as `1h`; 2 hours by default.
    #[schemars(extend("format" = "timeout"))]
    pub timeout: Option<String>,
}

impl Noun for GuestMigrate {
    const NAME: &'static str = "pve_guest_migrate";
    const TITLE: &'static str = "guest migration";
}
