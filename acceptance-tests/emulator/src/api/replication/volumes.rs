//! Whether a guest's disks can be replicated at all (`get_replicatable_volumes`).

use crate::world::World;

/// Refuses a guest whose disks can't be replicated; those on shared storage needn't be.
///
/// # Errors
/// In the words of the guest's configuration class.
pub(super) fn check(world: &World, vmid: u32) -> Result<(), String> {
    let Some(guest) = world.guests.get(&vmid) else { return Ok(()) };
    let mut found = false;
    for (_, line) in guest.volumes() {
        let volume = line.split(',').next().unwrap_or_default();
        let has = |option: &str| line.split(',').skip(1).any(|part| part == option);
        if volume == "none" || has("media=cdrom") || has("replicate=0") {
            continue;
        }
        if volume.starts_with('/') {
            return Err(format!("unable to replicate local file/device '{volume}'"));
        }
        let Some((storage, _)) = volume.split_once(':') else { continue };
        let Some(storage) = world.storage(storage) else {
            return Err(format!("storage '{storage}' does not exist"));
        };
        if storage.is_shared() {
            continue;
        }
        if !storage.can_replicate() {
            return Err(format!("missing replicate feature on volume '{volume}'"));
        }
        found = true;
    }
    if found { Ok(()) } else { Err("No replicatable volumes found".to_owned()) }
}
