//! `pve_corosync_options`: timeouts and links of Corosync.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CorosyncConf, DEFAULT_COEFFICIENT, DEFAULT_PRIORITY, DEFAULT_TOKEN, is_same_address};
use crate::noun::Noun;
use crate::tf_block;

const MODE: &str = "link_mode";

/// Corosync's default of it.
const DEFAULT_MODE: &str = "passive";

/// Timeouts and links of Corosync, the communication of the cluster (`/etc/pve/corosync.conf`). A cluster has one such
/// resource.
///
/// This resource manages only the configured options. An option that is removed from the configuration, and every
/// managed option on destroy, returns to Corosync's default: its line is removed from the file. A `link` with
/// `addresses` that is removed, or destroyed, is removed from the cluster; the last link never is. To stop managing the
/// options without a change, remove the resource with a `removed` block. All other lines of the file are kept byte by
/// byte. If an option that you start to manage already has a different value, the plan warns and shows both values.
///
/// Needs the `ssh` block of the provider with root's rights: Proxmox sets these options at the creation of a cluster
/// only. Apply changes the file as Proxmox does: under the cluster's lock, with the next `config_version`, as
/// `corosync.conf.new` that is then renamed. It is refused unless the cluster has quorum, every node is online and every
/// link is connected. It ends when every node runs the new version and all links are connected. The next apply completes
/// an interrupted change, and makes a node reload the file that still runs an older version.
///
/// **Never change the only link of a cluster with this resource**: apply refuses to. With a second link, which has a
/// network of its own, addresses can be changed one link at a time.
///
/// Import takes `corosync` for every option that is set.
#[tf_block]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CorosyncOptions {
    /// After how many milliseconds without a token a node is declared lost, in a cluster of two nodes. Larger clusters
    /// add `token_coefficient` for each further node. Corosync's default is 3000.
    #[tf(null_means = 3000)]
    #[schemars(range(min = 1000, max = 60000))]
    pub token: Option<i64>,
    /// How many milliseconds each node after the second adds to `token`. Corosync's default is 650; Proxmox writes 125
    /// into the file of a new cluster since pve-cluster 9.1.0. Write 125 rather than remove it.
    #[tf(null_means = 650)]
    #[schemars(range(min = 0, max = 5000))]
    pub token_coefficient: Option<i64>,
    /// How several links are used. `passive`: of the connected links the preferred one alone. `active`: all at once.
    /// `rr`: in turns. Corosync reads it at its start only: after a change, restart `corosync` on one node after the
    /// other.
    #[tf(null_means = "passive")]
    #[schemars(extend("enum" = ["passive", "active", "rr"]))]
    pub link_mode: Option<String>,
    /// Whether every node that is online runs the file as it is in `/etc/pve`. Null if a node can't be asked.
    #[tf(computed)]
    pub in_effect: Option<bool>,
    /// A link, by its number. The order of these blocks has no meaning.
    #[serde(default)]
    #[tf(block = "list")]
    pub link: Vec<Link>,
}

/// `link`
#[tf_block]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Link {
    /// The number of the link: `ring1_addr` in the file is link 1.
    #[tf(required, identity)]
    #[schemars(range(min = 0, max = 7))]
    pub number: i64,
    /// The priority. Proxmox documents that a **lower** value is preferred, the opposite of the priorities of HA. Proxmox
    /// writes the value unchanged, and corosync.conf(5) documents the reverse for `link_mode = "passive"`: compare with
    /// `corosync-cfgtool -n` which link is used. Corosync's default is 1, which 0 means as well.
    #[tf(null_means = 1)]
    #[schemars(range(min = 0, max = 255))]
    pub priority: Option<i64>,
    /// The IP address of every node on this link, by the name of the node. If unset, the addresses of the link are not
    /// managed. A link that does not exist yet needs them: apply adds it. A node that joins or leaves by the same plan is added or
    /// removed here in that plan, too; let this resource depend on its `pve_cluster_member`.
    #[schemars(extend(
        "minProperties" = 1, "propertyNames" = {"format": "pve-node"}, "additionalProperties" = {"type": "string", "format": "ip"}
    ))]
    pub addresses: Option<BTreeMap<String, String>>,
}

impl Noun for CorosyncOptions {
    const NAME: &'static str = "pve_corosync_options";
    const TITLE: &'static str = "Corosync options";
}

/// Which options of the file an object manages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Managed {
    /// Whether it sets `token`.
    pub token: bool,
    /// Whether it sets `token_coefficient`.
    pub token_coefficient: bool,
    /// Whether it sets `link_mode`.
    pub link_mode: bool,
    /// The links it is about, in its order.
    pub links: Vec<ManagedLink>,
}

/// What of a link an object manages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagedLink {
    /// The number of the link.
    pub number: i64,
    /// Whether it sets the priority.
    pub priority: bool,
    /// Its addresses, in its spelling; none if it does not set them.
    pub addresses: Option<BTreeMap<String, String>>,
}

impl CorosyncOptions {
    /// What this object manages.
    pub fn managed(&self) -> Managed {
        let links = self.link.iter().map(|link| ManagedLink {
            number: link.number,
            priority: link.priority.is_some(),
            addresses: link.addresses.clone(),
        });
        Managed {
            token: self.token.is_some(),
            token_coefficient: self.token_coefficient.is_some(),
            link_mode: self.link_mode.is_some(),
            links: links.collect(),
        }
    }

    /// What `conf` has of the options that are `managed`. A link that the file does not have is left out.
    pub fn read(conf: &CorosyncConf, managed: &Managed) -> Self {
        let links = conf.links();
        let found = managed.links.iter().filter_map(|link| {
            let number = u8::try_from(link.number).ok().filter(|number| links.contains(number))?;
            let interface = conf.interfaces().into_iter().find(|interface| interface.number == number);
            let addresses = link.addresses.as_ref().map(|known| {
                let found = conf.nodes().into_iter().filter_map(|node| {
                    let address = node.addresses.get(&number)?;
                    let spelt = known.get(&node.name).filter(|known| is_same_address(known, address));
                    Some((node.name, spelt.unwrap_or(address).clone()))
                });
                found.collect()
            });
            Some(Link {
                number: link.number,
                priority: interface.and_then(|interface| interface.priority).filter(|_| link.priority),
                addresses,
            })
        });
        Self {
            token: conf.totem_number("token").filter(|_| managed.token),
            token_coefficient: conf.totem_number("token_coefficient").filter(|_| managed.token_coefficient),
            link_mode: conf.totem(MODE).map(str::to_owned).filter(|_| managed.link_mode),
            in_effect: None,
            link: found.collect(),
        }
    }

    /// Everything that `conf` sets, as an import finds it: of the first link the priority only, since a cluster always has it.
    pub fn read_all(conf: &CorosyncConf) -> Self {
        let links = conf.links();
        let interfaces = conf.interfaces();
        let is_set = |number: u8| interfaces.iter().any(|found| found.number == number && found.priority.is_some());
        let managed = links.iter().enumerate().filter(|(at, number)| *at > 0 || is_set(**number));
        let managed = managed.map(|(at, number)| ManagedLink {
            number: i64::from(*number),
            priority: is_set(*number),
            addresses: (at > 0).then(BTreeMap::new),
        });
        let managed = Managed { token: true, token_coefficient: true, link_mode: true, links: managed.collect() };
        Self::read(conf, &managed)
    }

    /// Makes `conf` what this object says. What `before` managed and this one does not returns to Corosync's default.
    pub fn write(&self, before: &Self, conf: &mut CorosyncConf) {
        let was = [before.token, before.token_coefficient];
        let set = [self.token, self.token_coefficient];
        for (at, (key, default)) in
            [("token", DEFAULT_TOKEN), ("token_coefficient", DEFAULT_COEFFICIENT)].iter().enumerate()
        {
            match set[at] {
                Some(set) if conf.totem_number(key).unwrap_or(*default) != set => {
                    conf.set_totem(key, Some(&set.to_string()));
                }
                None if was[at].is_some() => conf.set_totem(key, None),
                _ => {}
            }
        }
        match &self.link_mode {
            Some(mode) if conf.totem(MODE).unwrap_or(DEFAULT_MODE) != mode => conf.set_totem(MODE, Some(mode)),
            None if before.link_mode.is_some() => conf.set_totem(MODE, None),
            _ => {}
        }
        for link in &before.link {
            if let (None, Ok(number)) = (self.link_of(link.number), u8::try_from(link.number)) {
                if link.addresses.is_some() {
                    remove_link(conf, number);
                } else if link.priority.is_some() {
                    conf.set_priority(number, None);
                }
            }
        }
        for link in &self.link {
            let Ok(number) = u8::try_from(link.number) else { continue };
            if let Some(addresses) = &link.addresses {
                write_addresses(conf, number, addresses);
            }
            // A link that does not exist is a broken rule, and no section makes it one.
            if !conf.links().contains(&number) {
                continue;
            }
            let found = conf.interfaces().into_iter().find(|found| found.number == number);
            let found = found.and_then(|found| found.priority).unwrap_or(DEFAULT_PRIORITY);
            let was_set = before.link_of(link.number).is_some_and(|before| before.priority.is_some());
            match link.priority {
                Some(priority) if priority != found => conf.set_priority(number, Some(priority)),
                None if was_set => conf.set_priority(number, None),
                _ => {}
            }
        }
    }

    /// The names of what is managed: options, and links by their number.
    pub fn parts(&self) -> Vec<String> {
        let options = [
            ("token", self.token.is_some()),
            ("token_coefficient", self.token_coefficient.is_some()),
            ("link_mode", self.link_mode.is_some()),
        ];
        let options = options.into_iter().filter(|(_, is_set)| *is_set).map(|(name, _)| name.to_owned());
        options.chain(self.link.iter().map(|link| part_of(link.number))).collect()
    }

    /// Without the parts that `is_other` names.
    #[must_use]
    pub fn without(mut self, is_other: impl Fn(&str) -> bool) -> Self {
        if is_other("token") {
            self.token = None;
        }
        if is_other("token_coefficient") {
            self.token_coefficient = None;
        }
        if is_other("link_mode") {
            self.link_mode = None;
        }
        self.link.retain(|link| !is_other(&part_of(link.number)));
        self
    }

    /// The link of that number.
    pub fn link_of(&self, number: i64) -> Option<&Link> {
        self.link.iter().find(|link| link.number == number)
    }
}

fn part_of(link: i64) -> String {
    format!("link {link}")
}

fn remove_link(conf: &mut CorosyncConf, number: u8) {
    for node in conf.nodes() {
        conf.set_address(&node.name, number, None);
    }
    conf.remove_interface(number);
}

fn write_addresses(conf: &mut CorosyncConf, number: u8, addresses: &BTreeMap<String, String>) {
    let is_new = !conf.links().contains(&number);
    // Where no link has a section of its own, the new one needs none either.
    if is_new && !conf.interfaces().is_empty() {
        conf.add_interface(number);
    }
    for node in conf.nodes() {
        let (known, new) = (node.addresses.get(&number), addresses.get(&node.name));
        let is_same = known.zip(new).is_some_and(|(known, new)| is_same_address(known, new));
        if !is_same {
            conf.set_address(&node.name, number, new.map(String::as_str));
        }
    }
}
