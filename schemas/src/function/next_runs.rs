//! `next_runs`: when a calendar event comes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Function;
use crate::value::Schedule;

/// Returns the next times of a calendar event, such as the schedule of a replication or backup job.
///
/// Proxmox evaluates a schedule in the time zone of each node. This function has no time zones, only the offset of `from`:
/// **the times are those of a node with that offset, and clocks are not changed** in summer. Times have the form of RFC
/// 3339, which `timeadd`, `timecmp` and `formatdate` accept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NextRuns {
    /// The calendar event, such as `*/15`, `mon..fri 22:00` or `daily`.
    pub schedule: Schedule,
    /// How many times to return. There are fewer if the event ends, which one with a year does.
    #[schemars(range(min = 1, max = 1000))]
    pub count: i64,
    /// The time after which to look, such as `plantimestamp()`. A run at this very time is not returned.
    #[schemars(extend("format" = "rfc-3339"))]
    pub from: String,
}

impl Function for NextRuns {
    const NAME: &'static str = "next_runs";
    type Output = Vec<String>;
}
