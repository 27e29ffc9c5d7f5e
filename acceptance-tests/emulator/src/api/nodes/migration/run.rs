//! A migration: what is refused at once, what its task finds in its way, and how long it takes.

use super::devices::Devices;
use super::disks::Disk;
use super::report::{Aborted, Report};
use crate::api::{ha, replication};
use crate::error::{ApiError, ApiResult};
use crate::world::tasks::{Effect, Move, NewTask};
use crate::world::{Guest, GuestKind, World};

const GIB: u64 = 1 << 30;
/// What every migration takes.
const SECONDS: i64 = 4;
/// How much of a disk is copied in a second.
const DISK_PER_SECOND: u64 = 4 * GIB;
/// How long it takes until a node that is off is given up.
const UNREACHABLE: i64 = 3;

/// A migration as a client wishes it.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    pub(crate) vmid: u32,
    pub(crate) target: String,
    pub(crate) online: bool,
    /// Containers: whether it may be stopped, and started on the target.
    pub(crate) restart: bool,
    pub(crate) force: bool,
    pub(crate) with_local_disks: bool,
    /// Where the disks go, if not to a storage of the same name.
    pub(crate) storage: Option<String>,
}

/// Starts a migration; its task.
///
/// # Errors
/// What the API refuses at once.
pub(crate) fn start(world: &mut World, wish: &Wish, user: &str) -> ApiResult<String> {
    let Some(guest) = world.guests.get(&wish.vmid).cloned() else {
        return Err(ApiError::die(format!("no such guest '{}'", wish.vmid)));
    };
    if wish.target == guest.node {
        return Err(ApiError::param("target", "target is local node."));
    }
    world.check_quorum()?;
    if !world.nodes.contains_key(&wish.target) {
        return Err(ApiError::die(format!("no such cluster node '{}'", wish.target)));
    }
    world.check_guest_lock(wish.vmid).map_err(ApiError::die)?;
    refuse(world, &guest, wish).map_err(ApiError::die)?;
    let (label, id, now) = (guest.kind.label(), wish.vmid.to_string(), world.now());
    let node = guest.node.as_str();
    if ha::is_managed(world, &guest.sid()) {
        let log = vec![format!("Requesting HA migration for {label} {id} to node {}", wish.target)];
        let effect = Effect::Command(format!("migrate {} {}", guest.sid(), wish.target));
        return Ok(world.start_task(NewTask { node, kind: "hamigrate", id: &id, user, seconds: 1, log, effect }));
    }
    let mut report = Report::new(now);
    let plan = plan(world, &guest, wish, &mut report, now);
    let (seconds, effect) = match plan {
        Ok(seconds) => {
            let restart = guest.kind == GuestKind::Lxc && guest.is_running();
            if restart {
                world.stop_guest(wish.vmid);
            }
            (seconds, Effect::Migrate(Move { vmid: wish.vmid, target: wish.target.clone(), restart }))
        }
        Err((seconds, why)) => (seconds, Effect::FailMove(why)),
    };
    let kind = if guest.kind == GuestKind::Qemu { "qmigrate" } else { "vzmigrate" };
    Ok(world.start_task(NewTask { node, kind, id: &id, user, seconds, log: report.lines, effect }))
}

/// What is found out before the task.
fn refuse(world: &World, guest: &Guest, wish: &Wish) -> Result<(), String> {
    if guest.kind == GuestKind::Lxc {
        if guest.is_running() && !wish.online && !wish.restart {
            return Err("can't migrate running container without --online or --restart".to_owned());
        }
        return Ok(());
    }
    if guest.is_running() {
        if !wish.online {
            return Err("can't migrate running VM without --online".to_owned());
        }
        let targets = replication::guests::targets_of(world, guest.vmid);
        if !wish.force && !targets.is_empty() && !targets.contains(&wish.target) {
            return Err(format!(
                "Cannot live-migrate replicated VM to node '{}' - not a replication target. Use 'force' to override.",
                wish.target
            ));
        }
    }
    check_storages(world, guest, wish)
}

/// `check_storage_availability`: whether source and target have every storage of the guest.
fn check_storages(world: &World, guest: &Guest, wish: &Wish) -> Result<(), String> {
    for storage in Disk::of(guest).iter().filter_map(Disk::storage) {
        let there = wish.storage.as_deref().unwrap_or(storage);
        enabled(world, storage, &guest.node)?;
        enabled(world, there, &wish.target)?;
    }
    Ok(())
}

/// `storage_check_enabled`
fn enabled(world: &World, id: &str, node: &str) -> Result<(), String> {
    let Some(storage) = world.storage(id) else { return Err(format!("storage '{id}' does not exist")) };
    if storage.option("disable").is_some_and(|flag| flag != "0") {
        return Err(format!("storage '{id}' is disabled"));
    }
    if !storage.is_on(node) {
        return Err(format!("storage '{id}' is not available on node '{node}'"));
    }
    Ok(())
}

/// Looks at what a task finds: how long it takes, or after how long it fails of what.
fn plan(world: &World, guest: &Guest, wish: &Wish, report: &mut Report, now: i64) -> Result<i64, (i64, Aborted)> {
    let early = |seconds: i64, text: String| Err((seconds, Aborted::Early(text)));
    let (label, vmid, target) = (guest.kind.label(), guest.vmid, &wish.target);
    let runs = guest.is_running();
    if !runs && wish.online && guest.kind == GuestKind::Qemu {
        report.lines.push("VM isn't running. Doing offline migration instead.".to_owned());
    }
    if runs && guest.kind == GuestKind::Lxc {
        if !wish.restart {
            return early(1, "lxc live migration is currently not implemented".to_owned());
        }
        report.add(now, &format!("shutdown CT {vmid}"));
    }
    let address = world.nodes.get(target).map_or("", |node| node.address.as_str());
    report.add(now, &format!("starting migration of {label} {vmid} to node '{target}' ({address})"));
    if !world.is_up(target) {
        report.lines.push(format!("# /usr/bin/ssh -e none -o 'HostKeyAlias={target}' root@{address} /bin/true"));
        report.lines.push(format!("ssh: connect to host {address} port 22: No route to host"));
        return early(UNREACHABLE, "Can't connect to destination address using public key".to_owned());
    }
    devices(world, guest, target).map_err(|text| (1, Aborted::Early(text)))?;
    let copied = if world.silent_guests { 0 } else { copy(world, guest, wish, report, now)? };
    let memory = if runs && guest.kind == GuestKind::Qemu { guest.memory.div_ceil(1024 * 16) } else { 0 };
    let seconds = copied.div_ceil(DISK_PER_SECOND) + memory;
    Ok(SECONDS + i64::try_from(seconds).unwrap_or(i64::MAX / 2))
}

/// What prevents a move by the local manager, which asks for all that can be asked for.
///
/// # Errors
/// Why its task fails.
pub(crate) fn check_for_manager(world: &World, guest: &Guest, target: &str) -> Result<(), Aborted> {
    let wish = Wish {
        vmid: guest.vmid,
        target: target.to_owned(),
        online: true,
        restart: true,
        force: false,
        with_local_disks: true,
        storage: None,
    };
    check_storages(world, guest, &wish).and_then(|()| devices(world, guest, target)).map_err(Aborted::Early)
}

/// Devices that tie a guest to its node.
fn devices(world: &World, guest: &Guest, target: &str) -> Result<(), String> {
    let devices = Devices::of(world, guest);
    if !devices.local.is_empty() {
        return Err(format!("can't migrate VM which uses local devices: {}", devices.local.join(", ")));
    }
    let stuck: Vec<&str> =
        devices.mapped.iter().filter(|(_, mapped)| !mapped.is_migratable).map(|(key, _)| key.as_str()).collect();
    if guest.is_running() && !stuck.is_empty() {
        return Err(format!("can't migrate running VM which uses mapped devices: {}", stuck.join(", ")));
    }
    let missing = devices.missing_on(target);
    if missing.is_empty() {
        Ok(())
    } else {
        Err(format!("can't migrate to '{target}': missing mapped devices {}", missing.join(", ")))
    }
}

/// The bytes of disks that are to be copied.
fn copy(world: &World, guest: &Guest, wish: &Wish, report: &mut Report, now: i64) -> Result<u64, (i64, Aborted)> {
    let early = |text: String| Err((1, Aborted::Early(text)));
    if guest.kind == GuestKind::Lxc {
        check_storages(world, guest, wish).map_err(|text| (1, Aborted::Early(text)))?;
    }
    let replicated = replication::guests::targets_of(world, guest.vmid).contains(&wish.target);
    let mut bytes = 0;
    for disk in Disk::of(guest) {
        if let Some(storage) = disk.storage() {
            let there = wish.storage.as_deref().unwrap_or(storage);
            let lost = [(storage, &guest.node), (there, &wish.target)];
            if let Some((id, _)) = lost.into_iter().find(|(id, node)| world.is_offline(id, node)) {
                return early(format!("storage '{id}' is not online"));
            }
        }
        if !disk.is_local(world) {
            continue;
        }
        let how = if replicated { "local, replicated" } else { "local" };
        let what = if disk.is_unused() { "unused" } else { "attached" };
        let volume = disk.volume;
        report.add(now, &format!("found {how} disk '{volume}' ({what})"));
        let why = match guest.kind {
            GuestKind::Lxc if disk.storage().is_none() => {
                return early(format!("cannot migrate local bind mount point '{}'", disk.drive));
            }
            _ if disk.is_cdrom() => Some("local cdrom image"),
            _ if disk.storage().is_none() => Some("local file/device"),
            _ => None,
        };
        if let Some(why) = why {
            report.add(now, &format!("can't migrate local disk '{volume}': {why}"));
            return early("Problem found while scanning volumes - can't migrate VM - check log".to_owned());
        }
        if guest.kind == GuestKind::Qemu && guest.is_running() && !wish.with_local_disks && !disk.is_unused() {
            let why = "can't live migrate attached local disks without with-local-disks option";
            return early(format!("Problem found while scanning volumes - {why}"));
        }
        if !replicated {
            bytes += disk.size.unwrap_or(0);
        }
    }
    if bytes > 0 {
        report.add(now, "copying local disk images");
    }
    if guest.is_running() && guest.kind == GuestKind::Qemu {
        report.add(now, &format!("starting VM {} on remote node '{}'", guest.vmid, wish.target));
        report.add(now, &format!("starting online/live migration on unix:/run/qemu-server/{}.migrate", guest.vmid));
    }
    Ok(bytes)
}
