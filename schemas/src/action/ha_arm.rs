//! `pve_ha_arm`: HA protects its resources again.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::noun::Noun;
use crate::tf_block;

/// Arms HA again after `pve_ha_disarm`, and waits until the HA manager reports it. Needs pve-ha-manager 5.1.3.
#[tf_block]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HaArm {
    /// How long the action may take, such as `5m`; 10 minutes by default.
    #[schemars(extend("format" = "timeout"))]
    pub timeout: Option<String>,
}

impl Noun for HaArm {
    const NAME: &'static str = "pve_ha_arm";
    const TITLE: &'static str = "arming of HA";
}
