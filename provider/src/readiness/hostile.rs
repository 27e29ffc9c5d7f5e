//! What the fuzz targets put to the readers of the nodes' output.

use super::network;

/// What corosync's tools print of the links.
pub fn links(text: &str) {
    let _ = network::disconnected(text).count() + network::flapping(text).count();
}
