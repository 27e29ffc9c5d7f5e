//! `pve_ha_migrate`: an HA resource is moved to another node, live.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::noun::Noun;
use crate::tf_block;
use crate::value::{NodeName, Sid};

/// Moves an HA resource to another node through the HA manager, and waits until it runs there. A running VM moves live; a
/// running container is stopped and started.
///
/// The action refuses a move that the HA manager would drop or undo: the target is not online, a rule or group forbids it
/// or would bring the resource back, or a resource in negative affinity is on the target. Resources in positive affinity
/// move along. Without HA use `pve_guest_migrate`.
#[tf_block]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HaMigrate {
    /// The HA resource to move, such as `vm:100`.
    #[tf(required)]
    pub resource: Sid,
    /// The node to move it to.
    #[tf(required)]
    pub node: NodeName,
    /// How long the action may take, such as `10m`; 30 minutes by default.
    #[schemars(extend("format" = "timeout"))]
    pub timeout: Option<String>,
}

impl Noun for HaMigrate {
    const NAME: &'static str = "pve_ha_migrate";
    const TITLE: &'static str = "HA migration";
}
