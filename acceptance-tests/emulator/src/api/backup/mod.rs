//! Backups: jobs, which guests they cover, when they run, and their results.
//!
//! ```text
//!  jobs, coverage     /cluster/backup, /cluster/backup-info        direct   /nodes/{node}/vzdump
//!    │                                                                │
//!    ▼                                                                ▼
//!  parameters, properties, notes   what they take      scheduler ──► run ──► state   tasks, notifications
//!  permissions, selection          what they demand
//! ```
//!
//! Invariant: jobs are in `/etc/pve/jobs.cfg`; the time of a node's last run is in that node's state alone, and its
//! result in the node's tasks.

mod config;
mod coverage;
mod direct;
mod jobs;
mod notes;
mod parameters;
mod permissions;
mod properties;
mod run;
mod schedule;
mod scheduler;
mod selection;
mod state;

pub use jobs::list_all;
pub(crate) use run::end;
pub use scheduler::{run_now, tick};
pub use state::{Record, State, list_runs, node_lost};

use crate::route::Route;
use crate::world::Pve;

/// `/cluster/backup`, `/cluster/backup-info` and `/nodes/{node}/vzdump`.
#[must_use]
pub fn routes(pve: Pve) -> Vec<Route> {
    [jobs::routes(pve), coverage::routes(), direct::routes(pve)].into_iter().flatten().collect()
}
