//! The installed Proxmox VE: versions of packages on each node, and what depends on them.

use std::fmt;
use std::str::FromStr;

use pve_ha_manager::config::Engine;

use super::World;

/// The major release that is emulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pve {
    /// Proxmox VE 8.4: HA groups.
    V8,
    /// Proxmox VE 9.2: HA rules.
    V9,
}

/// The version of a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// `9` of `9.2.6`
    pub major: u32,
    /// `2`
    pub minor: u32,
    /// `6`
    pub patch: u32,
}

/// A text that is no version of a Proxmox VE that is emulated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not emulated: write 8.4.x, or 9.2.0 or newer")]
pub struct NotEmulated(String);

/// The generations of pve-ha-manager that differ in what they take and do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum HaManager {
    /// Up to 5.2.0.
    #[default]
    Plain,
    /// From 5.2.1: HA resources can be kept from the load balancer.
    AutoRebalance,
    /// From 5.2.5: rules name nodes to avoid, node affinity refuses moves by hand, manager_status has the imbalance.
    NodesToAvoid,
}

/// What is installed on the nodes at first.
#[derive(Clone, Debug)]
pub struct Profile {
    pub pve: Pve,
    /// The full version of pve-manager.
    pub version: String,
    /// `9.2`
    pub release: String,
    /// The commit of the package.
    pub repoid: String,
    /// The version of pve-ha-manager.
    pub ha_manager: String,
}

const MANAGER: &str = "pve-manager";
const HA_MANAGER: &str = "pve-ha-manager";

impl Version {
    /// `major.minor.patch`
    #[must_use]
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self { major, minor, patch }
    }

    /// A version in its full form; what follows the numbers, and numbers that are missing, don't count.
    fn read(text: &str) -> Self {
        let mut numbers = text.split(['.', '-', '~']).map_while(|part| part.parse().ok());
        let mut next = || numbers.next().unwrap_or(0);
        Self { major: next(), minor: next(), patch: next() }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl FromStr for Version {
    type Err = NotEmulated;

    fn from_str(text: &str) -> Result<Self, NotEmulated> {
        let numbers: Option<Vec<u32>> = text.split('.').map(|part| part.parse().ok()).collect();
        match numbers.as_deref() {
            Some(&[8, 4, patch]) => Ok(Self::new(8, 4, patch)),
            Some(&[9, minor, patch]) if minor >= 2 => Ok(Self::new(9, minor, patch)),
            _ => Err(NotEmulated(text.to_owned())),
        }
    }
}

impl Version {
    /// The major release of a pve-manager.
    #[must_use]
    pub fn pve(self) -> Pve {
        if self.major < 9 { Pve::V8 } else { Pve::V9 }
    }

    /// The pve-ha-manager that comes with a pve-manager.
    fn ha_manager(self) -> Self {
        match self {
            _ if self.pve() == Pve::V8 => Self::new(4, 0, 7),
            _ if self >= Self::new(9, 2, 6) => Self::new(5, 2, 5),
            _ => Self::new(5, 2, 3),
        }
    }
}

impl HaManager {
    pub const ALL: [Self; 3] = [Self::Plain, Self::AutoRebalance, Self::NodesToAvoid];

    fn of(version: Version) -> Self {
        match version {
            _ if version >= Version::new(5, 2, 5) => Self::NodesToAvoid,
            _ if version >= Version::new(5, 2, 1) => Self::AutoRebalance,
            _ => Self::Plain,
        }
    }

    /// The placement that it brings.
    #[must_use]
    pub fn engine(self) -> Engine {
        if self == Self::NodesToAvoid { Engine::V5_2_5 } else { Engine::V5_2_0 }
    }
}

impl Profile {
    /// The profile of a major release: 8.4 as it was current when answers were recorded, and the first of 9.2.
    #[must_use]
    pub fn of(pve: Pve) -> Self {
        Self::at(match pve {
            Pve::V8 => Version::new(8, 4, 21),
            Pve::V9 => Version::new(9, 2, 0),
        })
    }

    /// The profile of a version of pve-manager.
    #[must_use]
    pub fn at(version: Version) -> Self {
        let pve = version.pve();
        Self {
            pve,
            version: version.to_string(),
            release: release(version),
            repoid: if pve == Pve::V8 { "6a1b0a5f3f7e4c21" } else { "c7d0e6b2a4f91835" }.to_owned(),
            ha_manager: version.ha_manager().to_string(),
        }
    }
}

fn release(version: Version) -> String {
    format!("{}.{}", version.major, version.minor)
}

impl World {
    /// The node whose programs are at work: a manager's own in its round, else the one that answers.
    #[must_use]
    pub fn here(&self) -> &str {
        self.working_node.as_deref().unwrap_or(&self.answering_node)
    }

    /// The HA manager at work.
    #[must_use]
    pub fn ha_manager(&self) -> HaManager {
        let installed = self.machines.get(self.here()).and_then(|machine| machine.packages.get(HA_MANAGER));
        HaManager::of(Version::read(installed.unwrap_or(&self.profile.ha_manager)))
    }

    /// The answer of `/nodes/NODE/version`: version, release and commit of pve-manager.
    #[must_use]
    pub fn manager_of(&self, node: &str) -> (&str, String, &str) {
        let installed = self.machines.get(node).and_then(|machine| machine.packages.get(MANAGER));
        let version = installed.unwrap_or(&self.profile.version);
        // What is recorded needn't say the same twice.
        let release = if *version == self.profile.version {
            self.profile.release.clone()
        } else {
            release(Version::read(version))
        };
        (version, release, &self.profile.repoid)
    }

    /// Installs another version on a node, or on all of them.
    pub fn install(&mut self, node: Option<&str>, version: Version) {
        let packages = [(MANAGER, version), (HA_MANAGER, version.ha_manager())];
        let nodes = self.machines.values_mut().filter(|machine| machine.is_node);
        for machine in nodes.filter(|machine| node.is_none_or(|node| node == machine.name)) {
            for (name, version) in packages {
                machine.packages.insert(name.to_owned(), version.to_string());
            }
        }
    }

    /// Brings every node to what the profile says that is behind it.
    pub(super) fn install_what_is_newer(&mut self) {
        let packages = [(MANAGER, &self.profile.version), (HA_MANAGER, &self.profile.ha_manager)];
        for machine in self.machines.values_mut().filter(|machine| machine.is_node) {
            for (name, target) in packages {
                let installed = machine.packages.entry(name.to_owned()).or_default();
                if Version::read(installed) < Version::read(target) {
                    installed.clone_from(target);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_that_are_emulated() {
        for text in ["9.2.0", "9.2.6", "9.3.1", "8.4.21"] {
            assert_eq!(text.parse::<Version>().unwrap().to_string(), text);
        }
        for text in ["9.1.4", "8.3.0", "9.2", "10.0.0", "x", ""] {
            assert!(text.parse::<Version>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_an_ha_manager_can() {
        let of = |text| HaManager::of(Version::read(text));
        assert_eq!(of("4.0.7"), HaManager::Plain);
        assert_eq!(of("5.2.0"), HaManager::Plain);
        assert_eq!(of("5.2.3"), HaManager::AutoRebalance);
        assert_eq!(of("5.2.5"), HaManager::NodesToAvoid);
        assert_eq!(Profile::at(Version::new(9, 2, 5)).ha_manager, "5.2.3");
        assert_eq!(Profile::at(Version::new(9, 2, 6)).ha_manager, "5.2.5");
    }
}
