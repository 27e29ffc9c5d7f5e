//! `pve_fence_device`: a fence device in `/etc/pve/ha/fence.cfg`, with the nodes it is connected to.

mod file;
mod options;
mod status;
mod words;

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use file::{DeviceId, FenceCfg, Section};
use options::{Found, arguments, complete};
pub use options::{Known, KnownOptions};
pub use status::{AgentStatus, status_input};

use crate::noun::Noun;
use crate::tf_block;
use crate::value::{FenceAgent, FenceName, FenceNode, Options, SecretOptions};

/// Where Proxmox keeps fence devices.
pub const PATH: &str = "/etc/pve/ha/fence.cfg";

/// **A fence device protects nothing by itself:** the HA manager of Proxmox VE 8 and 9 never uses
/// `/etc/pve/ha/fence.cfg`.
///
/// The watchdog protects a cluster against two running copies of a guest: a node that loses quorum resets itself within
/// about a minute, and only then its guests are started elsewhere (see `pve_node_watchdog`). Fence devices are hardware
/// that can power off a node. Configure them, and the connection of each node to them, to document them, to test them
/// with `verify`, and to be ready when Proxmox uses them.
///
/// **A node whose name has a dash can't be connected:** Proxmox cuts names at a dash when it reads `fence.cfg`. Omit
/// its `connect` block; the watchdog protects such a node like any other.
///
/// Needs the `ssh` block of the provider: Proxmox has no HTTP API for this file. Lines of other devices, comments and the order
/// of the file are kept byte by byte. Devices are tried in the order of the file; several instances of one name are parallel:
/// all of them have to succeed.
///
/// Further instances include their number in the id: `ipmi:2`.
///
/// **Secrets that no state has:** set them in `secret_options_wo`, with `secret_options_wo_version`. The state has their
/// names only. Pass the values in `ephemeral` variables: a plan file includes the literals of the configuration and all
/// other variables.
///
/// An import puts secrets into `secret_options`, which is stored in the state. Move them to `secret_options_wo` and
/// apply: their values leave the state, and the file has them throughout. Then change them on the device and increase
/// the version, since older states still have them. Configuration that Terraform generates for an import has no secrets:
/// add them before the apply, or the plan removes them from the file.
#[tf_block]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FenceDevice {
    /// The device's name: letters, digits and `_`.
    #[tf(required, replace, identity)]
    pub name: FenceName,
    /// The number among parallel devices of the same name, such as the two power supplies of a server.
    #[tf(default = 1, replace, identity)]
    #[schemars(range(min = 1, max = 999))]
    pub instance: Option<i64>,
    /// The fence agent, such as `fence_ipmilan`.
    #[tf(required)]
    pub agent: FenceAgent,
    /// Options that the agent always gets, such as `ip`. An empty value makes a bare word: `lanplus = ""` is `--lanplus`. The
    /// device needs at least one option, in this map or a secret one.
    #[tf(optional)]
    pub options: Options,
    /// Options whose values are secret, such as `password`. They never appear in output or logs, but are stored in the
    /// state: `secret_options_wo` is not. An import puts options with the name of a secret here.
    #[tf(optional, sensitive)]
    pub secret_options: SecretOptions,
    /// Options whose values are secret, in neither the plan nor the state. They are written when `secret_options_wo_version` changes;
    /// otherwise the file keeps its values. An option that the file does not have is always written.
    #[tf(write_only)]
    pub secret_options_wo: SecretOptions,
    /// Increase it to write the values of `secret_options_wo`, and to remove options that are no longer in it. Remove both
    /// to remove all of these options from the file.
    #[tf(local)]
    #[schemars(range(min = 1))]
    pub secret_options_wo_version: Option<i64>,
    /// The names of the options in `secret_options_wo` that the file has.
    #[tf(computed)]
    pub secret_options_wo_names: Option<BTreeSet<String>>,
    /// The device that this one follows: devices are tried in the order of the file. If unset, the order is not
    /// managed, and the state has the device before this one.
    #[tf(optional, computed, volatile)]
    #[schemars(extend("format" = FenceName::FORMAT))]
    pub after: Option<String>,
    /// Whether apply checks the device: it runs the agent's `status` action for every connected node, on a node of the
    /// cluster. No node is powered off.
    #[tf(default = false, local)]
    pub verify: Option<bool>,
    /// A node that the device can fence. The order of these blocks has no meaning.
    #[serde(default)]
    #[tf(block = "list", min_items = 1)]
    pub connect: Vec<Connect>,
}

/// `connect`
#[tf_block]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Connect {
    /// The node. Its name can't have a dash: Proxmox would cut it there.
    #[tf(required, identity)]
    pub node: FenceNode,
    /// Options for this node in addition to those of the device, such as `plug`. At least one option, in this map or a
    /// secret one, is needed: Proxmox ignores a connection without options.
    #[tf(optional)]
    pub options: Options,
    /// Options whose values are secret, stored in the state.
    #[tf(optional, sensitive)]
    pub secret_options: SecretOptions,
    /// Options whose values are secret, in neither the plan nor the state, as those of the device.
    #[tf(write_only)]
    pub secret_options_wo: SecretOptions,
    /// Increase it to write the values of `secret_options_wo`, as that of the device.
    #[tf(local)]
    #[schemars(range(min = 1))]
    pub secret_options_wo_version: Option<i64>,
    /// The names of the options in `secret_options_wo` that the file has.
    #[tf(computed)]
    pub secret_options_wo_names: Option<BTreeSet<String>>,
}

impl Noun for FenceDevice {
    const NAME: &'static str = "pve_fence_device";
    const TITLE: &'static str = "fence device";
}

impl FenceDevice {
    /// Which device of the file it is.
    pub fn device(&self) -> DeviceId {
        DeviceId::new(self.name.as_str(), self.instance.unwrap_or(1))
    }

    /// The lines of this device.
    pub fn section(&self) -> Section {
        let connects = self.connect.iter();
        Section {
            agent: self.agent.to_string(),
            arguments: arguments(&self.options, &self.secret_options, &self.secret_options_wo),
            connects: connects
                .map(|c| (c.node.to_string(), arguments(&c.options, &c.secret_options, &c.secret_options_wo)))
                .collect(),
        }
    }

    /// This device with all its write-only options: those that it does not have the value of are taken from `section`, the
    /// device in the file.
    ///
    /// # Errors
    /// Says which option the file does not have.
    pub fn with_values_of(&self, section: &Section) -> Result<Self, String> {
        let mut device = self.clone();
        let names = &self.secret_options_wo_names;
        complete(&mut device.secret_options_wo, names, &section.arguments)
            .map_err(|name| format!("it has no option {name:?}"))?;
        for connect in &mut device.connect {
            let arguments = section.connects.iter().find(|(node, _)| node == connect.node.as_str());
            let arguments = arguments.map(|(_, arguments)| arguments.as_slice()).unwrap_or_default();
            complete(&mut connect.secret_options_wo, &connect.secret_options_wo_names, arguments)
                .map_err(|name| format!("its connection to {} has no option {name:?}", connect.node))?;
        }
        Ok(device)
    }

    /// The object that `section` of the file is, in the words of `known`: an option that is secret there is secret here, one that
    /// is write-only there is left out, and nodes come in its order. What is not known there is secret if it is called like a
    /// secret.
    ///
    /// # Errors
    /// Says what of the section Proxmox reads otherwise than this resource could write it.
    pub fn from_section(
        device: &DeviceId,
        section: &Section,
        after: Option<String>,
        known: &Known,
    ) -> Result<Self, String> {
        let found = Found::of(&section.arguments, &known.device)?;
        let mut connect = Vec::new();
        for (node, arguments) in &section.connects {
            let none = KnownOptions::default();
            let known = known.connects.iter().find(|(name, _)| name == node).map_or(&none, |(_, options)| options);
            let found = Found::of(arguments, known)?;
            connect.push(Connect {
                node: node.parse().map_err(|e| format!("node {node:?}: {e}"))?,
                options: found.open,
                secret_options: found.secret,
                secret_options_wo: SecretOptions::default(),
                secret_options_wo_version: None,
                secret_options_wo_names: found.write_only,
            });
        }
        let place = |connect: &Connect| {
            let known = known.connects.iter().position(|(name, _)| name == connect.node.as_str());
            (known.unwrap_or(usize::MAX), connect.node.clone())
        };
        connect.sort_by_key(place);
        Ok(Self {
            name: device.name().parse().map_err(|e| format!("name {:?}: {e}", device.name()))?,
            instance: Some(device.number()),
            agent: section.agent.parse().map_err(|e| format!("agent {:?}: {e}", section.agent))?,
            options: found.open,
            secret_options: found.secret,
            secret_options_wo: SecretOptions::default(),
            secret_options_wo_version: None,
            secret_options_wo_names: found.write_only,
            after,
            verify: None,
            connect,
        })
    }
}

#[cfg(test)]
mod tests;
