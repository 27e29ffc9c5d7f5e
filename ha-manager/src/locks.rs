//! The cluster-wide locks of the managers, and the watchdogs that make them safe.
//!
//! A lock runs out 120 s after it was last obtained; a node whose manager holds one is reset 60 s after it last could renew
//! it. So a process that gets a node's agent lock can rely on it: the node no longer runs any service.

use std::collections::HashMap;

use super::config::Name;

/// A lock older than this is free.
const LOCK_TIMEOUT: i64 = 120;
/// A watchdog not fed for longer than this resets its node.
const WATCHDOG_TIMEOUT: i64 = 60;

/// Who holds what, and since when; times are seconds of one clock.
#[derive(Clone, Debug, Default)]
pub struct Locks {
    manager: Option<Lock>,
    agents: HashMap<Name, Lock>,
    watchdogs: HashMap<(Name, Process), i64>,
}

#[derive(Clone, Debug)]
struct Lock {
    owner: Name,
    renewed: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Process {
    Crm,
    Lrm,
}

impl Locks {
    /// Obtains or renews `ha_manager_lock` for a node, and feeds that node's watchdog.
    pub fn manager(&mut self, node: &Name, now: i64) -> bool {
        let granted = take(&mut self.manager, node, now);
        if granted {
            self.watchdogs.insert((node.clone(), Process::Crm), now);
        }
        granted
    }

    pub fn release_manager(&mut self, node: &Name) {
        if self.manager.as_ref().is_some_and(|lock| lock.owner == *node) {
            self.manager = None;
        }
        self.close_manager_watchdog(node);
    }

    /// Stops the watchdog of a node's cluster resource manager.
    pub fn close_manager_watchdog(&mut self, node: &Name) {
        self.watchdogs.remove(&(node.clone(), Process::Crm));
    }

    /// Obtains or renews the agent lock of `node` for `owner`; one's own feeds the watchdog.
    pub fn agent(&mut self, node: &Name, owner: &Name, now: i64) -> bool {
        let mut slot = self.agents.remove(node);
        let granted = take(&mut slot, owner, now);
        self.agents.extend(slot.map(|lock| (node.clone(), lock)));
        if granted && node == owner {
            self.watchdogs.insert((node.clone(), Process::Lrm), now);
        }
        granted
    }

    /// Gives a node's own agent lock back.
    pub fn release_agent(&mut self, node: &Name) {
        self.agents.remove(node);
        self.watchdogs.remove(&(node.clone(), Process::Lrm));
    }

    /// A node lost power, and its watchdogs with it; its locks run out by themselves.
    pub fn power_lost(&mut self, node: &Name) {
        self.watchdogs.retain(|(owner, _), _| owner != node);
    }

    /// Whether a manager of the node has its watchdog open.
    pub fn is_watched(&self, node: &str) -> bool {
        self.watchdogs.keys().any(|(owner, _)| **owner == *node)
    }

    /// Nodes that a watchdog resets now.
    pub fn expired(&self, now: i64) -> Vec<Name> {
        let mut nodes: Vec<Name> = self
            .watchdogs
            .iter()
            .filter(|&(_, fed)| now - fed > WATCHDOG_TIMEOUT)
            .map(|((node, _), _)| node.clone())
            .collect();
        nodes.sort();
        nodes.dedup();
        nodes
    }
}

/// Takes a lock if it is free, one's own, or too old.
fn take(lock: &mut Option<Lock>, owner: &Name, now: i64) -> bool {
    let free = lock.as_ref().is_none_or(|lock| lock.owner == *owner || now - lock.renewed > LOCK_TIMEOUT);
    if free {
        *lock = Some(Lock { owner: owner.clone(), renewed: now });
    }
    free
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_nodes_lock_runs_out_after_its_watchdog() {
        let (mut locks, one, two) = (Locks::default(), Name::from("one"), Name::from("two"));
        assert!(locks.agent(&one, &one, 0));
        assert!(!locks.agent(&one, &two, 120));
        assert!(locks.expired(60).is_empty() && locks.is_watched("one") && !locks.is_watched("two"));
        assert_eq!(locks.expired(61), std::slice::from_ref(&one));
        assert!(locks.agent(&one, &two, 121));
        assert!(!locks.agent(&one, &one, 121));
    }

    #[test]
    fn a_lock_given_back_is_free_at_once() {
        let (mut locks, one, two) = (Locks::default(), Name::from("one"), Name::from("two"));
        assert!(locks.manager(&one, 0) && !locks.manager(&two, 1));
        locks.release_manager(&two);
        assert!(!locks.manager(&two, 1));
        locks.release_manager(&one);
        assert!(locks.manager(&two, 1) && locks.expired(62) == [two]);
    }
}
