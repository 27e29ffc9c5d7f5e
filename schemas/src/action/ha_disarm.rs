//! `pve_ha_disarm`: HA is switched off for an outage that is planned.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::noun::Noun;
use crate::tf_block;

/// What becomes of HA resources while HA is disarmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DisarmMode {
    /// They stay as they are.
    Freeze,
    /// They are managed as guests without HA.
    Ignore,
}

impl DisarmMode {
    /// Proxmox's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Freeze => "freeze",
            Self::Ignore => "ignore",
        }
    }
}

/// Disarms HA cluster-wide, such as for the replacement of a switch, and waits until no watchdog is active. Needs
/// pve-ha-manager 5.1.3.
///
/// While HA is disarmed no node is fenced and no service is recovered. The HA manager finishes recoveries and moves first;
/// the action waits for that. A move that is requested while HA is disarmed is lost.
#[tf_block]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HaDisarm {
    /// What becomes of the HA resources: with `freeze` they stay as they are and the HA manager refuses to start or stop
    /// them; with `ignore` they can be managed as guests without HA.
    #[tf(required)]
    pub mode: DisarmMode,
    /// After how long HA is armed again, such as `30m`: the action then lasts as long, and arms HA also if it is
    /// interrupted. Unset, HA stays disarmed until `pve_ha_arm`.
    #[serde(rename = "for")]
    #[schemars(extend("format" = "timeout"))]
    pub duration: Option<String>,
    /// How long disarming, and arming, may take, such as `5m`; 30 minutes by default.
    #[schemars(extend("format" = "timeout"))]
    pub timeout: Option<String>,
}

impl Noun for HaDisarm {
    const NAME: &'static str = "pve_ha_disarm";
    const TITLE: &'static str = "disarming of HA";
}
