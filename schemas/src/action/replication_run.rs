//! `pve_replication_run`: a replication job runs now.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::noun::Noun;
use crate::tf_block;
use crate::value::ReplicationJobId;

/// Runs a storage replication job now, and waits until the copy is complete. Proxmox begins the run within a minute.
#[tf_block]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReplicationRun {
    /// The id of the job: the VMID and the number of the job, such as `100-0`.
    #[tf(required)]
    #[schemars(extend("format" = "pve-replication-job-id"))]
    pub job: ReplicationJobId,
    /// How long the action may take, such as `1h`; 1 hour by default.
    #[schemars(extend("format" = "timeout"))]
    pub timeout: Option<String>,
}

impl Noun for ReplicationRun {
    const NAME: &'static str = "pve_replication_run";
    const TITLE: &'static str = "replication run";
}
