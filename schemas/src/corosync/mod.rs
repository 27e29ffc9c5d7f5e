//! The configuration of Corosync, the cluster's communication, as a file that is edited line by line.

mod device;
mod file;
mod links;
mod options;
mod rules;
mod timing;

use std::net::IpAddr;

pub use device::Device;
pub use file::{CorosyncConf, Interface, Node};
pub use links::{LinkState, link_states};
pub use options::{CorosyncOptions, Link, Managed, ManagedLink};
pub use rules::Fault;
pub use timing::{DEFAULT_COEFFICIENT, DEFAULT_TOKEN, PROXMOX_COEFFICIENT, formation_ms, token_ms};

/// Where Proxmox keeps it.
pub const PATH: &str = "/etc/pve/corosync.conf";

/// What Proxmox names a new version of the file until it takes the place of the file.
pub const DRAFT: &str = "/etc/pve/corosync.conf.new";

/// The copy that Corosync itself reads, one for each node. pmxcfs writes it whenever the shared file changes.
pub const LOCAL_PATH: &str = "/etc/corosync/corosync.conf";

/// The highest number of a link.
pub const MAX_LINK: u8 = 7;

/// The priority of a link that has none.
pub const DEFAULT_PRIORITY: i64 = 1;

/// Whether two texts are the same address; IPv6 has several spellings.
pub fn is_same_address(a: &str, b: &str) -> bool {
    match (a.parse::<IpAddr>(), b.parse::<IpAddr>()) {
        (Ok(a), Ok(b)) => a == b,
        _ => a == b,
    }
}

#[cfg(test)]
mod tests;
