//! `/access`

pub mod ticket;

use crate::route::Route;
use crate::world::Pve;

pub(super) fn routes(_pve: Pve) -> Vec<Route> {
    ticket::routes()
}
