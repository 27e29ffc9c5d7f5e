//! Devices of the node that a VM uses (`check_local_resources`), by themselves or through a mapping.

use std::collections::{BTreeMap, BTreeSet};

use super::disks::is_numbered;
use crate::world::{Guest, World};

/// The devices of a VM that tie it to nodes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Devices {
    /// The keys of devices that are named as this node has them.
    pub(super) local: Vec<String>,
    /// The keys of devices that are named by a mapping, and the mapping.
    pub(super) mapped: BTreeMap<String, Mapped>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mapped {
    pub(super) mapping: String,
    /// Whether a running VM can take it along.
    pub(super) is_migratable: bool,
    nodes: BTreeSet<String>,
}

impl Devices {
    pub(super) fn of(world: &World, guest: &Guest) -> Self {
        let mut found = Self::default();
        for (key, value) in &guest.config {
            let option = |name: &str| value.split(',').find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
            let kind = if is_numbered(key, "hostpci") { "pci" } else { "usb" };
            match option("mapping") {
                Some(mapping) if is_numbered(key, "hostpci") || is_numbered(key, "usb") => {
                    found.mapped.insert(key.clone(), mapped(world, kind, mapping));
                }
                _ if is_local(key, value) => found.local.push(key.clone()),
                _ => {}
            }
        }
        // The clipboard of a running VM is in a process of this node.
        let vga = guest.config.iter().find(|(key, _)| key == "vga");
        if guest.is_running() && vga.is_some_and(|(_, value)| value.split(',').any(|part| part == "clipboard=vnc")) {
            found.local.push("clipboard=vnc".to_owned());
        }
        found
    }

    /// The keys of devices whose mapping has nothing on a node.
    pub(super) fn missing_on(&self, node: &str) -> Vec<&str> {
        let missing = self.mapped.iter().filter(|(_, mapped)| !mapped.nodes.contains(node));
        missing.map(|(key, _)| key.as_str()).collect()
    }
}

fn is_local(key: &str, value: &str) -> bool {
    match key {
        "ivshmem" => true,
        _ if is_numbered(key, "hostpci") || is_numbered(key, "parallel") => true,
        // `spice` is a port for the user's own devices, `socket` one for a program.
        _ if is_numbered(key, "usb") => !value.split(',').any(|part| matches!(part, "spice" | "host=spice")),
        _ if is_numbered(key, "serial") => value != "socket",
        _ => false,
    }
}

/// A mapping of `/etc/pve/mapping/KIND.cfg`: a line with its name, and an indented `map` for each node.
fn mapped(world: &World, kind: &str, mapping: &str) -> Mapped {
    let text = world.file(&format!("/etc/pve/mapping/{kind}.cfg"));
    let mut section = text.lines().skip_while(|line| *line != mapping).skip(1);
    let (mut nodes, mut is_migratable) = (BTreeSet::new(), false);
    for line in section.by_ref().take_while(|line| line.starts_with(char::is_whitespace)) {
        let (key, value) = line.trim().split_once(char::is_whitespace).unwrap_or_default();
        match key {
            "map" => nodes.extend(value.split(',').find_map(|part| part.strip_prefix("node=")).map(str::to_owned)),
            "live-migration-capable" => is_migratable = value == "1",
            _ => {}
        }
    }
    Mapped { mapping: mapping.to_owned(), is_migratable, nodes }
}
