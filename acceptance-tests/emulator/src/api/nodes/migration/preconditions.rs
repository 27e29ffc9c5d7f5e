//! `GET …/migrate`: what is known beforehand of a move. The keys of a VM have underscores, those of a container dashes.

use serde_json::{Map, Value, json};

use super::devices::Devices;
use super::disks::Disk;
use super::{array, find, others};
use crate::api::ha;
use crate::error::ApiResult;
use crate::route::Call;
use crate::world::{Guest, GuestKind, Pve, World};

/// The answer for a VM.
pub(super) fn of_vm(call: &mut Call<'_>) -> ApiResult {
    let guest = find(call, GuestKind::Qemu)?;
    let world = &*call.world;
    let disks = Disk::of(guest);
    let devices = Devices::of(world, guest);
    let motion = Motion::of(call, guest);
    let mut shown = Map::new();
    shown.insert("running".to_owned(), json!(u8::from(guest.is_running())));
    shown.insert("local_resources".to_owned(), array(devices.local.iter().map(String::as_str)));
    shown.insert("mapped-resources".to_owned(), array(devices.mapped.keys().map(String::as_str)));
    shown.insert("mapped-resource-info".to_owned(), mapping_info(&devices));
    let local = disks.iter().filter(|disk| disk.is_local(world)).map(|disk| local_disk(disk));
    shown.insert("local_disks".to_owned(), local.collect());
    let v9 = world.profile.pve >= Pve::V9;
    if v9 {
        shown.insert("has-dbus-vmstate".to_owned(), json!(1));
    }
    // PVE 8 has the nodes of a VM that is off only.
    if v9 || !guest.is_running() {
        let (mut allowed, mut not_allowed) = (Vec::new(), Map::new());
        for node in others(call, &guest.node) {
            let mut why = Map::new();
            let missing = devices.missing_on(node);
            let storages = if guest.is_running() { Vec::new() } else { unavailable(world, &disks, node) };
            if !missing.is_empty() {
                why.insert("unavailable-resources".to_owned(), array(missing));
            }
            if !storages.is_empty() {
                why.insert("unavailable_storages".to_owned(), array(storages));
            }
            motion.add_blockers(&mut why, node);
            if why.is_empty() {
                allowed.push(node);
            }
            not_allowed.insert(node.to_owned(), Value::Object(why));
        }
        shown.insert("allowed_nodes".to_owned(), array(allowed));
        shown.insert("not_allowed_nodes".to_owned(), Value::Object(not_allowed));
    }
    if let Some(dependents) = motion.dependents {
        shown.insert("dependent-ha-resources".to_owned(), array(dependents));
    }
    Ok(Value::Object(shown))
}

/// The answer for a container.
pub(super) fn of_container(call: &mut Call<'_>) -> ApiResult {
    let guest = find(call, GuestKind::Lxc)?;
    let motion = Motion::of(call, guest);
    let (mut allowed, mut not_allowed) = (Vec::new(), Map::new());
    for node in others(call, &guest.node) {
        let mut why = Map::new();
        motion.add_blockers(&mut why, node);
        if why.is_empty() {
            allowed.push(node);
        } else {
            not_allowed.insert(node.to_owned(), Value::Object(why));
        }
    }
    let mut shown = Map::new();
    shown.insert("running".to_owned(), json!(u8::from(guest.is_running())));
    shown.insert("allowed-nodes".to_owned(), array(allowed));
    shown.insert("not-allowed-nodes".to_owned(), Value::Object(not_allowed));
    if let Some(dependents) = motion.dependents {
        shown.insert("dependent-ha-resources".to_owned(), array(dependents));
    }
    Ok(Value::Object(shown))
}

/// `get_resource_motion_info`: what the HA manager says of a move.
struct Motion {
    /// The resources that come along; only an HA resource has such a list.
    dependents: Option<Vec<String>>,
    /// By node.
    blockers: Map<String, Value>,
}

impl Motion {
    fn of(call: &Call<'_>, guest: &Guest) -> Self {
        let sid = guest.sid();
        if call.world.profile.pve < Pve::V9 || !ha::is_managed(call.world, &sid) {
            return Self { dependents: None, blockers: Map::new() };
        }
        let (mut dependents, mut blockers) = (Vec::new(), Map::new());
        for node in others(call, &guest.node) {
            let met = ha::commands::met(call.world, &sid, node);
            dependents.extend(met.companions);
            if !met.blockers.is_empty() {
                blockers.insert(node.to_owned(), Value::Array(met.blockers));
            }
        }
        dependents.sort_unstable();
        dependents.dedup();
        Self { dependents: Some(dependents), blockers }
    }

    fn add_blockers(&self, why: &mut Map<String, Value>, node: &str) {
        if let Some(blockers) = self.blockers.get(node) {
            why.insert("blocking-ha-resources".to_owned(), blockers.clone());
        }
    }
}

fn mapping_info(devices: &Devices) -> Value {
    let info = devices.mapped.iter().map(|(key, mapped)| {
        let mut info = json!({"name": mapped.mapping});
        if mapped.is_migratable {
            info["live-migration"] = json!(1);
        }
        (key.clone(), info)
    });
    Value::Object(info.collect())
}

fn local_disk(disk: &Disk<'_>) -> Value {
    let flag = |is: bool| json!(u8::from(is));
    let mut shown = json!({
        "drivename": disk.drive, "volid": disk.volume, "cdrom": flag(disk.is_cdrom()),
        "is_cloudinit": flag(disk.is_cloudinit()), "is_unused": flag(disk.is_unused()),
        "is_attached": flag(!disk.is_unused()), "is_tpmstate": flag(disk.drive.starts_with("tpmstate")),
        "is_vmstate": 0, "replicate": flag(!disk.has("replicate=0")), "shared": 0,
    });
    if let Some(size) = disk.size {
        shown["size"] = json!(size);
    }
    shown
}

/// The storages of a VM that a node does not have.
fn unavailable<'g>(world: &World, disks: &[Disk<'g>], node: &str) -> Vec<&'g str> {
    let usable = |id: &str| {
        let found = world.storage(id);
        found.is_some_and(|storage| storage.is_on(node) && storage.option("disable").is_none_or(|flag| flag == "0"))
    };
    let mut missing: Vec<&str> = disks.iter().filter_map(Disk::storage).filter(|id| !usable(id)).collect();
    missing.sort_unstable();
    missing.dedup();
    missing
}
