//! The events of a cluster between two plans.

use std::fmt;

use serde_json::Value as Json;

pub type Node = String;

/// One thing that happens. Where it can't happen (the node is down already), nothing does.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    // What the cluster does, or what is done to it.
    /// Only time passes.
    TimePasses,
    /// A node loses its power.
    NodeDies(Node),
    /// A node gets its power back.
    NodeReturns(Node),
    /// Two nodes lose their power in the same second.
    PowerCut(Node, Node),
    /// Every node but one loses its power, which is too few votes to go on.
    QuorumLost(Node),
    /// All nodes get their power back.
    PowerBack,
    /// The disks of a node are full: its replication fails.
    DiskFull(Node),
    /// They have space again.
    DiskFreed(Node),
    /// The HA manager's load balancer moves a service, where it is switched on and may.
    Balanced(u32, Node),
    /// The certificate that the API shows is renewed.
    CertificateRenewed,
    /// The nodes are updated to another version of the same release.
    Updated(&'static str),
    /// One of them is, before the others.
    UpdateBegun(Node, &'static str),
    /// All nodes but one are upgraded from PVE 8 to 9.
    UpgradeBegun,
    /// The last one is, too.
    UpgradeEnded,
    /// The HA manager has made rules of the groups. Only ever seen, never asked for.
    GroupsMigrated,

    // What a person does outside of Terraform.
    /// The spare is powered off, taken out of the cluster and installed anew: it is on its own.
    MemberRemoved,
    /// The same, and it joins again. If it was out already, it is installed anew and joins.
    MemberReplaced,
    /// Maintenance of a node is switched on or off.
    Maintenance(Node, bool),
    /// A guest is migrated in the web UI.
    Migrated(u32, Node),
    /// A guest is stopped in the web UI.
    Stopped(u32),
    /// A guest is started in the web UI.
    Started(u32),
    /// A guest is removed in the web UI, with everything that is configured for it.
    Removed(u32),
    /// A guest is restored from a backup.
    Restored(u32, Node),
    /// A guest that has never been there is created in the web UI.
    Created(u32, Node),
    /// An attribute of a managed object is set to something else.
    Edited(String, &'static str, Json),
    /// A managed object is removed.
    Deleted(String),
    /// Something of which Terraform has nothing is made or removed.
    Foreign(Foreign),
    /// The token loses privileges.
    PrivilegesCut(Cut),
    /// It gets them back.
    PrivilegesRestored,

    // What the operator does with Terraform.
    /// An attribute is configured to be something else.
    Reconfigured(String, &'static str, Json),
    /// An object is removed from the configuration.
    Withdrawn(String),
    /// It is back in the configuration.
    Added(String),
    /// The groups in the configuration become the rules that the cluster has made of them.
    Rewritten,
    /// What was refreshed is saved: `apply -refresh-only`.
    Refreshed,
}

/// Something that isn't managed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Foreign {
    Resource,
    /// An HA rule, PVE 9 only.
    Rule,
    Job,
    /// An option of the datacenter.
    Keyboard,
    /// A guest that no HA resource is about.
    Guest,
}

/// Which privileges are left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// No privileges at all.
    Everything,
    /// No privileges to write.
    Writing,
    /// All but those on guests.
    Guests,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Actor {
    /// The cluster itself, and what it runs on.
    Cluster,
    /// A person outside of Terraform.
    Person,
    Operator,
}

impl Event {
    pub fn actor(&self) -> Actor {
        match self {
            Self::TimePasses
            | Self::NodeDies(_)
            | Self::NodeReturns(_)
            | Self::PowerCut(..)
            | Self::QuorumLost(_)
            | Self::PowerBack
            | Self::DiskFull(_)
            | Self::DiskFreed(_)
            | Self::Balanced(..)
            | Self::CertificateRenewed
            | Self::Updated(_)
            | Self::UpdateBegun(..)
            | Self::UpgradeBegun
            | Self::UpgradeEnded
            | Self::GroupsMigrated => Actor::Cluster,
            Self::MemberRemoved
            | Self::MemberReplaced
            | Self::Maintenance(..)
            | Self::Migrated(..)
            | Self::Stopped(_)
            | Self::Started(_)
            | Self::Removed(_)
            | Self::Restored(..)
            | Self::Created(..)
            | Self::Edited(..)
            | Self::Deleted(_)
            | Self::Foreign(_)
            | Self::PrivilegesCut(_)
            | Self::PrivilegesRestored => Actor::Person,
            Self::Reconfigured(..) | Self::Withdrawn(_) | Self::Added(_) | Self::Rewritten | Self::Refreshed => {
                Actor::Operator
            }
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimePasses => write!(f, "time passes"),
            Self::NodeDies(node) => write!(f, "{node} dies"),
            Self::NodeReturns(node) => write!(f, "{node} returns"),
            Self::PowerCut(one, other) => write!(f, "power cut of {one} and {other}"),
            Self::QuorumLost(left) => write!(f, "quorum is lost: only {left} is left"),
            Self::PowerBack => write!(f, "all nodes have power"),
            Self::DiskFull(node) => write!(f, "the disks of {node} are full"),
            Self::DiskFreed(node) => write!(f, "the disks of {node} have space again"),
            Self::Balanced(guest, node) => write!(f, "the load balancer moves guest {guest} to {node}"),
            Self::CertificateRenewed => write!(f, "the certificate is renewed"),
            Self::Updated(version) => write!(f, "the nodes are updated to {version}"),
            Self::UpdateBegun(node, version) => write!(f, "{node} is updated to {version} before the others"),
            Self::UpgradeBegun => write!(f, "all nodes but one are upgraded to PVE 9"),
            Self::UpgradeEnded => write!(f, "the last node is upgraded to PVE 9"),
            Self::GroupsMigrated => write!(f, "the HA manager has made rules of the groups"),
            Self::MemberRemoved => write!(f, "person: the spare is taken out of the cluster and installed anew"),
            Self::MemberReplaced => write!(f, "person: the spare is installed anew and joins again"),
            Self::Maintenance(node, on) => {
                write!(f, "person: maintenance of {node} {}", if *on { "on" } else { "off" })
            }
            Self::Migrated(guest, node) => write!(f, "person: guest {guest} is migrated to {node}"),
            Self::Stopped(guest) => write!(f, "person: guest {guest} is stopped"),
            Self::Started(guest) => write!(f, "person: guest {guest} is started"),
            Self::Removed(guest) => write!(f, "person: guest {guest} is removed"),
            Self::Restored(guest, node) => write!(f, "person: guest {guest} is restored on {node}"),
            Self::Created(guest, node) => write!(f, "person: guest {guest} is created on {node}"),
            Self::Edited(address, attribute, value) => write!(f, "person: {address}.{attribute} = {value}"),
            Self::Deleted(address) => write!(f, "person: {address} is removed"),
            Self::Foreign(what) => write!(f, "person: an unmanaged {what:?} is made or removed"),
            Self::PrivilegesCut(cut) => write!(f, "person: the token loses privileges: {cut:?}"),
            Self::PrivilegesRestored => write!(f, "person: the token has its privileges again"),
            Self::Reconfigured(address, attribute, value) => {
                write!(f, "configuration: {address}.{attribute} = {value}")
            }
            Self::Withdrawn(address) => write!(f, "configuration: without {address}"),
            Self::Added(address) => write!(f, "configuration: with {address}"),
            Self::Rewritten => write!(f, "configuration: rules in place of groups"),
            Self::Refreshed => write!(f, "apply -refresh-only"),
        }
    }
}
