//! `pve_ha_relocate`: an HA resource is stopped, and started on another node.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::noun::Noun;
use crate::tf_block;
use crate::value::{NodeName, Sid};

/// Relocates an HA resource: the HA manager stops it, moves it to another node and starts it there. The action waits until
/// it runs there.
///
/// The action refuses what `pve_ha_migrate` refuses. Use it for a guest that can't move live.
#[tf_block]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HaRelocate {
    /// The HA resource to relocate, such as `vm:100`.
    #[tf(required)]
    pub resource: Sid,
    /// The node to start it on.
    #[tf(required)]
    pub node: NodeName,
    /// How long the action may take, such as `10m`; 30 minutes by default.
    #[schemars(extend("format" = "timeout"))]
    pub timeout: Option<String>,
}

impl Noun for HaRelocate {
    const NAME: &'static str = "pve_ha_relocate";
    const TITLE: &'static str = "HA relocation";
}
