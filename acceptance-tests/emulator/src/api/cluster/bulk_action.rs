//! `/cluster/bulk-action`: its indexes, which PVE 9 has.

use super::index;
use crate::route::{Permission, Route};
use crate::world::Pve;

pub(super) fn routes(pve: Pve) -> Vec<Route> {
    if pve < Pve::V9 {
        return Vec::new();
    }
    vec![
        Route::get("/cluster/bulk-action", |_| Ok(index("name", "guest"))).permission(Permission::AnyUser),
        Route::get("/cluster/bulk-action/guest", |_| Ok(index("name", "start shutdown migrate suspend")))
            .permission(Permission::AnyUser),
    ]
}
