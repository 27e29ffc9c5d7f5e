//! A node alone creates a cluster.

use super::{Report, Site};
use crate::world::World;
use crate::world::corosync::{AUTHKEY, Conf, Pending};

/// When `/etc/pve` is away, and when the node is in its cluster, in seconds since the begin, as measured.
const AWAY: f64 = 1.0;
const BACK: f64 = 1.5;
const STARTED: f64 = 7.0;

/// A task `clustercreate`, or a command.
#[derive(Debug)]
pub struct Create {
    node: String,
    report: Report,
    started: f64,
    offset: f64,
    conf: Conf,
    /// When it did its last step.
    done: f64,
    /// Since when its process is gone, and when the next look is.
    interrupted: Option<(f64, f64)>,
}

impl Create {
    #[must_use]
    pub fn new(node: &str, report: Report, started: f64, conf: Conf) -> Self {
        Self { node: node.to_owned(), report, started, offset: 0.0, conf, done: started, interrupted: None }
    }

    pub(super) fn node(&self) -> &str {
        &self.node
    }

    pub(super) fn due(&self) -> f64 {
        self.interrupted.map_or(self.started + self.offset, |(_, next)| next)
    }

    pub(super) fn step(&mut self, site: &mut Site) -> bool {
        if let Some((since, next)) = self.interrupted {
            return self.resume(site, since, next);
        }
        if !site.works_on(&self.node, &self.report) {
            site.kill(&self.node, &self.report);
            // It ended at some time after its last step: a boot since then is one that comes after it.
            let due = self.due();
            self.interrupted = Some((self.done, due + 1.0));
            // Before there is a corosync.conf nothing has happened.
            return self.offset > 0.0;
        }
        let Some(world) = site.home_mut(&self.node) else { return false };
        let now = world.clock.now();
        self.done = now;
        let mut lines = Vec::new();
        self.offset = match self.offset {
            0.0 => {
                if let Some(machine) = world.machines.get_mut(&self.node)
                    && machine.disk.read(AUTHKEY).is_none()
                {
                    machine.disk.write(AUTHKEY, &crate::auth::ticket::uuid(), now);
                    lines.extend([
                        "Corosync Cluster Engine Authentication key generator.",
                        "Gathering 2048 bits for key from /dev/urandom.",
                        "Writing corosync key to /etc/corosync/authkey.",
                    ]);
                }
                world.pending = Some(Pending { conf: self.conf.clone(), due: None });
                lines.extend([
                    "Writing corosync config to /etc/pve/corosync.conf",
                    "Restart corosync and cluster filesystem",
                ]);
                AWAY
            }
            AWAY => {
                world.set_away(&self.node, true);
                BACK
            }
            BACK => {
                world.set_away(&self.node, false);
                STARTED
            }
            _ => {
                let starts = self.start_corosync(world);
                let failed = "command 'systemctl restart corosync pve-cluster' failed: exit code 1";
                site.end(&self.node, &self.report, if starts { Ok(()) } else { Err(failed.to_owned()) });
                return false;
            }
        };
        site.log(&self.node, &self.report, lines);
        true
    }

    /// The node is its own cluster, with quorum if the addresses of the links are its own.
    fn start_corosync(&self, world: &mut World) -> bool {
        let starts = world.has_links(&self.node, &self.conf);
        world.pending = None;
        if let Some(node) = world.nodes.get_mut(&self.node) {
            node.corosync_stopped = !starts;
        }
        if let Some(machine) = world.machines.get_mut(&self.node) {
            machine.set_unit("corosync", starts, true);
        }
        world.run_with(self.conf.clone());
        starts
    }

    /// A node that boots with a corosync.conf starts corosync.
    fn resume(&mut self, site: &mut Site, since: f64, now: f64) -> bool {
        let Some(world) = site.home_mut(&self.node) else { return false };
        if world.nodes.get(&self.node).is_none_or(|node| !node.up || node.since <= since) {
            self.interrupted = Some((since, now + 1.0));
            return true;
        }
        world.set_away(&self.node, false);
        self.start_corosync(world);
        false
    }
}
