//! `/nodes/{node}/migrateall`.

use crate::route::Route;

pub(super) fn routes() -> Vec<Route> {
    Vec::new()
}
