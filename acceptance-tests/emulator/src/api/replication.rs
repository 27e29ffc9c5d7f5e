//! Storage replication.

use crate::route::Route;
use crate::world::{Pve, World};

/// Runtime state of the jobs.
#[derive(Debug, Default)]
pub struct State {}

/// `/cluster/replication` and `/nodes/{node}/replication`.
#[must_use]
pub fn routes(_pve: Pve) -> Vec<Route> {
    Vec::new()
}

/// One second of the scheduler.
pub fn tick(_world: &mut World, _second: i64) {}
