//! What the fuzz targets put to the readers of the nodes' output.

use pve_schemas::corosync::link_states;

use super::corosync;

/// What corosync's tools print of the links.
pub fn links(text: &str) {
    let _ = link_states(text).count() + corosync::flapping(text).count();
}
