//! The state of a whole cluster. What Proxmox keeps in files below `/etc/pve` is kept here as those texts, so that
//! digests come out right; everything else is plain data.
//!
//! A world is a cluster, or a node alone: what shares one `/etc/pve`. [`crate::site::Site`] has all of them.
//!
//! Invariant: a world does not change while a handler runs; only [`World::catch_up`] moves time.

pub mod access;
pub mod corosync;
pub mod disk;
pub mod errno;
mod failing;
pub mod files;
pub mod guests;
pub mod locks;
pub mod machines;
pub mod nodes;
mod packages;
pub mod pmxcfs;
pub mod pools;
mod saved;
pub mod seed;
pub mod storage;
pub mod tasks;
mod upgrade;
mod user_cfg;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::auth::ticket::Keys;
use crate::clock::Clock;
use crate::crm::Crm;
use crate::error::{ApiError, ApiResult};
use crate::section_config::{Cache, Sections};
use crate::site::Errand;
use crate::tls::Authority;

pub use access::Access;
pub use corosync::{Algorithm, Qdevice};
pub use failing::{Failing, Failures};
pub use guests::{Guest, GuestKind};
pub use machines::Machine;
pub use nodes::Node;
pub use packages::{HaManager, NotEmulated, Profile, Pve, Version};
pub use saved::RestoreError;
pub use tasks::Tasks;

#[derive(Debug)]
pub struct World {
    /// Which Proxmox VE it is.
    pub profile: Profile,
    /// The node whose programs are at work, where it isn't the one that answers.
    pub working_node: Option<String>,
    pub cluster_name: String,
    /// `config_version` of corosync.conf; grows with every change.
    pub config_version: u64,
    /// The node whose pveproxy answers.
    pub answering_node: String,
    /// All members of corosync.conf by name.
    pub nodes: BTreeMap<String, Node>,
    /// All guests by id.
    pub guests: BTreeMap<u32, Guest>,
    /// Whether guests are but configurations: pvestatd never reports one as running, and none has anything to take along.
    pub silent_guests: bool,
    /// Users, tokens, roles, ACLs.
    pub access: Access,
    /// All tasks of all nodes.
    pub tasks: Tasks,
    pub clock: Clock,
    /// Whether it is one node that is in no cluster.
    pub standalone: bool,
    /// The settings that corosync runs with.
    pub corosync: corosync::Settings,
    /// What was written to corosync.conf, and is not in use yet.
    pub pending: Option<corosync::Pending>,
    /// What signs its tickets.
    pub keys: Arc<Keys>,
    /// What signs the certificates of its nodes.
    pub authority: Option<Arc<Authority>>,
    /// What its nodes need of other worlds; the site does it.
    pub(crate) errands: Vec<Errand>,
    /// The QDevice in corosync's configuration.
    pub qdevice: Option<Qdevice>,
    /// What `pvecm expected` said.
    pub expected: Option<u32>,
    /// The nodes by name and the hosts outside the cluster by address, as machines.
    pub machines: BTreeMap<String, Machine>,
    /// When the partition that answers lost quorum.
    pub quorum_lost: Option<f64>,
    /// Folders created below `/etc/pve`, cluster locks among them, and when they were changed last.
    pub folders: BTreeMap<String, f64>,
    /// The API calls that hold cluster locks, by lock.
    pub(crate) lock_holders: BTreeMap<String, String>,
    /// The CRM, the LRMs and their schedule.
    pub crm: Crm,
    /// The replication jobs' runtime state.
    pub replication: crate::api::replication::State,
    /// The state of the backup jobs on the nodes.
    pub backup: crate::api::backup::State,
    /// The guests whose migrations fail part-way.
    pub failing_moves: Failures,
    /// Notifications on their way, and what became of the others.
    pub notifications: crate::api::notifications::outbox::State,
    /// Storages that can't be reached, with the nodes that can't reach them.
    pub offline_storages: BTreeSet<(String, String)>,
    /// Section config files as last parsed.
    pub sections: Cache<Sections>,
    /// JSON files as last parsed.
    pub documents: Cache<serde_json::Value>,
    files: BTreeMap<String, String>,
    ticked: i64,
    turn: usize,
}

impl World {
    /// Now, in seconds since 1970.
    #[must_use]
    pub fn now(&self) -> i64 {
        self.clock.now() as i64
    }

    /// Runs everything that is due until now: one pass of every daemon per second that went by.
    pub fn catch_up(&mut self) {
        self.catch_up_to(self.now());
        self.take_over();
    }

    /// The same until an earlier second.
    pub(crate) fn catch_up_to(&mut self, now: i64) {
        // A clock set far ahead is not walked through second by second for more than a week.
        self.ticked = self.ticked.max(now - 7 * 86_400);
        if self.ticked >= now {
            return;
        }
        // What happens in a second that went by happens at that second.
        let clock = std::mem::replace(&mut self.clock, Clock::standing(0.0));
        while self.ticked < now {
            self.ticked += 1;
            let second = self.ticked;
            self.clock = Clock::standing(second as f64);
            self.take_over();
            self.watch_quorum();
            tasks::tick(self, second);
            crate::api::nodes::machine::tick(self, second);
            crate::crm::tick(self, second);
            crate::api::replication::tick(self, second);
            crate::api::backup::tick(self, second);
        }
        self.clock = clock;
    }

    /// Stops the clock, moves it forward and runs what is due.
    pub fn advance(&mut self, seconds: f64) {
        self.catch_up();
        self.clock.stop();
        self.clock.advance(seconds);
        self.catch_up();
    }

    /// Whether the partition that answers has quorum.
    #[must_use]
    pub fn is_quorate(&self) -> bool {
        let (present, needed) = self.votes();
        present >= needed
    }

    /// `check_cfs_quorum`.
    ///
    /// # Errors
    /// `cluster not ready - no quorum?`
    pub fn check_quorum(&self) -> ApiResult<()> {
        if self.is_quorate() { Ok(()) } else { Err(ApiError::die("cluster not ready - no quorum?")) }
    }

    /// Reverses a list whose order Proxmox leaves to Perl's hashes, so that no test relies on it.
    pub fn any_order<T>(&mut self, mut items: Vec<T>) -> Vec<T> {
        self.turn = self.turn.wrapping_add(1);
        if !items.is_empty() {
            let by = self.turn % items.len();
            items.rotate_left(by);
        }
        items
    }
}
