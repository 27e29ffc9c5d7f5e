//! Upgrades of nodes to another version of Proxmox VE, while the cluster keeps running.

use super::{Profile, Version, World};

impl World {
    /// All nodes run this version of pve-manager now. From PVE 8 to 9 the last node is still to be upgraded, which is what
    /// keeps the HA groups.
    ///
    /// # Errors
    /// There is no way back to an older release.
    pub fn upgrade(&mut self, version: Version) -> Result<(), String> {
        if version.pve() < self.profile.pve {
            return Err(format!("{version} is older than {}", self.profile.version));
        }
        if version.pve() == self.profile.pve {
            self.install(None, version);
            return Ok(());
        }
        self.profile = Profile::at(version);
        for machine in self.machines.values_mut().filter(|machine| machine.is_node) {
            machine.install(&self.profile);
        }
        self.access.pve = version.pve();
        // The files are the same and are read in another way.
        self.sections = Default::default();
        crate::crm::begin_upgrade(self);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::world::Pve;
    use crate::world::corosync::Conf;
    use crate::world::seed::{Initial, Seed};

    #[test]
    fn groups_become_rules_once_the_last_node_is_upgraded() {
        let clock = Clock::standing(1000.0);
        let mut world = Seed::default_cluster("p", "s").build(Pve::V8, Initial::Seed, clock);
        world.write_file("/etc/pve/ha/groups.cfg", "group: old\n\tnodes pve1\n\n");
        world.write_file("/etc/pve/ha/resources.cfg", "vm: 100\n\tgroup old\n\n");
        world.advance(60.0);
        world.upgrade(Version::new(9, 2, 0)).unwrap();
        assert_eq!(world.machines["pve1"].packages["pve-manager"], "9.2.0");
        world.advance(120.0);
        assert!(world.file_opt("/etc/pve/ha/groups.cfg").is_some());
        crate::crm::finish_upgrade(&mut world);
        world.advance(120.0);
        assert!(world.file_opt("/etc/pve/ha/groups.cfg").is_none());
        assert!(
            world.file("/etc/pve/ha/rules.cfg").contains("ha-group-old"),
            "{}",
            world.file("/etc/pve/ha/rules.cfg")
        );
        assert!(world.upgrade(Version::new(8, 4, 1)).is_err());
        world.upgrade(Version::new(9, 2, 6)).unwrap();
        assert_eq!(world.manager_of("pve1").0, "9.2.6");
    }

    #[test]
    fn a_node_that_comes_in_place_of_the_last_one_of_an_upgrade_holds_nothing_up() {
        let mut world = Seed::default_cluster("p", "s").build(Pve::V8, Initial::Seed, Clock::standing(1000.0));
        world.write_file("/etc/pve/ha/groups.cfg", "group: old\n\tnodes pve1\n\n");
        world.write_file("/etc/pve/ha/resources.cfg", "vm: 100\n\tgroup old\n\n");
        world.advance(60.0);
        world.upgrade(Version::new(9, 2, 0)).unwrap();
        let last = world.nodes.keys().next_back().cloned().unwrap();
        world.power(&last, false);
        let with_all = world.conf().unwrap();
        let mut without = with_all.clone();
        without.members.remove(&last);
        for conf in [without, with_all] {
            world.write_conf(Conf { config_version: world.config_version, ..conf });
            world.advance(60.0);
        }
        world.power(&last, true);
        world.advance(300.0);
        assert_eq!(world.file_opt("/etc/pve/ha/groups.cfg"), None);
    }
}
