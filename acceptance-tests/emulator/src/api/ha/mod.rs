//! `/cluster/ha`.

use crate::route::Route;
use crate::world::Pve;

/// All calls below `/cluster/ha`.
#[must_use]
pub fn routes(_pve: Pve) -> Vec<Route> {
    Vec::new()
}
