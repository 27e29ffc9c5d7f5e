//! What a `corosync.conf` must be for Corosync to load it and for Proxmox to add nodes to it.

use super::{CorosyncConf, is_same_address};

/// A rule that the file breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Corosync or Proxmox can't read the file.
    Unreadable(String),
    /// `totem` has no version, so that pmxcfs would not hand the file to Corosync.
    NoVersion,
    /// There is no node.
    NoNodes,
    /// No node has an address.
    NoLinks,
    /// The transport is not Kronosnet, which alone has several links.
    Transport(String),
    /// A node has an address on a link that has no `interface` section, while other links have one.
    NoInterface {
        /// The node.
        node: String,
        /// The link.
        link: u8,
    },
    /// A node has no address on a link.
    NoAddress {
        /// The node.
        node: String,
        /// The link.
        link: u8,
    },
    /// Two links end at the same address.
    SameAddress {
        /// The address.
        address: String,
        /// The node and the link that have it.
        first: (String, u8),
        /// Those that have it as well.
        second: (String, u8),
    },
}

impl Fault {
    /// The link at fault, if it is one.
    pub fn link(&self) -> Option<u8> {
        match self {
            Self::NoInterface { link, .. }
            | Self::NoAddress { link, .. }
            | Self::SameAddress { second: (_, link), .. } => Some(*link),
            Self::Unreadable(_) | Self::NoVersion | Self::NoNodes | Self::NoLinks | Self::Transport(_) => None,
        }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unreadable(problem) => f.write_str(problem),
            Self::NoVersion => f.write_str("totem has no config_version"),
            Self::NoNodes => f.write_str("the nodelist has no node"),
            Self::NoLinks => f.write_str("no node has an address"),
            Self::Transport(name) => write!(f, "the transport is {name}, not knet"),
            Self::NoInterface { node, link } => {
                write!(f, "{node} has an address on link {link}, which has no interface section")
            }
            Self::NoAddress { node, link } => write!(f, "{node} has no address on link {link}"),
            Self::SameAddress { address, first: (node, link), second: (other, on) } => {
                write!(f, "{address} is the address of {node} on link {link} and of {other} on link {on}")
            }
        }
    }
}

impl CorosyncConf {
    /// The rules that the file breaks.
    pub fn faults(&self) -> Vec<Fault> {
        let mut faults: Vec<Fault> = self.unreadable().into_iter().map(Fault::Unreadable).collect();
        if self.config_version().is_none() {
            faults.push(Fault::NoVersion);
        }
        if let Some(transport) = self.totem("transport").filter(|transport| *transport != "knet") {
            faults.push(Fault::Transport(transport.to_owned()));
        }
        let (nodes, links, interfaces) = (self.nodes(), self.links(), self.interfaces());
        if nodes.is_empty() {
            faults.push(Fault::NoNodes);
        } else if links.is_empty() {
            faults.push(Fault::NoLinks);
        }
        for link in links {
            let has_interface = interfaces.is_empty() || interfaces.iter().any(|interface| interface.number == link);
            for node in &nodes {
                let node_name = || node.name.clone();
                if !node.addresses.contains_key(&link) {
                    faults.push(Fault::NoAddress { node: node_name(), link });
                } else if !has_interface {
                    faults.push(Fault::NoInterface { node: node_name(), link });
                }
            }
        }
        faults.extend(self.same_addresses());
        faults
    }

    fn same_addresses(&self) -> Vec<Fault> {
        let nodes = self.nodes();
        let all =
            nodes.iter().flat_map(|node| node.addresses.iter().map(|(link, address)| (&node.name, *link, address)));
        let mut all: Vec<(&String, u8, &String)> = all.collect();
        all.sort_by_key(|(_, link, _)| *link);
        let mut faults = Vec::new();
        for (at, (node, link, address)) in all.iter().enumerate() {
            if let Some((first, on, _)) = all[..at].iter().find(|(_, _, known)| is_same_address(known, address)) {
                faults.push(Fault::SameAddress {
                    address: (*address).clone(),
                    first: ((*first).clone(), *on),
                    second: ((*node).clone(), *link),
                });
            }
        }
        faults
    }
}
