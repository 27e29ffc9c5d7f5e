//! `llms.txt`: one page for programs that read documentation, with a line for every page.

use super::overview::Guide;
use super::page::first_paragraph;
use crate::catalogue::{Catalogue, Entry};

/// Where it is, for people and programs alike.
pub const FILE: &str = "llms.txt";

const LEAD: &str = "\
# terraform-provider-pve

> A Terraform and OpenTofu provider for high availability on Proxmox VE 8 and 9: HA resources, groups, rules, replication, backup jobs, \
notifications, fence devices, QDevice, node maintenance. It creates no guests.

- Source address: `pve-ha/pve`. Credentials come from `PROXMOX_VE_*` variables.
- PVE 8 has `pve_ha_group`; PVE 9 has `pve_ha_node_affinity_rule` and `pve_ha_resource_affinity_rule` instead.
- A higher priority of a node is preferred.
- An HA resource is named by its `sid`: `vm:100` or `ct:200`. One with the state `started` starts a stopped guest.
- Refer to `pve_ha_resource.NAME.sid` in rules instead of writing the id, so that the order is right.
- Never put `insecure = true` or a secret into a configuration; use `ca_certificate` and the environment.
";

/// The text for the pages of `catalogue` and the `guides`.
pub fn text(catalogue: &Catalogue, guides: &[Guide]) -> String {
    let mut text = format!("{LEAD}\n## Guides\n\n");
    for guide in guides {
        text += &format!("- [{}](docs/guides/{}.md): {}\n", guide.title, guide.name, guide.summary);
    }
    text += &section("Resources", "resources", &catalogue.resources);
    text += &section("Data sources", "data-sources", &catalogue.data_sources);
    text += &section("Actions", "actions", &catalogue.actions);
    text += "\n## Functions\n\n";
    for function in &catalogue.functions {
        let summary = first_paragraph(&function.schema.block.description);
        text += &format!("- [{0}](docs/functions/{0}.md): {summary}\n", function.name);
    }
    text
}

fn section(title: &str, folder: &str, entries: &[Entry]) -> String {
    let mut text = format!("\n## {title}\n\n");
    for entry in entries {
        let summary = first_paragraph(&entry.schema.block.description);
        text += &format!("- [{}](docs/{folder}/{}.md): {summary}\n", entry.name, entry.short_name());
    }
    text
}
