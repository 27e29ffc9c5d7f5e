//! Pools of guests and storages. They are part of `/etc/pve/user.cfg`, since privileges on a pool apply to what is in it.

use std::collections::BTreeSet;

use super::World;
use super::access::Access;

/// A pool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pool {
    /// Comment.
    pub comment: String,
    /// Its guests.
    pub guests: BTreeSet<u32>,
    /// Its storages.
    pub storages: BTreeSet<String>,
}

impl Access {
    /// The pools that the guest or storage of a path is in.
    pub(super) fn pools_of<'a>(&'a self, path: &'a str) -> impl Iterator<Item = &'a str> {
        let guest = path.strip_prefix("/vms/").and_then(|id| id.parse::<u32>().ok());
        let storage = path.strip_prefix("/storage/");
        let holds = move |pool: &Pool| {
            guest.is_some_and(|guest| pool.guests.contains(&guest))
                || storage.is_some_and(|storage| pool.storages.contains(storage))
        };
        self.pools.iter().filter(move |(_, pool)| holds(pool)).map(|(name, _)| name.as_str())
    }

    /// The pool of a guest.
    #[must_use]
    pub fn pool_of(&self, vmid: u32) -> Option<&str> {
        self.pools.iter().find(|(_, pool)| pool.guests.contains(&vmid)).map(|(name, _)| name.as_str())
    }
}

impl World {
    /// A guest that is destroyed is in no pool any more.
    pub fn leave_pools(&mut self, vmid: u32) {
        if self.access.pool_of(vmid).is_some() {
            for pool in self.access.pools.values_mut() {
                pool.guests.remove(&vmid);
            }
            self.write_access();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Pve;
    use super::super::access::{Acl, Caller, User};
    use super::*;

    #[test]
    fn privileges_on_a_pool_apply_to_what_is_in_it() {
        let mut access = Access::new(Pve::V9);
        access.users.insert("a@pve".into(), User { enable: true, ..User::default() });
        let pool = Pool { guests: [100].into(), storages: ["nfs".to_owned()].into(), ..Pool::default() };
        access.pools.insert("prod".into(), pool);
        let acl = |path: &str, role: &str| Acl {
            path: path.into(),
            kind: "user",
            subject: "a@pve".into(),
            role: role.into(),
            propagate: true,
        };
        access.acl.insert(acl("/pool/prod", "Administrator"));
        access.acl.insert(acl("/vms", "PVEAuditor"));
        let caller = Caller::User("a@pve".into());
        let may = |path: &str| access.allows(&caller, path, &["VM.Backup"], false);
        assert!(may("/vms/100") && !may("/vms/101"));
        assert!(access.allows(&caller, "/storage/nfs", &["Datastore.Allocate"], false));
        assert!(!access.allows(&caller, "/storage/local", &["Datastore.Allocate"], false));
        assert!(access.allows(&caller, "/vms/100", &["VM.Audit"], false), "what is said of the guest itself is kept");
    }
}
