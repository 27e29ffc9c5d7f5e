//! `/etc/pve` as a file system: what pmxcfs allows, and in which words it refuses.
//!
//! Facts of pmxcfs: without quorum everything is read-only, and all but the root folder loses its write bits; in the first
//! seconds after the loss the bits are still there, and what would change the file system fails with EBUSY. A file takes 1 MiB.
//! Folders below `priv/lock` are the cluster's locks, which expire 120 s after they were changed last, but go only when
//! another one asks for them; modes are fixed.

use std::collections::BTreeSet;

use serde_json::json;

use super::World;
use super::corosync::{COROSYNC_CONF, Conf};
use super::errno::Errno;
use crate::section_config::bytes;

/// The folder it is mounted on.
pub const ROOT: &str = "/etc/pve";
/// Where the cluster's locks are.
pub const LOCKS: &str = "/etc/pve/priv/lock";

const MEMBERS: &str = "/etc/pve/.members";
const VMLIST: &str = "/etc/pve/.vmlist";
const LOCK_LIFETIME: f64 = 120.0;
const MAX_SIZE: usize = 1 << 20;
/// For how many seconds after the loss of quorum the modes don't show it, as measured.
const UNSETTLED: f64 = 5.0;

/// The properties of a file or folder.
#[derive(Clone, Debug, PartialEq)]
pub struct Stat {
    /// Whether it is a folder.
    pub is_folder: bool,
    /// Its size in bytes.
    pub size: usize,
    pub mode: u32,
    /// When it was changed last.
    pub changed: f64,
}

impl World {
    /// Whether a path is pmxcfs'.
    #[must_use]
    pub fn is_shared_path(path: &str) -> bool {
        path == ROOT || path.starts_with("/etc/pve/")
    }

    /// The text of a file as a program on a node sees it.
    #[must_use]
    pub fn read_shared(&self, path: &str) -> Option<String> {
        match path {
            COROSYNC_CONF => self.corosync_conf(),
            MEMBERS => Some(self.members_text()),
            VMLIST => Some(self.vmlist_text()),
            _ => match self.guest_at(path) {
                Some(vmid) => self.guests.get(&vmid).map(super::Guest::config_text),
                None => self.file_opt(path).map(bytes::to_utf8),
            },
        }
    }

    /// Writes a file.
    ///
    /// # Errors
    /// What pmxcfs refuses.
    pub fn write_shared(&mut self, path: &str, text: &str) -> Result<(), Errno> {
        self.writable()?;
        if self.is_shared_folder(path) {
            return Err(Errno::IsFolder);
        }
        if !self.is_shared_folder(parent(path)) {
            return Err(Errno::NotFound);
        }
        if matches!(path, MEMBERS | VMLIST) || self.guest_at(path).is_some() {
            return Err(Errno::Denied);
        }
        if text.len() > MAX_SIZE {
            return Err(Errno::TooLarge);
        }
        self.put_shared(path, text);
        Ok(())
    }

    /// Writes a file past pmxcfs' rules, as an edit outside of it does.
    pub fn put_shared(&mut self, path: &str, text: &str) {
        if path == COROSYNC_CONF {
            self.file_conf(Conf::parse(text));
        } else {
            self.write_file(path, bytes::from_utf8(text));
        }
    }

    /// Makes a folder. Making one below `priv/lock` takes a lock, and only one can.
    ///
    /// # Errors
    /// What pmxcfs refuses.
    pub fn make_shared_folder(&mut self, path: &str) -> Result<(), Errno> {
        self.writable()?;
        if self.stat_shared(path).is_some() {
            return Err(Errno::Exists);
        }
        if !self.is_shared_folder(parent(path)) {
            return Err(Errno::NotFound);
        }
        let now = self.clock.now();
        self.folders.insert(path.to_owned(), now);
        Ok(())
    }

    /// Removes a file (`folder = false`) or an empty folder.
    ///
    /// # Errors
    /// What pmxcfs refuses.
    pub fn remove_shared(&mut self, path: &str, folder: bool) -> Result<(), Errno> {
        let stat = self.stat_shared(path).ok_or(Errno::NotFound)?;
        match (folder, stat.is_folder) {
            (true, false) => return Err(Errno::NotFolder),
            (false, true) => return Err(Errno::IsFolder),
            _ => {}
        }
        self.writable()?;
        if !folder {
            if let Some(vmid) = self.guest_at(path) {
                self.remove_guest(vmid);
            }
            self.remove_file(path);
            return Ok(());
        }
        if !self.list_shared(path).is_empty() {
            return Err(Errno::NotEmpty);
        }
        self.folders.remove(path).map(|_| ()).ok_or(Errno::Denied)
    }

    /// Renames a file or folder; whatever has the new name is replaced in the same instant.
    ///
    /// # Errors
    /// What pmxcfs refuses.
    pub fn rename_shared(&mut self, from: &str, to: &str) -> Result<(), Errno> {
        let stat = self.stat_shared(from).ok_or(Errno::NotFound)?;
        self.writable()?;
        if from == to {
            return Ok(());
        }
        if stat.is_folder {
            if self.stat_shared(to).is_some() {
                return Err(Errno::Exists);
            }
            let changed = self.folders.remove(from).ok_or(Errno::Denied)?;
            self.folders.insert(to.to_owned(), changed);
            return Ok(());
        }
        if let Some(vmid) = self.guest_at(from) {
            // Moving a guest's configuration is how it is taken over from a dead node.
            let node = to.strip_prefix("/etc/pve/nodes/").and_then(|rest| rest.split('/').next()).map(str::to_owned);
            let node = node.filter(|node| self.nodes.contains_key(node)).ok_or(Errno::NotFound)?;
            self.move_guest(vmid, &node);
            return Ok(());
        }
        let text = self.read_shared(from).ok_or(Errno::NotFound)?;
        self.write_shared(to, &text)?;
        if let Some(bytes) = self.file_opt(from).filter(|_| to != COROSYNC_CONF).map(str::to_owned) {
            self.write_file(to, bytes);
        }
        self.remove_file(from);
        Ok(())
    }

    /// `utime`: with 0 it asks for a lock to be released, which happens once it has expired; else it is renewed.
    ///
    /// # Errors
    /// What pmxcfs refuses.
    pub fn touch_shared(&mut self, path: &str, time: f64) -> Result<(), Errno> {
        let stat = self.stat_shared(path).ok_or(Errno::NotFound)?;
        // Times are no part of what the nodes have to agree on: they are refused at once.
        self.writable().map_err(|_| Errno::Denied)?;
        let now = self.clock.now();
        if !stat.is_folder || !path.starts_with(LOCKS) {
            return Ok(());
        }
        if time > 0.0 {
            self.folders.insert(path.to_owned(), now);
        } else if now - stat.changed > LOCK_LIFETIME && self.list_shared(path).is_empty() {
            self.folders.remove(path);
        }
        Ok(())
    }

    /// Whether a command cannot get a cluster lock. An API call releases its own before the next try. The request for a lock
    /// releases it if it has expired, as every attempt to get it does.
    pub fn is_locked(&mut self, name: &str) -> bool {
        let path = format!("{LOCKS}/{name}");
        let _ = self.touch_shared(&path, 0.0);
        self.folders.contains_key(&path) && !self.lock_holders.contains_key(name)
    }

    /// The properties of a file or folder.
    #[must_use]
    pub fn stat_shared(&self, path: &str) -> Option<Stat> {
        let is_private = is_private(path);
        if self.is_shared_folder(path) {
            let changed = self.folders.get(path).copied().unwrap_or(0.0);
            let mode = if is_private { 0o700 } else { 0o755 };
            let mode = if path == ROOT { mode } else { self.mode(mode) };
            return Some(Stat { is_folder: true, size: 0, mode, changed });
        }
        let size = self.read_shared(path)?.len();
        let mode = if is_private { 0o600 } else { 0o640 };
        Some(Stat { is_folder: false, size, mode: self.mode(mode), changed: self.clock.now() })
    }

    /// The names of what is in a folder.
    #[must_use]
    pub fn list_shared(&self, folder: &str) -> Vec<String> {
        let prefix = format!("{folder}/");
        let mut names = BTreeSet::new();
        let paths = self.files().map(|(path, _)| path.to_owned()).chain(self.all_folders());
        let guests = self.guests.values().map(guest_path);
        let conf = self.conf().map(|_| COROSYNC_CONF.to_owned());
        for path in paths.chain(guests).chain(conf) {
            if let Some(rest) = path.strip_prefix(&prefix)
                && let Some(name) = rest.split('/').next().filter(|name| !name.is_empty())
            {
                names.insert(name.to_owned());
            }
        }
        names.into_iter().collect()
    }

    fn is_shared_folder(&self, path: &str) -> bool {
        let below = format!("{path}/");
        path == ROOT
            || self.folders.contains_key(path)
            || self.all_folders().any(|folder| folder == path)
            || self.files().any(|(file, _)| file.starts_with(&below))
    }

    /// The folders that are always there, and those that were made.
    fn all_folders(&self) -> impl Iterator<Item = String> {
        let fixed = ["ha", "nodes", "priv", "priv/lock", "priv/acme", "firewall", "sdn", "mapping", "virtual-guest"];
        let of_node =
            |node: &String| ["", "/qemu-server", "/lxc", "/priv"].map(|name| format!("/etc/pve/nodes/{node}{name}"));
        fixed
            .into_iter()
            .map(|name| format!("{ROOT}/{name}"))
            .chain(self.nodes.keys().flat_map(of_node))
            .chain(self.folders.keys().cloned())
            .collect::<Vec<_>>()
            .into_iter()
    }

    /// What is below `nodes/NODE` stays when the node is removed.
    pub(super) fn leave_folders_of(&mut self, node: &str) {
        let now = self.clock.now();
        for part in ["", "/qemu-server", "/lxc", "/priv"] {
            self.folders.insert(format!("{ROOT}/nodes/{node}{part}"), now);
        }
    }

    fn guest_at(&self, path: &str) -> Option<u32> {
        let name = path.strip_prefix("/etc/pve/nodes/")?.rsplit('/').next()?.strip_suffix(".conf")?;
        let guest = self.guests.get(&name.parse().ok()?)?;
        (guest_path(guest) == path).then_some(guest.vmid)
    }

    fn writable(&self) -> Result<(), Errno> {
        match (self.is_quorate(), self.shows_loss()) {
            (true, _) => Ok(()),
            (false, false) => Err(Errno::Busy),
            (false, true) => Err(Errno::Denied),
        }
    }

    /// Without quorum the bits that allow to write are gone.
    fn mode(&self, mode: u32) -> u32 {
        if self.shows_loss() { mode & 0o555 } else { mode }
    }

    /// Whether pmxcfs has found out that there is no quorum.
    fn shows_loss(&self) -> bool {
        !self.is_quorate() && self.quorum_lost.is_some_and(|since| self.clock.now() - since >= UNSETTLED)
    }

    /// Records when quorum was lost.
    pub(super) fn watch_quorum(&mut self) {
        match (self.is_quorate(), self.quorum_lost) {
            (true, _) => self.quorum_lost = None,
            (false, None) => self.quorum_lost = Some(self.clock.now()),
            (false, Some(_)) => {}
        }
    }

    /// All guests, as pmxcfs shows them to who may read its files.
    fn vmlist_text(&self) -> String {
        let guests = self.guests.values().map(|guest| {
            (guest.vmid.to_string(), json!({"node": guest.node, "type": guest.kind.as_str(), "version": guest.vmid}))
        });
        let list = json!({"version": self.guests.len(), "ids": guests.collect::<serde_json::Map<_, _>>()});
        format!("{list:#}\n")
    }

    fn members_text(&self) -> String {
        let nodes = self.nodes.values().map(|node| {
            let online = u8::from(self.is_member(&node.name));
            (node.name.clone(), json!({"id": node.id, "online": online, "ip": node.address}))
        });
        let members = json!({
            "nodename": self.answering_node,
            "version": self.config_version,
            "cluster": {
                "name": self.cluster_name, "version": self.config_version, "nodes": self.nodes.len(),
                "quorate": u8::from(self.is_quorate()),
            },
            "nodelist": nodes.collect::<serde_json::Map<_, _>>(),
        });
        format!("{members:#}\n")
    }
}

/// What only root sees: `priv`, the cluster's and every node's.
fn is_private(path: &str) -> bool {
    let mut parts = path.strip_prefix("/etc/pve/").unwrap_or_default().split('/');
    match parts.next() {
        Some("nodes") => parts.nth(1) == Some("priv"),
        first => first == Some("priv"),
    }
}

fn guest_path(guest: &super::Guest) -> String {
    format!("/etc/pve/nodes/{}/{}/{}.conf", guest.node, guest.kind.folder(), guest.vmid)
}

#[must_use]
pub fn parent(path: &str) -> &str {
    match path.rsplit_once('/') {
        Some(("", _)) | None => "/",
        Some((folder, _)) => folder,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::world::Pve;
    use crate::world::seed::{Initial, Seed};

    fn world() -> World {
        Seed::default_cluster("p", "s").build(Pve::V9, Initial::Seed, Clock::standing(1000.0))
    }

    #[test]
    fn a_lock_goes_when_it_is_asked_for_after_its_time() {
        let mut world = world();
        let lock = format!("{LOCKS}/domain-ha");
        assert_eq!(world.make_shared_folder(&lock), Ok(()));
        assert_eq!(world.make_shared_folder(&lock), Err(Errno::Exists));
        world.clock.advance(119.0);
        assert!(world.is_locked("domain-ha"));
        world.clock.advance(2.0);
        assert_eq!(world.make_shared_folder(&lock), Err(Errno::Exists), "no one has requested it yet");
        assert_eq!(world.touch_shared(&lock, 0.0), Ok(()));
        assert_eq!(world.make_shared_folder(&lock), Ok(()));
    }

    #[test]
    fn without_quorum_nothing_can_be_written() {
        let mut world = world();
        world.power("pve2", false);
        world.power("pve3", false);
        let path = "/etc/pve/ha/fence.cfg";
        world.write_shared(path, "").unwrap();
        let mode = |world: &World, path: &str| world.stat_shared(&format!("{ROOT}{path}")).unwrap().mode;
        // corosync notices after 7 s; for another 5 s pmxcfs shows nothing of it.
        world.advance(9.0);
        assert_eq!(world.make_shared_folder("/etc/pve/x"), Err(Errno::Busy));
        assert_eq!(world.touch_shared(path, 1.0), Err(Errno::Denied));
        assert_eq!([mode(&world, "/ha"), mode(&world, "/priv"), mode(&world, "/ha/fence.cfg")], [0o755, 0o700, 0o640]);
        world.advance(5.0);
        assert_eq!(world.write_shared(path, "x"), Err(Errno::Denied));
        assert_eq!(world.make_shared_folder("/etc/pve/x"), Err(Errno::Denied));
        for (path, expected) in [
            ("", 0o755),
            ("/ha", 0o555),
            ("/nodes", 0o555),
            ("/nodes/pve1", 0o555),
            ("/priv", 0o500),
            ("/priv/lock", 0o500),
            ("/ha/fence.cfg", 0o440),
        ] {
            assert_eq!(mode(&world, path), expected, "{path}");
        }
        world.power("pve2", true);
        world.advance(1.0);
        assert_eq!((world.write_shared(path, "x"), mode(&world, "/priv")), (Ok(()), 0o700));
    }

    #[test]
    fn only_what_is_below_priv_is_private() {
        let mut world = world();
        for (path, mode) in [("priv/x", 0o600), ("nodes/pve1/priv/x", 0o600), ("private", 0o640), ("ha/priv", 0o640)] {
            let path = format!("{ROOT}/{path}");
            world.write_shared(&path, "x").unwrap();
            assert_eq!(world.stat_shared(&path).map(|stat| stat.mode), Some(mode), "{path}");
        }
    }

    #[test]
    fn a_rename_replaces_and_a_file_has_a_limit() {
        let mut world = world();
        world.write_shared("/etc/pve/ha/a", "new").unwrap();
        world.write_shared("/etc/pve/ha/b", "old").unwrap();
        world.rename_shared("/etc/pve/ha/a", "/etc/pve/ha/b").unwrap();
        assert_eq!(world.rename_shared("/etc/pve/ha/b", "/etc/pve/ha/b"), Ok(()));
        assert_eq!((world.file_opt("/etc/pve/ha/a"), world.file_opt("/etc/pve/ha/b")), (None, Some("new")));
        let much = "x".repeat(MAX_SIZE + 1);
        assert_eq!(world.write_shared("/etc/pve/ha/b", &much), Err(Errno::TooLarge));
        assert_eq!(world.write_shared("/etc/pve/nosuch/b", "x"), Err(Errno::NotFound));
    }
}
