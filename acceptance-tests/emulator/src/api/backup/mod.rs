//! Backup jobs: which guests they cover, when they run, and how that went.
//!
//! Invariant: jobs stand in `/etc/pve/jobs.cfg`; when a node last ran one is known to that node only, and how it went stands in
//! the node's tasks.

mod config;
mod coverage;
mod jobs;
mod param_check;
mod scheduler;

pub use jobs::list_all;
pub use scheduler::{State, run_now, tick};

use crate::route::Route;

/// `/cluster/backup` and `/cluster/backup-info`.
#[must_use]
pub fn routes() -> Vec<Route> {
    [jobs::routes(), coverage::routes()].into_iter().flatten().collect()
}
