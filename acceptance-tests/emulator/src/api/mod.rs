//! Every call of the API; one line per part.

pub mod access;
pub mod backup;
pub(crate) mod bulk;
pub(crate) mod cluster;
pub mod ha;
pub(crate) mod nodes;
pub mod notifications;
pub mod options;
mod pools;
pub mod replication;
mod storage;
mod version;

use cluster::index as cluster_index;

use crate::route::Route;
use crate::world::{HaManager, Pve};

/// The whole table for a release and its HA manager.
#[must_use]
pub fn routes(pve: Pve, ha: HaManager) -> Vec<Route> {
    let parts = [
        access::routes(pve),
        backup::routes(pve),
        cluster::routes(pve),
        ha::routes(pve, ha),
        nodes::routes(pve),
        notifications::routes(),
        options::routes(pve),
        pools::routes(),
        replication::routes(pve),
        storage::routes(),
        version::routes(),
    ];
    parts.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_parameter_is_in_the_schema() {
        let releases = HaManager::ALL.map(|ha| (Pve::V9, ha)).into_iter().chain([(Pve::V8, HaManager::Plain)]);
        for (pve, ha) in releases {
            for route in routes(pve, ha) {
                for name in route.path.split('/').filter_map(|p| p.strip_prefix('{')?.strip_suffix('}')) {
                    assert!(route.params.find(name).is_some(), "{} lacks {name}", route.path);
                }
            }
        }
    }
}
