//! Every call of the API; one line per part.

pub mod access;
pub mod ha;
pub mod replication;
mod version;

use crate::route::Route;
use crate::world::Pve;

/// The whole table for a release.
#[must_use]
pub fn routes(pve: Pve) -> Vec<Route> {
    let parts = [access::routes(pve), ha::routes(pve), replication::routes(pve), version::routes()];
    parts.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_parameter_is_in_the_schema() {
        for pve in [Pve::V8, Pve::V9] {
            for route in routes(pve) {
                for name in route.path.split('/').filter_map(|p| p.strip_prefix('{')?.strip_suffix('}')) {
                    assert!(route.params.find(name).is_some(), "{} lacks {name}", route.path);
                }
            }
        }
    }
}
