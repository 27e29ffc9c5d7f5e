//! The disks of a guest that a migration has to take along.

use crate::world::{Guest, World};

/// A volume or file that a VM's configuration refers to.
pub(super) struct Disk<'g> {
    /// `scsi0`
    pub(super) drive: &'g str,
    /// `local-zfs:vm-100-disk-0`, a path, or `none`
    pub(super) volume: &'g str,
    /// Bytes, if the configuration has it.
    pub(super) size: Option<u64>,
    options: Vec<&'g str>,
}

impl<'g> Disk<'g> {
    /// The disks of a VM or the mount points of a container, and what is left over of such.
    pub(super) fn of(guest: &'g Guest) -> Vec<Self> {
        let unused = guest.config.iter().filter(|(key, _)| is_numbered(key, "unused"));
        let unused = unused.map(|(key, value)| (key.as_str(), value.as_str()));
        guest.volumes().chain(unused).map(|(drive, line)| Self::read(drive, line)).collect()
    }

    fn read(drive: &'g str, line: &'g str) -> Self {
        let mut parts = line.split(',');
        let first = parts.next().unwrap_or_default();
        let volume = ["file=", "volume="].iter().find_map(|key| first.strip_prefix(key)).unwrap_or(first);
        Self { drive, volume, size: crate::world::seed::disk_size(line), options: parts.collect() }
    }

    /// The storage that has the volume; a path or a device has none.
    pub(super) fn storage(&self) -> Option<&'g str> {
        self.volume.split_once(':').map(|(storage, _)| storage).filter(|_| !self.volume.starts_with('/'))
    }

    pub(super) fn has(&self, option: &str) -> bool {
        self.options.contains(&option)
    }

    pub(super) fn is_cdrom(&self) -> bool {
        self.has("media=cdrom") && !self.is_cloudinit()
    }

    pub(super) fn is_cloudinit(&self) -> bool {
        self.volume.ends_with("-cloudinit") || self.volume.contains("-cloudinit.")
    }

    pub(super) fn is_unused(&self) -> bool {
        is_numbered(self.drive, "unused")
    }

    /// Whether only the guest's own node has it.
    pub(super) fn is_local(&self, world: &World) -> bool {
        let shared = self.storage().and_then(|id| world.storage(id)).is_some_and(|storage| storage.is_shared());
        !shared && !self.has("shared=1") && self.volume != "none"
    }
}

/// Whether a key is that word and a number.
pub(super) fn is_numbered(key: &str, word: &str) -> bool {
    let digits = key.strip_prefix(word).unwrap_or_default();
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}
