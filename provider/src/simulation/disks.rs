//! Checks that a guest's disks are available when it starts on another node.

use pve_schemas::data::failover_simulation::DiskState;

use super::live::{Guest, SimulatedCluster, Storage, Volume, Volumes};
use super::replicas::{Replica, ReplicaState};

/// The disks of a guest, seen from a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disk {
    /// Whether they are there.
    pub status: DiskState,
    pub detail: String,
}

impl Disk {
    /// Whether the guest can start with it.
    pub fn is_usable(&self) -> bool {
        !matches!(self.status, DiskState::Missing | DiskState::Unknown)
    }

    pub(super) fn new(status: DiskState, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into() }
    }
}

/// Whether the disks of the HA resource `sid` are usable on `node` after it was recovered there; none where it has no guest.
pub fn of_service(live: &SimulatedCluster, sid: &str, node: &str) -> Option<Disk> {
    if live.hidden.services.contains(sid) {
        return Some(Disk::new(DiskState::Unknown, "its disks are unknown: the user has no VM.Audit on the guest"));
    }
    live.guests.get(sid).map(|guest| usable_on(live, guest, node))
}

/// Whether the disks of `guest` are usable on `node` after the guest was recovered there.
pub fn usable_on(live: &SimulatedCluster, guest: &Guest, node: &str) -> Disk {
    let volumes = match &guest.volumes {
        Volumes::Known(volumes) => volumes,
        Volumes::Unknown(why) => return Disk::new(DiskState::Unknown, format!("its disks are unknown: {why}")),
    };
    let disks: Vec<&Volume> = volumes.iter().filter(|volume| !volume.cdrom && !volume.vouched).collect();
    if disks.is_empty() {
        return Disk::new(DiskState::None, "it has no disks of its own");
    }
    let Some(storages) = &live.storages else { return Disk::new(DiskState::Unknown, "the storages can't be read") };
    let mut local = Vec::new();
    for volume in disks {
        let Some(name) = volume.storage() else {
            return Disk::new(DiskState::Missing, format!("{} is a path of its node: {}", volume.key, volume.source));
        };
        match storages.iter().find(|storage| storage.id == name) {
            None => {
                return Disk::new(
                    DiskState::Unknown,
                    format!("{} is on storage {name}, which can't be read", volume.key),
                );
            }
            Some(storage) if !storage.is_on(node) => {
                return Disk::new(
                    DiskState::Missing,
                    format!("{} is on storage {name}, which {node} does not have", volume.key),
                );
            }
            // What Proxmox shows of a node that doesn't report is unavailable, or old.
            Some(storage) if storage.shared && !live.is_online(node) => {
                return Disk::new(
                    DiskState::Unknown,
                    format!(
                        "{} is on storage {name}, and {node} is offline, so its access to the storage is unknown",
                        volume.key
                    ),
                );
            }
            Some(storage) if storage.shared && !storage.is_active_on(node) => {
                return Disk::new(
                    DiskState::Missing,
                    format!("{} is on storage {name}, which is not available on {node}", volume.key),
                );
            }
            Some(storage) if storage.shared => {}
            Some(storage) => local.push((volume, storage)),
        }
    }
    if local.is_empty() {
        Disk::new(DiskState::Shared, "on shared storage")
    } else {
        replica(live, guest, node, &local)
    }
}

/// What a start elsewhere may stumble on, though no disk is missing.
pub fn traps<'a>(live: &'a SimulatedCluster, sids: impl Iterator<Item = &'a String>) -> Vec<String> {
    let mut traps = Vec::new();
    for guest in sids.filter_map(|sid| live.guests.get(sid)) {
        let Volumes::Known(volumes) = &guest.volumes else { continue };
        let is_shared =
            |name: &str| live.storages.iter().flatten().any(|storage: &Storage| storage.id == name && storage.shared);
        let cds = volumes.iter().filter(|v| v.cdrom && v.storage().is_none_or(|name| !is_shared(name)));
        for cd in cds {
            traps.push(format!(
                "{} has the CD image {} inserted, which is not on shared storage: the guest starts only on nodes that \
                 have the same file",
                guest.sid, cd.source
            ));
        }
    }
    traps
}

fn replica(live: &SimulatedCluster, guest: &Guest, node: &str, local: &[(&Volume, &Storage)]) -> Disk {
    let (first, storage) = local[0];
    if let Some((volume, _)) = local.iter().find(|(volume, _)| volume.skipped) {
        return Disk::new(
            DiskState::Missing,
            format!("{} is on {}, which is not shared, and is left out of replication", volume.key, storage.id),
        );
    }
    let Some(replicas) = &live.replicas else {
        return Disk::new(
            DiskState::Unknown,
            format!("{} is on {}, which is not shared; the replication jobs can't be read", first.key, storage.id),
        );
    };
    let of_guest = |replica: &&Replica| replica.guest == guest.vmid;
    match replicas.iter().filter(of_guest).find(|replica| replica.target == node).map(|replica| &replica.state) {
        Some(ReplicaState::Copied { age, .. }) => Disk::new(DiskState::Replica, format!("replica {age}")),
        Some(ReplicaState::None) => {
            Disk::new(DiskState::Missing, format!("its replication to {node} has not succeeded yet"))
        }
        Some(ReplicaState::Unknown) => Disk::new(
            DiskState::Unknown,
            format!("only {} can report whether {node} has a replica, and it does not respond", guest.node),
        ),
        None => {
            let others: Vec<&str> = replicas.iter().filter(of_guest).map(|replica| replica.target.as_str()).collect();
            let elsewhere = if others.is_empty() { String::new() } else { format!(" (only on {})", others.join(", ")) };
            Disk::new(
                DiskState::Missing,
                format!(
                    "{} is on {}, which is not shared, and {node} has no replica{elsewhere}",
                    first.key, storage.id
                ),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Cluster, replica};
    use super::*;

    fn look(edit: impl FnOnce(&mut Cluster)) -> Disk {
        let mut cluster = Cluster::of(3);
        cluster.service(100, 1).disk(100, "scsi0", "zfs");
        edit(&mut cluster);
        let live = cluster.live();
        usable_on(&live, &live.guests["vm:100"], "pve2")
    }

    #[test]
    fn shared_replicated_or_missing() {
        assert_eq!(look(|c| c.disk(100, "scsi0", "nfs")).status, DiskState::Shared);
        assert_eq!(look(|_| ()).detail, "scsi0 is on zfs, which is not shared, and pve2 has no replica");
        let copied = look(|c| c.replicas.push(replica(100, "pve2", Some(60))));
        assert_eq!((copied.status, copied.is_usable()), (DiskState::Replica, true));
        let elsewhere = look(|c| c.replicas.push(replica(100, "pve3", Some(60))));
        assert!(elsewhere.detail.ends_with("(only on pve3)"), "{}", elsewhere.detail);
        assert_eq!(look(|c| c.replicas.push(replica(100, "pve2", None))).status, DiskState::Missing);
    }

    #[test]
    fn what_can_not_be_read_is_unknown() {
        let unread = look(|c| c.guest(100).volumes = Volumes::Unknown("node pve1 does not answer".into()));
        assert_eq!((unread.status, unread.is_usable()), (DiskState::Unknown, false));
        assert_eq!(look(|c| c.storages = None).status, DiskState::Unknown);
        let offline = look(|c| {
            c.disk(100, "scsi0", "nfs");
            c.nodes[1].online = false;
        });
        assert_eq!(offline.status, DiskState::Unknown);
    }

    #[test]
    fn a_storage_must_be_there_and_available() {
        let away = look(|c| {
            c.disk(100, "scsi0", "nfs");
            c.storages.as_mut().unwrap()[1].active.retain(|node| node != "pve2");
        });
        assert_eq!(away.status, DiskState::Missing);
        let elsewhere = look(|c| c.storages.as_mut().unwrap()[0].nodes = Some(vec!["pve1".into()]));
        assert!(elsewhere.detail.contains("which pve2 does not have"), "{}", elsewhere.detail);
    }
}
