//! The cluster as Proxmox's answers show it, as far as a simulation needs it.

use std::collections::{BTreeMap, BTreeSet};

use pve_schemas::data::Quorum;
use pve_schemas::value::{Entry, HaMode};
use serde_json::Value as Json;

use pve_ha_manager::config::Scheduler;

use super::config::HaConfig;
use super::replicas::Replica;

/// A cluster at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct SimulatedCluster {
    /// How it binds HA resources to nodes.
    pub mode: HaMode,
    pub config: HaConfig,
    /// The HA manager's own status, as answered.
    pub manager: Json,
    /// Whether running guests without HA load a node in the manager's eyes.
    pub counts_bystanders: bool,
    /// Members and votes.
    pub quorum: Quorum,
    /// The nodes, by name.
    pub nodes: Vec<NodeFact>,
    /// All guests by HA resource id.
    pub guests: BTreeMap<String, Guest>,
    /// The storages as configured; none if they can't be read.
    pub storages: Option<Vec<Storage>>,
    /// Copies of guests on other nodes, by guest number; none if the jobs can't be read.
    pub replicas: Option<Vec<Replica>>,
    /// How nodes are scored.
    pub crs: Crs,
    /// What the user may not see.
    pub hidden: Hidden,
}

/// What Proxmox leaves out of its lists because the user may not see it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hidden {
    /// HA resources whose guests have no VM.Audit for the user.
    pub services: BTreeSet<String>,
    /// There may be other guests.
    pub others: bool,
    /// Nodes without Sys.Audit for the user, whose sizes are left out.
    pub nodes: BTreeSet<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct NodeFact {
    pub name: String,
    /// It is a member right now.
    pub online: bool,
    /// Its processors, if known.
    pub cpus: Option<f64>,
    /// Its memory in bytes, if known.
    pub memory: Option<u64>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Guest {
    /// What it is called as HA resource.
    pub sid: String,
    pub vmid: u64,
    pub name: Option<String>,
    /// The node that has its configuration.
    pub node: String,
    pub running: bool,
    /// It is a template.
    pub template: bool,
    /// Its processors as configured.
    pub cpus: f64,
    /// Its memory in bytes as configured.
    pub memory: u64,
    pub tags: Vec<String>,
    pub pool: Option<String>,
    pub volumes: Volumes,
}

/// The disks of a guest.
#[derive(Clone, Debug, PartialEq)]
pub enum Volumes {
    /// As its configuration names them.
    Known(Vec<Volume>),
    /// Its configuration could not be read, and why.
    Unknown(String),
}

/// A disk in a guest's configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    /// Its key, such as `scsi0`.
    pub key: String,
    /// What it is: `local-zfs:vm-100-disk-0`, or a path of the node.
    pub source: String,
    /// It is a CD.
    pub cdrom: bool,
    /// Replication leaves it out.
    pub skipped: bool,
    /// The administrator vouches that it is on all nodes.
    pub vouched: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Storage {
    pub id: String,
    /// All nodes see the same content.
    pub shared: bool,
    /// It is switched on.
    pub enabled: bool,
    /// The nodes that have it; none means all.
    pub nodes: Option<Vec<String>>,
    /// What it may hold.
    pub content: Vec<String>,
    /// The nodes on which it is available right now.
    pub active: Vec<String>,
}

/// `crs` of the datacenter options.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Crs {
    /// `basic`, `static` or `dynamic`.
    pub mode: Option<String>,
    /// A node is chosen anew when a service starts.
    pub rebalance_on_start: bool,
}

impl Crs {
    /// From the answer of `/cluster/options`.
    pub fn from_options(options: &Json) -> Self {
        let crs = Entry(&options["crs"]);
        Self { mode: crs.text("ha"), rebalance_on_start: crs.flag("ha-rebalance-on-start").unwrap_or(false) }
    }

    pub fn weighs(&self) -> bool {
        self.scheduler() == Scheduler::Static
    }

    /// Measured loads are weighed.
    pub fn is_dynamic(&self) -> bool {
        self.mode.as_deref() == Some("dynamic")
    }

    pub(super) fn scheduler(&self) -> Scheduler {
        match self.mode.as_deref() {
            Some("static") => Scheduler::Static,
            Some("dynamic") => Scheduler::Dynamic,
            _ => Scheduler::Basic,
        }
    }
}

impl SimulatedCluster {
    /// Whether `node` is a member right now.
    pub fn is_online(&self, node: &str) -> bool {
        self.nodes.iter().any(|fact| fact.name == node && fact.online)
    }
}

impl NodeFact {
    /// The nodes of `/cluster/resources`, and whether `/cluster/status` has them online; by name.
    pub fn all(resources: &[Json], quorum: &Quorum) -> Vec<Self> {
        let row = |name: &str| resources.iter().find(|row| row["type"] == "node" && row["node"] == name).map(Entry);
        quorum
            .nodes
            .iter()
            .map(|node| Self {
                name: node.name.clone(),
                online: node.online,
                cpus: row(&node.name).and_then(|row| row.number("maxcpu")),
                memory: row(&node.name).and_then(|row| row.integer("maxmem")).and_then(|bytes| bytes.try_into().ok()),
            })
            .collect()
    }
}

impl Guest {
    /// Its type in paths of the API.
    pub fn kind(&self) -> &'static str {
        if self.sid.starts_with("ct:") { "lxc" } else { "qemu" }
    }

    /// The guests of `/cluster/resources`, their disks not read yet.
    pub fn all(resources: &[Json]) -> BTreeMap<String, Self> {
        let guests = resources.iter().filter_map(Self::from_row);
        guests.map(|guest| (guest.sid.clone(), guest)).collect()
    }

    /// The guests in a node's own list of VMs (`qemu`) or containers (`lxc`), whose rows name neither node nor type.
    pub fn of_node(node: &str, kind: &str, rows: &[Json]) -> Vec<Self> {
        let whole = rows.iter().filter_map(|row| {
            let mut row = row.clone();
            let members = row.as_object_mut()?;
            members.insert("node".to_owned(), node.into());
            members.insert("type".to_owned(), kind.into());
            // What the list of the cluster calls so.
            if let Some(cpus) = members.get("cpus").cloned() {
                members.insert("maxcpu".to_owned(), cpus);
            }
            Some(row)
        });
        whole.filter_map(|row| Self::from_row(&row)).collect()
    }

    fn from_row(row: &Json) -> Option<Self> {
        let kind = match row["type"].as_str()? {
            "qemu" => "vm",
            "lxc" => "ct",
            _ => return None,
        };
        let row = Entry(row);
        let vmid = u64::try_from(row.integer("vmid")?).ok()?;
        Some(Self {
            sid: format!("{kind}:{vmid}"),
            vmid,
            name: row.text("name"),
            node: row.text("node")?,
            running: row.text("status").as_deref() == Some("running"),
            template: row.flag("template").unwrap_or(false),
            cpus: row.number("maxcpu").unwrap_or(0.0),
            memory: row.integer("maxmem").and_then(|bytes| bytes.try_into().ok()).unwrap_or(0),
            tags: words(&row.text("tags").unwrap_or_default()),
            pool: row.text("pool"),
            volumes: Volumes::Unknown("its configuration was not read".to_owned()),
        })
    }
}

impl Volumes {
    /// The disks in the answer of a guest's `config`.
    pub fn from_config(config: &Json) -> Self {
        let members = config.as_object().into_iter().flatten();
        let disks =
            members.filter(|(key, _)| is_disk(key)).filter_map(|(key, value)| Volume::new(key, value.as_str()?));
        Self::Known(disks.collect())
    }
}

impl Volume {
    fn new(key: &str, text: &str) -> Option<Self> {
        let mut parts = text.split(',');
        let source = parts.next().unwrap_or_default();
        let source = source.strip_prefix("file=").or(source.strip_prefix("volume=")).unwrap_or(source).to_owned();
        let options: Vec<&str> = parts.collect();
        let has = |option: &str| options.contains(&option);
        if source == "none" || source == "cdrom" || is_cloudinit(&source) {
            return None;
        }
        Some(Self {
            key: key.to_owned(),
            cdrom: has("media=cdrom"),
            skipped: has("replicate=0") || has("replicate=no"),
            vouched: has("shared=1"),
            source,
        })
    }

    /// The storage it is on; none for a path of the node.
    pub fn storage(&self) -> Option<&str> {
        if self.source.starts_with('/') { None } else { self.source.split_once(':').map(|(storage, _)| storage) }
    }
}

/// Whether it is cloud-init's disk, which is made anew on each start: `nfs:100/vm-100-cloudinit.qcow2`, or `nfs:cloudinit`
/// before the first. A storage may be called so, too.
fn is_cloudinit(source: &str) -> bool {
    let name = source.rsplit([':', '/']).next().unwrap_or_default();
    let stem = name.split_once('.').map_or(name, |(stem, _)| stem);
    let of_guest = stem.strip_prefix("vm-").and_then(|rest| rest.strip_suffix("-cloudinit"));
    stem == "cloudinit" || of_guest.is_some_and(|vmid| vmid.parse::<u64>().is_ok())
}

fn is_disk(key: &str) -> bool {
    let stem = key.trim_end_matches(|c: char| c.is_ascii_digit());
    key == "rootfs"
        || (key != stem && matches!(stem, "scsi" | "virtio" | "ide" | "sata" | "efidisk" | "tpmstate" | "mp"))
}

impl Storage {
    /// The entries of `/storage`, with what `/cluster/resources` says of each node.
    pub fn all(storages: &Json, resources: &[Json]) -> Vec<Self> {
        let entries = storages.as_array().into_iter().flatten();
        entries.filter_map(|entry| Self::from_entry(Entry(entry), resources)).collect()
    }

    fn from_entry(entry: Entry<'_>, resources: &[Json]) -> Option<Self> {
        let id = entry.text("storage")?;
        let rows = resources.iter().filter(|row| row["type"] == "storage" && row["storage"] == id.as_str());
        let active = rows.filter(|row| row["status"] == "available").filter_map(|row| row["node"].as_str());
        Some(Self {
            shared: entry.flag("shared").unwrap_or(false),
            enabled: !entry.flag("disable").unwrap_or(false),
            nodes: entry.text("nodes").map(|nodes| words(&nodes)),
            content: words(&entry.text("content").unwrap_or_default()),
            active: active.map(str::to_owned).collect(),
            id,
        })
    }

    /// Whether `node` has it.
    pub fn is_on(&self, node: &str) -> bool {
        self.enabled && self.nodes.as_ref().is_none_or(|nodes| nodes.iter().any(|one| one == node))
    }

    /// Whether it is available on `node` right now.
    pub fn is_active_on(&self, node: &str) -> bool {
        self.is_on(node) && self.active.iter().any(|one| one == node)
    }
}

fn words(list: &str) -> Vec<String> {
    let mut words: Vec<String> =
        list.split([',', ';', ' ']).filter(|word| !word.is_empty()).map(str::to_owned).collect();
    words.sort();
    words
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn disks_are_those_that_a_start_needs() {
        let config = json!({"scsi0": "local-zfs:vm-100-disk-0,size=8G", "scsi1": "local-zfs:vm-100-disk-1,replicate=0",
            "ide2": "local:iso/debian.iso,media=cdrom", "ide3": "none,media=cdrom", "scsihw": "virtio-scsi-single",
            "ide0": "local-zfs:vm-100-cloudinit,media=cdrom", "unused0": "local-zfs:vm-100-disk-9", "mp0": "/srv,mp=/srv,shared=1",
            "efidisk0": "file=nfs:100/vm-100-disk-0.qcow2", "cores": 2});
        let Volumes::Known(volumes) = Volumes::from_config(&config) else { panic!("known") };
        let shown: Vec<_> =
            volumes.iter().map(|v| (v.key.as_str(), v.storage(), v.cdrom, v.skipped, v.vouched)).collect();
        assert_eq!(
            shown,
            [
                ("scsi0", Some("local-zfs"), false, false, false),
                ("scsi1", Some("local-zfs"), false, true, false),
                ("ide2", Some("local"), true, false, false),
                ("mp0", None, false, false, true),
                ("efidisk0", Some("nfs"), false, false, false),
            ]
        );
    }

    #[test]
    fn only_the_volume_tells_cloud_inits_disk() {
        let made_anew = ["zfs:cloudinit", "zfs:vm-100-cloudinit", "nfs:100/vm-100-cloudinit.qcow2"];
        assert!(made_anew.iter().all(|source| is_cloudinit(source)));
        let kept = ["cloudinit-zfs:vm-100-disk-0", "local:iso/cloudinit-tools.iso", "/srv/cloudinit/vm-100-disk-0.raw"];
        assert!(!kept.iter().any(|source| is_cloudinit(source)));
    }

    #[test]
    fn a_storage_is_where_it_is_configured_and_available_where_proxmox_says_so() {
        let rows = [
            json!({"type": "storage", "storage": "nfs", "node": "pve1", "status": "available"}),
            json!({"type": "storage", "storage": "nfs", "node": "pve2", "status": "unknown"}),
        ];
        let answer = json!([{"storage": "nfs", "shared": 1, "nodes": "pve2,pve1", "content": "images,backup"}]);
        let storage = Storage::all(&answer, &rows).remove(0);
        assert!(storage.shared && storage.is_on("pve2") && !storage.is_on("pve3"));
        assert!(storage.is_active_on("pve1") && !storage.is_active_on("pve2"));
    }

    #[test]
    fn a_node_lists_its_own_guests_without_its_name() {
        let rows = [json!({"vmid": "101", "status": "running", "cpus": 2, "maxmem": 1024})];
        let guest = Guest::of_node("pve1", "lxc", &rows).remove(0);
        assert_eq!((guest.sid.as_str(), guest.node.as_str(), guest.running), ("ct:101", "pve1", true));
        assert_eq!((guest.cpus, guest.memory), (2.0, 1024));
    }

    #[test]
    fn guests_are_known_by_their_ha_id() {
        let rows = [
            json!({"type": "lxc", "vmid": 101, "node": "pve1", "status": "running", "maxcpu": 2, "maxmem": 1024,
            "tags": "b;a", "name": "x"}),
            json!({"type": "node", "node": "pve1"}),
        ];
        let guests = Guest::all(&rows);
        assert_eq!(guests.keys().collect::<Vec<_>>(), ["ct:101"]);
        assert!(guests["ct:101"].running && guests["ct:101"].tags == ["a", "b"]);
    }
}
