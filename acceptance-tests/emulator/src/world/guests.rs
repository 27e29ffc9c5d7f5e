//! Virtual machines and containers.

use serde::{Deserialize, Serialize};

use super::World;
use super::files::sha1_hex;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum GuestKind {
    Qemu,
    Lxc,
}

impl GuestKind {
    /// `qemu` or `lxc`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            GuestKind::Qemu => "qemu",
            GuestKind::Lxc => "lxc",
        }
    }

    /// The prefix of an HA resource id: `vm` or `ct`.
    #[must_use]
    pub fn ha_type(self) -> &'static str {
        match self {
            GuestKind::Qemu => "vm",
            GuestKind::Lxc => "ct",
        }
    }

    /// The word in task logs: `VM` or `CT`.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            GuestKind::Qemu => "VM",
            GuestKind::Lxc => "CT",
        }
    }

    /// The folder of its configuration below `/etc/pve/nodes/NODE`.
    #[must_use]
    pub fn folder(self) -> &'static str {
        match self {
            GuestKind::Qemu => "qemu-server",
            GuestKind::Lxc => "lxc",
        }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Guest {
    pub vmid: u32,
    pub kind: GuestKind,
    /// Where its configuration lies.
    pub node: String,
    pub name: String,
    pub cores: u32,
    /// Memory in MiB.
    pub memory: u64,
    /// Swap in MiB (containers).
    pub swap: u64,
    /// Size of the first disk in bytes.
    pub disk: u64,
    /// Whether it is a template.
    pub template: bool,
    /// Its tags, `;` separated.
    pub tags: String,
    /// The lines of its configuration file, in order.
    pub config: Vec<(String, String)>,
    /// Running since, if it runs.
    pub running_since: Option<f64>,
    /// It runs, and its CPUs are paused.
    #[serde(default)]
    pub paused: bool,
    /// Every start fails.
    pub start_fails: bool,
}

impl Guest {
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.running_since.is_some()
    }

    /// `running` or `stopped`.
    #[must_use]
    pub fn status(&self) -> &'static str {
        if self.is_running() { "running" } else { "stopped" }
    }

    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.paused && self.is_running()
    }

    /// It does not run any more.
    pub fn stopped(&mut self) {
        self.running_since = None;
        self.paused = false;
    }

    /// The value of a line of its configuration.
    #[must_use]
    pub fn option(&self, key: &str) -> Option<&str> {
        self.config.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// Whether it starts together with its node.
    #[must_use]
    pub fn starts_at_boot(&self) -> bool {
        self.option("onboot") == Some("1") && !self.template
    }

    /// The HA resource id it would have.
    #[must_use]
    pub fn sid(&self) -> String {
        format!("{}:{}", self.kind.ha_type(), self.vmid)
    }

    /// Its volumes: key and value of every disk line, e.g. `scsi0`, `local-zfs:vm-100-disk-0,size=4G`.
    pub fn volumes(&self) -> impl Iterator<Item = (&str, &str)> {
        self.config.iter().filter(|(key, _)| is_disk(self.kind, key)).map(|(k, v)| (k.as_str(), v.as_str()))
    }

    /// The text of its configuration file.
    #[must_use]
    pub fn config_text(&self) -> String {
        self.config.iter().map(|(key, value)| format!("{key}: {value}\n")).collect()
    }

    /// The digest of its configuration.
    #[must_use]
    pub fn digest(&self) -> String {
        sha1_hex(self.config_text().as_bytes())
    }
}

fn is_disk(kind: GuestKind, key: &str) -> bool {
    let stem = key.trim_end_matches(|c: char| c.is_ascii_digit());
    match kind {
        GuestKind::Qemu => key != stem && matches!(stem, "scsi" | "virtio" | "ide" | "sata" | "efidisk" | "tpmstate"),
        GuestKind::Lxc => key == "rootfs" || (key != stem && stem == "mp"),
    }
}

impl World {
    /// The guest of an HA resource id such as `vm:100`.
    #[must_use]
    pub fn guest_of_sid(&self, sid: &str) -> Option<&Guest> {
        let (kind, id) = sid.split_once(':')?;
        self.guests.get(&id.parse().ok()?).filter(|g| g.kind.ha_type() == kind)
    }

    /// Starts a guest at once. False if it cannot start.
    pub fn start_guest(&mut self, vmid: u32) -> bool {
        let now = self.clock.now();
        match self.guests.get_mut(&vmid) {
            Some(guest) if !guest.start_fails => {
                guest.running_since.get_or_insert(now);
                true
            }
            _ => false,
        }
    }

    /// `check_lock`: a guest that is migrated is locked.
    ///
    /// # Errors
    /// `VM is locked (migrate)`
    pub fn check_guest_lock(&self, vmid: u32) -> Result<(), String> {
        let label = self.guests.get(&vmid).map_or("VM", |guest| guest.kind.label());
        if self.tasks.migrates(vmid) { Err(format!("{label} is locked (migrate)")) } else { Ok(()) }
    }

    /// Stops a guest at once.
    pub fn stop_guest(&mut self, vmid: u32) {
        if let Some(guest) = self.guests.get_mut(&vmid) {
            guest.stopped();
        }
    }

    /// Pauses or resumes the CPUs of a VM.
    pub fn pause_guest(&mut self, vmid: u32, paused: bool) {
        if let Some(guest) = self.guests.get_mut(&vmid) {
            guest.paused = paused && guest.is_running();
        }
    }

    /// Moves a guest's configuration to another node; a running guest keeps running there.
    pub fn move_guest(&mut self, vmid: u32, node: &str) {
        if let Some(guest) = self.guests.get_mut(&vmid) {
            guest.node = node.to_owned();
        }
    }

    pub fn remove_guest(&mut self, vmid: u32) -> Option<Guest> {
        self.guests.remove(&vmid)
    }
}
