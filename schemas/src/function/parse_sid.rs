//! `parse_sid`: the parts of the id of an HA resource.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Function;
use crate::value::Sid;

/// Returns the type and the VMID that the id of an HA resource consists of.
///
/// It is the inverse of `sid`. An id that Proxmox's HA manager would refuse is an error on the argument.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ParseSid {
    /// The id of an HA resource, such as `vm:100`.
    pub text: Sid,
}

/// The parts of the id of an HA resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ParsedSid {
    /// `vm` or `ct`.
    pub r#type: String,
    /// The id of the guest, its VMID.
    pub id: i64,
}

impl Function for ParseSid {
    const NAME: &'static str = "parse_sid";
    type Output = ParsedSid;
}
