//! `pve_fence_device`: a fence device in `/etc/pve/ha/fence.cfg`, with the nodes it is connected to.

mod file;
mod status;
mod words;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use file::{DeviceId, FenceCfg, Section};
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
/// Further instances include their number in the id: `ipmi:2`. Configuration that Terraform generates for an import has
/// no secrets: add its `secret_options` before the apply, or the plan removes them from the file.
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
    /// device needs at least one option, open or secret.
    #[tf(optional)]
    pub options: Options,
    /// Options whose values are secret, such as `password`. They never appear in output or logs, but are stored in the
    /// state. An import puts options with the name of a secret here.
    #[tf(optional, sensitive)]
    pub secret_options: SecretOptions,
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
    #[tf(required)]
    pub node: FenceNode,
    /// Options for this node in addition to those of the device, such as `plug`. At least one option, open or secret,
    /// is needed: Proxmox ignores a connection without options.
    #[tf(optional)]
    pub options: Options,
    /// Options whose values are secret.
    #[tf(optional, sensitive)]
    pub secret_options: SecretOptions,
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
        let arguments = |options: &Options, secret: &SecretOptions| {
            let all: BTreeMap<&str, &str> = options.iter().chain(secret.iter()).collect();
            all.into_iter().map(|(name, value)| argument(name, value)).collect()
        };
        let connects = self.connect.iter();
        Section {
            agent: self.agent.to_string(),
            arguments: arguments(&self.options, &self.secret_options),
            connects: connects
                .map(|connect| (connect.node.to_string(), arguments(&connect.options, &connect.secret_options)))
                .collect(),
        }
    }

    /// The object that `section` of the file is, in the words of `known`: an option that is secret there is secret here, and
    /// nodes come in its order. What is not known there is secret if it is called like a secret.
    ///
    /// # Errors
    /// Says what of the section Proxmox reads otherwise than this resource could write it.
    pub fn from_section(
        device: &DeviceId,
        section: &Section,
        after: Option<String>,
        known: &Known,
    ) -> Result<Self, String> {
        let (options, secret_options) = split(&section.arguments, &known.device)?;
        let mut connect = Vec::new();
        for (node, arguments) in &section.connects {
            let none = KnownOptions::default();
            let known = known.connects.iter().find(|(name, _)| name == node).map_or(&none, |(_, options)| options);
            let (options, secret_options) = split(arguments, known)?;
            let node = node.parse().map_err(|e| format!("node {node:?}: {e}"))?;
            connect.push(Connect { node, options, secret_options });
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
            options,
            secret_options,
            after,
            verify: None,
            connect,
        })
    }
}

/// What the state says of a device: which options are secret, which maps are written although they are empty, and the order of
/// the nodes.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Of the device itself.
    pub device: KnownOptions,
    /// Of each node.
    pub connects: Vec<(String, KnownOptions)>,
}

/// The names of options as the state divides them; null and empty are kept apart.
#[derive(Debug, Clone, Default)]
pub struct KnownOptions {
    /// The open ones.
    pub open: Option<Vec<String>>,
    /// The secret ones.
    pub secret: Option<Vec<String>>,
}

impl From<&FenceDevice> for Known {
    fn from(device: &FenceDevice) -> Self {
        let connects = device.connect.iter();
        Self {
            device: KnownOptions::new(&device.options, &device.secret_options),
            connects: connects
                .map(|c| (c.node.to_string(), KnownOptions::new(&c.options, &c.secret_options)))
                .collect(),
        }
    }
}

impl KnownOptions {
    /// The names of `options` and `secret`.
    pub fn new(options: &Options, secret: &SecretOptions) -> Self {
        let names = |map: &Option<BTreeMap<String, String>>| map.as_ref().map(|map| map.keys().cloned().collect());
        Self { open: names(&options.0), secret: names(&secret.0) }
    }

    fn is_secret(&self, name: &str) -> bool {
        let among = |names: &Option<Vec<String>>| names.iter().flatten().any(|known| known == name);
        among(&self.secret) || (!among(&self.open) && is_called_like_a_secret(name))
    }
}

/// How an option is written: `name=value`, or the bare word.
fn argument(name: &str, value: &str) -> String {
    if value.is_empty() { name.to_owned() } else { format!("{name}={value}") }
}

/// Options out of arguments. An argument that is given twice is refused, since either value may be meant.
fn split(arguments: &[String], known: &KnownOptions) -> Result<(Options, SecretOptions), String> {
    let (mut open, mut secret) = (BTreeMap::new(), BTreeMap::new());
    for argument in arguments {
        let (name, value) = argument.split_once('=').unwrap_or((argument, ""));
        let into = if known.is_secret(name) { &mut secret } else { &mut open };
        if into.insert(name.to_owned(), value.to_owned()).is_some() {
            return Err(format!("the option {name:?} is given twice"));
        }
    }
    let some = |map: BTreeMap<String, String>, known: &Option<Vec<String>>| {
        (!map.is_empty() || known.as_ref().is_some_and(Vec::is_empty)).then_some(map)
    };
    Ok((Options(some(open, &known.open)), SecretOptions(some(secret, &known.secret))))
}

/// Options of fence agents that hold a secret; `…_script` names a program that prints it.
fn is_called_like_a_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('-', "_");
    [
        "passw",
        "secret",
        "token",
        "private_key",
        "passphrase",
        "community",
        "snmp_priv",
        "snmp_auth_pass",
        "apikey",
        "api_key",
    ]
    .iter()
    .any(|word| name.contains(word))
        || ["p", "pass"].contains(&name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(text: &str) -> FenceDevice {
        serde_json::from_str(text).unwrap()
    }

    fn example() -> FenceDevice {
        device(
            r#"{"name": "ipmi", "instance": null, "agent": "fence_ipmilan", "options": {"ip": "10.0.0.1", "lanplus": ""},
                "secret_options": {"password": "a b"}, "after": null, "verify": null,
                "connect": [{"node": "pve2", "options": {"plug": "2"}, "secret_options": null},
                            {"node": "pve1", "options": null, "secret_options": {"key": "k"}}]}"#,
        )
    }

    #[test]
    fn becomes_lines_and_comes_back_in_the_words_of_the_state() {
        let ipmi = example();
        let section = ipmi.section();
        assert_eq!(section.arguments, ["ip=10.0.0.1", "lanplus", "password=a b"]);
        assert_eq!(section.connects[1], ("pve1".to_owned(), vec!["key=k".to_owned()]));
        let back = FenceDevice::from_section(&ipmi.device(), &section, None, &Known::from(&ipmi)).unwrap();
        assert_eq!(back, FenceDevice { instance: Some(1), ..ipmi });
    }

    #[test]
    fn an_import_keeps_what_is_called_like_a_secret() {
        let section = example().section();
        let back = FenceDevice::from_section(&DeviceId::new("ipmi", 1), &section, None, &Known::default()).unwrap();
        assert_eq!(back.secret_options.iter().collect::<Vec<_>>(), [("password", "a b")]);
        assert_eq!(back.options.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["ip", "lanplus"]);
        assert_eq!(back.connect[0].node.as_str(), "pve1");
        assert_eq!(back.connect[0].options.iter().next(), Some(("key", "k")));
        for name in ["passwd", "password-script", "p", "snmp_priv_passwd", "ssh_private_key"] {
            assert!(is_called_like_a_secret(name), "{name}");
        }
        for name in ["ip", "plug", "passive", "login", "identity_file"] {
            assert!(!is_called_like_a_secret(name), "{name}");
        }
    }

    #[test]
    fn what_the_user_keeps_open_stays_open() {
        let mut ipmi = example();
        ipmi.options.0.as_mut().unwrap().insert("passwd".into(), "x".into());
        let back = FenceDevice::from_section(&ipmi.device(), &ipmi.section(), None, &Known::from(&ipmi)).unwrap();
        assert_eq!(back.options, ipmi.options);
    }

    #[test]
    fn empty_and_null_are_as_they_were() {
        let mut ipmi = example();
        ipmi.secret_options = SecretOptions(Some(BTreeMap::new()));
        let back = FenceDevice::from_section(&ipmi.device(), &ipmi.section(), None, &Known::from(&ipmi)).unwrap();
        assert_eq!(back.secret_options, ipmi.secret_options);
        assert_eq!(back.connect[0].secret_options, SecretOptions(None));
    }

    #[test]
    fn an_option_given_twice_is_not_guessed_at() {
        let section =
            Section { agent: "fence_x".into(), arguments: vec!["a=1".into(), "a=2".into()], connects: Vec::new() };
        let problem = FenceDevice::from_section(&DeviceId::new("d", 1), &section, None, &Known::default());
        assert_eq!(problem.unwrap_err(), "the option \"a\" is given twice");
    }
}
