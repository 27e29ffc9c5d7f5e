//! `pve_node_watchdog`: which watchdog resets a node that loses quorum.

mod defaults;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use defaults::Defaults;

use crate::noun::Noun;
use crate::tf_block;
use crate::value::NodeName;

/// Where `watchdog-mux.service` takes its settings from.
pub const PATH: &str = "/etc/default/pve-ha-manager";

/// The module where none is set.
pub const DEFAULT: &str = "softdog";

/// The watchdog of a node, in `/etc/default/pve-ha-manager`. It protects an HA cluster: a node that loses quorum stops
/// feeding its watchdog, and the watchdog resets it before its guests are started elsewhere.
///
/// Without a setting it is `softdog`, a timer of the kernel. A watchdog of the hardware also works when the kernel
/// hangs. The module is loaded when the node boots, so a change takes effect with the next reboot: put the node into
/// maintenance (`pve_node_maintenance`), reboot it, and check `reboot_required`. Destroy returns to the default. All
/// other lines of the file are kept.
///
/// Needs the `ssh` block of the provider: Proxmox has no HTTP API for this.
#[tf_block]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NodeWatchdog {
    /// The name of the node whose watchdog is configured.
    #[tf(required, replace, identity)]
    pub node: NodeName,
    /// The kernel module: `softdog`, `ipmi_watchdog`, `iTCO_wdt`, `hpwdt` or another one that the node has.
    #[tf(required)]
    #[schemars(extend("format" = "kernel-module"))]
    pub module: String,
    /// The module whose watchdog is in use now; null if no watchdog is in use, or if its driver is built into the
    /// kernel.
    #[tf(computed, volatile)]
    pub active_module: Option<String>,
    /// Whether the node has to be rebooted before `module` is in use.
    #[tf(computed, volatile)]
    pub reboot_required: Option<bool>,
}

impl Noun for NodeWatchdog {
    const NAME: &'static str = "pve_node_watchdog";
    const TITLE: &'static str = "node watchdog";
}

/// Whether two names mean one module: the kernel takes dashes for underscores.
pub fn is_same_module(a: &str, b: &str) -> bool {
    a.replace('-', "_") == b.replace('-', "_")
}

/// The watchdog module in use, out of `/proc/modules`: watchdog-mux holds the device open, and that counts as a use.
///
/// `expected` is the module that is configured; its name may not show that it is a watchdog.
pub fn active_module(modules: &str, expected: &str) -> Option<String> {
    let mut used = modules.lines().filter_map(|line| {
        let mut words = line.split(' ');
        let name = words.next()?;
        let uses: u64 = words.nth(1)?.parse().ok()?;
        (uses > 0 && (is_same_module(name, expected) || is_watchdog(name))).then(|| name.to_owned())
    });
    used.next()
}

/// Whether a module of the kernel is a watchdog, by its name.
fn is_watchdog(name: &str) -> bool {
    let others = ["softdog", "i6300esb", "sp5100_tco", "hpwdt", "w83627hf_wdt", "ib700wdt", "sbc60xxwdt"];
    others.contains(&name) || ["_wdt", "_watchdog"].iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_watchdog_in_use_is_the_one_that_is_held_open() {
        let modules = "iTCO_wdt 16384 0 - Live 0x0000000000000000\niTCO_vendor_support 12288 1 iTCO_wdt, Live 0x0\n\
                       softdog 16384 2 - Live 0x0000000000000000\nkvm 1400832 1 kvm_intel, Live 0x0\n";
        assert_eq!(active_module(modules, "iTCO_wdt").as_deref(), Some("softdog"));
        assert_eq!(active_module(&modules.replace("softdog 16384 2", "softdog 16384 0"), "softdog"), None);
        assert_eq!(active_module("my_dog 1 1 - Live 0x0\n", "my-dog").as_deref(), Some("my_dog"));
        assert_eq!(active_module("nonsense\n\nx y z\n", "softdog"), None);
    }
}
