//! The machines themselves: local files, services, packages, the watchdog. Machines are the nodes, and hosts
//! outside the cluster on which a QDevice's network daemon can run.
//!
//! Invariant: nothing below `/etc/pve` is here; that is the cluster's.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use serde::{Deserialize, Serialize};

use super::corosync::{AUTHKEY, LOCAL_CONF};
use super::disk::Disk;
use super::{Node, Profile, Pve, World};

/// Where a node keeps the certificates its QDevice connects with.
pub const QDEVICE_STORE: &str = "/etc/corosync/qdevice/net/nssdb";
/// Where corosync-qnetd keeps its own.
pub const QNETD_STORE: &str = "/etc/corosync/qnetd/nssdb";
/// The public key of root on a node.
pub const PUBLIC_KEY: &str = "/root/.ssh/id_rsa.pub";
/// The file with the module that watchdog-mux loads.
pub const HA_DEFAULTS: &str = "/etc/default/pve-ha-manager";

const HA_DEFAULTS_TEXT: &str = "# select watchdog module (default is softdog)\n#WATCHDOG_MODULE=ipmi_watchdog\n";

/// The watchdog drivers of the kernels of Proxmox VE.
pub const WATCHDOG_MODULES: [&str; 8] =
    ["softdog", "ipmi_watchdog", "iTCO_wdt", "hpwdt", "sp5100_tco", "wdat_wdt", "i6300esb", "ib700wdt"];

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Machine {
    pub name: String,
    pub address: String,
    /// Its addresses in other networks.
    #[serde(default)]
    pub more_addresses: Vec<String>,
    /// Whether it is a node of the cluster.
    pub is_node: bool,
    /// Whether it has power and network; a node's power is the node's.
    pub reachable: bool,
    pub disk: Disk,
    pub units: BTreeMap<String, Unit>,
    /// Its packages with their versions.
    pub packages: BTreeMap<String, String>,
    /// The watchdog module that has been loaded since it booted.
    pub watchdog: Option<String>,
    #[serde(default)]
    pub kernel: Kernel,
    /// The command lines of the programs that hang.
    #[serde(skip)]
    pub processes: BTreeSet<String>,
    /// The units that `systemd-run` has made.
    #[serde(skip)]
    pub transient: BTreeMap<String, Transient>,
    /// The nodes whose root may log in as root without a password; nodes trust each other.
    pub trusts: BTreeSet<String>,
    /// Whether other users than root may use sudo without a password.
    pub sudo: bool,
}

/// The kernels of a machine, by their releases, such as `6.17.2-1-pve`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kernel {
    pub running: String,
    /// What the next boot starts.
    pub installed: String,
    /// A newer one that apt finds.
    pub available: Option<String>,
}

/// The file that is there while a reboot is due; it does not outlive one.
pub const REBOOT_REQUIRED: &str = "/run/reboot-required";

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unit {
    pub active: bool,
    /// It is started at boot.
    pub enabled: bool,
}

/// A command that runs without a session.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Transient {
    /// When it ends.
    pub ends: f64,
    /// Its exit code then.
    pub exit: i32,
}

impl Machine {
    /// A node as it is installed.
    #[must_use]
    pub fn node(node: &Node, profile: &Profile, now: f64) -> Self {
        let mut machine = Self::bare(&node.name, &node.address, now);
        machine.is_node = true;
        machine.disk.write(HA_DEFAULTS, HA_DEFAULTS_TEXT, now);
        machine.disk.write("/etc/hostname", &format!("{}\n", node.name), now);
        machine.disk.make_dirs("/etc/corosync/qdevice/net", now);
        machine.disk.write(AUTHKEY, "key\n", now);
        machine.disk.write(LOCAL_CONF, "", now);
        machine.disk.make_dirs("/root/.ssh", now);
        machine.disk.write(PUBLIC_KEY, &format!("ssh-rsa {} root@{}\n", public_key(&node.name), node.name), now);
        for unit in
            ["corosync", "pve-cluster", "pve-ha-crm", "pve-ha-lrm", "pvedaemon", "pveproxy", "pvestatd", "watchdog-mux"]
        {
            machine.set_unit(unit, true, true);
        }
        // Debian's package starts nothing before it is configured.
        machine.set_unit("corosync-qdevice", false, false);
        machine.install(profile);
        let kernel = if profile.pve == Pve::V8 { "6.8.12-15-pve" } else { "6.17.2-1-pve" };
        machine.install_kernel(kernel, now);
        machine.kernel.available = next_kernel(kernel);
        machine.boot();
        machine
    }

    /// Installs a kernel, which the next boot starts.
    pub fn install_kernel(&mut self, release: &str, now: f64) {
        self.disk.write(&format!("/boot/vmlinuz-{release}"), "", now);
        self.packages.insert(format!("proxmox-kernel-{release}-signed"), release.trim_end_matches("-pve").to_owned());
        release.clone_into(&mut self.kernel.installed);
        if !self.kernel.running.is_empty() && self.kernel.running != release {
            self.disk.write(REBOOT_REQUIRED, "*** System restart required ***\n", now);
            self.disk.write(&format!("{REBOOT_REQUIRED}.pkgs"), &format!("proxmox-kernel-{release}-signed\n"), now);
        }
    }

    /// The packages of a release, in place of the installed ones.
    pub fn install(&mut self, profile: &Profile) {
        let (cluster, corosync, agents) = match profile.pve {
            Pve::V8 => ("8.1.2", "3.1.9-pve1", "4.12.1-2~deb12u1"),
            Pve::V9 => ("9.1.6", "3.1.9-pve2", "4.16.0-3"),
        };
        let packages = [
            ("pve-manager", profile.version.as_str()),
            ("pve-ha-manager", profile.ha_manager.as_str()),
            ("pve-cluster", cluster),
            ("corosync", corosync),
            ("corosync-qdevice", "3.0.3-2"),
            ("fence-agents", agents),
            ("openssh-server", "1:10.0p1-7"),
        ];
        self.packages.extend(packages.map(|(name, version)| (name.to_owned(), version.to_owned())));
    }

    /// A host outside the cluster that is ready to be a QDevice's: corosync-qnetd runs, root of every node may log in.
    #[must_use]
    pub fn qnetd(address: &str, nodes: impl IntoIterator<Item = String>, now: f64) -> Self {
        let mut machine = Self::bare("qnetd", address, now);
        machine.trusts = nodes.into_iter().collect();
        machine.packages.insert("corosync-qnetd".to_owned(), "3.0.3-2".to_owned());
        machine.packages.insert("openssh-server".to_owned(), "1:10.0p1-7".to_owned());
        machine.set_unit("corosync-qnetd", true, true);
        machine.disk.make_dirs(QNETD_STORE, now);
        machine.disk.write(&format!("{QNETD_STORE}/qnetd-cacert.crt"), "-----BEGIN CERTIFICATE-----\n", now);
        machine
    }

    fn bare(name: &str, address: &str, now: f64) -> Self {
        let mut disk = Disk::default();
        for folder in ["/etc/default", "/root", "/tmp", "/home/terraform", "/dev", "/run", "/var/lib", "/var/lock"] {
            disk.make_dirs(folder, now);
        }
        Self {
            name: name.to_owned(),
            address: address.to_owned(),
            more_addresses: Vec::new(),
            is_node: false,
            reachable: true,
            disk,
            units: BTreeMap::from([("ssh".to_owned(), Unit { active: true, enabled: true })]),
            packages: BTreeMap::new(),
            watchdog: None,
            kernel: Kernel::default(),
            processes: BTreeSet::new(),
            transient: BTreeMap::new(),
            trusts: BTreeSet::new(),
            sudo: true,
        }
    }

    /// Whether an address is one of its own.
    #[must_use]
    pub fn has_address(&self, address: &str) -> bool {
        self.address == address || self.more_addresses.iter().any(|other| other == address)
    }

    /// Makes a node one that is in no cluster: there is no key, and corosync has nothing to start with.
    pub fn leave_alone(&mut self) {
        for path in [AUTHKEY, LOCAL_CONF] {
            self.disk.remove_tree(path);
        }
        self.set_unit("corosync", false, true);
    }

    /// Whether a service runs.
    #[must_use]
    pub fn is_active(&self, unit: &str) -> bool {
        self.units.get(unit).is_some_and(|unit| unit.active)
    }

    /// Puts a service into a state.
    pub fn set_unit(&mut self, unit: &str, active: bool, enabled: bool) {
        self.units.insert(unit.to_owned(), Unit { active, enabled });
    }

    /// What happens at boot: services that are enabled start, watchdog-mux loads its module.
    pub fn boot(&mut self) {
        self.processes.clear();
        self.transient.clear();
        self.kernel.running.clone_from(&self.kernel.installed);
        self.disk.remove_tree(REBOOT_REQUIRED);
        self.disk.remove_tree(&format!("{REBOOT_REQUIRED}.pkgs"));
        for unit in self.units.values_mut() {
            unit.active = unit.enabled;
        }
        // corosync.service has `ConditionPathExists=/etc/corosync/corosync.conf`.
        if self.is_node && self.disk.read(LOCAL_CONF).is_none() {
            self.set_unit("corosync", false, true);
        }
        if self.is_node {
            let configured = self.watchdog_configured();
            self.watchdog = WATCHDOG_MODULES.contains(&configured.as_str()).then_some(configured);
            // Without a device watchdog-mux ends.
            if self.watchdog.is_none() {
                self.set_unit("watchdog-mux", false, true);
            }
        }
    }

    /// The module that `/etc/default/pve-ha-manager` names; systemd reads it as assignments, the last one counts.
    #[must_use]
    pub fn watchdog_configured(&self) -> String {
        let text = self.disk.read(HA_DEFAULTS).unwrap_or_default();
        let mut assigned = text.lines().rev().filter_map(|line| line.trim().strip_prefix("WATCHDOG_MODULE="));
        let last = assigned.next().map(|value| value.trim().trim_matches(['"', '\'']));
        last.filter(|value| !value.is_empty()).unwrap_or("softdog").to_owned()
    }
}

/// The key of root on a node, as good as any other.
fn public_key(node: &str) -> String {
    base64::engine::general_purpose::STANDARD.encode(format!("ssh-rsa key of root on {node}"))
}

/// The next build of a kernel: `6.17.2-1-pve` becomes `6.17.2-2-pve`.
#[must_use]
pub fn next_kernel(release: &str) -> Option<String> {
    let (version, build) = release.strip_suffix("-pve")?.rsplit_once('-')?;
    let build: u32 = build.parse().ok()?;
    Some(format!("{version}-{}-pve", build + 1))
}

impl World {
    /// The machine with that name or address.
    #[must_use]
    pub fn machine_at(&self, name: &str) -> Option<&Machine> {
        self.machines.get(name).or_else(|| self.machines.values().find(|machine| machine.address == name))
    }

    /// Whether a machine has power and network.
    #[must_use]
    pub fn is_reachable(&self, machine: &Machine) -> bool {
        machine.reachable && (!machine.is_node || self.is_up(&machine.name))
    }

    /// A node boots again: services that are enabled, the watchdog module that is configured now.
    pub fn reboot(&mut self, node: &str) {
        self.power(node, false);
        self.power(node, true);
    }

    /// The machines of a cluster that was just installed.
    pub(super) fn install_machines(&mut self) {
        let now = self.clock.now();
        let mut machines: BTreeMap<String, Machine> =
            self.nodes.values().map(|node| (node.name.clone(), Machine::node(node, &self.profile, now))).collect();
        let network = self.nodes.values().next().and_then(|node| node.address.rsplit_once('.'));
        if let Some((network, _)) = network {
            let address = format!("{network}.100");
            let host = Machine::qnetd(&address, self.nodes.keys().cloned(), now);
            machines.insert(address, host);
        }
        self.machines = machines;
        for node in self.nodes.keys().cloned().collect::<Vec<_>>() {
            self.trust_root_of(&node);
        }
        if self.standalone {
            self.machines.retain(|_, machine| machine.is_node);
            self.machines.values_mut().for_each(Machine::leave_alone);
        } else {
            self.keep_local_copies();
        }
    }
}
