//! The file system of a machine: `/etc/pve` is the cluster's, everything else its own.

use super::Host;
use crate::world::World;
use crate::world::disk::Entry;
use crate::world::errno::Errno;
use crate::world::pmxcfs::{Stat, parent};

impl Host<'_> {
    /// The path without dots and double slashes; `/etc/pve/local` and its like lead to the node's own folder.
    pub(super) fn resolve(&self, path: &str) -> String {
        let path = if path.starts_with('/') { path.to_owned() } else { format!("{}/{path}", self.home()) };
        let mut parts: Vec<&str> = Vec::new();
        for part in path.split('/') {
            match part {
                "" | "." => {}
                ".." => drop(parts.pop()),
                other => parts.push(other),
            }
        }
        let path = format!("/{}", parts.join("/"));
        if !self.is_node() {
            return path;
        }
        let own = format!("/etc/pve/nodes/{}", self.machine);
        for (link, target) in [
            ("/etc/pve/local", own.clone()),
            ("/etc/pve/qemu-server", format!("{own}/qemu-server")),
            ("/etc/pve/lxc", format!("{own}/lxc")),
        ] {
            if let Some(rest) = path.strip_prefix(link).filter(|rest| rest.is_empty() || rest.starts_with('/')) {
                return format!("{target}{rest}");
            }
        }
        path
    }

    /// The text of a file.
    pub(super) fn read(&self, path: &str) -> Result<String, Errno> {
        let path = self.resolve(path);
        let stat = self.stat(&path)?;
        if stat.is_folder {
            return Err(Errno::IsFolder);
        }
        if !self.is_root() && stat.mode & 0o004 == 0 {
            return Err(Errno::Denied);
        }
        if let Some(text) = self.kernel_file(&path) {
            return Ok(text);
        }
        let text = if self.is_shared(&path) {
            self.world.read_shared(&path)
        } else {
            self.here().disk.read(&path).map(str::to_owned)
        };
        text.ok_or(Errno::NotFound)
    }

    pub(super) fn write(&mut self, path: &str, text: &str) -> Result<(), Errno> {
        let path = self.resolve(path);
        self.may_write(&path)?;
        if self.is_shared(&path) {
            return self.world.write_shared(&path, text);
        }
        if self.here().disk.is_dir(&path) {
            return Err(Errno::IsFolder);
        }
        if !self.here().disk.is_dir(parent(&path)) {
            return Err(Errno::NotFound);
        }
        let now = self.world.clock.now();
        if let Some(machine) = self.here_mut() {
            machine.disk.write(&path, text, now);
        }
        Ok(())
    }

    pub(super) fn make_folder(&mut self, path: &str) -> Result<(), Errno> {
        let path = self.resolve(path);
        if self.stat(&path).is_ok() {
            return Err(Errno::Exists);
        }
        self.may_write(&path)?;
        if self.is_shared(&path) {
            return self.world.make_shared_folder(&path);
        }
        if !self.here().disk.is_dir(parent(&path)) {
            return Err(Errno::NotFound);
        }
        let now = self.world.clock.now();
        if let Some(machine) = self.here_mut() {
            machine.disk.make_dirs(&path, now);
        }
        Ok(())
    }

    /// Removes a file, or an empty folder.
    pub(super) fn remove(&mut self, path: &str, folder: bool) -> Result<(), Errno> {
        let path = self.resolve(path);
        let stat = self.stat(&path)?;
        self.may_write(&path)?;
        if self.is_shared(&path) {
            return self.world.remove_shared(&path, folder);
        }
        match (folder, stat.is_folder) {
            (true, false) => return Err(Errno::NotFolder),
            (false, true) => return Err(Errno::IsFolder),
            (true, true) if !self.here().disk.list(&path).is_empty() => return Err(Errno::NotEmpty),
            _ => {}
        }
        if let Some(machine) = self.here_mut() {
            machine.disk.remove(&path);
        }
        Ok(())
    }

    /// Gives a file another name.
    pub(super) fn rename(&mut self, from: &str, to: &str) -> Result<(), Errno> {
        let (from, to) = (self.resolve(from), self.resolve(to));
        self.may_write(&from)?;
        self.may_write(&to)?;
        match (self.is_shared(&from), self.is_shared(&to)) {
            (true, true) => self.world.rename_shared(&from, &to),
            (false, false) => {
                if self.stat(&to).is_ok_and(|stat| stat.is_folder) {
                    return Err(Errno::IsFolder);
                }
                if !self.here().disk.is_dir(parent(&to)) {
                    return Err(Errno::NotFound);
                }
                let entry: Entry =
                    self.here_mut().and_then(|machine| machine.disk.remove(&from)).ok_or(Errno::NotFound)?;
                if let Some(machine) = self.here_mut() {
                    machine.disk.put(&to, entry);
                }
                Ok(())
            }
            // From one file system to the other it is a copy.
            _ => {
                let text = self.read(&from)?;
                self.write(&to, &text)?;
                self.remove(&from, false)
            }
        }
    }

    /// Sets the time of a file, or of a cluster lock.
    pub(super) fn touch(&mut self, path: &str, time: Option<f64>) -> Result<(), Errno> {
        let path = self.resolve(path);
        if self.stat(&path).is_err() {
            return self.write(&path, "");
        }
        self.may_write(&path)?;
        let time = time.unwrap_or_else(|| self.world.clock.now());
        if self.is_shared(&path) {
            return self.world.touch_shared(&path, time);
        }
        if let Some(entry) = self.here_mut().and_then(|machine| machine.disk.entry_mut(&path)) {
            entry.changed = time;
        }
        Ok(())
    }

    /// The properties of a path.
    pub(super) fn stat(&self, path: &str) -> Result<Stat, Errno> {
        let path = self.resolve(path);
        if self.is_shared(&path) {
            if !self.is_root() && path.starts_with("/etc/pve/priv/") {
                return Err(Errno::Denied);
            }
            return self.world.stat_shared(&path).ok_or(Errno::NotFound);
        }
        if let Some(text) = self.kernel_file(&path) {
            return Ok(Stat { is_folder: false, size: text.len(), mode: 0o644, changed: 0.0 });
        }
        if self.is_kernel_folder(&path) {
            return Ok(Stat { is_folder: true, size: 0, mode: 0o755, changed: 0.0 });
        }
        if path == "/" {
            return Ok(Stat { is_folder: true, size: 0, mode: 0o755, changed: 0.0 });
        }
        let entry = self.here().disk.entry(&path).ok_or(Errno::NotFound)?;
        let size = entry.text.as_ref().map_or(4096, String::len);
        Ok(Stat { is_folder: entry.text.is_none(), size, mode: entry.mode, changed: entry.changed })
    }

    /// The names of what is in a folder.
    pub(super) fn list_folder(&self, path: &str) -> Result<Vec<String>, Errno> {
        let path = self.resolve(path);
        if !self.stat(&path)?.is_folder {
            return Err(Errno::NotFolder);
        }
        if self.is_shared(&path) {
            return Ok(self.world.list_shared(&path));
        }
        let mut names = self.here().disk.list(&path);
        names.extend(
            self.kernel_files()
                .into_iter()
                .map(|(file, _)| file.trim_end_matches('/').to_owned())
                .filter(|file| parent(file) == path)
                .filter_map(|file| file.rsplit('/').next().map(str::to_owned)),
        );
        names.sort();
        Ok(names)
    }

    /// Removes whatever is at a path.
    pub(super) fn remove_tree(&mut self, path: &str) -> Result<(), Errno> {
        let path = self.resolve(path);
        if !self.stat(&path)?.is_folder {
            return self.remove(&path, false);
        }
        for name in self.list_folder(&path)? {
            self.remove_tree(&format!("{path}/{name}"))?;
        }
        self.remove(&path, true)
    }

    pub(super) fn is_shared(&self, path: &str) -> bool {
        self.is_node() && World::is_shared_path(path)
    }

    fn may_write(&self, path: &str) -> Result<(), Errno> {
        let own = path.starts_with("/tmp/") || path.starts_with(&format!("/home/{}/", self.user));
        if self.is_root() || own { Ok(()) } else { Err(Errno::Denied) }
    }

    /// What the kernel shows of itself below /proc, /sys and /dev.
    fn kernel_files(&self) -> Vec<(String, String)> {
        let uptime = self.world.nodes.get(&self.machine).map_or(4500.0, |node| self.world.clock.now() - node.since);
        let mut files = vec![
            ("/proc/uptime".to_owned(), format!("{uptime:.2} {uptime:.2}\n")),
            ("/proc/sys/kernel/random/boot_id".to_owned(), format!("{}\n", self.boot_id())),
            ("/proc/modules".to_owned(), self.modules()),
            ("/dev/null".to_owned(), String::new()),
        ];
        if let Some(module) = &self.here().watchdog {
            let identity = match module.as_str() {
                "softdog" => "Software Watchdog",
                "ipmi_watchdog" => "IPMI",
                other => other,
            };
            files.extend([
                (format!("/sys/module/{module}/refcnt"), "2\n".to_owned()),
                ("/dev/watchdog".to_owned(), String::new()),
                ("/dev/watchdog0".to_owned(), String::new()),
                ("/sys/class/watchdog/watchdog0/identity".to_owned(), format!("{identity}\n")),
                ("/sys/class/watchdog/watchdog0/state".to_owned(), "active\n".to_owned()),
                ("/sys/class/watchdog/watchdog0/timeout".to_owned(), "10\n".to_owned()),
                ("/run/watchdog-mux.sock".to_owned(), String::new()),
            ]);
            if self.world.crm.is_watched(&self.machine) {
                // A folder; its being there says that watchdog-mux has clients.
                files.push(("/run/watchdog-mux.active/".to_owned(), String::new()));
            }
        }
        files
    }

    /// Changes with every boot, and only then.
    fn boot_id(&self) -> String {
        let since = self.world.nodes.get(&self.machine).map_or(0.0, |node| node.since);
        let hex = crate::world::files::sha1_hex(format!("{} {since}", self.machine).as_bytes());
        format!("{}-{}-4{}-8{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..32])
    }

    fn kernel_file(&self, path: &str) -> Option<String> {
        let below = ["/proc/", "/sys/", "/dev/", "/run/"];
        if !below.iter().any(|folder| path.starts_with(folder)) {
            return None;
        }
        self.kernel_files().into_iter().find(|(name, _)| name == path).map(|(_, text)| text)
    }

    fn is_kernel_folder(&self, path: &str) -> bool {
        let below = format!("{path}/");
        path.starts_with(['/']) && self.kernel_files().iter().any(|(name, _)| name.starts_with(&below))
    }

    /// `/proc/modules`: the watchdog's, which is in use, and some of every node.
    fn modules(&self) -> String {
        let mut text =
            String::from("fuse 212992 5 - Live 0x0000000000000000\ntcp_diag 12288 0 - Live 0x0000000000000000\n");
        if let Some(module) = &self.here().watchdog {
            text.insert_str(0, &format!("{module} 16384 2 - Live 0x0000000000000000\n"));
        }
        text
    }
}
