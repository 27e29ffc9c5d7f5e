//! `pve_backup_run`: a backup job runs now.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::noun::Noun;
use crate::tf_block;
use crate::value::BackupJobId;

/// Runs a backup job now on every node that has guests of it, and waits for the result of each guest.
///
/// The guests are those that the job selects now, also if the job is disabled. The notifications of such a run have no
/// `job-id`: a matcher with a condition on it does not match.
#[tf_block]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BackupRun {
    /// The id of the job.
    #[tf(required)]
    pub job: BackupJobId,
    /// How long the action may take, such as `4h`; 12 hours by default.
    #[schemars(extend("format" = "timeout"))]
    pub timeout: Option<String>,
}

impl Noun for BackupRun {
    const NAME: &'static str = "pve_backup_run";
    const TITLE: &'static str = "backup run";
}
