//! `pve_version`: what runs on the node that answers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::noun::Noun;

/// The version of Proxmox VE on the node that answers.
///
/// Use `major` to write one module for PVE 8 (HA groups) and PVE 9 (HA rules). Needs no privilege.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Version {
    /// The version of the `pve-manager` package, such as `9.2.11`.
    pub version: String,
    /// The release, such as `9.2`.
    pub release: String,
    /// The major version, such as 9.
    pub major: i64,
    /// The commit that `pve-manager` was built from.
    pub repository_id: Option<String>,
}

impl Noun for Version {
    const NAME: &'static str = "pve_version";
    const TITLE: &'static str = "version";
}
