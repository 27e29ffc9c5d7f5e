//! The text of `/etc/pve/user.cfg`, as `PVE::AccessControl` writes and reads it.

use std::collections::{BTreeMap, BTreeSet};

use super::World;
use super::access::{Access, Acl, Group, Token, USER_CFG, User};
use super::pools::Pool;
use crate::section_config::bytes;

impl World {
    /// Writes the file after a change of users, tokens, groups, roles or ACLs, and reads it again: Proxmox drops what speaks of
    /// tokens and roles that are gone only when it reads, so that the file keeps such a line until the next write.
    pub fn write_access(&mut self) {
        let text = self.access.render();
        self.access.load(&text);
        self.put_file(USER_CFG, text);
    }
}

impl Access {
    /// The text of the file.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        for (id, user) in &self.users {
            let flag = u8::from(user.enable);
            let fields = [&user.firstname, &user.lastname, &user.email, &user.comment, &user.keys].map(|f| encode(f));
            text.push_str(&format!("user:{id}:{flag}:{}:{}:\n", user.expire, fields.join(":")));
            for (name, token) in &user.tokens {
                let (expire, sep) = (token.expire, u8::from(token.privsep));
                text.push_str(&format!("token:{id}!{name}:{expire}:{sep}:{}:\n", encode(&token.comment)));
            }
        }
        text.push('\n');
        for (name, group) in &self.groups {
            text.push_str(&format!("group:{name}:{}:{}:\n", list(&group.members), encode(&group.comment)));
        }
        text.push('\n');
        for (name, pool) in &self.pools {
            let guests: BTreeSet<String> = pool.guests.iter().map(u32::to_string).collect();
            let comment = encode(&pool.comment);
            text.push_str(&format!("pool:{name}:{comment}:{}:{}:\n", list(&guests), list(&pool.storages)));
        }
        text.push('\n');
        for (name, privileges) in &self.roles {
            text.push_str(&format!("role:{name}:{}:\n", list(privileges)));
        }
        text.push('\n');
        text + &self.render_acl()
    }

    /// One line per path, role set and propagate flag.
    fn render_acl(&self) -> String {
        let mut text = String::new();
        for path in self.acl_paths() {
            for propagate in [false, true] {
                let mut by_roles: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
                let mut of_subject: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
                for entry in self.acl.iter().filter(|a| a.path == path && a.propagate == propagate) {
                    let sign = if entry.kind == "group" { "@" } else { "" };
                    of_subject.entry(format!("{sign}{}", entry.subject)).or_default().insert(entry.role.clone());
                }
                for (subject, roles) in of_subject {
                    by_roles.entry(list(&roles)).or_default().insert(subject);
                }
                for (roles, subjects) in by_roles {
                    text.push_str(&format!("acl:{}:{path}:{}:{roles}:\n", u8::from(propagate), list(&subjects)));
                }
            }
        }
        text
    }

    /// Takes over a text. Passwords and token secrets of those who stay are kept.
    pub fn load(&mut self, text: &str) {
        let old = std::mem::replace(self, Access::new(self.pve));
        for line in text.lines() {
            let fields: Vec<&str> = line.split(':').map(str::trim).collect();
            match fields.as_slice() {
                ["user", id, enable, expire, rest @ ..] => self.load_user(&old, id, enable, expire, rest),
                ["token", id, expire, privsep, rest @ ..] => self.load_token(&old, id, expire, privsep, rest),
                ["group", name, members, rest @ ..] => {
                    let mut members = set(members);
                    members.retain(|user| self.users.contains_key(user));
                    let comment = rest.first().map(|f| decode(f)).unwrap_or_default();
                    self.groups.insert((*name).to_owned(), Group { members, comment });
                }
                ["pool", name, comment, guests, storages, ..] => {
                    let guests = set(guests).iter().filter_map(|id| id.parse().ok()).collect();
                    let pool = Pool { comment: decode(comment), guests, storages: set(storages) };
                    self.pools.insert((*name).to_owned(), pool);
                }
                ["role", name, privileges, ..] => {
                    self.roles.insert((*name).to_owned(), set(privileges));
                }
                ["acl", propagate, path, subjects, roles, ..] => self.load_acl(propagate, path, subjects, roles),
                _ => {}
            }
        }
        if let (Some(root), Some(before)) = (self.users.get_mut("root@pam"), old.users.get("root@pam"))
            && root.password.is_none()
        {
            root.password.clone_from(&before.password);
        }
    }

    fn load_user(&mut self, old: &Access, id: &str, enable: &str, expire: &str, rest: &[&str]) {
        let field = |i: usize| rest.get(i).map(|f| decode(f)).unwrap_or_default();
        let before = old.users.get(id);
        let user = User {
            enable: enable == "1",
            expire: expire.parse().unwrap_or(0),
            firstname: field(0),
            lastname: field(1),
            email: field(2),
            comment: field(3),
            keys: field(4),
            tokens: BTreeMap::new(),
            password: before.and_then(|u| u.password.clone()),
            totp: before.and_then(|u| u.totp.clone()),
        };
        self.users.insert(id.to_owned(), user);
    }

    fn load_token(&mut self, old: &Access, id: &str, expire: &str, privsep: &str, rest: &[&str]) {
        let Some((user, name)) = id.split_once('!') else {
            return;
        };
        let before = old.users.get(user).and_then(|u| u.tokens.get(name));
        let token = Token {
            privsep: privsep == "1",
            expire: expire.parse().unwrap_or(0),
            comment: rest.first().map(|f| decode(f)).unwrap_or_default(),
            secret: before.map(|t| t.secret.clone()).unwrap_or_default(),
        };
        if let Some(user) = self.users.get_mut(user) {
            user.tokens.insert(name.to_owned(), token);
        }
    }

    fn load_acl(&mut self, propagate: &str, path: &str, subjects: &str, roles: &str) {
        for subject in set(subjects) {
            let (kind, subject) = match (subject.strip_prefix('@'), subject.split_once('!')) {
                (Some(group), _) => ("group", group.to_owned()),
                (None, Some((user, token))) => {
                    let known = self.users.get(user).is_some_and(|user| user.tokens.contains_key(token));
                    if !known {
                        continue;
                    }
                    ("token", subject.clone())
                }
                (None, None) => ("user", subject.clone()),
            };
            for role in set(roles).into_iter().filter(|role| self.role(role).is_some()).collect::<Vec<_>>() {
                let subject = subject.clone();
                let propagate = propagate == "1";
                self.acl.insert(Acl { path: path.to_owned(), kind, subject, role, propagate });
            }
        }
    }
}

fn list(items: &BTreeSet<String>) -> String {
    items.iter().map(String::as_str).collect::<Vec<_>>().join(",")
}

fn set(text: &str) -> BTreeSet<String> {
    crate::schema::params::split_list(text).into_iter().collect()
}

fn encode(text: &str) -> String {
    crate::section_config::escape(text.bytes())
}

fn decode(text: &str) -> String {
    percent_encoding::percent_decode(&bytes::raw(text)).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::super::Pve;
    use super::*;

    const TEXT: &str = "user:audit@pve:1:0::::::\ntoken:audit@pve!sep:0:1::\nuser:root@pam:1:0:::r@x:::\n\n\
        group:g:audit@pve:on%3Acall:\n\npool:p:for%3Aall:100,99:local:\n\nrole:R:VM.Audit:\n\nacl:1:/:audit@pve:R:\nacl:0:/vms/100:@g:R:\n";

    #[test]
    fn reads_what_it_writes() {
        let mut access = Access::new(Pve::V9);
        access.load(TEXT);
        assert_eq!(access.users["root@pam"].email, "r@x");
        assert_eq!(access.pool_of(100), Some("p"));
        let again = access.render();
        let mut other = Access::new(Pve::V9);
        other.load(&again);
        assert_eq!(other.render(), again);
        assert_eq!(other.acl, access.acl);
        assert_eq!(again, TEXT);
    }

    #[test]
    fn what_speaks_of_tokens_roles_and_members_that_are_gone_is_not_read() {
        let mut access = Access::new(Pve::V9);
        access.load(
            "user:a@pve:1:0::::::\ngroup:g:a@pve,b@pve::\nacl:1:/:a@pve!x,a@pve,b@pve,@nosuch:PVEAuditor,Gone:\n",
        );
        assert_eq!(access.groups["g"].members, set("a@pve"));
        // Of users and groups Proxmox only warns.
        let subjects: Vec<&str> = access.acl.iter().map(|acl| acl.subject.as_str()).collect();
        assert_eq!(subjects, ["nosuch", "a@pve", "b@pve"]);
        assert!(access.acl.iter().all(|acl| acl.role == "PVEAuditor"));
    }
}
