//! Users, tokens, roles and ACLs, and the permissions that follow from them.
//!
//! Invariant: `/etc/pve/user.cfg` and this structure say the same; secrets are only here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use super::Pve;
use super::pools::Pool;

pub const USER_CFG: &str = "/etc/pve/user.cfg";

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// The call needs no authentication, and has none.
    Anonymous,
    /// A user with a ticket.
    User(String),
    Token {
        /// `user@realm`
        user: String,
        token: String,
    },
}

impl Caller {
    /// `user@realm` or `user@realm!token`, as in UPIDs.
    #[must_use]
    pub fn id(&self) -> String {
        match self {
            Caller::Anonymous => String::new(),
            Caller::User(user) => user.clone(),
            Caller::Token { user, token } => format!("{user}!{token}"),
        }
    }

    /// Literally root@pam with a ticket; a token never is.
    #[must_use]
    pub fn is_root(&self) -> bool {
        matches!(self, Caller::User(user) if user == "root@pam")
    }
}

#[derive(Clone, Debug, Default)]
pub struct User {
    pub enable: bool,
    /// Expiry, 0 = never.
    pub expire: i64,
    pub firstname: String,
    pub lastname: String,
    pub email: String,
    pub comment: String,
    /// `keys` of user.cfg: a second factor.
    pub keys: String,
    /// Tokens by name.
    pub tokens: BTreeMap<String, Token>,
    /// Password, if one is set.
    pub password: Option<String>,
    /// The TOTP secret's raw bytes, if a second factor is set up.
    pub totp: Option<Vec<u8>>,
}

#[derive(Clone, Debug, Default)]
pub struct Token {
    /// Own ACLs restrict it.
    pub privsep: bool,
    /// Expiry, 0 = never.
    pub expire: i64,
    pub comment: String,
    /// The UUID that is the token's secret.
    pub secret: String,
}

/// A group of users.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// The users in it.
    pub members: BTreeSet<String>,
    pub comment: String,
}

/// One line of the ACL: what a user, token or group may below a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Acl {
    pub path: String,
    /// `user`, `token` or `group`.
    pub kind: &'static str,
    /// A user, `@group` or token.
    pub subject: String,
    pub role: String,
    /// Also below the path.
    pub propagate: bool,
}

/// Access control of the cluster.
#[derive(Clone, Debug)]
pub struct Access {
    /// The release, which decides on the built-in roles.
    pub pve: Pve,
    /// Users by id.
    pub users: BTreeMap<String, User>,
    /// Groups by name.
    pub groups: BTreeMap<String, Group>,
    /// Pools by name.
    pub pools: BTreeMap<String, Pool>,
    /// Roles that are not built in.
    pub roles: BTreeMap<String, BTreeSet<String>>,
    pub acl: BTreeSet<Acl>,
}

impl Access {
    /// Only root@pam.
    #[must_use]
    pub fn new(pve: Pve) -> Self {
        let root = User { enable: true, ..User::default() };
        Self {
            pve,
            users: BTreeMap::from([("root@pam".to_owned(), root)]),
            groups: BTreeMap::new(),
            pools: BTreeMap::new(),
            roles: BTreeMap::new(),
            acl: BTreeSet::new(),
        }
    }

    /// Whether a user exists, is enabled and not expired.
    #[must_use]
    pub fn is_valid(&self, user: &str, now: i64) -> bool {
        self.users.get(user).is_some_and(|u| u.enable && (u.expire == 0 || u.expire > now))
    }

    /// The privileges of a caller at a path, with their propagate flag.
    #[must_use]
    pub fn privileges(&self, caller: &Caller, path: &str) -> BTreeMap<String, bool> {
        match caller {
            Caller::Anonymous => BTreeMap::new(),
            Caller::User(user) => self.subject_privileges(user, path),
            Caller::Token { user, token } => {
                let mut of_user = self.subject_privileges(user, path);
                if self.is_separated(user, token) {
                    let own = self.subject_privileges(&format!("{user}!{token}"), path);
                    of_user.retain(|privilege, _| own.contains_key(privilege));
                }
                of_user
            }
        }
    }

    /// Whether a caller holds all (or, with `any`, one) of the privileges at a path.
    #[must_use]
    pub fn allows(&self, caller: &Caller, path: &str, privileges: &[&str], any: bool) -> bool {
        let (of_user, of_token) = match caller {
            Caller::Anonymous => return privileges.is_empty(),
            Caller::User(user) => (self.effective_roles(user, path), None),
            Caller::Token { user, token } => {
                let own = self.is_separated(user, token).then(|| format!("{user}!{token}"));
                (self.effective_roles(user, path), own.map(|own| self.effective_roles(&own, path)))
            }
        };
        let grants = |roles: &BTreeMap<String, bool>, privilege: &str| {
            roles.keys().any(|role| self.role(role).is_some_and(|role| role.contains(privilege)))
        };
        let has = |p: &&str| grants(&of_user, p) && of_token.as_ref().is_none_or(|of_token| grants(of_token, p));
        if any { privileges.iter().any(has) } else { privileges.iter().all(has) }
    }

    fn is_separated(&self, user: &str, token: &str) -> bool {
        self.users.get(user).and_then(|u| u.tokens.get(token)).is_none_or(|t| t.privsep)
    }

    fn subject_privileges(&self, subject: &str, path: &str) -> BTreeMap<String, bool> {
        let mut found = BTreeMap::new();
        for (role, propagate) in self.effective_roles(subject, path) {
            for privilege in self.role(&role).into_iter().flatten() {
                let entry = found.entry(privilege.clone()).or_insert(propagate);
                *entry = *entry || propagate;
            }
        }
        found
    }

    /// The roles at a path and, for what is in a pool, those at the pool's.
    fn effective_roles(&self, subject: &str, path: &str) -> BTreeMap<String, bool> {
        let mut roles = self.roles_at(subject, path);
        for pool in self.pools_of(path) {
            for (role, propagate) in self.roles_at(subject, &format!("/pool/{pool}")) {
                roles.entry(role).and_modify(|old| *old |= propagate).or_insert(propagate);
            }
        }
        roles
    }

    /// Walks down the path; what is said further down replaces what was said above. An entry for the user has
    /// precedence over one for its groups.
    fn roles_at(&self, subject: &str, path: &str) -> BTreeMap<String, bool> {
        if subject == "root@pam" {
            return BTreeMap::from([("Administrator".to_owned(), true)]);
        }
        let mut roles = BTreeMap::new();
        let parts: Vec<&str> = path.split('/').filter(|p| !p.is_empty()).collect();
        for depth in 0..=parts.len() {
            let here = format!("/{}", parts[..depth].join("/"));
            let last = depth == parts.len();
            let at = |matches: &dyn Fn(&Acl) -> bool| -> BTreeMap<String, bool> {
                let entries = self.acl.iter().filter(|a| a.path == here && (last || a.propagate) && matches(a));
                entries.map(|a| (a.role.clone(), a.propagate)).collect()
            };
            let own = at(&|a| a.kind != "group" && a.subject == subject);
            let of_groups = at(&|a| {
                a.kind == "group" && self.groups.get(&a.subject).is_some_and(|group| group.members.contains(subject))
            });
            if let Some(new) = [own, of_groups].into_iter().find(|set| !set.is_empty()) {
                roles = new;
            }
        }
        if roles.contains_key("NoAccess") {
            return BTreeMap::new();
        }
        roles
    }

    /// The privileges of a role, built-in or not.
    #[must_use]
    pub fn role(&self, name: &str) -> Option<&BTreeSet<String>> {
        self.roles.get(name).or_else(|| builtin_roles(self.pve).get(name))
    }

    /// The names of a user's groups.
    pub fn groups_of<'a>(&'a self, user: &'a str) -> impl Iterator<Item = &'a str> {
        self.groups.iter().filter(move |(_, group)| group.members.contains(user)).map(|(name, _)| name.as_str())
    }

    /// Takes a user out of all groups.
    pub fn leave_groups(&mut self, user: &str) {
        for group in self.groups.values_mut() {
            group.members.remove(user);
        }
    }

    /// All paths the ACL speaks of.
    #[must_use]
    pub fn acl_paths(&self) -> BTreeSet<String> {
        self.acl.iter().map(|a| a.path.clone()).collect()
    }
}

/// Every privilege of a release.
#[must_use]
pub fn all_privileges(pve: Pve) -> BTreeSet<String> {
    let common = "Datastore.Allocate Datastore.AllocateSpace Datastore.AllocateTemplate Datastore.Audit Group.Allocate \
        Mapping.Audit Mapping.Modify Mapping.Use Permissions.Modify Pool.Allocate Pool.Audit Realm.Allocate \
        Realm.AllocateUser SDN.Allocate SDN.Audit SDN.Use Sys.AccessNetwork Sys.Audit Sys.Console Sys.Incoming \
        Sys.Modify Sys.PowerMgmt Sys.Syslog User.Modify VM.Allocate VM.Audit VM.Backup VM.Clone VM.Config.CDROM \
        VM.Config.CPU VM.Config.Cloudinit VM.Config.Disk VM.Config.HWType VM.Config.Memory VM.Config.Network \
        VM.Config.Options VM.Console VM.Migrate VM.PowerMgmt VM.Snapshot VM.Snapshot.Rollback";
    let own = match pve {
        Pve::V8 => "VM.Monitor",
        Pve::V9 => {
            "VM.GuestAgent.Audit VM.GuestAgent.FileRead VM.GuestAgent.FileSystemMgmt VM.GuestAgent.FileWrite \
             VM.GuestAgent.Unrestricted VM.Replicate"
        }
    };
    common.split_whitespace().chain(own.split_whitespace()).map(str::to_owned).collect()
}

/// The built-in roles of Proxmox.
#[must_use]
pub fn builtin_roles(pve: Pve) -> &'static BTreeMap<String, BTreeSet<String>> {
    static OF_8: LazyLock<BTreeMap<String, BTreeSet<String>>> = LazyLock::new(|| new_builtin_roles(Pve::V8));
    static OF_9: LazyLock<BTreeMap<String, BTreeSet<String>>> = LazyLock::new(|| new_builtin_roles(Pve::V9));
    match pve {
        Pve::V8 => &OF_8,
        Pve::V9 => &OF_9,
    }
}

fn new_builtin_roles(pve: Pve) -> BTreeMap<String, BTreeSet<String>> {
    let all = all_privileges(pve);
    let pick = |is_granted: &dyn Fn(&str) -> bool| -> BTreeSet<String> {
        all.iter().filter(|p| is_granted(p)).cloned().collect()
    };
    let audit = |p: &str| p.ends_with(".Audit");
    let vm_user = |p: &str| {
        matches!(
            p,
            "VM.Audit" | "VM.Backup" | "VM.Config.CDROM" | "VM.Config.Cloudinit" | "VM.Console" | "VM.PowerMgmt"
        ) || p == "VM.GuestAgent.Audit"
    };
    let vm_all = |p: &str| p.starts_with("VM.") && p != "VM.GuestAgent.Unrestricted";
    let sys_admin =
        |p: &str| p.starts_with("Sys.") && !matches!(p, "Sys.Modify" | "Sys.PowerMgmt" | "Sys.AccessNetwork");
    let roles: [(&str, BTreeSet<String>); 17] = [
        ("Administrator", all.clone()),
        ("NoAccess", BTreeSet::new()),
        (
            "PVEAdmin",
            pick(&|p| {
                !matches!(
                    p,
                    "Permissions.Modify"
                        | "Sys.Modify"
                        | "Sys.PowerMgmt"
                        | "Sys.AccessNetwork"
                        | "Realm.Allocate"
                        | "Sys.Incoming"
                )
            }),
        ),
        ("PVEAuditor", pick(&audit)),
        ("PVEDatastoreAdmin", pick(&|p| p.starts_with("Datastore."))),
        ("PVEDatastoreUser", pick(&|p| matches!(p, "Datastore.AllocateSpace" | "Datastore.Audit"))),
        ("PVEMappingAdmin", pick(&|p| p.starts_with("Mapping."))),
        ("PVEMappingAuditor", pick(&|p| p == "Mapping.Audit")),
        ("PVEMappingUser", pick(&|p| matches!(p, "Mapping.Audit" | "Mapping.Use"))),
        ("PVEPoolAdmin", pick(&|p| p.starts_with("Pool."))),
        ("PVEPoolUser", pick(&|p| p == "Pool.Audit")),
        ("PVESDNAdmin", pick(&|p| p.starts_with("SDN."))),
        ("PVESDNUser", pick(&|p| matches!(p, "SDN.Audit" | "SDN.Use"))),
        ("PVESysAdmin", pick(&sys_admin)),
        ("PVETemplateUser", pick(&|p| matches!(p, "VM.Audit" | "VM.Clone"))),
        ("PVEUserAdmin", pick(&|p| matches!(p, "Group.Allocate" | "Realm.AllocateUser" | "User.Modify"))),
        ("PVEVMAdmin", pick(&vm_all)),
    ];
    let mut roles: BTreeMap<_, _> = roles.into_iter().map(|(name, set)| (name.to_owned(), set)).collect();
    roles.insert("PVEVMUser".to_owned(), pick(&vm_user));
    roles
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acl(path: &str, subject: &str, role: &str, propagate: bool) -> Acl {
        let kind = if subject.contains('!') { "token" } else { "user" };
        Acl { path: path.into(), kind, subject: subject.into(), role: role.into(), propagate }
    }

    fn access() -> Access {
        let mut access = Access::new(Pve::V9);
        let mut user = User { enable: true, ..User::default() };
        user.tokens.insert("t".into(), Token::default());
        user.tokens.insert("sep".into(), Token { privsep: true, ..Token::default() });
        access.users.insert("a@pve".into(), user);
        access.acl.insert(acl("/", "a@pve", "PVEAuditor", true));
        access
    }

    #[test]
    fn what_is_said_further_down_replaces() {
        let mut access = access();
        let caller = Caller::User("a@pve".into());
        assert!(access.allows(&caller, "/vms/100", &["VM.Audit"], false));
        access.acl.insert(acl("/vms", "a@pve", "NoAccess", true));
        assert!(!access.allows(&caller, "/vms/100", &["VM.Audit"], false));
        assert!(access.allows(&caller, "/nodes/n", &["Sys.Audit"], false));
    }

    #[test]
    fn a_separated_token_has_what_both_have() {
        let mut access = access();
        let token = |name: &str| Caller::Token { user: "a@pve".into(), token: name.into() };
        assert!(access.allows(&token("t"), "/", &["Sys.Audit"], false));
        assert!(!access.allows(&token("sep"), "/", &["Sys.Audit"], false));
        access.acl.insert(acl("/", "a@pve!sep", "Administrator", true));
        assert!(access.allows(&token("sep"), "/", &["Sys.Audit"], false));
        assert!(!access.allows(&token("sep"), "/", &["Sys.Modify"], false));
    }
}
