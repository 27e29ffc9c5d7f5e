//! What Proxmox says of a guest before it moves: which nodes may have it, and what keeps it where it is.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::StreamExt as _;
use futures_util::stream;
use pve_schemas::value::Entry;
use serde_json::Value as Json;

use super::Run;
use super::at_home::ANSWER_TIMEOUT;
use crate::client::{AT_ONCE, ErrorKind, path};
use crate::explain::explain;
use crate::framework::Failure;
use crate::simulation::live::{Guest, SimulatedCluster, Volume, Volumes};
use crate::simulation::{Disk, usable_on};

/// The answer for one guest that is no HA resource.
#[derive(Debug, Clone, Default)]
pub(super) struct Preconditions {
    /// It runs.
    pub(super) running: bool,
    /// The nodes that Proxmox allows; none where it does not say.
    allowed: Option<BTreeSet<String>>,
    /// Why it does not allow others, by node.
    reasons: BTreeMap<String, Vec<String>>,
    /// Devices of the node that the guest uses.
    devices: Vec<String>,
    /// Mapped devices that a running guest can't take along.
    mapped: Vec<String>,
    /// Volumes that only its node has, by what keeps them from being moved.
    local: Vec<LocalVolume>,
    /// The guest with its disks, for a container, of which Proxmox does not list the local ones.
    disks: Option<Guest>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct LocalVolume {
    key: String,
    volume: String,
    cdrom: bool,
}

/// How a guest gets to a node, where nothing is in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passage {
    /// It has disks that are copied, as a whole or since the last replication.
    pub(super) copies_disks: bool,
}

impl Preconditions {
    /// Asks for those of many guests at once.
    pub(super) async fn of_all(run: &Run<'_>, guests: Vec<Guest>) -> Vec<(Guest, Result<Self, Failure>)> {
        let read = guests.into_iter().map(|guest| async move {
            let preconditions = Self::read(run, &guest).await;
            (guest, preconditions)
        });
        stream::iter(read.collect::<Vec<_>>()).buffered(AT_ONCE).collect().await
    }

    /// Asks for them.
    ///
    /// # Errors
    /// What the requests meet, such as a node that does not respond in time.
    pub(super) async fn read(run: &Run<'_>, guest: &Guest) -> Result<Self, Failure> {
        let (kind, vmid) = (guest.kind(), guest.vmid.to_string());
        let call = run.call().at_most(ANSWER_TIMEOUT);
        let failed = |error| explain(&guest.sid, &error);
        let at = path(["nodes", &guest.node, kind, &vmid, "migrate"]);
        let mut read = match run.client().get::<Json>(&at, &call).await {
            Ok(answer) => Self::parse(&answer),
            // Before Proxmox VE 9 there is no such call for containers.
            Err(error) if error.kind() == ErrorKind::NotImplemented => {
                Self { running: guest.running, ..Self::default() }
            }
            Err(error) => return Err(failed(error)),
        };
        if kind == "lxc" {
            let config: Json =
                run.client().get(&path(["nodes", &guest.node, kind, &vmid, "config"]), &call).await.map_err(failed)?;
            read.disks = Some(Guest { volumes: Volumes::from_config(&config), ..guest.clone() });
        }
        Ok(read)
    }

    fn parse(answer: &Json) -> Self {
        // VMs have underscores, containers dashes.
        let member = |name: &str| match &answer[name] {
            Json::Null => &answer[name.replace('_', "-")],
            found => found,
        };
        let names = |json: &Json| -> Vec<String> {
            json.as_array().into_iter().flatten().filter_map(|name| Some(name.as_str()?.to_owned())).collect()
        };
        let refused = member("not_allowed_nodes").as_object().into_iter().flatten();
        let reasons = refused.map(|(node, why)| (node.clone(), reasons(why))).filter(|(_, why)| !why.is_empty());
        let local = answer["local_disks"].as_array().into_iter().flatten().filter_map(LocalVolume::parse);
        let info = answer["mapped-resource-info"].as_object().into_iter().flatten();
        let fixed = info.filter(|(_, info)| !Entry(info).flag("live-migration").unwrap_or(false));
        let mapped = fixed.map(|(key, info)| format!("{key} ({})", info["name"].as_str().unwrap_or("unknown")));
        Self {
            running: Entry(answer).flag("running").unwrap_or(false),
            allowed: member("allowed_nodes").as_array().map(|_| names(member("allowed_nodes")).into_iter().collect()),
            reasons: reasons.collect(),
            devices: names(&answer["local_resources"]),
            mapped: mapped.collect(),
            local: local.collect(),
            disks: None,
        }
    }

    /// Whether the guest may go to `node`, or why not, a sentence part each. `copies` says whether disks that the node does not have may
    /// be copied as a whole.
    pub(super) fn passage(
        &self,
        guest: &Guest,
        node: &str,
        live: &SimulatedCluster,
        copies: bool,
    ) -> Result<Passage, Vec<String>> {
        let mut problems = Vec::new();
        if !self.devices.is_empty() {
            problems.push(format!("it uses devices of {}: {}", guest.node, self.devices.join(", ")));
        }
        if self.running && !self.mapped.is_empty() {
            problems.push(format!("it runs with mapped devices that it can't take along: {}", self.mapped.join(", ")));
        }
        if let Some(reasons) = self.reasons.get(node) {
            problems.extend(reasons.iter().cloned());
        } else if self.allowed.as_ref().is_some_and(|allowed| !allowed.contains(node)) {
            problems.push(format!("Proxmox does not allow {node}"));
        }
        let targets: Vec<&str> = live
            .replicas
            .iter()
            .flatten()
            .filter(|replica| replica.guest == guest.vmid)
            .map(|replica| replica.target.as_str())
            .collect();
        let is_replicated_there = targets.contains(&node);
        if self.running && guest.kind() == "qemu" && !targets.is_empty() && !is_replicated_there {
            problems.push(format!("it is replicated, and runs: it can move only to {}", targets.join(", ")));
        }
        for cd in self.local.iter().filter(|volume| volume.cdrom) {
            problems.push(format!("{} has the CD image {}, which only {} has", cd.key, cd.volume, guest.node));
        }
        let mut copies_disks = false;
        for volume in self.local.iter().filter(|volume| !volume.cdrom) {
            copies_disks = true;
            if !is_replicated_there && !copies {
                problems.push(format!("{} ({}) is on storage that only {} has", volume.key, volume.volume, guest.node));
            }
        }
        if let Some(with_disks) = &self.disks {
            let disk: Disk = usable_on(live, with_disks, node);
            if !disk.is_usable() {
                copies_disks = true;
                problems.extend(if copies { copied(with_disks, node, live) } else { vec![disk.detail] });
            }
        }
        if problems.is_empty() { Ok(Passage { copies_disks }) } else { Err(problems) }
    }
}

/// What keeps the volumes of a container from being copied to `node`, a sentence part each.
fn copied(container: &Guest, node: &str, live: &SimulatedCluster) -> Vec<String> {
    let volumes = match &container.volumes {
        Volumes::Known(volumes) => volumes,
        Volumes::Unknown(why) => return vec![format!("its disks are unknown: {why}")],
    };
    let storage = |name: &str| live.storages.iter().flatten().find(|storage| storage.id == name);
    let problem = |volume: &Volume| {
        let (key, source) = (&volume.key, &volume.source);
        let Some(name) = volume.storage() else {
            return Some(format!("{key} is a path of {}: {source}", container.node));
        };
        match storage(name) {
            None => Some(format!("{key} is on storage {name}, which can't be read")),
            Some(storage) if !storage.is_active_on(node) => {
                Some(format!("{key} is on storage {name}, which is not available on {node}"))
            }
            Some(_) => None,
        }
    };
    volumes.iter().filter(|volume| !volume.vouched).filter_map(problem).collect()
}

impl LocalVolume {
    fn parse(entry: &Json) -> Option<Self> {
        let row = Entry(entry);
        let is = |name: &str| row.flag(name).unwrap_or(false);
        // Cloud-init's disk is made anew on the target.
        if is("shared") || is("is_cloudinit") {
            return None;
        }
        let volume = row.text("volid")?;
        let key = row.text("drivename").unwrap_or_else(|| "a disk".to_owned());
        Some(Self { key, volume, cdrom: is("cdrom") })
    }
}

/// Why Proxmox does not allow a node.
fn reasons(why: &Json) -> Vec<String> {
    let mut reasons = Vec::new();
    let mut list = |names: [&str; 2], words: &str| {
        let found = names.iter().find_map(|name| why[*name].as_array());
        let names: Vec<&str> = found.into_iter().flatten().filter_map(Json::as_str).collect();
        if !names.is_empty() {
            reasons.push(format!("{words}: {}", names.join(", ")));
        }
    };
    list(["unavailable_storages", "unavailable-storages"], "the node does not have the storage");
    list(["unavailable-resources", "unavailable_resources"], "the node does not have the mapped device");
    for blocker in why["blocking-ha-resources"].as_array().into_iter().flatten() {
        let text = |name: &str| blocker[name].as_str().unwrap_or("unknown").to_owned();
        reasons.push(format!("{} blocks it ({})", text("sid"), text("cause")));
    }
    reasons
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::simulation::testing::{Cluster, replica};
    use super::*;

    fn cluster() -> SimulatedCluster {
        let mut cluster = Cluster::of(3);
        cluster.service(100, 1).disk(100, "scsi0", "zfs");
        cluster.replicas.push(replica(100, "pve2", Some(60)));
        cluster.live()
    }

    fn vm(more: &Json) -> Preconditions {
        let mut answer = json!({"running": 1, "allowed_nodes": ["pve2", "pve3"],
            "not_allowed_nodes": {"pve2": {}, "pve3": {}}, "local_disks": [], "local_resources": []});
        answer.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Preconditions::parse(&answer)
    }

    fn problems(preconditions: &Preconditions, node: &str, copies: bool) -> Vec<String> {
        let mut live = cluster();
        live.replicas = live.replicas.filter(|_| !preconditions.local.is_empty());
        let guest = live.guests["vm:100"].clone();
        preconditions.passage(&guest, node, &live, copies).err().unwrap_or_default()
    }

    #[test]
    fn a_node_that_is_listed_as_not_allowed_without_a_reason_is_allowed() {
        assert!(problems(&vm(&json!({})), "pve2", false).is_empty());
    }

    #[test]
    fn each_reason_is_named() {
        let blocked = vm(&json!({"allowed_nodes": ["pve3"], "not_allowed_nodes": {"pve2": {
            "unavailable_storages": ["nfs"], "unavailable-resources": ["gpu"],
            "blocking-ha-resources": [{"sid": "vm:103", "cause": "resource-affinity"}]}}}));
        assert_eq!(
            problems(&blocked, "pve2", true),
            [
                "the node does not have the storage: nfs",
                "the node does not have the mapped device: gpu",
                "vm:103 blocks it (resource-affinity)"
            ]
        );
        assert_eq!(problems(&blocked, "pve4", true), ["Proxmox does not allow pve4"]);
        let device = vm(&json!({"local_resources": ["hostpci0"]}));
        assert_eq!(problems(&device, "pve2", true), ["it uses devices of pve1: hostpci0"]);
    }

    #[test]
    fn local_disks_go_where_they_are_replicated_or_copied() {
        let local = vm(&json!({"local_disks": [{"volid": "zfs:vm-100-disk-0", "drivename": "scsi0", "cdrom": 0}]}));
        assert!(problems(&local, "pve2", false).is_empty());
        let elsewhere = problems(&local, "pve3", false);
        assert_eq!(elsewhere[0], "it is replicated, and runs: it can move only to pve2");
        assert_eq!(elsewhere[1], "scsi0 (zfs:vm-100-disk-0) is on storage that only pve1 has");
        assert_eq!(problems(&local, "pve3", true).len(), 1, "replication is left");
        let cd = vm(&json!({"local_disks": [{"volid": "local:iso/x.iso", "drivename": "ide2", "cdrom": 1}]}));
        assert_eq!(problems(&cd, "pve2", true), ["ide2 has the CD image local:iso/x.iso, which only pve1 has"]);
    }

    #[test]
    fn mapped_devices_keep_a_running_vm_that_cannot_take_them_along() {
        let info = json!({"hostpci0": {"name": "gpu"}, "hostpci1": {"name": "nic", "live-migration": 1}});
        let mapped = vm(&json!({"mapped-resource-info": info}));
        assert_eq!(
            problems(&mapped, "pve2", true),
            ["it runs with mapped devices that it can't take along: hostpci0 (gpu)"]
        );
        let stopped = vm(&json!({"running": 0, "mapped-resource-info": info}));
        assert!(problems(&stopped, "pve2", true).is_empty());
    }

    #[test]
    fn volumes_of_a_container_are_copied_only_to_where_their_storage_is() {
        let mut live = cluster();
        live.replicas = None;
        let moved = |live: &SimulatedCluster, config: &Json, copies| {
            let guest = Guest {
                volumes: Volumes::from_config(config),
                sid: "ct:101".to_owned(),
                ..live.guests["vm:100"].clone()
            };
            let read = Preconditions { disks: Some(guest.clone()), ..Preconditions::default() };
            read.passage(&guest, "pve2", live, copies)
        };
        let local = json!({"rootfs": "zfs:subvol-101-disk-0,size=8G"});
        assert_eq!(moved(&live, &local, true), Ok(Passage { copies_disks: true }));
        assert!(moved(&live, &local, false).is_err());
        let bound = json!({"rootfs": "nfs:101/vm-101-disk-0.raw", "mp0": "/srv/data,mp=/data"});
        assert_eq!(moved(&live, &bound, true), Err(vec!["mp0 is a path of pve1: /srv/data".to_owned()]));
        let everywhere = json!({"rootfs": "nfs:101/vm-101-disk-0.raw", "mp0": "/srv/data,mp=/data,shared=1"});
        assert_eq!(moved(&live, &everywhere, true), Ok(Passage { copies_disks: false }));
        live.storages.iter_mut().flatten().for_each(|storage| storage.nodes = Some(vec!["pve1".to_owned()]));
        assert_eq!(
            moved(&live, &local, true),
            Err(vec!["rootfs is on storage zfs, which is not available on pve2".to_owned()])
        );
    }

    #[test]
    fn containers_write_their_keys_with_dashes() {
        let container = Preconditions::parse(&json!({"running": 0, "allowed-nodes": ["pve3"],
            "not-allowed-nodes": {"pve2": {"blocking-ha-resources": [{"sid": "vm:1", "cause": "node-affinity"}]}}}));
        assert!(!container.running);
        assert_eq!(problems(&container, "pve2", true), ["vm:1 blocks it (node-affinity)"]);
    }
}
