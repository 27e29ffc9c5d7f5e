//! The cluster's locks as API calls take them: folders below `/etc/pve/priv/lock`, like those that commands on nodes make.
//!
//! Facts of `PVE::Cluster`: a caller that finds a lock taken retries each second, ten times in all, and so gives up
//! after nine seconds.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tokio::sync::watch;

use super::World;
use super::pmxcfs::LOCKS;

/// Seconds between two tries.
pub(crate) const PAUSE: f64 = 1.0;
/// Seconds between the first try and the last one.
pub(crate) const PATIENCE: f64 = 9.0;

/// What one call does with locks.
#[derive(Debug, Default)]
pub struct Taking {
    /// The call, as [`World::locks`] names it.
    pub(crate) by: String,
    /// Whether a write takes time: its locks are kept when its code is through.
    pub(crate) takes_time: bool,
    /// The locks that are kept.
    pub(crate) kept: Vec<String>,
    /// The lock that could not be taken.
    pub(crate) refused: Option<String>,
    /// Whether a command makes the call: it is through in an instant, after whichever call holds the lock.
    pub(crate) is_command: bool,
    /// Whether it is worth trying again.
    pub(crate) may_wait: bool,
}

impl World {
    /// Takes a lock, unless there is no quorum or it is taken.
    pub(crate) fn take_lock(&mut self, name: &str, by: &str) -> bool {
        if self.is_locked(name) || self.make_shared_folder(&path(name)).is_err() {
            return false;
        }
        self.lock_holders.insert(name.to_owned(), by.to_owned());
        true
    }

    /// Gives a lock back.
    pub(crate) fn release_lock(&mut self, name: &str) {
        // Not `remove_shared`: a node that loses quorum meanwhile keeps the folder, but here the lock would stay for 120 s.
        if self.lock_holders.remove(name).is_some() {
            self.folders.remove(&path(name));
        }
    }

    /// Who holds which lock since when.
    #[must_use]
    pub fn locks(&self) -> BTreeMap<String, Value> {
        let prefix = format!("{LOCKS}/");
        let held = self.folders.iter().filter_map(|(path, since)| Some((path.strip_prefix(&prefix)?, since)));
        held.map(|(name, since)| {
            let holder = self.lock_holders.get(name).map_or("a command on a node", String::as_str);
            (name.to_owned(), json!({"holder": holder, "since": since}))
        })
        .collect()
    }
}

fn path(name: &str) -> String {
    format!("{LOCKS}/{name}")
}

/// The calls that wait for locks.
#[derive(Debug)]
pub struct Queue(watch::Sender<BTreeMap<String, Calls>>);

/// How many calls wait for a lock, and how many have had to so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// Number of requests that wait for the lock.
    pub waiting: usize,
    /// Those, and the ones that don't any more.
    pub so_far: usize,
}

/// A call in the queue; it leaves when this is dropped.
pub(crate) struct InQueue<'q> {
    queue: &'q Queue,
    pub(crate) lock: String,
    /// When it was tried for first.
    pub(crate) since: f64,
}

impl Default for Queue {
    fn default() -> Self {
        Self(watch::Sender::new(BTreeMap::new()))
    }
}

impl Queue {
    pub(crate) fn join(&self, lock: String, since: f64) -> InQueue<'_> {
        self.0.send_modify(|calls| {
            let calls = calls.entry(lock.clone()).or_default();
            calls.waiting += 1;
            calls.so_far += 1;
        });
        InQueue { queue: self, lock, since }
    }

    /// The calls by lock.
    #[must_use]
    pub fn calls(&self) -> BTreeMap<String, Calls> {
        self.0.borrow().clone()
    }

    /// Waits until `enough` is true of the calls that wait for a lock.
    pub async fn until(&self, lock: &str, enough: impl Fn(Calls) -> bool) {
        let mut changes = self.0.subscribe();
        // The sender lives as long as this does.
        let _ = changes.wait_for(|calls| enough(calls.get(lock).copied().unwrap_or_default())).await;
    }
}

impl Drop for InQueue<'_> {
    fn drop(&mut self) {
        self.queue.0.send_modify(|calls| {
            if let Some(calls) = calls.get_mut(&self.lock) {
                calls.waiting = calls.waiting.saturating_sub(1);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::world::Pve;
    use crate::world::seed::{Initial, Seed};

    #[test]
    fn a_lock_has_one_holder_and_is_a_folder() {
        let mut world = Seed::default_cluster("p", "s").build(Pve::V9, Initial::Seed, Clock::standing(1000.0));
        assert!(world.take_lock("domain-ha", "PUT x") && !world.take_lock("domain-ha", "PUT y"));
        assert!(world.take_lock("file-datacenter_cfg", "PUT z"), "each lock is one of its own");
        assert_eq!(world.locks()["domain-ha"], json!({"holder": "PUT x", "since": 1000.0}));
        assert!(world.make_shared_folder(&path("domain-ha")).is_err());
        assert!(!world.is_locked("domain-ha"), "a command gets it at its next try");
        world.release_lock("domain-ha");
        assert_eq!(world.make_shared_folder(&path("domain-ha")), Ok(()));
        assert_eq!(world.locks()["domain-ha"]["holder"], "a command on a node");
        world.release_lock("domain-ha");
        assert!(!world.take_lock("domain-ha", "PUT x"), "what a command holds is its own");
    }
}
