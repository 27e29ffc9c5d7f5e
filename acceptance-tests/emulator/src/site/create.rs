//! A node alone creates a cluster.

use super::Site;
use crate::world::corosync::{AUTHKEY, Conf, Pending};

/// When `/etc/pve` is away, and when the node is in its cluster, in seconds since the begin, as measured.
const AWAY: f64 = 1.0;
const BACK: f64 = 1.5;
const STARTED: f64 = 7.0;

/// A task `clustercreate`.
#[derive(Debug)]
pub struct Create {
    node: String,
    upid: String,
    started: f64,
    offset: f64,
    conf: Conf,
}

impl Create {
    #[must_use]
    pub fn new(node: &str, upid: &str, started: f64, conf: Conf) -> Self {
        Self { node: node.to_owned(), upid: upid.to_owned(), started, offset: 0.0, conf }
    }

    pub(super) fn node(&self) -> &str {
        &self.node
    }

    pub(super) fn due(&self) -> f64 {
        self.started + self.offset
    }

    pub(super) fn step(&mut self, site: &mut Site) -> bool {
        let Some(world) = site.home_mut(&self.node) else { return false };
        let now = world.clock.now();
        if !world.is_up(&self.node) || !world.task_runs(&self.upid) {
            return false;
        }
        self.offset = match self.offset {
            0.0 => {
                if let Some(machine) = world.machines.get_mut(&self.node)
                    && machine.disk.read(AUTHKEY).is_none()
                {
                    machine.disk.write(AUTHKEY, &crate::auth::ticket::uuid(), now);
                    let lines = [
                        "Corosync Cluster Engine Authentication key generator.",
                        "Gathering 2048 bits for key from /dev/urandom.",
                        "Writing corosync key to /etc/corosync/authkey.",
                    ];
                    world.log_task(&self.upid, lines);
                }
                world.pending = Some(Pending { conf: self.conf.clone(), due: None });
                let lines =
                    ["Writing corosync config to /etc/pve/corosync.conf", "Restart corosync and cluster filesystem"];
                world.log_task(&self.upid, lines);
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
                let starts = world.has_links(&self.node, &self.conf);
                world.pending = None;
                if let Some(node) = world.nodes.get_mut(&self.node) {
                    node.corosync_stopped = !starts;
                }
                if let Some(machine) = world.machines.get_mut(&self.node) {
                    machine.set_unit("corosync", starts, true);
                }
                world.run_with(self.conf.clone());
                let failed = "command 'systemctl restart corosync pve-cluster' failed: exit code 1";
                world.end_task(&self.upid, if starts { Ok(()) } else { Err(failed.to_owned()) });
                return false;
            }
        };
        true
    }
}
