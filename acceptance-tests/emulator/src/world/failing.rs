//! Work on guests that fails on demand.

use std::collections::BTreeMap;

/// How often work on a guest fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failing {
    /// The next time.
    Once,
    /// Each time.
    Always,
}

/// The guests on which some work fails.
#[derive(Debug, Default)]
pub struct Failures(BTreeMap<u32, Failing>);

impl Failures {
    pub fn add(&mut self, vmid: u32, how: Failing) {
        self.0.insert(vmid, how);
    }

    pub fn cure(&mut self, vmid: u32) {
        self.0.remove(&vmid);
    }

    /// Whether the work on the guest that is begun or done now fails.
    pub(crate) fn meets(&mut self, vmid: u32) -> bool {
        match self.0.get(&vmid) {
            Some(Failing::Once) => self.0.remove(&vmid).is_some(),
            Some(Failing::Always) => true,
            None => false,
        }
    }
}
