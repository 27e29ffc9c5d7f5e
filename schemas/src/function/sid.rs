//! `sid`: the id of an HA resource.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Function;

/// Returns the id of an HA resource, such as `vm:100`, for a type of guest and its id.
///
/// A guest is `vm` or `ct` in the HA manager, and `qemu` or `lxc` elsewhere in Proxmox; both are accepted. The function
/// does not look whether the guest exists.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Sid {
    /// The type of the guest: `vm` or `qemu` for a virtual machine, `ct` or `lxc` for a container.
    pub r#type: GuestType,
    /// The id of the guest, its VMID.
    #[schemars(range(min = 100, max = 999_999_999))]
    pub id: i64,
}

/// A type of guest, in the words of the HA manager or of the rest of Proxmox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum GuestType {
    /// A virtual machine.
    Vm,
    /// A virtual machine.
    Qemu,
    /// A container.
    Ct,
    /// A container.
    Lxc,
}

impl GuestType {
    /// The word of the HA manager.
    #[must_use]
    pub fn of_ha(self) -> &'static str {
        match self {
            Self::Vm | Self::Qemu => "vm",
            Self::Ct | Self::Lxc => "ct",
        }
    }
}

impl Function for Sid {
    const NAME: &'static str = "sid";
    type Output = String;
}
