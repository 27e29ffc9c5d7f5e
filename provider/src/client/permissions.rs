//! The permissions of the user or token, as `/access/permissions` reports it.

use std::collections::HashMap;

use serde_json::Value as Json;

/// Paths that Proxmox lists whenever there is any privilege on them (`PVE::RPCEnvironment::get_effective_permissions`);
/// beside them it lists every path that an ACL or a pool names.
const GENERAL: [&str; 8] = ["/", "/access", "/access/groups", "/nodes", "/pool", "/sdn", "/storage", "/vms"];

/// Privileges by path, and whether they hold below it.
#[derive(Clone, Debug, Default)]
pub struct Permissions(HashMap<String, HashMap<String, bool>>);

impl Permissions {
    /// From the answer; none if it has another form.
    pub fn parse(answer: &Json) -> Option<Self> {
        let paths = answer.as_object()?.iter().map(|(path, held)| {
            let held = held.as_object().into_iter().flatten();
            let held = held.map(|(privilege, propagates)| (privilege.clone(), *propagates == 1 || *propagates == true));
            (path.clone(), held.collect())
        });
        Some(Self(paths.collect()))
    }

    /// Whether `privilege` is held on `path`.
    pub fn holds(&self, path: &str, privilege: &str) -> bool {
        let mut at = path;
        loop {
            if let Some(held) = self.0.get(at) {
                return held.get(privilege).is_some_and(|propagates| at == path || *propagates);
            }
            if GENERAL.contains(&at) {
                return false;
            }
            at = at.rsplit_once('/').map_or("/", |(parent, _)| if parent.is_empty() { "/" } else { parent });
        }
    }

    /// Whether `privilege` is held on any path at all.
    pub fn holds_anywhere(&self, privilege: &str) -> bool {
        self.0.values().any(|held| held.contains_key(privilege))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_holds_above_holds_below_where_it_propagates() {
        let permissions = Permissions::parse(&json!({
            "/": {"Sys.Audit": 1}, "/vms": {"VM.Audit": 1, "VM.Backup": 0}, "/vms/101": {"VM.Replicate": 1}
        }))
        .unwrap();
        assert!(permissions.holds("/", "Sys.Audit") && !permissions.holds("/", "Sys.Console"));
        assert!(permissions.holds("/vms/100", "VM.Audit") && !permissions.holds("/vms/100", "VM.Backup"));
        assert!(permissions.holds("/vms/101", "VM.Replicate") && !permissions.holds("/vms/101", "VM.Audit"));
        assert!(permissions.holds_anywhere("VM.Replicate") && !permissions.holds_anywhere("Sys.Console"));
        // A general path that isn't listed has nothing, whatever is granted above it.
        assert!(!permissions.holds("/storage", "Sys.Audit") && !permissions.holds("/storage/local", "Sys.Audit"));
    }
}
